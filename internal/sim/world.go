package sim

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"time"

	"github.com/slipway-ecs/slipway/internal/reconcile"
	"github.com/slipway-ecs/slipway/internal/rollout"
)

// start is when every simulation begins.
var start = time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)

// fresh is the new revision's name; the old ones are "old-1", "old-2".
const fresh = "new"

// world is the tasks, the traffic and the surroundings of one rollout.
type world struct {
	script   Script
	chance   *rand.Rand
	now      time.Time
	desired  int
	plan     *rollout.Plan
	tasks    []reconcile.Task
	fates    []fate // by index of tasks
	asked    [2]int
	failures [2]reconcile.Failures
	notUntil [2]time.Time // back-off
	share    [2]rollout.Share
	gates    map[string]rollout.Verdict
	answers  []answer
	alarms   []string
	commands []rollout.Command
	events   int       // of the script, happened so far
	tend     time.Time // no task is started or stopped before
	next     time.Time // the earliest thing that will happen by itself
	made     int       // tasks ever made
	say      func(string)
}

// fate is what will become of a task; a zero time is never.
type fate struct {
	runs, passes, sickens, dies, gone time.Time
	fails                             bool // it ends instead of running
	well                              bool // it has been healthy
}

type answer struct {
	gate    string
	at      time.Time
	verdict rollout.Verdict
}

func newWorld(s Script, say func(string)) *world {
	w := &world{
		script: s, chance: rand.New(rand.NewPCG(s.Seed, 2)), now: start, desired: s.Desired,
		plan: s.Plan(s.Desired), tasks: make([]reconcile.Task, 0, 16), fates: make([]fate, 0, 16),
		say: say,
	}
	for i, n := range s.Sources {
		for range n {
			w.add("old-"+strconv.Itoa(i+1), zones[i%len(zones)])
			t, f := &w.tasks[len(w.tasks)-1], &w.fates[len(w.fates)-1]
			t.Phase, t.Since, *f = reconcile.Running, start.Add(-time.Hour), fate{well: true}
			if s.Checked {
				t.Check = reconcile.CheckHealthy
			}
			w.fated(&s.Old, f)
		}
		w.asked[rollout.Old] += n
	}
	return w
}

var zones = []string{"a", "b", "c"}

func sideOf(revision string) rollout.Side {
	if revision == fresh {
		return rollout.New
	}
	return rollout.Old
}

func (w *world) behaviour(s rollout.Side) *Behaviour {
	if s == rollout.New {
		return &w.script.New
	}
	return &w.script.Old
}

// within draws a time from now on, at most d away.
func (w *world) within(d time.Duration) time.Time {
	if d <= 0 {
		return w.now
	}
	return w.now.Add(time.Duration(w.chance.Int64N(int64(d))))
}

func (w *world) happens(part float64) bool { return part > 0 && w.chance.Float64() < part }

// add makes a task, in the phase before running.
func (w *world) add(revision, zone string) {
	w.made++
	b := w.behaviour(sideOf(revision))
	t := reconcile.Task{ID: strconv.Itoa(w.made), Revision: revision, Wanted: true, Zone: zone, Created: w.now}
	f := fate{runs: w.within(b.Start), fails: w.happens(b.Fail)}
	if w.script.Checked {
		t.Check = reconcile.CheckUnknown
	}
	if w.happens(b.Protect) {
		t.ProtectedUntil = w.now.Add(10 * time.Minute)
	}
	w.tasks, w.fates = append(w.tasks, t), append(w.fates, f)
}

// pass lets happen what is due.
func (w *world) pass() {
	w.next = time.Time{}
	for w.events < len(w.script.Events) {
		e := w.script.Events[w.events]
		if at := start.Add(e.At); at.After(w.now) {
			w.by(at)
			break
		}
		w.events++
		w.outside(e)
	}
	w.answers = slices.DeleteFunc(w.answers, func(a answer) bool {
		if a.at.After(w.now) {
			w.by(a.at)
			return false
		}
		w.gates[a.gate] = a.verdict
		return true
	})
	for i := range w.tasks {
		w.age(&w.tasks[i], &w.fates[i])
	}
	w.sweep()
}

