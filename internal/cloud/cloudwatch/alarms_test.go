package cloudwatch_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/google/go-cmp/cmp"

	"github.com/slipway-ecs/slipway/internal/cloud/cloudwatch"
)

func TestAlarmsAreDescribedByNamePrefixStateAndAction(t *testing.T) {
	t.Parallel()
	still(t, cloudwatch.Options{}, func(t *testing.T, w *world) {
		for _, name := range []string{"web-5xx", "web/slow", "api", "web"} {
			in := errorsAlarm(name)
			if name == "api" {
				in.OKActions = []string{"arn:aws:sns:us-east-1:123456789012:ops"}
			}
			must[*sdk.PutMetricAlarmOutput](t)(w.PutMetricAlarm(w.ctx, in))
		}
		must[*sdk.SetAlarmStateOutput](t)(w.SetAlarmState(w.ctx, &sdk.SetAlarmStateInput{AlarmName: new("web"), StateValue: "ALARM", StateReason: new("a drill")}))
		for _, c := range []struct {
			name string
			in   sdk.DescribeAlarmsInput
			want string
		}{
			{"all", sdk.DescribeAlarmsInput{}, "api web web-5xx web/slow"},
			{"by name, some unknown", sdk.DescribeAlarmsInput{AlarmNames: []string{"web", "gone", "api"}}, "api web"},
			{"by prefix", sdk.DescribeAlarmsInput{AlarmNamePrefix: new("web")}, "web web-5xx web/slow"},
			{"by state", sdk.DescribeAlarmsInput{StateValue: "ALARM"}, "web"},
			{"by action", sdk.DescribeAlarmsInput{ActionPrefix: new("arn:aws:sns:")}, "api"},
			{"metric alarms", sdk.DescribeAlarmsInput{AlarmTypes: []types.AlarmType{"MetricAlarm"}}, "api web web-5xx web/slow"},
			{"composite alarms", sdk.DescribeAlarmsInput{AlarmTypes: []types.AlarmType{"CompositeAlarm"}}, ""},
		} {
			out := must[*sdk.DescribeAlarmsOutput](t)(w.DescribeAlarms(w.ctx, &c.in))
			var got []string
			for _, a := range out.MetricAlarms {
				got = append(got, *a.AlarmName)
			}
			if strings.Join(got, " ") != c.want || out.MetricAlarms == nil || out.CompositeAlarms == nil {
				t.Errorf("%s: got %q, want %q and both lists", c.name, got, c.want)
			}
		}
		in := &sdk.DescribeAlarmsInput{MaxRecords: new(int32(3))}
		first := must[*sdk.DescribeAlarmsOutput](t)(w.DescribeAlarms(w.ctx, in))
		in.NextToken = first.NextToken
		second := must[*sdk.DescribeAlarmsOutput](t)(w.DescribeAlarms(w.ctx, in))
		if len(first.MetricAlarms) != 3 || len(second.MetricAlarms) != 1 || second.NextToken != nil {
			t.Errorf("pages of 3: got %d and %d", len(first.MetricAlarms), len(second.MetricAlarms))
		}
		forMetric := &sdk.DescribeAlarmsForMetricInput{Namespace: new("Shop"), MetricName: new("Errors"), Dimensions: errorsAlarm("").Dimensions}
		if n := len(must[*sdk.DescribeAlarmsForMetricOutput](t)(w.DescribeAlarmsForMetric(w.ctx, forMetric)).MetricAlarms); n != 4 {
			t.Errorf("alarms of the metric: got %d, want 4", n)
		}
		forMetric.Dimensions = nil
		if n := len(must[*sdk.DescribeAlarmsForMetricOutput](t)(w.DescribeAlarmsForMetric(w.ctx, forMetric)).MetricAlarms); n != 0 {
			t.Errorf("alarms of the metric without dimensions: got %d, want none", n)
		}
	})
}

