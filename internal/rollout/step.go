package rollout

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Step advances a rollout as far as this observation allows, and says what it wants done.
//
// It may be called at any time and any number of times: with nothing new to see it gives the
// same State and asks for the same goals again. A stage that asked for something is left only
// once the observation shows it. Once the rollout is over, Step gives the same State and wants
// nothing. The observation and the plan are not changed.
//
// Source: ecs.md 5.2 (rolling), 7.5 (traffic stages), 5.6 and 6.6 (rolling back).
func Step(p *Plan, s State, o Observation, now time.Time) (State, Want) {
	if s.Over() {
		return s, Want{}
	}
	t := step{p: p, o: &o, s: s, now: now}
	t.clear()
	if t.s.Entered.IsZero() {
		t.enter(t.s.Stage)
	}
	t.obey()
	t.watch()
	if t.s.Status == Running {
		t.forward()
	}
	if t.s.Status == RollingBack { // perhaps since a moment ago: the way back begins at once
		t.back()
	}
	return t.s, t.want
}

// step is one call of Step on its way.
type step struct {
	p    *Plan
	o    *Observation
	s    State
	now  time.Time
	room int // tasks that may still be started; less than 0 after a scale-in
	want Want
}

// clear forgets what was asked for, and the room it took.
func (t *step) clear() {
	t.want = Want{Notes: t.want.Notes}
	t.room = t.p.Max
	for _, c := range t.o.Count {
		t.room -= c.live(t.p.LeavingTakesRoom)
	}
}

// obey takes the commands not yet obeyed, in order.
func (t *step) obey() {
	for ; t.s.Seen < len(t.o.Commands) && !t.s.Over(); t.s.Seen++ {
		c := t.o.Commands[t.s.Seen]
		if !t.allows(c) {
			continue
		}
		t.note(Obeyed, c.String())
		switch c {
		case Halt:
			t.fail(ByHalt, "stopped by a command")
		case Abort:
			t.fail(ByAbort, "aborted by a command")
		case Pause:
			t.s.Status, t.s.Held, t.s.Entered = Paused, t.spent(), t.now
		case Resume:
			t.s.Status, t.s.Entered = Running, t.now
		case Skip:
			t.enter(t.s.Stage + 1)
		}
	}
}

// allows reports whether a command means anything now. A rollback can only be halted.
func (t *step) allows(c Command) bool {
	going := t.s.Status == Running || t.s.Status == Paused
	switch c {
	case Halt:
		return true
	case Abort:
		return going
	case Pause:
		return t.s.Status == Running
	case Resume:
		return t.s.Status == Paused
	case Skip:
		return going && t.waits()
	}
	return false
}

// waits reports whether the stage is one that Skip may end.
func (t *step) waits() bool {
	if t.s.Stage >= len(t.p.Stages) {
		return false
	}
	k := t.p.Stages[t.s.Stage].Kind
	return k == Hold || k == Gate
}

// watch looks at what fails any stage. It no longer does once the old side is retired.
func (t *step) watch() {
	if t.s.Status != Running && t.s.Status != Paused ||
		t.s.Stage < len(t.p.Stages) && t.p.Stages[t.s.Stage].Kind == Retire {
		return
	}
	if failed := t.o.Count[New].Failed; t.p.Breaker.Tripped(t.p.Desired, failed) {
		t.fail(ByBreaker, fmt.Sprintf("breaker tripped: %d failed tasks of at most %d",
			failed, t.p.Breaker.Limit(t.p.Desired)))
		return
	}
	var firing []string
	for _, g := range t.p.Guards {
		if t.o.Gates[g] == Fail {
			t.fail(ByGate, fmt.Sprintf("gate %s failed", g))
			return
		}
		if slices.Contains(t.o.Alarms, g) {
			firing = append(firing, g)
		}
	}
	if firing != nil {
		t.fail(ByAlarm, "alarm "+strings.Join(firing, ", "))
	}
}

