package ecs

import (
	"strings"
	"testing"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/google/go-cmp/cmp"

	"github.com/slipway-ecs/slipway/internal/launch"
	"github.com/slipway-ecs/slipway/internal/launch/fake"
)

func TestACrashLoopRollsBackAtTheThreshold(t *testing.T) {
	scripts := map[string]fake.Script{"shop/web:2": {RunFor: 500 * time.Millisecond, Exit: launch.Exit{Code: 1}}}
	inHarbour(t, scripts, func(h *harbour) {
		in := serviceAsk(h.register("shop/web:1"), 1)
		in.DeploymentConfiguration = &types.DeploymentConfiguration{DeploymentCircuitBreaker: &types.DeploymentCircuitBreaker{Enable: true, Rollback: true}}
		good := *h.create(in).Deployments[0].Id
		h.steady()

		h.update(&sdk.UpdateServiceInput{TaskDefinition: new(h.register("shop/web:2"))})
		h.within(10*time.Minute, "rollback", func() bool { return h.status() == types.ServiceDeploymentStatusRollbackSuccessful })

		d := h.deployments()[0]
		if want := "Service deployment rolled back because the circuit breaker threshold was exceeded."; *d.StatusReason != want || *d.Rollback.Reason != want {
			t.Errorf("reasons are %q and %q", *d.StatusReason, *d.Rollback.Reason)
		}
		b := d.DeploymentCircuitBreaker
		if b.FailureCount != 3 || b.Threshold != 3 || b.Status != types.ServiceDeploymentRollbackMonitorsStatusTriggered {
			t.Errorf("the breaker shows %d of %d, %s", b.FailureCount, b.Threshold, b.Status)
		}
		h.steady()
		s := h.service()
		if p := s.Deployments[0]; *p.Id != good || p.RolloutState != types.DeploymentRolloutStateCompleted || !strings.HasSuffix(*s.TaskDefinition, "web:1") {
			t.Errorf("after the rollback PRIMARY is %s %s of %s, want %s COMPLETED of web:1", *p.Id, p.RolloutState, *s.TaskDefinition, good)
		}
		launched := 0
		for _, task := range h.tasks() {
			if strings.HasSuffix(task.Definition, "web:2") {
				launched++
			}
		}
		if launched > 4 {
			t.Errorf("%d tasks of the bad version were launched, want at most 4", launched)
		}
		if h.said("deployment failed: tasks failed to start.") != 1 || h.said("rolling back to deployment "+good+".") != 1 {
			t.Errorf("events:\n%s", strings.Join(h.events(), "\n"))
		}
	})
}

func breaker(rollback bool) *types.DeploymentConfiguration {
	return &types.DeploymentConfiguration{DeploymentCircuitBreaker: &types.DeploymentCircuitBreaker{Enable: true, Rollback: rollback}}
}

var crashing = map[string]fake.Script{
	"shop/web:crash":  {RunFor: 500 * time.Millisecond, Exit: launch.Exit{Code: 1}},
	"shop/web:absent": {PullError: "not found"},
}

func TestAFirstDeploymentThatFailsHasNothingToGoBackTo(t *testing.T) {
	inHarbour(t, crashing, func(h *harbour) {
		in := serviceAsk(h.register("shop/web:crash"), 1)
		in.DeploymentConfiguration = breaker(true)
		h.create(in)
		h.within(10*time.Minute, "failure", func() bool { return h.status() == types.ServiceDeploymentStatusRollbackFailed })
		launched := len(h.tasks())
		time.Sleep(30 * time.Minute)
		if n := len(h.tasks()); n > launched {
			t.Errorf("%d more tasks were launched after the failure", n-launched)
		}
		d, p := h.deployments()[0], h.service().Deployments[0]
		if got, want := *d.StatusReason, "No rollback candidate was found to run the rollback."; got != want {
			t.Errorf("statusReason is %q, want %q", got, want)
		}
		if p.RolloutState != types.DeploymentRolloutStateFailed || *p.RolloutStateReason != "ECS deployment circuit breaker: tasks failed to start." {
			t.Errorf("PRIMARY is %s: %s", p.RolloutState, *p.RolloutStateReason)
		}
	})
}

func TestWithoutRollbackAFailedDeploymentStaysPrimaryAndTheOldTasksStay(t *testing.T) {
	inHarbour(t, crashing, func(h *harbour) {
		in := serviceAsk(h.register("shop/web:1"), 2)
		in.DeploymentConfiguration = breaker(false)
		h.create(in)
		h.steady()
		bad := *h.update(&sdk.UpdateServiceInput{TaskDefinition: new(h.register("shop/web:crash"))}).Deployments[0].Id
		h.within(10*time.Minute, "failure", func() bool { return h.status() == types.ServiceDeploymentStatusStopped })
		time.Sleep(time.Hour)
		s := h.service()
		if p := s.Deployments[0]; *p.Id != bad || *p.Status != "PRIMARY" || p.RolloutState != types.DeploymentRolloutStateFailed {
			t.Errorf("PRIMARY is not the failed deployment:\n%s", h.picture())
		}
		if len(s.Deployments) != 2 || s.RunningCount != 2 {
			t.Errorf("the old deployment does not stand beside it:\n%s", h.picture())
		}

		h.update(&sdk.UpdateServiceInput{TaskDefinition: new("web:1")})
		h.steady()
	})
}

