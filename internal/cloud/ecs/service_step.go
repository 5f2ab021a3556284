package ecs

import (
	"slices"
	"strings"
	"time"

	"github.com/slipway-ecs/slipway/internal/reconcile"
	"github.com/slipway-ecs/slipway/internal/rollout"
	"github.com/slipway-ecs/slipway/internal/strategy"
)

// stuck is said once while a deployment's bounds leave it nothing to do. Source: ecs.md 3.7, 5.3.
const stuck = "was unable to stop or start tasks during a deployment because of the service deployment configuration. " +
	"Update the minimumHealthyPercent or maximumPercent value and try again."

// noCandidate is the statusReason of a deployment that has nothing to go back to, and of one whose
// way back failed. Source: ecs.md 5.6, 6.7.
const noCandidate = "No rollback candidate was found to run the rollback."

// rollbackTick is how long a rollback lasts at least, so that the deployment that failed can be
// seen as FAILED beside the one it gave way to. ECS's scheduler takes some seconds for its looks;
// their distance is not published (unconfirmed).
const rollbackTick = 10 * time.Second

// step moves the deployment under way as far as what is seen allows, and sets how many tasks its
// revisions shall have.
//
// Source: ecs.md 5.2, 5.6.
func (g *keeping) step(d *Deployment) {
	if d.Deploying == deployPending {
		d.Deploying, d.Started = deployInProgress, g.now
		g.checkRules(d)
	}
	g.expire(d)
	back, possible := g.s.candidate(g.tx, d)
	d.Plan.First = !possible && d.State.Status != rollout.RollingBack
	base := g.deployment(d.Base)
	d.Plan.Served = base != nil && base.Served
	bound(&d.Plan, &g.row)
	if d.Shifting {
		tasks, others := g.beside(d)
		d.Plan.Max = strategy.Beside(d.Plan.Max, g.row.Desired, tasks, others)
	}
	before, was := d.State, d.State.Status
	seen := g.observe(d)
	next, want := rollout.Step(&d.Plan, d.State, seen, g.now)
	d.State = next
	g.res.Sooner(want.Wake)
	if want.Stuck {
		g.s.warn(g.tx, &g.row, stuck)
	} else {
		g.row.calm(stuck)
	}
	switch {
	case was != rollout.RollingBack && (next.Status == rollout.RollingBack || next.Status == rollout.RolledBack):
		d.State.Status = rollout.RollingBack
		g.rollBack(d, back)
		g.step(d) // with the sides of a rollback: traffic goes back in the transaction that decides it
	case next.Status == rollout.RolledBack && g.now.Before(d.RollbackBegan.Add(rollbackTick)):
		d.State = before
		g.res.Sooner(d.RollbackBegan.Add(rollbackTick))
	case next.Status == rollout.Succeeded:
		g.complete(d)
		g.s.finish(g.tx, d, deploySuccessful, "")
	case next.Status == rollout.RolledBack:
		g.complete(g.deployment(d.BackTo))
		g.s.finish(g.tx, d, deployRollbackSuccessful, d.BackReason)
	case next.Status == rollout.Failed && was == rollout.RollingBack:
		g.failed(g.deployment(d.BackTo), failsBy(rollout.ByBreaker, "", ""))
		g.s.finish(g.tx, d, deployRollbackFailed, noCandidate)
	case next.Status == rollout.Failed:
		g.fail(d)
	default:
		for _, a := range g.gather(d, want.Actions, seen.Count) {
			switch a.Do {
			case rollout.Scale:
				g.scale(d, a)
			case rollout.Move:
				g.move(d, a.Route, a.Share)
			case rollout.Ask:
				g.ask(d, a.Gate)
			}
		}
	}
}

// sides tells which deployments stand on which side of d's rollout: its target is New and all
// others are Old; in a rollback the revision it returns to is Old alone, and while what an
// unfinished rollout left is folded up, the one that serves. Of several the one that serves comes
// last: it keeps its tasks longest, and gets those that are added.
func (g *keeping) sides(d *Deployment) (sides [2][]*Deployment) {
	alone := d.alone()
	for _, other := range g.live {
		side := rollout.Old
		if alone != "" && other.Digits != alone || alone == "" && other == d {
			side = rollout.New
		}
		sides[side] = append(sides[side], other)
	}
	if d.Shifting {
		slices.SortStableFunc(sides[rollout.Old], func(a, b *Deployment) int { return boolFirst(b.Digits == d.Base, a.Digits == d.Base) })
	}
	return sides
}

