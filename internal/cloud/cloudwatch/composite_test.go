package cloudwatch_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"

	"github.com/slipway-ecs/slipway/internal/cloud/cloudwatch"
	"github.com/slipway-ecs/slipway/internal/store"
)

func (w *world) composite(t *testing.T, name string) types.CompositeAlarm {
	t.Helper()
	out := must[*sdk.DescribeAlarmsOutput](t)(w.DescribeAlarms(w.ctx, &sdk.DescribeAlarmsInput{AlarmNames: []string{name}, AlarmTypes: []types.AlarmType{types.AlarmTypeCompositeAlarm}}))
	if len(out.CompositeAlarms) != 1 || len(out.MetricAlarms) != 0 {
		t.Fatalf("composite alarms named %q: got %d, and %d metric alarms", name, len(out.CompositeAlarms), len(out.MetricAlarms))
	}
	return out.CompositeAlarms[0]
}

func (w *world) compose(t *testing.T, name, rule string) {
	t.Helper()
	must[*sdk.PutCompositeAlarmOutput](t)(w.PutCompositeAlarm(w.ctx, &sdk.PutCompositeAlarmInput{AlarmName: &name, AlarmRule: &rule}))
}

func (w *world) set(t *testing.T, name string, state types.StateValue) {
	t.Helper()
	must[*sdk.SetAlarmStateOutput](t)(w.SetAlarmState(w.ctx, &sdk.SetAlarmStateInput{AlarmName: &name, StateValue: state, StateReason: new("test")}))
}

func TestACompositeAlarmMovesWithItsChildrenInTheSameTransaction(t *testing.T) {
	t.Parallel()
	live(t, func(t *testing.T, w *world) {
		for _, name := range []string{"a", "b"} {
			must[*sdk.PutMetricAlarmOutput](t)(w.PutMetricAlarm(w.ctx, errorsAlarm(name)))
		}
		w.compose(t, "both", `ALARM("a") AND NOT OK(b)`)
		w.compose(t, "over", "ALARM(both)")
		synctest.Wait()
		if c := w.composite(t, "both"); c.StateValue != types.StateValueOk || *c.StateReason != "Alarm was created and its alarm rule evaluates to OK" {
			t.Errorf("new: got %s, %q", c.StateValue, *c.StateReason)
		}
		time.Sleep(time.Second)
		w.set(t, "a", types.StateValueAlarm)
		firing := func() (names []string) {
			if err := w.store.View(func(tx *store.Tx) error {
				names = w.Firing(tx, home, []string{"a", "b", "both", "over"})
				return nil
			}); err != nil {
				t.Fatal(err)
			}
			return names
		}
		// No time passes: whoever sees the child in ALARM sees the parents so too.
		if got := strings.Join(firing(), " "); got != "a both over" {
			t.Errorf("firing: got %q", got)
		}
		c := w.composite(t, "both")
		child := home.ARN("cloudwatch", "alarm:a")
		if !strings.HasPrefix(*c.StateReason, child+" transitioned to ALARM at ") || !strings.HasSuffix(*c.StateReason, " UTC") || !strings.HasPrefix(*c.StateReasonData, `{"triggeringAlarms":[{"arn":"`+child+`","state":{"value":"ALARM","timestamp":`) {
			t.Errorf("reason: got %q, %s", *c.StateReason, *c.StateReasonData)
		}
		w.set(t, "b", types.StateValueOk)
		if got := strings.Join(firing(), " "); got != "a" {
			t.Errorf("after b is OK: firing %q", got)
		}
		h := must[*sdk.DescribeAlarmHistoryOutput](t)(w.DescribeAlarmHistory(w.ctx, &sdk.DescribeAlarmHistoryInput{AlarmName: new("over"), AlarmTypes: []types.AlarmType{types.AlarmTypeCompositeAlarm}, HistoryItemType: types.HistoryItemTypeStateUpdate}))
		if n := len(h.AlarmHistoryItems); n != 3 || h.AlarmHistoryItems[0].AlarmType != types.AlarmTypeCompositeAlarm || *h.AlarmHistoryItems[0].HistorySummary != "Alarm updated from ALARM to OK" {
			t.Errorf("history: got %d items, %+v", n, h.AlarmHistoryItems)
		}
	})
}

