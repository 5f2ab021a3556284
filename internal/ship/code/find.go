package code

// Which deployments there are of a service: the one that is taken up, that goes on, that was good.

import (
	"context"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codedeploy"
	"github.com/aws/aws-sdk-go-v2/service/codedeploy/types"
	ecstypes "github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/slipway-ecs/slipway/internal/fail"
	"github.com/slipway-ecs/slipway/internal/sdk"
	"github.com/slipway-ecs/slipway/internal/ship"
)

// Find gives the deployment with an id, or the newest of the service. A rollback deployment stands for
// the one it undoes. An id of another service's deployment is refused with the code "deployment.none".
func (e *Engine) Find(ctx context.Context, s ship.Start, id string) (ship.Rollout, error) {
	g, err := e.group(ctx, s.Service)
	if err != nil {
		return nil, err
	}
	if id == "" {
		all, err := e.list(ctx, g)
		if err != nil {
			return nil, sdk.Explain(err, "list the deployments of "+nameOf(*g))
		}
		if len(all) == 0 {
			return nil, fail.New("deployment.none", "", "service %q has no deployment in %s", aws.ToString(s.Service.ServiceName), nameOf(*g))
		}
		id = all[0]
	}
	d, err := e.read(ctx, id)
	if err != nil {
		return nil, sdk.Explain(err, "read deployment "+id)
	}
	if undone := rolledBy(d); undone != "" {
		id = undone
		if d, err = e.read(ctx, id); err != nil {
			return nil, sdk.Explain(err, "read deployment "+id)
		}
	}
	if err := e.of(ctx, s.Service, g, d, id); err != nil {
		return nil, err
	}
	s.Revision = e.deploys(ctx, d)
	return e.rollout(ctx, s, g, id), nil
}

// of refuses a deployment that is not one of a service. One that has not begun has no targets yet: its
// group tells whose it is.
func (e *Engine) of(ctx context.Context, s *ecstypes.Service, g *types.DeploymentGroupInfo, d *types.DeploymentInfo, id string) error {
	_, err := e.target(ctx, s, id)
	switch sdk.Code(err) {
	case "DeploymentNotStartedException":
		if nameOf(types.DeploymentGroupInfo{ApplicationName: d.ApplicationName, DeploymentGroupName: d.DeploymentGroupName}) == nameOf(*g) {
			return nil
		}
	case "DeploymentTargetDoesNotExistException":
	default:
		return sdk.Explain(err, "read the target of deployment "+id)
	}
	return fail.New("deployment.none", "`slipway history` lists those there are", "service %q has no deployment %s: that one deploys another service", aws.ToString(s.ServiceName), id)
}

// target reads how a deployment stands with a service.
func (e *Engine) target(ctx context.Context, s *ecstypes.Service, id string) (*types.ECSTarget, error) {
	out, err := e.CodeDeploy.GetDeploymentTarget(ctx, &codedeploy.GetDeploymentTargetInput{
		DeploymentId: &id, TargetId: aws.String(last(aws.ToString(s.ClusterArn)) + ":" + aws.ToString(s.ServiceName))})
	if err != nil || out.DeploymentTarget == nil {
		return nil, err
	}
	return out.DeploymentTarget.EcsTarget, nil
}

// Earlier gives the deployment under way, or the definition of the last one that succeeded with
// another than serves now.
func (e *Engine) Earlier(ctx context.Context, s ship.Start) (active, good string, err error) {
	g, err := e.group(ctx, s.Service)
	if err != nil {
		return "", "", err
	}
	d, err := e.active(ctx, g)
	if err != nil {
		return "", "", err
	}
	if d != nil {
		return aws.ToString(d.DeploymentId), "", nil
	}
	ids, err := e.list(ctx, g, types.DeploymentStatusSucceeded)
	if err != nil {
		return "", "", sdk.Explain(err, "list the deployments of "+nameOf(*g))
	}
	for _, id := range ids[:min(len(ids), mostBack)] {
		d, err := e.read(ctx, id)
		if err != nil {
			return "", "", sdk.Explain(err, "read deployment "+id)
		}
		if arn := e.deploys(ctx, d); arn != "" && arn != Current(s.Service) {
			return "", arn, nil
		}
		if arn := e.before(ctx, d); arn != "" && arn != Current(s.Service) {
			return "", arn, nil // the revision that the oldest known one replaced
		}
		// The service's first task set is ECS's own: no deployment tells of it but ours, by its description.
		if _, name, ok := strings.Cut(aws.ToString(d.Description), inPlace); ok && name != last(Current(s.Service)) {
			return "", strings.TrimSuffix(Current(s.Service), last(Current(s.Service))) + name, nil
		}
	}
	return "", "", nil
}

// inPlace stands in the description of our deployments between what is deployed and what served before.
const inPlace = " in place of "

// mostBack is how many successes are looked back on.
const mostBack = 20

// active gives the deployment of a group that is under way, or nil.
func (e *Engine) active(ctx context.Context, g *types.DeploymentGroupInfo) (*types.DeploymentInfo, error) {
	ids, err := e.list(ctx, g, going...)
	if err != nil {
		return nil, sdk.Explain(err, "list the deployments of "+nameOf(*g))
	}
	for _, id := range ids {
		d, err := e.read(ctx, id)
		if err != nil {
			return nil, sdk.Explain(err, "read deployment "+id)
		}
		if slices.Contains(going, d.Status) {
			return d, nil
		}
	}
	return nil, nil
}

// list gives the ids of a group's deployments, newest first.
func (e *Engine) list(ctx context.Context, g *types.DeploymentGroupInfo, statuses ...types.DeploymentStatus) ([]string, error) {
	out, err := e.CodeDeploy.ListDeployments(ctx, &codedeploy.ListDeploymentsInput{
		ApplicationName: g.ApplicationName, DeploymentGroupName: g.DeploymentGroupName, IncludeOnlyStatuses: statuses})
	if err != nil {
		return nil, err
	}
	return out.Deployments, nil
}

func (e *Engine) read(ctx context.Context, id string) (*types.DeploymentInfo, error) {
	out, err := e.CodeDeploy.GetDeployment(ctx, &codedeploy.GetDeploymentInput{DeploymentId: &id})
	if err != nil {
		return nil, err
	}
	if out.DeploymentInfo == nil {
		return nil, fail.New("deployment.none", "", "there is no deployment %s", id)
	}
	return out.DeploymentInfo, nil
}

// rolledBy gives the deployment that a rollback deployment undoes, or "".
func rolledBy(d *types.DeploymentInfo) string {
	if d.RollbackInfo == nil {
		return ""
	}
	return aws.ToString(d.RollbackInfo.RollbackTriggeringDeploymentId)
}
