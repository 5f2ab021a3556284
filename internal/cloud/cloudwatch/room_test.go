package cloudwatch_test

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	smithy "github.com/aws/smithy-go"

	"github.com/slipway-ecs/slipway/internal/alarm"
	"github.com/slipway-ecs/slipway/internal/clock"
	"github.com/slipway-ecs/slipway/internal/cloud/cloudwatch"
	"github.com/slipway-ecs/slipway/internal/cloud/loop"
	"github.com/slipway-ecs/slipway/internal/names"
	"github.com/slipway-ecs/slipway/internal/store"
	"github.com/slipway-ecs/slipway/internal/wire"
)

var home = names.Scope{Account: "123456789012", Region: "us-east-1"}

// world is a room with its store, and a loop while live runs.
type world struct {
	*cloudwatch.Service
	store *store.Store
	ctx   context.Context
}

func newWorld(t *testing.T, o cloudwatch.Options) *world {
	t.Helper()
	w := &world{Service: cloudwatch.New(o)}
	w.ctx = wire.WithCaller(t.Context(), wire.Caller{Account: home.Account, Region: home.Region})
	var err error
	if w.store, err = store.Open(store.Options{Clock: clock.Real{}, Verify: true}, w.Tables()...); err != nil {
		t.Fatal(err)
	}
	w.Attach(w.store)
	return w
}

// live runs f in a bubble of time in which alarms are evaluated.
func live(t *testing.T, f func(t *testing.T, w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, cloudwatch.Options{})
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error)
		l := loop.New(loop.Options{Store: w.store, Tables: w.Tables(), Keepers: w.Keepers(), Log: slog.New(slog.DiscardHandler)})
		go func() { ended <- l.Run(ctx) }()
		f(t, w)
		stop()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("the loop ended with %v", err)
		}
	})
}

