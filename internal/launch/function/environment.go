package function

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/slipway-ecs/slipway/internal/launch"
	"github.com/slipway-ecs/slipway/internal/proc"
)

// environment is one process that serves calls, one at a time:
//
//	started ──next──▶ ready ──event──▶ working ──response, error──▶ ready …
//	   │                │                  │
//	   └── init/error, exit, too late ─────┴── exit, timeout ──▶ ended
type environment struct {
	runner *Runner
	spec   Spec
	id     string // 32 hexadecimal digits
	stream Stream
	out    *output
	server *http.Server
	pid    int
	began  time.Time
	expiry *time.Timer // while it waits for a call; guarded by the runner's lock

	ready      chan struct{} // closed when it asked for its first event
	readyOnce  sync.Once
	readyAt    time.Time // set before ready is closed, then of the calls
	initFailed chan []byte
	again      bool // another took too long to be ready: this one has the function's own timeout for it
	told       bool // its first call has come; of the calls, which come one at a time
	most       int  // the most memory seen, in MiB; of the calls

	calls chan *job

	mu      sync.Mutex // guards current and last
	current *job       // what it works at
	last    string     // the request it answered last

	reaping sync.Mutex // guards reaped, and is held while the process is signalled
	reaped  bool       // its number may be another's

	exited   chan struct{} // closed when the process has ended
	exitKind string        // Lambda's words for the end; before exited is closed
	exitText string
	gone     chan struct{} // closed when nothing of it is left
}

// job is a call on its way through an environment.
type job struct {
	Call
	trace, context string
	attempt        string        // names this try of the request
	limit          time.Duration // from when the runtime takes it
	deadline       time.Time     // once taken
	taken          chan struct{}
	claimed        bool // an answer is on its way; guarded by the environment's lock
	answers        chan Result
}

// unhandled is Lambda's word for a function that failed.
const unhandled = "Unhandled"

// start starts an environment. A program that cannot be started is an environment that has ended.
func (r *Runner) start(ctx context.Context, s Spec) (*environment, error) {
	argv, err := r.command(ctx, &s)
	if err != nil {
		return nil, err
	}
	e := &environment{
		runner: r, spec: s, id: r.o.IDs.Hex(32),
		ready: make(chan struct{}), initFailed: make(chan []byte, 1), calls: make(chan *job),
		exited: make(chan struct{}), gone: make(chan struct{}),
	}
	e.stream = Stream{Scope: s.Scope, Group: s.LogGroup, Start: e.id, Name: fmt.Sprintf("%s/[%s]%s", time.Now().UTC().Format("2006/01/02"), s.Version, e.id)}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listen for a function's runtime: %w", err)
	}
	out, its, err := newOutput(
		func(ctx context.Context, lines []launch.Line) error { return r.o.Output(ctx, e.stream, lines) },
		func(err error) { r.o.Log.Warn("output of a function is lost", "function", s.ID, "err", err) },
	)
	if err != nil {
		return nil, errors.Join(err, listener.Close())
	}
	defer its.Close() //nolint:errcheck // the process has its own
	e.out = out
	e.out.say("INIT_START Runtime Version: %s\tRuntime Version ARN: %s", versionOf(s.Runtime), s.RuntimeARN)
	e.server = &http.Server{Handler: e.handler(), ReadHeaderTimeout: initPatience}
	cmd := &exec.Cmd{Path: argv[0], Args: argv, Dir: s.Root, Env: e.variables(listener.Addr().String()), Stdout: its, Stderr: its}
	e.began = time.Now()
	if err := r.starts.start(cmd); err != nil {
		e.exitKind, e.exitText = "Runtime.InvalidEntrypoint", whyNot(argv[0], err)
		close(e.exited)
		close(e.gone)
		return e, errors.Join(listener.Close(), out.pipe.Close())
	}
	e.pid = cmd.Process.Pid
	if err := e.record(); err != nil {
		r.o.Log.Warn("cannot note that a function runs", "function", s.ID, "err", err)
	}
	r.mu.Lock()
	r.living[e] = true
	closed := r.closed
	r.mu.Unlock()
	go e.live(ctx, cmd, listener) // Close waits for gone, which is its end
	if closed {
		e.end()
	}
	return e, nil
}

