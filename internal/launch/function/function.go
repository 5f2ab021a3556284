// Package function runs functions as child processes behind the Lambda Runtime API.
//
// A function is a directory of code, a runtime and a handler. It runs in environments: processes
// that ask an HTTP server of their own for the next event and post what came of it. An environment
// serves one call at a time and is kept warm for a while; more calls at once start more of them.
// Custom runtimes (provided.*) bring a bootstrap of their own; for Python and Node there are two
// small clients of the API here, run by an interpreter of this machine.
//
// Environments do not outlive the process that started them. What a killed one leaves behind is
// ended by the next Runner in the same directory. The package knows nothing of Lambda's tables,
// versions and permissions. Read Invoke, then environment.
//
// Source: alarms-and-hooks.md 4.3 and 5; runtime.md 4.
package function

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/slipway-ecs/slipway/internal/ids"
	"github.com/slipway-ecs/slipway/internal/launch"
	"github.com/slipway-ecs/slipway/internal/names"
)

// Limits of an invocation. Source: Lambda quotas; runtime.md 4.
const (
	// MostAnswer is how many bytes an answer has at most.
	MostAnswer = 6291556
	// initPatience is what a new environment may take until it asks for its first event. One that
	// takes longer is started again, within the function's own timeout.
	initPatience = 10 * time.Second
	// tailSize is how much of a call's log its caller may see.
	tailSize = 4 << 10
	// endPatience is what an environment may take to end by SIGTERM before SIGKILL.
	endPatience = 500 * time.Millisecond
	// usualIdle is how long an environment is kept for another call.
	usualIdle = 5 * time.Minute
)

// ErrClosed is the error for a call to a Runner that was closed.
var ErrClosed = errors.New("functions are run no longer")

// NoRuntime is the error for a runtime that nothing on this machine stands for.
type NoRuntime struct{ Runtime, Why string }

// Error says what is missing.
func (e *NoRuntime) Error() string { return fmt.Sprintf("the runtime %s: %s", e.Runtime, e.Why) }

// Spec is what an environment is made of. All environments of one ID and Revision are alike.
type Spec struct {
	ID       string // the version's ARN
	Revision string // changes whenever anything of the rest does
	Scope    names.Scope

	Name, Version    string
	Runtime, Handler string
	RuntimeARN       string // for the log
	Root             string // the directory of the code, absolute
	Timeout          time.Duration
	MemoryMiB        int
	Env              map[string]string
	LogGroup         string
}

// Call is one invocation.
type Call struct {
	RequestID string
	ARN       string // as it was invoked, with the qualifier
	Payload   []byte
	Context   string // the client's, as it stands in the header of a Lambda request; may be empty
}

// Result is what came of a call.
type Result struct {
	Payload []byte
	Error   string // "Unhandled" where the function failed; Payload then tells why
	Tail    []byte // the end of what the call logged
}

// Stream says where the output of an environment goes.
type Stream struct {
	Scope       names.Scope
	Group, Name string
	Start       string // names the environment
}

// Options make a Runner.
type Options struct {
	Dir  string // for the clients of the API and the records of environments; made if it is missing
	IDs  *ids.Source
	Log  *slog.Logger
	Host []string // the daemon's environment; of it PATH, HOME, TMPDIR and LANG reach functions

	Endpoint    func() string                                      // what functions get as AWS_ENDPOINT_URL
	Credentials func(s Spec) (id, secret, token string)            // what functions sign with
	Output      func(context.Context, Stream, []launch.Line) error // takes what functions write, in order
	Idle        time.Duration                                      // how long an environment waits for another call; 0 is 5 minutes
}

// Runner runs functions.
type Runner struct {
	o            Options
	starts       *starter
	interpreters interpreters
	calls        sync.WaitGroup

	mu      sync.Mutex // guards what follows
	idle    map[place][]*environment
	living  map[*environment]bool
	current map[string]string // of IDs that were settled: the revision whose environments are kept
	closed  bool
}

// place is what environments must share to serve each other's calls.
type place struct{ id, revision string }

// New gives a runner; Open makes it ready.
func New(o Options) *Runner {
	if o.Idle == 0 {
		o.Idle = usualIdle
	}
	r := &Runner{
		o: o, starts: newStarter(),
		idle: map[place][]*environment{}, living: map[*environment]bool{}, current: map[string]string{},
	}
	r.interpreters.log, r.interpreters.host = o.Log, o.Host
	return r
}

