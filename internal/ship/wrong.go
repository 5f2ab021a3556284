package ship

import (
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/slipway-ecs/slipway/internal/sdk"
)

// longDelay is the deregistration delay from which on old tasks are worth a word.
const longDelay = 60 * time.Second

// wrong gives what is wrong beforehand, the gravest first.
func (e *estimate) wrong() []Wrong {
	out := []Wrong{}
	add := func(code, hint, format string, args ...any) {
		out = append(out, Wrong{Code: code, Hint: hint, Text: fmt.Sprintf(format, args...)})
	}
	if d := primary(e.p.Live); d != nil && d.RolloutState == types.DeploymentRolloutStateInProgress {
		add("deployment.busy", "wait for it with `slipway wait`, or end it with `slipway abort`",
			"deployment %s of %s is in progress: another takes its place", aws.ToString(d.Id), last(aws.ToString(d.TaskDefinition)))
	}
	lower, upper := e.bounds()
	if e.deadlocked() {
		add("percents.deadlock", "raise maximumPercent, or lower minimumHealthyPercent",
			"no task can be replaced: %d of %d must stay healthy and only %d may exist", lower, e.desired, upper)
	}
	if !e.shifts() && !e.p.Creates && e.desired > 0 && lower == 0 {
		add("percents.outage", "raise minimumHealthyPercent, or add a task", "all tasks may be stopped before the first new one is healthy")
	}
	if e.stuck() {
		peak, _ := e.peak()
		add("room.short", "add instances, or have old tasks stop first with a lower minimumHealthyPercent",
			"the cluster's instances have room for %d more task%s, and up to %d must find some beside those that run", e.f.Room.Free, plural(e.f.Room.Free), e.more(peak))
	}
	if e.f.EmptyRule != "" {
		add("rule.empty", "point the rule at the group that has the tasks, or deploy to fill it", "%s", e.f.EmptyRule)
	}
	for _, a := range e.f.Alarming {
		if e.f.Driven != nil {
			add("alarm.already", "end the alarm first", "alarm %s is in ALARM already: CodeDeploy stops the deployment as soon as it begins", a)
			continue
		}
		add("alarm.already", "end the alarm first, or know that no alarm guards this deployment", "alarm %s is in ALARM already: ECS leaves alarms out of account for the whole deployment", a)
	}
	if e.f.Protected > 0 {
		add("tasks.protected", "end the protection, or wait until it expires", "%d task%s protected against scale-in: the deployment waits for %s", e.f.Protected, plural(e.f.Protected)+are(e.f.Protected), them(e.f.Protected))
	}
	if e.f.Driven != nil {
		e.times(add)
		return append(e.f.Driven.Wrong, out...)
	}
	if e.controller() != types.DeploymentControllerTypeEcs {
		e.times(add)
		return out
	}
	breaker := e.c.DeploymentCircuitBreaker != nil && e.c.DeploymentCircuitBreaker.Enable
	alarms := e.c.Alarms != nil && e.c.Alarms.Enable
	switch {
	case !breaker && !alarms:
		add("breaker.off", "add 'breaker: on' to the strategy", "the circuit breaker is off and no alarm guards: tasks that cannot start are started again for ever")
	case !breaker:
		add("breaker.off", "add 'breaker: on' to the strategy", "the circuit breaker is off: tasks that cannot start are started again until an alarm says so")
	case !e.c.DeploymentCircuitBreaker.Rollback && !e.shifts():
		add("breaker.stops", "write 'on-fail: rollback'", "the circuit breaker stops a failed deployment and does not roll it back")
	}
	e.times(add)
	return out
}

// times compares grace, stop and drain times with each other.
func (e *estimate) times(add func(code, hint, format string, args ...any)) {
	if !e.balanced {
		return
	}
	var grace int32
	if e.p.Live != nil {
		grace = aws.ToInt32(e.p.Live.HealthCheckGracePeriodSeconds)
	}
	if v := e.p.Update["healthCheckGracePeriodSeconds"]; v != nil {
		grace = int32(number(v, 0))
	}
	for _, c := range containersOf(e.p.Definition) {
		h, ok := c["healthCheck"].(sdk.Tree)
		if !ok {
			continue
		}
		if start := number(h["startPeriod"], 0); start > int(grace) {
			add("grace.short", fmt.Sprintf("set healthCheckGracePeriodSeconds to %d or more", start),
				"container %s may take %d s to start, and the load balancer's checks count after %d s", text(c["name"]), start, grace)
		}
	}
	stop := stopTimeout
	for _, c := range containersOf(e.p.Definition) {
		if c["stopTimeout"] != nil {
			stop = time.Duration(number(c["stopTimeout"], 30)) * time.Second
		}
	}
	for _, g := range e.f.Groups {
		if g.Delay > longDelay && g.Delay > stop {
			add("drain.long", "lower deregistration_delay.timeout_seconds to what your longest request takes",
				"each old task may drain for %d s before it is asked to stop, and has %d s for that", int(g.Delay/time.Second), int(stop/time.Second))
		}
	}
}

func are(n int) string {
	if n == 1 {
		return " is"
	}
	return " are"
}

func them(n int) string {
	if n == 1 {
		return "it"
	}
	return "them"
}
