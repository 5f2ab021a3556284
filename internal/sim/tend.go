package sim

import (
	"strconv"

	"github.com/slipway-ecs/slipway/internal/drive"
	"github.com/slipway-ecs/slipway/internal/reconcile"
	"github.com/slipway-ecs/slipway/internal/rollout"
)

// tended starts and stops tasks as reconcile says, and reports whether there were any.
func (w *world) tended() bool {
	if w.now.Before(w.tend) {
		w.by(w.tend)
		return false
	}
	var buffer [4]reconcile.Goal
	goals := append(buffer[:0], reconcile.Goal{
		Revision: fresh, Want: w.asked[rollout.New], NotBefore: w.notUntil[rollout.New],
	})
	for i, n := range w.split() {
		goals = append(goals, reconcile.Goal{
			Revision: oldNames[i], Want: n, NotBefore: w.notUntil[rollout.Old],
		})
	}
	room := reconcile.Room{Upper: w.plan.Max, Zones: zones}
	if w.plan.LeavingTakesRoom {
		room.Upper -= w.leaving()
	}
	starts, stops, wake := reconcile.Tasks(goals, w.tasks, room, w.now)
	w.by(wake)
	for _, s := range starts {
		w.add(s.Revision, s.Zone)
		w.tell("start %s %d", s.Revision, w.made)
	}
	for _, s := range stops {
		w.stop(s)
	}
	return len(starts)+len(stops) > 0
}

var oldNames = [...]string{"old-1", "old-2", "old-3"}

// split shares what the old side was asked for among its revisions. A rollback returns to the
// newest of them: it gets what there is, and the others go.
func (w *world) split() []int {
	n := len(w.script.Sources)
	if n == 0 {
		return nil
	}
	sources := make([]reconcile.Source, n)
	for i := range w.tasks {
		t := &w.tasks[i]
		if !t.Wanted || t.Revision == fresh {
			continue
		}
		j := int(t.Revision[len("old-")] - '1')
		sources[j].Want++
		if healthy, _ := reconcile.Healthy(*t, w.now); healthy {
			sources[j].Healthy++
		}
	}
	return reconcile.Split(w.asked[rollout.Old], sources)
}

func (w *world) leaving() int {
	n := 0
	for i := range w.tasks {
		if !w.tasks[i].Wanted {
			n++
		}
	}
	return n
}

func (w *world) stop(s reconcile.Stop) {
	id, _ := strconv.Atoi(s.ID) // made by add
	for i := range w.tasks {
		t, f := &w.tasks[i], &w.fates[i]
		if t.ID != s.ID {
			continue
		}
		side := sideOf(t.Revision)
		sick, _ := reconcile.Sick(*t, w.now)
		w.count(side, reconcile.End{Ran: t.Phase == reconcile.Running, Healthy: f.well, Sick: sick, Asked: true})
		t.Wanted, t.Phase, f.gone = false, reconcile.Leaving, w.within(w.behaviour(side).Stop)
		w.by(f.gone)
		w.tell("stop %s %d", t.Revision, id)
	}
}

// observe gives the rollout's view of the world.
func (w *world) observe() rollout.Observation {
	o := rollout.Observation{
		Share: w.share, Gates: w.gates, Alarms: w.alarms, Commands: w.commands,
	}
	for side := range o.Count {
		o.Count[side] = reconcile.Count(w.asked[side], w.tasks, func(revision string) bool {
			return sideOf(revision) == rollout.Side(side)
		}, w.now)
		if w.script.Bare {
			o.Count[side].Want = w.asked[side]
		}
		o.Count[side].Failed = w.failures[side].Count
	}
	return o
}

// obey does what an action asks for, unless it is lost; then somebody looks again soon. It
// reports whether that changed the world.
func (w *world) obey(a rollout.Action) (changed bool) {
	if w.happens(w.script.Lost) {
		w.tell("lost: %s", a)
		w.by(w.now.Add(drive.Later))
		return false
	}
	changed = w.do(a)
	if w.happens(w.script.Twice) {
		w.do(a)
	}
	if changed {
		w.tell("%s", a)
	}
	return changed
}

func (w *world) do(a rollout.Action) (changed bool) {
	switch a.Do {
	case rollout.Scale:
		if w.asked[a.Side] == a.Want {
			return false
		}
		w.asked[a.Side] = a.Want
		w.tend = w.within(w.script.Lag)
		w.by(w.tend)
		return true
	case rollout.Move:
		changed = w.share[a.Route] != a.Share
		w.share[a.Route] = a.Share
		return changed
	case rollout.Ask:
		return w.ask(a.Gate)
	}
	return false
}

// ask has a gate answer after a while, once.
func (w *world) ask(gate string) (asked bool) {
	for _, a := range w.answers {
		if a.gate == gate {
			return false
		}
	}
	if w.gates == nil {
		w.gates = make(map[string]rollout.Verdict)
	}
	verdict := rollout.Pass
	if w.happens(w.script.Refuse) {
		verdict = rollout.Fail
	}
	w.answers = append(w.answers, answer{gate: gate, at: w.within(w.script.Gates), verdict: verdict})
	w.by(w.answers[len(w.answers)-1].at)
	return true
}
