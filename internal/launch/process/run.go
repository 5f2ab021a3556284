package process

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"iter"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/slipway-ecs/slipway/internal/launch"
	"github.com/slipway-ecs/slipway/internal/proc"
)

// Pull says whether there is something to run for the container: a command of its own, or an
// image of the list. The digest is one of the image's name and what it runs, as nothing is
// unpacked here.
func (r *Runtime) Pull(_ context.Context, t launch.Task, container string) (string, error) {
	c, err := containerOf(t, container)
	if err != nil {
		return "", err
	}
	image, mapped := r.images.Find(c.Image)
	if len(argv(c, image)) == 0 {
		ref := reference(c.Image)
		why := "the definition has no command, and no image of the list given by --images matches"
		if mapped {
			why = "neither the definition nor the list given by --images has a command"
		}
		return "", &launch.PullError{Image: c.Image, Msg: fmt.Sprintf(
			"pull image manifest has been retried 1 time(s): failed to resolve ref %s: %s: not found (%s)", ref, ref, why)}
	}
	return digest(c.Image, image), nil
}

// Start starts the container's program under a shim.
func (r *Runtime) Start(ctx context.Context, t launch.Task, container string, attempt int) (launch.Handle, error) {
	c, err := containerOf(t, container)
	if err != nil {
		return launch.Handle{}, err
	}
	p, err := r.place(t.ID)
	if err != nil {
		return launch.Handle{}, err
	}
	dir, err := r.shimDir(launch.Handle{Task: t.ID, Container: container, Attempt: attempt})
	if err != nil {
		return launch.Handle{}, err
	}
	image, _ := r.images.Find(c.Image)
	spec := proc.Spec{Argv: argv(c, image), Env: environment(r.host, p.Network, c), Dir: c.WorkingDir}
	if spec.Dir == "" {
		spec.Dir = image.Dir
	}
	if spec.Dir == "" {
		spec.Dir = r.workDir(t.ID, container)
		if err := os.MkdirAll(spec.Dir, 0o700); err != nil {
			return launch.Handle{}, err
		}
	}
	through, done := launch.Through(ctx)
	defer done()
	state, err := proc.Start(through, r.shim, dir, spec)
	if failed, ok := errors.AsType[*proc.StartError](err); ok {
		return launch.Handle{}, &launch.StartError{Code: failed.Code, Msg: "failed to create task for container: unable to start container process: " + failed.Msg}
	}
	if err != nil {
		return launch.Handle{}, fmt.Errorf("start container %q of task %s: %w", container, t.ID, err)
	}
	return handle(t.ID, container, attempt, state), nil
}

func containerOf(t launch.Task, name string) (launch.Container, error) {
	c, ok := t.Container(name)
	if !ok {
		return c, fmt.Errorf("task %s has no container %q", t.ID, name)
	}
	return c, nil
}

// handle names one start. Its ID has the form of Fargate's runtimeId: the task's id and ten digits.
func handle(task, container string, attempt int, s proc.State) launch.Handle {
	h := fnv.New32a()
	fmt.Fprintf(h, "%s/%d", container, attempt) //nolint:errcheck // a hash takes everything
	return launch.Handle{
		Task: task, Container: container, Attempt: attempt,
		ID:  fmt.Sprintf("%s-%010d", task, h.Sum32()),
		Pid: s.Program.Pid, Started: s.Started,
	}
}

// Watch waits for the program's end.
func (r *Runtime) Watch(ctx context.Context, h launch.Handle) (launch.Exit, error) {
	dir, err := r.shimDir(h)
	if err != nil {
		return launch.Exit{}, err
	}
	e, err := proc.Wait(ctx, r.shim, dir)
	if err != nil {
		return launch.Exit{}, gone(h, err)
	}
	return launch.Exit{Code: e.Code, Signal: e.Signal, Reason: e.Reason, At: e.At}, nil
}

// Stop signals the program's process group, and kills it and all its descendants after grace.
func (r *Runtime) Stop(ctx context.Context, h launch.Handle, grace time.Duration) error {
	dir, err := r.shimDir(h)
	if err != nil {
		return nil // nothing of that name was ever started
	}
	sig := syscall.SIGTERM
	if p, err := r.place(h.Task); err == nil {
		c, _ := p.Task.Container(h.Container)
		sig = stopSignal(c.StopSignal)
	}
	return proc.Stop(ctx, r.shim, dir, sig, grace)
}

// stopSignal reads a signal as images and engines write them: SIGINT, INT or 2. What it cannot
// read is SIGTERM.
func stopSignal(name string) syscall.Signal {
	if sig := unix.SignalNum(name); sig != 0 {
		return sig
	}
	if sig := unix.SignalNum("SIG" + name); sig != 0 {
		return sig
	}
	var n int
	if _, err := fmt.Sscan(name, &n); err == nil && n > 0 && n < 65 {
		return syscall.Signal(n)
	}
	return syscall.SIGTERM
}

// Logs reads what the shim keeps: the last proc.KeepSegments times proc.SegmentSize bytes, in
// lines of at most proc.MaxLine bytes.
func (r *Runtime) Logs(ctx context.Context, h launch.Handle, since launch.Mark) iter.Seq2[launch.Line, error] {
	return func(yield func(launch.Line, error) bool) {
		dir, err := r.shimDir(h)
		if err != nil {
			yield(launch.Line{}, err)
			return
		}
		for l, err := range proc.Lines(ctx, dir, int64(since)) {
			if err != nil {
				yield(launch.Line{}, gone(h, err))
				return
			}
			if !yield(launch.Line{At: l.At, Stream: launch.Stream(l.Stream), Text: l.Text, Mark: launch.Mark(l.End)}, nil) {
				return
			}
		}
	}
}
