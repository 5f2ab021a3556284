package ecs

import (
	"reflect"
	"slices"
	"time"

	"github.com/slipway-ecs/slipway/internal/cloud"
	"github.com/slipway-ecs/slipway/internal/reconcile"
	"github.com/slipway-ecs/slipway/internal/store"
	"github.com/slipway-ecs/slipway/internal/strategy"
)

// purgeAfter is how long an INACTIVE service can still be described. ECS says only that it may
// be purged later (unconfirmed).
const purgeAfter = 24 * time.Hour

// serviceKeeper keeps a service at its tasks: it moves the deployment under way, and starts and
// stops tasks. The task keeper does everything else to a task.
type serviceKeeper struct{ s *Service }

// Name gives the keeper's name in the log.
func (k *serviceKeeper) Name() string { return "ecs.service" }

// Watches tells which rows, once changed, have a key kept again.
func (k *serviceKeeper) Watches() []cloud.Watch {
	return []cloud.Watch{
		cloud.On(k.s.services, func(r *ServiceRow) string { return r.ARN }),
		cloud.On(k.s.deployments, func(d *Deployment) string { return d.Service }),
		cloud.On(k.s.tasks, func(t *Task) string { return t.Service }),
	}
}

// Keep brings one service, by its ARN, nearer to what it shall be.
func (k *serviceKeeper) Keep(tx *store.Tx, arn string) (cloud.Result, error) {
	row, ok := k.s.services.Get(tx, arn)
	if !ok {
		return cloud.Result{}, nil
	}
	switch row.Status {
	case serviceInactive:
		return k.s.purge(tx, &row), nil
	case serviceDraining:
		k.s.drain(tx, &row)
		return cloud.Result{}, nil
	}
	g := keeping{s: k.s, tx: tx, now: tx.Now(), row: row, trouble: map[string]string{}}
	g.load()
	if row.Settings.driven() {
		return g.keepSets(), nil
	}
	g.stops()
	g.count()
	if d := g.driven(); d != nil {
		g.step(d)
		g.call(d)
	}
	g.act()
	g.close()
	g.save()
	return g.res, nil
}

// keeping is one look at an ACTIVE service, on its way.
type keeping struct {
	s   *Service
	tx  *store.Tx
	now time.Time
	row ServiceRow
	was ServiceRow // as it was read

	live  []*Deployment // those in deployments[], oldest first; each a copy to write to
	old   []Deployment  // the same, as they were read
	tasks []Task
	seen  []reconcile.Task // tasks as reconcile sees them, by the same index
	yard  *standing        // the cluster's instances, once they were looked at
	quota *quota           // what is left of Fargate's, once it was looked at
	res   cloud.Result

	trouble map[string]string // by a deployment's digits: why its next task found no place
}

func (g *keeping) load() {
	g.was = g.row
	g.old = g.s.live(g.tx, g.row.ARN)
	g.live = make([]*Deployment, len(g.old))
	for i, d := range g.old {
		g.live[i] = &d
	}
	g.tasks = slices.Collect(g.s.tasks.By(g.tx, "service", g.row.ARN))
	g.seen = make([]reconcile.Task, len(g.tasks))
	g.daemon()
	for i := range g.tasks {
		g.seen[i] = g.observed(&g.tasks[i])
	}
}

// save puts the rows that differ from what was read.
func (g *keeping) save() {
	for _, d := range g.live {
		i := slices.IndexFunc(g.old, func(o Deployment) bool { return o.Key == d.Key })
		if i >= 0 && reflect.DeepEqual(g.old[i], *d) {
			continue
		}
		d.Updated = g.now
		g.s.deployments.Put(g.tx, *d)
	}
	if !reflect.DeepEqual(g.was, g.row) {
		g.s.services.Put(g.tx, g.row)
	}
}

func (g *keeping) deployment(digits string) *Deployment {
	for _, d := range g.live {
		if d.Digits == digits {
			return d
		}
	}
	return nil
}

func (g *keeping) primary() *Deployment {
	for _, d := range g.live {
		if d.Key == g.row.Primary {
			return d
		}
	}
	panic("ecs: service " + g.row.ARN + " has no PRIMARY deployment")
}

// driven gives the deployment whose rollout goes on, or nil. There is never more than one.
func (g *keeping) driven() *Deployment {
	for _, d := range g.live {
		if d.underWay() {
			return d
		}
	}
	return nil
}

// stops ends the service deployments that were asked to.
func (g *keeping) stops() {
	for _, d := range g.live {
		if d.Deploying == deployStopRequested {
			g.s.finish(g.tx, d, deployStopped, d.DeployReason)
		}
	}
}

