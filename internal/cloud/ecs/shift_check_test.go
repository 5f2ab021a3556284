package ecs

import (
	"fmt"
	"testing"

	sdk "github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/document"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/google/go-cmp/cmp"

	"github.com/slipway-ecs/slipway/internal/cloud"
)

// Source: ecs.md 7.1 and 7.3.
func TestStrategiesThatShiftTrafficRefuseWhatECSRefuses(t *testing.T) {
	inPort(t, func(h *harbour, _ *lambda, _ *diary) {
		definition := h.register("shop/web:1")
		advanced := func(in *sdk.CreateServiceInput) *types.AdvancedConfiguration {
			return in.LoadBalancers[0].AdvancedConfiguration
		}
		hook := func(change func(*types.DeploymentLifecycleHook)) func(in *sdk.CreateServiceInput) {
			return func(in *sdk.CreateServiceInput) {
				hookedAt(in.DeploymentConfiguration, "POST_SCALE_UP")
				change(&in.DeploymentConfiguration.LifecycleHooks[0])
			}
		}
		const listener = "arn:aws:elasticloadbalancing:eu-west-1:123456789012:listener/app/edge/1/2"
		for _, c := range []struct {
			name   string
			change func(in *sdk.CreateServiceInput)
			want   string
		}{
			{"no advanced configuration", func(in *sdk.CreateServiceInput) { in.LoadBalancers[0].AdvancedConfiguration = nil },
				"advancedConfiguration field is required for all loadBalancers when using a non-ROLLING deployment strategy"},
			{"one of two", func(in *sdk.CreateServiceInput) {
				in.LoadBalancers[0].TargetGroupArn = new(harbourGroup)
				in.LoadBalancers = append(in.LoadBalancers, types.LoadBalancer{TargetGroupArn: new(greenGroup), ContainerName: new("web"), ContainerPort: new(int32(8080))})
			}, "Either all or none of the provided loadBalancers must have advancedConfiguration defined"},
			{"balancers of both generations", func(in *sdk.CreateServiceInput) { in.LoadBalancers[0].LoadBalancerName = new("old") },
				"All loadBalancers must be strictly either ELBv1 (defining loadBalancerName) or ELBv2 (defining targetGroupArn)"},
			{"advanced configuration of a classic balancer", func(in *sdk.CreateServiceInput) {
				in.LoadBalancers[0].LoadBalancerName, in.LoadBalancers[0].TargetGroupArn = new("old"), nil
			}, "advancedConfiguration field is not allowed with ELBv1 loadBalancers"},
			{"a listener, whatever group there is", func(in *sdk.CreateServiceInput) {
				in.LoadBalancers[0].TargetGroupArn, advanced(in).ProductionListenerRule = new(harbourGroup+"0"), new(listener)
			}, "productionListenerRule has an invalid ARN format. Must be RuleArn for ALB or ListenerArn for NLB. Got: " + listener},
			{"the same group twice", func(in *sdk.CreateServiceInput) { advanced(in).AlternateTargetGroupArn = new(harbourGroup) }, "Duplicate targetGroupArn found: " + harbourGroup},
			{"a listener", func(in *sdk.CreateServiceInput) { advanced(in).ProductionListenerRule = new(listener) },
				"productionListenerRule has an invalid ARN format. Must be RuleArn for ALB or ListenerArn for NLB. Got: " + listener},
			{"one rule for both", func(in *sdk.CreateServiceInput) { advanced(in).TestListenerRule = new(productionRule) },
				"The following rules cannot be used as both production and test listener rules: " + productionRule},
			{"no test rule", func(in *sdk.CreateServiceInput) {
				advanced(in).ProductionListenerRule, advanced(in).TestListenerRule = new(testRule), nil
			}, "For Application LoadBalancer, testListenerRule is required when productionListenerRule is not associated with both targetGroup and alternateTargetGroup"},
			{"steps of another strategy", func(in *sdk.CreateServiceInput) {
				in.DeploymentConfiguration.CanaryConfiguration = &types.CanaryConfiguration{CanaryPercent: new(5.0)}
			}, "canaryConfiguration is only allowed with the CANARY deployment strategy"},
			{"steps too small", func(in *sdk.CreateServiceInput) {
				in.DeploymentConfiguration = shiftBy(types.DeploymentStrategyLinear)
				in.DeploymentConfiguration.LinearConfiguration.StepPercent = new(2.9)
			}, "stepPercent must be between 3.0 and 100.0 in multiples of 0.1"},
			{"a canary between tenths", func(in *sdk.CreateServiceInput) {
				in.DeploymentConfiguration = shiftBy(types.DeploymentStrategyCanary)
				in.DeploymentConfiguration.CanaryConfiguration.CanaryPercent = new(5.55)
			}, "canaryPercent must be between 0.1 and 100.0 in multiples of 0.1"},
			{"an unknown kind of hook", hook(func(x *types.DeploymentLifecycleHook) { x.TargetType = "HTTP" }), "Invalid targetType. Valid values are: AWS_LAMBDA, PAUSE"},
			{"a pause in a shift", func(in *sdk.CreateServiceInput) { pausedAt(in.DeploymentConfiguration, "PRODUCTION_TRAFFIC_SHIFT") },
				"Invalid lifecycle stage provided for Pause Hook"},
			{"a hook without function", hook(func(x *types.DeploymentLifecycleHook) { x.HookTargetArn = nil }), "hookTargetArn is required for an AWS_LAMBDA lifecycle hook"},
			{"a hook without role", hook(func(x *types.DeploymentLifecycleHook) { x.RoleArn = nil }), "roleArn is required for an AWS_LAMBDA lifecycle hook"},
			{"a hook without end", hook(func(x *types.DeploymentLifecycleHook) {
				x.TimeoutConfiguration = &types.DeploymentLifecycleHookTimeoutConfiguration{TimeoutInMinutes: new(int32(1441))}
			}), "timeoutInMinutes must be between 1 and 1440"},
			{"too many hooks", func(in *sdk.CreateServiceInput) {
				for range 11 {
					pausedAt(in.DeploymentConfiguration, "POST_SCALE_UP")
				}
			}, "A service can have at most 10 AWS_LAMBDA and 10 PAUSE lifecycle hooks"},
		} {
			in := shifted(serviceAsk(definition, 1), shiftBy(types.DeploymentStrategyBlueGreen))
			c.change(in)
			_, err := h.room.CreateService(h.ctx, in)
			if got, want := refusal(err), "InvalidParameterException: "+c.want; got != want {
				t.Errorf("%s: refused with %q, want %q", c.name, got, want)
			}
		}
	})
}

