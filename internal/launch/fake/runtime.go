package fake

import (
	"context"
	"crypto/sha256"
	"fmt"
	"hash/fnv"
	"iter"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/slipway-ecs/slipway/internal/launch"
)

// Prepare makes the task's place, at an address of 10/8 made from its id.
func (r *Runtime) Prepare(ctx context.Context, t launch.Task) (launch.Network, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.count("Prepare", t.ID, "")
	p, ok := r.places[t.ID]
	if !ok {
		p = &place{task: t, network: launch.Network{Address: address(t.ID)}, containers: map[key]*container{}}
		r.places[t.ID] = p
	}
	return p.network, ctx.Err()
}

// Pull takes as long and fails as the script says. The digest is one of the image's name.
func (r *Runtime) Pull(ctx context.Context, t launch.Task, name string) (string, error) {
	r.mu.Lock()
	r.count("Pull", t.ID, name)
	r.mu.Unlock()
	c, err := scripted(t, name)
	if err != nil {
		return "", err
	}
	s := r.script(t, c)
	if err := r.sleep(ctx, s.PullDelay); err != nil {
		return "", err
	}
	if s.PullError != "" {
		return "", &launch.PullError{Image: c.Image, Msg: s.PullError}
	}
	return fmt.Sprintf("sha256:%x", sha256.Sum256([]byte(c.Image))), nil
}

