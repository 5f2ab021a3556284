package code

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codedeploy"
	"github.com/aws/aws-sdk-go-v2/service/codedeploy/types"
	ecstypes "github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/slipway-ecs/slipway/internal/clock"
	"github.com/slipway-ecs/slipway/internal/sdk"
	"github.com/slipway-ecs/slipway/internal/ship"
	"github.com/slipway-ecs/slipway/internal/ship/explain"
	"github.com/slipway-ecs/slipway/internal/ship/look"
)

var _ look.Driver = (*Engine)(nil)

const (
	describes = 25 // deployments one call describes
	atOnce    = 8  // deployments looked at side by side
)

// Past gives the deployments of the service's group, newest first, rollback deployments among them.
func (e *Engine) Past(ctx context.Context, s *ecstypes.Service, limit int) ([]look.Deployment, error) {
	g, err := e.group(ctx, s)
	if err != nil {
		return nil, err
	}
	ids, err := e.list(ctx, g)
	if err != nil {
		return nil, sdk.Explain(err, "list the deployments of "+nameOf(*g))
	}
	if limit > 0 {
		ids = ids[:min(len(ids), limit)]
	}
	known := map[string]types.DeploymentInfo{}
	for some := range slices.Chunk(ids, describes) {
		out, err := e.CodeDeploy.BatchGetDeployments(ctx, &codedeploy.BatchGetDeploymentsInput{DeploymentIds: some})
		if err != nil {
			return nil, sdk.Explain(err, "describe the deployments of "+nameOf(*g))
		}
		for _, d := range out.DeploymentsInfo {
			known[aws.ToString(d.DeploymentId)] = d
		}
	}
	// Some were forgotten meanwhile.
	ids = slices.DeleteFunc(ids, func(id string) bool { _, ok := known[id]; return !ok })
	all, errs := make([]look.Deployment, len(ids)), make([]error, len(ids))
	for some := range slices.Chunk(ids, atOnce) {
		var wg sync.WaitGroup
		first := slices.Index(ids, some[0])
		for i, id := range some {
			wg.Go(func() {
				d := known[id]
				var back *types.DeploymentInfo
				if back, errs[first+i] = e.undoing(ctx, &d, known); errs[first+i] == nil {
					all[first+i] = e.shown(ctx, &d, back)
				}
			})
		}
		wg.Wait()
	}
	for i := range all {
		if undone, ok := known[rolledBy(new(known[all[i].ARN]))]; ok {
			e.brought(ctx, &all[i], &undone)
		}
	}
	return all, errors.Join(errs...)
}

// brought corrects what a rollback deployment has brought: CodeDeploy gives it the revision that it
// undoes where none has succeeded before. What served then is known where we began the one undone.
func (e *Engine) brought(ctx context.Context, back *look.Deployment, undone *types.DeploymentInfo) {
	if back.Revision != last(e.deploys(ctx, undone)) {
		return
	}
	_, back.Revision, _ = strings.Cut(aws.ToString(undone.Description), inPlace)
}

// undoing gives the rollback deployment of a deployment, or nil.
func (e *Engine) undoing(ctx context.Context, d *types.DeploymentInfo, known map[string]types.DeploymentInfo) (*types.DeploymentInfo, error) {
	if d.RollbackInfo == nil || aws.ToString(d.RollbackInfo.RollbackDeploymentId) == "" {
		return nil, nil
	}
	id := *d.RollbackInfo.RollbackDeploymentId
	if back, ok := known[id]; ok {
		return &back, nil
	}
	back, err := e.read(ctx, id)
	if err != nil {
		return nil, sdk.Explain(err, "read deployment "+id)
	}
	return back, nil
}

