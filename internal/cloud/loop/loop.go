// Package loop is the one loop of the local cloud: after each commit it runs the keepers
// concerned until nothing changes, then sleeps until the next commit or the earliest wake.
//
// It knows no service. Hands do the jobs keepers ask for, each in a goroutine the loop waits
// for; what they find is applied on the loop, so the order of everything that happens is the
// order of commits. Read Run first.
package loop

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"
	"time"

	"github.com/slipway-ecs/slipway/internal/clock"
	"github.com/slipway-ecs/slipway/internal/cloud"
	"github.com/slipway-ecs/slipway/internal/store"
)

const (
	// tooDeep is how long a chain of keeps may be, each caused by what the one before wrote; more
	// is a broken invariant, and the key it reached is set aside.
	tooDeep = 1000
	// retryAfter is how long a keeper or a job that failed waits before it is tried again, on
	// the wall: what failed is real work.
	retryAfter = time.Second
	// leastPause is how soon, on the wall, a key is looked at again whose wake is not in the
	// future: a keeper that asks for that is wrong, and shall not keep the machine busy.
	leastPause = 10 * time.Millisecond
)

// Loop runs keepers over a store. Make one with New.
type Loop struct {
	store   *store.Store
	keepers []cloud.Keeper
	watches map[string][]watching // by table
	log     *slog.Logger
	watch   *store.Watch

	queue   []what
	queued  map[what]int // with the length of the chain of keeps that led there
	wakes   wakes
	aside   map[what]bool
	running map[string]what // jobs under way, by key
	done    chan result
	hands   sync.WaitGroup
	resting func()
}

type watching struct {
	keeper int
	keys   func(store.Change) []string
}

// what is one key of one keeper.
type what struct {
	keeper int
	key    string
}

type result struct {
	job  cloud.Job
	fact cloud.Fact
	err  error
}

// Options make a loop.
type Options struct {
	Store   *store.Store
	Tables  []store.Any // whose rows are all looked at once at the start
	Keepers []cloud.Keeper
	Log     *slog.Logger
	Resting func() // called each time everything is true and the loop goes to sleep; may be nil
}

// New makes a loop that has not begun. It notes every row there is: the first thing Run does is
// to keep all keys once, which is how the cloud recovers.
func New(o Options) *Loop {
	l := &Loop{
		store: o.Store, keepers: o.Keepers, log: o.Log, resting: o.Resting,
		watches: map[string][]watching{}, queued: map[what]int{},
		aside: map[what]bool{}, running: map[string]what{}, done: make(chan result),
	}
	for i, k := range o.Keepers {
		for _, w := range k.Watches() {
			l.watches[w.Table] = append(l.watches[w.Table], watching{i, w.Keys})
		}
	}
	l.watch = o.Store.Watch(o.Tables...)
	return l
}

