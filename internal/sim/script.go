// Package sim is a world in which rollouts can be tried by the thousand: tasks that start
// late, fail, get lost or never become healthy, traffic, alarms, gates and commands, in a time
// that leaps from event to event.
//
// A Script says what will happen; Run lets it happen and checks the rules of the house at
// every step; Random makes a Script from a seed, and the same seed makes the same one. Read
// Script, then Run.
package sim

import (
	"math/rand/v2"
	"time"

	"github.com/slipway-ecs/slipway/internal/rollout"
	"github.com/slipway-ecs/slipway/internal/strategy"
)

// Script is everything that is decided before a simulated rollout begins. Chance in the course
// of it comes from Seed alone.
type Script struct {
	Seed    uint64
	Desired int
	Sources []int // tasks of each old revision at the start, oldest first; empty is a first deployment

	// Plan makes the plan for a number of wanted tasks. It is called again when that changes;
	// the stages must not depend on it.
	Plan func(desired int) *rollout.Plan

	// Regroup returns a rollback to the newest old revision alone: all others then count as the
	// new side. Without it the old revisions stay together.
	Regroup bool

	Old, New Behaviour
	Lost     float64       // part of the actions that nobody obeys
	Twice    float64       // part of the actions that are obeyed twice
	Lag      time.Duration // most time between an action obeyed and its tasks starting or stopping
	Bare     bool          // the world shows what was asked, not what exists, as Count.Want
	Checked  bool          // tasks have a health check; otherwise they settle

	Events []Event       // in order of time
	Gates  time.Duration // most time a gate takes to answer
	Refuse float64       // part of the gates that fail
}

// Behaviour is how the tasks of a side fare. Parts are between 0 and 1; times are the most it
// takes, each task drawing its own.
type Behaviour struct {
	Start   time.Duration // until it runs
	Warm    time.Duration // from then until its check passes
	Stop    time.Duration // from being told until it is gone
	Fail    float64       // part of the tasks that end before they run
	Never   float64       // part of the tasks that never pass their check
	Sicken  float64       // part of the tasks whose check fails later
	Die     float64       // part of the tasks that end by themselves later
	Protect float64       // part of the tasks protected from scale-in for a while
}

// Event is something that happens from outside. One field beside At counts: Command if set,
// else Alarm if set (it fires; with Off it ends), else Desired.
type Event struct {
	At      time.Duration // since the start
	Command rollout.Command
	Alarm   string
	Off     bool
	Desired int
}

// guard is the alarm that random scripts know.
const guard = "web-5xx"

// Random makes a script from a seed.
func Random(seed uint64) Script {
	r := rand.New(rand.NewPCG(seed, 1))
	s := Script{Seed: seed, Desired: r.IntN(6), Checked: r.IntN(3) > 0, Bare: r.IntN(4) == 0}
	if r.IntN(8) > 0 {
		s.Sources = []int{s.Desired}
		if s.Regroup = r.IntN(2) == 0; r.IntN(4) == 0 {
			s.Sources = []int{r.IntN(s.Desired + 1), r.IntN(s.Desired + 1)}
		}
	}
	s.Old = Behaviour{Start: time.Minute, Warm: time.Minute, Stop: 2 * time.Minute}
	s.New = s.Old
	switch r.IntN(6) {
	case 0:
		s.New.Never = 1
	case 1:
		s.New.Fail = 1
	case 2:
		s.New = rough(r)
	}
	if r.IntN(4) == 0 {
		s.Old = rough(r)
		s.Old.Fail, s.Old.Never = s.Old.Fail/2, s.Old.Never/2
	}
	if r.IntN(3) == 0 {
		s.Lost, s.Twice = 0.3*r.Float64(), 0.3*r.Float64()
	}
	if r.IntN(3) == 0 {
		s.Lag = time.Duration(r.Int64N(int64(time.Minute)))
	}
	if s.Gates = time.Minute; r.IntN(8) == 0 {
		s.Refuse = 0.3
	}
	first := len(s.Sources) == 0 || r.IntN(20) == 0
	s.Plan = randomPlan(r, first, first && len(s.Sources) > 0 && r.IntN(3) > 0)
	s.Events = randomEvents(r)
	return s
}

