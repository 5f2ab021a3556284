package ship

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/slipway-ecs/slipway/internal/fail"
)

// Hook is something of ours to be done at a point of a rollout, by whoever follows it. Exactly
// one of Run, Task and Probe is set.
type Hook struct {
	At      Point
	Run     []string      // a command: one text for the shell where Shell is set, else words
	Shell   bool          // Run is for the shell
	Task    string        // the name of a one-off task
	Probe   *Probe        // requests that must be answered as expected
	Timeout time.Duration // 0 is DefaultHookTimeout
	GoOn    bool          // a failure is told and stops nothing
}

// DefaultHookTimeout is how long a hook may take that does not say.
const DefaultHookTimeout = 10 * time.Minute

// hookGrace is how long a command may take to end after it was asked to.
const hookGrace = 10 * time.Second

// name gives what people call the hook by.
func (h Hook) name() string {
	switch {
	case h.Task != "":
		return "task " + h.Task
	case h.Probe != nil:
		return "probe of " + cmp.Or(h.Probe.Path, h.Probe.URL, "/")
	}
	return strings.Join(h.Run, " ")
}

// hooks runs our hooks beside the following: one point at a time, its hooks one after another.
type hooks struct {
	list    []Hook
	adopted bool // somebody else began the rollout: what it has passed already is not ours to do
	do      func(ctx context.Context, h Hook, facts Outcome) error
	facts   func() Outcome // what is known of the deployment now; called by whoever calls us
	say     func(Event)

	done    map[string]bool // points, and steps of before-shift, whose hooks ran
	failure error
	point   Point // whose hooks run
	result  chan error
	flag    chan struct{} // closed once they ended
	cancel  context.CancelFunc
}

func newHooks(w *work) *hooks {
	if len(w.r.Hooks) == 0 {
		return nil
	}
	return &hooks{list: w.r.Hooks, do: w.hook, facts: func() Outcome { return w.out }, say: w.say, done: map[string]bool{}}
}

// at gives the hooks of a point.
func (h *hooks) at(p Point) []Hook {
	if h == nil {
		return nil
	}
	var out []Hook
	for _, one := range h.list {
		if one.At == p {
			out = append(out, one)
		}
	}
	return out
}

// run runs the hooks of a point and waits for them; the first that fails ends it.
func (h *hooks) run(ctx context.Context, p Point, facts Outcome) error {
	for _, one := range h.at(p) {
		if err := h.one(ctx, one, facts); err != nil {
			return err
		}
	}
	return nil
}

func (h *hooks) one(ctx context.Context, one Hook, facts Outcome) error {
	limit := one.Timeout
	if limit == 0 {
		limit = DefaultHookTimeout
	}
	within, done := context.WithTimeout(ctx, limit)
	defer done()
	h.say(Event{Kind: KindHook, Text: fmt.Sprintf("%s: %s", one.At, one.name())})
	err := h.do(within, one, facts)
	if err != nil && within.Err() != nil && ctx.Err() == nil {
		err = fmt.Errorf("it took longer than %s", limit)
	}
	if err != nil && one.GoOn && ctx.Err() == nil {
		h.say(Event{Kind: KindWarning, Text: fmt.Sprintf("%s: %s: %v; going on all the same", one.At, one.name(), err)})
		return nil
	}
	if err != nil {
		return fmt.Errorf("%s: %w", one.name(), err)
	}
	h.say(Event{Kind: KindHook, Text: fmt.Sprintf("%s: %s passed", one.At, one.name())})
	return nil
}

// begin starts the hooks of the first point passed whose hooks did not run yet, if there is one.
// pause is one that waits where the rollout stands, or "".
func (h *hooks) begin(ctx context.Context, at Point, pause string) (began bool) {
	if at == "" || h.failure != nil {
		return false
	}
	adopted := h.adopted
	h.adopted = false
	for _, p := range Points {
		if !passed(at, p) {
			break
		}
		key := string(p)
		if p == PointBeforeShift && at == p {
			if pause == "" {
				continue // between two steps
			}
			key += " " + pause
		}
		skip := adopted && (p != at || pause == "")
		if h.done[key] || p == PointBefore || p == PointRegistered || p == PointBeforeShift && at != p || skip || len(h.at(p)) == 0 {
			h.done[key] = true
			continue
		}
		h.done[key] = true
		h.start(ctx, p)
		return true
	}
	return false
}

