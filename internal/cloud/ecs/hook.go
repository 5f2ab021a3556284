package ecs

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/slipway-ecs/slipway/internal/cloud"
	"github.com/slipway-ecs/slipway/internal/rollout"
)

// The kinds and the statuses of a lifecycle hook. Source: ecs.md 7.6, "lifecycleHookDetails".
//
//	pause:  AWAITING_ACTION ─► SUCCEEDED | FAILED | TIMED_OUT
//	Lambda: IN_PROGRESS     ─► SUCCEEDED | FAILED | TIMED_OUT
const (
	hookLambda = string(types.DeploymentLifecycleHookTargetTypeAwsLambda)
	hookPause  = string(types.DeploymentLifecycleHookTargetTypePause)

	hookAwaiting   = string(types.DeploymentLifecycleHookStatusAwaitingAction)
	hookInProgress = string(types.DeploymentLifecycleHookStatusInProgress)
	hookSucceeded  = string(types.DeploymentLifecycleHookStatusSucceeded)
	hookFailed     = string(types.DeploymentLifecycleHookStatusFailed)
	hookTimedOut   = string(types.DeploymentLifecycleHookStatusTimedOut)

	thenRollBack = string(types.DeploymentLifecycleHookActionRollback)
	thenContinue = string(types.DeploymentLifecycleHookActionContinue)
)

// back is how the plan ends the name of a gate that is asked again in a rollback.
const back = "/back"

// What a deployment says of a hook that ended it: the stage, and then what happened.
//
// Source: ecs.md 6.7. The words for a Lambda hook that timed out and for a pause that somebody
// ended by a rollback are unconfirmed.
const (
	hooksFailed    = "Service deployment rolled back because %s lifecycle hook(s) failed. %s"
	pauseTimedOut  = "Service deployment rolled back because %s pause hook timed out."
	pauseRejected  = "A rollback was requested for pause hook %s."
	saidFailed     = "Lifecycle hook target %s returned FAILED status."
	saidNonsense   = "ECS was unable to parse the response from %s due to %s"
	cannotInvoke   = "ECS was unable to invoke hook target %s due to %s"
	lambdaTimedOut = "Lifecycle hook target %s timed out."
)

// open reports whether a hook has come to no end yet.
func (h *Hook) open() bool { return h.Status == hookAwaiting || h.Status == hookInProgress }

// verdict is what a hook says to its gate.
func (h *Hook) verdict() rollout.Verdict {
	switch {
	case h.open():
		return rollout.Unknown
	case h.Status == hookSucceeded, h.Status == hookTimedOut && h.Action == thenContinue:
		return rollout.Pass
	}
	return rollout.Fail
}

// fail ends a hook for a reason.
func (h *Hook) fail(format string, args ...any) {
	h.Status, h.Why = hookFailed, fmt.Sprintf(hooksFailed, h.Stage, fmt.Sprintf(format, args...))
}

// verdicts says what the gates asked so far have come to: all hooks of a stage must succeed, and
// the first that fails decides.
//
// Source: ecs.md 7.6.
func (d *Deployment) verdicts() map[string]rollout.Verdict {
	if len(d.Hooks) == 0 {
		return nil
	}
	all := map[string]rollout.Verdict{}
	for i := range d.Hooks {
		h := &d.Hooks[i]
		was, asked := all[h.Gate]
		switch v := h.verdict(); {
		case !asked, v == rollout.Fail, was == rollout.Pass:
			all[h.Gate] = v
		}
	}
	return all
}

// withoutOpen gives the hooks that have come to an end: the others die with what asked them.
func withoutOpen(hooks []Hook) []Hook {
	return slices.DeleteFunc(slices.Clone(hooks), func(h Hook) bool { return h.open() })
}

// fault says in ECS's words what failed a deployment, where that was a hook, a stage that took too
// long (unconfirmed words) or the listener rules; "" else.
func (d *Deployment) fault() string {
	switch d.State.Cause {
	case rollout.ByGate:
		for i := range d.Hooks {
			if d.Hooks[i].verdict() == rollout.Fail {
				return d.Hooks[i].Why
			}
		}
	case rollout.ByDeadline:
		return fmt.Sprintf("Service deployment rolled back because the %s stage timed out.", d.Plan.At(d.State))
	case rollout.ByAbort:
		return d.Fault
	}
	return ""
}

