package ecs

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/slipway-ecs/slipway/internal/reconcile"
	"github.com/slipway-ecs/slipway/internal/store"
)

// Nothing of the service ever completed, so that nothing can be rolled back to; what serves is kept
// whole all the same. Source: ecs.md 5.4.
func TestTheRevisionThatServesIsKeptWholeThoughNothingEverCompleted(t *testing.T) {
	t.Parallel()
	for name, lost := range map[string]int{"one task was lost before": 1, "all were lost before": 2, "none was lost": 0} {
		t.Run(name, func(t *testing.T) {
			inPort(t, func(h *harbour, l *lambda, _ *diary) {
				l.answer = func(string, int) (string, error) { return `{"hookStatus":"FAILED"}`, nil }
				h.create(shifted(serviceAsk(h.register("shop/web:1"), 2), hookedAt(shiftBy(types.DeploymentStrategyBlueGreen), "POST_PRODUCTION_TRAFFIC_SHIFT")))
				serving := digitsOf(h.reaches("ROLLBACK_FAILED").TargetServiceRevision.Arn)
				for _, task := range h.tasks()[:lost] {
					h.kill(task)
				}
				time.Sleep(time.Minute)
				if n := h.well(serving); n != 2-lost {
					t.Errorf("%d healthy tasks of a failed deployment, want %d: it launches nothing more", n, 2-lost)
				}
				h.register("shop/web:2")
				h.update(&sdk.UpdateServiceInput{
					TaskDefinition: new("web:2"), DeploymentConfiguration: pausedAt(shiftBy(types.DeploymentStrategyCanary), "POST_SCALE_UP"),
				})
				whole := func(n int) func() bool { return func() bool { return h.well(serving) == n } }
				h.within(time.Minute, "two tasks that serve", whole(2))
				h.within(10*time.Minute, "the pause", func() bool { return len(h.pauses()) == 1 })
				for _, task := range h.tasks() {
					if task.Deployment == serving && task.Desired != taskStopped {
						h.kill(task)
					}
				}
				h.within(time.Minute, "two tasks again", whole(2))
				h.update(&sdk.UpdateServiceInput{DesiredCount: new(int32(3))})
				h.within(time.Minute, "three tasks of a service scaled out", whole(3))
				if err := h.goOn(h.pauses()[0], ""); err != nil {
					t.Fatal(err)
				}
				h.reaches("SUCCESSFUL")
				h.steady()
			})
		})
	}
}

// Source: ecs.md 3.4: an older deployment is listed while it has tasks.
func TestDeploymentsThatFailedOneAfterTheOtherDoNotPileUp(t *testing.T) {
	inPort(t, func(h *harbour, l *lambda, _ *diary) {
		l.answer = func(string, int) (string, error) { return `{"hookStatus":"FAILED"}`, nil }
		h.create(shifted(serviceAsk(h.register("shop/web:1"), 1), hookedAt(shiftBy(types.DeploymentStrategyBlueGreen), "PRE_SCALE_UP")))
		h.reaches("ROLLBACK_FAILED")
		for range 5 {
			h.update(&sdk.UpdateServiceInput{ForceNewDeployment: true})
			h.within(time.Minute, "its failure", func() bool { return h.status() == "ROLLBACK_FAILED" })
			if s := h.service(); len(s.Deployments) > 2 || len(s.CurrentServiceRevisions) > 2 {
				t.Errorf("deployments[] is\n%s", h.picture())
			}
			if n := len(h.newest().SourceServiceRevisions); n != 1 {
				t.Errorf("%d sources", n)
			}
		}
		if n := len(h.deployments()); n != 6 {
			t.Errorf("%d service deployments are listed, want all 6", n)
		}
		l.mu.Lock()
		l.answer = nil
		l.mu.Unlock()
		h.update(&sdk.UpdateServiceInput{ForceNewDeployment: true})
		h.reaches("SUCCESSFUL")
		h.steady()
	})
}

// kill ends a task as a user does.
func (h *harbour) kill(t Task) {
	h.t.Helper()
	if _, err := h.room.StopTask(h.ctx, &sdk.StopTaskInput{Cluster: new("c1"), Task: new(t.ARN)}); err != nil {
		h.t.Fatal(err)
	}
}

// well counts the healthy tasks of a revision.
func (h *harbour) well(digits string) (n int) {
	for _, t := range h.tasks() {
		if ok, _ := reconcile.Healthy(t.observed(), time.Now()); ok && t.Deployment == digits {
			n++
		}
	}
	return n
}

// A service none of whose deployments completes, with tasks killed all the while: as long as a
// deployment is under way, production traffic is never without a healthy task for longer than a
// replacement takes, once there was one.
func TestNoStormOfKillsLeavesTrafficWithoutTasksBeforeAnythingCompleted(t *testing.T) {
	t.Parallel()
	for seed := range storms() {
		t.Run(fmt.Sprint("storm ", seed), func(t *testing.T) {
			chance := rand.New(rand.NewPCG(seed, 6))
			inPort(t, func(h *harbour, l *lambda, d *diary) {
				l.answer = func(string, int) (string, error) { return `{"hookStatus":"FAILED"}`, nil }
				ask := func() *types.DeploymentConfiguration {
					c := hookedAt(shiftBy(types.DeploymentStrategy("").Values()[1+chance.IntN(3)]), "POST_PRODUCTION_TRAFFIC_SHIFT")
					if chance.IntN(2) == 0 {
						pausedAt(c, "POST_SCALE_UP") // it never gets any traffic
					}
					return c
				}
				h.create(shifted(serviceAsk(h.register("shop/web:1"), 1+chance.IntN(3)), ask()))
				lack := lacking(h.room, h.piers)
				for n := range 20 {
					time.Sleep(time.Duration(chance.IntN(30_000)) * time.Millisecond)
					switch chance.IntN(4) {
					case 0, 1:
						for _, task := range h.tasks() {
							if task.Desired != taskStopped && chance.IntN(3) > 0 {
								h.kill(task)
							}
						}
					case 2:
						h.update(&sdk.UpdateServiceInput{DesiredCount: new(int32(1 + chance.IntN(4)))})
					case 3:
						h.update(&sdk.UpdateServiceInput{ForceNewDeployment: true, DeploymentConfiguration: ask()})
					}
					h.within(90*time.Second, fmt.Sprintf("traffic that is answered, after act %d", n), func() (served bool) {
						err := h.store.View(func(tx *store.Tx) error { served = !lack(tx); return nil })
						return err == nil && served
					})
				}
			})
		})
	}
}

// lacking tells whether production traffic goes to a group without a healthy task, while a
// deployment is under way that began beside one that had some.
func lacking(room *Service, piers *piers) func(tx *store.Tx) bool {
	return func(tx *store.Tx) bool {
		going := false
		for _, d := range room.live(tx, harbourScope.Service("c1", "web")) {
			going = going || d.underWay() && d.Base != ""
		}
		if !going {
			return false
		}
		weights, _ := piers.Weights(tx, productionRule)
		healthy := map[string]int{}
		for t := range room.tasks.By(tx, "service", harbourScope.Service("c1", "web")) {
			if ok, _ := reconcile.Healthy(t.observed(), tx.Now()); ok {
				healthy[t.Targets[0].Group]++
			}
		}
		for _, w := range weights {
			if w.Weight > 0 && healthy[w.Group] == 0 {
				return true
			}
		}
		return false
	}
}
