package ecs

import (
	"testing"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

const (
	productionListener = "arn:aws:elasticloadbalancing:eu-west-1:123456789012:listener/net/front/1/2"
	testListener       = "arn:aws:elasticloadbalancing:eu-west-1:123456789012:listener/net/front/1/4"
)

// afloat is shifted, by listeners of a network load balancer.
func afloat(in *sdk.CreateServiceInput, c *types.DeploymentConfiguration) *sdk.CreateServiceInput {
	a := shifted(in, c).LoadBalancers[0].AdvancedConfiguration
	a.ProductionListenerRule, a.TestListenerRule = new(productionListener), new(testListener)
	return in
}

// lasts gives how long the newest service deployment is in a stage, to a few seconds.
func (h *harbour) lasts(stage string) time.Duration {
	h.t.Helper()
	h.at(stage)
	return h.within(40*time.Hour, "the end of "+stage, func() bool { return string(h.newest().LifecycleStage) != stage })
}

// Source: ecs.md 7.2: traffic-shift stages last ten minutes longer.
func TestListenersOfANetworkLoadBalancerStandWhereRulesDo(t *testing.T) {
	inPort(t, func(h *harbour, _ *lambda, _ *diary) {
		h.forward(productionListener, []Weight{{Group: harbourGroup, Weight: 1}}) // the other group is not known to it yet
		h.forward(testListener, []Weight{{Group: harbourGroup, Weight: 1}})
		h.create(afloat(serviceAsk(h.register("shop/web:1"), 2), shiftBy(types.DeploymentStrategyBlueGreen)))
		h.reaches("SUCCESSFUL")
		h.register("shop/web:2")
		h.update(&sdk.UpdateServiceInput{TaskDefinition: new("web:2")})
		for _, stage := range []string{"TEST_TRAFFIC_SHIFT", "PRODUCTION_TRAFFIC_SHIFT"} {
			if took := h.lasts(stage); took < networkSettle-15*time.Second || took > networkSettle+time.Minute {
				t.Errorf("%s took %s, want ten minutes", stage, took)
			}
		}
		h.reaches("SUCCESSFUL")
		if got := h.weights(productionListener) + " " + h.weights(testListener); got != "0/100 0/100" {
			t.Errorf("the listeners forward %s, want 0/100 0/100", got)
		}
	})
}

func TestACanaryAtANetworkLoadBalancerMovesByStepsAndBack(t *testing.T) {
	inPort(t, func(h *harbour, _ *lambda, _ *diary) {
		h.forward(productionListener, []Weight{{Group: harbourGroup, Weight: 1}, {Group: greenGroup, Weight: 0}})
		in := afloat(serviceAsk(h.register("shop/web:1"), 2), shiftBy(types.DeploymentStrategyCanary))
		in.LoadBalancers[0].AdvancedConfiguration.TestListenerRule = nil
		h.create(in)
		h.reaches("SUCCESSFUL")
		h.register("shop/web:2")
		h.update(&sdk.UpdateServiceInput{TaskDefinition: new("web:2")})
		h.within(time.Hour, "the first step", func() bool { return h.weights(productionListener) == "895/105" })
		if took := h.within(time.Hour, "the second step", func() bool { return h.weights(productionListener) == "0/100" }); took < networkSettle+time.Minute-15*time.Second {
			t.Errorf("the second step came after %s, want ten minutes and the canary's bake", took)
		}
		h.stopIt()
		h.within(time.Minute, "traffic back at the old revision", func() bool { return h.weights(productionListener) == "100/0" })
		h.reaches("ROLLBACK_SUCCESSFUL")
	})
}

func TestARuleOfANetworkLoadBalancerIsNoRule(t *testing.T) {
	inPort(t, func(h *harbour, _ *lambda, _ *diary) {
		const rule = "arn:aws:elasticloadbalancing:eu-west-1:123456789012:listener-rule/net/front/1/2/3"
		in := afloat(serviceAsk(h.register("shop/web:1"), 1), shiftBy(types.DeploymentStrategyLinear))
		in.LoadBalancers[0].AdvancedConfiguration.ProductionListenerRule = new(rule)
		_, err := h.room.CreateService(h.ctx, in)
		if got, want := refusal(err), "InvalidParameterException: productionListenerRule has an invalid ARN format. Must be RuleArn for ALB or ListenerArn for NLB. Got: "+rule; got != want {
			t.Errorf("refused with %q, want %q", got, want)
		}
	})
}