// outside lets a scripted event happen.
func (w *world) outside(e Event) {
	switch {
	case e.Command != 0:
		w.commands = append(w.commands, e.Command)
		w.tell("command %s", e.Command)
	case e.Alarm != "" && e.Off:
		w.alarms = slices.DeleteFunc(w.alarms, func(a string) bool { return a == e.Alarm })
	case e.Alarm != "":
		w.alarms = append(w.alarms, e.Alarm)
		w.tell("alarm %s", e.Alarm)
	default:
		w.desired = e.Desired
		w.plan = w.script.Plan(e.Desired)
		w.tell("desired %d, bounds %d to %d", e.Desired, w.plan.Min, w.plan.Max)
	}
}

// age brings a task up to the present.
func (w *world) age(t *reconcile.Task, f *fate) {
	side := sideOf(t.Revision)
	if !t.Wanted {
		if t.Phase != reconcile.Stopped && w.due(f.gone) {
			t.Phase = reconcile.Stopped
		}
		return
	}
	if t.Phase == reconcile.Starting && w.due(f.runs) {
		if f.fails {
			w.ended(t, f, reconcile.End{})
			return
		}
		b := w.behaviour(side)
		t.Phase, t.Since = reconcile.Running, f.runs
		w.failures[side] = w.failures[side].Started()
		if w.script.Checked {
			if f.passes = w.within(b.Warm); w.happens(b.Never) {
				f.passes, f.sickens = time.Time{}, w.within(b.Warm)
			}
		}
		w.fated(b, f)
	}
	if t.Phase != reconcile.Running {
		return
	}
	if w.due(f.dies) {
		w.ended(t, f, reconcile.End{Ran: true, Healthy: f.well})
		return
	}
	if t.Check == reconcile.CheckUnknown && w.due(f.passes) {
		t.Check = reconcile.CheckHealthy
	}
	if w.script.Checked && w.due(f.sickens) {
		t.Check = reconcile.CheckUnhealthy
	}
	healthy, at := reconcile.Healthy(*t, w.now)
	w.by(at)
	if healthy && !f.well {
		f.well = true
		w.failures[side] = w.failures[side].Healthy(true)
	}
}

// fated decides what becomes of a task that has just begun to run.
func (w *world) fated(b *Behaviour, f *fate) {
	if f.sickens.IsZero() && w.happens(b.Sicken) {
		f.sickens = w.within(20 * time.Minute)
	}
	if w.happens(b.Die) {
		f.dies = w.within(20 * time.Minute)
	}
}

// ended takes away a task that stopped by itself.
func (w *world) ended(t *reconcile.Task, f *fate, e reconcile.End) {
	t.Wanted, t.Phase = false, reconcile.Stopped
	f.gone = w.now
	w.count(sideOf(t.Revision), e)
}

// count tells the breaker and the back-off of a task that ended.
func (w *world) count(side rollout.Side, e reconcile.End) {
	w.failures[side] = w.failures[side].Ended(e)
	if pause := reconcile.Backoff(w.failures[side].Launches); pause > 0 && !e.Ran {
		w.notUntil[side] = w.now.Add(pause)
	}
}

// due reports whether a time has come, and makes the world wake at it otherwise.
func (w *world) due(at time.Time) bool {
	if at.IsZero() {
		return false
	}
	if at.After(w.now) {
		w.by(at)
		return false
	}
	return true
}

func (w *world) by(at time.Time) {
	if at.After(w.now) && (w.next.IsZero() || at.Before(w.next)) {
		w.next = at
	}
}

// sweep forgets the tasks that are stopped.
func (w *world) sweep() {
	n := 0
	for i := range w.tasks {
		if w.tasks[i].Phase != reconcile.Stopped {
			w.tasks[n], w.fates[n] = w.tasks[i], w.fates[i]
			n++
		}
	}
	w.tasks, w.fates = w.tasks[:n], w.fates[:n]
}

func (w *world) tell(format string, args ...any) {
	if w.say != nil {
		w.say(fmt.Sprintf("%8s  %s", w.now.Sub(start).Round(time.Second), fmt.Sprintf(format, args...)))
	}
}
