package ecs

import (
	"fmt"
	"slices"
	"time"

	"github.com/slipway-ecs/slipway/internal/cloud"
	"github.com/slipway-ecs/slipway/internal/reconcile"
	"github.com/slipway-ecs/slipway/internal/strategy"
)

// keepSets keeps the task sets of a service at their tasks. It decides nothing between them: each
// has what its scale says, and its own back-off where tasks fail.
func (g *keeping) keepSets() cloud.Result {
	g.count()
	for _, d := range slices.Clone(g.live) {
		if d.Set == nil { // of the time before the controller was changed
			continue
		}
		if d.Status == deploymentDraining && g.emptied(d) {
			g.s.deployments.Delete(g.tx, d.Key)
			g.live = slices.DeleteFunc(g.live, func(o *Deployment) bool { return o == d })
			continue
		}
		if want := d.Set.scaled(g.row.Desired); want != d.Want {
			d.Want = want
			g.s.tell(g.tx, &g.row, "", recounted(d))
		}
		g.tend(d)
		g.settle(d)
	}
	g.unplaced()
	g.steady()
	g.save()
	return g.res
}

// emptied reports whether all tasks of a set have stopped.
func (g *keeping) emptied(d *Deployment) bool {
	return !slices.ContainsFunc(g.tasks, func(t Task) bool { return t.Deployment == d.Digits && t.Last != taskStopped })
}

// tend starts and stops the tasks of one set. The service's maximumPercent bounds the replacement
// of sick ones within it.
func (g *keeping) tend(d *Deployment) {
	lower, upper := strategy.Bounds(d.Want, g.row.Settings.MinPercent, g.row.Settings.MaxPercent)
	goal := reconcile.Goal{Revision: d.Digits, Want: d.Want, NotBefore: d.Pause}
	room := reconcile.Room{Upper: max(upper, d.Want), Lower: lower, Zones: g.zones(&d.Work)}
	own := slices.DeleteFunc(slices.Clone(g.seen), func(t reconcile.Task) bool { return t.Revision != d.Digits })
	start, stop, wake := reconcile.Tasks([]reconcile.Goal{goal}, own, room, g.now)
	g.res.Sooner(wake)
	g.start(start)
	g.stop(stop)
	g.complainOfProtection(goal)
}

// settle finds out whether a set is stable: all its tasks run and are healthy, none is on its way,
// and none is on an instance that drains. Source: ecs.md 8, stabilityStatus.
func (g *keeping) settle(d *Deployment) {
	running, wanted, well := 0, 0, 0
	for i := range g.tasks {
		t := &g.tasks[i]
		if t.Deployment != d.Digits {
			continue
		}
		if t.Last == "RUNNING" {
			running++
		}
		if !g.seen[i].Wanted {
			continue
		}
		wanted++
		healthy, at := reconcile.Healthy(g.seen[i], g.now)
		if healthy && !g.seen[i].Moving {
			well++
		} else {
			g.res.Sooner(at)
		}
	}
	stable := running == d.Want && wanted == d.Want && well == d.Want
	if stable != d.Set.Stable {
		set := *d.Set
		set.Stable, set.Since, d.Set = stable, g.now, &set
		if stable && d.Status != deploymentDraining {
			g.s.tell(g.tx, &g.row, d.setID(), "updated state to STEADY_STATE.")
		}
	}
}

// recounted is the event of a task set that wants another number of tasks, as AWS's example of a
// service of EXTERNAL has it.
func recounted(d *Deployment) string {
	return fmt.Sprintf("updated computedDesiredCount for taskSet %s to %d.", d.id(), d.Want)
}

// steady says once that all sets of a service are stable, and none is leaving.
func (g *keeping) steady() {
	unsettled := func(d *Deployment) bool { return d.Set != nil && (!d.Set.Stable || d.Status == deploymentDraining) }
	if g.row.Primary == "" || slices.ContainsFunc(g.live, unsettled) {
		g.row.Steady = time.Time{}
		return
	}
	g.sayOfSteadiness()
}
