package code

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codedeploy/types"

	"github.com/slipway-ecs/slipway/internal/ship"
)

// end gives the verdict of a deployment that is over, or turns to the rollback deployment that
// follows it.
func (r *rollout) end(ctx context.Context) (ship.Sight, error) {
	if r.info.Status == types.DeploymentStatusSucceeded {
		return ship.Sight{Verdict: ship.Succeeded}, nil
	}
	if b := r.info.RollbackInfo; b != nil && aws.ToString(b.RollbackDeploymentId) != "" {
		r.undo, r.moved = *b.RollbackDeploymentId, true
		r.say(ship.Event{Kind: ship.KindStopping, Text: fmt.Sprintf("%s; rolling back by %s", r.cause(), r.undo)})
		return r.lookBack(ctx)
	}
	now := r.s.Clock.Now()
	if r.ended.IsZero() {
		r.ended = now
	}
	if r.undone() && now.Sub(r.ended) < undoing {
		r.info = nil // its rollback is named a moment later
		return ship.Sight{}, nil
	}
	return ship.Sight{Verdict: ship.Stopped, Cause: r.cause(), Details: r.details(ctx)}, nil
}

// undone reports whether a rollback is to follow this end.
func (r *rollout) undone() bool {
	if r.asked {
		return true
	}
	a := r.info.AutoRollbackConfiguration
	if a == nil || !a.Enabled {
		return false
	}
	code := types.ErrorCode("")
	if r.info.ErrorInformation != nil {
		code = r.info.ErrorInformation.Code
	}
	switch {
	case r.info.Status == types.DeploymentStatusFailed:
		return slices.Contains(a.Events, types.AutoRollbackEventDeploymentFailure)
	case code == types.ErrorCodeAlarmActive:
		return slices.Contains(a.Events, types.AutoRollbackEventDeploymentStopOnAlarm)
	}
	return slices.Contains(a.Events, types.AutoRollbackEventDeploymentStopOnRequest)
}

// lookBack follows the rollback deployment. Only when the old task set serves all is it rolled back.
func (r *rollout) lookBack(ctx context.Context) (ship.Sight, error) {
	d, err := r.e.read(ctx, r.undo)
	if err != nil {
		return ship.Sight{}, err
	}
	if err := r.readTarget(ctx, r.undo); err != nil {
		return ship.Sight{}, err
	}
	if slices.Contains(going, d.Status) {
		return ship.Sight{Stage: "rolling back"}, nil
	}
	out := ship.Sight{Verdict: ship.Failed, Cause: r.cause()}
	if d.Status != types.DeploymentStatusSucceeded {
		out.Cause += fmt.Sprintf("; and its rollback %s ended %s: %s", r.undo, d.Status, reason(d))
		out.Details = r.details(ctx)
		return out, nil
	}
	service, err := r.e.service(ctx, r.s)
	if err != nil {
		return ship.Sight{}, err
	}
	p := serving(service)
	if p != nil && aws.ToString(p.ExternalId) != r.id {
		out.Verdict, out.Serves, out.Details = ship.RolledBack, aws.ToString(p.TaskDefinition), r.details(ctx)
		return out, nil
	}
	now := r.s.Clock.Now()
	if r.back.IsZero() {
		r.back = now
	}
	if now.Sub(r.back) < undoing {
		return ship.Sight{Stage: "rolling back"}, nil
	}
	out.Cause += fmt.Sprintf("; its rollback %s succeeded, and still the new task set is the PRIMARY one", r.undo)
	out.Details = r.details(ctx)
	return out, nil
}

func reason(d *types.DeploymentInfo) string {
	if e := d.ErrorInformation; e != nil {
		return strings.TrimSuffix(strings.TrimPrefix(string(e.Code)+": "+aws.ToString(e.Message), ": "), ".")
	}
	return "CodeDeploy says no reason"
}

// cause gives in one line why the deployment ended.
func (r *rollout) cause() string {
	at := ""
	if r.target != nil {
		for _, e := range r.target.LifecycleEvents {
			if e.Status == types.LifecycleEventStatusFailed {
				at = " at " + aws.ToString(e.LifecycleEventName)
			}
		}
	}
	return strings.ToLower(string(r.info.Status)) + at + ": " + reason(r.info)
}

// details gives what the failed events say: function, message, and the end of the function's log.
func (r *rollout) details(ctx context.Context) []string {
	if r.target == nil {
		return nil
	}
	var out []string
	for _, e := range r.target.LifecycleEvents {
		d := e.Diagnostics
		if e.Status != types.LifecycleEventStatusFailed {
			continue
		}
		if d == nil {
			d = &types.Diagnostics{}
		}
		line := aws.ToString(e.LifecycleEventName)
		for _, part := range []string{aws.ToString(d.ScriptName), string(d.ErrorCode), aws.ToString(d.Message)} {
			if part != "" {
				line += ": " + part
			}
		}
		if line != aws.ToString(e.LifecycleEventName) {
			out = append(out, line)
		}
		log := r.hookLog(ctx, e)
		for l := range strings.Lines(aws.ToString(d.LogTail)) {
			if l = strings.TrimSpace(l); l != "" && len(log) < mostLines {
				log = append(log, l)
			}
		}
		for _, l := range log {
			out = append(out, "log: "+l)
		}
	}
	return out
}
