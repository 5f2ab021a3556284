package ecs

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/slipway-ecs/slipway/internal/reconcile"
	"github.com/slipway-ecs/slipway/internal/store"
)

// Whatever happens to services of all strategies, at whatever time: updates, alarms, hooks of all
// outcomes and time-outs, stops, ended pauses, restarts. A rule is never moved to a group without a healthy task
// while its other group has some; there is one PRIMARY and at most one deployment under way; and
// left alone with a good revision the service becomes steady, with all traffic on it.
func TestNoStormLeavesTrafficAstray(t *testing.T) {
	t.Parallel()
	images := []string{"shop/web:well", "shop/web:slow", "shop/web:crash", "shop/web:absent", "shop/web:sick"}
	for seed := range storms() {
		t.Run(fmt.Sprint("storm ", seed), func(t *testing.T) {
			chance := rand.New(rand.NewPCG(seed, 3))
			inPort(t, func(h *harbour, l *lambda, d *diary) {
				w := &weather{image: map[string]string{}, chance: rand.New(rand.NewPCG(seed, 4))}
				replies := rand.New(rand.NewPCG(seed, 5))
				h.stop()
				h.behave = w.script
				h.piers.sick = w.sick
				d.check = straying(h.room, h.piers)
				l.answer = func(string, int) (string, error) {
					switch replies.IntN(12) {
					case 0:
						return `{"hookStatus":"FAILED"}`, nil
					case 1:
						return `{"hookStatus":"IN_PROGRESS","callBackDelay":20}`, nil
					case 2:
						return "", throttled{}
					case 3: // it raised
						return `{"errorMessage":"boom","errorType":"E"}`, nil
					case 4:
						return "", errors.New("Function not found")
					case 5, 6: // beyond its time, where it has a short one
						return `{"hookStatus":"IN_PROGRESS","callBackDelay":3600}`, nil
					}
					return `{"hookStatus":"SUCCEEDED"}`, nil
				}
				h.start()
				h.create(shifted(serviceAsk(h.register(images[0]), 1+chance.IntN(4)), someShift(chance)))
				definitions := []string{"web:1"}
				for range 14 {
					time.Sleep(time.Duration(chance.IntN(120_000)) * time.Millisecond)
					switch chance.IntN(10) {
					case 0, 1, 2:
						h.register(images[chance.IntN(len(images))])
						definitions = append(definitions, fmt.Sprintf("web:%d", len(definitions)+1))
						h.update(&sdk.UpdateServiceInput{TaskDefinition: new(definitions[chance.IntN(len(definitions))])})
					case 3:
						h.update(&sdk.UpdateServiceInput{DesiredCount: new(int32(chance.IntN(5)))})
					case 4:
						h.update(&sdk.UpdateServiceInput{DeploymentConfiguration: someShift(chance), ForceNewDeployment: chance.IntN(2) == 0})
					case 5:
						if d := h.newest(); d.Status == "IN_PROGRESS" {
							h.stopIt()
						}
					case 6:
						h.ring("web-5xx", chance.IntN(2) == 0)
					case 7, 8:
						for _, id := range h.pauses() {
							if err := h.goOn(id, []types.DeploymentLifecycleHookAction{"CONTINUE", "CONTINUE", "ROLLBACK"}[chance.IntN(3)]); err != nil {
								t.Fatal(err)
							}
						}
					case 9:
						h.stop()
						time.Sleep(time.Duration(chance.IntN(60)) * time.Second)
						h.start()
					}
				}
				h.ring("web-5xx", false)
				last := h.register("shop/web:well")
				c := shiftBy(types.DeploymentStrategyBlueGreen)
				c.LifecycleHooks = []types.DeploymentLifecycleHook{}
				c.MinimumHealthyPercent, c.MaximumPercent = new(int32(100)), new(int32(200))
				h.update(&sdk.UpdateServiceInput{TaskDefinition: new(last), DesiredCount: new(int32(2)), DeploymentConfiguration: c})
				h.within(30*time.Hour, "steady state", func() bool { return h.stable() && h.status() == "SUCCESSFUL" })
				s := h.service()
				if *s.TaskDefinition != last {
					t.Errorf("it settled as:\n%s", h.picture())
				}
				groups := h.groupsIn(digitsOf(h.newest().TargetServiceRevision.Arn))
				want := map[string]string{harbourGroup: "100/0", greenGroup: "0/100"}
				if len(groups) != 1 || h.weights(productionRule) != want[groups[0]] {
					t.Errorf("tasks are in %v, and production forwards %s", groups, h.weights(productionRule))
				}
				h.apart(func() {
					for _, wrong := range d.broken {
						t.Error(wrong)
					}
				})
			})
		})
	}
}

