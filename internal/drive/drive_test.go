package drive_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/slipway-ecs/slipway/internal/clock"
	"github.com/slipway-ecs/slipway/internal/drive"
	"github.com/slipway-ecs/slipway/internal/rollout"
	"github.com/slipway-ecs/slipway/internal/strategy"
)

// world obeys at once; it fails as often as it is told to.
type world struct {
	seen    rollout.Observation
	fail    int
	did     []string
	saved   *[]rollout.State
	unsaved bool // an action was done before any state was saved
}

var errDown = errors.New("down")

func (w *world) Observe(context.Context) (rollout.Observation, error) {
	if w.fail > 0 {
		w.fail--
		return rollout.Observation{}, errDown
	}
	return w.seen, nil
}

func (w *world) Do(_ context.Context, a rollout.Action) error {
	w.unsaved = w.unsaved || len(*w.saved) == 0
	w.did = append(w.did, a.String())
	switch a.Do {
	case rollout.Scale:
		w.seen.Count[a.Side] = rollout.Count{Want: a.Want, Running: a.Want, Healthy: a.Want}
	case rollout.Move:
		w.seen.Share[a.Route] = a.Share
	case rollout.Ask:
		w.seen.Gates = map[string]rollout.Verdict{a.Gate: rollout.Pass}
	}
	return nil
}

func canary() *rollout.Plan {
	return strategy.Canary{
		Traffic: strategy.Traffic{Common: strategy.Common{Desired: 2}, NoTest: true},
		Share:   1000, For: time.Minute,
	}.Plan()
}

func newWorld() (*world, *[]rollout.State, func(rollout.State) error) {
	saved := new([]rollout.State)
	w := &world{saved: saved}
	w.seen.Count[rollout.Old] = rollout.Count{Want: 2, Running: 2, Healthy: 2}
	return w, saved, func(s rollout.State) error { *saved = append(*saved, s); return nil }
}

func TestRunDrivesACanaryToItsEnd(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w, _, save := newWorld()
		s, err := drive.Run(t.Context(), clock.Real{}, w, canary(), rollout.State{}, save, nil)
		if err != nil || s.Status != rollout.Succeeded {
			t.Fatalf("got %v, %v, want succeeded", s, err)
		}
		want := []string{"scale new 2", "shift production 10 %", "shift production 100 %", "scale old 0"}
		if !slices.Equal(w.did, want) {
			t.Errorf("did %q, want %q", w.did, want)
		}
		if w.unsaved {
			t.Errorf("an action was done before the state was saved")
		}
	})
}

func TestRunGoesOnFromTheStateSavedLast(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w, saved, save := newWorld()
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		defer cancel()
		if _, err := drive.Run(ctx, clock.Real{}, w, canary(), rollout.State{}, save, nil); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("got %v, want the deadline", err)
		}
		last, err := rollout.Parse((*saved)[len(*saved)-1].Encode())
		if err != nil {
			t.Fatal(err)
		}
		s, err := drive.Run(t.Context(), clock.Real{}, w, canary(), last, save, nil)
		if err != nil || s.Status != rollout.Succeeded {
			t.Errorf("got %v, %v, want succeeded", s, err)
		}
	})
}

func TestRunBearsAFewErrorsAndGivesUpAfterTries(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		fail int
		want error
	}{"a few": {drive.Tries - 1, nil}, "too many": {drive.Tries, errDown}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w, _, save := newWorld()
				w.fail = c.fail
				told := 0
				_, err := drive.Run(t.Context(), clock.Real{}, w, canary(), rollout.State{}, save, func(e drive.Event) {
					if e.Err != nil {
						told++
					}
				})
				if !errors.Is(err, c.want) {
					t.Errorf("%d errors: got %v, want %v", c.fail, err, c.want)
				}
				if told != c.fail {
					t.Errorf("told of %d errors, want %d", told, c.fail)
				}
			})
		})
	}
}

func TestRunStopsWhenTheStateCannotBeSaved(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w, _, _ := newWorld()
		_, err := drive.Run(t.Context(), clock.Real{}, w, canary(), rollout.State{}, func(rollout.State) error { return errDown }, nil)
		if !errors.Is(err, errDown) || len(w.did) != 0 {
			t.Errorf("got %v after %q, want the error of save and nothing done", err, w.did)
		}
	})
}
