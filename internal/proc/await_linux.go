package proc

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// AwaitEnd returns when a child of ours has ended, and leaves it to be reaped: until then its number, and its
// group's, are nobody else's.
func AwaitEnd(pid int) error {
	for {
		err := unix.Waitid(unix.P_PID, pid, nil, unix.WEXITED|unix.WNOWAIT, nil)
		if !errors.Is(err, unix.EINTR) {
			return os.NewSyscallError("waitid", err)
		}
	}
}
