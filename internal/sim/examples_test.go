package sim_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/slipway-ecs/slipway/internal/rollout"
	"github.com/slipway-ecs/slipway/internal/sim"
	"github.com/slipway-ecs/slipway/internal/strategy"
)

// rolling is the script of a rolling deployment in a world without faults.
func rolling(desired, lower, upper int) sim.Script {
	return sim.Script{
		Seed: 1, Desired: desired, Sources: []int{desired},
		New: sim.Behaviour{Start: 10 * time.Second}, Old: sim.Behaviour{Start: 10 * time.Second},
		Plan: func(desired int) *rollout.Plan {
			return strategy.Rolling{Common: strategy.Common{
				Desired: desired, MinPercent: lower, MaxPercent: upper, Deadline: time.Hour,
			}}.Plan()
		},
	}
}

// The table of ecs.md 5.3: how many tasks exist at most, and how many are healthy at least.
func TestRollingTakesTheCourseOfTheWorkedExamples(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		desired, lower, upper int
		peak, low             int
		waves                 int // of 40 to 50 seconds, at most
	}{
		{4, 100, 200, 8, 4, 1},
		{4, 50, 100, 4, 2, 2},
		{4, 50, 150, 6, 2, 3},
		{4, 75, 125, 5, 3, 4},
		{10, 90, 110, 11, 9, 10},
		{1, 100, 200, 2, 1, 1},
		{1, 0, 100, 1, 0, 1},
		{0, 100, 200, 0, 0, 0},
	} {
		t.Run(fmt.Sprintf("%d at %d to %d", c.desired, c.lower, c.upper), func(t *testing.T) {
			t.Parallel()
			s := rolling(c.desired, c.lower, c.upper)
			r := sim.Run(s, nil)
			if r.State.Status != rollout.Succeeded || r.Stuck || len(r.Broken) > 0 {
				t.Fatalf("got %s (stuck %v, broken %v), want succeeded", r.State.Status, r.Stuck, r.Broken)
			}
			if r.Peak != c.peak || r.Low < c.low {
				t.Errorf("peak %d, low %d, want peak %d and a low of at least %d", r.Peak, r.Low, c.peak, c.low)
			}
			if most := time.Duration(c.waves) * 50 * time.Second; r.Took > most {
				t.Errorf("took %s, want at most %s", r.Took, most)
			}
			if least := 40 * time.Second; c.desired > 0 && r.Took < least {
				t.Errorf("took %s, want at least the %s a task without checks needs to count as healthy", r.Took, least)
			}
		})
	}
}

func TestRollingThatCannotMoveSaysSoAndChangesNothing(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ desired, lower, upper int }{
		{1, 50, 100}, {1, 100, 150}, {3, 100, 125}, {2, 75, 100},
	} {
		t.Run(fmt.Sprintf("%d at %d to %d", c.desired, c.lower, c.upper), func(t *testing.T) {
			t.Parallel()
			lower, upper := strategy.Bounds(c.desired, c.lower, c.upper)
			if !rollout.Deadlocked(c.desired, lower, upper) {
				t.Errorf("bounds %d to %d are not called a deadlock", lower, upper)
			}
			r := sim.Run(rolling(c.desired, c.lower, c.upper), nil)
			if !r.Stuck || r.Peak != c.desired || r.Low != c.desired {
				t.Errorf("stuck %v, peak %d, low %d; want stuck with all %d tasks", r.Stuck, r.Peak, r.Low, c.desired)
			}
		})
	}
}

func TestADeadlockEndsWhenTheServiceIsScaled(t *testing.T) {
	t.Parallel()
	s := rolling(1, 50, 100)
	s.Events = []sim.Event{{At: time.Minute, Desired: 2}}
	r := sim.Run(s, nil)
	if !r.Stuck || r.State.Status != rollout.Succeeded {
		t.Errorf("got %s (stuck %v), want stuck at first and then succeeded", r.State.Status, r.Stuck)
	}
}

func TestTheSameScriptRunsTheSameWayTwice(t *testing.T) {
	t.Parallel()
	for seed := range uint64(200) {
		a, b := sim.Run(sim.Random(seed), nil), sim.Run(sim.Random(seed), nil)
		if fmt.Sprint(a) != fmt.Sprint(b) {
			t.Fatalf("seed %d: first %v, then %v", seed, a, b)
		}
	}
}

func TestABrokenRevisionIsRolledBackByTheBreakerWithoutLosingAHealthyTask(t *testing.T) {
	t.Parallel()
	s := rolling(4, 100, 200)
	s.New.Fail = 1
	plan := s.Plan
	s.Plan = func(desired int) *rollout.Plan {
		p := plan(desired)
		p.Breaker = rollout.Breaker{Enabled: true}
		return p
	}
	r := sim.Run(s, nil)
	if r.State.Status != rollout.RolledBack || r.State.Cause != rollout.ByBreaker || r.Low != 4 {
		t.Errorf("got %s by %s with a low of %d, want rolled back by the breaker with all 4 healthy", r.State.Status, r.State.Cause, r.Low)
	}
}
