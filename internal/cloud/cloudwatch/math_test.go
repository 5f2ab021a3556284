package cloudwatch_test

import (
	"strings"
	"testing"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
)

func metricQuery(id, name string) types.MetricDataQuery {
	return types.MetricDataQuery{Id: &id, ReturnData: new(false), MetricStat: &types.MetricStat{
		Metric: &types.Metric{Namespace: new("Shop"), MetricName: &name}, Period: new(int32(60)), Stat: new("Sum"),
	}}
}

func expression(id, text string) types.MetricDataQuery {
	return types.MetricDataQuery{Id: &id, Expression: &text, Label: new("rate")}
}

func (w *world) sum(t *testing.T, name string, v float64) {
	t.Helper()
	must[*sdk.PutMetricDataOutput](t)(w.PutMetricData(w.ctx, &sdk.PutMetricDataInput{Namespace: new("Shop"), MetricData: []types.MetricDatum{{MetricName: &name, Value: &v}}}))
}

func TestAnAlarmOnAnExpressionFollowsItsRate(t *testing.T) {
	t.Parallel()
	live(t, func(t *testing.T, w *world) {
		queries := []types.MetricDataQuery{metricQuery("m5", "Bad"), metricQuery("m2", "Good"), expression("e", "100*m5/(m2+m5)")}
		must[*sdk.PutMetricAlarmOutput](t)(w.PutMetricAlarm(w.ctx, &sdk.PutMetricAlarmInput{
			AlarmName: new("rate"), Metrics: queries, EvaluationPeriods: new(int32(1)), Threshold: new(5.0),
			ComparisonOperator: types.ComparisonOperatorGreaterThanThreshold, TreatMissingData: new("notBreaching"),
		}))
		a := w.alarm(t, "rate")
		if len(a.Metrics) != 3 || *a.Metrics[2].Expression != "100*m5/(m2+m5)" || a.MetricName != nil || a.Period != nil {
			t.Errorf("reads back: got %+v", a)
		}
		minute := func(good, bad float64) types.MetricAlarm {
			w.sum(t, "Good", good)
			if bad > 0 {
				w.sum(t, "Bad", bad)
			}
			time.Sleep(time.Minute)
			return w.alarm(t, "rate")
		}
		time.Sleep(time.Until(time.Now().Truncate(time.Minute).Add(time.Minute + 30*time.Second)))
		if a := minute(96, 4); a.StateValue != types.StateValueOk {
			t.Errorf("at 4 %%: got %s, %q", a.StateValue, *a.StateReason)
		}
		if a := minute(92, 8); a.StateValue != types.StateValueAlarm || !strings.HasPrefix(*a.StateReason, "Threshold Crossed: 1 datapoint [8.0 (") {
			t.Errorf("at 8 %%: got %s, %q", a.StateValue, *a.StateReason)
		}
		if a := minute(100, 0); a.StateValue != types.StateValueOk {
			t.Errorf("at 0 %%: got %s, %q", a.StateValue, *a.StateReason)
		}
	})
}

func TestMetricDataComesThroughExpressions(t *testing.T) {
	t.Parallel()
	live(t, func(t *testing.T, w *world) {
		w.sum(t, "Good", 3)
		w.sum(t, "Bad", 1)
		in := sdk.GetMetricDataInput{StartTime: new(time.Now().Add(-time.Hour)), EndTime: new(time.Now().Add(time.Minute)), MetricDataQueries: []types.MetricDataQuery{
			expression("twice", "rate*2"), metricQuery("m5", "Bad"), metricQuery("m2", "Good"), expression("rate", "100*m5/SUM(METRICS())"),
		}}
		out := must[*sdk.GetMetricDataOutput](t)(w.GetMetricData(w.ctx, &in))
		if n := len(out.MetricDataResults); n != 2 {
			t.Fatalf("results: got %d", n)
		}
		for i, want := range []float64{50, 25} {
			if r := out.MetricDataResults[i]; len(r.Values) != 1 || r.Values[0] != want || *r.Label != "rate" {
				t.Errorf("%s: got %v %s, want %g", *r.Id, r.Values, *r.Label, want)
			}
		}
		for text, word := range map[string]string{"100*m9": `there is no id "m9"`, "NOPE(m5)": "not supported", "a*1": "in a circle", "SUM(m5)": "a time series is wanted"} {
			in.MetricDataQueries = []types.MetricDataQuery{metricQuery("m5", "Bad"), expression("a", text)}
			if name, message := code(second(w.GetMetricData(w.ctx, &in))); name != "ValidationException" || !strings.Contains(message, word) {
				t.Errorf("%s: got %s %q", text, name, message)
			}
		}
	})
}