func TestAnAlarmReadsBackAsItWasPut(t *testing.T) {
	t.Parallel()
	still(t, cloudwatch.Options{}, func(t *testing.T, w *world) {
		must[*sdk.PutMetricAlarmOutput](t)(w.PutMetricAlarm(w.ctx, errorsAlarm("plain")))
		a := w.alarm(t, "plain")
		if a.Unit != "" || a.DatapointsToAlarm != nil || a.TreatMissingData != nil || a.ExtendedStatistic != nil || a.AlarmDescription != nil || a.StateReasonData != nil {
			t.Errorf("members not given came back: %+v", a)
		}
		if !*a.ActionsEnabled || a.AlarmActions == nil || a.OKActions == nil || a.InsufficientDataActions == nil {
			t.Errorf("actions are not on and empty: %+v", a)
		}
		if want := "arn:aws:cloudwatch:us-east-1:123456789012:alarm:plain"; *a.AlarmArn != want {
			t.Errorf("ARN: got %s, want %s", *a.AlarmArn, want)
		}
		full := errorsAlarm("full")
		full.AlarmDescription, full.ActionsEnabled = new("d"), new(false)
		full.Statistic, full.ExtendedStatistic, full.EvaluateLowSampleCountPercentile = "", new("p99.9"), new("ignore")
		full.Unit, full.EvaluationPeriods, full.DatapointsToAlarm = types.StandardUnitCount, new(int32(3)), new(int32(2))
		full.TreatMissingData = new("notBreaching")
		full.AlarmActions = []string{"arn:aws:sns:us-east-1:123456789012:ops"}
		full.EvaluationWindow = &types.EvaluationWindowMemberWallClockWindow{Value: types.WallClockWindow{}}
		full.WarmUpConfiguration = &types.WarmUpConfiguration{WarmUpPeriodDurationInMinutes: new(int32(7))}
		must[*sdk.PutMetricAlarmOutput](t)(w.PutMetricAlarm(w.ctx, full))
		a = w.alarm(t, "full")
		got := []any{*a.AlarmDescription, *a.ActionsEnabled, *a.ExtendedStatistic, *a.EvaluateLowSampleCountPercentile, a.Unit, *a.EvaluationPeriods,
			*a.DatapointsToAlarm, *a.TreatMissingData, a.AlarmActions[0], *a.WarmUpConfiguration.WarmUpPeriodDurationInMinutes, fmt.Sprintf("%T", a.EvaluationWindow)}
		want := []any{"d", false, "p99.9", "ignore", types.StandardUnitCount, int32(3), int32(2), "notBreaching", full.AlarmActions[0], int32(7), fmt.Sprintf("%T", full.EvaluationWindow)}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		must[*sdk.EnableAlarmActionsOutput](t)(w.EnableAlarmActions(w.ctx, &sdk.EnableAlarmActionsInput{AlarmNames: []string{"full"}}))
		must[*sdk.DisableAlarmActionsOutput](t)(w.DisableAlarmActions(w.ctx, &sdk.DisableAlarmActionsInput{AlarmNames: []string{"plain"}}))
		if !*w.alarm(t, "full").ActionsEnabled || *w.alarm(t, "plain").ActionsEnabled {
			t.Error("actions are not enabled and disabled as told")
		}
	})
}

func TestDeletingOneUnknownAlarmDeletesNone(t *testing.T) {
	t.Parallel()
	still(t, cloudwatch.Options{}, func(t *testing.T, w *world) {
		for _, name := range []string{"a", "b"} {
			must[*sdk.PutMetricAlarmOutput](t)(w.PutMetricAlarm(w.ctx, errorsAlarm(name)))
		}
		_, err := w.DeleteAlarms(w.ctx, &sdk.DeleteAlarmsInput{AlarmNames: []string{"a", "gone"}})
		if got, _ := code(err); got != "ResourceNotFound" {
			t.Errorf("deleting an unknown alarm: got %v", err)
		}
		count := func() int {
			return len(must[*sdk.DescribeAlarmsOutput](t)(w.DescribeAlarms(w.ctx, &sdk.DescribeAlarmsInput{})).MetricAlarms)
		}
		if n := count(); n != 2 {
			t.Errorf("alarms left: got %d, want both", n)
		}
		must[*sdk.DeleteAlarmsOutput](t)(w.DeleteAlarms(w.ctx, &sdk.DeleteAlarmsInput{AlarmNames: []string{"a", "b", "a"}}))
		if n := count(); n != 0 {
			t.Errorf("alarms left: got %d, want none", n)
		}
	})
}