func TestAStrategysDefaultsAreFilledInAndAnotherStrategyForgetsThem(t *testing.T) {
	inPort(t, func(h *harbour, _ *lambda, _ *diary) {
		c := h.create(shifted(serviceAsk(h.register("shop/web:1"), 0), &types.DeploymentConfiguration{Strategy: types.DeploymentStrategyLinear})).DeploymentConfiguration
		if *c.LinearConfiguration.StepPercent != 10 || *c.LinearConfiguration.StepBakeTimeInMinutes != 6 || c.CanaryConfiguration != nil {
			t.Errorf("LINEAR shows %s", cloud.Keep(c))
		}
		c = h.update(&sdk.UpdateServiceInput{DeploymentConfiguration: &types.DeploymentConfiguration{
			LinearConfiguration: &types.LinearConfiguration{StepPercent: new(25.0)}}}).DeploymentConfiguration
		if *c.LinearConfiguration.StepPercent != 25 || *c.LinearConfiguration.StepBakeTimeInMinutes != 6 {
			t.Errorf("an update of one member shows %s", cloud.Keep(c))
		}
		c = h.update(&sdk.UpdateServiceInput{DeploymentConfiguration: &types.DeploymentConfiguration{Strategy: types.DeploymentStrategyCanary}}).DeploymentConfiguration
		if c.LinearConfiguration != nil || *c.CanaryConfiguration.CanaryPercent != 5 || *c.CanaryConfiguration.CanaryBakeTimeInMinutes != 10 {
			t.Errorf("CANARY shows %s", cloud.Keep(c))
		}
		c = h.update(&sdk.UpdateServiceInput{DeploymentConfiguration: &types.DeploymentConfiguration{Strategy: types.DeploymentStrategyBlueGreen}}).DeploymentConfiguration
		if c.LinearConfiguration != nil || c.CanaryConfiguration != nil {
			t.Errorf("BLUE_GREEN shows %s", cloud.Keep(c))
		}
	})
}

func TestHookDetailsOfAnyFormAreReadBack(t *testing.T) {
	inPort(t, func(h *harbour, _ *lambda, _ *diary) {
		for i, details := range []any{map[string]any{"bucket": "b", "n": int64(3), "list": []any{"x"}}, "text", int64(7), []any{true}} {
			c := hookedAt(shiftBy(types.DeploymentStrategyBlueGreen), "POST_SCALE_UP")
			c.LifecycleHooks[0].HookDetails = document.NewLazyDocument(details)
			want := string(cloud.Keep(c.LifecycleHooks))
			in := shifted(serviceAsk(h.register("shop/web:1"), 0), c)
			in.ServiceName = new("web-" + fmt.Sprint(i))
			if diff := cmp.Diff(want, string(cloud.Keep(h.create(in).DeploymentConfiguration.LifecycleHooks))); diff != "" {
				t.Errorf("hooks read back (-want +got):\n%s", diff)
			}
		}
	})
}
