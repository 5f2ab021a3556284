package codedeploy

import (
	"cmp"
	"context"
	"slices"

	sdk "github.com/aws/aws-sdk-go-v2/service/codedeploy"
	"github.com/aws/aws-sdk-go-v2/service/codedeploy/types"

	"github.com/slipway-ecs/slipway/internal/names"
	"github.com/slipway-ecs/slipway/internal/rollout"
	"github.com/slipway-ecs/slipway/internal/store"
)

// snap keeps how both task sets look, and for one that is gone how it looked last.
//
// Source: codedeploy.md 12.2.
func (n *driving) snap() {
	d := &n.d
	share := n.share(rollout.Production)
	for i := range n.service.Sets {
		set := &n.service.Sets[i]
		if set.Status == "DRAINING" || set.ID != d.Blue && set.ID != d.Green {
			continue
		}
		v := SetView{
			ID: set.ID, Status: set.Status, Group: groupName(set.Group), Want: set.Want, Running: set.Running, Pending: set.Pending,
			Share: rollout.All - share, Green: set.ID == d.Green,
		}
		if v.Green {
			v.Share = share
		}
		if j := slices.IndexFunc(d.Sets, func(old SetView) bool { return old.ID == set.ID }); j >= 0 {
			d.Sets[j] = v
		} else {
			d.Sets = append(d.Sets, v)
		}
	}
}

// groupName gives a target group's name out of its ARN.
func groupName(arn string) string {
	a, _ := names.ParseARN(arn)
	if path := a.Path(); len(path) > 0 {
		return path[0]
	}
	return arn
}

// target gives the one target of a deployment.
func (s *Service) target(tx *store.Tx, d Deployment) *types.DeploymentTarget {
	if d.active() {
		n := driving{s: s, tx: tx, now: tx.Now(), d: d}
		n.d.Sets = slices.Clone(d.Sets)
		if service, err := s.o.Fleet.Find(tx, d.Scope, d.Cluster, d.ServiceName); err == nil {
			n.service = service
			n.snap()
		}
		d.Sets = n.d.Sets
	}
	v := &types.ECSTarget{
		DeploymentId: new(d.ID), TargetId: new(d.targetID()), TargetArn: new(d.Service), LastUpdatedAt: new(d.Updated),
		LifecycleEvents: []types.LifecycleEvent{}, TaskSetsInfo: []types.ECSTaskSet{}, Status: types.TargetStatus(d.Status),
	}
	switch d.Status {
	case created:
		v.Status = types.TargetStatusPending
	case stopped:
		v.Status = types.TargetStatusFailed
	}
	for _, e := range d.Events {
		event := types.LifecycleEvent{LifecycleEventName: new(e.Name), Status: types.LifecycleEventStatus(e.Status)}
		if !e.Start.IsZero() {
			event.StartTime = new(e.Start)
		}
		if !e.End.IsZero() {
			event.EndTime = new(e.End)
		}
		if t := e.Trouble; t != nil {
			event.Diagnostics = &types.Diagnostics{ErrorCode: types.LifecycleErrorCodeUnknownError, Message: new(cmp.Or(t.Raised, t.Message)), ScriptName: new(t.Script), LogTail: new(t.Log)}
			switch {
			case t.Message == hookTimedOut:
				event.Diagnostics.ErrorCode = types.LifecycleErrorCodeScriptTimedOut
			case t.Code == "INVALID_LAMBDA_FUNCTION":
				event.Diagnostics.ErrorCode = types.LifecycleErrorCodeScriptMissing
			case t.Script != "":
				event.Diagnostics.ErrorCode = types.LifecycleErrorCodeScriptFailed
			}
		}
		v.LifecycleEvents = append(v.LifecycleEvents, event)
	}
	for _, set := range d.Sets {
		label := types.TargetLabelBlue
		if set.Green {
			label = types.TargetLabelGreen
		}
		v.TaskSetsInfo = append(v.TaskSetsInfo, types.ECSTaskSet{
			Identifer: new(set.ID), DesiredCount: int64(set.Want), RunningCount: int64(set.Running), PendingCount: int64(set.Pending),
			Status: new(set.Status), TargetGroup: &types.TargetGroupInfo{Name: new(set.Group)}, TaskSetLabel: label,
			TrafficWeight: float64(set.Share) / 100,
		})
	}
	return &types.DeploymentTarget{DeploymentTargetType: types.DeploymentTargetTypeEcsTarget, EcsTarget: v}
}

