package proc

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// reapPatience is how long a shim that took over waits for the system to tell how the program
// ended, once it has ended.
const reapPatience = 3 * time.Second

// readyFD is where the shim tells whoever started it what became of that.
const readyFD = 3

// report is what the shim tells once, then closes readyFD.
type report struct {
	State State
	Busy  bool        `json:",omitempty"` // another shim holds the directory
	Start *StartError `json:",omitempty"`
	Err   string      `json:",omitempty"`
}

// ShimMain is the shim: `slipway shim DIR`. main calls it with what follows "shim", before it
// initialises anything, and exits with the status it gives. It does what the directory's files
// ask for: it starts the program; or takes over from a shim that was killed; or, where the
// program has ended already, writes that down. It returns when the program has ended.
func ShimMain(args []string) int {
	runtime.GOMAXPROCS(1)
	if len(args) != 1 {
		fmt.Fprintln(os.Stderr, "usage: shim DIR")
		return 2
	}
	unix.CloseOnExec(readyFD)
	s := &shim{dir: args[0], ready: os.NewFile(readyFD, "ready")}
	if err := s.run(); err != nil {
		s.tell(report{Err: err.Error()})
		fmt.Fprintln(os.Stderr, time.Now().UTC().Format(time.RFC3339Nano), err)
		return 1
	}
	return 0
}

type shim struct {
	dir   string
	ready *os.File // nil once told
}

// tell answers whoever started the shim, the first time it is called.
func (s *shim) tell(r report) {
	if s.ready == nil {
		return
	}
	json.NewEncoder(s.ready).Encode(r) //nolint:errcheck // whoever waited may be gone; the files say the same
	s.ready.Close()                    //nolint:errcheck // a pipe has nothing to flush
	s.ready = nil
}

func (s *shim) run() error {
	// Signals meant for the program's terminal or for everybody do not end the shim. They are
	// caught, not ignored, because the program would inherit that.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGHUP, syscall.SIGINT, syscall.SIGTERM, syscall.SIGQUIT)

	lock, err := takeLock(s.dir)
	if errors.Is(err, errBusy) {
		s.tell(report{Busy: true})
		return nil
	}
	if err != nil {
		return err
	}
	defer lock.Close() //nolint:errcheck // nothing is written to it

	state, err := ReadState(s.dir)
	if errors.Is(err, ErrUnknown) {
		if state, err = s.halfStarted(state); errors.Is(err, ErrUnknown) {
			return s.start()
		}
	}
	if err != nil {
		return err
	}
	if _, err := ReadExit(s.dir); !errors.Is(err, ErrUnknown) {
		s.tell(report{State: state})
		return err
	}
	return s.takeOver(state)
}

// errBusy says that somebody else has the lock of a directory.
var errBusy = errors.New("the directory is busy")