func TestHistoryOutlivesItsAlarm(t *testing.T) {
	t.Parallel()
	live(t, func(t *testing.T, w *world) {
		in := errorsAlarm("web")
		in.TreatMissingData = new("notBreaching")
		must[*sdk.PutMetricAlarmOutput](t)(w.PutMetricAlarm(w.ctx, in))
		must[*sdk.PutMetricAlarmOutput](t)(w.PutMetricAlarm(w.ctx, errorsAlarm("web\x01other")))
		time.Sleep(2 * time.Minute)
		in.Threshold = new(4.0)
		must[*sdk.PutMetricAlarmOutput](t)(w.PutMetricAlarm(w.ctx, in))
		must[*sdk.DeleteAlarmsOutput](t)(w.DeleteAlarms(w.ctx, &sdk.DeleteAlarmsInput{AlarmNames: []string{"web"}}))
		ask := &sdk.DescribeAlarmHistoryInput{AlarmName: new("web")}
		history := func() (items []types.AlarmHistoryItem, said []string) {
			items = must[*sdk.DescribeAlarmHistoryOutput](t)(w.DescribeAlarmHistory(w.ctx, ask)).AlarmHistoryItems
			for _, h := range items {
				said = append(said, string(h.HistoryItemType)+": "+*h.HistorySummary)
			}
			return items, said
		}
		_, said := history()
		want := []string{
			`ConfigurationUpdate: Alarm "web" deleted`, `ConfigurationUpdate: Alarm "web" updated`,
			"StateUpdate: Alarm updated from INSUFFICIENT_DATA to OK", `ConfigurationUpdate: Alarm "web" created`,
		}
		if diff := cmp.Diff(want, said); diff != "" {
			t.Errorf("newest first (-want +got):\n%s", diff)
		}
		ask.HistoryItemType, ask.ScanBy = types.HistoryItemTypeStateUpdate, types.ScanByTimestampAscending
		items, said := history()
		if !cmp.Equal(said, want[2:3]) {
			t.Fatalf("state updates: got %q", said)
		}
		var data struct {
			Version  string
			OldState struct{ StateValue, StateReason string }
			NewState struct {
				StateValue      string
				StateReasonData struct{ Version string }
			}
		}
		if err := json.Unmarshal([]byte(*items[0].HistoryData), &data); err != nil {
			t.Fatal(err)
		}
		if data.OldState.StateReason != "Unchecked: Initial alarm creation" || data.NewState.StateValue != "OK" || data.NewState.StateReasonData.Version != "1.0" {
			t.Errorf("history data: got %s", *items[0].HistoryData)
		}
		ask = &sdk.DescribeAlarmHistoryInput{MaxRecords: new(int32(2))}
		n, pages := 0, 0
		for {
			out := must[*sdk.DescribeAlarmHistoryOutput](t)(w.DescribeAlarmHistory(w.ctx, ask))
			n, pages = n+len(out.AlarmHistoryItems), pages+1
			if ask.NextToken = out.NextToken; ask.NextToken == nil {
				break
			}
		}
		if n != 5 || pages != 3 {
			t.Errorf("the whole history by twos: got %d items on %d pages, want 5 on 3", n, pages)
		}
	})
}

func TestHistoryOfAnAlarmThatFlapsIsBounded(t *testing.T) {
	t.Parallel()
	still(t, cloudwatch.Options{}, func(t *testing.T, w *world) {
		must[*sdk.PutMetricAlarmOutput](t)(w.PutMetricAlarm(w.ctx, errorsAlarm("web")))
		for i := range 250 {
			state := []types.StateValue{"OK", "ALARM"}[i%2]
			must[*sdk.SetAlarmStateOutput](t)(w.SetAlarmState(w.ctx, &sdk.SetAlarmStateInput{AlarmName: new("web"), StateValue: state, StateReason: new("OK -> ALARM & back")}))
		}
		n, last := 0, ""
		for ask := (&sdk.DescribeAlarmHistoryInput{}); ; {
			out := must[*sdk.DescribeAlarmHistoryOutput](t)(w.DescribeAlarmHistory(w.ctx, ask))
			n += len(out.AlarmHistoryItems)
			last = *out.AlarmHistoryItems[0].HistoryData
			if ask.NextToken = out.NextToken; ask.NextToken == nil {
				break
			}
		}
		if strings.Contains(last, `\u`) || !strings.Contains(last, "OK -> ALARM") {
			t.Errorf("history data escapes what needs no escape: %s", last)
		}
		if n != 200 {
			t.Errorf("items after 251 events: got %d, want the newest 200", n)
		}
	})
}

