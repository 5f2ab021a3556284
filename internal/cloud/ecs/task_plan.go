package ecs

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/slipway-ecs/slipway/internal/launch"
	"github.com/slipway-ecs/slipway/internal/reconcile"
)

// What a task needs next, as functions of its row, its definition and the time. task_keeper.go acts.

// The times a container stop and a restart take where the definition says nothing (ecs.md 4.3, 2.7).
const (
	stopTimeout   = 30 * time.Second
	restartPeriod = 300 * time.Second
)

// failedToStart is the stoppedReason of a task whose containers' reasons tell the cause.
const failedToStart = "Task failed to start"

// started says that the container's program was started, whether it still runs or not.
func (c *Container) started() bool { return c.Handle != nil }

// running says that the container's program was started and has not ended.
func (c *Container) running() bool { return c.Handle != nil && c.Last == "RUNNING" }

// definitionOf gives a container's part of the definition.
func definitionOf(d *types.TaskDefinition, name string) *types.ContainerDefinition {
	for i := range d.ContainerDefinitions {
		if text(d.ContainerDefinitions[i].Name) == name {
			return &d.ContainerDefinitions[i]
		}
	}
	panic("ecs: a task has container " + name + ", its definition has not")
}

func (t *Task) container(name string) *Container {
	for i := range t.Containers {
		if t.Containers[i].Name == name {
			return &t.Containers[i]
		}
	}
	return nil
}

// verdict says whether a container may start.
type verdict struct {
	ok    bool
	never string    // why it never may; empty while it may still
	wake  time.Time // when never becomes true by the passing of time; zero never
}

// startable says whether a container that has not started may, by what it depends on. slow turns
// a limit on real work into internal time.
//
// Source: ecs.md 4.3. startTimeout is the dependency's own and bounds the wait from its start on.
func startable(t *Task, d *types.TaskDefinition, c *Container, now time.Time, slow func(time.Duration) time.Duration) verdict {
	v := verdict{ok: true}
	for _, dep := range definitionOf(d, c.Name).DependsOn {
		on := t.container(text(dep.ContainerName))
		met, never := meets(on, dep.Condition)
		if met {
			continue
		}
		v.ok = false
		limit := definitionOf(d, on.Name).StartTimeout
		if limit != nil && on.started() {
			at := on.Started.Add(slow(time.Duration(*limit) * time.Second))
			if never = never || !now.Before(at); !never && (v.wake.IsZero() || at.Before(v.wake)) {
				v.wake = at
			}
			if never {
				v.never = fmt.Sprintf("dependency graph: container ordering dependency [%s] for target [%s] has timed out.", on.Name, c.Name)
				return v
			}
		}
		if never {
			v.never = fmt.Sprintf("dependency graph: container ordering dependency [%s] for target [%s] cannot be met: %s.", on.Name, c.Name, dep.Condition)
			return v
		}
	}
	return v
}

// meets says whether a dependency is as a condition wants it, or never will be.
func meets(on *Container, condition types.ContainerCondition) (met, never bool) {
	ended := on.Last == "STOPPED"
	if ended && !on.started() {
		return false, true
	}
	switch condition {
	case types.ContainerConditionStart:
		return on.started(), false
	case types.ContainerConditionComplete:
		return ended, false
	case types.ContainerConditionSuccess:
		good := ended && on.Exit != nil && *on.Exit == 0
		return good, ended && !good
	case types.ContainerConditionHealthy:
		return on.WasWell, ended && !on.WasWell
	}
	return false, true
}

// stoppable says whether a running container may be stopped: nothing that depends on it is left.
func stoppable(t *Task, d *types.TaskDefinition, c *Container) bool {
	for i := range t.Containers {
		other := &t.Containers[i]
		if other.Last == "STOPPED" {
			continue
		}
		for _, dep := range definitionOf(d, other.Name).DependsOn {
			if text(dep.ContainerName) == c.Name {
				return false
			}
		}
	}
	return true
}

// restartable says whether a container that ended starts again in place (ecs.md 4.3).
func restartable(c *Container, p *types.ContainerRestartPolicy) bool {
	if p == nil || p.Enabled == nil || !*p.Enabled || c.Exit == nil || slices.Contains(p.IgnoredExitCodes, int32(*c.Exit)) {
		return false
	}
	period := restartPeriod
	if p.RestartAttemptPeriod != nil {
		period = time.Duration(*p.RestartAttemptPeriod) * time.Second
	}
	return c.Ended.Sub(c.Started) >= period
}

