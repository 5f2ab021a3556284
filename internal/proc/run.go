package proc

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"
)

// Shim says how to start this binary as the shim.
type Shim struct {
	Path string
	Args []string // what comes before the directory
}

// Self is this binary, started as `slipway shim`. On Linux it stays the same binary when the file
// was replaced since.
func Self() (Shim, error) {
	if runtime.GOOS == "linux" {
		return Shim{Path: "/proc/self/exe", Args: []string{"shim"}}, nil
	}
	path, err := os.Executable()
	return Shim{Path: path, Args: []string{"shim"}}, err
}

// Start runs spec under a shim in dir, which is made if it is missing, and gives who runs. Where
// something was started in dir before, that is the answer, whether it still runs or not, and
// spec is not looked at. A program that cannot be started is a *StartError, and may be tried
// again. When ctx ends first the start goes on: ask again.
func Start(ctx context.Context, shim Shim, dir string, spec Spec) (State, error) {
	if len(spec.Argv) == 0 {
		return State{}, &StartError{Code: 127, Msg: "no command specified"}
	}
	if s, err := ReadState(dir); !errors.Is(err, ErrUnknown) {
		return s, err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return State{}, err
	}
	if err := write(dir, specFile, spec); err != nil {
		return State{}, err
	}
	return spawn(ctx, shim, dir)
}

// killedTries is how many shims may be killed before they say a word until that is an error.
const killedTries = 5

// errKilled is a shim that somebody killed before it said a word.
var errKilled = errors.New("the shim was killed")

// spawn starts a shim in dir and gives what it found or did there.
func spawn(ctx context.Context, shim Shim, dir string) (State, error) {
	for killed := 0; ; {
		r, err := spawnOnce(ctx, shim, dir)
		switch {
		case errors.Is(err, errKilled) && killed < killedTries:
			killed++
			continue
		case err != nil:
			return State{}, err
		case r.Start != nil:
			return State{}, r.Start
		case r.Err != "":
			return State{}, errors.New(r.Err)
		case !r.Busy:
			return r.State, nil
		}
		// Another shim is at it, started by another caller or by somebody who was killed meanwhile.
		s, err := ReadState(dir)
		if err != nil && !errors.Is(err, ErrUnknown) {
			return State{}, err
		}
		if err == nil && Alive(s.Shim) {
			return s, nil
		}
		if _, err := ReadExit(dir); err == nil {
			return s, nil
		}
		if err := pause(ctx, 10*time.Millisecond); err != nil {
			return State{}, err
		}
	}
}

func spawnOnce(ctx context.Context, shim Shim, dir string) (report, error) {
	mine, its, err := os.Pipe()
	if err != nil {
		return report{}, err
	}
	defer mine.Close() //nolint:errcheck // only read
	said, err := os.OpenFile(filepath.Join(dir, shimLog), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		its.Close() //nolint:errcheck // nothing was written
		return report{}, err
	}
	defer said.Close() //nolint:errcheck // only the shim writes
	cmd := &exec.Cmd{
		Path: shim.Path, Args: append(append([]string{"slipway"}, shim.Args...), dir),
		// The program's own environment is in the spec.
		Env: []string{"GOMAXPROCS=1"}, Dir: "/", Stderr: said, ExtraFiles: []*os.File{its},
		SysProcAttr: &syscall.SysProcAttr{Setsid: true},
	}
	err = cmd.Start()
	its.Close() //nolint:errcheck // only the shim writes
	if err != nil {
		return report{}, fmt.Errorf("start the shim: %w", err)
	}
	stop := context.AfterFunc(ctx, func() {
		mine.SetReadDeadline(time.Unix(1, 0)) //nolint:errcheck // fails only once it is closed, when nobody reads
	})
	defer stop()
	var r report
	err = json.NewDecoder(mine).Decode(&r)
	if ctx.Err() != nil {
		return report{}, errors.Join(ctx.Err(), cmd.Process.Release())
	}
	if err != nil {
		ended := cmd.Wait()
		if cmd.ProcessState == nil {
			return report{}, errKilled // another caller found it dead and reaped it: nobody knows more
		}
		if status, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); ok && status.Signal() == syscall.SIGKILL {
			return report{}, errKilled
		}
		return report{}, fmt.Errorf("the shim ended without a word: %w: %s", ended, lastWords(dir))
	}
	if r.Busy || r.Start != nil || r.Err != "" || r.State.Shim.Pid != cmd.Process.Pid {
		// It had nothing to stay for and is ending. What it says it has said.
		cmd.Wait() //nolint:errcheck // its status repeats the report
		return r, nil
	}
	return r, cmd.Process.Release() // Wait and Open reap it
}