func TestTagsAreSetAndTakenOff(t *testing.T) {
	t.Parallel()
	still(t, cloudwatch.Options{}, func(t *testing.T, w *world) {
		must[*sdk.PutMetricAlarmOutput](t)(w.PutMetricAlarm(w.ctx, errorsAlarm("web")))
		arn := w.alarm(t, "web").AlarmArn
		must[*sdk.TagResourceOutput](t)(w.TagResource(w.ctx, &sdk.TagResourceInput{ResourceARN: arn, Tags: []types.Tag{{Key: new("a"), Value: new("1")}, {Key: new("b"), Value: new("2")}}}))
		must[*sdk.TagResourceOutput](t)(w.TagResource(w.ctx, &sdk.TagResourceInput{ResourceARN: arn, Tags: []types.Tag{{Key: new("a"), Value: new("3")}}}))
		must[*sdk.UntagResourceOutput](t)(w.UntagResource(w.ctx, &sdk.UntagResourceInput{ResourceARN: arn, TagKeys: []string{"b", "none"}}))
		tags := must[*sdk.ListTagsForResourceOutput](t)(w.ListTagsForResource(w.ctx, &sdk.ListTagsForResourceInput{ResourceARN: arn})).Tags
		if len(tags) != 1 || *tags[0].Key != "a" || *tags[0].Value != "3" {
			t.Errorf("tags: got %v, want a = 3", tags)
		}
		gone := must[*sdk.ListTagsForResourceOutput](t)(w.ListTagsForResource(w.ctx, &sdk.ListTagsForResourceInput{ResourceARN: new(*arn + "x")})).Tags
		if gone == nil || len(gone) != 0 {
			t.Errorf("tags of nothing: got %v, want an empty list", gone)
		}
	})
}