// alone gives the digits of the revision that is the old side all by itself now; "" where all
// sources are.
func (d *Deployment) alone() string {
	switch at := d.State.Stage; {
	case d.State.Status == rollout.RollingBack:
		return d.BackTo
	case at < len(d.Plan.Stages) && d.Plan.Stages[at].Kind == rollout.Fold:
		return d.Base
	}
	return ""
}

// beside counts the tasks of the revision that d's rollout brings to its size, and those that stand
// beside them. Scale-in waits for the end of a rollout that shifts traffic, so they may be more than the
// service wants.
func (g *keeping) beside(d *Deployment) (tasks, others int) {
	grows := d.Digits
	if alone := d.alone(); alone != "" {
		grows = alone
	}
	for i := range g.seen {
		switch {
		case !g.seen[i].Wanted:
		case g.seen[i].Revision == grows:
			tasks++
		default:
			others++
		}
	}
	return tasks, others
}

// observe says how d's rollout stands.
func (g *keeping) observe(d *Deployment) rollout.Observation {
	o := rollout.Observation{Commands: d.Commands, Gates: d.verdicts()}
	if d.Shifting {
		o.Share = [2]rollout.Share{g.share(d, rollout.Production), g.share(d, rollout.Test)}
	}
	if !d.AlarmsOff {
		o.Alarms = d.Firing
	}
	sides := g.sides(d)
	for side, all := range sides {
		asked := 0
		for _, x := range all {
			if x.Unplaced == 0 { // what found no instance is not on its way, and takes no room
				asked += x.Want
			}
		}
		o.Count[side] = reconcile.Count(asked, g.seen, among(all), g.now)
	}
	if d.State.Status == rollout.RollingBack {
		o.Count[rollout.Old].Failed = g.deployment(d.BackTo).Failures.Count
	} else {
		o.Count[rollout.New].Failed = d.Failures.Count
	}
	return o
}

// gatherTick is how long tasks that may go wait for others that may go with them, so that they are
// stopped together as ECS's scheduler does. ECS's own tick is not published (unconfirmed); captures
// show seconds.
const gatherTick = 5 * time.Second

// gather gives the actions but for one that lowers a side while more of what replaces its tasks
// is on its way, until a gatherTick has passed.
func (g *keeping) gather(d *Deployment, actions []rollout.Action, count [2]rollout.Count) []rollout.Action {
	lowers := func(a rollout.Action) bool {
		by := count[rollout.New]
		if a.Side == rollout.New {
			by = count[rollout.Old]
		}
		return a.Do == rollout.Scale && a.Want < count[a.Side].Want && by.Healthy < by.Want
	}
	if !slices.ContainsFunc(actions, lowers) {
		d.Gathering = time.Time{}
		return actions
	}
	if d.Gathering.IsZero() {
		d.Gathering = g.now
	}
	if end := d.Gathering.Add(gatherTick); g.now.Before(end) {
		g.res.Sooner(end)
		return slices.DeleteFunc(actions, lowers)
	}
	d.Gathering = time.Time{}
	return actions
}

// among tells whether a revision is that of one of these deployments.
func among(all []*Deployment) func(string) bool {
	return func(digits string) bool {
		return slices.ContainsFunc(all, func(d *Deployment) bool { return d.Digits == digits })
	}
}

// scale shares what a side shall have among its deployments.
func (g *keeping) scale(d *Deployment, a rollout.Action) {
	side := g.sides(d)[a.Side]
	have := make([]reconcile.Source, len(side))
	for i, x := range side {
		c := reconcile.Count(x.Want, g.seen, among([]*Deployment{x}), g.now)
		have[i] = reconcile.Source{Want: c.Want, Healthy: min(c.Healthy, c.Want)}
	}
	for i, n := range reconcile.Split(a.Want, have) {
		side[i].Want = n
	}
}

// complete makes a deployment the one that stands.
func (g *keeping) complete(d *Deployment) {
	d.Rollout, d.Reason = rolloutCompleted, "ECS deployment "+d.id()+" completed."
	g.s.tell(g.tx, &g.row, "", "(deployment "+d.id()+") deployment completed.")
}

