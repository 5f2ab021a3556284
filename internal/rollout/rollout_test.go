package rollout_test

import (
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/slipway-ecs/slipway/internal/rollout"
	"github.com/slipway-ecs/slipway/internal/strategy"
)

// The table of ecs.md 5.5.
func TestBreakerLimitFollowsTheTableOfECS(t *testing.T) {
	t.Parallel()
	for desired, want := range map[int]int{1: 3, 2: 3, 6: 3, 7: 4, 8: 4, 25: 13, 100: 50, 400: 200, 800: 200, 0: 3} {
		if got := (rollout.Breaker{Enabled: true}).Limit(desired); got != want {
			t.Errorf("limit for %d tasks: got %d, want %d", desired, got, want)
		}
	}
}

func TestBreakerLimitOfTheOtherForms(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		b             rollout.Breaker
		desired, want int
	}{
		{rollout.Breaker{Value: 100}, 10, 10},
		{rollout.Breaker{Value: 1}, 1000, 10},
		{rollout.Breaker{Kind: rollout.UnboundedPercent, Value: 50}, 1, 1},
		{rollout.Breaker{Kind: rollout.UnboundedPercent, Value: 50}, 800, 400},
		{rollout.Breaker{Kind: rollout.UnboundedPercent, Value: 10}, 0, 1},
		{rollout.Breaker{Kind: rollout.UnboundedPercent, Value: 10}, 11, 2},
		{rollout.Breaker{Kind: rollout.FixedCount, Value: 7}, 400, 7},
	} {
		if got := c.b.Limit(c.desired); got != c.want {
			t.Errorf("%+v for %d tasks: got %d, want %d", c.b, c.desired, got, c.want)
		}
	}
}

func TestBreakerTripsAtItsLimitAndOnlyIfEnabled(t *testing.T) {
	t.Parallel()
	on, off := rollout.Breaker{Enabled: true}, rollout.Breaker{}
	if on.Tripped(4, 2) || !on.Tripped(4, 3) || off.Tripped(4, 100) {
		t.Errorf("2 of 3: %v, 3 of 3: %v, off: %v; want false, true, false",
			on.Tripped(4, 2), on.Tripped(4, 3), off.Tripped(4, 100))
	}
}

func TestStateSurvivesItsTextFormWhichFitsATag(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s := rollout.State{
			Status: rollout.Status(rapid.IntRange(0, 5).Draw(t, "status")),
			Stage:  rapid.IntRange(0, 10_000).Draw(t, "stage"),
			Held:   time.Duration(rapid.Int64Range(0, 1<<62).Draw(t, "held")),
			Seen:   rapid.IntRange(0, 1<<40).Draw(t, "seen"),
			Cause:  rollout.Cause(rapid.IntRange(0, 6).Draw(t, "cause")),
			Reason: strings.TrimSpace(rapid.StringMatching(`[a-zA-Z0-9_.:/=+@ -]{0,100}`).Draw(t, "reason")),
		}
		if rapid.Bool().Draw(t, "begun") {
			s.Entered = time.Unix(0, rapid.Int64().Draw(t, "entered")).UTC()
		}
		text := s.Encode()
		if len(text) >= 256 {
			t.Fatalf("%d bytes: %q", len(text), text)
		}
		if back, err := rollout.Parse(text); err != nil || back != s {
			t.Fatalf("%+v came back as %+v, %v, from %q", s, back, err, text)
		}
	})
}

func TestStateThatIsNoneIsAnErrorThatQuotesIt(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"", "r1", "r2 running 0 - 0 0 none", "r1 walking 0 - 0 0 none", "r1 running x - 0 0 none",
		"r1 running 0 x 0 0 none", "r1 running 0 - -1 0 none", "r1 running 0 - 0 -1 none",
		"r1 running 0 - 0 0 fate", "r1 running 0 - 0 0 none é", "r1 running -1 - 0 0 none",
	} {
		if s, err := rollout.Parse(text); err == nil || text != "" && !strings.Contains(err.Error(), text) {
			t.Errorf("%q: got %+v, %v, want an error that quotes it", text, s, err)
		}
	}
}

func TestReasonIsCutAndCleanedForATag(t *testing.T) {
	t.Parallel()
	p := strategy.Rolling{Common: strategy.Common{Desired: 1, Guards: []string{"naïve, (alarm) " + strings.Repeat("x", 300)}}}.Plan()
	s, want := rollout.Step(p, rollout.State{}, rollout.Observation{Alarms: p.Guards}, noon)
	if len(s.Reason) != rollout.ReasonMax || !strings.HasPrefix(s.Reason, "alarm na_ve_ _alarm_ xxx") {
		t.Errorf("reason %q, want 100 bytes that a tag may hold", s.Reason)
	}
	for _, n := range want.Notes {
		if n.Kind == rollout.Failing && !strings.Contains(n.Text, p.Guards[0]) {
			t.Errorf("the note %q lacks the alarm's whole name", n.Text)
		}
	}
}