func TestImagesThatCannotBePulledTripTheBreaker(t *testing.T) {
	inHarbour(t, crashing, func(h *harbour) {
		in := serviceAsk(h.register("shop/web:1"), 1)
		in.DeploymentConfiguration = breaker(true)
		h.create(in)
		h.steady()
		h.update(&sdk.UpdateServiceInput{TaskDefinition: new(h.register("shop/web:absent"))})
		h.within(time.Hour, "rollback", func() bool { return h.status() == types.ServiceDeploymentStatusRollbackSuccessful })
	})
}

func TestLaunchesThatKeepFailingArePausedAndSaidOnce(t *testing.T) {
	inHarbour(t, crashing, func(h *harbour) {
		h.create(serviceAsk(h.register("shop/web:absent"), 1))
		time.Sleep(2 * time.Hour)
		if n := h.said("is unable to consistently start tasks successfully."); n != 1 {
			t.Errorf("the back-off was said %d times", n)
		}
		// 0, 0, 0, then pauses of 40, 80, 160, 320, 640, 1280 and 1620 s.
		if n := h.said("has started"); n < 9 || n > 12 {
			t.Errorf("%d launches in two hours", n)
		}

		h.update(&sdk.UpdateServiceInput{TaskDefinition: new(h.register("shop/web:1"))})
		if took := h.within(5*time.Minute, "start of the new revision", func() bool { return h.service().RunningCount == 1 }); took > 10*time.Second {
			t.Errorf("a new task definition was held back for %s", took)
		}
	})
}

func TestFailingHealthIsStageTwoOfTheBreaker(t *testing.T) {
	for _, c := range []struct {
		name  string
		grace int32
	}{{"at once", 0}, {"after the grace period", 120}} {
		t.Run(c.name, func(t *testing.T) {
			inHarbour(t, nil, func(h *harbour) {
				in := balanced(serviceAsk(h.register("shop/web:1"), 1))
				in.DeploymentConfiguration = breaker(true)
				in.HealthCheckGracePeriodSeconds = new(c.grace)
				h.create(in)
				h.steady()
				old := h.tasks()[0].ARN
				h.sicken(func(owner string) bool { return owner != old })
				began := time.Now()
				h.update(&sdk.UpdateServiceInput{TaskDefinition: new(h.register("shop/web:2"))})
				first := h.within(time.Hour, "first stop", func() bool { return h.said("has stopped") > 0 })
				if grace := time.Duration(c.grace) * time.Second; first < grace || first > grace+15*time.Second {
					t.Errorf("the first sick task was stopped after %s, grace is %s", first, grace)
				}
				h.within(time.Hour, "rollback", func() bool { return h.status() == types.ServiceDeploymentStatusRollbackSuccessful })
				if n := h.said("is unhealthy in (target-group " + harbourGroup + ") due to (reason Health checks failed with these codes: [503])"); n != 3 {
					t.Errorf("%d tasks were said to be unhealthy after %s, want 3; events:\n%s", n, time.Since(began), strings.Join(h.events(), "\n"))
				}
				for _, task := range h.tasks() {
					if strings.HasSuffix(task.Definition, "web:2") && task.StopReason != "Task failed ELB health checks in (target-group "+harbourGroup+")" {
						if !strings.HasPrefix(task.StopReason, "Scaling activity initiated by (deployment ecs-svc/") {
							t.Errorf("a sick task was stopped for %q", task.StopReason)
						}
					}
				}
			})
		})
	}
}

func alarmed(rollback bool, bake *int32) *types.DeploymentConfiguration {
	return &types.DeploymentConfiguration{
		Alarms:            &types.DeploymentAlarms{AlarmNames: []string{"web-5xx", "web-slow"}, Enable: true, Rollback: rollback},
		BakeTimeInMinutes: bake,
	}
}

func TestAnAlarmRollsBackInTheSameMoment(t *testing.T) {
	inHarbour(t, nil, func(h *harbour) {
		in := serviceAsk(h.register("shop/web:1"), 2)
		in.DeploymentConfiguration = alarmed(true, new(int32(5)))
		h.create(in)
		h.steady()
		h.update(&sdk.UpdateServiceInput{TaskDefinition: new(h.register("shop/web:2"))})
		h.within(5*time.Minute, "bake", func() bool {
			return h.deployments()[0].LifecycleStage == types.ServiceDeploymentLifecycleStageBakeTime
		})
		if s := h.service(); len(s.Deployments) != 2 || s.Deployments[0].RolloutState != types.DeploymentRolloutStateInProgress {
			t.Errorf("during the bake the old deployment is not listed:\n%s", h.picture())
		}
		h.ring("web-5xx", true)

		d := h.deployments()[0]
		if d.Status != types.ServiceDeploymentStatusRollbackInProgress || d.Alarms.Status != types.ServiceDeploymentRollbackMonitorsStatusTriggered ||
			!cmp.Equal(d.Alarms.TriggeredAlarmNames, []string{"web-5xx"}) {
			t.Errorf("after the alarm the deployment is %s, its alarms %+v", d.Status, d.Alarms)
		}
		h.within(10*time.Minute, "rollback", func() bool { return h.status() == types.ServiceDeploymentStatusRollbackSuccessful })
		h.steady()
		if !strings.HasSuffix(*h.service().TaskDefinition, "web:1") || h.said("deployment failed: alarm detected.") != 1 {
			t.Errorf("not rolled back:\n%s", h.picture())
		}
	})
}

