package reconcile

import (
	"cmp"
	"iter"
	"slices"
	"time"
)

// Goal is how many tasks of a revision are wanted.
type Goal struct {
	Revision  string
	Want      int
	NotBefore time.Time // start none before: back-off; zero is no limit
}

// Room bounds what may exist and says where.
type Room struct {
	Upper int      // tasks that may exist at once, all revisions together
	Lower int      // healthy tasks that must stay when tasks that are to move make room
	Each  int      // if traffic is divided between revisions: tasks each may have while some are to move; Lower is of each then
	Zones []string // zones to spread over, in the order of preference; empty is one nameless zone
}

// Start is a task to start.
type Start struct {
	Revision string
	Zone     string
}

// Stop is a task to stop, and why.
type Stop struct {
	ID  string
	Why Why
}

// Why is the reason a task is stopped.
type Why int

// The reasons: fewer tasks are wanted, or the task is sick and is replaced.
const (
	Surplus Why = iota
	Replaced
)

// Tasks says which tasks a service needs started and stopped to reach its goals.
//
// Goals come in the order in which they take the room there is; a revision with tasks and
// without a goal wants none. A sick task is replaced in its own revision: if there is room the
// replacement comes first and the sick one goes when that is healthy; without room one sick
// task of a revision at a time is stopped. Of tasks that are too many, sick ones go first, then
// those not healthy yet, then healthy ones out of the zone with most of them, the oldest
// first; protected ones never. A task that is to move is replaced like a sick one, but before
// those not healthy yet, and without room only as far as Lower allows; one that does not run yet
// goes at once. With Each the bounds are each revision's own for those that are to move, since the
// tasks of another one do not answer in their place. Nothing is changed by calling twice: the second answer differs
// only once have does. Wake is when the mere passing of time may change the answer, zero for
// never.
//
// Source: ecs.md 5.4, 5.10. ECS picks among equals at random; we pick by age, so that the same
// input gives the same output.
func Tasks(goals []Goal, have []Task, room Room, now time.Time) (start []Start, stop []Stop, wake time.Time) {
	t := &tending{room: room, now: now, have: have}
	for _, task := range have {
		if task.Wanted {
			t.live++
		}
		if healthy, _ := Healthy(task, now); healthy {
			t.healthy++
		}
	}
	for _, g := range withoutGoal(goals, have) {
		t.trim(t.look(g))
	}
	sides := make([]side, 0, len(goals))
	for _, g := range goals {
		s := t.look(g)
		t.trim(s)
		sides = append(sides, s)
	}
	t.sides = sides
	for _, s := range sides {
		t.fill(s)
	}
	for _, s := range sides {
		t.replace(s)
	}
	return t.start, t.stop, t.wake
}

// tending is one call of Tasks on its way.
type tending struct {
	room Room
	now  time.Time
	have []Task
	live int // tasks wanted, less those stopped and plus those started here

	healthy int // tasks that are, less those stopped here
	sides   []side
	start   []Start
	stop    []Stop
	wake    time.Time
}

// side is how the wanted tasks of one goal's revision stand.
type side struct {
	goal           Goal
	sick, new, fit []*Task // each task in one of them; new is neither sick nor healthy yet
	moving         []*Task // to move; healthy or not
}

func (s side) live() int { return len(s.sick) + len(s.new) + len(s.fit) + len(s.moving) }

// withoutGoal gives goals of zero for the revisions that have tasks only, in order of name.
func withoutGoal(goals []Goal, have []Task) []Goal {
	var rest []Goal
	for i := range have {
		r := have[i].Revision
		same := func(g Goal) bool { return g.Revision == r }
		if have[i].Wanted && !slices.ContainsFunc(goals, same) && !slices.ContainsFunc(rest, same) {
			rest = append(rest, Goal{Revision: r})
		}
	}
	slices.SortFunc(rest, func(a, b Goal) int { return cmp.Compare(a.Revision, b.Revision) })
	return rest
}

func (t *tending) look(g Goal) side {
	s := side{goal: g}
	for i := range t.have {
		task := &t.have[i]
		if task.Revision != g.Revision || !task.Wanted {
			continue
		}
		healthy, well := Healthy(*task, t.now)
		sick, ill := Sick(*task, t.now)
		t.by(well)
		t.by(ill)
		switch {
		case task.Moving && task.Phase == Starting && t.end(task, Replaced):
		case sick:
			s.sick = append(s.sick, task)
		case task.Moving:
			s.moving = append(s.moving, task)
		case healthy:
			s.fit = append(s.fit, task)
		default:
			s.new = append(s.new, task)
		}
	}
	return s
}

// trim stops what a revision has too many, but no sick task whose replacement is on its way.
func (t *tending) trim(s side) {
	extra := s.live() - s.goal.Want
	extra -= max(0, min(len(s.sick)+len(s.moving), len(s.new), extra, s.goal.Want-len(s.fit)))
	if extra <= 0 {
		return
	}
	age := func(a, b *Task) int {
		return cmp.Or(a.Created.Compare(b.Created), cmp.Compare(a.ID, b.ID))
	}
	fit := slices.Clone(s.fit)
	for _, group := range [][]*Task{slices.Clone(s.sick), slices.Clone(s.moving), slices.Clone(s.new)} {
		slices.SortFunc(group, age)
		for _, task := range group {
			if extra > 0 {
				t.end(task, Surplus) // no healthy task goes in place of a protected one
				extra--
			}
		}
	}
	slices.SortFunc(fit, age)
	zones := make(map[string]int, len(t.room.Zones)) // for lookup only
	for _, task := range fit {
		zones[task.Zone]++
	}
	for ; extra > 0; extra-- {
		i := t.victim(fit, zones)
		if i < 0 {
			return
		}
		t.end(fit[i], Surplus)
		zones[fit[i].Zone]--
		fit = slices.Delete(fit, i, i+1)
	}
}

