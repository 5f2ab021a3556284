package rollout

import "fmt"

// back brings traffic and tasks to the old side: first the traffic, once the old side can
// carry it; then the gates that confirm it; then the tasks, within the bounds.
//
// Source: ecs.md 5.6, 6.6, 7.6 ("During a rollback").
func (t *step) back() {
	o, n := t.o.Count[Old], t.o.Count[New]
	if t.p.Breaker.Tripped(t.p.Desired, o.Failed) {
		t.fail(ByBreaker, fmt.Sprintf("%d failed tasks of the old side", o.Failed))
		return
	}
	if t.returned() {
		from, to := t.replace(New, Old)
		t.scale(Old, to)
		t.scale(New, from)
		if o.Want == t.p.Desired && o.healthy() >= t.p.Desired && n.gone() {
			t.end(RolledBack)
			return
		}
	}
	if t.s.Status != RollingBack || t.p.Deadline <= 0 {
		return
	}
	left := t.p.Deadline - t.spent()
	if left > 0 {
		t.wake(t.now.Add(left))
		return
	}
	t.fail(ByDeadline, fmt.Sprintf("it took longer than %s", t.p.Deadline))
}

// returned reports whether all traffic is back on the old side and the gates of the shifts
// undone have passed; and asks for what is lacking.
func (t *step) returned() bool {
	away := false
	for r := range routes {
		if !t.shifts(r) || t.o.Share[r] == 0 {
			continue
		}
		away = true
		if t.carries(r) {
			t.act(Action{Do: Move, Route: r, Share: 0})
		}
	}
	if away {
		t.refill()
		return false
	}
	passed := true
	for r := range routes {
		for i := min(t.s.Stage, len(t.p.Stages)-1); i >= 0; i-- {
			g := t.p.Stages[i]
			if g.Kind != Shift || g.Route != r || g.Back == "" {
				continue
			}
			if !t.pass(g.Back) {
				passed = false
			}
			break // the last shift of a route speaks for all of them
		}
		if t.s.Over() {
			return false
		}
	}
	if !passed {
		t.refill()
	}
	return passed
}

// carries reports whether the old side can take a route's traffic: as many healthy tasks as
// must stay healthy, or any at all where the new side has none. Test traffic can always go.
func (t *step) carries(r Route) bool {
	o, n := t.o.Count[Old].healthy(), t.o.Count[New].Healthy // those on their way out serve still
	need := max(min(t.p.Min, t.p.Desired), 1)
	return r == Test || o >= need || n == 0 && (o > 0 || t.p.Desired == 0)
}

// refill brings the old side back to its size before traffic returns to it. Where there is no
// room the new side gives some, but never its last task.
func (t *step) refill() {
	from, to := t.replace(New, Old)
	t.scale(Old, max(to, t.o.Count[Old].Want))
	if t.p.Desired == 0 {
		t.scale(New, 0)
	}
	if to < t.p.Desired && t.o.Count[New].Want > 0 {
		t.scale(New, min(max(from, 1), t.o.Count[New].Want))
	}
}