// targeted finds a deployment whose targets are asked for.
//
// Errors: those of deploymentOf; DeploymentNotStartedException.
func (s *Service) started(tx *store.Tx, ctx context.Context, id *string) (Deployment, error) {
	d, err := s.deploymentOf(tx, scopeOf(ctx), id)
	if err == nil && d.Status == created {
		err = refuse("DeploymentNotStartedException", "The deployment %s has not started", d.ID)
	}
	return d, err
}

// GetDeploymentTarget describes the target of a deployment.
func (s *Service) GetDeploymentTarget(ctx context.Context, in *sdk.GetDeploymentTargetInput) (*sdk.GetDeploymentTargetOutput, error) {
	out := &sdk.GetDeploymentTargetOutput{}
	err := s.store.View(func(tx *store.Tx) error {
		d, err := s.started(tx, ctx, in.DeploymentId)
		switch {
		case err != nil:
			return err
		case text(in.TargetId) != d.targetID():
			return refuse("DeploymentTargetDoesNotExistException", "The deployment target %s does not exist", text(in.TargetId))
		}
		out.DeploymentTarget = s.target(tx, d)
		return nil
	})
	return out, err
}

// BatchGetDeploymentTargets describes up to 25 targets of a deployment. Without ids it describes
// all there are, which is one.
func (s *Service) BatchGetDeploymentTargets(ctx context.Context, in *sdk.BatchGetDeploymentTargetsInput) (*sdk.BatchGetDeploymentTargetsOutput, error) {
	if len(in.TargetIds) > mostDeployments {
		return nil, refuse("DeploymentTargetListSizeExceededException", "The maximum number of targets that can be asked for (%d) was exceeded", mostDeployments)
	}
	out := &sdk.BatchGetDeploymentTargetsOutput{DeploymentTargets: []types.DeploymentTarget{}}
	err := s.store.View(func(tx *store.Tx) error {
		d, err := s.started(tx, ctx, in.DeploymentId)
		if err != nil {
			return err
		}
		for _, id := range in.TargetIds {
			if id != d.targetID() {
				return refuse("DeploymentTargetDoesNotExistException", "The deployment target %s does not exist", id)
			}
		}
		out.DeploymentTargets = append(out.DeploymentTargets, *s.target(tx, d))
		return nil
	})
	return out, err
}

// ListDeploymentTargets gives the ids of a deployment's targets.
func (s *Service) ListDeploymentTargets(ctx context.Context, in *sdk.ListDeploymentTargetsInput) (*sdk.ListDeploymentTargetsOutput, error) {
	for name := range in.TargetFilters {
		if name != "TargetStatus" && name != "ServerInstanceLabel" {
			return nil, refuse("InvalidTargetFilterNameException", "The target filter name is invalid: %s", name)
		}
	}
	for _, status := range in.TargetFilters["TargetStatus"] {
		if !slices.Contains(types.TargetStatus("").Values(), types.TargetStatus(status)) {
			return nil, refuse("InvalidInstanceStatusException", "The instance status is invalid: %s", status)
		}
	}
	out := &sdk.ListDeploymentTargetsOutput{}
	err := s.store.View(func(tx *store.Tx) error {
		d, err := s.started(tx, ctx, in.DeploymentId)
		if err != nil {
			return err
		}
		ids := []string{d.targetID()}
		want, filtered := in.TargetFilters["TargetStatus"]
		if filtered && !slices.Contains(want, string(s.target(tx, d).EcsTarget.Status)) {
			ids = nil
		}
		out.TargetIds, out.NextToken, err = paged(ids, in.NextToken)
		return err
	})
	return out, err
}