// Start takes as long and fails as the script says.
func (r *Runtime) Start(ctx context.Context, t launch.Task, name string, attempt int) (launch.Handle, error) {
	r.mu.Lock()
	r.count("Start", t.ID, name)
	r.mu.Unlock()
	definition, err := scripted(t, name)
	if err != nil {
		return launch.Handle{}, err
	}
	h := launch.Handle{Task: t.ID, Container: name, Attempt: attempt}
	r.mu.Lock()
	started, ok, err := r.known(h)
	r.mu.Unlock()
	if ok || err != nil {
		return started, err
	}
	s := r.script(t, definition)
	if err := r.sleep(ctx, s.StartDelay); err != nil {
		return launch.Handle{}, err
	}
	if s.StartError != "" {
		return launch.Handle{}, &launch.StartError{Code: 127, Msg: s.StartError}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	// Another call, or Remove, may have come first while this one waited.
	if started, ok, err := r.known(h); ok || err != nil {
		return started, err
	}
	sum := fnv.New32a()
	fmt.Fprintf(sum, "%s/%d", name, attempt) //nolint:errcheck // a hash takes everything
	h.ID = fmt.Sprintf("%s-%010d", t.ID, sum.Sum32())
	h.Started = r.clock.Now()
	c := &container{handle: h, script: s, changed: make(chan struct{})}
	if s.RunFor > 0 {
		c.endAt = h.Started.Add(s.RunFor)
	}
	r.places[t.ID].containers[key{name, attempt}] = c
	for _, l := range s.Lines {
		r.write(c, launch.Stdout, l)
	}
	return h, nil
}

// known gives the handle of what was started already; r.mu is held.
func (r *Runtime) known(h launch.Handle) (launch.Handle, bool, error) {
	if r.places[h.Task] == nil {
		return launch.Handle{}, false, gone(h)
	}
	if c := r.find(h); c != nil {
		return c.handle, true, nil
	}
	return launch.Handle{}, false, nil
}

// Watch waits for the container's end.
func (r *Runtime) Watch(ctx context.Context, h launch.Handle) (launch.Exit, error) {
	r.mu.Lock()
	r.count("Watch", h.Task, h.Container)
	r.mu.Unlock()
	if err := r.await(ctx, h, -1); err != nil {
		return launch.Exit{}, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	c := r.find(h)
	if c == nil {
		return launch.Exit{}, gone(h)
	}
	return *c.exit, nil
}

// Stop ends the container as its script says.
func (r *Runtime) Stop(ctx context.Context, h launch.Handle, grace time.Duration) error {
	r.mu.Lock()
	r.count("Stop", h.Task, h.Container)
	c := r.find(h)
	if c == nil {
		r.mu.Unlock()
		return nil
	}
	s := c.script
	r.mu.Unlock()

	ends := !s.IgnoresTerm && s.StopDelay <= grace && grace > 0
	wait := max(0, grace)
	if ends {
		wait = s.StopDelay
	}
	// It may end by itself first.
	patient, cancel := context.WithCancel(ctx)
	defer cancel()
	ended := make(chan error, 1)
	if wait > 0 {
		go func() { ended <- r.await(patient, h, -1) }()
		t := r.clock.NewTimer(wait)
		defer t.Stop()
		select {
		case err := <-ended:
			return err
		case <-t.C():
			cancel()
			<-ended
		}
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.settle(c); c.exit != nil {
		return nil
	}
	r.end(c, stopped(s, ends), r.clock.Now())
	return nil
}

func stopped(s Script, ends bool) launch.Exit {
	switch {
	case !ends:
		return launch.Exit{Code: 137, Signal: "SIGKILL"}
	case s.StopCode != 0:
		return launch.Exit{Code: s.StopCode}
	}
	return launch.Exit{Code: 143, Signal: "SIGTERM"}
}

// Exec gives the next of the script's health codes, or the one SetHealth set. What argv says does
// not matter.
func (r *Runtime) Exec(ctx context.Context, h launch.Handle, argv []string) (int, []byte, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.count("Exec", h.Task, h.Container)
	c := r.find(h)
	if c == nil {
		return 0, nil, gone(h)
	}
	r.settle(c)
	switch {
	case c.exit != nil:
		return 0, nil, fmt.Errorf("container %q of task %s: %w", h.Container, h.Task, launch.ErrEnded)
	case len(argv) == 0:
		return 127, nil, errNoCommand
	case ctx.Err() != nil:
		return 0, nil, ctx.Err()
	case c.health != nil:
		return *c.health, nil, nil
	case len(c.script.Health) == 0:
		return 0, nil, nil
	}
	code := c.script.Health[min(c.checks, len(c.script.Health)-1)]
	c.checks++
	return code, nil, nil
}

// Reach gives the address of the first container's script, or the task's own.
func (r *Runtime) Reach(t launch.Task, n launch.Network, port int) launch.Address {
	for _, c := range t.Containers {
		if a := r.script(t, c).Address; a != (launch.Address{}) {
			return a
		}
	}
	return launch.Address{Network: "tcp", Address: net.JoinHostPort(n.Address, strconv.Itoa(port))}
}

// Logs gives the script's lines and what Write added.
func (r *Runtime) Logs(ctx context.Context, h launch.Handle, since launch.Mark) iter.Seq2[launch.Line, error] {
	return r.follow(ctx, h, since)
}

// Find gives all places, ordered by task.
func (r *Runtime) Find(ctx context.Context) ([]launch.Place, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	places := make([]launch.Place, 0, len(r.places))
	for _, p := range r.places {
		found := launch.Place{Task: p.task, Network: p.network}
		for _, c := range p.containers {
			found.Started = append(found.Started, c.handle)
		}
		slices.SortFunc(found.Started, compare)
		places = append(places, found)
	}
	slices.SortFunc(places, func(a, b launch.Place) int { return strings.Compare(a.Task.ID, b.Task.ID) })
	return places, ctx.Err()
}

// Remove forgets the task; what runs of it ends with 137.
func (r *Runtime) Remove(ctx context.Context, task string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.count("Remove", task, "")
	if p := r.places[task]; p != nil {
		for _, c := range p.containers {
			if r.settle(c); c.exit == nil {
				r.end(c, stopped(c.script, false), r.clock.Now())
			}
		}
		delete(r.places, task)
	}
	return ctx.Err()
}
