package cloudwatch_test

import (
	"errors"
	"regexp"
	"testing"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/google/go-cmp/cmp"

	"github.com/slipway-ecs/slipway/internal/cloud/cloudwatch"
	"github.com/slipway-ecs/slipway/internal/names"
	"github.com/slipway-ecs/slipway/internal/store"
)

var uuid = regexp.MustCompile(`[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}`)

// functions keeps what it is asked to invoke; only "f" is there.
type functions struct{ asked []string }

func (f *functions) Enqueue(_ *store.Tx, scope names.Scope, function string, payload []byte) error {
	if function != scope.ARN("lambda", "function:f") {
		return errors.New("no such function")
	}
	f.asked = append(f.asked, string(payload))
	return nil
}

func TestFunctionsThatAreActionsHearOfTheNewState(t *testing.T) {
	t.Parallel()
	f := &functions{}
	still(t, cloudwatch.Options{Functions: f}, func(t *testing.T, w *world) {
		here, gone, topic := home.ARN("lambda", "function:f"), home.ARN("lambda", "function:gone"), home.ARN("sns", "ops")
		in := errorsAlarm("a")
		in.AlarmDescription, in.Unit = new("errors"), types.StandardUnitCount
		in.AlarmActions, in.OKActions = []string{topic, here, gone}, []string{here}
		must[*sdk.PutMetricAlarmOutput](t)(w.PutMetricAlarm(w.ctx, in))
		time.Sleep(1500 * time.Millisecond)
		w.set(t, "a", types.StateValueAlarm)
		w.set(t, "a", types.StateValueAlarm) // no other state: nothing to do
		want := `{"source":"aws.cloudwatch","alarmArn":"arn:aws:cloudwatch:us-east-1:123456789012:alarm:a","accountId":"123456789012","time":"2000-01-01T00:00:01.500+0000","region":"us-east-1",` +
			`"alarmData":{"alarmName":"a","state":{"value":"ALARM","reason":"test","timestamp":"2000-01-01T00:00:01.500+0000"},` +
			`"previousState":{"value":"INSUFFICIENT_DATA","reason":"Unchecked: Initial alarm creation","timestamp":"2000-01-01T00:00:00.000+0000"},` +
			`"configuration":{"description":"errors","metrics":[{"id":"ID","metricStat":{"metric":{"namespace":"Shop","name":"Errors","dimensions":{"Service":"web"}},"period":60,"stat":"Sum","unit":"Count"},"returnData":true}]}}}`
		if len(f.asked) != 1 || uuid.ReplaceAllString(f.asked[0], "ID") != want {
			t.Errorf("events:\ngot  %q\nwant %s", f.asked, want)
		}
		history := func(name string, kinds ...types.AlarmType) (said []string) {
			in := &sdk.DescribeAlarmHistoryInput{AlarmName: &name, AlarmTypes: kinds, HistoryItemType: types.HistoryItemTypeAction, ScanBy: types.ScanByTimestampAscending}
			for _, h := range must[*sdk.DescribeAlarmHistoryOutput](t)(w.DescribeAlarmHistory(w.ctx, in)).AlarmHistoryItems {
				said = append(said, *h.HistorySummary)
			}
			return said
		}
		if diff := cmp.Diff([]string{"Successfully executed action " + here, "Failed to execute action " + gone + `. Received error: "no such function"`}, history("a")); diff != "" {
			t.Errorf("history (-want +got):\n%s", diff)
		}
		must[*sdk.DisableAlarmActionsOutput](t)(w.DisableAlarmActions(w.ctx, &sdk.DisableAlarmActionsInput{AlarmNames: []string{"a"}}))
		w.set(t, "a", types.StateValueOk)
		if n := len(f.asked); n != 1 {
			t.Errorf("with actions disabled: got %d events in all, want 1", n)
		}
	})
}

func TestASuppressorKeepsActionsOfItsCompositeBack(t *testing.T) {
	t.Parallel()
	f := &functions{}
	still(t, cloudwatch.Options{Functions: f}, func(t *testing.T, w *world) {
		for _, name := range []string{"a", "quiet"} {
			must[*sdk.PutMetricAlarmOutput](t)(w.PutMetricAlarm(w.ctx, errorsAlarm(name)))
		}
		must[*sdk.PutCompositeAlarmOutput](t)(w.PutCompositeAlarm(w.ctx, &sdk.PutCompositeAlarmInput{
			AlarmName: new("top"), AlarmRule: new("ALARM(a)"), AlarmActions: []string{home.ARN("lambda", "function:f")},
			ActionsSuppressor: new("quiet"), ActionsSuppressorWaitPeriod: new(int32(10)), ActionsSuppressorExtensionPeriod: new(int32(20)),
		}))
		w.set(t, "quiet", types.StateValueAlarm)
		w.set(t, "a", types.StateValueAlarm)
		if len(f.asked) != 0 {
			t.Errorf("while it is in ALARM: got %q", f.asked)
		}
		w.set(t, "a", types.StateValueOk)
		w.set(t, "quiet", types.StateValueOk)
		w.set(t, "a", types.StateValueAlarm)
		child := home.ARN("cloudwatch", "alarm:a")
		want := `{"source":"aws.cloudwatch","alarmArn":"arn:aws:cloudwatch:us-east-1:123456789012:alarm:top","accountId":"123456789012","time":"2000-01-01T00:00:00.000+0000","region":"us-east-1","alarmData":{"alarmName":"top",` +
			`"state":{"value":"ALARM","reason":"` + child + ` transitioned to ALARM at Saturday 01 January, 2000 00:00:00 UTC","reasonData":"{\"triggeringAlarms\":[{\"arn\":\"` + child + `\",\"state\":{\"value\":\"ALARM\",\"timestamp\":946684800000}}]}","timestamp":"2000-01-01T00:00:00.000+0000"},` +
			`"previousState":{"value":"OK","reason":"` + child + ` transitioned to OK at Saturday 01 January, 2000 00:00:00 UTC","reasonData":"{\"triggeringAlarms\":[{\"arn\":\"` + child + `\",\"state\":{\"value\":\"OK\",\"timestamp\":946684800000}}]}","timestamp":"2000-01-01T00:00:00.000+0000"},` +
			`"configuration":{"alarmRule":"ALARM(a)","actionsSuppressor":"quiet","actionsSuppressorWaitPeriod":10,"actionsSuppressorExtensionPeriod":20}}}`
		if len(f.asked) != 1 || f.asked[0] != want {
			t.Errorf("after it:\ngot  %q\nwant %s", f.asked, want)
		}
	})
}
