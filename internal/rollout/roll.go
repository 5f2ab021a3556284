package rollout

// surge brings the new side to its full size beside the old one.
func (t *step) surge() bool {
	n := t.o.Count[New]
	t.exact(New)
	t.raise(Old)
	t.want.Stuck = n.Want < t.p.Desired && t.room <= 0 && len(t.want.Actions) == 0 && t.still()
	return n.Want == t.p.Desired && n.healthy() >= t.p.Desired
}

// roll replaces old tasks by new ones within the bounds.
func (t *step) roll() bool {
	from, to := t.replace(Old, New)
	t.scale(New, to)
	t.scale(Old, from)
	o, n := t.o.Count[Old], t.o.Count[New]
	return (t.p.LeaveOld || o.Want == 0 && o.Running == 0) && t.enough(n)
}

// enough reports whether the new side is as healthy as the plan asks.
func (t *step) enough(n Count) bool {
	if need := t.p.enough(); need < t.p.Desired {
		return n.healthy() >= need
	}
	return n.Want == t.p.Desired && n.healthy() >= t.p.Desired
}

// retire takes the old side to zero, once the new side alone is as healthy as must be. Traffic
// that strayed back to the old side is moved first.
func (t *step) retire() bool {
	if t.p.LeaveOld {
		return true
	}
	t.exact(New)
	if t.shifts(Production) && !t.shift(Production, All) {
		return false
	}
	n := t.o.Count[New]
	if n.healthy() >= min(t.p.Min, t.p.Desired) {
		t.scale(Old, 0)
	}
	return t.o.Count[Old].gone() && t.enough(n)
}

// fold brings what an unfinished rollout left behind to one revision: first the traffic, once
// that revision can carry it or is no worse than the others; then their tasks go. Where nothing
// can be returned to they go at once: the rollout may be what repairs the service.
//
// Source: ecs.md 7.5, RECONCILE_SERVICE.
func (t *step) fold() bool {
	o, n := t.o.Count[Old], t.o.Count[New]
	away := false
	for r := range routes {
		if !t.shifts(r) || t.o.Share[r] == 0 {
			continue
		}
		away = true
		if t.carries(r) || n.Healthy <= o.healthy() {
			t.act(Action{Do: Move, Route: r, Share: 0})
		}
	}
	if away {
		t.refill()
		return false
	}
	stay := 0
	t.raise(Old)
	if !t.p.First {
		stay = min(max(t.p.Min-o.healthy(), 0), n.healthy())
	}
	t.scale(New, stay)
	return n.Want == 0
}

// keep holds the sides at their size in stages that do not change it, when the service was
// scaled out meanwhile. Scale-in waits for the end of a rollout that shifts traffic.
func (t *step) keep() {
	for _, g := range t.p.Stages[:t.s.Stage] {
		switch g.Kind {
		case Roll:
			t.exact(New)
			return
		case Surge:
			t.raise(New)
		}
	}
	t.raise(Old)
}

// replace gives the counts two sides should have next, so that to takes over from from while
// both together stay within the bounds.
//
// Starting comes first: a healthy task is stopped only once one of those that replace it is
// healthy, unless the bounds leave no room to start any; and then only as many as make room
// for the rest, or as the end does not need. Unhealthy tasks protect nobody: they go as soon
// as enough others are healthy, and before that if their room is needed. That the bounds'
// freedom to stop earlier is not used is our choice; ECS's is unconfirmed.
//
// Source: ecs.md 5.2 and 5.3.
func (t *step) replace(from, to Side) (wantFrom, wantTo int) {
	f, n := t.o.Count[from], t.o.Count[to]
	start := max(min(t.room, t.p.Desired-n.Want), 0)
	wantTo = min(n.Want+start, t.p.Desired)

	well := min(n.healthy(), wantTo)
	spare := well + f.healthy() - t.p.Min // healthy tasks that may go
	lack := t.p.Desired - wantTo          // tasks there is no room for
	over := f.Want + wantTo - t.p.Desired // tasks the end does not need
	sick := max(f.Want-f.healthy(), 0)
	if spare < 0 {
		sick = min(sick, lack)
	}
	healthy := 0
	if well > 0 || wantTo == 0 {
		healthy = max(min(spare, max(lack, over)-sick, f.healthy()), 0)
	}
	wantFrom = f.Want - sick - healthy
	t.want.Stuck = lack > 0 && start == 0 && wantFrom == f.Want && wantTo == n.Want && t.still()
	return wantFrom, wantTo
}

// still reports whether nothing is on its way: no task to come, to heal or to go.
func (t *step) still() bool {
	for _, c := range t.o.Count {
		if c.Healthy < c.Want || c.Running != c.Want || c.Leaving > 0 {
			return false
		}
	}
	return true
}

// exact asks for a side to have Desired tasks, as far as there is room.
func (t *step) exact(side Side) {
	if t.o.Count[side].Want > t.p.Desired {
		t.scale(side, t.p.Desired)
		return
	}
	t.raise(side)
}

// raise asks for a side to have at least Desired tasks, as far as there is room. An old side
// that is of no use is left as it is. A service scaled to zero keeps no tasks on either side.
func (t *step) raise(side Side) {
	if t.p.Desired == 0 {
		t.scale(side, 0)
		return
	}
	if side == Old && !t.needed() {
		return
	}
	n := max(min(t.p.Desired-t.o.Count[side].Want, t.room), 0)
	t.room -= n
	if n > 0 {
		t.scale(side, t.o.Count[side].Want+n)
	}
}

// needed reports whether the old side is of use: it can be returned to, or serves as it did before.
func (t *step) needed() bool {
	return !t.p.First || t.p.Served && t.o.Share[Production] < All
}

// scale asks for a side to have n tasks if it has not.
func (t *step) scale(side Side, n int) {
	if t.o.Count[side].Want != n {
		t.act(Action{Do: Scale, Side: side, Want: n})
	}
}

// shifts reports whether the plan moves traffic on a route.
func (t *step) shifts(r Route) bool {
	for _, g := range t.p.Stages {
		if g.Kind == Shift && g.Route == r {
			return true
		}
	}
	return false
}