func TestAnAlarmThatIsFiringAtTheStartIsIgnored(t *testing.T) {
	inHarbour(t, nil, func(h *harbour) {
		in := serviceAsk(h.register("shop/web:1"), 1)
		in.DeploymentConfiguration = alarmed(true, nil)
		h.create(in)
		h.steady()
		h.ring("web-5xx", true)
		h.update(&sdk.UpdateServiceInput{TaskDefinition: new(h.register("shop/web:2"))})
		h.ring("web-slow", true)
		h.within(10*time.Minute, "success", func() bool { return h.status() == types.ServiceDeploymentStatusSuccessful })
		if got := h.deployments()[0].Alarms.Status; got != types.ServiceDeploymentRollbackMonitorsStatusDisabled {
			t.Errorf("the alarms' status is %s, want DISABLED", got)
		}
	})
}

func TestABakeLastsItsTimeAfterTheOldTasksAreGone(t *testing.T) {
	inHarbour(t, nil, func(h *harbour) {
		in := serviceAsk(h.register("shop/web:1"), 1)
		in.DeploymentConfiguration = alarmed(true, nil)
		h.create(in)
		// Settled after 40 s, then the bake ECS computes.
		if took := h.within(10*time.Minute, "success", func() bool { return h.status() == types.ServiceDeploymentStatusSuccessful }); took < 40*time.Second+computedBake || took > time.Minute+computedBake {
			t.Errorf("a deployment with alarms took %s", took)
		}
	})
}

func TestARollbackThatFailsTooStalls(t *testing.T) {
	inHarbour(t, nil, func(h *harbour) {
		in := balanced(serviceAsk(h.register("shop/web:1"), 2))
		in.DeploymentConfiguration = breaker(true)
		in.DeploymentConfiguration.MinimumHealthyPercent, in.DeploymentConfiguration.MaximumPercent = new(int32(50)), new(int32(100))
		good := *h.create(in).Deployments[0].Id
		h.steady()
		old := map[string]bool{}
		for _, task := range h.tasks() {
			old[task.ARN] = true
		}
		h.sicken(func(owner string) bool { return !old[owner] })
		h.update(&sdk.UpdateServiceInput{TaskDefinition: new(h.register("shop/web:2"))})
		h.within(time.Hour, "failure of the rollback", func() bool { return h.status() == types.ServiceDeploymentStatusRollbackFailed })

		if d := h.deployments()[0]; *d.StatusReason != noCandidate {
			t.Errorf("statusReason is %q", *d.StatusReason)
		}
		if p := h.service().Deployments[0]; *p.Id != good || p.RolloutState != types.DeploymentRolloutStateFailed {
			t.Errorf("PRIMARY is not the revision it went back to, FAILED:\n%s", h.picture())
		}
		started := h.said("has started")
		time.Sleep(time.Hour)
		if n := h.said("has started"); n != started {
			t.Errorf("tasks were launched after the rollback failed:\n%s", h.picture())
		}
		h.sicken(func(string) bool { return false })
		h.update(&sdk.UpdateServiceInput{ForceNewDeployment: true})
		h.steady()
	})
}

func TestAnUpdateDuringARollbackTakesItsPlace(t *testing.T) {
	inHarbour(t, crashing, func(h *harbour) {
		in := balanced(serviceAsk(h.register("shop/web:1"), 2))
		in.DeploymentConfiguration = breaker(true)
		in.DeploymentConfiguration.MinimumHealthyPercent, in.DeploymentConfiguration.MaximumPercent = new(int32(50)), new(int32(100))
		h.create(in)
		h.steady()
		h.update(&sdk.UpdateServiceInput{TaskDefinition: new(h.register("shop/web:crash"))})
		h.within(time.Hour, "rollback", func() bool { return h.status() == types.ServiceDeploymentStatusRollbackInProgress })
		h.update(&sdk.UpdateServiceInput{TaskDefinition: new(h.register("shop/web:2"))})
		h.within(time.Hour, "success", func() bool { return h.status() == types.ServiceDeploymentStatusSuccessful })
		if d := h.deployments()[1]; d.Status != types.ServiceDeploymentStatusRollbackFailed || *d.StatusReason != supersededReason {
			t.Errorf("the deployment whose rollback was cut short is %s: %s", d.Status, *d.StatusReason)
		}
		h.steady()
	})
}