// someShift gives a configuration of any strategy with hooks, alarms and a breaker, or without.
func someShift(chance *rand.Rand) *types.DeploymentConfiguration {
	c := shiftBy(types.DeploymentStrategy("").Values()[chance.IntN(4)])
	c.LifecycleHooks = []types.DeploymentLifecycleHook{}
	c.Alarms = &types.DeploymentAlarms{AlarmNames: []string{"web-5xx"}, Enable: chance.IntN(2) == 0, Rollback: chance.IntN(4) > 0}
	c.DeploymentCircuitBreaker = &types.DeploymentCircuitBreaker{Enable: chance.IntN(3) > 0, Rollback: chance.IntN(4) > 0}
	stages := types.DeploymentLifecycleHookStage("").Values()
	if chance.IntN(2) == 0 {
		hookedAt(c, stages[chance.IntN(len(stages))], stages[chance.IntN(len(stages))])
		if actions := types.DeploymentLifecycleHookAction("").Values(); chance.IntN(2) == 0 {
			c.LifecycleHooks[0].TimeoutConfiguration = &types.DeploymentLifecycleHookTimeoutConfiguration{TimeoutInMinutes: new(int32(1 + chance.IntN(3))), Action: actions[chance.IntN(len(actions))]}
		}
	}
	if stage := stages[chance.IntN(len(stages))]; chance.IntN(3) == 0 && checkPause(types.DeploymentLifecycleHook{LifecycleStages: []types.DeploymentLifecycleHookStage{stage}}) == nil {
		pausedAt(c, stage)
	}
	return c
}

// straying says what is wrong at a commit of a deployment, given how production forwarded before.
func straying(room *Service, piers *piers) func(tx *store.Tx, row *Deployment) string {
	var before []Weight
	return func(tx *store.Tx, row *Deployment) string {
		now, _ := piers.Weights(tx, productionRule)
		was := before
		before = now
		primaries, underWay := 0, 0
		for _, d := range room.live(tx, row.Service) {
			if d.Status == deploymentPrimary {
				primaries++
			}
			if d.underWay() {
				underWay++
			}
		}
		if primaries != 1 || underWay > 1 {
			return fmt.Sprintf("%d primaries, %d deployments under way", primaries, underWay)
		}
		if slices.Equal(was, now) {
			return ""
		}
		healthy := map[string]int{}
		for t := range room.tasks.By(tx, "service", row.Service) {
			if ok, _ := reconcile.Healthy(t.observed(), tx.Now()); ok {
				healthy[t.Targets[0].Group]++
			}
		}
		for _, w := range now {
			if partIn(now, w.Group) > partIn(was, w.Group) && healthy[w.Group] == 0 && len(healthy) > 0 {
				return fmt.Sprintf("traffic moved from %v to %v with healthy tasks in %v", was, now, healthy)
			}
		}
		return ""
	}
}

// What a kill -9 leaves is what the last commit wrote: at each stage of each strategy the loop ends,
// another begins, and the deployment ends as it would have.
func TestADeploymentInterruptedAtAnyStageEndsAsItWouldHave(t *testing.T) {
	t.Parallel()
	strategies := types.DeploymentStrategy("").Values()
	if testing.Short() { // the race detector learns nothing from the others
		strategies = []types.DeploymentStrategy{types.DeploymentStrategyCanary}
	}
	for _, strategy := range strategies {
		for name, fails := range map[string]bool{"good": false, "rejected": true} {
			t.Run(string(strategy)+" "+name, func(t *testing.T) {
				inPort(t, func(h *harbour, l *lambda, d *diary) {
					h.create(shifted(serviceAsk(h.register("shop/web:1"), 2), hookedAt(shiftBy(strategy), types.DeploymentLifecycleHookStage("").Values()...)))
					h.reaches("SUCCESSFUL")
					if fails {
						l.mu.Lock()
						l.answer = func(stage string, _ int) (string, error) {
							if stage == "POST_PRODUCTION_TRAFFIC_SHIFT" || stage == "POST_SCALE_UP" && strategy == types.DeploymentStrategyRolling {
								return `{"hookStatus":"FAILED"}`, nil
							}
							return `{"hookStatus":"SUCCEEDED"}`, nil
						}
						l.mu.Unlock()
					}
					h.register("shop/web:2")
					h.update(&sdk.UpdateServiceInput{TaskDefinition: new("web:2")})
					restarts, seen := 0, ""
					h.within(2*time.Hour, "the end", func() bool {
						now := string(h.newest().Status) + string(h.newest().LifecycleStage) + h.weights(productionRule)
						if now != seen {
							seen = now
							restarts++
							h.stop()
							time.Sleep(3 * time.Second)
							h.start()
						}
						return h.newest().FinishedAt != nil
					})
					want := map[bool]types.ServiceDeploymentStatus{false: "SUCCESSFUL", true: "ROLLBACK_SUCCESSFUL"}[fails]
					if got := h.status(); got != want || restarts < 3 {
						t.Errorf("after %d restarts it ended as %s, want %s", restarts, got, want)
					}
					forwards := "100/0"
					if !fails && strategy != types.DeploymentStrategyRolling {
						forwards = "0/100"
					}
					got := h.weights(productionRule)
					if strategy == types.DeploymentStrategyRolling {
						forwards = "1/0" // nobody touches the rules
					}
					if got != forwards {
						t.Errorf("production forwards %s, want %s", got, forwards)
					}
					h.steady()
				})
			})
		}
	}
}
