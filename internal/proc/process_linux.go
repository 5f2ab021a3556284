package proc

import (
	"context"
	"errors"
	"os"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Process is a running process that is surely the one meant, held by a pidfd.
type Process struct {
	id Identity
	fd *os.File
}

// Open takes hold of the process of that identity; ErrEnded if it runs no more. A child of ours
// that has ended is reaped. The caller closes what it gets.
func Open(id Identity) (*Process, error) {
	if id.Pid <= 0 {
		return nil, ErrEnded
	}
	fd, err := unix.PidfdOpen(id.Pid, unix.PIDFD_NONBLOCK)
	if errors.Is(err, unix.ESRCH) || errors.Is(err, unix.EINVAL) {
		return nil, ErrEnded
	}
	if err != nil {
		return nil, os.NewSyscallError("pidfd_open", err)
	}
	p := &Process{id: id, fd: os.NewFile(uintptr(fd), "pidfd "+strconv.Itoa(id.Pid))}
	// The pidfd is held first and the identity compared after, so that it is that of the pidfd.
	same, err := id.holds()
	if err == nil && same {
		// The system shows a zombie as soon as the first thread is gone; the process has ended, and
		// can be reaped, when the last one is.
		if polled(fd, unix.POLLIN, 0) == 0 {
			return p, nil
		}
		p.reap()
	}
	p.Close()
	if err == nil || errors.Is(err, ErrEnded) {
		return nil, ErrEnded
	}
	return nil, err
}

// Wait returns when the process has ended, or with ctx's error. It may be called once at a time.
func (p *Process) Wait(ctx context.Context) error {
	stop := context.AfterFunc(ctx, func() {
		p.fd.SetReadDeadline(time.Unix(1, 0)) //nolint:errcheck // fails only on a closed file, which ends the wait too
	})
	defer stop()
	err := p.wait()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}

// wait parks the goroutine, not a thread, until the process has ended, and reaps it if it is a
// child of ours.
func (p *Process) wait() error {
	c, err := p.fd.SyscallConn()
	if err != nil {
		return err
	}
	if err := c.Read(func(fd uintptr) bool { return polled(int(fd), unix.POLLIN, 0) != 0 }); err != nil {
		return err
	}
	p.reap()
	return nil
}

// polled gives the events that fd has within timeout, in milliseconds.
func polled(fd int, events int16, timeout int) int16 {
	fds := []unix.PollFd{{Fd: int32(fd), Events: events}}
	for {
		_, err := unix.Poll(fds, timeout)
		if !errors.Is(err, unix.EINTR) {
			return fds[0].Revents
		}
	}
}

// reap takes the process's end from the system if it is a child of ours; it fails harmlessly if not.
func (p *Process) reap() {
	p.control(func(fd int) error { //nolint:errcheck // ECHILD: not a child of ours
		return unix.Waitid(unix.P_PIDFD, fd, nil, unix.WEXITED|unix.WNOHANG, nil)
	})
}

// Signal sends a signal to the process; ErrEnded if it has ended.
func (p *Process) Signal(sig syscall.Signal) error { return p.signal(sig, 0) }

// SignalGroup sends a signal to the group the process leads; ErrEnded if nobody is in it.
func (p *Process) SignalGroup(sig syscall.Signal) error {
	err := p.signal(sig, unix.PIDFD_SIGNAL_PROCESS_GROUP)
	if errors.Is(err, unix.EINVAL) { // before Linux 6.9
		err = unix.Kill(-p.id.Pid, sig)
	}
	if errors.Is(err, unix.ESRCH) {
		return ErrEnded
	}
	return err
}

func (p *Process) signal(sig syscall.Signal, flags int) error {
	err := p.control(func(fd int) error { return unix.PidfdSendSignal(fd, sig, nil, flags) })
	if errors.Is(err, unix.ESRCH) {
		return ErrEnded
	}
	return err
}

func (p *Process) control(do func(fd int) error) error {
	c, err := p.fd.SyscallConn()
	if err != nil {
		return err
	}
	var inner error
	if err := c.Control(func(fd uintptr) { inner = do(int(fd)) }); err != nil {
		return err
	}
	return inner
}

// exit gives the wait status of a process that is not our child and has ended. The kernel tells
// it from 6.15 on, once the parent has reaped.
func (p *Process) exit() (status syscall.WaitStatus, known bool) {
	err := p.control(func(fd int) error {
		info := unix.PidfdInfo{Mask: unix.PIDFD_INFO_EXIT}
		if err := unix.IoctlPidfdInfo(fd, &info); errors.Is(err, unix.ENOTTY) {
			return err // too old to tell
		}
		if polled(fd, unix.POLLHUP, int(reapPatience.Milliseconds()))&unix.POLLHUP == 0 {
			return ErrUnknown
		}
		info = unix.PidfdInfo{Mask: unix.PIDFD_INFO_EXIT}
		if err := unix.IoctlPidfdInfo(fd, &info); err != nil {
			return err
		}
		known = info.Mask&unix.PIDFD_INFO_EXIT != 0
		status = syscall.WaitStatus(info.Exit_code)
		return nil
	})
	return status, known && err == nil
}

// Close lets go of the process, which is not touched by that.
func (p *Process) Close() {
	p.fd.Close() //nolint:errcheck // a pidfd has nothing to flush
}
