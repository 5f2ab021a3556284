package codedeploy

import (
	"cmp"
	"context"
	"slices"

	sdk "github.com/aws/aws-sdk-go-v2/service/codedeploy"
	"github.com/aws/aws-sdk-go-v2/service/codedeploy/types"

	"github.com/slipway-ecs/slipway/internal/cloud"
	"github.com/slipway-ecs/slipway/internal/names"
	"github.com/slipway-ecs/slipway/internal/store"
	"github.com/slipway-ecs/slipway/internal/strategy"
)

// mostDeployments is how many deployments one BatchGetDeployments may ask for, and how many
// targets or revisions its like. Source: codedeploy.md 16.
const mostDeployments = 25

// idRule is what deployment ids look like.
var idRule = names.Text{Min: 11, Max: 11, Of: "A-Z0-9d-"}

// deploymentOf finds a deployment by its id.
//
// Errors: DeploymentIdRequiredException, InvalidDeploymentIdException,
// DeploymentDoesNotExistException.
func (s *Service) deploymentOf(tx *store.Tx, scope names.Scope, id *string) (Deployment, error) {
	switch {
	case text(id) == "":
		return Deployment{}, missingMember("", "deploymentId")
	case !idRule.MatchString(*id) || (*id)[:2] != "d-":
		return Deployment{}, refuse("InvalidDeploymentIdException", "The deployment ID is in an invalid format: %s", *id)
	}
	d, ok := s.deployments.Get(tx, scoped(scope, *id))
	if !ok {
		return d, refuse("DeploymentDoesNotExistException", "The deployment %s could not be found", *id)
	}
	return d, nil
}

// view gives a deployment as GetDeployment shows it. Source: codedeploy.md 12.1.
func (d *Deployment) view() types.DeploymentInfo {
	v := cloud.Kept[types.DeploymentInfo](d.Info)
	v.DeploymentId, v.ApplicationName, v.DeploymentGroupName = new(d.ID), new(d.ApplicationName), new(d.GroupName)
	v.Status, v.CreateTime = types.DeploymentStatus(d.Status), new(d.Created)
	v.DeploymentStatusMessages = []string{}
	if !d.Started.IsZero() {
		v.StartTime = new(d.Started)
	}
	v.InstanceTerminationWaitTimeStarted = d.ending()
	if d.UndoneBy != "" || d.Undoes != "" {
		v.RollbackInfo = &types.RollbackInfo{
			RollbackDeploymentId: orNil(d.UndoneBy), RollbackTriggeringDeploymentId: orNil(d.Undoes), RollbackMessage: orNil(d.Message),
		}
	}
	if d.active() {
		return v
	}
	v.CompleteTime = new(d.Completed)
	v.DeploymentOverview = &types.DeploymentOverview{}
	switch d.Status {
	case succeeded:
		v.DeploymentOverview.Succeeded = 1
	case failed, stopped:
		v.DeploymentOverview.Failed = 1
	}
	if d.Trouble != nil {
		v.ErrorInformation = &types.ErrorInformation{Code: types.ErrorCode(d.Trouble.Code), Message: new(d.Trouble.Message)}
	}
	return v
}

// ending reports whether the wait before the original tasks end has begun.
func (d *Deployment) ending() bool {
	at := d.Plan.At(d.State)
	return d.Undoes == "" && (at == strategy.WaitForTermination || at == strategy.Termination || d.Status == succeeded && d.Plan.Stages[len(d.Plan.Stages)-2].Name == strategy.WaitForTermination)
}

// GetDeployment describes a deployment.
func (s *Service) GetDeployment(ctx context.Context, in *sdk.GetDeploymentInput) (*sdk.GetDeploymentOutput, error) {
	out := &sdk.GetDeploymentOutput{}
	err := s.store.View(func(tx *store.Tx) error {
		d, err := s.deploymentOf(tx, scopeOf(ctx), in.DeploymentId)
		if err == nil {
			out.DeploymentInfo = new(d.view())
		}
		return err
	})
	return out, err
}

// BatchGetDeployments describes up to 25 deployments; ids that are not there are missing from the
// answer (unconfirmed).
func (s *Service) BatchGetDeployments(ctx context.Context, in *sdk.BatchGetDeploymentsInput) (*sdk.BatchGetDeploymentsOutput, error) {
	if len(in.DeploymentIds) > mostDeployments {
		return nil, refuse("BatchLimitExceededException", "The maximum number of names or IDs allowed for this request (%d) was exceeded.", mostDeployments)
	}
	out := &sdk.BatchGetDeploymentsOutput{DeploymentsInfo: []types.DeploymentInfo{}}
	err := s.store.View(func(tx *store.Tx) error {
		for _, id := range in.DeploymentIds {
			d, err := s.deploymentOf(tx, scopeOf(ctx), &id)
			switch {
			case err == nil:
				out.DeploymentsInfo = append(out.DeploymentsInfo, d.view())
			case !isCode(err, "DeploymentDoesNotExistException"):
				return err
			}
		}
		return nil
	})
	return out, err
}

// ListDeployments gives the ids of deployments, newest first. Source: codedeploy.md 12.3.
func (s *Service) ListDeployments(ctx context.Context, in *sdk.ListDeploymentsInput) (*sdk.ListDeploymentsOutput, error) {
	for _, status := range in.IncludeOnlyStatuses {
		if !slices.Contains(status.Values(), status) {
			return nil, refuse("InvalidDeploymentStatusException", "The deployment status is invalid: %s", status)
		}
	}
	if r := in.CreateTimeRange; r != nil && r.Start != nil && r.End != nil && r.Start.After(*r.End) {
		return nil, refuse("InvalidTimeRangeException", "The time range is invalid: its start is after its end")
	}
	scope := scopeOf(ctx)
	out := &sdk.ListDeploymentsOutput{}
	err := s.store.View(func(tx *store.Tx) error {
		var g Group
		if text(in.ApplicationName) != "" || text(in.DeploymentGroupName) != "" {
			var err error
			if g, err = s.groupOf(tx, scope, in.ApplicationName, in.DeploymentGroupName); err != nil {
				return err
			}
		}
		var all []Deployment
		for d := range s.deployments.Prefix(tx, scoped(scope, "")) {
			r := in.CreateTimeRange
			switch {
			case g.ID != "" && d.Group != g.ID, text(in.ExternalId) != "",
				len(in.IncludeOnlyStatuses) > 0 && !slices.Contains(in.IncludeOnlyStatuses, types.DeploymentStatus(d.Status)),
				r != nil && (r.Start != nil && d.Created.Before(*r.Start) || r.End != nil && d.Created.After(*r.End)):
				continue
			}
			all = append(all, d)
		}
		slices.SortFunc(all, func(a, b Deployment) int {
			// A rollback begins in the moment in which what it undoes has ended; it is the newer one.
			return cmp.Or(b.Created.Compare(a.Created), cmp.Compare(b.Undoes, a.Undoes), cmp.Compare(a.ID, b.ID))
		})
		ids := make([]string, len(all))
		for i := range all {
			ids[i] = all[i].ID
		}
		var err error
		out.Deployments, out.NextToken, err = paged(ids, in.NextToken)
		return err
	})
	return out, err
}