func (h *hooks) start(ctx context.Context, p Point) {
	running, cancel := context.WithCancel(context.WithoutCancel(ctx))
	h.point, h.cancel, h.result, h.flag = p, cancel, make(chan error, 1), make(chan struct{})
	facts := h.facts()
	go func() { // waited for by ended or stop
		h.result <- h.run(running, p, facts)
		close(h.flag)
	}()
}

func (h *hooks) running() bool { return h.point != "" }

// over gives a channel that is closed once what runs has ended; nil where nothing runs.
func (h *hooks) over() <-chan struct{} {
	if h.point == "" {
		return nil
	}
	return h.flag
}

// ended reports whether the hooks of a point have ended since it was asked last, and how.
func (h *hooks) ended() (p Point, err error, ended bool) {
	if h.point == "" {
		return "", nil, false
	}
	select {
	case <-h.flag:
	default:
		return "", nil, false
	}
	h.cancel()
	p, h.point = h.point, ""
	return p, <-h.result, true
}

// stop ends what runs and waits for it.
func (h *hooks) stop() {
	if h.point == "" {
		return
	}
	h.cancel()
	<-h.flag
	h.point = ""
}

// command runs a hook's command and tells each line it says.
func command(ctx context.Context, h Hook, env []string, say func(string)) error {
	words := h.Run
	if h.Shell {
		words = append([]string{"sh", "-c"}, h.Run...)
	}
	cmd := exec.CommandContext(ctx, words[0], words[1:]...)
	cmd.Env = append(os.Environ(), env...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}                                // an interrupt of ours is not the hook's
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) } // its children too
	cmd.WaitDelay = hookGrace
	r, w := io.Pipe()
	cmd.Stdout, cmd.Stderr = w, w
	read := make(chan struct{})
	go func() { // ends with the pipe, which is closed below
		defer close(read)
		in := bufio.NewScanner(r)
		for in.Scan() {
			say(in.Text())
		}
		_, _ = io.Copy(io.Discard, r) // a line too long to tell must not block the command
	}()
	err := cmd.Run()
	_ = w.Close() // it never fails
	<-read
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) && exit.ExitCode() >= 0 {
		return fail.New("hook.failed", "", "exit code %d", exit.ExitCode())
	}
	return err
}

// environment gives what commands are told.
func (o Outcome) environment(point Point, region string) []string {
	env := []string{
		"SLIPWAY_SERVICE=" + o.Service, "SLIPWAY_CLUSTER=" + o.Cluster, "SLIPWAY_DEPLOYMENT=" + o.Deployment,
		"SLIPWAY_REVISION=" + last(o.Revision), "SLIPWAY_REVISION_ARN=" + o.Revision,
		"SLIPWAY_PREVIOUS=" + last(o.Previous), "SLIPWAY_POINT=" + string(point),
		"SLIPWAY_VERDICT=" + string(o.Verdict), "SLIPWAY_CAUSE=" + strings.Join(strings.Fields(o.Cause), " "),
	}
	if region != "" {
		env = append(env, "SLIPWAY_REGION="+region)
	}
	return env
}

// PausesFor gives the points at which ECS has to pause for hooks and for stopping at until, in
// order. Where ECS cannot be held, hooks run beside it.
func PausesFor(list []Hook, until Point) []Point {
	var out []Point
	for _, p := range Points {
		wanted := until == p || slices.ContainsFunc(list, func(h Hook) bool { return h.At == p })
		if _, can := holds[p]; can && wanted {
			out = append(out, p)
		}
	}
	return out
}
