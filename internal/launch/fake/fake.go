// Package fake is a task runtime in memory, for tests.
//
// Containers do what a Script says: they start late, fail, write lines, end by themselves, ignore
// SIGTERM; and what a test tells them through End and SetHealth. Time is a clock.Clock's, so a
// test owns it (clock.Virtual, or clock.Real under synctest), and nothing happens but by it or by
// a call. A container costs a few hundred bytes and no goroutine. Read New, then Script.
package fake

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"iter"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/slipway-ecs/slipway/internal/clock"
	"github.com/slipway-ecs/slipway/internal/launch"
)

// Script says how a container behaves. The zero value starts at once, runs for ever, is healthy,
// writes nothing, and ends with 143 when it is asked to stop.
type Script struct {
	PullDelay  time.Duration
	PullError  string // not empty: the image is not to be had, and this is why
	StartDelay time.Duration
	StartError string // not empty: the program cannot be started, and this is why

	RunFor time.Duration // ends by itself after this long; 0 means never. Seen by whoever waits.
	Exit   launch.Exit   // how it ends by itself; its At is filled in

	IgnoresTerm bool          // only SIGKILL ends it: 137 after the grace
	StopDelay   time.Duration // how long it takes to end once asked to stop
	StopCode    int           // its exit code when asked to stop; 0 means 143, which ECS shows for SIGTERM

	Lines  []string // what it writes to standard output when it starts
	Health []int    // exit codes of its health checks in turn; the last stays; none is 0

	Address launch.Address // where Reach leads, whatever the port; zero is the task's address and the port
}

// Call names a method that was called.
type Call struct {
	Method    string // "Start", …
	Task      string
	Container string // "" where a call is for the task
}

// Runtime is the runtime in memory. It is a launch.Runtime.
type Runtime struct {
	clock  clock.Clock
	script func(launch.Task, launch.Container) Script

	mu     sync.Mutex // guards what follows
	places map[string]*place
	calls  map[Call]int
}

var _ launch.Runtime = (*Runtime)(nil)

type place struct {
	task       launch.Task
	network    launch.Network
	containers map[key]*container
}

type key struct {
	name    string
	attempt int
}

type container struct {
	handle  launch.Handle
	script  Script
	checks  int
	health  *int
	lines   []launch.Line
	changed chan struct{} // closed and replaced at each line and at the end
	exit    *launch.Exit
	endAt   time.Time // when it ends by itself; zero means never
}

// New gives a runtime whose containers behave as script says. A nil script gives each the zero
// Script. script is called at each Pull and Start and may be called from several goroutines.
func New(c clock.Clock, script func(launch.Task, launch.Container) Script) *Runtime {
	if script == nil {
		script = func(launch.Task, launch.Container) Script { return Script{} }
	}
	return &Runtime{clock: c, script: script, places: map[string]*place{}, calls: map[Call]int{}}
}

// Name gives "fake".
func (r *Runtime) Name() string { return "fake" }

// Calls gives how often a method was called for a container, or for a task's own methods with
// container "".
func (r *Runtime) Calls(method, task, container string) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.calls[Call{method, task, container}]
}

// Running gives the handles of the containers that run, ordered by task, container and attempt.
func (r *Runtime) Running() []launch.Handle {
	r.mu.Lock()
	defer r.mu.Unlock()
	var all []launch.Handle
	for _, p := range r.places {
		for _, c := range p.containers {
			if r.settle(c); c.exit == nil {
				all = append(all, c.handle)
			}
		}
	}
	slices.SortFunc(all, compare)
	return all
}

func compare(a, b launch.Handle) int {
	if c := strings.Compare(a.Task, b.Task); c != 0 {
		return c
	}
	if c := strings.Compare(a.Container, b.Container); c != 0 {
		return c
	}
	return a.Attempt - b.Attempt
}

// End ends a running container, as if its program had. It reports whether it ran.
func (r *Runtime) End(h launch.Handle, e launch.Exit) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	c := r.find(h)
	if c == nil {
		return false
	}
	if r.settle(c); c.exit != nil {
		return false
	}
	r.end(c, e, r.clock.Now())
	return true
}