func TestASetStateOfACompositeStandsUntilAChildChanges(t *testing.T) {
	t.Parallel()
	live(t, func(t *testing.T, w *world) {
		must[*sdk.PutMetricAlarmOutput](t)(w.PutMetricAlarm(w.ctx, errorsAlarm("a")))
		w.compose(t, "top", "ALARM(a)")
		w.set(t, "top", types.StateValueAlarm)
		time.Sleep(10 * time.Minute)
		if c := w.composite(t, "top"); c.StateValue != types.StateValueAlarm {
			t.Errorf("after ten minutes: got %s", c.StateValue)
		}
		w.set(t, "a", types.StateValueOk)
		if c := w.composite(t, "top"); c.StateValue != types.StateValueOk {
			t.Errorf("after its child changed: got %s", c.StateValue)
		}
	})
}

func TestCyclesOfCompositeAlarmsEnd(t *testing.T) {
	t.Parallel()
	live(t, func(t *testing.T, w *world) {
		must[*sdk.PutMetricAlarmOutput](t)(w.PutMetricAlarm(w.ctx, errorsAlarm("a")))
		w.compose(t, "x", "ALARM(a)")
		w.compose(t, "y", "ALARM(x) OR ALARM(y)")
		w.compose(t, "x", "ALARM(a) OR NOT ALARM(y)")
		synctest.Wait()
		w.set(t, "a", types.StateValueAlarm)
		w.set(t, "a", types.StateValueOk)
		if c := w.composite(t, "y"); c.StateValue != types.StateValueAlarm {
			t.Errorf("got %s", c.StateValue)
		}
	})
}

