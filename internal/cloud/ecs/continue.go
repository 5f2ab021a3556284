package ecs

import (
	"context"
	"slices"

	sdk "github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/slipway-ecs/slipway/internal/store"
)

// What ECS says of a pause that cannot be ended. Their code is unconfirmed. Source: ecs.md 7.7.
const (
	badHookID     = "Invalid hookId: hookId must follow the format: ecs-{hookType}-{id}"
	noSuchHook    = "Provided hookId is either completed, unavailable, or not associated with the given Resource ARN"
	cannotGoOn    = "Continuing a service deployment is not allowed for service deployment in terminal states."
	badHookAction = "Invalid action. Valid values are: CONTINUE, ROLLBACK"
)

// ContinueServiceDeployment ends a pause hook that awaits somebody: the deployment goes on when all
// hooks of the stage have succeeded, or rolls back.
//
// Source: ecs.md 7.7.
func (s *Service) ContinueServiceDeployment(ctx context.Context, in *sdk.ContinueServiceDeploymentInput) (*sdk.ContinueServiceDeploymentOutput, error) {
	arn, id := text(in.ServiceDeploymentArn), text(in.HookId)
	switch in.Action {
	case "", types.DeploymentLifecycleHookActionContinue, types.DeploymentLifecycleHookActionRollback:
	default:
		return nil, invalid("%s", badHookAction)
	}
	if !isHookID(id) {
		return nil, invalid("%s", badHookID)
	}
	err := s.o.Store.Update(func(tx *store.Tx) error {
		d, ok := s.deploymentOf(tx, scopeOf(ctx), arn)
		switch {
		case !ok:
			return &types.ServiceDeploymentNotFoundException{Message: new(noSuchDeployment)}
		case d.over():
			return invalid("%s", cannotGoOn)
		}
		i := slices.IndexFunc(d.Hooks, func(h Hook) bool { return h.ID == id && h.Target == hookPause && h.open() })
		if i < 0 || !d.underWay() {
			return invalid("%s", noSuchHook)
		}
		d.Hooks = slices.Clone(d.Hooks)
		if h := &d.Hooks[i]; in.Action == types.DeploymentLifecycleHookActionRollback {
			h.fail(pauseRejected, h.ID)
		} else {
			h.Status = hookSucceeded
		}
		d.Updated = tx.Now()
		s.deployments.Put(tx, d)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &sdk.ContinueServiceDeploymentOutput{ServiceDeploymentArn: new(arn)}, nil
}
