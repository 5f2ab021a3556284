package sim

import (
	"fmt"
	"time"

	"github.com/slipway-ecs/slipway/internal/reconcile"
	"github.com/slipway-ecs/slipway/internal/rollout"
)

// Result is how a simulated rollout went.
type Result struct {
	State  rollout.State
	Took   time.Duration // of the time simulated
	Steps  int
	Peak   int      // most tasks wanted at once
	Low    int      // fewest healthy tasks at once
	Stuck  bool     // nothing could be started or stopped, at some time
	Broken []string // rules broken, in words; empty is a good rollout
}

// steps is how many steps a rollout may take before it counts as endless.
const steps = 20_000

// Run lets a script happen until its rollout is over, and checks the rules at every step. say,
// if not nil, is given the transcript line by line.
func Run(s Script, say func(string)) Result {
	w := newWorld(s, say)
	r := referee{w: w, low: 1 << 30}
	var state rollout.State
	for n := 1; ; n++ {
		w.pass()
		changed := w.tended()
		r.looks()
		o := w.observe()
		next, want := rollout.Step(w.plan, state, o, w.now)
		r.judge(state, next, o, want)
		w.tells(want)
		if next.Status == rollout.RollingBack && s.Regroup && !w.regrouped && len(s.Sources) > 1 {
			w.regroup()
			state, r.acted = next, false
			continue // what was asked for was of other sides
		}
		for _, a := range want.Actions {
			if w.obey(a) {
				changed = true
			}
		}
		r.acted = changed && !w.now.Before(w.tend)
		changed = changed || next != state
		state = next
		if state.Over() || len(r.broken) > 0 || n == steps {
			if !state.Over() && n == steps {
				r.broke("every rollout ends")
			}
			return Result{
				State: state, Took: w.now.Sub(start), Steps: n, Peak: r.peak, Low: r.low,
				Stuck: r.stuck, Broken: r.broken,
			}
		}
		if changed {
			continue
		}
		w.by(want.Wake)
		if w.next.IsZero() {
			r.broke("a rollout that is not over waits for something")
			continue
		}
		w.now = w.next
	}
}

func (w *world) tells(want rollout.Want) {
	if w.say == nil {
		return
	}
	for _, n := range want.Notes {
		switch n.Kind {
		case rollout.Entered:
			w.tell("enter %s", n.Stage)
		case rollout.Failing:
			w.tell("failing in %s: %s", n.Stage, n.Text)
		case rollout.Obeyed:
			w.tell("obeyed %s", n.Text)
		case rollout.Ended:
			w.tell("ended: %s", n.Text)
		}
	}
}

// referee watches a rollout and says which rule it breaks.
type referee struct {
	w         *world
	peak, low int
	stuck     bool
	acted     bool // tasks were asked for at this very time, and the world obeys at once
	healthy   int  // at the last look
	held      time.Duration
	since     time.Time // the last step
	broken    []string
}

func (r *referee) broke(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	r.broken = append(r.broken, text)
	r.w.tell("BROKEN: %s", text)
}

// looks looks at the tasks after some were started and stopped.
func (r *referee) looks() {
	live, healthy := 0, 0
	for i := range r.w.tasks {
		if !r.w.tasks[i].Wanted {
			continue
		}
		live++
		if well, _ := reconcile.Healthy(r.w.tasks[i], r.w.now); well {
			healthy++
		}
	}
	if live > r.peak {
		if r.peak = live; live > r.w.plan.Max && r.w.now.After(start) && !r.w.scaled() {
			r.broke("live tasks never go above the upper bound: %d of %d", live, r.w.plan.Max)
		}
	}
	if r.acted && healthy < r.healthy && healthy < r.w.plan.Min {
		r.broke("healthy tasks are not stopped below the lower bound: %d of %d", healthy, r.w.plan.Min)
	}
	r.healthy = healthy
	r.low = min(r.low, healthy)
}

// scaled reports whether the service was scaled on the way: bounds that fall leave too many
// tasks for a while.
func (w *world) scaled() bool { return w.desired != w.script.Desired || w.events > 0 }

// judge checks one step.
func (r *referee) judge(was, is rollout.State, o rollout.Observation, want rollout.Want) {
	p, now := r.w.plan, r.w.now
	r.stuck = r.stuck || want.Stuck
	if again, more := rollout.Step(p, is, o, now); again != is || !sameActions(more.Actions, want.Actions) && !is.Over() {
		r.broke("a step repeated asks for the same: %v then %v", want.Actions, more.Actions)
	}
	if is != was {
		if back, err := rollout.Parse(is.Encode()); err != nil || back != is || len(is.Encode()) >= 256 {
			r.broke("a state survives its text form: %q, %v", is.Encode(), err)
		}
		r.moves(was, is, o)
	}
	if is.Status == rollout.Paused && len(want.Actions) > 0 {
		r.broke("a paused rollout asks for nothing: %v", want.Actions)
	}
	r.holds(was, is, o)
	r.goals(is, o, want)
}

func sameActions(a, b []rollout.Action) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}

