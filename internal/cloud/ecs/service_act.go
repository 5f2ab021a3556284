package ecs

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/slipway-ecs/slipway/internal/cloud"
	"github.com/slipway-ecs/slipway/internal/names"
	"github.com/slipway-ecs/slipway/internal/reconcile"
	"github.com/slipway-ecs/slipway/internal/strategy"
)

// taskStopped is lastStatus and desiredStatus of a task at its end.
const taskStopped = "STOPPED"

// What is said once while it lasts. Source: ecs.md 3.7.
const (
	unableToPlace = "was unable to place a task"
	noInstance    = unableToPlace + " because no container instance met all of its requirements."
	protected     = "was unable to reach steady state because task set (%s) was unable to scale in. " +
		"Reason: The number of protected tasks are more than the desired count of tasks"
)

// act starts and stops the tasks that the goals ask for, and says so.
//
// Source: ecs.md 5.2 and 5.4.
func (g *keeping) act() {
	goals, upper := g.goals()
	lower, own := strategy.Bounds(g.row.Desired, g.row.Settings.MinPercent, g.row.Settings.MaxPercent)
	room := reconcile.Room{Upper: upper, Lower: lower, Zones: g.zones(&g.primary().Work)}
	if driven := g.driven(); driven != nil && driven.Shifting {
		room.Each = own
	}
	start, stop, wake := reconcile.Tasks(goals, g.seen, room, g.now)
	if wake.Before(g.now.Add(never)) {
		g.res.Sooner(wake)
	}
	g.start(start)
	g.unplaced()
	g.stop(stop)
	for _, goal := range goals {
		g.complainOfProtection(goal)
	}
}

// zones gives the zones of a workload's subnets, in the order it names them.
func (g *keeping) zones(w *Workload) []string {
	config := cloud.Kept[types.NetworkConfiguration](w.Network)
	if config.AwsvpcConfiguration == nil {
		return nil
	}
	var zones []string
	for _, id := range config.AwsvpcConfiguration.Subnets {
		if _, zone, ok := g.s.o.Networks.Subnet(g.tx, names.ScopeOf(g.row.ARN), id); ok && !slices.Contains(zones, zone) {
			zones = append(zones, zone)
		}
	}
	return zones
}

// start makes tasks. Those that are not on Fargate need a place on an instance, the others a part of
// the account's quota.
func (g *keeping) start(all []reconcile.Start) {
	var ids []string
	for _, x := range all {
		d := g.deployment(x.Revision)
		definition, ok := g.s.definition(g.tx, d.Work.TaskDefinition)
		if !ok || g.trouble[d.Digits] != "" {
			continue
		}
		n := newTask{Service: &g.row, Deployment: d, Definition: definition, Zone: x.Zone, Provider: g.provider(d)}
		if d.Work.fargate() {
			g.trouble[d.Digits] = g.afford(definition, n.Provider)
		} else {
			n.Berth, g.trouble[d.Digits] = g.berth(definition)
		}
		if g.trouble[d.Digits] != "" {
			continue
		}
		t := g.s.newTask(g.tx, n)
		g.tasks, g.seen = append(g.tasks, t), append(g.seen, g.observed(&t))
		ids = append(ids, t.ID)
	}
	if len(ids) > 0 {
		g.row.Steady = time.Time{}
		g.s.tell(g.tx, &g.row, "", fmt.Sprintf("has started %d tasks: %s.", len(ids), taskList(ids)))
	}
}

// stop decides the end of tasks, each for its reason.
func (g *keeping) stop(all []reconcile.Stop) {
	var ids []string
	for _, x := range all {
		i := slices.IndexFunc(g.seen, func(t reconcile.Task) bool { return t.ID == x.ID })
		g.tasks[i] = g.s.stopTask(g.tx, g.tasks[i], stopByScheduler, g.stopReason(i))
		g.seen[i] = g.observed(&g.tasks[i])
		ids = append(ids, g.tasks[i].ID)
	}
	if len(ids) > 0 {
		g.row.Steady = time.Time{}
		g.s.tell(g.tx, &g.row, "", stoppedTasks(ids))
	}
}

// stoppedTasks is the event of tasks that were stopped. Source: ecs.md 3.7.
func stoppedTasks(ids []string) string {
	return fmt.Sprintf("has stopped %d running tasks: %s.", len(ids), taskList(ids))
}

// taskList writes tasks as events do: (task T1) (task T2).
func taskList(ids []string) string {
	return "(task " + strings.Join(ids, ") (task ") + ")"
}

// complainOfProtection says that a revision cannot come down to its goal because tasks are
// protected.
func (g *keeping) complainOfProtection(goal reconcile.Goal) {
	n := 0
	for i := range g.seen {
		if t := &g.seen[i]; t.Wanted && t.Revision == goal.Revision && g.now.Before(t.ProtectedUntil) {
			n++
		}
	}
	text := fmt.Sprintf(protected, names.DeploymentID(goal.Revision))
	if n > goal.Want {
		g.s.warn(g.tx, &g.row, text)
	} else {
		g.row.calm(text)
	}
}

// provider gives the capacity provider of a deployment's next task: those that lack their base
// first, then the one furthest behind its weight. It is "" where the service has no strategy.
//
// Source: the API model's base and weight of CapacityProviderStrategyItem.
func (g *keeping) provider(d *Deployment) string {
	items := cloud.Kept[[]types.CapacityProviderStrategyItem](d.Work.Providers)
	if len(items) == 0 {
		return ""
	}
	have := map[string]int32{}
	for i := range g.tasks {
		if t := &g.tasks[i]; t.Deployment == d.Digits && t.Desired != taskStopped {
			have[t.Provider]++
		}
	}
	for _, p := range items {
		if have[text(p.CapacityProvider)] < p.Base {
			return text(p.CapacityProvider)
		}
	}
	best := slices.MinFunc(items, func(a, b types.CapacityProviderStrategyItem) int {
		if a.Weight == 0 || b.Weight == 0 {
			return cmp.Compare(b.Weight, a.Weight)
		}
		beyond := func(p types.CapacityProviderStrategyItem) int32 { return have[text(p.CapacityProvider)] - p.Base + 1 }
		return cmp.Compare(beyond(a)*b.Weight, beyond(b)*a.Weight)
	})
	return text(best.CapacityProvider)
}

func timeOrNil(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}