// failed marks a deployment as failed and says so.
func (g *keeping) failed(d *Deployment, text failure) {
	d.Rollout, d.Reason = rolloutFailed, text.state
	if text.event != "" {
		g.s.tell(g.tx, &g.row, "", "(deployment "+d.id()+") "+text.event)
	}
}

// trigger keeps the alarms that failed a deployment, and gives their names.
func (g *keeping) trigger(d *Deployment) (alarms string) {
	if d.State.Cause != rollout.ByAlarm {
		return ""
	}
	d.Triggered = slices.DeleteFunc(slices.Clone(d.Plan.Guards), func(n string) bool { return !slices.Contains(d.Firing, n) })
	return strings.Join(d.Triggered, ", ")
}

// fail ends a deployment that is not rolled back: it stays PRIMARY and launches nothing more.
//
// Source: ecs.md 5.6.
func (g *keeping) fail(d *Deployment) {
	text := failsBy(d.State.Cause, g.trigger(d), d.fault())
	g.failed(d, text)
	if d.Plan.OnFail.For(d.State.Cause) == rollout.Rollback {
		g.s.finish(g.tx, d, deployRollbackFailed, noCandidate)
		return
	}
	d.Deploying, d.DeployReason = deployStopRequested, text.stopped
}

// rollBack gives the place of PRIMARY back to the deployment that completed before.
//
// Source: ecs.md 5.6: its id is used again (unconfirmed there).
func (g *keeping) rollBack(d *Deployment, to Deployment) {
	text := failsBy(d.State.Cause, g.trigger(d), d.fault())
	g.failed(d, text)
	d.Hooks = withoutOpen(d.Hooks)
	d.Status = deploymentActive
	d.Deploying, d.DeployReason = deployRollbackInProgress, text.rolledBack
	d.BackTo, d.BackReason, d.RollbackBegan = to.Digits, text.rolledBack, g.now

	p := g.deployment(to.Digits)
	if p == nil {
		p = &to
		g.live = append(g.live, p)
		slices.SortFunc(g.live, func(a, b *Deployment) int { return oldest(*a, *b) })
	}
	p.Status, p.Rollout = deploymentPrimary, rolloutInProgress
	p.Reason = text.back + p.id() + "."
	p.Failures, p.FailedTasks = reconcile.Failures{}, 0
	p.Pause, p.Impaired = time.Time{}, false
	g.row.Primary, g.row.Work = p.Key, p.Work
	g.s.tell(g.tx, &g.row, "", "rolling back to deployment "+p.id()+".")
}

// failure is what a deployment that failed shows and says.
type failure struct {
	state      string // rolloutStateReason
	event      string // behind "(deployment D) "; "" for none
	back       string // rolloutStateReason of what it returns to, before the id
	rolledBack string // statusReason and rollback.reason
	stopped    string // statusReason without a rollback
}

// failsBy gives what there is to say of a cause: alarms are those that failed it, fault is what a
// hook, a stage that took too long or the listener rules did, if it was they. The words for alarms
// and requests, and those without a rollback, are unconfirmed.
//
// Source: ecs.md 3.4, 3.7, 6.7.
func failsBy(cause rollout.Cause, alarms, fault string) failure {
	const back = "ECS deployment rolling back to deploymentId "
	if fault != "" {
		return failure{
			state: "ECS deployment failed: " + fault, event: "deployment failed: " + fault, back: back,
			rolledBack: fault, stopped: fault,
		}
	}
	switch cause {
	case rollout.ByBreaker:
		return failure{
			state: "ECS deployment circuit breaker: tasks failed to start.", event: "deployment failed: tasks failed to start.",
			back:       "ECS deployment circuit breaker: rolling back to deploymentId ",
			rolledBack: "Service deployment rolled back because the circuit breaker threshold was exceeded.",
			stopped:    "Service deployment stopped because the circuit breaker threshold was exceeded.",
		}
	case rollout.ByAlarm:
		return failure{
			state: "ECS deployment failed: alarm detected.", event: "deployment failed: alarm detected.", back: back,
			rolledBack: "Service deployment rolled back because CloudWatch alarm(s) " + alarms + " went into ALARM.",
			stopped:    "Service deployment stopped because CloudWatch alarm(s) " + alarms + " went into ALARM.",
		}
	}
	return failure{
		state: "ECS deployment failed: a rollback was requested.", back: back,
		rolledBack: "Service deployment rolled back because of a user request.",
		stopped:    "Service deployment stopped because of a user request.",
	}
}