// Open ends what an earlier runner left running in the directory, and makes what environments need.
// From here on nobody else may use the directory.
func (r *Runner) Open() error {
	for _, dir := range []string{r.o.Dir, filepath.Join(r.o.Dir, recordsDir)} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return fmt.Errorf("make the directory for functions: %w", err)
		}
	}
	return errors.Join(Sweep(r.o.Dir), writeClients(r.o.Dir))
}

// Invoke runs a function once. A function that fails is a Result with its Error; an error of Invoke
// is that there is no such runtime here (*NoRuntime), that the runner is closed, or that ctx ended,
// in which case the function still runs to its end.
func (r *Runner) Invoke(ctx context.Context, s Spec, c Call) (Result, error) {
	if !r.begin() {
		return Result{}, ErrClosed
	}
	type outcome struct {
		Result
		err error
	}
	done := make(chan outcome, 1)
	go func() { // Close waits for it
		defer r.calls.Done()
		res, err := r.invoke(context.WithoutCancel(ctx), s, c)
		done <- outcome{res, err}
	}()
	select {
	case o := <-done:
		return o.Result, o.err
	case <-ctx.Done():
		return Result{}, ctx.Err()
	}
}

func (r *Runner) begin() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return false
	}
	r.calls.Add(1)
	return true
}

func (r *Runner) invoke(ctx context.Context, s Spec, c Call) (Result, error) {
	again := false
	for {
		e := r.take(s)
		if e == nil {
			var err error
			if e, err = r.start(ctx, s); err != nil {
				return Result{}, err
			}
			e.again = again
		}
		res, how := e.call(ctx, c)
		r.release(e)
		switch how {
		case untaken: // it died between two calls: that is not this call's fault
		case late:
			again = true
		default:
			return res, nil
		}
	}
}

// take gives an environment that waits for a call, nil where there is none.
func (r *Runner) take(s Spec) *environment {
	r.mu.Lock()
	defer r.mu.Unlock()
	at := place{s.ID, s.Revision}
	waiting := r.idle[at]
	if len(waiting) == 0 {
		return nil
	}
	e := waiting[len(waiting)-1]
	r.idle[at] = waiting[:len(waiting)-1]
	e.expiry.Stop()
	return e
}

// release keeps an environment for the next call, or ends it where there can be none.
func (r *Runner) release(e *environment) {
	r.mu.Lock()
	settled, known := r.current[e.spec.ID]
	keep := !r.closed && e.usable() && (!known || settled == e.spec.Revision)
	if keep {
		at := place{e.spec.ID, e.spec.Revision}
		r.idle[at] = append(r.idle[at], e)
		e.expiry = time.AfterFunc(r.o.Idle, func() { r.expire(e) })
	}
	r.mu.Unlock()
	if !keep {
		e.end()
	}
}

// expire ends an environment that waited long enough.
func (r *Runner) expire(e *environment) {
	r.mu.Lock()
	at := place{e.spec.ID, e.spec.Revision}
	i := slices.Index(r.idle[at], e)
	if i >= 0 {
		r.idle[at] = slices.Delete(r.idle[at], i, i+1)
	}
	r.mu.Unlock()
	if i >= 0 {
		e.end()
	}
}

// Settle says that only environments of this revision are of use from now on; an empty one means
// none. It returns once those that waited have ended; those at work end with their call.
func (r *Runner) Settle(id, revision string) {
	r.mu.Lock()
	r.current[id] = revision
	var over []*environment
	for at, waiting := range r.idle { // all of them: the order does not matter
		if at.id == id && at.revision != revision {
			over = append(over, waiting...)
			delete(r.idle, at)
		}
	}
	r.mu.Unlock()
	endAll(over)
}

// Environments counts the environments that live.
func (r *Runner) Environments() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.living)
}

// Close ends all environments, those at work too, and waits until they and their calls have ended.
func (r *Runner) Close() {
	r.mu.Lock()
	if r.closed {
		r.mu.Unlock()
		return
	}
	r.closed = true
	r.mu.Unlock()
	for {
		r.mu.Lock()
		var all []*environment
		for e := range r.living { // all of them: the order does not matter
			all = append(all, e)
		}
		r.mu.Unlock()
		if len(all) == 0 {
			break
		}
		endAll(all)
	}
	r.calls.Wait()
	r.starts.close()
}

// endAll ends environments side by side.
func endAll(all []*environment) {
	var wg sync.WaitGroup
	for _, e := range all {
		wg.Go(e.end)
	}
	wg.Wait()
}
