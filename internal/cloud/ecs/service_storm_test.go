package ecs

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/slipway-ecs/slipway/internal/launch"
	"github.com/slipway-ecs/slipway/internal/launch/fake"
	"github.com/slipway-ecs/slipway/internal/store"
	"github.com/slipway-ecs/slipway/internal/strategy"
)

// storms is how many random stories are told; each is reproduced by its number. Two are enough for
// the race detector, which is not after their endings.
func storms() uint64 {
	if testing.Short() {
		return 2
	}
	return 12
}

// Whatever happens to a service, in whatever order: it always has exactly one PRIMARY, never more
// live tasks than its bounds allow, never more than one deployment under way; and once a good
// revision is asked for and it is left alone, it becomes steady with that revision.
func TestNoStormOfUpdatesAndFailuresLeavesAServiceAstray(t *testing.T) {
	t.Parallel()
	images := []string{"shop/web:well", "shop/web:slow", "shop/web:crash", "shop/web:absent", "shop/web:sick", "shop/web:flaky"}
	for seed := range storms() {
		t.Run(fmt.Sprint("storm ", seed), func(t *testing.T) {
			chance := rand.New(rand.NewPCG(seed, 1))
			inHarbour(t, nil, func(h *harbour) {
				w := &weather{image: map[string]string{}, chance: rand.New(rand.NewPCG(seed, 2))}
				h.stop()
				h.behave = w.script
				h.piers.sick = w.sick
				h.watch.look = w.look(h.room)
				h.start()

				in := balanced(serviceAsk(h.register(images[0]), chance.IntN(6)))
				in.DeploymentConfiguration = someConfiguration(chance)
				h.create(in)
				revisions := []string{"web:1"}
				for range 12 {
					time.Sleep(time.Duration(chance.IntN(90_000)) * time.Millisecond)
					switch chance.IntN(8) {
					case 0, 1, 2:
						h.register(images[chance.IntN(len(images))])
						revisions = append(revisions, fmt.Sprintf("web:%d", len(revisions)+1))
						h.update(&sdk.UpdateServiceInput{TaskDefinition: new(revisions[chance.IntN(len(revisions))])})
					case 3, 4:
						h.update(&sdk.UpdateServiceInput{DesiredCount: new(int32(chance.IntN(8)))})
					case 5:
						h.update(&sdk.UpdateServiceInput{DeploymentConfiguration: someConfiguration(chance), ForceNewDeployment: chance.IntN(2) == 0})
					case 6:
						if d := h.deployments()[0]; d.Status == "IN_PROGRESS" {
							if _, err := h.room.StopServiceDeployment(h.ctx, &sdk.StopServiceDeploymentInput{ServiceDeploymentArn: d.ServiceDeploymentArn}); err != nil {
								t.Fatal(err)
							}
						}
					case 7:
						h.stop()
						time.Sleep(time.Duration(chance.IntN(60)) * time.Second)
						h.start()
					}
				}
				last := h.register("shop/web:well")
				h.update(&sdk.UpdateServiceInput{TaskDefinition: new(last), DesiredCount: new(int32(3)), DeploymentConfiguration: percents(50, 200)})
				h.within(3*time.Hour, "steady state", func() bool {
					return h.stable() && h.status() == types.ServiceDeploymentStatusSuccessful && h.said("has reached a steady state.") > 0
				})
				if s := h.service(); *s.TaskDefinition != last || s.RunningCount != 3 || s.PendingCount != 0 {
					t.Errorf("it settled as:\n%s", h.picture())
				}
				h.apart(func() {
					for _, wrong := range h.watch.broken {
						t.Error(wrong)
					}
				})
			})
		})
	}
}

// someConfiguration gives a deployment configuration that ECS takes.
func someConfiguration(chance *rand.Rand) *types.DeploymentConfiguration {
	c := percents(int32(25*chance.IntN(5)), int32(125+25*chance.IntN(4)))
	c.DeploymentCircuitBreaker = &types.DeploymentCircuitBreaker{Enable: chance.IntN(3) > 0, Rollback: chance.IntN(3) > 0}
	c.BakeTimeInMinutes = new(int32(chance.IntN(2)))
	return c
}

// weather decides how containers behave and whether load balancers like them, by image.
type weather struct {
	mu     sync.Mutex // guards what follows, which hands and keepers use
	image  map[string]string
	chance *rand.Rand
	live   int // at the last look, and the upper bound then
	upper  int
}

func (w *weather) script(t launch.Task, c launch.Container) fake.Script {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.image[t.ID] = c.Image
	switch c.Image {
	case "shop/web:slow":
		return fake.Script{PullDelay: 5 * time.Second, StartDelay: 20 * time.Second, StopDelay: 10 * time.Second}
	case "shop/web:crash":
		return fake.Script{RunFor: 3 * time.Second, Exit: launch.Exit{Code: 1}}
	case "shop/web:absent":
		return fake.Script{PullError: "not found"}
	case "shop/web:flaky":
		if w.chance.IntN(2) == 0 {
			return fake.Script{RunFor: time.Duration(1+w.chance.IntN(120)) * time.Second, Exit: launch.Exit{Code: 2}}
		}
	}
	return fake.Script{}
}

func (w *weather) sick(owner string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.image[owner[strings.LastIndexByte(owner, '/')+1:]] == "shop/web:sick"
}

// look says what is wrong with a service at a commit.
func (w *weather) look(room *Service) func(tx *store.Tx, service string, live int) string {
	return func(tx *store.Tx, service string, live int) string {
		row, _ := room.services.Get(tx, service)
		_, upper := strategy.Bounds(row.Desired, row.Settings.MinPercent, row.Settings.MaxPercent)
		before, bound := w.live, max(upper, w.upper) // they may have come before the bound fell
		w.live, w.upper = live, upper
		if live > bound && live > before {
			return fmt.Sprintf("%d live, %d before, at most %d may be", live, before, bound)
		}
		primaries, underWay := 0, 0
		for _, d := range room.live(tx, service) {
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
		return ""
	}
}
