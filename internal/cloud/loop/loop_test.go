package loop_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/slipway-ecs/slipway/internal/clock"
	"github.com/slipway-ecs/slipway/internal/cloud"
	"github.com/slipway-ecs/slipway/internal/cloud/loop"
	"github.com/slipway-ecs/slipway/internal/store"
)

// lamp is kept lit: switched on by a job a while after it is wanted, and out again in the end.
type lamp struct {
	Name      string
	Want, Lit bool
	Until     time.Time
	Looked    int
}

type world struct {
	table *store.Table[lamp]
	store *store.Store
	jobs  atomic.Int64
	keep  func(tx *store.Tx, key string) (cloud.Result, error)
	log   strings.Builder
}

func (w *world) Name() string { return "lamps" }
func (w *world) Watches() []cloud.Watch {
	return []cloud.Watch{cloud.On(w.table, func(l *lamp) string { return l.Name })}
}
func (w *world) Keep(tx *store.Tx, key string) (cloud.Result, error) { return w.keep(tx, key) }

func newWorld(t *testing.T) *world {
	w := &world{table: store.NewTable("lamps", func(l *lamp) string { return l.Name })}
	var err error
	if w.store, err = store.Open(store.Options{Clock: clock.Real{}, Verify: true}, w.table); err != nil {
		t.Fatal(err)
	}
	return w
}

// run runs the loop until the function given returns.
func (w *world) run(t *testing.T, f func()) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	l := loop.New(loop.Options{Store: w.store, Tables: []store.Any{w.table}, Keepers: []cloud.Keeper{w}, Log: slog.New(slog.NewTextHandler(&w.log, nil))})
	ended := make(chan error)
	go func() { ended <- l.Run(ctx) }()
	f()
	stop()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("the loop ended with %v", err)
	}
}

func (w *world) put(t *testing.T, l lamp) {
	if err := w.store.Update(func(tx *store.Tx) error { w.table.Put(tx, l); return nil }); err != nil {
		t.Fatal(err)
	}
}

func (w *world) get(name string) (l lamp) {
	if err := w.store.View(func(tx *store.Tx) error { l, _ = w.table.Get(tx, name); return nil }); err != nil {
		panic(err)
	}
	return l
}

func (w *world) light(ctx context.Context, name string) (cloud.Fact, error) {
	w.jobs.Add(1)
	select {
	case <-time.After(5 * time.Second):
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	return func(tx *store.Tx) error {
		l, _ := w.table.Get(tx, name)
		l.Lit, l.Until = true, tx.Now().Add(time.Minute)
		w.table.Put(tx, l)
		return nil
	}, nil
}

func (w *world) lamps(tx *store.Tx, key string) (cloud.Result, error) {
	l, ok := w.table.Get(tx, key)
	switch {
	case !ok:
		return cloud.Result{}, nil
	case l.Want && !l.Lit:
		return cloud.Result{Jobs: []cloud.Job{{Key: "light " + key, Do: func(ctx context.Context) (cloud.Fact, error) { return w.light(ctx, key) }}}}, nil
	case l.Lit && !l.Until.After(tx.Now()):
		l.Lit, l.Want = false, false
		w.table.Put(tx, l)
		return cloud.Result{}, nil
	}
	return cloud.Result{Wake: l.Until}, nil
}

func TestWhatIsWantedIsDoneByOneHandAndEndsAtItsWake(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.keep = w.lamps
		w.put(t, lamp{Name: "before the start", Want: true})
		w.run(t, func() {
			w.put(t, lamp{Name: "a", Want: true})
			time.Sleep(time.Second)
			w.put(t, lamp{Name: "a", Want: true, Looked: 1}) // looked at again while its job is under way
			time.Sleep(5 * time.Second)
			for _, name := range []string{"a", "before the start"} {
				if !w.get(name).Lit {
					t.Errorf("lamp %q is not lit after its job's 5 s", name)
				}
			}
			time.Sleep(61 * time.Second)
			if w.get("a").Lit {
				t.Error("lamp a is lit after its wake")
			}
		})
		if got := w.jobs.Load(); got != 2 {
			t.Errorf("jobs done: got %d, want 2", got)
		}
	})
}

func TestAJobThatFailsIsAskedForAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.keep = func(tx *store.Tx, key string) (cloud.Result, error) {
			if l, _ := w.table.Get(tx, key); l.Lit {
				return cloud.Result{}, nil
			}
			return cloud.Result{Jobs: []cloud.Job{{Key: key, Do: func(ctx context.Context) (cloud.Fact, error) {
				switch w.jobs.Add(1) {
				case 1:
					return nil, errors.New("no current")
				case 2:
					panic("burnt out")
				}
				return func(tx *store.Tx) error { w.table.Put(tx, lamp{Name: key, Lit: true}); return nil }, nil
			}}}}, nil
		}
		w.run(t, func() {
			w.put(t, lamp{Name: "a"})
			time.Sleep(10 * time.Second)
		})
		if !w.get("a").Lit {
			t.Errorf("lamp a is not lit after two failures; log:\n%s", w.log.String())
		}
		for _, said := range []string{"no current", "burnt out"} {
			if !strings.Contains(w.log.String(), said) {
				t.Errorf("the log does not tell of %q", said)
			}
		}
	})
}

func TestAJobThatFailsPutsOffNoWake(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		begun := time.Now()
		due := begun.Add(200 * time.Millisecond)
		var looked time.Time // for the first time after due
		w.keep = func(tx *store.Tx, key string) (cloud.Result, error) {
			if !tx.Now().Before(due) {
				if looked.IsZero() {
					looked = tx.Now()
				}
				return cloud.Result{}, nil
			}
			return cloud.Result{Wake: due, Jobs: []cloud.Job{{Key: key, Do: func(context.Context) (cloud.Fact, error) {
				return nil, errors.New("no current")
			}}}}, nil
		}
		w.run(t, func() {
			w.put(t, lamp{Name: "a"})
			time.Sleep(10 * time.Second)
		})
		if !looked.Equal(due) {
			t.Errorf("looked %s after the start, want at its wake, after %s", looked.Sub(begun), due.Sub(begun))
		}
	})
}

func TestAFactThatPanicsCostsItsJobOnly(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.keep = func(tx *store.Tx, key string) (cloud.Result, error) {
			if l, _ := w.table.Get(tx, key); l.Lit {
				return cloud.Result{}, nil
			}
			return cloud.Result{Jobs: []cloud.Job{{Key: key, Do: func(context.Context) (cloud.Fact, error) {
				first := w.jobs.Add(1) == 1
				return func(tx *store.Tx) error {
					w.table.Put(tx, lamp{Name: key, Lit: true})
					if first {
						panic("short circuit")
					}
					return nil
				}, nil
			}}}}, nil
		}
		w.run(t, func() {
			w.put(t, lamp{Name: "a"})
			time.Sleep(500 * time.Millisecond)
			if w.get("a").Lit {
				t.Error("what a fact wrote before it broke was kept")
			}
			time.Sleep(10 * time.Second)
		})
		if !w.get("a").Lit {
			t.Errorf("lamp a is not lit after its first fact broke; log:\n%s", w.log.String())
		}
		if !strings.Contains(w.log.String(), "short circuit") {
			t.Error("the log does not tell of the fact that broke")
		}
	})
}

func TestAKeyThatIsNeverKeptIsSetAsideAndOthersGoOn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.keep = func(tx *store.Tx, key string) (cloud.Result, error) {
			l, _ := w.table.Get(tx, key)
			if key == "restless" || l.Looked == 0 {
				l.Looked++
				w.table.Put(tx, l)
			}
			if key == "broken" {
				panic("broken")
			}
			return cloud.Result{}, nil
		}
		w.run(t, func() {
			for i := range 3 {
				w.put(t, lamp{Name: fmt.Sprint(i)})
			}
			w.put(t, lamp{Name: "restless"})
			w.put(t, lamp{Name: "broken"})
			w.put(t, lamp{Name: "z"})
			time.Sleep(time.Second)
		})
		if got := w.get("z").Looked; got != 1 {
			t.Errorf("a key beside a restless and a broken one was kept %d times, want once", got)
		}
		if got := w.get("restless").Looked; got != 1001 {
			t.Errorf("the restless key was kept %d times, want 1001: once, and 1000 times for what it wrote itself", got)
		}
		if got := w.get("broken").Looked; got != 0 {
			t.Error("what a keeper wrote before it broke was kept")
		}
	})
}

func TestAKeyThatOthersKeepChangingIsNotSetAside(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		kept := 0
		w.keep = func(*store.Tx, string) (cloud.Result, error) { kept++; return cloud.Result{}, nil }
		w.run(t, func() {
			for i := range 3000 {
				w.put(t, lamp{Name: "busy", Looked: i})
				synctest.Wait()
			}
		})
		if kept != 3000 {
			t.Errorf("a key changed 3000 times by others was kept %d times", kept)
		}
	})
}
