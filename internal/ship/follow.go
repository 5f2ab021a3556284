package ship

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/slipway-ecs/slipway/internal/clock"
	"github.com/slipway-ecs/slipway/internal/fail"
	"github.com/slipway-ecs/slipway/internal/sdk"
)

const (
	brisk    = time.Second      // between readings while things move
	calm     = 5 * time.Second  // between readings otherwise
	slowest  = 30 * time.Second // between readings while AWS throttles us
	movement = 30 * time.Second // how long after a change things count as moving
	around   = 10 * time.Second // how long before something is due things count as moving
	patience = time.Minute      // how long no reading may come back before the connection counts as lost
	reads    = 30 * time.Second // how long one reading may take, its retries included
)

// Choice is what to do about an interrupt.
type Choice string

// The choices.
const (
	Leave  Choice = "leave"  // stop watching; the deployment goes on
	Abort  Choice = "abort"  // have it rolled back, and watch that
	GoOn   Choice = "go on"  // watch on
	within        = "within" // the reason of leaving at a limit
)

// Asker says what an interrupt means, and gives the context to watch on with, which the next interrupt
// ends. The one it is given has not ended.
type Asker func(context.Context) (Choice, context.Context)

// follower follows a rollout to its end, to a point, or until it is told to leave.
type follower struct {
	rollout Rollout
	clock   clock.Clock
	tell    func(Event)
	limit   time.Duration
	until   Point
	detach  bool                                                     // leave once the rollout's lasting id is known
	ask     Asker                                                    // what an interrupt means; nil leaves
	beat    func(context.Context) bool                               // keeps the lease when that is due; reports whether it called. May be nil
	hooks   *hooks                                                   // ours; may be nil
	command func(verb, pause string) string                          // of ours, for what to do next
	reason  func(ctx context.Context, pauses map[string]bool) string // who refused one of the pauses, and why; may be nil
	out     *Outcome

	last     Sight
	moved    time.Time
	silent   time.Time // since when no reading has come back
	slow     time.Duration
	owed     *owed           // an answer that did not get through yet
	waited   map[string]bool // pauses that were told
	answered map[string]bool // pauses that we answered
}

func (f *follower) say(e Event) {
	e.At = f.clock.Now()
	f.tell(e)
}

// follow reads until the rollout has ended, and sets the outcome.
func (f *follower) follow(ctx context.Context) {
	f.moved = f.clock.Now()
	f.waited, f.answered = map[string]bool{}, map[string]bool{}
	own := f.limit == 0 // nobody said how long
	if own {
		f.limit = DefaultTimeout
	}
	began := f.clock.Now()
	for {
		if ctx.Err() != nil {
			if ctx = f.interrupted(ctx); ctx == nil {
				return
			}
		}
		reading, stop := context.WithTimeout(ctx, reads)
		s, err := f.rollout.Look(reading)
		stop()
		if f.note(ctx, s, err) {
			return
		}
		if ctx.Err() != nil || s.Again {
			continue
		}
		if own {
			f.limit = max(f.limit, f.last.Limit)
		}
		if f.clock.Now().Sub(began) > f.limit {
			f.leave(within)
			return
		}
		f.pause(ctx, f.pace(f.clock.Now()))
		if f.beat != nil && ctx.Err() == nil && f.beat(ctx) {
			f.pause(ctx, brisk)
		}
	}
}