// must gives what a call gave, and ends the test where it failed.
func must[T any](t *testing.T) func(out T, err error) T {
	return func(out T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
}

// code gives an error's wire code and message, "" where there is none.
func code(err error) (string, string) {
	if e, ok := errors.AsType[smithy.APIError](err); ok {
		return e.ErrorCode(), e.ErrorMessage()
	}
	if err != nil {
		return "no AWS error", err.Error()
	}
	return "", ""
}

// errorsAlarm is an alarm on the sum of errors a minute, 1 of 1, at least 5.
func errorsAlarm(name string) *sdk.PutMetricAlarmInput {
	return &sdk.PutMetricAlarmInput{
		AlarmName: &name, Namespace: new("Shop"), MetricName: new("Errors"), Statistic: types.StatisticSum,
		Dimensions: []types.Dimension{{Name: new("Service"), Value: new("web")}},
		Period:     new(int32(60)), EvaluationPeriods: new(int32(1)), Threshold: new(5.0),
		ComparisonOperator: types.ComparisonOperatorGreaterThanOrEqualToThreshold,
	}
}

func (w *world) errors(t *testing.T, n float64) {
	t.Helper()
	must[*sdk.PutMetricDataOutput](t)(w.PutMetricData(w.ctx, &sdk.PutMetricDataInput{
		Namespace: new("Shop"), MetricData: []types.MetricDatum{{
			MetricName: new("Errors"), Value: &n, Unit: types.StandardUnitCount,
			Dimensions: []types.Dimension{{Name: new("Service"), Value: new("web")}},
		}},
	}))
}

func (w *world) alarm(t *testing.T, name string) types.MetricAlarm {
	t.Helper()
	out := must[*sdk.DescribeAlarmsOutput](t)(w.DescribeAlarms(w.ctx, &sdk.DescribeAlarmsInput{AlarmNames: []string{name}}))
	if len(out.MetricAlarms) != 1 {
		t.Fatalf("alarms named %q: got %d, want 1", name, len(out.MetricAlarms))
	}
	return out.MetricAlarms[0]
}

func TestAnAlarmFollowsItsMetric(t *testing.T) {
	t.Parallel()
	live(t, func(t *testing.T, w *world) {
		must[*sdk.PutMetricAlarmOutput](t)(w.PutMetricAlarm(w.ctx, errorsAlarm("web")))
		if a := w.alarm(t, "web"); a.StateValue != "INSUFFICIENT_DATA" || *a.StateReason != "Unchecked: Initial alarm creation" || a.StateReasonData != nil {
			t.Errorf("a new alarm: got %s, %q", a.StateValue, *a.StateReason)
		}
		begun := time.Now()
		w.errors(t, 2) // at 00:00
		time.Sleep(70 * time.Second)
		a := w.alarm(t, "web")
		if a.StateValue != "OK" || *a.StateReason != "Threshold Crossed: 1 datapoint [2.0 (01/01/00 00:00:00)] was not greater than or equal to the threshold (5.0)." {
			t.Errorf("after a minute with 2 errors: got %s, %q", a.StateValue, *a.StateReason)
		}
		if after := a.StateTransitionedTimestamp.Sub(begun); after != 65*time.Second {
			t.Errorf("evaluated %s after the metric's minute began, want 65 s", after)
		}
		w.errors(t, 4)
		w.errors(t, 3) // both at 00:01
		time.Sleep(time.Minute)
		a = w.alarm(t, "web")
		if want := "Threshold Crossed: 1 datapoint [7.0 (01/01/00 00:01:00)] was greater than or equal to the threshold (5.0)."; a.StateValue != "ALARM" || *a.StateReason != want {
			t.Errorf("after a minute with 7 errors: got %s, %q, want %q", a.StateValue, *a.StateReason, want)
		}
		if want := `{"version":"1.0","queryDate":"2000-01-01T00:02:05.000+0000","startDate":"2000-01-01T00:01:00.000+0000","statistic":"Sum","period":60,"recentDatapoints":[7.0],"threshold":5.0,"evaluatedDatapoints":[{"timestamp":"2000-01-01T00:01:00.000+0000","sampleCount":2.0,"value":7.0}]}`; *a.StateReasonData != want {
			t.Errorf("reason data:\ngot  %s\nwant %s", *a.StateReasonData, want)
		}
		time.Sleep(5 * time.Minute)
		if a := w.alarm(t, "web"); a.StateValue != "ALARM" {
			t.Errorf("five minutes after the last point: got %s, want ALARM, as AWS holds it", a.StateValue)
		}
		w.errors(t, 1)
		time.Sleep(time.Minute)
		if a := w.alarm(t, "web"); a.StateValue != "OK" {
			t.Errorf("after a minute with 1 error: got %s, want OK", a.StateValue)
		}
		time.Sleep(20 * time.Minute)
		if a := w.alarm(t, "web"); a.StateValue != "INSUFFICIENT_DATA" || *a.StateReason != "Insufficient Data: 1 datapoint was unknown." {
			t.Errorf("long after the last point: got %s, %q", a.StateValue, *a.StateReason)
		}
	})
}

func TestAStateThatWasSetStandsUntilTheEvaluationAfter(t *testing.T) {
	t.Parallel()
	live(t, func(t *testing.T, w *world) {
		in := errorsAlarm("web")
		in.TreatMissingData = new("notBreaching")
		must[*sdk.PutMetricAlarmOutput](t)(w.PutMetricAlarm(w.ctx, in))
		time.Sleep(2 * time.Minute)
		before := w.alarm(t, "web")
		set := &sdk.SetAlarmStateInput{AlarmName: new("web"), StateValue: "ALARM", StateReason: new("a drill"), StateReasonData: new(`{"who":"me"}`)}
		must[*sdk.SetAlarmStateOutput](t)(w.SetAlarmState(w.ctx, set))
		time.Sleep(time.Minute)
		a := w.alarm(t, "web")
		if a.StateValue != "ALARM" || *a.StateReason != "a drill" || *a.StateReasonData != `{"who":"me"}` {
			t.Errorf("a minute after it was set: got %s, %q", a.StateValue, *a.StateReason)
		}
		if !a.StateTransitionedTimestamp.After(*before.StateTransitionedTimestamp) {
			t.Error("the time of transition stands still over a transition")
		}
		must[*sdk.SetAlarmStateOutput](t)(w.SetAlarmState(w.ctx, set))
		again := w.alarm(t, "web")
		if !again.StateUpdatedTimestamp.After(*a.StateUpdatedTimestamp) || !again.StateTransitionedTimestamp.Equal(*a.StateTransitionedTimestamp) {
			t.Errorf("set again: updated %s and transitioned %s, want only the first to move", again.StateUpdatedTimestamp, again.StateTransitionedTimestamp)
		}
		time.Sleep(2*time.Minute + 5*time.Second)
		if a := w.alarm(t, "web"); a.StateValue != "OK" || !strings.HasSuffix(*a.StateReason, "1 missing datapoint was treated as [NonBreaching].") {
			t.Errorf("two minutes after it was set: got %s, %q", a.StateValue, *a.StateReason)
		}
	})
}

func TestADaemonsAbsenceRaisesNoAlarm(t *testing.T) {
	t.Parallel()
	live(t, func(t *testing.T, w *world) {
		in := errorsAlarm("web")
		in.TreatMissingData, in.EvaluationPeriods = new("breaching"), new(int32(3))
		must[*sdk.PutMetricAlarmOutput](t)(w.PutMetricAlarm(w.ctx, in))
		must[*sdk.SetAlarmStateOutput](t)(w.SetAlarmState(w.ctx, &sdk.SetAlarmStateInput{AlarmName: new("web"), StateValue: "OK", StateReason: new("before")}))
		time.Sleep(3 * time.Minute)
		if a := w.alarm(t, "web"); a.StateValue != "OK" {
			t.Errorf("three periods of which the first began before the daemon: got %s, %q, want OK", a.StateValue, *a.StateReason)
		}
		time.Sleep(time.Minute)
		if a := w.alarm(t, "web"); a.StateValue != "ALARM" {
			t.Errorf("three periods without points, all seen: got %s, %q, want ALARM", a.StateValue, *a.StateReason)
		}
	})
}

func TestAPeriodBelowAMinuteIsEvaluatedEachTenSeconds(t *testing.T) {
	t.Parallel()
	live(t, func(t *testing.T, w *world) {
		in := errorsAlarm("web")
		in.Period = new(int32(10))
		must[*sdk.PutMetricAlarmOutput](t)(w.PutMetricAlarm(w.ctx, in))
		time.Sleep(12 * time.Second)
		must[*sdk.PutMetricDataOutput](t)(w.PutMetricData(w.ctx, &sdk.PutMetricDataInput{
			Namespace: new("Shop"), MetricData: []types.MetricDatum{{
				MetricName: new("Errors"), Values: []float64{3, 4}, StorageResolution: new(int32(1)),
				Dimensions: []types.Dimension{{Name: new("Service"), Value: new("web")}},
			}},
		}))
		time.Sleep(10 * time.Second)
		if a := w.alarm(t, "web"); a.StateValue != "ALARM" {
			t.Errorf("ten seconds after the point: got %s, %q, want ALARM", a.StateValue, *a.StateReason)
		}
	})
}

func TestAReplacedAlarmKeepsItsStateAndTags(t *testing.T) {
	t.Parallel()
	live(t, func(t *testing.T, w *world) {
		in := errorsAlarm("web")
		in.Tags = []types.Tag{{Key: new("team"), Value: new("shop")}}
		in.AlarmDescription = new("too many errors")
		must[*sdk.PutMetricAlarmOutput](t)(w.PutMetricAlarm(w.ctx, in))
		must[*sdk.SetAlarmStateOutput](t)(w.SetAlarmState(w.ctx, &sdk.SetAlarmStateInput{AlarmName: new("web"), StateValue: "ALARM", StateReason: new("a drill")}))
		time.Sleep(time.Second)
		in = errorsAlarm("web")
		in.Threshold, in.Tags = new(9.0), []types.Tag{{Key: new("team"), Value: new("other")}}
		must[*sdk.PutMetricAlarmOutput](t)(w.PutMetricAlarm(w.ctx, in))
		a := w.alarm(t, "web")
		if a.StateValue != "ALARM" || *a.StateReason != "a drill" || *a.Threshold != 9 || a.AlarmDescription != nil {
			t.Errorf("a replaced alarm: got state %s, %q, threshold %v, description %v", a.StateValue, *a.StateReason, *a.Threshold, a.AlarmDescription)
		}
		tags := must[*sdk.ListTagsForResourceOutput](t)(w.ListTagsForResource(w.ctx, &sdk.ListTagsForResourceInput{ResourceARN: a.AlarmArn})).Tags
		if len(tags) != 1 || *tags[0].Value != "shop" {
			t.Errorf("a replaced alarm's tags: got %d, want those of its creation", len(tags))
		}
	})
}

func TestOthersAskForStatesInTheirTransactions(t *testing.T) {
	t.Parallel()
	w := newWorld(t, cloudwatch.Options{})
	arn := cloudwatch.ARN(home, "web")
	seen := map[string]bool{}
	watch := w.store.Watch()
	for _, name := range []string{"web", "calm"} {
		must[*sdk.PutMetricAlarmOutput](t)(w.PutMetricAlarm(w.ctx, errorsAlarm(name)))
	}
	must[*sdk.SetAlarmStateOutput](t)(w.SetAlarmState(w.ctx, &sdk.SetAlarmStateInput{AlarmName: new("web"), StateValue: "ALARM", StateReason: new("")}))
	for _, c := range watch.Take() {
		if c.Table == w.Watch().Table {
			for _, k := range w.Watch().Keys(c) {
				seen[k] = true
			}
		}
	}
	if !seen[arn] || len(seen) != 2 {
		t.Errorf("watched: got %v, want both alarms' ARNs", seen)
	}
	err := w.store.View(func(tx *store.Tx) error {
		if got := w.Firing(tx, home, []string{"gone", "calm", "web", arn}); len(got) != 2 || got[0] != "web" || got[1] != arn {
			t.Errorf("firing: got %q, want web by name and by ARN", got)
		}
		if got := w.Firing(tx, names.Scope{Account: home.Account, Region: "eu-west-1"}, []string{"web", arn}); len(got) != 0 {
			t.Errorf("firing in another region: got %q, want none", got)
		}
		if !w.Exists(tx, home, "calm") || w.Exists(tx, home, "gone") {
			t.Error("exists tells of the wrong alarms")
		}
		if state, ok := w.State(tx, arn); !ok || state != alarm.Alarm {
			t.Errorf("state: got %s, %v, want ALARM", state, ok)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestWhatTheHostPublishesRaisesAlarms(t *testing.T) {
	t.Parallel()
	live(t, func(t *testing.T, w *world) {
		in := errorsAlarm("web")
		in.Namespace, in.MetricName = new("AWS/ApplicationELB"), new("TargetResponseTime")
		in.Statistic, in.ExtendedStatistic, in.Threshold = "", new("p90"), new(0.5)
		in.Dimensions = []types.Dimension{{Name: new("TargetGroup"), Value: new("tg")}, {Name: new("LoadBalancer"), Value: new("lb")}}
		must[*sdk.PutMetricAlarmOutput](t)(w.PutMetricAlarm(w.ctx, in))
		w.Publish(home, []cloudwatch.Point{
			{
				Namespace: "AWS/ApplicationELB", Name: "TargetResponseTime", Unit: "Seconds", At: time.Now(),
				Dimensions: []cloudwatch.Dimension{{Name: "LoadBalancer", Value: "lb"}, {Name: "TargetGroup", Value: "tg"}},
				Values:     []float64{0.01, 0.9}, Counts: []float64{85, 15},
			},
			{Namespace: "AWS/ApplicationELB", Name: "Nothing", At: time.Now()},
		})
		time.Sleep(70 * time.Second)
		if a := w.alarm(t, "web"); a.StateValue != "ALARM" {
			t.Errorf("p90 of 85 fast and 15 slow requests: got %s, %q, want ALARM", a.StateValue, *a.StateReason)
		}
		if got := must[*sdk.ListMetricsOutput](t)(w.ListMetrics(w.ctx, &sdk.ListMetricsInput{})).Metrics; len(got) != 1 {
			t.Errorf("metrics: got %d, want only the one with samples", len(got))
		}
	})
}