func TestAlarmsThatAreRefused(t *testing.T) {
	t.Parallel()
	still(t, cloudwatch.Options{}, func(t *testing.T, w *world) {
		put := func(change func(in *sdk.PutMetricAlarmInput)) error {
			in := errorsAlarm("web")
			change(in)
			_, err := w.PutMetricAlarm(w.ctx, in)
			return err
		}
		set := func(in sdk.SetAlarmStateInput) error {
			_, err := w.SetAlarmState(w.ctx, &in)
			return err
		}
		describe := func(in sdk.DescribeAlarmsInput) error {
			_, err := w.DescribeAlarms(w.ctx, &in)
			return err
		}
		const invalid = "ValidationException"
		detected := "1 validation error detected: "
		five := make([]string, 6)
		for i := range five {
			five[i] = "arn:aws:sns:us-east-1:123456789012:t"
		}
		type in = sdk.PutMetricAlarmInput
		for _, c := range []struct {
			err       error
			code, msg string
		}{
			{put(func(a *in) { a.AlarmName = nil }), invalid, detected + "Value null at 'alarmName' failed to satisfy constraint: Member must not be null"},
			{put(func(a *in) { a.AlarmName = new(strings.Repeat("x", 256)) }), invalid, detected + "Value '" + strings.Repeat("x", 256) + "' at 'alarmName' failed to satisfy constraint: Member must have length less than or equal to 255"},
			{put(func(a *in) { a.ComparisonOperator, a.EvaluationPeriods = "", nil }), invalid, "2 validation errors detected: Value null at 'comparisonOperator' failed to satisfy constraint: Member must not be null; Value null at 'evaluationPeriods' failed to satisfy constraint: Member must not be null"},
			{put(func(a *in) { a.EvaluationPeriods = new(int32(0)) }), invalid, detected + "Value '0' at 'evaluationPeriods' failed to satisfy constraint: Member must have value greater than or equal to 1"},
			{put(func(a *in) { a.Statistic = "Total" }), invalid, detected + "Value 'Total' at 'statistic' failed to satisfy constraint: Member must satisfy enum value set: [SampleCount, Average, Sum, Minimum, Maximum]"},
			{put(func(a *in) {
				a.Dimensions = []types.Dimension{{Name: new("Page"), Value: new("a")}, {Name: new("Page"), Value: new("b")}}
			}), "InvalidParameterValueException", "No metric may specify the same dimension name twice."},
			{put(func(a *in) { a.Period = new(int32(45)) }), invalid, "Period must be 10, 20, 30 or a multiple of 60"},
			{put(func(a *in) { a.EvaluationPeriods = new(int32(1441)) }), invalid, "Metrics cannot be checked across more than a day (EvaluationPeriods * Period must be <= 86400)."},
			{put(func(a *in) { a.Period, a.EvaluationPeriods = new(int32(3600)), new(int32(169)) }), invalid, "Metrics cannot be checked across more than seven days (EvaluationPeriods * Period must be <= 604800)."},
			{put(func(a *in) { a.DatapointsToAlarm = new(int32(2)) }), invalid, "DatapointsToAlarm must be less than or equal to EvaluationPeriods"},
			{put(func(a *in) { a.ExtendedStatistic = new("p99") }), invalid, "The parameters Statistic and ExtendedStatistic are mutually exclusive and you have specified both."},
			{put(func(a *in) { a.Statistic = "" }), invalid, "Either Statistic or ExtendedStatistic must be specified."},
			{put(func(a *in) { a.Statistic, a.ExtendedStatistic = "", new("p101") }), invalid, "The value p101 for parameter ExtendedStatistic is not supported."},
			{put(func(a *in) { a.Threshold = nil }), invalid, "Threshold must not be null"},
			{put(func(a *in) { a.Period = nil }), invalid, "Period must not be null"},
			{put(func(a *in) { a.MetricName = nil }), invalid, "MetricName must not be null"},
			{put(func(a *in) { a.Metrics = make([]types.MetricDataQuery, 1) }), invalid, "MetricName should not be set if list of Metrics is set."},
			{put(func(a *in) { a.MetricName, a.Metrics = nil, make([]types.MetricDataQuery, 1) }), invalid, "Namespace should not be set if list of Metrics is set."},
			{put(func(a *in) { a.ComparisonOperator = types.ComparisonOperatorGreaterThanUpperThreshold }), invalid, "alarms on anomaly detection are not supported by this cloud yet; use a single metric compared with a fixed threshold"},
			{put(func(a *in) { a.EvaluationCriteria = &types.EvaluationCriteriaMemberPromQLCriteria{} }), invalid, "alarms on PromQL queries are not supported by this cloud yet; use a single metric compared with a fixed threshold"},
			{put(func(a *in) { a.TreatMissingData = new("zero") }), invalid, "Option zero is not supported for TreatMissingData. Supported values are: [breaching, notBreaching, ignore, missing]"},
			{put(func(a *in) { a.EvaluateLowSampleCountPercentile = new("ignore") }), invalid, "Parameter EvaluateLowSampleCountPercentile can be specified only for alarms based on percentiles."},
			{put(func(a *in) { a.AlarmActions = []string{"ops"} }), invalid, "Invalid arn syntax: ops"},
			{put(func(a *in) { a.OKActions = five }), invalid, detected + "Value '[" + strings.Join(five, ", ") + "]' at 'oKActions' failed to satisfy constraint: Member must have length less than or equal to 5"},
			{put(func(a *in) { a.Dimensions = make([]types.Dimension, 31) }), "InvalidParameterValueException", "The collection Dimensions must not have a size greater than 30."},
			{set(sdk.SetAlarmStateInput{AlarmName: new("web"), StateValue: "INVALID", StateReason: new("")}), invalid, detected + "Value 'INVALID' at 'stateValue' failed to satisfy constraint: Member must satisfy enum value set: [INSUFFICIENT_DATA, ALARM, OK]"},
			{set(sdk.SetAlarmStateInput{AlarmName: new("gone"), StateValue: "OK", StateReason: new("")}), "ResourceNotFound", ""},
			{set(sdk.SetAlarmStateInput{AlarmName: new("gone"), StateValue: "OK", StateReason: new(""), StateReasonData: new("{")}), "InvalidFormatFault", "The parameter StateReasonData must be valid JSON."},
			{describe(sdk.DescribeAlarmsInput{MaxRecords: new(int32(101))}), invalid, detected + "Value '101' at 'maxRecords' failed to satisfy constraint: Member must have value less than or equal to 100"},
			{describe(sdk.DescribeAlarmsInput{NextToken: new("?")}), "InvalidNextToken", "The next token is invalid."},
			{describe(sdk.DescribeAlarmsInput{AlarmNames: []string{"a"}, AlarmNamePrefix: new("a")}), "InvalidParameterCombinationException", "The parameters AlarmNames and AlarmNamePrefix are mutually exclusive and you have specified both."},
		} {
			if code, msg := code(c.err); code != c.code && code != strings.TrimSuffix(c.code, "Fault") || msg != c.msg {
				t.Errorf("got  %s: %s\nwant %s: %s", code, msg, c.code, c.msg)
			}
		}
	})
}