func rough(r *rand.Rand) Behaviour {
	return Behaviour{
		Start: time.Duration(r.Int64N(int64(5 * time.Minute))),
		Warm:  time.Duration(r.Int64N(int64(5 * time.Minute))),
		Stop:  time.Duration(r.Int64N(int64(5 * time.Minute))),
		Fail:  0.4 * r.Float64(), Never: 0.3 * r.Float64(),
		Sicken: 0.2 * r.Float64(), Die: 0.2 * r.Float64(), Protect: 0.1 * r.Float64(),
	}
}

// randomPlan gives a maker of plans of any strategy.
func randomPlan(r *rand.Rand, first, served bool) func(int) *rollout.Plan {
	c := strategy.Common{
		First: first, Deadline: time.Duration(20+r.IntN(60)) * time.Minute,
		MinPercent: []int{100, 100, 50, 75, 0, 90}[r.IntN(6)],
		MaxPercent: []int{200, 200, 100, 125, 150, 110}[r.IntN(6)],
		Bake:       time.Duration(r.IntN(3)) * 5 * time.Minute,
		Breaker:    rollout.Breaker{Enabled: r.IntN(3) > 0, Kind: rollout.Threshold(r.IntN(3)), Value: r.IntN(80)},

		LeavingTakesRoom: r.IntN(6) == 0,
	}
	if r.IntN(2) == 0 {
		c.Guards = []string{guard}
	}
	if r.IntN(4) == 0 {
		c.OnFail = rollout.Policies{Breaker: rollout.Policy(r.IntN(2)), Alarm: rollout.Policy(r.IntN(2))}
	}
	for _, n := range []rollout.Name{
		rollout.PreScaleUp, rollout.PostScaleUp, rollout.TestShift, rollout.PreProductionShift,
		rollout.ProductionShift, rollout.PostProduction,
	} {
		if r.IntN(8) == 0 {
			c.Hooked = append(c.Hooked, n)
		}
	}
	kind, share := r.IntN(8), rollout.Share(300+10*r.IntN(700))
	pause, noTest, noRoutes := time.Duration(r.IntN(3))*time.Minute, r.IntN(2) == 0, r.IntN(10) == 0
	return func(desired int) (p *rollout.Plan) {
		c := c
		c.Desired = desired
		t := strategy.Traffic{Common: c, NoTest: noTest, NoRoutes: noRoutes}
		switch kind {
		case 0:
			p = strategy.BlueGreen{Traffic: t}.Plan()
		case 1:
			p = strategy.Canary{Traffic: t, Share: share, For: pause}.Plan()
		case 2:
			p = strategy.Linear{Traffic: t, Share: share, For: pause}.Plan()
		default:
			p = strategy.Rolling{Common: c}.Plan()
		}
		p.Served = served
		return p
	}
}

func randomEvents(r *rand.Rand) []Event {
	var at time.Duration
	var events []Event
	for range max(0, r.IntN(6)-2) {
		at += time.Duration(r.Int64N(int64(6 * time.Minute)))
		switch r.IntN(6) {
		case 0:
			events = append(events, Event{At: at, Command: rollout.Pause},
				Event{At: at + time.Duration(r.Int64N(int64(20*time.Minute))), Command: rollout.Resume})
			at = events[len(events)-1].At
		case 1:
			events = append(events, Event{At: at, Command: rollout.Abort})
		case 2:
			events = append(events, Event{At: at, Command: rollout.Skip})
		case 3:
			events = append(events, Event{At: at, Alarm: guard})
		default:
			events = append(events, Event{At: at, Desired: r.IntN(8)})
		}
	}
	return events
}
