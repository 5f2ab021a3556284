// Package reconcile decides which tasks of a service are healthy, which to start and which to
// stop, and when failing tasks have failed often enough.
//
// It works on plain data and a time: tasks as they are and as they are wanted. It knows no
// AWS, starts nothing and never looks at a clock. Revisions are opaque strings. Read Task,
// then Tasks.
package reconcile

import "time"

// Task is a task of a service as it is now.
type Task struct {
	ID       string
	Revision string
	Phase    Phase
	Wanted   bool // desired status is RUNNING
	Moving   bool // where it runs is to be emptied: it is replaced as the bounds allow
	Zone     string

	Created time.Time
	Since   time.Time // when it reached RUNNING; zero before

	Check   Check    // health of its essential containers
	Targets []Target // as each target group it belongs to reports it; empty without any

	GraceUntil     time.Time // failing health does not count before; zero is no grace
	ProtectedUntil time.Time // neither deployments nor scale-in stop it before; zero is never
}

// Phase is how far a task is in its life.
type Phase int

// The phases: before RUNNING, RUNNING, after RUNNING but not stopped, and STOPPED.
const (
	Starting Phase = iota
	Running
	Leaving
	Stopped
)

// Check is what the health checks of a task's essential containers say together.
type Check int

// The results of container health checks. NoCheck is a task none of whose essential containers
// has one: ECS shows it as UNKNOWN for ever, and it must not be waited for.
const (
	NoCheck Check = iota
	CheckUnknown
	CheckHealthy
	CheckUnhealthy
)

// Target is a task's health in one target group.
type Target struct {
	Group string // name, for reasons
	State TargetState
}

// TargetState is what a target group reports.
type TargetState int

// The states of a target. Unused is a target whose group no load balancer sends traffic to: it
// is not checked, so it is not waited for.
const (
	TargetInitial TargetState = iota
	TargetHealthy
	TargetUnhealthy
	TargetDraining
	TargetUnused
)

// Settle is how long a task without any health check runs before ECS counts it as healthy.
//
// Source: ecs.md 5.1, "40 s after reaching RUNNING".
const Settle = 40 * time.Second

// Healthy reports whether a task counts towards the lower bound, and if it does not but will
// by the mere passing of time, when; at is zero otherwise.
//
// Source: the table of ecs.md 5.1.
func Healthy(t Task, now time.Time) (healthy bool, at time.Time) {
	if !t.Wanted || t.Phase != Running || t.Check == CheckUnknown || t.Check == CheckUnhealthy {
		return false, time.Time{}
	}
	checked := t.Check == CheckHealthy
	for _, g := range t.Targets {
		if g.State == TargetUnused {
			continue
		}
		if g.State != TargetHealthy {
			return false, time.Time{}
		}
		checked = true
	}
	if settled := t.Since.Add(Settle); !checked && now.Before(settled) {
		return false, settled
	}
	return true, time.Time{}
}

// Sick reports whether a task has failed a health check outside its grace period and must be
// replaced; and if its failing only waits for the end of the grace period, when that is.
//
// Source: ecs.md 5.4 and 3.9. The grace period covers container checks as well.
func Sick(t Task, now time.Time) (sick bool, at time.Time) {
	if !t.Wanted || t.Phase != Running || Ailment(t) == (Ill{}) {
		return false, time.Time{}
	}
	if now.Before(t.GraceUntil) {
		return false, t.GraceUntil
	}
	return true, time.Time{}
}

// Ill is what is wrong with a task. The zero value is nothing.
type Ill struct {
	Container bool   // a container health check fails
	Group     string // the first target group that reports it unhealthy
}

// Ailment says which health check of a task fails, its grace period aside.
func Ailment(t Task) Ill {
	ill := Ill{Container: t.Check == CheckUnhealthy}
	for _, g := range t.Targets {
		if g.State == TargetUnhealthy {
			ill.Group = g.Group
			break
		}
	}
	return ill
}

// protected reports whether a task may not be stopped by a deployment or by scale-in.
func protected(t Task, now time.Time) bool { return now.Before(t.ProtectedUntil) }