// SetHealth makes a container's health checks end with code from now on.
func (r *Runtime) SetHealth(h launch.Handle, code int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if c := r.find(h); c != nil {
		c.health = &code
	}
}

// Write adds a line to a container's output.
func (r *Runtime) Write(h launch.Handle, s launch.Stream, text string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if c := r.find(h); c != nil {
		r.write(c, s, text)
	}
}

// From here to end, the helpers want r.mu held.

func (r *Runtime) count(method, task, container string) {
	r.calls[Call{method, task, container}]++
}

func (r *Runtime) find(h launch.Handle) *container {
	p, ok := r.places[h.Task]
	if !ok {
		return nil
	}
	return p.containers[key{h.Container, h.Attempt}]
}

func (r *Runtime) write(c *container, s launch.Stream, text string) {
	c.lines = append(c.lines, launch.Line{At: r.clock.Now(), Stream: s, Text: text, Mark: launch.Mark(len(c.lines) + 1)})
	r.change(c)
}

func (r *Runtime) change(c *container) {
	close(c.changed)
	c.changed = make(chan struct{})
}

// settle ends a container whose time has come.
func (r *Runtime) settle(c *container) {
	if c.exit == nil && !c.endAt.IsZero() && !c.endAt.After(r.clock.Now()) {
		r.end(c, c.script.Exit, c.endAt)
	}
}

func (r *Runtime) end(c *container, e launch.Exit, at time.Time) {
	e.At = at
	c.exit = &e
	r.change(c)
}

// sleep waits d of the clock.
func (r *Runtime) sleep(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	t := r.clock.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C():
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func gone(h launch.Handle) error {
	return fmt.Errorf("container %q of task %s: %w", h.Container, h.Task, launch.ErrGone)
}

func scripted(t launch.Task, name string) (launch.Container, error) {
	c, ok := t.Container(name)
	if !ok {
		return c, fmt.Errorf("task %s has no container %q", t.ID, name)
	}
	return c, nil
}

// address gives each task one in 10/8, by its id.
func address(task string) string {
	h := fnv.New32a()
	fmt.Fprint(h, task) //nolint:errcheck // a hash takes everything
	v := h.Sum32()
	return fmt.Sprintf("10.%d.%d.%d", v>>16&0xff, v>>8&0xff, 1+v%254)
}

// follow takes the lock for each look and never while it yields.
func (r *Runtime) follow(ctx context.Context, h launch.Handle, since launch.Mark) iter.Seq2[launch.Line, error] {
	return func(yield func(launch.Line, error) bool) {
		for at := int(since); ; {
			r.mu.Lock()
			c := r.find(h)
			if c == nil {
				r.mu.Unlock()
				yield(launch.Line{}, gone(h))
				return
			}
			r.settle(c)
			fresh := slices.Clone(c.lines[min(at, len(c.lines)):])
			ended := c.exit != nil
			r.mu.Unlock()
			for _, l := range fresh {
				if !yield(l, nil) {
					return
				}
			}
			at += len(fresh)
			if ended {
				return
			}
			if len(fresh) > 0 {
				continue
			}
			if err := r.await(ctx, h, at); err != nil {
				yield(launch.Line{}, err)
				return
			}
		}
	}
}

// await returns when the container has more than lines lines, has ended or is gone.
func (r *Runtime) await(ctx context.Context, h launch.Handle, lines int) error {
	for {
		r.mu.Lock()
		c := r.find(h)
		if c == nil {
			r.mu.Unlock()
			return nil
		}
		if r.settle(c); c.exit != nil || lines >= 0 && len(c.lines) > lines {
			r.mu.Unlock()
			return nil
		}
		changed := c.changed
		var due <-chan time.Time
		var timer clock.Timer
		if !c.endAt.IsZero() {
			timer = r.clock.NewTimer(c.endAt.Sub(r.clock.Now()))
			due = timer.C()
		}
		r.mu.Unlock()
		var err error
		select {
		case <-changed:
		case <-due:
		case <-ctx.Done():
			err = ctx.Err()
		}
		if timer != nil {
			timer.Stop()
		}
		if err != nil {
			return err
		}
	}
}

var errNoCommand = errors.New("no command specified")
