package ecs

import (
	"encoding/json"
	"slices"

	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/slipway-ecs/slipway/internal/names"
	"github.com/slipway-ecs/slipway/internal/rollout"
)

// The limits of lifecycle hooks. Source: ecs.md 7.1.
const (
	mostHooks         = 10 // of each kind
	mostLambdaMinutes = 1440
	mostPauseMinutes  = 20160
)

// checkHooks refuses lifecycle hooks that ECS refuses.
//
// Source: ecs.md 7.1, 7.3, 7.6, 7.7. The wordings that are not in 7.3 are ours (unconfirmed).
func checkHooks(hooks []types.DeploymentLifecycleHook) error {
	lambdas, pauses := 0, 0
	for _, h := range hooks {
		most := mostLambdaMinutes
		switch h.TargetType {
		case "", types.DeploymentLifecycleHookTargetTypeAwsLambda:
			lambdas++
			if err := checkLambda(h); err != nil {
				return err
			}
		case types.DeploymentLifecycleHookTargetTypePause:
			pauses++
			most = mostPauseMinutes
			if err := checkPause(h); err != nil {
				return err
			}
		default:
			return invalid("Invalid targetType. Valid values are: AWS_LAMBDA, PAUSE")
		}
		if len(h.LifecycleStages) == 0 {
			return invalid("lifecycleStages must not be empty for a lifecycle hook")
		}
		if err := checkHookTimeout(h.TimeoutConfiguration, most); err != nil {
			return err
		}
	}
	if lambdas > mostHooks || pauses > mostHooks {
		return invalid("A service can have at most %d AWS_LAMBDA and %d PAUSE lifecycle hooks", mostHooks, mostHooks)
	}
	return nil
}

func checkLambda(h types.DeploymentLifecycleHook) error {
	function, ok := names.ParseARN(text(h.HookTargetArn))
	switch {
	case text(h.HookTargetArn) == "":
		return invalid("hookTargetArn is required for an AWS_LAMBDA lifecycle hook")
	case !ok || function.Service != "lambda":
		return invalid("hookTargetArn has an invalid ARN format. Must be the ARN of a Lambda function. Got: %s", *h.HookTargetArn)
	case text(h.RoleArn) == "":
		return invalid("roleArn is required for an AWS_LAMBDA lifecycle hook")
	}
	if role, ok := names.ParseARN(*h.RoleArn); !ok || role.Service != "iam" {
		return invalid("roleArn has an invalid ARN format. Must be the ARN of an IAM role. Got: %s", *h.RoleArn)
	}
	for _, stage := range h.LifecycleStages {
		if !slices.Contains(stage.Values(), stage) {
			return invalid("Invalid lifecycle stage provided for Lambda Hook")
		}
	}
	if h.HookDetails != nil {
		raw, err := h.HookDetails.MarshalSmithyDocument()
		if err != nil || !json.Valid(raw) {
			return invalid("hookDetails must be valid JSON")
		}
	}
	return nil
}

func checkPause(h types.DeploymentLifecycleHook) error {
	for _, stage := range h.LifecycleStages {
		if !slices.Contains(stage.Values(), stage) ||
			stage == types.DeploymentLifecycleHookStageTestTrafficShift || stage == types.DeploymentLifecycleHookStageProductionTrafficShift {
			return invalid("Invalid lifecycle stage provided for Pause Hook")
		}
	}
	if text(h.HookTargetArn) != "" || text(h.RoleArn) != "" {
		return invalid("hookTargetArn and roleArn are not allowed for a PAUSE lifecycle hook")
	}
	return nil
}

func checkHookTimeout(t *types.DeploymentLifecycleHookTimeoutConfiguration, most int) error {
	if t == nil {
		return nil
	}
	if n := t.TimeoutInMinutes; n != nil && (*n < 1 || int(*n) > most) {
		return invalid("timeoutInMinutes must be between 1 and %d", most)
	}
	switch t.Action {
	case "", types.DeploymentLifecycleHookActionRollback, types.DeploymentLifecycleHookActionContinue:
		return nil
	}
	return invalid("Invalid timeout action. Valid values are: ROLLBACK, CONTINUE")
}

// hookedStages gives the stages in which hooks are asked.
func hookedStages(hooks []types.DeploymentLifecycleHook) (stages []rollout.Name) {
	for _, h := range hooks {
		for _, stage := range h.LifecycleStages {
			if name := rollout.Name(stage); !slices.Contains(stages, name) {
				stages = append(stages, name)
			}
		}
	}
	return stages
}