// moves checks the change of status.
func (r *referee) moves(was, is rollout.State, o rollout.Observation) {
	p := r.w.plan
	if was.Status == rollout.RollingBack && is.Status < rollout.RollingBack {
		r.broke("a rollback never turns round")
	}
	if is.Status == rollout.RollingBack && p.First {
		r.broke("nothing rolls back where there is nothing to go back to")
	}
	old, fresh := o.Count[rollout.Old], o.Count[rollout.New]
	for i := was.Stage; i < is.Stage; i++ {
		k := p.Stages[i].Kind
		if (k == rollout.Roll || k == rollout.Surge) && (fresh.Healthy < p.Desired || k == rollout.Roll && old.Want > 0) {
			r.broke("scaling up ends with all new tasks healthy, and rolling with no old ones wanted: %+v", o.Count)
		}
	}
	switch is.Status {
	case rollout.Succeeded:
		if fresh.Healthy < p.Desired || fresh.Want != p.Desired || old.Want+old.Running+old.Leaving > 0 {
			r.broke("a rollout succeeds with the new side whole and the old one gone: %+v", o.Count)
		}
		if moves(p) && o.Share[rollout.Production] != rollout.All {
			r.broke("a rollout succeeds with all traffic on the new side")
		}
	case rollout.RolledBack:
		if old.Healthy < p.Desired || old.Want != p.Desired || fresh.Want+fresh.Running+fresh.Leaving > 0 {
			r.broke("a rollback ends with the old side whole and the new one gone: %+v", o.Count)
		}
		if o.Share != ([2]rollout.Share{}) {
			r.broke("a rollback ends with all traffic on the old side")
		}
	}
}

func moves(p *rollout.Plan) bool {
	for _, g := range p.Stages {
		if g.Kind == rollout.Shift && g.Route == rollout.Production {
			return true
		}
	}
	return false
}

// holds checks that a hold lasts its length, by a clock of its own that stands in pauses.
func (r *referee) holds(was, is rollout.State, o rollout.Observation) {
	if was.Status == rollout.Running && !r.since.IsZero() {
		r.held += r.w.now.Sub(r.since)
	}
	r.since = r.w.now
	stages := r.w.plan.Stages
	if is.Stage == was.Stage {
		return
	}
	skipped := false
	for _, c := range o.Commands[was.Seen:is.Seen] {
		skipped = skipped || c == rollout.Skip
	}
	for i := was.Stage; i < is.Stage && !skipped; i++ {
		if g := stages[i]; g.Kind == rollout.Hold && r.held < g.For {
			r.broke("a hold lasts its length: %s of %s", r.held, g.For)
		}
		r.held = 0
	}
	r.held = 0
}

// goals checks what a step asks for.
func (r *referee) goals(is rollout.State, o rollout.Observation, want rollout.Want) {
	p := r.w.plan
	goal := [2]int{o.Count[0].Want, o.Count[1].Want}
	up, down := false, false
	for _, a := range want.Actions {
		switch a.Do {
		case rollout.Scale:
			up = up || a.Want > goal[a.Side]
			down = down || a.Want < goal[a.Side]
			goal[a.Side] = a.Want
		case rollout.Move:
			r.traffic(is, o, a)
		}
	}
	live, before, after := 0, 0, 0
	for i, c := range o.Count {
		live += max(goal[i], c.Want, c.Running)
		before += min(c.Healthy, c.Want)
		after += min(c.Healthy, goal[i])
		if p.LeavingTakesRoom {
			live += c.Leaving
		}
	}
	if up && live > p.Max {
		r.broke("no more tasks are asked for than the upper bound allows: %d of %d", live, p.Max)
	}
	if old := o.Count[rollout.Old].Want; serving(p, is, o) && old < p.Desired && goal[rollout.Old] <= old && live < p.Max {
		r.broke("the side that serves is brought to its size: %d of %d", goal[rollout.Old], p.Desired)
	}
	if down && after < before && after < p.Min {
		r.broke("no healthy task is given up below the lower bound: %d of %d", after, p.Min)
	}
}

// serving reports whether the old side is to be whole beside the new one: it serves, or can be
// returned to.
func serving(p *rollout.Plan, s rollout.State, o rollout.Observation) bool {
	return s.Status == rollout.Running && s.Stage < len(p.Stages) && p.Stages[s.Stage].Kind != rollout.Retire && moves(p) &&
		(!p.First || p.Served && o.Share[rollout.Production] < rollout.All)
}

// traffic checks a move of traffic.
func (r *referee) traffic(is rollout.State, o rollout.Observation, a rollout.Action) {
	old, fresh := o.Count[rollout.Old].Healthy, o.Count[rollout.New].Healthy
	more := a.Share > o.Share[a.Route]
	if is.Status == rollout.Running && !more {
		r.broke("the new side's share never falls going forward: %s to %s", o.Share[a.Route], a.Share)
	}
	if more && fresh == 0 && old > 0 || !more && a.Route == rollout.Production && old == 0 && fresh > 0 {
		r.broke("no traffic goes to a side without a healthy task while the other has one: %s", a)
	}
}
