// Package strategy turns the settings of a rollout into its plan.
//
// Settings are plain values, not the SDK's: percents of traffic arrive as basis points, times
// as durations. Here, and nowhere later, percents become numbers of tasks and shares are
// rounded. A plan may be made again from the same settings with another Desired while the
// rollout runs: the stages come out the same. Read Rolling first.
package strategy

import (
	"time"

	"github.com/slipway-ecs/slipway/internal/rollout"
)

// Common is what all strategies are told.
type Common struct {
	ID       string
	Desired  int  // tasks the service wants
	First    bool // nothing to go back to; see rollout.Plan
	Guards   []string
	Breaker  rollout.Breaker
	OnFail   rollout.Policies
	Deadline time.Duration // for each stage that waits for tasks or traffic; 0 means none

	// MinPercent and MaxPercent bound the tasks, in percent of Desired. Both zero means ECS's
	// defaults for replicas, 100 and 200.
	MinPercent, MaxPercent int

	// Hooked are the stages with a gate to pass. The gate has the stage's name, with "/k"
	// behind it in step k of a shift by steps, and "/back" where it is asked in a rollback.
	Hooked []rollout.Name

	// Bake is how long the new side serves alone before the rollout counts as done.
	Bake time.Duration

	LeavingTakesRoom bool // see rollout.Plan
}

// StageLimit is ECS's limit for a stage, and for a step of a shift. Source: ecs.md 6.4.
const StageLimit = 24 * time.Hour

// Bounds gives how many of desired tasks must stay healthy and how many may exist.
//
// Source: ecs.md 5.1; the lower bound rounds up, the upper one down.
func Bounds(desired, minPercent, maxPercent int) (lower, upper int) {
	if minPercent == 0 && maxPercent == 0 {
		minPercent, maxPercent = 100, 200
	}
	return (desired*minPercent + 99) / 100, desired * maxPercent / 100
}

// Rolling replaces tasks in place, within MinPercent and MaxPercent.
type Rolling struct {
	Common
	Reconcile bool // more than one revision was active at the start: hooks of RECONCILE_SERVICE

	// Enough is the part of Desired whose health is enough, 0 for all of it; LeaveOld leaves the old
	// tasks to be stopped afterwards. See rollout.Plan.
	Enough   rollout.Share
	LeaveOld bool
}

// Plan gives the plan of a rolling deployment. The bake is a stage only where Bake is above 0.
//
// Source: ecs.md 6.4, the ROLLING line, which is reasoned there (unconfirmed).
func (r Rolling) Plan() *rollout.Plan {
	b := r.builder()
	b.plan.Enough, b.plan.LeaveOld = r.Enough, r.LeaveOld
	if r.Reconcile {
		b.gate(rollout.ReconcileService)
	}
	b.gate(rollout.PreScaleUp)
	b.add(rollout.Stage{Name: rollout.ScaleUp, Kind: rollout.Roll})
	b.gate(rollout.PostScaleUp)
	b.hold(rollout.BakeTime, r.Bake)
	b.add(rollout.Stage{Name: rollout.CleanUp, Kind: rollout.Retire})
	return &b.plan
}

// builder collects the stages of a plan.
type builder struct {
	plan   rollout.Plan
	hooked map[rollout.Name]bool // for lookup only
	tick   time.Duration         // what a stage lasts that nothing is asked in; 0 leaves it out
	settle time.Duration         // what a move of traffic takes
}

func (c Common) builder() *builder {
	lower, upper := Bounds(c.Desired, c.MinPercent, c.MaxPercent)
	b := &builder{
		plan: rollout.Plan{
			ID: c.ID, Desired: c.Desired, Min: lower, Max: upper, First: c.First,
			Guards: c.Guards, Breaker: c.Breaker, OnFail: c.OnFail, Deadline: c.Deadline,
			LeavingTakesRoom: c.LeavingTakesRoom,
			Stages:           make([]rollout.Stage, 0, 8),
		},
	}
	if len(c.Hooked) > 0 {
		b.hooked = make(map[rollout.Name]bool, len(c.Hooked))
		for _, n := range c.Hooked {
			b.hooked[n] = true
		}
	}
	return b
}

func (b *builder) add(g rollout.Stage) { b.plan.Stages = append(b.plan.Stages, g) }

// gate adds a stage that only waits, if it has anything to wait for.
func (b *builder) gate(name rollout.Name) { b.gateAs(name, string(name)) }

func (b *builder) gateAs(name rollout.Name, gate string) {
	if b.hooked[name] {
		b.add(rollout.Stage{Name: name, Kind: rollout.Gate, Gate: gate})
		return
	}
	b.hold(name, b.tick)
}

// hold adds a stage that lasts a while, if it is to last at all.
func (b *builder) hold(name rollout.Name, d time.Duration) {
	if d > 0 {
		b.add(rollout.Stage{Name: name, Kind: rollout.Hold, For: d})
	}
}

// shift adds a move of traffic, the time it takes and, where the stage is hooked, the gate after it and the one
// that is asked when the move is undone.
func (b *builder) shift(name rollout.Name, r rollout.Route, share rollout.Share, gate string) {
	g := rollout.Stage{Name: name, Kind: rollout.Shift, Route: r, Share: share}
	if b.hooked[name] {
		g.Back = string(name) + "/back"
	}
	b.add(g)
	b.hold(name, b.settle)
	if b.hooked[name] {
		b.gateAs(name, gate)
	}
}