func TestRelativesAreDescribedAndChildrenStay(t *testing.T) {
	t.Parallel()
	w := newWorld(t, cloudwatch.Options{})
	for _, name := range []string{"a", "b", "other"} {
		must[*sdk.PutMetricAlarmOutput](t)(w.PutMetricAlarm(w.ctx, errorsAlarm(name)))
	}
	w.compose(t, "mid", "ALARM(a) OR ALARM(b)")
	w.compose(t, "top", "ALARM(mid) OR ALARM(a)")
	describe := func(in sdk.DescribeAlarmsInput) string {
		out := must[*sdk.DescribeAlarmsOutput](t)(w.DescribeAlarms(w.ctx, &in))
		var names []string
		for _, a := range out.MetricAlarms {
			names = append(names, *a.AlarmName)
		}
		for _, a := range out.CompositeAlarms {
			names = append(names, *a.AlarmName)
		}
		return strings.Join(names, " ")
	}
	for want, in := range map[string]sdk.DescribeAlarmsInput{
		"a b other":         {},
		"mid top":           {AlarmTypes: []types.AlarmType{types.AlarmTypeCompositeAlarm}},
		"a b other mid top": {AlarmTypes: []types.AlarmType{types.AlarmTypeCompositeAlarm, types.AlarmTypeMetricAlarm}},
		"a mid":             {ChildrenOfAlarmName: new("top")},
		"top":               {ParentsOfAlarmName: new("mid")},
	} {
		if got := describe(in); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	down := must[*sdk.DescribeAlarmsOutput](t)(w.DescribeAlarms(w.ctx, &sdk.DescribeAlarmsInput{ChildrenOfAlarmName: new("top")}))
	if a, c := down.MetricAlarms[0], down.CompositeAlarms[0]; a.StateValue != types.StateValueInsufficientData || a.StateUpdatedTimestamp == nil || a.StateReason != nil || c.StateValue == "" || c.AlarmRule != nil {
		t.Errorf("children have names and states alone: got %+v, %+v", a, c)
	}
	if up := must[*sdk.DescribeAlarmsOutput](t)(w.DescribeAlarms(w.ctx, &sdk.DescribeAlarmsInput{ParentsOfAlarmName: new("mid")})).CompositeAlarms[0]; up.AlarmArn == nil || up.StateValue != "" {
		t.Errorf("parents have names alone: got %+v", up)
	}
	for _, c := range []struct {
		what string
		err  error
		word string
	}{
		{"a child is deleted", second(w.DeleteAlarms(w.ctx, &sdk.DeleteAlarmsInput{AlarmNames: []string{"a"}})), "Cannot delete a as there are composite alarm(s) depending on it."},
		{"children are deleted", second(w.DeleteAlarms(w.ctx, &sdk.DeleteAlarmsInput{AlarmNames: []string{"other", "b", "a", "top"}})), "Cannot delete b,a as there are composite alarm(s) depending on them."},
		{"two composites are deleted", second(w.DeleteAlarms(w.ctx, &sdk.DeleteAlarmsInput{AlarmNames: []string{"top", "mid"}})), "one composite alarm"},
		{"a child is missing", second(w.PutCompositeAlarm(w.ctx, &sdk.PutCompositeAlarmInput{AlarmName: new("n"), AlarmRule: new("ALARM(none)")})), "alarms [none] in the alarm rule do not exist"},
		{"a rule is none", second(w.PutCompositeAlarm(w.ctx, &sdk.PutCompositeAlarmInput{AlarmName: new("n"), AlarmRule: new("ALARM(a b)")})), "Error in AlarmRule [Unsupported token 'b' at char 8, must be: ')']"},
		{"a rule has a line's end", second(w.PutCompositeAlarm(w.ctx, &sdk.PutCompositeAlarmInput{AlarmName: new("n"), AlarmRule: new("ALARM(a)\n")})), "AlarmRule must not contain leading or trailing whitespace or be null"},
		{"a name is taken", second(w.PutCompositeAlarm(w.ctx, &sdk.PutCompositeAlarmInput{AlarmName: new("other"), AlarmRule: new("TRUE")})), "another type"},
	} {
		if name, message := code(c.err); name != "ValidationException" || !strings.Contains(message, c.word) {
			t.Errorf("%s: got %s %q, want %q", c.what, name, message, c.word)
		}
	}
	// One composite alarm goes with metric alarms, its own children among them.
	must[*sdk.DeleteAlarmsOutput](t)(w.DeleteAlarms(w.ctx, &sdk.DeleteAlarmsInput{AlarmNames: []string{"top", "other"}}))
	must[*sdk.DeleteAlarmsOutput](t)(w.DeleteAlarms(w.ctx, &sdk.DeleteAlarmsInput{AlarmNames: []string{"a", "mid", "b"}}))
	if got := describe(sdk.DescribeAlarmsInput{AlarmTypes: []types.AlarmType{types.AlarmTypeCompositeAlarm, types.AlarmTypeMetricAlarm}}); got != "" {
		t.Errorf("left: got %q", got)
	}
}

func second[T any](_ T, err error) error { return err }

func TestARuleThatAnEarlierVersionTookHoldsNobodyUp(t *testing.T) {
	t.Parallel()
	live(t, func(t *testing.T, w *world) {
		must[*sdk.PutMetricAlarmOutput](t)(w.PutMetricAlarm(w.ctx, errorsAlarm("a")))
		w.compose(t, "old", "ALARM(a)")
		w.compose(t, "top", "ALARM(a)")
		synctest.Wait()
		if err := w.store.Update(func(tx *store.Tx) error {
			w.StoreRule(tx, home.ARN("cloudwatch", "alarm:old"), "ALARM(a) OR ALARM(b c)")
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		w.set(t, "a", types.StateValueAlarm)
		if old, top := w.composite(t, "old").StateValue, w.composite(t, "top").StateValue; old != types.StateValueOk || top != types.StateValueAlarm {
			t.Errorf("after the child changed: the old one is %s, the other %s", old, top)
		}
	})
}