// note takes a reading; done says that the outcome is set.
func (f *follower) note(ctx context.Context, s Sight, err error) (done bool) {
	now := f.clock.Now()
	switch {
	case err != nil && ctx.Err() != nil:
		return false
	case err == nil:
		f.silent, f.slow = time.Time{}, 0
	case sdk.Denied(err):
		f.leave(sdk.Explain(err, "watch service "+f.out.Service).Error())
		return true
	case sdk.Throttled(err):
		f.slow = min(slowest, max(2*f.slow, 2*brisk))
		return false
	case f.silent.IsZero():
		f.silent = now
		f.say(Event{Kind: KindWarning, Text: fmt.Sprintf("no answer while watching (%v); trying again for %s", err, patience)})
		return false
	case now.Sub(f.silent) > patience:
		f.leave(fmt.Sprintf("the connection was lost %s ago: %v", patience, err))
		return true
	default:
		return false
	}
	if s.Moved {
		f.moved = now
	}
	if s.Deployment != "" {
		f.out.Deployment = s.Deployment
	}
	if s.Revision != "" {
		f.out.Revision = s.Revision
	}
	f.last = s
	if f.detach && s.Deployment != "" {
		f.out.Verdict, f.out.Next = Detached, f.command("watch", "")
		return true
	}
	if s.Verdict != "" {
		f.out.Verdict, f.out.Serves, f.out.Cause, f.out.Details, f.out.Why = s.Verdict, s.Serves, s.Cause, s.Details, s.Why
		f.out.past = s.Past
		if s.First != "" {
			f.out.first = "; first: " + s.First
			f.out.Cause = strings.TrimSuffix(s.Cause, ".") + f.out.first
		}
		if f.reason != nil && s.Verdict != Succeeded {
			if why := f.reason(ctx, f.waited); why != "" {
				f.out.Cause = why + ": " + f.out.Cause
			}
		}
		if f.hooks != nil && f.hooks.failure != nil && s.Verdict != Succeeded {
			f.out.Cause = f.hooks.failure.Error() + ": " + f.out.Cause
		}
		if s.Verdict != Succeeded {
			f.out.Next = f.command("explain", "")
		}
		if f.hooks != nil {
			f.hooks.stop()
		}
		return true
	}
	return f.arrive(ctx, s)
}

// arrive does what is to be done where the rollout stands: our hooks of the points it has
// passed, leaving where we were told to, and telling what waits for somebody.
func (f *follower) arrive(ctx context.Context, s Sight) (done bool) {
	if f.owed != nil {
		f.answer(ctx, f.owed.pause, f.owed.goOn)
		return false
	}
	if f.hooks != nil && f.hook(ctx, s) {
		return false
	}
	if passed(s.Point, f.until) || f.until == PointApproval && len(s.Pauses) > 0 {
		f.out.Point, f.out.Pauses, f.out.Verdict = f.until, s.Pauses, Reached
		if f.until == PointApproval {
			f.out.Verdict = Waiting
		}
		f.out.Next = f.command("continue", "") + ", or " + f.command("abort", "")
		return true
	}
	for _, p := range s.Pauses {
		if f.waited[p.ID] || f.answered[p.ID] {
			continue
		}
		f.waited[p.ID], f.moved = true, f.clock.Now()
		f.say(Event{Kind: KindPause, Pause: &p, Deployment: f.out.Deployment, Text: p.Line() + ": " + f.command("approve", p.ID) + ", or reject"})
	}
	return false
}

// hook runs our hooks of the points that were passed; running says that one is under way, so
// that nothing else is to be done about the place where the rollout stands.
func (f *follower) hook(ctx context.Context, s Sight) (running bool) {
	point, err, ended := f.hooks.ended()
	if ended {
		f.settle(ctx, s, point, err)
	}
	if f.hooks.running() {
		return true
	}
	step := ""
	for _, p := range s.Pauses {
		if !f.answered[p.ID] {
			step = p.ID
			break
		}
	}
	return f.hooks.begin(ctx, s.Point, step)
}

// settle acts on the end of our hooks of a point: where the rollout waits there it goes on, and
// where a hook failed it is rolled back.
func (f *follower) settle(ctx context.Context, s Sight, point Point, err error) {
	f.moved = f.clock.Now()
	if err != nil {
		f.say(Event{Kind: KindWarning, Text: fmt.Sprintf("hook at %s: %v; rolling back", point, err)})
		f.hooks.failure = fmt.Errorf("hook at %s: %w", point, err)
	}
	var mine []Pause
	for _, p := range s.Pauses {
		if p.Point == point && !f.answered[p.ID] {
			mine = append(mine, p)
		}
	}
	stays := f.until == point && len(mine) == 1 // it is to wait there for somebody else
	switch {
	case len(mine) > 0 && (err != nil || !stays):
		f.answer(ctx, mine[0], err == nil)
	case err != nil:
		f.abort(ctx)
	}
}

