package ecs

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/document"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// Source: ecs.md 7.6, the event and the table of weights.
func TestALambdaHookIsToldItsStageAndItsWeights(t *testing.T) {
	inPort(t, func(h *harbour, l *lambda, _ *diary) {
		c := hookedAt(shiftBy(types.DeploymentStrategyCanary), types.DeploymentLifecycleHookStage("").Values()...)
		c.LifecycleHooks[0].HookDetails = document.NewLazyDocument(map[string]any{"bucket": "approvals"})
		h.create(shifted(serviceAsk(h.register("shop/web:1"), 1), c))
		h.reaches("SUCCESSFUL")
		blue := *h.newest().TargetServiceRevision.Arn
		l.asked = nil
		h.register("shop/web:2")
		h.update(&sdk.UpdateServiceInput{TaskDefinition: new("web:2")})
		d := h.reaches("SUCCESSFUL")
		green := *d.TargetServiceRevision.Arn
		var got []string
		for _, e := range l.asked {
			show := func(w map[string]float64) string {
				if len(w) == 0 {
					return "-"
				}
				return fmt.Sprintf("%v/%v", w[blue], w[green])
			}
			got = append(got, e.LifecycleStage+" "+show(e.ExecutionDetails.TestTrafficWeights)+" "+show(e.ExecutionDetails.ProductionTrafficWeights))
			if e.ResourceArn != *d.ServiceDeploymentArn || e.ExecutionDetails.TargetServiceRevisionArn != green ||
				e.ExecutionDetails.ServiceArn != *d.ServiceArn || string(e.HookDetails) != `{"bucket":"approvals"}` || e.ExecutionID == "" {
				t.Errorf("the event is %+v", e)
			}
		}
		want := []string{
			"PRE_SCALE_UP - -", "POST_SCALE_UP - -", "TEST_TRAFFIC_SHIFT 0/100 -", "POST_TEST_TRAFFIC_SHIFT - -",
			"PRE_PRODUCTION_TRAFFIC_SHIFT - 100/0", "PRODUCTION_TRAFFIC_SHIFT - 89.5/10.5",
			"PRE_PRODUCTION_TRAFFIC_SHIFT - 89.5/10.5", "PRODUCTION_TRAFFIC_SHIFT - 0/100", "POST_PRODUCTION_TRAFFIC_SHIFT - -",
		}
		if !slices.Equal(got, want) {
			t.Errorf("asked\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	})
}

func TestAHookInProgressIsCalledAgainWithWhatItReturned(t *testing.T) {
	inPort(t, func(h *harbour, l *lambda, _ *diary) {
		c := hookedAt(shiftBy(types.DeploymentStrategyBlueGreen), "POST_SCALE_UP")
		c.LifecycleHooks[0].HookDetails = document.NewLazyDocument(map[string]any{"a": int64(1), "b": int64(2)})
		var at []time.Time
		l.answer = func(_ string, call int) (string, error) {
			at = append(at, time.Now())
			switch call {
			case 1:
				return `{"hookStatus":"IN_PROGRESS","hookDetails":{"b":3,"c":4}}`, nil
			case 2:
				return `{"hookStatus":"IN_PROGRESS","callBackDelay":7}`, nil
			}
			return `{"hookStatus":"SUCCEEDED"}`, nil
		}
		h.create(shifted(serviceAsk(h.register("shop/web:1"), 1), c))
		h.reaches("SUCCESSFUL")
		if len(l.asked) != 3 || at[1].Sub(at[0]) != 30*time.Second || at[2].Sub(at[1]) != 7*time.Second {
			t.Fatalf("asked %d times, at %v", len(l.asked), at)
		}
		for i, want := range []string{`{"a":1,"b":2}`, `{"a":1,"b":3,"c":4}`, `{"a":1,"b":3,"c":4}`} {
			if got := string(l.asked[i].HookDetails); got != want {
				t.Errorf("call %d had %s, want %s", i+1, got, want)
			}
		}
		if l.asked[0].ExecutionID != l.asked[2].ExecutionID {
			t.Errorf("the executionId changed between the calls")
		}
	})
}

// throttled is an error of Lambda that passes.
type throttled struct{}

func (throttled) Error() string     { return "TooManyRequestsException: Rate Exceeded." }
func (throttled) ErrorCode() string { return "TooManyRequestsException" }

// Source: ecs.md 6.7 and 7.6.
func TestAHookThatFailsRollsBackInECSsWords(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		answer func(string, int) (string, error)
		want   string
	}{
		"failed": {func(string, int) (string, error) { return `{"hookStatus":"FAILED","reason":"no"}`, nil },
			"Lifecycle hook target " + hookFunction + " returned FAILED status."},
		"null":      {func(string, int) (string, error) { return `null`, nil }, "ECS was unable to parse the response from " + hookFunction + " due to HookStatus must not be null"},
		"exception": {func(string, int) (string, error) { return `{"errorMessage":"boom","errorType":"E"}`, nil }, "ECS was unable to parse the response from " + hookFunction + " due to HookStatus must not be null"},
		"absent":    {func(string, int) (string, error) { return "", errors.New("Function not found") }, "ECS was unable to invoke hook target " + hookFunction + " due to Function not found"},
		"throttled": {func(string, int) (string, error) { return "", throttled{} }, "ECS was unable to invoke hook target " + hookFunction + " due to TooManyRequestsException: Rate Exceeded."},
		"silent":    {func(string, int) (string, error) { return `{"hookStatus":"IN_PROGRESS","callBackDelay":3600}`, nil }, "Lifecycle hook target " + hookFunction + " timed out."},
	} {
		t.Run(name, func(t *testing.T) {
			inPort(t, func(h *harbour, l *lambda, _ *diary) {
				h.create(shifted(serviceAsk(h.register("shop/web:1"), 1), shiftBy(types.DeploymentStrategyBlueGreen)))
				h.reaches("SUCCESSFUL")
				l.mu.Lock()
				l.answer = c.answer
				l.mu.Unlock()
				h.register("shop/web:2")
				h.update(&sdk.UpdateServiceInput{TaskDefinition: new("web:2"), DeploymentConfiguration: hookedAt(&types.DeploymentConfiguration{}, "POST_TEST_TRAFFIC_SHIFT")})
				d := h.reaches("ROLLBACK_SUCCESSFUL")
				want := "Service deployment rolled back because POST_TEST_TRAFFIC_SHIFT lifecycle hook(s) failed. " + c.want
				if *d.StatusReason != want || *d.Rollback.Reason != want {
					t.Errorf("reasons %q and %q, want %q", *d.StatusReason, *d.Rollback.Reason, want)
				}
				if h.said("deployment failed: "+want) != 1 {
					t.Errorf("events:\n%s", strings.Join(h.events(), "\n"))
				}
				if name == "throttled" && len(l.asked) != invokeTries {
					t.Errorf("asked %d times, want %d", len(l.asked), invokeTries)
				}
				if got := h.weights(testRule) + " " + h.weights(productionRule); got != "100/0 100/0" {
					t.Errorf("the rules forward %s", got)
				}
				h.steady()
			})
		})
	}
}

// Source: ecs.md 7.6, "During a rollback".
func TestHooksOfShiftsAreAskedAgainInARollback(t *testing.T) {
	inPort(t, func(h *harbour, l *lambda, _ *diary) {
		c := hookedAt(shiftBy(types.DeploymentStrategyBlueGreen), "PRE_SCALE_UP", "TEST_TRAFFIC_SHIFT", "PRODUCTION_TRAFFIC_SHIFT")
		h.create(shifted(serviceAsk(h.register("shop/web:1"), 1), c))
		h.reaches("SUCCESSFUL")
		h.register("shop/web:2")
		h.update(&sdk.UpdateServiceInput{TaskDefinition: new("web:2")})
		h.at("BAKE_TIME")
		l.mu.Lock()
		l.asked = nil
		l.mu.Unlock()
		h.stopIt()
		d := h.reaches("ROLLBACK_SUCCESSFUL")
		got := l.stages()
		if slices.Sort(got); !slices.Equal(got, []string{"PRODUCTION_TRAFFIC_SHIFT", "TEST_TRAFFIC_SHIFT"}) {
			t.Errorf("asked in the rollback: %v", got)
		}
		for _, e := range l.asked {
			for _, w := range []map[string]float64{e.ExecutionDetails.ProductionTrafficWeights, e.ExecutionDetails.TestTrafficWeights} {
				if len(w) > 0 && (w[*d.TargetServiceRevision.Arn] != 0 || w[*d.SourceServiceRevisions[0].Arn] != 100 || len(w) != 2) {
					t.Errorf("%s was told %v", e.LifecycleStage, w)
				}
			}
		}
	})
}

func TestAPauseThatTimesOutDoesWhatItsActionSays(t *testing.T) {
	t.Parallel()
	for action, want := range map[types.DeploymentLifecycleHookAction]types.ServiceDeploymentStatus{
		"CONTINUE": "SUCCESSFUL", "ROLLBACK": "ROLLBACK_SUCCESSFUL", "": "ROLLBACK_SUCCESSFUL",
	} {
		t.Run(string("then"+action), func(t *testing.T) {
			inPort(t, func(h *harbour, _ *lambda, _ *diary) {
				h.create(shifted(serviceAsk(h.register("shop/web:1"), 1), shiftBy(types.DeploymentStrategyBlueGreen)))
				h.reaches("SUCCESSFUL")
				h.register("shop/web:2")
				c := pausedAt(&types.DeploymentConfiguration{}, "POST_SCALE_UP")
				c.LifecycleHooks[0].TimeoutConfiguration = &types.DeploymentLifecycleHookTimeoutConfiguration{TimeoutInMinutes: new(int32(90)), Action: action}
				h.update(&sdk.UpdateServiceInput{TaskDefinition: new("web:2"), DeploymentConfiguration: c})
				h.at("POST_SCALE_UP")
				took := h.within(3*time.Hour, "the time-out", func() bool { return h.newest().LifecycleStage != "POST_SCALE_UP" || h.status() != "IN_PROGRESS" })
				if took < 89*time.Minute || took > 91*time.Minute {
					t.Errorf("it took %s, want 90 minutes", took)
				}
				d := h.reaches(want)
				if want != "SUCCESSFUL" && *d.StatusReason != "Service deployment rolled back because POST_SCALE_UP pause hook timed out." {
					t.Errorf("reason %q", *d.StatusReason)
				}
			})
		})
	}
}

// Source: ecs.md 7.5, "A new UpdateService while one is running", and 7.7: its hooks die with it.
func TestADeploymentThatSupersedesAnotherFoldsItsTrafficBackFirst(t *testing.T) {
	t.Parallel()
	for _, stage := range []string{"SCALE_UP", "POST_TEST_TRAFFIC_SHIFT", "PRODUCTION_TRAFFIC_SHIFT", "BAKE_TIME", "CLEAN_UP"} {
		t.Run(stage, func(t *testing.T) {
			inPort(t, func(h *harbour, _ *lambda, d *diary) {
				c := pausedAt(shiftBy(types.DeploymentStrategyCanary), "RECONCILE_SERVICE")
				h.create(shifted(serviceAsk(h.register("shop/web:1"), 2), c))
				h.reaches("SUCCESSFUL")
				h.register("shop/web:2")
				h.update(&sdk.UpdateServiceInput{TaskDefinition: new("web:2")})
				h.at(stage)
				h.register("shop/web:3")
				h.update(&sdk.UpdateServiceInput{TaskDefinition: new("web:3")})
				h.within(time.Hour, "the pause", func() bool { return len(h.pauses()) == 1 })
				if got := h.deployments()[1]; got.Status != "STOPPED" {
					t.Errorf("the superseded one is %s", got.Status)
				}
				serving, live := "100/0", greenGroup
				if stage == "CLEAN_UP" {
					serving, live = "0/100", harbourGroup
				}
				if got := h.weights(productionRule) + " " + h.weights(testRule); got != serving+" "+serving {
					t.Errorf("at RECONCILE_SERVICE the rules forward %s, want %s each", got, serving)
				}
				if n := len(h.newest().SourceServiceRevisions); n != 2 {
					t.Errorf("%d sources", n)
				}
				if err := h.goOn(h.pauses()[0], ""); err != nil {
					t.Fatal(err)
				}
				got := h.reaches("SUCCESSFUL")
				if groups := h.groupsIn(digitsOf(got.TargetServiceRevision.Arn)); !slices.Equal(groups, []string{live}) {
					t.Errorf("the newest is registered in %v, want %s", groups, live)
				}
				h.steady()
				if s := h.service(); !strings.HasSuffix(*s.TaskDefinition, "web:3") {
					t.Errorf("it stands with %s", *s.TaskDefinition)
				}
			})
		})
	}
}

func TestAServiceWithoutLoadBalancerGoesThroughAllStages(t *testing.T) {
	inPort(t, func(h *harbour, l *lambda, _ *diary) {
		in := serviceAsk(h.register("shop/web:1"), 1)
		in.DeploymentConfiguration = hookedAt(shiftBy(types.DeploymentStrategyBlueGreen), "PRODUCTION_TRAFFIC_SHIFT")
		h.create(in)
		h.reaches("SUCCESSFUL")
		h.register("shop/web:2")
		h.update(&sdk.UpdateServiceInput{TaskDefinition: new("web:2")})
		h.at("BAKE_TIME")
		d := h.newest()
		if *d.TargetServiceRevision.RequestedProductionTrafficWeight != 100 || *d.SourceServiceRevisions[0].RequestedProductionTrafficWeight != 0 {
			t.Errorf("weights %v %v", d.TargetServiceRevision, d.SourceServiceRevisions)
		}
		h.stopIt()
		h.reaches("ROLLBACK_SUCCESSFUL")
		last := l.asked[len(l.asked)-1]
		if w := last.ExecutionDetails.ProductionTrafficWeights; w[*d.TargetServiceRevision.Arn] != 0 || len(l.asked) != 3 {
			t.Errorf("asked %d times, at last with %v", len(l.asked), w)
		}
	})
}

// Source: ecs.md 7.3, "Asynchronous".
func TestListenerRulesThatCannotBeUsedFailTheDeployment(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		rule    string
		weights []Weight
		want    string
	}{
		"two serve": {productionRule, []Weight{{Group: harbourGroup, Weight: 50}, {Group: greenGroup, Weight: 50}},
			". productionListenerRule " + productionRule + " should have exactly one target group serving traffic but found 2 target groups which are serving traffic"},
		"another serves": {productionRule, []Weight{{Group: "arn:other", Weight: 1}, {Group: harbourGroup}, {Group: greenGroup}},
			". Production listener rule is forwarding traffic to unexpected target group arn:other. Expected traffic to be forwarded to either targetGroupArn: " +
				harbourGroup + " or alternateTargetGroupArn: " + greenGroup},
		"one is unknown": {productionRule, []Weight{{Group: harbourGroup, Weight: 1}},
			": Target group " + greenGroup + " is not associated with either productionListenerRule or testListenerRule."},
		"no rule": {testRule + "9", nil, ". One or more rules not found"},
	} {
		t.Run(name, func(t *testing.T) {
			inPort(t, func(h *harbour, _ *lambda, _ *diary) {
				in := shifted(serviceAsk(h.register("shop/web:1"), 1), shiftBy(types.DeploymentStrategyBlueGreen))
				h.create(in)
				h.reaches("SUCCESSFUL")
				ask := &sdk.UpdateServiceInput{ForceNewDeployment: true}
				if c.weights == nil {
					ask.LoadBalancers = in.LoadBalancers
					ask.LoadBalancers[0].AdvancedConfiguration.TestListenerRule = new(c.rule)
				} else {
					h.forward(c.rule, c.weights)
					h.forward(testRule, []Weight{{Group: harbourGroup, Weight: 1}})
				}
				h.update(ask)
				d := h.reaches("ROLLBACK_SUCCESSFUL")
				if want := badNetwork + c.want; *d.StatusReason != want {
					t.Errorf("reason %q, want %q", *d.StatusReason, want)
				}
			})
		})
	}
}

func TestAFirstDeploymentWhoseHookFailsHasNothingToGoBackTo(t *testing.T) {
	inPort(t, func(h *harbour, l *lambda, _ *diary) {
		l.answer = func(string, int) (string, error) { return `{"hookStatus":"FAILED"}`, nil }
		h.create(shifted(serviceAsk(h.register("shop/web:1"), 1), hookedAt(shiftBy(types.DeploymentStrategyBlueGreen), "POST_SCALE_UP")))
		if d := h.reaches("ROLLBACK_FAILED"); *d.StatusReason != noCandidate {
			t.Errorf("reason %q", *d.StatusReason)
		}
	})
}
