package proc

import (
	"context"
	"errors"
	"syscall"
	"time"
)

// Process is a running process that is surely the one meant.
type Process struct{ id Identity }

// endPoll is how often a process that is not our child is asked whether it still runs.
const endPoll = 50 * time.Millisecond

// Open takes hold of the process of that identity; ErrEnded if it runs no more. A child of ours
// that has ended is reaped. The caller closes what it gets.
func Open(id Identity) (*Process, error) {
	p := &Process{id: id}
	if Alive(id) {
		return p, nil
	}
	p.reap()
	return nil, ErrEnded
}

// Wait returns when the process has ended, or with ctx's error.
func (p *Process) Wait(ctx context.Context) error {
	tick := time.NewTicker(endPoll)
	defer tick.Stop()
	for Alive(p.id) {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
	p.reap()
	return nil
}

func (p *Process) wait() error {
	for Alive(p.id) {
		time.Sleep(endPoll)
	}
	p.reap()
	return nil
}

// reap takes the process's end from the system if it is a child of ours; it fails harmlessly if not.
func (p *Process) reap() {
	if p.id.Pid > 0 {
		syscall.Wait4(p.id.Pid, nil, syscall.WNOHANG, nil) //nolint:errcheck // ECHILD: not a child of ours
	}
}

// Signal sends a signal to the process; ErrEnded if it has ended.
func (p *Process) Signal(sig syscall.Signal) error { return p.kill(p.id.Pid, sig) }

// SignalGroup sends a signal to the group the process leads; ErrEnded if nobody is in it.
func (p *Process) SignalGroup(sig syscall.Signal) error { return p.kill(-p.id.Pid, sig) }

func (p *Process) kill(pid int, sig syscall.Signal) error {
	if !Alive(p.id) {
		return ErrEnded
	}
	err := syscall.Kill(pid, sig)
	if errors.Is(err, syscall.ESRCH) {
		return ErrEnded
	}
	return err
}

// exit would give the wait status of a process that is not our child: this system does not tell.
func (p *Process) exit() (status syscall.WaitStatus, known bool) { return 0, false }

// Close lets go of the process, which is not touched by that.
func (p *Process) Close() {}