// ask makes the hooks of a gate, unless they are there. Those of the stages before are forgotten.
//
// Source: ecs.md 7.6 and 7.7.
func (g *keeping) ask(d *Deployment, gate string) {
	if slices.ContainsFunc(d.Hooks, func(h Hook) bool { return h.Gate == gate }) {
		return
	}
	stage, _, _ := strings.Cut(gate, "/")
	var hooks []Hook
	if strings.HasSuffix(gate, back) {
		hooks = slices.Clone(d.Hooks)
	}
	config := cloud.Kept[*types.DeploymentConfiguration](d.Config)
	details := hookDetails(d.Config)
	for i, c := range config.LifecycleHooks {
		if !slices.Contains(c.LifecycleStages, types.DeploymentLifecycleHookStage(stage)) {
			continue
		}
		h := Hook{
			Gate: gate, Stage: stage, Target: hookLambda, Function: text(c.HookTargetArn), Status: hookInProgress,
			Action: thenRollBack, Details: details[i], Execution: g.s.o.IDs.UUID(), Next: g.now,
		}
		limit := mostLambdaMinutes
		if c.TargetType == types.DeploymentLifecycleHookTargetTypePause {
			h.Target, h.Status, h.Function = hookPause, hookAwaiting, ""
		}
		if t := c.TimeoutConfiguration; t != nil {
			if t.TimeoutInMinutes != nil {
				limit = int(*t.TimeoutInMinutes)
			}
			if t.Action != "" {
				h.Action = string(t.Action)
			}
		}
		h.ID = hookID(h.Target, g.s.o.IDs.Nano(43))
		h.Expires = g.now.Add(time.Duration(limit) * time.Minute)
		g.res.Sooner(h.Expires)
		hooks = append(hooks, h)
	}
	d.Hooks = hooks
}

// hookID makes a hook's id. That of Lambda hooks is unconfirmed. Source: ecs.md 1.2.
func hookID(target, id string) string {
	if target == hookPause {
		return "ecs-pause-" + id
	}
	return "ecs-lambda-" + id
}

// hookDetails gives the hookDetails of each hook of a kept configuration, as plain JSON.
func hookDetails(config json.RawMessage) []json.RawMessage {
	var c struct {
		LifecycleHooks []struct {
			HookDetails json.RawMessage `json:"hookDetails"`
		} `json:"lifecycleHooks"`
	}
	if err := json.Unmarshal(config, &c); err != nil {
		panic("ecs: a kept configuration cannot be read: " + err.Error())
	}
	all := make([]json.RawMessage, len(c.LifecycleHooks))
	for i, h := range c.LifecycleHooks {
		all[i] = h.HookDetails
	}
	return all
}

// expire ends the hooks whose time is up.
//
// Source: ecs.md 7.6 and 7.7, the time-outs.
func (g *keeping) expire(d *Deployment) {
	for i := range d.Hooks {
		h := d.Hooks[i]
		if !h.open() {
			continue
		}
		if g.now.Before(h.Expires) {
			g.res.Sooner(h.Expires)
			continue
		}
		h.Status = hookTimedOut
		if h.Why = fmt.Sprintf(pauseTimedOut, h.Stage); h.Target != hookPause {
			h.Why = fmt.Sprintf(hooksFailed, h.Stage, fmt.Sprintf(lambdaTimedOut, h.Function))
		}
		d.Hooks = slices.Clone(d.Hooks)
		d.Hooks[i] = h
	}
}

// hooksView gives the hooks that are asked now and those that have ended in the present stage, or
// in the stage in which the deployment failed.
//
// Source: ecs.md 7.6, "lifecycleHookDetails"; that ended ones stay is reasoned there.
func hooksView(d *Deployment) []types.DeploymentLifecycleHookDetail {
	stage := string(d.Plan.At(d.State))
	var all []types.DeploymentLifecycleHookDetail
	for i := range d.Hooks {
		h := &d.Hooks[i]
		if !h.open() && h.Stage != stage && !strings.HasSuffix(h.Gate, back) {
			continue
		}
		all = append(all, types.DeploymentLifecycleHookDetail{
			HookId: aws.String(h.ID), TargetType: types.DeploymentLifecycleHookTargetType(h.Target), TargetArn: orNil(h.Function),
			Status: types.DeploymentLifecycleHookStatus(h.Status), ExpiresAt: aws.Time(h.Expires),
			TimeoutAction: types.DeploymentLifecycleHookAction(h.Action),
		})
	}
	return all
}
