package proc

import (
	"errors"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// AwaitEnd returns when a child of ours has ended, and leaves it to be reaped: until then its number, and its
// group's, are nobody else's. It asks a kqueue, for this system's waitid also returns when the child has only
// stopped.
//
// Source: go.dev/issue/19314.
func AwaitEnd(pid int) error {
	queue, err := unix.Kqueue()
	if err != nil {
		return os.NewSyscallError("kqueue", err)
	}
	defer unix.Close(queue) //nolint:errcheck // nothing is written to it
	unix.CloseOnExec(queue)
	var exit unix.Kevent_t
	unix.SetKevent(&exit, pid, unix.EVFILT_PROC, unix.EV_ADD|unix.EV_ONESHOT)
	exit.Fflags = unix.NOTE_EXIT
	seen := make([]unix.Kevent_t, 1)
	for {
		n, err := unix.Kevent(queue, []unix.Kevent_t{exit}, seen, nil)
		if err == nil && n > 0 && seen[0].Flags&unix.EV_ERROR != 0 {
			err = syscall.Errno(seen[0].Data)
		}
		switch {
		case errors.Is(err, unix.ESRCH):
			return nil // it had ended before
		case errors.Is(err, unix.EINTR), err == nil && n == 0:
			continue
		}
		return os.NewSyscallError("kevent", err)
	}
}