func TestDeadlockedIsWhereARollingPlanCanNeverBegin(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(0, 20).Draw(t, "desired")
		p := strategy.Rolling{Common: strategy.Common{
			Desired: n, MinPercent: rapid.IntRange(0, 100).Draw(t, "min"), MaxPercent: rapid.IntRange(100, 200).Draw(t, "max"),
		}}.Plan()
		seen := rollout.Observation{Count: [2]rollout.Count{{Want: n, Running: n, Healthy: n}, {}}}
		_, want := rollout.Step(p, rollout.State{}, seen, noon)
		if got := rollout.Deadlocked(n, p.Min, p.Max); got != want.Stuck || got != (len(want.Actions) == 0 && n > 0) {
			t.Fatalf("deadlocked %v, stuck %v, actions %v", got, want.Stuck, want.Actions)
		}
	})
}

func TestStepIsAFunctionOfWhatItIsGivenAndChangesNothingOfIt(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		p := strategy.Canary{
			Traffic: strategy.Traffic{Common: strategy.Common{Desired: rapid.IntRange(0, 5).Draw(t, "desired"), Bake: time.Minute}},
			Share:   1000, For: time.Minute,
		}.Plan()
		count := rapid.Custom(func(t *rapid.T) rollout.Count {
			n := rapid.IntRange(0, 6)
			return rollout.Count{Want: n.Draw(t, "want"), Running: n.Draw(t, "running"), Healthy: n.Draw(t, "healthy"), Leaving: n.Draw(t, "leaving")}
		})
		s := rollout.State{
			Status: rollout.Status(rapid.IntRange(0, 5).Draw(t, "status")), Entered: noon,
			Stage: rapid.IntRange(0, len(p.Stages)).Draw(t, "stage"),
		}
		o := rollout.Observation{
			Count:    [2]rollout.Count{count.Draw(t, "old"), count.Draw(t, "new")},
			Share:    [2]rollout.Share{rollout.Share(rapid.IntRange(0, 10000).Draw(t, "share")), 0},
			Commands: []rollout.Command{rollout.Command(rapid.IntRange(1, 5).Draw(t, "command"))},
		}
		now := noon.Add(time.Duration(rapid.IntRange(0, 300).Draw(t, "seconds")) * time.Second)
		s1, w1 := rollout.Step(p, s, o, now)
		s2, w2 := rollout.Step(p, s, o, now)
		if s1 != s2 || len(w1.Actions) != len(w2.Actions) || w1.Wake != w2.Wake {
			t.Fatalf("first %+v %+v, then %+v %+v", s1, w1, s2, w2)
		}
		for i := range w1.Actions {
			if w1.Actions[i] != w2.Actions[i] {
				t.Fatalf("first %v, then %v", w1.Actions, w2.Actions)
			}
		}
		if s.Over() && (s1 != s || len(w1.Actions)+len(w1.Notes) > 0) {
			t.Fatalf("a rollout that is over wants %+v", w1)
		}
	})
}

func TestShareReadsInPercent(t *testing.T) {
	t.Parallel()
	for share, want := range map[rollout.Share]string{0: "0 %", 1050: "10.5 %", 10: "0.1 %", rollout.All: "100 %", 1001: "10.01 %"} {
		if got := share.String(); got != want {
			t.Errorf("%d: got %q, want %q", int(share), got, want)
		}
	}
}

// Source: ecs.md 5.9.
func TestEnoughHealthyTasksEndARollWithOrWithoutTheOldOnes(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		enough  rollout.Share
		leave   bool
		healthy int
		old     int
		done    bool
	}{
		"all are asked for, one is missing": {0, false, 3, 0, false},
		"all are there":                     {0, false, 4, 0, true},
		"half is asked for, one is there":   {5000, false, 1, 0, false},
		"half is there":                     {5000, false, 2, 0, true},
		"half is there, old ones stand":     {5000, false, 2, 2, false},
		"half is there, old ones may stay":  {5000, true, 2, 2, true},
		"a little more than half":           {5001, true, 2, 2, false},
		"one of any":                        {1, true, 1, 2, true},
		"none of any":                       {1, true, 0, 2, false},
	} {
		p := &rollout.Plan{Desired: 4, Min: 2, Max: 8, Enough: c.enough, LeaveOld: c.leave, Stages: []rollout.Stage{
			{Name: rollout.ScaleUp, Kind: rollout.Roll}, {Name: rollout.CleanUp, Kind: rollout.Retire},
		}}
		var o rollout.Observation
		o.Count[rollout.Old] = rollout.Count{Want: c.old, Running: c.old, Healthy: c.old}
		o.Count[rollout.New] = rollout.Count{Want: 4, Running: 4, Healthy: c.healthy}
		s, _ := rollout.Step(p, rollout.State{}, o, time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC))
		if done := s.Status == rollout.Succeeded; done != c.done {
			t.Errorf("%s: done is %v, want %v", name, done, c.done)
		}
	}
}