// victim gives the index of the task to stop next: one not protected, in the zone with most
// of the tasks, and there the first; -1 if all are protected.
func (t *tending) victim(fit []*Task, zones map[string]int) int {
	best, most := -1, 0
	for i, task := range fit {
		if protected(*task, t.now) {
			t.by(task.ProtectedUntil)
			continue
		}
		if n := zones[task.Zone]; n > most {
			best, most = i, n
		}
	}
	return best
}

// fill starts what a revision lacks.
func (t *tending) fill(s side) {
	t.launch(s, s.goal.Want-s.live(), t.free(s))
}

// free says how many tasks a revision may start. With Each, what others have started in place of tasks that
// are to move takes none of its room.
func (t *tending) free(s side) int {
	free := t.room.Upper - t.live
	if t.room.Each == 0 {
		return free
	}
	for _, o := range t.sides {
		if o.goal.Revision == s.goal.Revision {
			continue
		}
		extra, moving := -o.goal.Want, 0
		for task := range t.left(o.goal.Revision) {
			if task.Wanted {
				extra++
			}
			if task.Wanted && task.Moving {
				moving++
			}
		}
		for _, start := range t.start {
			if start.Revision == o.goal.Revision {
				extra++
			}
		}
		free += max(0, min(extra, moving))
	}
	return free
}

// left gives a revision's tasks but for those stopped here.
func (t *tending) left(revision string) iter.Seq[*Task] {
	return func(yield func(*Task) bool) {
		for i := range t.have {
			task := &t.have[i]
			stopped := func(s Stop) bool { return s.ID == task.ID }
			if task.Revision == revision && !slices.ContainsFunc(t.stop, stopped) && !yield(task) {
				return
			}
		}
	}
}

// replace makes way for tasks in place of sick ones.
func (t *tending) replace(s side) {
	extra := s.live() - s.goal.Want // replacements that exist already
	missing := len(s.sick) + len(s.moving) - max(extra, 0)
	if s.goal.Want == 0 || extra < 0 || missing <= 0 || len(s.fit)+len(s.new) >= s.goal.Want {
		return
	}
	if free := t.free(s); free > 0 {
		t.launch(s, missing, free)
		return
	}
	if extra > 0 {
		return
	}
	if len(s.new) == 0 {
		for _, task := range s.sick {
			if t.end(task, Replaced) {
				return // one at a time
			}
		}
	}
	if own := t.room.Each - s.live(); own > 0 {
		t.launch(s, len(s.moving), own)
		return
	}
	for _, task := range s.moving {
		if healthy, _ := Healthy(*task, t.now); !healthy || t.answering(s.goal.Revision) > t.room.Lower {
			t.end(task, Replaced)
		}
	}
}

// answering counts the healthy tasks, less those stopped here, that can take a revision's traffic.
func (t *tending) answering(revision string) int {
	if t.room.Each == 0 {
		return t.healthy
	}
	n := 0
	for task := range t.left(revision) {
		if healthy, _ := Healthy(*task, t.now); healthy {
			n++
		}
	}
	return n
}

// launch starts up to n tasks of a revision, as far as there is room for them and back-off allows.
func (t *tending) launch(s side, n, room int) {
	n = min(n, room)
	if n <= 0 {
		return
	}
	if t.now.Before(s.goal.NotBefore) {
		t.by(s.goal.NotBefore)
		return
	}
	for range n {
		t.start = append(t.start, Start{Revision: s.goal.Revision, Zone: t.zone(s.goal.Revision)})
		t.live++
	}
}

// zone picks where a revision's next task goes: where it has the fewest.
func (t *tending) zone(revision string) string {
	best, fewest := "", -1
	for _, z := range t.room.Zones {
		n := 0
		for i := range t.have {
			if t.have[i].Wanted && t.have[i].Revision == revision && t.have[i].Zone == z {
				n++
			}
		}
		for _, s := range t.start {
			if s.Revision == revision && s.Zone == z {
				n++
			}
		}
		if fewest < 0 || n < fewest {
			best, fewest = z, n
		}
	}
	return best
}

// end stops a task unless it is protected.
func (t *tending) end(task *Task, why Why) bool {
	if protected(*task, t.now) {
		t.by(task.ProtectedUntil)
		return false
	}
	t.stop = append(t.stop, Stop{ID: task.ID, Why: why})
	t.live--
	if healthy, _ := Healthy(*task, t.now); healthy {
		t.healthy--
	}
	return true
}

// by wakes at a time, if it is one.
func (t *tending) by(at time.Time) {
	if at.After(t.now) && (t.wake.IsZero() || at.Before(t.wake)) {
		t.wake = at
	}
}
