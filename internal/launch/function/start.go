package function

import (
	"os/exec"
	"runtime"
	"sync"
)

// starter starts processes from one thread that lives as long as it does. Where the system can end
// a child with its parent, that means the thread which started it.
type starter struct {
	mu     sync.Mutex // guards asks against close
	asks   chan ask
	closed bool
}

type ask struct {
	cmd  *exec.Cmd
	done chan error
}

func newStarter() *starter {
	s := &starter{asks: make(chan ask)}
	go func() { // ends with close
		runtime.LockOSThread() // and never unlocked: the thread ends with the goroutine
		for a := range s.asks {
			a.done <- a.cmd.Start()
		}
	}()
	return s
}

// start starts a program in a session of its own.
func (s *starter) start(cmd *exec.Cmd) error {
	cmd.SysProcAttr = attributes()
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return ErrClosed
	}
	a := ask{cmd, make(chan error, 1)}
	s.asks <- a
	s.mu.Unlock()
	return <-a.done
}

func (s *starter) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closed {
		s.closed = true
		close(s.asks)
	}
}
