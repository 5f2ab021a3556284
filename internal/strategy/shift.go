package strategy

import (
	"fmt"
	"time"

	"github.com/slipway-ecs/slipway/internal/rollout"
)

// Traffic is what the strategies that shift traffic have in common.
type Traffic struct {
	Common
	Reconcile bool // more than one revision was active at the start
	NoRoutes  bool // nothing routes traffic to the service: stages and gates without shifts
	NoTest    bool // there is no test route: TEST_TRAFFIC_SHIFT has gates but moves nothing

	// Tick is how long a stage lasts at least that has nothing to wait for, so that it can be
	// seen. 0 leaves such stages out.
	Tick time.Duration
	// Settle is how long each move of traffic is left to take effect before anything relies on it.
	Settle time.Duration
}

// BlueGreen brings up the new side whole, then moves all traffic at once.
type BlueGreen struct{ Traffic }

// Canary moves Share first, waits For, then moves the rest.
type Canary struct {
	Traffic
	Share rollout.Share // 10–10000 in steps of 10; 10000 leaves one step
	For   time.Duration
}

// Linear moves Share after Share with For between them, and the rest in the last step.
type Linear struct {
	Traffic
	Share rollout.Share // 300–10000 in steps of 10
	For   time.Duration
}

// Plan gives the plan of a blue/green deployment. Source: ecs.md 7.5.
func (s BlueGreen) Plan() *rollout.Plan { return s.plan(Steps(rollout.All), 0) }

// Plan gives the plan of a canary deployment. Source: ecs.md 7.5, "ALB step plans".
func (s Canary) Plan() *rollout.Plan {
	if s.Share <= 0 || s.Share >= rollout.All {
		return s.plan(Steps(rollout.All), 0)
	}
	return s.plan([]rollout.Share{s.Share, rollout.All}, s.For)
}

// Plan gives the plan of a linear deployment. Source: ecs.md 7.5, "ALB step plans".
func (s Linear) Plan() *rollout.Plan { return s.plan(Steps(s.Share), s.For) }

// Steps gives the shares a linear shift goes through: by, twice by, and so on up to all. The
// last step is the remainder where by does not divide the whole, so that there are
// ceil(10000/by) of them (unconfirmed for ECS). A share of 0 or less is one step.
func Steps(by rollout.Share) []rollout.Share {
	if by <= 0 || by > rollout.All {
		by = rollout.All
	}
	steps := make([]rollout.Share, 0, (rollout.All+by-1)/by)
	for at := by; at < rollout.All; at += by {
		steps = append(steps, at)
	}
	return append(steps, rollout.All)
}

// Percent gives a percentage as a share, to the nearest basis point: 10.5 is 1050.
func Percent(p float64) rollout.Share { return rollout.Share(p*100 + 0.5) }

// plan lays out ECS's stages for traffic that moves by steps with a pause between them.
func (s Traffic) plan(steps []rollout.Share, pause time.Duration) *rollout.Plan {
	b := s.builder()
	b.beside(s.Desired)
	b.tick, b.settle = s.Tick, s.Settle
	if s.Reconcile {
		b.add(rollout.Stage{Name: rollout.ReconcileService, Kind: rollout.Fold})
		b.gate(rollout.ReconcileService)
	}
	b.gate(rollout.PreScaleUp)
	b.add(rollout.Stage{Name: rollout.ScaleUp, Kind: rollout.Surge})
	b.gate(rollout.PostScaleUp)
	if s.NoRoutes || s.NoTest {
		b.gate(rollout.TestShift)
	} else {
		b.shift(rollout.TestShift, rollout.Test, rollout.All, string(rollout.TestShift))
		b.unhooked(rollout.TestShift, b.tick)
	}
	b.gate(rollout.PostTestShift)
	for i, share := range steps {
		of := ""
		if len(steps) > 1 {
			of = fmt.Sprintf("/%d", i+1)
		}
		b.gateAs(rollout.PreProductionShift, string(rollout.PreProductionShift)+of)
		if s.NoRoutes {
			b.gateAs(rollout.ProductionShift, string(rollout.ProductionShift)+of)
		} else {
			b.shift(rollout.ProductionShift, rollout.Production, share, string(rollout.ProductionShift)+of)
		}
		if i+1 < len(steps) && pause > 0 {
			b.hold(rollout.ProductionShift, pause)
		} else if !s.NoRoutes {
			b.unhooked(rollout.ProductionShift, b.tick)
		}
	}
	b.gate(rollout.PostProduction)
	b.hold(rollout.BakeTime, max(s.Bake, s.Tick))
	b.add(rollout.Stage{Name: rollout.CleanUp, Kind: rollout.Retire})
	return &b.plan
}

// unhooked has a shift's stage last a while if there is no gate in it.
func (b *builder) unhooked(name rollout.Name, d time.Duration) {
	if !b.hooked[name] && b.settle == 0 {
		b.hold(name, d)
	}
}

// beside makes room for both sides at full size: the percents do not pace these strategies.
func (b *builder) beside(desired int) { b.plan.Max = Beside(b.plan.Max, desired, 0, 0) }

// Beside gives how many tasks may exist while a revision that has some tasks is brought to its full
// size beside others that have some, where the percents allow upper of them. Either may have more
// than desired when the service was scaled in, and takes no room of the other then.
//
// Source: ecs.md 7.1, "Capacity needed: up to 2 × desired".
func Beside(upper, desired, tasks, others int) int {
	return max(upper, max(desired, tasks)+max(desired, others))
}