// health gives a task's health status from its essential containers that have a health check.
//
// Source: ecs.md 4.4. Containers without one stay UNKNOWN and do not count, as ECS's agent has it.
func (t *Task) health() string {
	switch t.check() {
	case reconcile.CheckUnhealthy:
		return "UNHEALTHY"
	case reconcile.CheckHealthy:
		return "HEALTHY"
	}
	return "UNKNOWN"
}

func (t *Task) check() reconcile.Check {
	check := reconcile.NoCheck
	for _, c := range t.Containers {
		if !c.Essential {
			continue
		}
		switch c.Health {
		case "UNHEALTHY":
			return reconcile.CheckUnhealthy
		case "UNKNOWN":
			check = reconcile.CheckUnknown
		case "HEALTHY":
			if check == reconcile.NoCheck {
				check = reconcile.CheckHealthy
			}
		}
	}
	return check
}

// checked gives a container after a health check: n failures in a row make it UNHEALTHY, one
// success HEALTHY. Failures within startPeriod do not count, unless it was healthy before.
//
// Source: ecs.md 4.4.
func checked(c Container, h *types.HealthCheck, passed bool, at time.Time) Container {
	c.CheckedAt = at
	was := c.Health
	start := time.Duration(*or(h.StartPeriod, 0)) * time.Second
	switch {
	case passed:
		c.Failing, c.Health, c.WasWell = 0, "HEALTHY", true
	case !c.WasWell && at.Before(c.Started.Add(start)):
	default:
		if c.Failing++; c.Failing >= int(*or(h.Retries, checkRetries)) {
			c.Health = "UNHEALTHY"
		}
	}
	if c.Health != was {
		c.HealthSince = at
	}
	return c
}

// judged takes in how the command of a check ended. One that ended because its container did tells
// nothing of health.
func judged(c Container, h *types.HealthCheck, code int, err error, at time.Time) Container {
	if errors.Is(err, launch.ErrEnded) || errors.Is(err, launch.ErrGone) {
		c.CheckedAt = at
		return c
	}
	return checked(c, h, err == nil && code == 0, at)
}

// nextCheck says when a container's health is to be checked next.
func nextCheck(c *Container, h *types.HealthCheck) time.Time {
	last := c.CheckedAt
	if last.Before(c.Started) {
		last = c.Started
	}
	return last.Add(time.Duration(*or(h.Interval, checkInterval)) * time.Second)
}

// drains says whether the end of a task waits for its load balancers to be done with it. It does
// not where what they send requests to has died already, or will within two minutes.
func (t *Task) drains() bool {
	if t.StopCode == "EssentialContainerExited" || t.StopCode == "TaskFailedToStart" || t.StopCode == spotInterruption {
		return false
	}
	for i := range t.Containers {
		if t.Containers[i].running() {
			return true
		}
	}
	return false
}

// observed gives the task as reconcile sees it. Its revision is the digits of its deployment.
func (t *Task) observed() reconcile.Task {
	o := reconcile.Task{
		ID: t.ARN, Revision: t.Deployment, Wanted: t.Desired == "RUNNING", Zone: t.Zone,
		Created: t.Created, Since: t.Started, Check: t.check(), GraceUntil: t.GraceUntil,
	}
	switch {
	case started(t.Last):
		o.Phase = reconcile.Starting
	case t.Last == "RUNNING":
		o.Phase = reconcile.Running
	case t.Last == "STOPPED":
		o.Phase = reconcile.Stopped
	default:
		o.Phase = reconcile.Leaving
	}
	if t.Protected {
		o.ProtectedUntil = t.ProtectEnd
		if t.ProtectEnd.IsZero() {
			o.ProtectedUntil = t.Created.AddDate(1000, 0, 0)
		}
	}
	for _, g := range t.Targets {
		state := reconcile.TargetInitial
		switch g.State {
		case "healthy":
			state = reconcile.TargetHealthy
		case "unhealthy":
			state = reconcile.TargetUnhealthy
		case "draining":
			state = reconcile.TargetDraining
		case "unused":
			state = reconcile.TargetUnused
		}
		o.Targets = append(o.Targets, reconcile.Target{Group: g.Group, State: state})
	}
	return o
}