func lastWords(dir string) string {
	b, err := os.ReadFile(filepath.Join(dir, shimLog))
	if err != nil {
		return err.Error()
	}
	return strings.TrimSpace(string(b[max(0, len(b)-2000):]))
}

func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Wait returns when the program of dir has ended, with how. A shim that was killed is replaced.
// ErrUnknown where nothing was started.
func Wait(ctx context.Context, shim Shim, dir string) (Exit, error) {
	for {
		e, err := ReadExit(dir)
		if err == nil {
			awaitShim(ctx, dir)
			return e, nil
		}
		if !errors.Is(err, ErrUnknown) {
			return Exit{}, err
		}
		state, err := ReadState(dir)
		if err != nil {
			return Exit{}, err
		}
		p, err := Open(state.Shim)
		if errors.Is(err, ErrEnded) {
			// Look again before replacing it: it writes the exit last.
			if _, err := ReadExit(dir); !errors.Is(err, ErrUnknown) {
				continue
			}
			_, err := spawn(ctx, shim, dir)
			if _, gone := ReadState(dir); gone != nil {
				return Exit{}, gone
			}
			if err != nil {
				return Exit{}, err
			}
			continue
		}
		if err != nil {
			return Exit{}, err
		}
		err = p.Wait(ctx)
		p.Close()
		if err != nil {
			return Exit{}, err
		}
	}
}

// awaitShim waits for the last steps of a shim that has written the exit, so that none is seen
// running, or stays as a zombie of ours, after its program's end was told.
func awaitShim(ctx context.Context, dir string) {
	state, err := ReadState(dir)
	if err != nil {
		return
	}
	if p, err := Open(state.Shim); err == nil {
		p.Wait(ctx) //nolint:errcheck // the exit is known; that the shim ends is a matter of tidiness
		p.Close()
	}
}

// Stop sends sig to the program's group, and when it has not ended within grace, SIGKILL; it
// returns when the program and all it started have ended. A grace of 0 or less kills at once. A
// directory in which nothing runs, or was ever started, is no error. A start that is still on
// its way, because its caller left or was killed, is waited for or comes to nothing; then every
// later one is a *StartError.
func Stop(ctx context.Context, shim Shim, dir string, sig syscall.Signal, grace time.Duration) error {
	if err := settle(ctx, dir); err != nil {
		return err
	}
	if grace > 0 {
		if err := signalProgram(dir, sig); err != nil {
			return err
		}
		patient, cancel := context.WithTimeout(ctx, grace)
		_, err := Wait(patient, shim, dir)
		cancel()
		if err == nil || errors.Is(err, ErrUnknown) {
			return nil
		}
		if ctx.Err() != nil || !errors.Is(err, context.DeadlineExceeded) {
			return err
		}
	}
	if err := signalProgram(dir, syscall.SIGKILL); err != nil {
		return err
	}
	_, err := Wait(ctx, shim, dir)
	if errors.Is(err, ErrUnknown) {
		return nil
	}
	return err
}

// settle returns once it is known who runs in dir, or nobody will.
func settle(ctx context.Context, dir string) error {
	for {
		if _, err := ReadState(dir); !errors.Is(err, ErrUnknown) {
			return err
		}
		if _, err := ReadSpec(dir); errors.Is(err, ErrUnknown) {
			return nil // nobody asked for a start
		}
		err := forbid(dir)
		if !errors.Is(err, errBusy) {
			return err
		}
		if err := pause(ctx, 10*time.Millisecond); err != nil {
			return err
		}
	}
}

// forbid keeps later shims from starting the program of dir; errBusy where one may be at it.
func forbid(dir string) error {
	lock, err := takeLock(dir)
	if err != nil {
		return err
	}
	defer lock.Close() //nolint:errcheck // nothing is written to it
	if _, err := ReadState(dir); !errors.Is(err, ErrUnknown) {
		return err // it came up and ended, or its shim was killed
	}
	return WriteFile(filepath.Join(dir, stopFile), nil)
}

func signalProgram(dir string, sig syscall.Signal) error {
	state, err := ReadState(dir)
	if errors.Is(err, ErrUnknown) {
		return nil
	}
	if err != nil {
		return err
	}
	p, err := Open(state.Program)
	if errors.Is(err, ErrEnded) {
		return nil
	}
	if err != nil {
		return err
	}
	defer p.Close()
	if err := p.SignalGroup(sig); err != nil && !errors.Is(err, ErrEnded) {
		return err
	}
	return nil
}