// owed is an answer that did not get through yet.
type owed struct {
	pause Pause
	goOn  bool
}

func (f *follower) answer(ctx context.Context, p Pause, goOn bool) {
	err := f.rollout.Answer(ctx, p.ID, goOn)
	if err != nil && !fail.Is(err, "pause.over") {
		f.owed = &owed{p, goOn}
		f.say(Event{Kind: KindWarning, Text: fmt.Sprintf("answer pause %s: %v; trying again", p.ID, err)})
		return
	}
	f.owed, f.answered[p.ID] = nil, true
	text := "continued at " + p.Stage
	if !goOn {
		text = "rolling back at " + p.Stage
	}
	f.say(Event{Kind: KindAnswer, Pause: &p, Deployment: f.out.Deployment, Text: text})
}

func (f *follower) abort(ctx context.Context) {
	sent, done := finish(ctx)
	defer done()
	err := f.rollout.Stop(sent)
	f.moved = f.clock.Now()
	if err != nil && !fail.Is(err, "abort.over") {
		f.say(Event{Kind: KindWarning, Text: fmt.Sprintf("it could not be stopped: %v", err)})
		return
	}
	f.say(Event{Kind: KindStopping, Deployment: f.out.Deployment, Text: "asked for a rollback"})
}

// interrupted asks what an interrupt means. It gives the context to go on with, or nil where the
// outcome is set.
func (f *follower) interrupted(ctx context.Context) context.Context {
	choice, on := Leave, context.WithoutCancel(ctx)
	if f.ask != nil {
		choice, on = f.ask(on)
	}
	f.ask = nil // a second interrupt leaves
	switch choice {
	case Abort:
		f.abort(on)
		return on
	case GoOn:
		return on
	}
	f.leave("")
	f.out.Verdict = Interrupted
	if len(f.last.Pauses) == 0 {
		f.out.Cause = "watching was interrupted; the deployment goes on in ECS"
	}
	return nil
}

// leave ends the watching before the deployment has ended: Unknown, or Waiting where it waits
// for somebody.
func (f *follower) leave(cause string) {
	if f.hooks != nil {
		f.hooks.stop()
	}
	if cause == within {
		f.out.Why = f.last.Why
		cause = fmt.Sprintf("it was watched for %s and has not ended; it goes on in ECS", f.limit)
	}
	f.out.Verdict, f.out.Cause, f.out.Next = Unknown, cause, f.command("watch", "")
	var waiting []string
	for _, p := range f.last.Pauses {
		waiting = append(waiting, p.Line())
	}
	if len(waiting) > 0 && f.silent.IsZero() {
		f.out.Verdict, f.out.Pauses, f.out.Why = Waiting, f.last.Pauses, nil
		f.out.Cause, f.out.Next = strings.Join(waiting, "; "), f.command("approve", "")
	}
}

// pace says how long to wait for the next reading.
func (f *follower) pace(now time.Time) time.Duration {
	switch due := f.last.Due; {
	case f.slow > 0:
		return f.slow
	case now.Sub(f.moved) <= movement:
		return brisk
	case !due.IsZero() && now.After(due.Add(-around)) && now.Before(due.Add(movement)):
		return brisk
	case !due.IsZero() && due.After(now):
		return min(calm, max(brisk, due.Sub(now)-around))
	}
	return calm
}

// pause waits, until ctx ends or one of our hooks does.
func (f *follower) pause(ctx context.Context, d time.Duration) {
	t := f.clock.NewTimer(d)
	defer t.Stop()
	var hook <-chan struct{}
	if f.hooks != nil {
		hook = f.hooks.over()
	}
	select {
	case <-ctx.Done():
	case <-t.C():
	case <-hook:
	}
}
