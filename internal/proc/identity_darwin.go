package proc

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// zombie is SZOMB of sys/proc.h.
const zombie = 5

func bootID() (string, error) {
	t, err := unix.SysctlTimeval("kern.boottime")
	if err != nil {
		return "", err
	}
	return fmt.Sprint(t.Sec), nil
}

// startOf gives the process's start in microseconds, or ErrEnded also for a zombie.
func startOf(pid int) (uint64, error) {
	k, err := unix.SysctlKinfoProc("kern.proc.pid", pid)
	if errors.Is(err, unix.EIO) || errors.Is(err, unix.ESRCH) {
		return 0, ErrEnded
	}
	if err != nil {
		return 0, err
	}
	if int(k.Proc.P_pid) != pid || k.Proc.P_stat == zombie {
		return 0, ErrEnded
	}
	return uint64(k.Proc.P_starttime.Sec)*1e6 + uint64(k.Proc.P_starttime.Usec), nil
}