// versionOf names a runtime as INIT_START does: "python:3.12.v1" of python3.12.
func versionOf(runtime string) string {
	at := strings.IndexAny(runtime, ".0123456789")
	if at < 0 {
		return runtime + ".v1"
	}
	return runtime[:at] + ":" + strings.TrimSuffix(strings.TrimPrefix(runtime[at:], "."), ".x") + ".v1"
}

// whyNot gives Lambda's words for a program that cannot be started.
func whyNot(path string, err error) string {
	if errors.Is(err, fs.ErrNotExist) {
		if _, there := os.Stat(path); there != nil {
			return "Couldn't find valid bootstrap(s): [/var/task/bootstrap /opt/bootstrap]"
		}
	}
	if p, ok := errors.AsType[*fs.PathError](err); ok {
		err = p.Err
	}
	return "fork/exec /var/task/bootstrap: " + err.Error()
}

// live serves a process until it has ended, then cleans up behind it.
func (e *environment) live(ctx context.Context, cmd *exec.Cmd, listener net.Listener) {
	var parts sync.WaitGroup
	parts.Go(func() {
		if err := e.server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			e.runner.o.Log.Warn("a function's runtime is served no longer", "function", e.spec.ID, "err", err)
		}
	})
	parts.Go(func() { e.out.run(ctx) })
	over := make(chan struct{})
	parts.Go(func() { e.out.carry(ctx, over) })

	if err := proc.AwaitEnd(e.pid); err != nil {
		e.runner.o.Log.Warn("a function's process is not waited for as it should", "function", e.spec.ID, "err", err)
	}
	e.reaping.Lock() // nobody signals a number that may be another's
	if err := killGroup(e.pid, syscall.SIGKILL); err != nil {
		e.runner.o.Log.Warn("what a function started may be left", "function", e.spec.ID, "err", err)
	}
	err := cmd.Wait()
	e.reaped = true
	e.reaping.Unlock()
	e.exitKind, e.exitText = "Runtime.ExitError", "Runtime exited without providing a reason"
	if err != nil {
		e.exitText = "Runtime exited with error: " + err.Error()
	}
	e.out.catchUp(ctx)
	e.out.finish()
	close(e.exited)
	close(over)
	e.server.Close()   //nolint:errcheck // nobody is there to answer
	e.out.pipe.Close() //nolint:errcheck // only read
	parts.Wait()
	if err := os.Remove(e.recordPath()); err != nil && !errors.Is(err, fs.ErrNotExist) {
		e.runner.o.Log.Warn("a note that a function runs is left", "err", err)
	}
	e.runner.mu.Lock()
	delete(e.runner.living, e)
	e.runner.mu.Unlock()
	close(e.gone)
}

// usable says that another call may be tried.
func (e *environment) usable() bool {
	select {
	case <-e.exited:
		return false
	default:
		return true
	}
}

// end ends the process and all of its group; it returns when they have ended.
func (e *environment) end() {
	if e.usable() {
		e.signal(syscall.SIGTERM)
		patience := time.NewTimer(endPatience)
		defer patience.Stop()
		select {
		case <-e.exited:
		case <-patience.C:
			e.kill()
		}
	}
	<-e.gone
}

// kill ends the process at once and returns when it has ended.
func (e *environment) kill() {
	if e.usable() {
		e.signal(syscall.SIGKILL)
	}
	<-e.exited
}

// signal sends to the process and all of its group, unless it has been reaped.
func (e *environment) signal(sig syscall.Signal) {
	e.reaping.Lock()
	defer e.reaping.Unlock()
	if e.reaped {
		return
	}
	if err := killGroup(e.pid, sig); err != nil {
		e.runner.o.Log.Warn("cannot end a function's process", "function", e.spec.ID, "err", err)
	}
}

// working gives the call that was taken and not answered, nil where there is none.
func (e *environment) working() *job {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.current
}

// accept makes a job the one under way.
func (e *environment) accept(j *job) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.current = j
	j.deadline = time.Now().Add(j.limit)
	close(j.taken)
}

// claim takes the answer of the call under way; nil where that is another.
func (e *environment) claim(request string) *job {
	e.mu.Lock()
	defer e.mu.Unlock()
	j := e.current
	if j == nil || j.RequestID != request {
		return nil
	}
	j.claimed, e.current, e.last = true, nil, request
	return j
}

// abandon gives up the call under way; false means that its answer is on its way.
func (e *environment) abandon(j *job) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if j.claimed {
		return false
	}
	e.current = nil
	return true
}
