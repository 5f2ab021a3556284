package ship

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs/document"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/slipway-ecs/slipway/internal/project"
)

// fillStrategy says how the new revision takes over. What the strategy leaves out stays as the
// service has it, and where it has nothing, ECS's own defaults are written down.
func fillStrategy(c *types.DeploymentConfiguration, s *project.Strategy, was *types.DeploymentConfiguration) {
	c.Strategy = strategies[s.Type]
	c.BakeTimeInMinutes = minutes(s.Bake)
	if c.BakeTimeInMinutes == nil && s.Type.Shifts() && was.BakeTimeInMinutes == nil {
		c.BakeTimeInMinutes = aws.Int32(bakeMinutes)
	}
	c.MinimumHealthyPercent, c.MaximumPercent = s.MinHealthy, s.Max
	switch s.Type {
	case project.Recreate:
		c.MinimumHealthyPercent, c.MaximumPercent = aws.Int32(0), aws.Int32(100)
	case project.Canary:
		percent, bake := canaryPercent, int32(canaryBakeMinutes)
		if w := was.CanaryConfiguration; w != nil {
			percent, bake = or(w.CanaryPercent, percent), or(w.CanaryBakeTimeInMinutes, bake)
		}
		step := given(s.Canary)
		c.CanaryConfiguration = &types.CanaryConfiguration{
			CanaryPercent: aws.Float64(or(step.Percent, percent)), CanaryBakeTimeInMinutes: aws.Int32(or(minutes(step.Bake), bake))}
	case project.Linear:
		percent, bake := stepPercent, int32(stepBakeMinutes)
		if w := was.LinearConfiguration; w != nil {
			percent, bake = or(w.StepPercent, percent), or(w.StepBakeTimeInMinutes, bake)
		}
		step := given(s.Linear)
		c.LinearConfiguration = &types.LinearConfiguration{
			StepPercent: aws.Float64(or(step.Percent, percent)), StepBakeTimeInMinutes: aws.Int32(or(minutes(step.Bake), bake))}
	}
}

// fillFailure says what fails the deployment and what that leads to.
func fillFailure(c *types.DeploymentConfiguration, s *project.Strategy, was *types.DeploymentConfiguration) error {
	back := s.OnFail != project.FailStop
	if s.Alarms != nil {
		c.Alarms = &types.DeploymentAlarms{AlarmNames: s.Alarms, Enable: len(s.Alarms) > 0, Rollback: len(s.Alarms) > 0 && back}
	}
	if b := s.Breaker; b != nil {
		c.DeploymentCircuitBreaker = &types.DeploymentCircuitBreaker{Enable: !b.Off, Rollback: !b.Off && back, ResetOnHealthyTask: b.Reset}
		switch {
		case b.Count != nil:
			c.DeploymentCircuitBreaker.ThresholdConfiguration = &types.ThresholdConfiguration{Type: types.ThresholdTypeCount, Value: *b.Count}
		case b.Percent != nil:
			c.DeploymentCircuitBreaker.ThresholdConfiguration = &types.ThresholdConfiguration{Type: types.ThresholdTypeBoundedPercent, Value: *b.Percent}
		}
	}
	if s.OnFail == "" {
		return nil
	}
	if w := was.Alarms; s.Alarms == nil && w != nil && w.Enable {
		c.Alarms = &types.DeploymentAlarms{AlarmNames: w.AlarmNames, Enable: true, Rollback: back}
	}
	if w := was.DeploymentCircuitBreaker; s.Breaker == nil && w != nil && w.Enable {
		now := *w
		now.Rollback = back
		c.DeploymentCircuitBreaker = &now
	}
	alarms, breaker := c.Alarms != nil && c.Alarms.Enable, c.DeploymentCircuitBreaker != nil && c.DeploymentCircuitBreaker.Enable
	if !alarms && !breaker {
		return impossible("add 'breaker: on', or name alarms", "nothing can fail the deployment, so 'on-fail: %s' has no meaning: it has no alarms and the breaker is off", s.OnFail)
	}
	return nil
}

