package clock

import (
	"sync"
	"time"
)

// Virtual is a clock that stands still until it is told to go on, for simulation and tests.
type Virtual struct {
	mu     sync.Mutex // guards now and timers
	now    time.Time
	timers []*virtualTimer
}

// NewVirtual gives a clock that shows now.
func NewVirtual(now time.Time) *Virtual { return &Virtual{now: now.UTC()} }

// Now gives the time the clock was last set to.
func (v *Virtual) Now() time.Time {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.now
}

// Advance moves the clock on by d and fires the timers that are due.
func (v *Virtual) Advance(d time.Duration) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.now = v.now.Add(d)
	kept := v.timers[:0]
	for _, t := range v.timers {
		if t.at.After(v.now) {
			kept = append(kept, t)
			continue
		}
		t.c <- v.now
	}
	v.timers = kept
}

// NewTimer starts a timer that Advance fires. One that is due already fires at once.
func (v *Virtual) NewTimer(d time.Duration) Timer {
	v.mu.Lock()
	defer v.mu.Unlock()
	t := &virtualTimer{clock: v, at: v.now.Add(d), c: make(chan time.Time, 1)}
	if d <= 0 {
		t.c <- v.now
		return t
	}
	v.timers = append(v.timers, t)
	return t
}

type virtualTimer struct {
	clock *Virtual
	at    time.Time
	c     chan time.Time
}

func (t *virtualTimer) C() <-chan time.Time { return t.c }

func (t *virtualTimer) Stop() bool {
	t.clock.mu.Lock()
	defer t.clock.mu.Unlock()
	for i, other := range t.clock.timers {
		if other == t {
			t.clock.timers = append(t.clock.timers[:i], t.clock.timers[i+1:]...)
			return true
		}
	}
	return false
}
