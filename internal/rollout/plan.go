// Package rollout decides how a service moves from its old revision to a new one.
//
// It is one function, Step, and the data around it: a Plan made before the rollout begins, a
// State that is all a rollout remembers, and an Observation of what is true now. Step gives the
// next State and what it wants done. It starts nothing, waits for nothing and knows no AWS, no
// clock and no chance: the same input gives the same output. Read Plan, then Step.
package rollout

import "time"

// Plan is what was decided before the rollout began.
//
// Only Desired, Min and Max may change while it runs, all three together, when the service is
// scaled, and First and Served with what is there to go back to: rebuild the plan from the same
// settings and go on with the same State. The stages must stay the same, since State counts them.
type Plan struct {
	ID      string
	Desired int // tasks at the end, per side
	Min     int // tasks that must stay healthy, both sides together
	Max     int // tasks that may exist, both sides together

	// First says that there is nothing to go back to: a service's first deployment, or one
	// whose old revisions never completed. A failure then ends in Failed, never in RollingBack.
	First bool

	// Served says that the old side was healthy once. Where First holds too, it is kept at its
	// size as long as production traffic is on it, and its lost tasks are replaced, though nothing
	// can go back to it (ecs.md 5.4).
	Served bool

	// LeavingTakesRoom counts tasks on their way out against Max. ECS's API text counts only
	// tasks that are wanted; its update guide counts stopping ones too (ecs.md 5.1).
	LeavingTakesRoom bool

	// Enough is the part of Desired whose health completes the rollout; 0 is all of it. What is
	// missing then comes afterwards, outside the rollout. It does not hold for a way back.
	Enough Share

	// LeaveOld has a rollout that is done leave the old side's tasks to whoever keeps the service.
	LeaveOld bool

	Stages   []Stage
	Guards   []string      // alarms, and background gates, that fail any stage up to Retire
	Breaker  Breaker       // failed new tasks that fail any stage up to Retire
	Deadline time.Duration // for each stage that waits for tasks or traffic; 0 means none
	OnFail   Policies
}

// enough is how many new tasks must be healthy for the rollout to go on to its end: at least one of
// any.
//
// Source: ecs.md 5.9.
func (p *Plan) enough() int {
	if p.Enough <= 0 || p.Enough >= All {
		return p.Desired
	}
	return (p.Desired*int(p.Enough) + int(All) - 1) / int(All)
}

// At gives the name of the stage a state is in, and "" once all stages are behind.
func (p *Plan) At(s State) Name {
	if s.Stage < 0 || s.Stage >= len(p.Stages) {
		return ""
	}
	return p.Stages[s.Stage].Name
}

// Deadlocked reports whether a rolling rollout of a plan with these bounds can never begin:
// nothing may be started beside the old tasks and none of them may be stopped.
//
// Source: ecs.md 5.3, the deadlock test for a pre-flight check.
func Deadlocked(desired, lower, upper int) bool {
	return desired > 0 && upper <= desired && lower >= desired
}

// Name is a stage's name in the words of whoever's rollout it is: ECS's below, or CodeDeploy's
// life-cycle events.
type Name string

// ECS's life-cycle stages. Source: ecs.md 6.4.
const (
	ReconcileService   Name = "RECONCILE_SERVICE"
	PreScaleUp         Name = "PRE_SCALE_UP"
	ScaleUp            Name = "SCALE_UP"
	PostScaleUp        Name = "POST_SCALE_UP"
	TestShift          Name = "TEST_TRAFFIC_SHIFT"
	PostTestShift      Name = "POST_TEST_TRAFFIC_SHIFT"
	PreProductionShift Name = "PRE_PRODUCTION_TRAFFIC_SHIFT"
	ProductionShift    Name = "PRODUCTION_TRAFFIC_SHIFT"
	PostProduction     Name = "POST_PRODUCTION_TRAFFIC_SHIFT"
	BakeTime           Name = "BAKE_TIME"
	CleanUp            Name = "CLEAN_UP"
)

// Stage is one step of a plan. Kind says which of the other fields count.
type Stage struct {
	Name  Name
	Kind  Kind
	Route Route         // Shift
	Share Share         // Shift: the new side's part once the stage is done
	For   time.Duration // Hold
	Gate  string        // Gate: what Observation.Gates calls it; "" passes at once

	// Back is, for a Shift, the gate that must pass once the shift is undone in a rollback; ""
	// for none. ECS calls the hooks of its two shift stages again when it rolls back.
	Back string
}

// Kind is what a stage does.
type Kind int

// The kinds of stages. In a Fold the sides are those of a rollback: Old is the one revision that
// stays, New are all others.
const (
	Gate   Kind = iota // wait for a verdict: a hook, an analysis, an approval
	Surge              // bring the new side to Desired healthy tasks, leaving the old side alone
	Roll               // replace old tasks by new ones within Min and Max
	Shift              // move traffic on one route
	Hold               // let For pass while the guards watch
	Retire             // take the old side to zero
	Fold               // bring traffic and tasks that an unfinished rollout left behind to one old revision
)

// Share is a part of the traffic, in basis points: 1050 is 10.5 %.
type Share int

// All is the whole traffic of a route.
const All Share = 10000

// Side is one of the two sides of a rollout.
type Side int

// The sides. In a rolling deployment of ECS, Old is all source revisions together and New is
// the PRIMARY. Once the rollout is RollingBack, Old may be the revision it returns to alone,
// and New all the others: Step only compares counts.
const (
	Old Side = iota
	New
)

// Route is one of the ways by which traffic reaches a service.
type Route int

// The routes.
const (
	Production Route = iota
	Test
	routes
)

// Policies says what follows each cause of failure. The zero value rolls back for all of them.
type Policies struct{ Breaker, Alarm, Gate, Deadline, Abort Policy }

// Policy is what follows a failure.
type Policy int

// The policies.
const (
	Rollback Policy = iota // go back to the old side
	Stop                   // start nothing more and leave things as they are
)

// For gives the policy for a cause.
func (p Policies) For(c Cause) Policy {
	switch c {
	case ByBreaker:
		return p.Breaker
	case ByAlarm:
		return p.Alarm
	case ByGate:
		return p.Gate
	case ByDeadline:
		return p.Deadline
	case ByAbort:
		return p.Abort
	case ByHalt:
		return Stop
	}
	return Rollback
}
