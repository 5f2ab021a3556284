// Package drive carries a rollout through a world: it looks, asks rollout.Step, saves, and does
// what Step wants, until the rollout is over.
//
// It knows nothing of ECS; what a world is, the world says. The local cloud does not use it,
// since its loop calls Step itself. Read World, then Run.
package drive

import (
	"context"
	"fmt"
	"time"

	"github.com/slipway-ecs/slipway/internal/clock"
	"github.com/slipway-ecs/slipway/internal/rollout"
)

// World is where a rollout happens: AWS, or a simulation.
type World interface {
	// Observe gives what is true now.
	Observe(ctx context.Context) (rollout.Observation, error)
	// Do works towards a goal; repeating it is harmless.
	Do(ctx context.Context, a rollout.Action) error
}

// Event is something to tell people about: one of Note, Action and Err is set.
type Event struct {
	At     time.Time
	State  rollout.State // after the step
	Note   *rollout.Note
	Action *rollout.Action
	Err    error // looking or doing went wrong; it is tried again unless Run returns it
}

// How often a world is looked at, in the clock's time, and how much of its failing is borne.
const (
	Soon  = time.Second     // after something changed or was asked for
	Later = 5 * time.Second // otherwise, and no later than Step wants
	Tries = 5               // rounds in a row with errors, after which Run gives up
)

// Run takes p from state s until it is over, ctx ends, or the world fails Tries times in a row.
//
// It saves before it does, so a driver that dies repeats an action rather than forgetting
// one; run again with the state saved last, it goes on where it was. A failing save ends the
// run at once. The state returned is the last one saved. tell is called from this goroutine
// and may be nil.
func Run(ctx context.Context, c clock.Clock, w World, p *rollout.Plan, s rollout.State,
	save func(rollout.State) error, tell func(Event),
) (rollout.State, error) {
	if tell == nil {
		tell = func(Event) {}
	}
	for bad := 0; !s.Over(); {
		next, want, err := look(ctx, c, w, p, s)
		if err == nil {
			if next != s {
				if err := save(next); err != nil {
					return s, fmt.Errorf("save the rollout's state: %w", err)
				}
			}
			err = act(ctx, c, w, next, want, tell)
		}
		if ctx.Err() != nil {
			return next, ctx.Err()
		}
		moved := next != s || len(want.Actions) > 0
		s = next
		bad++
		if err == nil {
			bad = 0
		} else {
			tell(Event{At: c.Now(), State: s, Err: err})
		}
		if bad >= Tries {
			return s, err
		}
		if s.Over() {
			break
		}
		if err := wait(ctx, c, pause(c.Now(), want.Wake, moved)); err != nil {
			return s, err
		}
	}
	return s, nil
}

// look observes and steps. After an error the state is the one given.
func look(ctx context.Context, c clock.Clock, w World, p *rollout.Plan, s rollout.State) (rollout.State, rollout.Want, error) {
	o, err := w.Observe(ctx)
	if err != nil {
		return s, rollout.Want{}, fmt.Errorf("look at the rollout: %w", err)
	}
	next, want := rollout.Step(p, s, o, c.Now())
	return next, want, nil
}

// act tells and does what a step wants. It tries every action and gives the first error.
func act(ctx context.Context, c clock.Clock, w World, s rollout.State, want rollout.Want, tell func(Event)) error {
	for i := range want.Notes {
		tell(Event{At: c.Now(), State: s, Note: &want.Notes[i]})
	}
	var first error
	for i := range want.Actions {
		tell(Event{At: c.Now(), State: s, Action: &want.Actions[i]})
		if err := w.Do(ctx, want.Actions[i]); err != nil && first == nil {
			first = fmt.Errorf("%s: %w", want.Actions[i], err)
		}
	}
	return first
}

// pause is how long to wait before the next look.
func pause(now, wake time.Time, moved bool) time.Duration {
	d := Later
	if moved {
		d = Soon
	}
	if !wake.IsZero() {
		d = min(d, max(wake.Sub(now), 0))
	}
	return d
}

func wait(ctx context.Context, c clock.Clock, d time.Duration) error {
	timer := c.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C():
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