// goals says how many tasks of each revision there shall be, and how many in all.
func (g *keeping) goals() (goals []reconcile.Goal, upper int) {
	_, upper = strategy.Bounds(g.row.Desired, g.row.Settings.MinPercent, g.row.Settings.MaxPercent)
	primary, driven := g.primary(), g.driven()
	if driven != nil && driven.Shifting {
		upper = max(upper, driven.Plan.Max)
	}
	order := slices.DeleteFunc(slices.Clone(g.live), func(d *Deployment) bool { return d == primary })
	if driven != nil && driven != primary {
		order = append([]*Deployment{primary}, order...) // a rollback: what it returns to comes first
	} else {
		order = append(order, primary)
	}
	for _, d := range order {
		goal := reconcile.Goal{Revision: d.Digits, NotBefore: d.Pause}
		switch {
		case driven != nil:
		case primary.Rollout == rolloutCompleted && d == primary:
			d.Want = g.row.Desired
		case primary.Rollout == rolloutCompleted:
			d.Want = 0
		case d.Rollout == rolloutFailed: // it launches nothing more (ecs.md 5.6)
			d.Want = min(g.wanted(d), g.row.Desired)
			goal.NotBefore = g.now.Add(never)
		default:
			d.Want = min(d.Want, g.row.Desired)
		}
		goal.Want = d.Want
		goals = append(goals, goal)
	}
	return goals, upper
}

// never is a pause that does not end while somebody looks.
const never = 365 * 24 * time.Hour

// wanted counts the tasks of a deployment that are not to stop.
func (g *keeping) wanted(d *Deployment) int {
	n := 0
	for i := range g.seen {
		if g.seen[i].Wanted && g.seen[i].Revision == d.Digits {
			n++
		}
	}
	return n
}

// close takes emptied deployments off the list and says when the service is steady.
func (g *keeping) close() {
	primary := g.primary()
	settled := g.driven() == nil && primary.Rollout == rolloutCompleted
	if settled {
		for _, d := range g.live {
			if d != primary && !slices.ContainsFunc(g.tasks, func(t Task) bool { return t.Deployment == d.Digits && t.Last != taskStopped }) {
				d.Status, d.Want = deploymentInactive, 0
			}
		}
	}
	if !settled || !g.full(primary) {
		g.row.Steady = time.Time{}
		return
	}
	g.sayOfSteadiness()
}

// sayOfSteadiness says that the service is steady: once, and again every 6 hours.
func (g *keeping) sayOfSteadiness() {
	if g.row.Steady.IsZero() || !g.now.Before(g.row.Steady.Add(repeatAfter)) {
		g.s.tell(g.tx, &g.row, "", "has reached a steady state.")
		g.row.Steady = g.now
	}
	g.res.Sooner(g.row.Steady.Add(repeatAfter))
}

// full reports whether the primary has all tasks it shall have, all of them healthy, and no other
// revision has any; the leaving of those that stopped has been told.
func (g *keeping) full(primary *Deployment) bool {
	n := 0
	for i := range g.seen {
		t := g.seen[i]
		if !t.Wanted {
			if !g.tasks[i].Counted && g.tasks[i].Last != taskStopped {
				return false
			}
			continue
		}
		if healthy, at := reconcile.Healthy(t, g.now); !healthy || t.Revision != primary.Digits {
			g.res.Sooner(at)
			return false
		}
		n++
	}
	return n == g.row.Desired
}

// drain stops what a deleted service still has, and makes it INACTIVE once nothing is left.
//
// Source: ecs.md 3.1.
func (s *Service) drain(tx *store.Tx, row *ServiceRow) {
	g := keeping{s: s, tx: tx, now: tx.Now(), row: *row}
	g.tasks = slices.DeleteFunc(slices.Collect(s.tasks.By(tx, "service", row.ARN)), func(t Task) bool { return t.Last == taskStopped })
	var ids []string
	var gone []int
	for i, t := range g.tasks {
		if t.Desired != taskStopped {
			g.tasks[i] = s.stopTask(tx, t, stopByScheduler, scalingReason(t.Deployment))
			ids, gone = append(ids, t.ID), append(gone, i)
		}
	}
	if len(ids) > 0 {
		g.s.tell(tx, &g.row, "", stoppedTasks(ids))
		g.draining(gone)
		*row = g.row
		s.services.Put(tx, *row)
	}
	if len(g.tasks) > 0 {
		return
	}
	row.Status, row.Deleted, row.Primary, row.Newest = serviceInactive, tx.Now(), "", ""
	for d := range s.deployments.By(tx, "service", row.ARN) {
		s.deployments.Delete(tx, d.Key)
	}
	s.services.Put(tx, *row)
}

// purge forgets a service that has been INACTIVE for long.
func (s *Service) purge(tx *store.Tx, row *ServiceRow) cloud.Result {
	if end := row.Deleted.Add(purgeAfter); tx.Now().Before(end) {
		return cloud.Result{Wake: end}
	}
	s.forget(tx, row.ARN)
	return cloud.Result{}
}

// forget removes a service that is INACTIVE and what belongs to it.
func (s *Service) forget(tx *store.Tx, arn string) {
	for e := range s.events.By(tx, "service", arn) {
		s.events.Delete(tx, e.Key)
	}
	s.services.Delete(tx, arn)
}