// forward goes on through the stages until one has to wait.
func (t *step) forward() {
	for t.s.Stage < len(t.p.Stages) {
		g := t.p.Stages[t.s.Stage]
		if !t.done(g) {
			t.limit(g)
			return // one change, then look
		}
		t.clear() // what the next stage lacks, it asks for itself
		t.enter(t.s.Stage + 1)
	}
	t.end(Succeeded)
}

// done reports whether a stage is over, and asks for what it still lacks.
func (t *step) done(g Stage) bool {
	switch g.Kind {
	case Surge:
		return t.surge()
	case Roll:
		return t.roll()
	case Retire:
		return t.retire()
	case Fold:
		return t.fold()
	case Shift:
		t.keep()
		return t.shift(g.Route, g.Share)
	case Hold:
		t.keep()
		if left := g.For - t.spent(); left > 0 {
			t.wake(t.now.Add(left))
			return false
		}
		return true
	}
	t.keep()
	return t.pass(g.Gate)
}

// pass reports whether a gate lets the rollout go on. One that fails ends it.
func (t *step) pass(gate string) bool {
	if gate == "" {
		return true
	}
	switch t.o.Gates[gate] {
	case Pass:
		return true
	case Fail:
		t.fail(ByGate, fmt.Sprintf("gate %s failed", gate))
	default:
		t.act(Action{Do: Ask, Gate: gate})
	}
	return false
}

// shift sends the new side at least share of a route. It never takes any away, and never
// sends traffic to a side whose tasks are not all healthy, or that has none while the other
// has some.
func (t *step) shift(r Route, share Share) bool {
	if t.o.Share[r] >= share {
		return true
	}
	o, n := t.o.Count[Old].Healthy, t.o.Count[New].healthy() // those on their way out serve still
	if n >= t.p.Desired && (n > 0 || o == 0) {
		t.act(Action{Do: Move, Route: r, Share: share})
	}
	return false
}

// limit fails the stage, or the rollback, whose deadline has passed, and else wakes at it.
// Holds and gates have none here: a hold ends by itself, and a gate's verdict has its own.
func (t *step) limit(g Stage) {
	if t.p.Deadline <= 0 || t.s.Status != Running || g.Kind == Hold || g.Kind == Gate {
		return
	}
	left := t.p.Deadline - t.spent()
	if left > 0 {
		t.wake(t.now.Add(left))
		return
	}
	t.fail(ByDeadline, fmt.Sprintf("%s took longer than %s", g.Name, t.p.Deadline))
}

// enter begins a stage.
func (t *step) enter(stage int) {
	t.s.Stage, t.s.Entered, t.s.Held = stage, t.now, 0
	if stage < len(t.p.Stages) {
		t.note(Entered, string(t.p.Stages[stage].Name))
	}
}

// fail ends the way forward, for the first cause there is.
func (t *step) fail(c Cause, text string) {
	t.clear()
	t.note(Failing, text)
	t.want.Notes[len(t.want.Notes)-1].Cause = c
	if t.s.Cause == None {
		t.s.Cause, t.s.Reason = c, clean(text)
	} else {
		t.s.Reason = clean(t.s.Reason + " - rollback failed: " + text)
	}
	if t.s.Status == RollingBack || t.p.First || t.p.OnFail.For(c) == Stop {
		t.end(Failed)
		return
	}
	t.s.Status, t.s.Entered, t.s.Held = RollingBack, t.now, 0
}

func (t *step) end(s Status) {
	t.s.Status, t.s.Entered, t.s.Held = s, t.now, 0
	t.note(Ended, s.String())
}

// spent is how long the stage has lasted, pauses left out.
func (t *step) spent() time.Duration {
	if t.s.Status == Paused {
		return t.s.Held
	}
	return t.s.Held + max(t.now.Sub(t.s.Entered), 0)
}

func (t *step) act(a Action) { t.want.Actions = append(t.want.Actions, a) }

func (t *step) note(k Noted, text string) {
	t.want.Notes = append(t.want.Notes, Note{Kind: k, Stage: t.p.At(t.s), Text: text})
}

func (t *step) wake(at time.Time) {
	if t.want.Wake.IsZero() || at.Before(t.want.Wake) {
		t.want.Wake = at
	}
}