func given(s *project.Step) project.Step {
	if s == nil {
		return project.Step{}
	}
	return *s
}

func or[T any](v *T, otherwise T) T {
	if v == nil {
		return otherwise
	}
	return *v
}

// minutes gives a duration in ECS's unit. Project has seen that it is whole.
func minutes(d *time.Duration) *int32 {
	if d == nil {
		return nil
	}
	return aws.Int32(int32(*d / time.Minute))
}

// hooksOf gives the functions and approvals that ECS keeps, in the file's order; nil where the file
// has no hook that ECS would know, so that the service's own stay.
func hooksOf(s *project.Service, live *types.Service, balancers []types.LoadBalancer) ([]types.DeploymentLifecycleHook, error) {
	var out []types.DeploymentLifecycleHook
	counts := map[string]int{}
	for i := range s.Hooks {
		h := &s.Hooks[i]
		if h.Client() {
			continue
		}
		if counts[h.Kind()]++; counts[h.Kind()] > mostHooks {
			return nil, impossible("put several questions or checks into one", "service %q has more than %d hooks of the kind %s, which is what ECS takes", s.Name, mostHooks, h.Kind())
		}
		one := types.DeploymentLifecycleHook{LifecycleStages: []types.DeploymentLifecycleHookStage{stages[h.Point]},
			TargetType: types.DeploymentLifecycleHookTargetTypePause, TimeoutConfiguration: timeoutOf(h)}
		if l := h.Lambda; l != nil {
			role := l.Role
			if role == "" {
				role = hookRole(live, balancers)
			}
			if role == "" {
				return nil, impossible("write lambda: {arn: …, role: …}", "ECS needs a role to call %s, and service %q has none to take it from", l.ARN, s.Name)
			}
			one.TargetType, one.HookTargetArn, one.RoleArn = types.DeploymentLifecycleHookTargetTypeAwsLambda, aws.String(l.ARN), aws.String(role)
			if l.Details != nil {
				var details any
				if err := json.Unmarshal(l.Details, &details); err != nil {
					return nil, fmt.Errorf("read the details of %s: %w", l.ARN, err)
				}
				one.HookDetails = document.NewLazyDocument(details)
			}
		}
		out = append(out, one)
	}
	return out, nil
}

func timeoutOf(h *project.Hook) *types.DeploymentLifecycleHookTimeoutConfiguration {
	if h.Timeout == nil && h.Then == "" {
		return nil
	}
	t := &types.DeploymentLifecycleHookTimeoutConfiguration{TimeoutInMinutes: minutes(h.Timeout), Action: types.DeploymentLifecycleHookActionRollback}
	if h.Then == project.ThenContinue {
		t.Action = types.DeploymentLifecycleHookActionContinue
	}
	return t
}

// hookRole gives the role that ECS calls other functions of the service by, or manages its load
// balancers by.
func hookRole(live *types.Service, balancers []types.LoadBalancer) string {
	for _, h := range configurationOf(live).LifecycleHooks {
		if h.RoleArn != nil {
			return *h.RoleArn
		}
	}
	for _, b := range balancers {
		if b.AdvancedConfiguration != nil && b.AdvancedConfiguration.RoleArn != nil {
			return *b.AdvancedConfiguration.RoleArn
		}
	}
	return ""
}

// withTestRoute copies load balancers and gives them a test route; nil where they have it already.
func withTestRoute(balancers []types.LoadBalancer, rule string) []types.LoadBalancer {
	out := slices.Clone(balancers)
	changed := false
	for i := range out {
		if a := out[i].AdvancedConfiguration; a != nil && aws.ToString(a.TestListenerRule) != rule {
			now := *a
			now.TestListenerRule = aws.String(rule)
			out[i].AdvancedConfiguration = &now
			changed = true
		}
	}
	if !changed {
		return nil
	}
	return out
}
