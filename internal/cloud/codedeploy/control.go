package codedeploy

import (
	"context"
	"slices"

	sdk "github.com/aws/aws-sdk-go-v2/service/codedeploy"
	"github.com/aws/aws-sdk-go-v2/service/codedeploy/types"

	"github.com/slipway-ecs/slipway/internal/rollout"
	"github.com/slipway-ecs/slipway/internal/store"
	"github.com/slipway-ecs/slipway/internal/strategy"
)

// What CodeDeploy says of orders. The first two are AWS's samples; the rest are unconfirmed.
const (
	wordNoMore    = "No more commands will be scheduled for execution in the deployment instances"
	wordStopping  = "Stopping Pending"
	wordCompleted = "The deployment %s is already complete"
	wordNotReady  = "The deployment %s is not in a ready state: %s"
)

// ContinueDeployment ends the wait before traffic is shifted, or that before the original tasks end.
//
// Source: codedeploy.md 9.3.
func (s *Service) ContinueDeployment(ctx context.Context, in *sdk.ContinueDeploymentInput) (*sdk.ContinueDeploymentOutput, error) {
	return &sdk.ContinueDeploymentOutput{}, s.proceed(ctx, in.DeploymentId, in.DeploymentWaitType)
}

// SkipWaitTimeForInstanceTermination ends the wait before the original tasks end.
func (s *Service) SkipWaitTimeForInstanceTermination(ctx context.Context, in *sdk.SkipWaitTimeForInstanceTerminationInput) (*sdk.SkipWaitTimeForInstanceTerminationOutput, error) {
	return &sdk.SkipWaitTimeForInstanceTerminationOutput{}, s.proceed(ctx, in.DeploymentId, types.DeploymentWaitTypeTerminationWait)
}

func (s *Service) proceed(ctx context.Context, id *string, wait types.DeploymentWaitType) error {
	return s.store.Update(func(tx *store.Tx) error {
		d, err := s.deploymentOf(tx, scopeOf(ctx), id)
		at := d.Plan.At(d.State)
		switch {
		case err != nil:
			return err
		case wait != "" && wait != types.DeploymentWaitTypeReadyWait && wait != types.DeploymentWaitTypeTerminationWait:
			return refuse("InvalidDeploymentWaitTypeException", "The deployment wait type is invalid: %s", wait)
		case !d.active():
			return refuse("DeploymentAlreadyCompletedException", wordCompleted, d.ID)
		case wait == types.DeploymentWaitTypeTerminationWait && at == strategy.WaitForTermination && d.Undoes == "":
			d.Orders = append(slices.Clone(d.Orders), rollout.Skip)
		case wait != types.DeploymentWaitTypeTerminationWait && d.Status == ready && !d.Go:
			d.Go = true
		default:
			return refuse("DeploymentIsNotInReadyStateException", wordNotReady, d.ID, d.Status)
		}
		s.deployments.Put(tx, d)
		return nil
	})
}

// StopDeployment ends a deployment where it is. A rollback follows where it is asked for here, or
// where the group rolls back on such requests.
//
// Source: codedeploy.md 10.1.
func (s *Service) StopDeployment(ctx context.Context, in *sdk.StopDeploymentInput) (*sdk.StopDeploymentOutput, error) {
	out := &sdk.StopDeploymentOutput{Status: types.StopStatusSucceeded, StatusMessage: new(wordNoMore)}
	err := s.store.Update(func(tx *store.Tx) error {
		d, err := s.deploymentOf(tx, scopeOf(ctx), in.DeploymentId)
		switch {
		case err != nil:
			return err
		case !d.active() || d.Plan.At(d.State) == strategy.Termination && d.Undoes == "":
			return refuse("DeploymentAlreadyCompletedException", wordCompleted, d.ID)
		case slices.Contains(d.Orders, rollout.Halt):
			return nil
		}
		if slices.ContainsFunc(d.Events, func(e Event) bool { return e.Status == eventInProgress }) {
			out.Status, out.StatusMessage = types.StopStatusPending, new(wordStopping)
		}
		d.Orders, d.Asked = append(slices.Clone(d.Orders), rollout.Halt), in.AutoRollbackEnabled
		s.deployments.Put(tx, d)
		return nil
	})
	return out, err
}