// shown takes from a deployment, and the one that rolled it back, what people look at.
func (e *Engine) shown(ctx context.Context, d, back *types.DeploymentInfo) look.Deployment {
	out := look.Deployment{ARN: aws.ToString(d.DeploymentId), Status: string(d.Status), Strategy: aws.ToString(d.DeploymentConfigName),
		Revision: last(e.deploys(ctx, d)), Created: d.CreateTime, Finished: d.CompleteTime}
	if d.CreateTime != nil && d.CompleteTime != nil {
		out.Millis = d.CompleteTime.Sub(*d.CreateTime).Milliseconds()
	}
	if id := rolledBy(d); id != "" {
		out.Cause = "takes back " + id
	}
	switch {
	case slices.Contains(going, d.Status):
		w := waitsOf(d.BlueGreenDeploymentConfiguration, d.LoadBalancerInfo)
		if d.Status == types.DeploymentStatusReady {
			out.Stage = readyWait
			out.Hooks = []look.Hook{{ID: out.ARN + "/" + readyWait, Type: "PAUSE", Status: "AWAITING_ACTION", Action: "ROLLBACK"}}
		} else if d.InstanceTerminationWaitTimeStarted && w.termination > 0 {
			out.Stage = terminationWait
		}
	case d.Status == types.DeploymentStatusSucceeded:
		out.Verdict = ship.Succeeded
	default:
		out.Verdict, out.Cause = ship.Stopped, reason(d)
		switch {
		case back == nil:
		case slices.Contains(going, back.Status):
			out.Verdict, out.Status = "", "rolling back by "+aws.ToString(back.DeploymentId)
		case back.Status == types.DeploymentStatusSucceeded:
			out.Verdict = ship.RolledBack
		default:
			out.Verdict = ship.Failed
		}
	}
	return out
}

// Facts reads a deployment's target: the event it is at, the task set it made, and of an event that
// failed what is known of it.
func (e *Engine) Facts(ctx context.Context, s *ecstypes.Service, d *look.Deployment) (*explain.Deployment, error) {
	info, err := e.read(ctx, d.ARN)
	if err != nil {
		return nil, sdk.Explain(err, "read deployment "+d.ARN)
	}
	r := &rollout{e: e, id: d.ARN, info: info, revisions: map[string]string{}, told: map[string]string{},
		s: ship.Start{Service: s, Clock: clock.Real{}, Tell: func(ship.Event) {}}}
	if err := r.readTarget(ctx, d.ARN); err != nil {
		return nil, sdk.Explain(err, "read the target of "+d.ARN)
	}
	if d.Verdict == "" {
		d.Stage = stage(info, r.target)
	}
	out := &explain.Deployment{Status: d.Status, Stage: d.Stage}
	if d.Verdict == ship.Succeeded {
		out.Status = "SUCCESSFUL"
	}
	for _, h := range d.Hooks {
		w := waitsOf(info.BlueGreenDeploymentConfiguration, info.LoadBalancerInfo)
		if at := r.finished(); !at.IsZero() && w.ready > 0 {
			d.Hooks[0].Expires = aws.Time(at.Add(w.ready))
		}
		out.Hooks = append(out.Hooks, explain.Hook{ID: h.ID, Type: h.Type, Status: h.Status})
	}
	if i := info.ErrorInformation; i != nil {
		out.Code, out.Reason = string(i.Code), aws.ToString(i.Message)
		out.Triggered = explain.FiringIn(out.Reason)
	}
	if r.target == nil {
		return out, nil
	}
	for _, set := range r.target.TaskSetsInfo {
		if set.TaskSetLabel == types.TargetLabelGreen {
			d.To = last(aws.ToString(set.Identifer))
		} else {
			d.From = []string{last(aws.ToString(set.Identifer))}
		}
	}
	for _, one := range r.target.LifecycleEvents {
		d.Events = append(d.Events, look.Step{Name: aws.ToString(one.LifecycleEventName), Status: string(one.Status), Began: one.StartTime, Ended: one.EndTime})
		if one.Status == types.LifecycleEventStatusFailed {
			out.Event, out.Function, out.Log = aws.ToString(one.LifecycleEventName), r.function(ctx, one), r.hookLog(ctx, one)
			if d.Cause != "" {
				d.Cause = out.Event + ": " + d.Cause
			}
		}
	}
	return out, nil
}

// Good gives the definition that a rollback would go back to now, or "".
func (e *Engine) Good(ctx context.Context, s *ecstypes.Service) (arn string, err error) {
	_, arn, err = e.Earlier(ctx, ship.Start{Service: s})
	return arn, err
}

// Watched names the alarms of the service's group.
func (e *Engine) Watched(ctx context.Context, s *ecstypes.Service) (names []string, err error) {
	g, err := e.group(ctx, s)
	if err != nil || g.AlarmConfiguration == nil || !g.AlarmConfiguration.Enabled {
		return nil, err
	}
	for _, a := range g.AlarmConfiguration.Alarms {
		names = append(names, aws.ToString(a.Name))
	}
	return names, nil
}