// Run keeps until ctx ends, then waits for the hands. It gives ctx's error.
func (l *Loop) Run(ctx context.Context) error {
	working, stop := context.WithCancel(ctx)
	defer func() {
		stop()
		go func() { l.hands.Wait(); close(l.done) }()
		for r := range l.done { // what hands still found is true, whoever asks for it next
			l.apply(r)
		}
	}()
	for {
		l.take()
		if !l.drain(working) {
			return ctx.Err()
		}
		if l.resting != nil {
			l.resting()
		}
		timer, next := l.alarm()
		select {
		case <-ctx.Done():
		case <-l.watch.Ready():
		case r := <-l.done:
			l.apply(r)
		case <-next:
		}
		if timer != nil {
			timer.Stop()
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		l.wake()
	}
}

// drain keeps queued keys until none is left; false means that ctx ended first.
func (l *Loop) drain(ctx context.Context) bool {
	for len(l.queue) > 0 {
		if ctx.Err() != nil {
			return false
		}
		w := l.queue[0]
		l.queue = l.queue[1:]
		depth := l.queued[w]
		delete(l.queued, w)
		l.keep(ctx, w, depth)
		l.take()
		select {
		case r := <-l.done: // facts do not wait for the loop to come to rest
			l.apply(r)
			l.take()
		default:
		}
	}
	return true
}

// take queues the keys that others' commits have touched.
func (l *Loop) take() { l.concern(l.watch.Take(), 0) }

// concern queues the keys that changes are about.
func (l *Loop) concern(changes []store.Change, depth int) {
	for _, c := range changes {
		for _, w := range l.watches[c.Table] {
			for _, key := range w.keys(c) {
				l.look(what{w.keeper, key}, depth)
			}
		}
	}
}

// look queues a key; of several chains that lead to it the longest counts.
func (l *Loop) look(w what, depth int) {
	if l.aside[w] {
		return
	}
	if was, there := l.queued[w]; there {
		l.queued[w] = max(was, depth)
		return
	}
	l.queued[w] = depth
	l.queue = append(l.queue, w)
}

// keep runs one keeper over one key.
func (l *Loop) keep(ctx context.Context, w what, depth int) {
	keeper := l.keepers[w.keeper]
	if depth > tooDeep {
		l.aside[w] = true
		l.log.Error("kept without end; set aside until the next start", "keeper", keeper.Name(), "key", w.key, "times", tooDeep)
		return
	}
	l.wakes.clear(w)
	var res cloud.Result
	var now time.Time
	changes, err := l.watch.Update(guarded(func(tx *store.Tx) (err error) {
		now = tx.Now()
		res, err = keeper.Keep(tx, w.key)
		return err
	}))
	if err != nil {
		l.log.Error("cannot keep", "keeper", keeper.Name(), "key", w.key, "err", err)
		l.later(w)
		return
	}
	l.concern(changes, depth+1)
	if !res.Wake.IsZero() {
		if soonest := l.in(leastPause); !res.Wake.After(now) {
			res.Wake = soonest
		}
		l.wakes.set(w, res.Wake)
	}
	for _, j := range res.Jobs {
		l.start(ctx, w, j)
	}
}

// guarded makes f's panic an error, so that it costs one key and not the cloud.
func guarded(f func(tx *store.Tx) error) func(tx *store.Tx) error {
	return func(tx *store.Tx) (err error) {
		defer func() {
			if p := recover(); p != nil {
				err = fmt.Errorf("broken invariant: %v\n%s", p, debug.Stack())
			}
		}()
		return f(tx)
	}
}

func (l *Loop) start(ctx context.Context, w what, j cloud.Job) {
	if _, busy := l.running[j.Key]; busy {
		return
	}
	l.running[j.Key] = w
	l.hands.Go(func() {
		r := result{job: j}
		defer func() {
			if p := recover(); p != nil {
				r.err = fmt.Errorf("broken invariant: %v\n%s", p, debug.Stack())
			}
			l.done <- r
		}()
		r.fact, r.err = j.Do(ctx)
	})
}

// apply writes what a hand found; the keeper that asked looks again in any case.
func (l *Loop) apply(r result) {
	w := l.running[r.job.Key]
	delete(l.running, r.job.Key)
	if r.err == nil && r.fact != nil {
		r.err = l.store.Update(guarded(r.fact))
	}
	switch {
	case r.err == nil:
		l.look(w, 0)
	case errors.Is(r.err, context.Canceled):
		// The loop ends, or the job was told to; it is asked for again if need be.
		l.later(w)
	default:
		l.log.Error("job failed", "job", r.job.Key, "err", r.err)
		l.later(w)
	}
}

// later looks again at a key that failed, after a real pause, or at its wake if that is sooner.
func (l *Loop) later(w what) {
	retry := l.in(retryAfter)
	if at, ok := l.wakes.at[w]; !ok || retry.Before(at) {
		l.wakes.set(w, retry)
	}
}

// in gives the internal time after a pause on the wall.
func (l *Loop) in(pause time.Duration) time.Time {
	return l.store.Clock().Now().Add(time.Duration(float64(pause) * l.store.Timeline().Speed()))
}

// alarm starts a timer for the earliest wake.
func (l *Loop) alarm() (clock.Timer, <-chan time.Time) {
	first, ok := l.wakes.first()
	if !ok {
		return nil, nil
	}
	t := l.store.Clock().NewTimer(max(0, first.Sub(l.store.Clock().Now())))
	return t, t.C()
}

// wake queues the keys whose time has come.
func (l *Loop) wake() {
	now := l.store.Clock().Now()
	for w, ok := l.wakes.due(now); ok; w, ok = l.wakes.due(now) {
		l.look(w, 0)
	}
}
