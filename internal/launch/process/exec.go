package process

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os/exec"
	"sync"
	"syscall"
	"time"

	"github.com/slipway-ecs/slipway/internal/launch"
	"github.com/slipway-ecs/slipway/internal/proc"
)

// outputPatience is how long a command's output is still read after the command has ended, for
// children it left behind hold it open.
const outputPatience = time.Second

// Exec runs argv on the host, with the container's environment and directory, in a process group
// of its own that is killed when the command, the container or ctx ends. The program is looked up
// in the container's PATH.
func (r *Runtime) Exec(ctx context.Context, h launch.Handle, argv []string) (int, []byte, error) {
	dir, err := r.shimDir(h)
	if err != nil {
		return 0, nil, err
	}
	spec, err := proc.ReadSpec(dir)
	if err != nil {
		return 0, nil, gone(h, err)
	}
	if _, err := proc.ReadExit(dir); err == nil {
		return 0, nil, ended(h)
	}
	if len(argv) == 0 {
		return 127, nil, errors.New("no command specified")
	}
	spec.Argv = argv
	path, err := proc.LookPath(spec)
	if failed, ok := errors.AsType[*proc.StartError](err); ok {
		return failed.Code, nil, err
	}
	life, done := r.during(ctx, h, dir)
	defer done()
	var out tail
	cmd := exec.Command(path)
	cmd.Args, cmd.Env, cmd.Dir = argv, spec.Env, spec.Dir
	cmd.Stdout, cmd.Stderr = &out, &out
	cmd.WaitDelay = outputPatience
	err = runGroup(life, cmd, func(group int) {
		syscall.Kill(-group, syscall.SIGKILL) //nolint:errcheck // ESRCH, or EPERM on some systems: all of it has ended
	})
	if ctx.Err() != nil {
		return 0, out.bytes(), ctx.Err()
	}
	if err := context.Cause(life); err != nil {
		return 0, out.bytes(), err
	}
	exited, ok := errors.AsType[*exec.ExitError](err)
	switch {
	case err == nil || errors.Is(err, exec.ErrWaitDelay):
		return 0, out.bytes(), nil
	case errors.Is(err, fs.ErrNotExist):
		return 127, out.bytes(), err
	case !ok:
		return 126, out.bytes(), err
	}
	if status, ok := exited.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return 128 + int(status.Signal()), out.bytes(), nil
	}
	return exited.ExitCode(), out.bytes(), nil
}

// runGroup runs cmd in a process group of its own until it or life has ended, and has kill end what
// is left of the group: a command that is made again every few seconds must not leave something
// behind each time.
//
// Invariant: kill is called only while cmd has not been reaped, for after that the number may be
// another group's.
func runGroup(life context.Context, cmd *exec.Cmd, kill func(group int)) error {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		return err
	}
	group := cmd.Process.Pid
	over := make(chan error, 1)
	go func() { over <- proc.AwaitEnd(group) }()
	var err error
	select {
	case <-life.Done():
		kill(group)
		err = <-over
	case err = <-over:
	}
	kill(group)
	return errors.Join(cmd.Wait(), err)
}

// during gives a context that ends with the container's program too, as ErrEnded. done lets go of
// it. The program itself is watched: its shim may die before it, and another one is not for a
// command to start.
func (r *Runtime) during(ctx context.Context, h launch.Handle, dir string) (life context.Context, done func()) {
	life, end := context.WithCancelCause(ctx)
	var watching sync.WaitGroup
	watching.Go(func() {
		if awaitProgram(life, dir) == nil {
			end(ended(h))
		}
	})
	return life, func() { end(nil); watching.Wait() }
}

// awaitProgram returns when the program of dir has ended.
func awaitProgram(ctx context.Context, dir string) error {
	state, err := proc.ReadState(dir)
	if err != nil {
		return err
	}
	p, err := proc.Open(state.Program)
	if errors.Is(err, proc.ErrEnded) {
		return nil
	}
	if err != nil {
		return err
	}
	defer p.Close()
	return p.Wait(ctx)
}

func ended(h launch.Handle) error {
	return fmt.Errorf("container %q of task %s: %w", h.Container, h.Task, launch.ErrEnded)
}

// tail keeps the last launch.OutputLimit bytes written to it.
type tail struct{ b []byte }

func (t *tail) Write(b []byte) (int, error) {
	t.b = append(t.b, b...)
	if extra := len(t.b) - launch.OutputLimit; extra > launch.OutputLimit {
		t.b = append(t.b[:0], t.b[extra:]...)
	}
	return len(b), nil
}

func (t *tail) bytes() []byte { return t.b[max(0, len(t.b)-launch.OutputLimit):] }
