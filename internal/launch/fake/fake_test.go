package fake_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/slipway-ecs/slipway/internal/clock"
	"github.com/slipway-ecs/slipway/internal/launch"
	"github.com/slipway-ecs/slipway/internal/launch/fake"
)

func task(id string) launch.Task {
	return launch.Task{ID: id, Containers: []launch.Container{{Name: "web", Image: "shop/web:1"}}}
}

func always(s fake.Script) func(launch.Task, launch.Container) fake.Script {
	return func(launch.Task, launch.Container) fake.Script { return s }
}

func start(t *testing.T, r *fake.Runtime, id string) launch.Handle {
	t.Helper()
	if _, err := r.Prepare(t.Context(), task(id)); err != nil {
		t.Fatal(err)
	}
	h, err := r.Start(t.Context(), task(id), "web", 0)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func TestAScriptDecidesHowLongThingsTakeAndHowTheyEnd(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		r := fake.New(clock.Real{}, always(fake.Script{
			PullDelay: 2 * time.Second, StartDelay: 3 * time.Second,
			RunFor: time.Minute, Exit: launch.Exit{Code: 3}, Lines: []string{"hello"},
		}))
		if _, err := r.Pull(t.Context(), task("a"), "web"); err != nil {
			t.Fatal(err)
		}
		h := start(t, r, "a")
		if got := time.Since(began); got != 5*time.Second {
			t.Errorf("it ran after %s, want 5s", got)
		}

		got, err := r.Watch(t.Context(), h)

		if want := (launch.Exit{Code: 3, At: began.Add(65 * time.Second).UTC()}); got != want || err != nil {
			t.Errorf("got %+v, %v; want %+v", got, err, want)
		}
		var lines []string
		for l, err := range r.Logs(t.Context(), h, 0) {
			if err != nil {
				t.Fatal(err)
			}
			lines = append(lines, l.Text)
		}
		if diff := cmp.Diff([]string{"hello"}, lines); diff != "" {
			t.Error(diff)
		}
	})
}

func TestStopGoesAsTheScriptSays(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		script fake.Script
		took   time.Duration
		want   launch.Exit
	}{
		"at once":  {fake.Script{}, 0, launch.Exit{Code: 143, Signal: "SIGTERM"}},
		"politely": {fake.Script{StopDelay: 4 * time.Second, StopCode: 7}, 4 * time.Second, launch.Exit{Code: 7}},
		"killed":   {fake.Script{IgnoresTerm: true}, 30 * time.Second, launch.Exit{Code: 137, Signal: "SIGKILL"}},
		"too slow": {fake.Script{StopDelay: time.Hour}, 30 * time.Second, launch.Exit{Code: 137, Signal: "SIGKILL"}},
		"by then":  {fake.Script{IgnoresTerm: true, RunFor: 10 * time.Second, Exit: launch.Exit{Code: 9}}, 10 * time.Second, launch.Exit{Code: 9}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				r := fake.New(clock.Real{}, always(c.script))
				h := start(t, r, "a")
				began := time.Now()

				if err := r.Stop(t.Context(), h, 30*time.Second); err != nil {
					t.Fatal(err)
				}

				if got := time.Since(began); got != c.took {
					t.Errorf("it took %s, want %s", got, c.took)
				}
				got, err := r.Watch(t.Context(), h)
				got.At = time.Time{}
				if got != c.want || err != nil {
					t.Errorf("got %+v, %v; want %+v", got, err, c.want)
				}
				if len(r.Running()) > 0 || r.Calls("Stop", "a", "web") != 1 {
					t.Errorf("running %v, %d calls", r.Running(), r.Calls("Stop", "a", "web"))
				}
			})
		})
	}
}

func TestFailuresAreTheContractsErrors(t *testing.T) {
	t.Parallel()
	r := fake.New(clock.NewVirtual(time.Unix(0, 0)), always(fake.Script{PullError: "not found", StartError: "no program"}))
	if _, err := r.Prepare(t.Context(), task("a")); err != nil {
		t.Fatal(err)
	}

	_, pull := r.Pull(t.Context(), task("a"), "web")
	_, start := r.Start(t.Context(), task("a"), "web", 0)
	_, watch := r.Watch(t.Context(), launch.Handle{Task: "a", Container: "web"})

	if e, ok := errors.AsType[*launch.PullError](pull); !ok || e.Error() != "CannotPullContainerError: not found" {
		t.Errorf("Pull: %v", pull)
	}
	if e, ok := errors.AsType[*launch.StartError](start); !ok || e.Error() != "CannotStartContainerError: no program" {
		t.Errorf("Start: %v", start)
	}
	if !errors.Is(watch, launch.ErrGone) {
		t.Errorf("Watch: %v", watch)
	}
}

func TestHealthFollowsTheScriptThenTheTest(t *testing.T) {
	t.Parallel()
	r := fake.New(clock.NewVirtual(time.Unix(0, 0)), always(fake.Script{Health: []int{1, 1, 0}}))
	h := start(t, r, "a")
	var got []int
	for i := range 6 {
		if i == 5 {
			r.SetHealth(h, 8)
		}
		code, _, err := r.Exec(t.Context(), h, []string{"true"})
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, code)
	}
	if diff := cmp.Diff([]int{1, 1, 0, 0, 0, 8}, got); diff != "" {
		t.Errorf("health (-want +got):\n%s", diff)
	}
}

func TestTenThousandTasksOnAVirtualClock(t *testing.T) {
	t.Parallel()
	v := clock.NewVirtual(time.Unix(0, 0))
	r := fake.New(v, always(fake.Script{RunFor: time.Hour}))
	for i := range 10_000 {
		start(t, r, fmt.Sprint(i))
	}
	if n := len(r.Running()); n != 10_000 {
		t.Fatalf("%d run", n)
	}
	places, err := r.Find(t.Context())
	if err != nil || len(places) != 10_000 {
		t.Fatalf("%d places, %v", len(places), err)
	}

	v.Advance(time.Hour)

	if n := len(r.Running()); n != 0 {
		t.Errorf("%d run after their time", n)
	}
}

func TestWhatATestDoesIsSeenByWhoWaits(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := fake.New(clock.Real{}, nil)
		h := start(t, r, "a")
		var wg sync.WaitGroup
		var lines int
		var exit launch.Exit
		wg.Go(func() {
			for _, err := range r.Logs(t.Context(), h, 0) {
				if err == nil {
					lines++
				}
			}
		})
		wg.Go(func() {
			var err error
			if exit, err = r.Watch(t.Context(), h); err != nil {
				t.Error(err)
			}
		})
		synctest.Wait()

		r.Write(h, launch.Stderr, "oh")
		synctest.Wait()
		if !r.End(h, launch.Exit{Code: 1}) || r.End(h, launch.Exit{Code: 2}) {
			t.Error("it did not end once")
		}
		wg.Wait()

		if lines != 1 || exit.Code != 1 {
			t.Errorf("%d lines, %+v", lines, exit)
		}
		if err := r.Remove(t.Context(), "a"); err != nil {
			t.Error(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		if _, err := r.Watch(ctx, h); !errors.Is(err, launch.ErrGone) {
			t.Errorf("after Remove: %v", err)
		}
	})
}
