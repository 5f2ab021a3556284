package ecs

import (
	"strings"
	"testing"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

func early(percent int32, cleanup types.ServiceRevisionCleanup) *types.DeploymentConfiguration {
	return &types.DeploymentConfiguration{
		MinimumHealthyPercent:    new(int32(50)),
		EarlySuccessCriteria:     &types.DeploymentEarlySuccessCriteria{Enable: true, HealthyPercent: &percent, SourceServiceRevisionCleanup: cleanup},
		DeploymentCircuitBreaker: &types.DeploymentCircuitBreaker{Enable: true, Rollback: true},
	}
}

// Of four new tasks two are never healthy: that is enough, and what comes after is no failure.
func TestADeploymentSucceedsEarlyAndCleansUpBeforeOrAfter(t *testing.T) {
	for _, cleanup := range types.ServiceRevisionCleanup("").Values() {
		t.Run(string(cleanup), func(t *testing.T) {
			inHarbour(t, nil, func(h *harbour) {
				in := balanced(serviceAsk(h.register("shop/web:1"), 4))
				in.DeploymentConfiguration = early(50, cleanup)
				h.create(in)
				h.steady()
				old := map[string]bool{}
				for _, task := range h.tasks() {
					old[task.ARN] = true
				}
				well := map[string]bool{}
				h.sicken(func(owner string) bool { // the first two new ones are well
					if !old[owner] && len(well) < 2 {
						well[owner] = true
					}
					return !old[owner] && !well[owner]
				})
				h.update(&sdk.UpdateServiceInput{TaskDefinition: new(h.register("shop/web:2"))})
				left := func() (n int) {
					for _, task := range h.tasks() {
						if old[task.ARN] && task.Desired == "RUNNING" {
							n++
						}
					}
					return n
				}
				atEnd := -1
				h.apart(func() {
					h.watch.check = func(_, healthy int) string {
						if healthy < 2 {
							return "fewer than half are healthy"
						}
						return ""
					}
				})
				for atEnd < 0 {
					h.within(10*time.Minute, "success", func() bool { return h.status() == types.ServiceDeploymentStatusSuccessful || left() == 0 })
					if h.status() == types.ServiceDeploymentStatusSuccessful {
						atEnd = left()
						break
					}
					time.Sleep(time.Second)
				}
				if cleanup == types.ServiceRevisionCleanupBlocking && atEnd != 0 {
					t.Errorf("%d old tasks were left at success", atEnd)
				}
				h.within(5*time.Minute, "the end of the old ones", func() bool { return left() == 0 && len(h.service().Deployments) == 1 })
				time.Sleep(5 * time.Minute)
				if got := h.status(); got != types.ServiceDeploymentStatusSuccessful || h.said("deployment failed") != 0 {
					t.Errorf("five minutes later: %s\n%s", got, h.picture())
				}
				h.apart(func() {
					if len(h.watch.broken) > 0 {
						t.Errorf("bounds broken: %q", h.watch.broken)
					}
				})
				h.sicken(func(string) bool { return false })
				h.within(10*time.Minute, "all tasks healthy", func() bool {
					events := h.events()
					return h.stable() && strings.HasSuffix(events[len(events)-1], "has reached a steady state.")
				})
			})
		})
	}
}

func TestEarlySuccessCriteriaThatMeanNothingAreRefused(t *testing.T) {
	inHarbour(t, nil, func(h *harbour) {
		definition := h.register("shop/web:1")
		for want, change := range map[string]func(*types.DeploymentConfiguration){
			"The healthyPercent must be greater than or equal to the minimumHealthyPercent.": func(c *types.DeploymentConfiguration) {
				c.EarlySuccessCriteria.HealthyPercent = new(int32(49))
			},
			"The healthyPercent must be between 0 and 100.": func(c *types.DeploymentConfiguration) {
				c.EarlySuccessCriteria.HealthyPercent = new(int32(101))
			},
			"healthyPercent must be specified when earlySuccessCriteria is enabled.": func(c *types.DeploymentConfiguration) {
				c.EarlySuccessCriteria.HealthyPercent = nil
			},
			"sourceServiceRevisionCleanup must be specified when earlySuccessCriteria is enabled.": func(c *types.DeploymentConfiguration) {
				c.EarlySuccessCriteria.SourceServiceRevisionCleanup = ""
			},
			"Invalid value for sourceServiceRevisionCleanup: LATER": func(c *types.DeploymentConfiguration) {
				c.EarlySuccessCriteria.SourceServiceRevisionCleanup = "LATER"
			},
			"earlySuccessCriteria is only supported with the ROLLING deployment strategy.": func(c *types.DeploymentConfiguration) {
				c.Strategy = types.DeploymentStrategyBlueGreen
			},
		} {
			in := serviceAsk(definition, 1)
			in.DeploymentConfiguration = early(50, types.ServiceRevisionCleanupBlocking)
			change(in.DeploymentConfiguration)
			_, err := h.room.CreateService(h.ctx, in)
			says(t, err, "InvalidParameterException: "+want)
		}
		in := serviceAsk(definition, 1)
		in.DeploymentConfiguration = early(50, types.ServiceRevisionCleanupDeferred)
		if e := h.create(in).DeploymentConfiguration.EarlySuccessCriteria; e == nil || !e.Enable || *e.HealthyPercent != 50 {
			t.Errorf("echoed: %+v", e)
		}
	})
}