// takeLock takes the lock of dir, until the file is closed; errBusy where somebody has it.
func takeLock(dir string) (*os.File, error) {
	lock, err := os.OpenFile(filepath.Join(dir, lockFile), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	err = unix.Flock(int(lock.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if err == nil {
		return lock, nil
	}
	lock.Close() //nolint:errcheck // nothing was written to it
	if errors.Is(err, unix.EWOULDBLOCK) {
		return nil, errBusy
	}
	return nil, os.NewSyscallError("flock", err)
}

// halfStarted gives the state when a shim was killed after it started the program and before it
// could write who that is; ErrUnknown where there is none.
func (s *shim) halfStarted(state State) (State, error) {
	if state.Shim == (Identity{}) {
		return state, ErrUnknown // nobody came that far
	}
	left, err := writers(s.dir)
	if err != nil {
		return state, err
	}
	if len(left) == 0 {
		return state, ErrUnknown
	}
	state.Program, state.Started = left[0], time.Now().UTC()
	return state, nil
}

// start runs the program from its beginning to its end.
func (s *shim) start() error {
	if _, err := os.Stat(filepath.Join(s.dir, stopFile)); err == nil {
		s.tell(report{Start: &StartError{Code: CodeLost, Msg: "it was stopped before it was started"}})
		return nil
	}
	spec, err := ReadSpec(s.dir)
	if err != nil {
		return err
	}
	if err := adoptOrphans(); err != nil {
		return err
	}
	me, err := Identify(os.Getpid())
	if err != nil {
		return err
	}
	state := State{Shim: me}
	if err := write(s.dir, stateFile, state); err != nil {
		return err
	}
	out, err := openPump(s.dir)
	if err != nil {
		return err
	}
	pid, err := s.exec(spec)
	if failed, ok := errors.AsType[*StartError](err); ok {
		s.tell(report{Start: failed})
		return out.finish()
	}
	if err != nil {
		return err
	}
	if state.Program, err = Identify(pid); err != nil {
		// It has ended already, as a zombie of ours; its pid is still its own.
		state.Program = Identity{Pid: pid, Boot: me.Boot}
	}
	state.Started = time.Now().UTC()
	if err := write(s.dir, stateFile, state); err != nil {
		return errors.Join(err, unix.Kill(-pid, unix.SIGKILL))
	}
	s.tell(report{State: state})
	Slim()

	status, err := awaitProgram(pid)
	if err != nil {
		return err
	}
	exit := exitOf(status, time.Now().UTC())
	if err := killRest(pid); err != nil {
		return err
	}
	return errors.Join(out.finish(), write(s.dir, exitFile, exit))
}

// exec starts the program in a session of its own, writing to the FIFOs.
func (s *shim) exec(spec Spec) (pid int, err error) {
	path, err := LookPath(spec)
	if err != nil {
		return 0, err
	}
	var files []uintptr
	for _, f := range []struct {
		path string
		flag int
	}{
		{os.DevNull, unix.O_RDONLY},
		// Opened for both, so that a reader remains when we are killed.
		{filepath.Join(s.dir, outFIFO), unix.O_RDWR},
		{filepath.Join(s.dir, errFIFO), unix.O_RDWR},
	} {
		fd, err := unix.Open(f.path, f.flag|unix.O_CLOEXEC, 0)
		if err != nil {
			return 0, fmt.Errorf("open %s: %w", f.path, err)
		}
		defer unix.Close(fd) //nolint:errcheck // the program has its own
		files = append(files, uintptr(fd))
	}
	pid, err = syscall.ForkExec(path, spec.Argv, &syscall.ProcAttr{
		Dir: spec.Dir, Env: spec.Env, Files: files, Sys: &syscall.SysProcAttr{Setsid: true},
	})
	if err != nil {
		return 0, &StartError{Code: 126, Msg: fmt.Sprintf("exec %s: %v", path, err)}
	}
	return pid, nil
}

// awaitProgram waits for the program, and reaps orphans meanwhile.
func awaitProgram(pid int) (unix.WaitStatus, error) {
	for {
		var status unix.WaitStatus
		got, err := unix.Wait4(-1, &status, 0, nil)
		if err != nil && !errors.Is(err, unix.EINTR) {
			return 0, os.NewSyscallError("wait4", err)
		}
		if got == pid && (status.Exited() || status.Signaled()) {
			return status, nil
		}
	}
}

// killRest ends what the program left behind: its group, and children of its children wherever
// they went.
func killRest(pid int) error {
	if err := unix.Kill(-pid, unix.SIGKILL); err != nil && !errors.Is(err, unix.ESRCH) && !errors.Is(err, unix.EPERM) {
		return os.NewSyscallError("kill", err)
	}
	for {
		got, err := unix.Wait4(-1, nil, unix.WNOHANG, nil)
		switch {
		case errors.Is(err, unix.ECHILD):
			return nil
		case errors.Is(err, unix.EINTR), err == nil && got > 0:
			continue
		case err != nil:
			return os.NewSyscallError("wait4", err)
		}
		rest, err := descendants()
		if err != nil {
			return err
		}
		for _, p := range rest {
			unix.Kill(p, unix.SIGKILL) //nolint:errcheck // it may have ended since; the next round looks again
		}
		if _, err := unix.Wait4(-1, nil, 0, nil); err != nil && !errors.Is(err, unix.EINTR) && !errors.Is(err, unix.ECHILD) {
			return os.NewSyscallError("wait4", err)
		}
	}
}

// takeOver goes on where a shim that was killed left off.
func (s *shim) takeOver(state State) error {
	// The FIFOs come first: what they hold is lost when the program, their last holder, ends.
	out, err := openPump(s.dir)
	if err != nil {
		return err
	}
	p, err := Open(state.Program)
	if errors.Is(err, ErrEnded) {
		lost := Exit{Code: CodeLost, Signal: "SIGKILL", At: time.Now().UTC(),
			Reason: "the exit code was lost: the program ended while its shim was gone"}
		err := errors.Join(s.killWriters(), out.finish(), write(s.dir, exitFile, lost))
		s.tell(report{State: state})
		return err
	}
	if err != nil {
		return err
	}
	defer p.Close()
	if state.Shim, err = Identify(os.Getpid()); err != nil {
		return err
	}
	if err := write(s.dir, stateFile, state); err != nil {
		return err
	}
	Slim()
	s.tell(report{State: state})

	if err := p.wait(); err != nil {
		return err
	}
	exit := Exit{Code: CodeLost, Signal: "SIGKILL", At: time.Now().UTC(),
		Reason: "the exit code was lost: the program's shim was killed"}
	if status, known := p.exit(); known {
		exit = exitOf(unix.WaitStatus(status), exit.At)
	}
	if err := p.SignalGroup(syscall.SIGKILL); err != nil && !errors.Is(err, ErrEnded) {
		return err
	}
	return errors.Join(s.killWriters(), out.finish(), write(s.dir, exitFile, exit))
}

// killWriters ends what a program we are not the parent of left behind, as far as that still
// writes to us.
func (s *shim) killWriters() error {
	for {
		left, err := writers(s.dir)
		if err != nil || len(left) == 0 {
			return err
		}
		for _, id := range left {
			p, err := Open(id)
			if errors.Is(err, ErrEnded) {
				continue
			}
			if err != nil {
				return err
			}
			err = p.Signal(syscall.SIGKILL)
			if err == nil {
				err = p.wait()
			}
			p.Close()
			if err != nil && !errors.Is(err, ErrEnded) {
				return err
			}
		}
	}
}

// exitOf says what a wait status means.
func exitOf(status unix.WaitStatus, at time.Time) Exit {
	if status.Signaled() {
		sig := status.Signal()
		return Exit{Code: 128 + int(sig), Signal: unix.SignalName(sig), At: at}
	}
	return Exit{Code: status.ExitStatus(), At: at}
}
