package proc

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// readChunk is how much is read at once: what a FIFO holds by default.
	readChunk = 64 << 10
	// MaxLine is the longest line kept in one piece, in bytes: what CloudWatch Logs takes as one
	// event, less the 26 bytes it counts for each.
	MaxLine = 256<<10 - 26
)

// pump moves what the program writes from its FIFOs into the log, until it is told to finish.
type pump struct {
	log  *logWriter
	in   [2]input // standard output, standard error
	wake [2]int   // a pipe: closing its second end ends the pump
	done chan error
}

type input struct {
	fd     int
	stream byte
	rest   []byte // the beginning of a line whose end was not read yet
}

// openPump makes the FIFOs where they are missing and starts to read them.
func openPump(dir string) (*pump, error) {
	log, err := openLog(dir)
	if err != nil {
		return nil, err
	}
	p := &pump{log: log, done: make(chan error, 1)}
	for i, name := range []string{outFIFO, errFIFO} {
		path := filepath.Join(dir, name)
		if err := unix.Mkfifo(path, 0o600); err != nil && !errors.Is(err, unix.EEXIST) {
			return nil, fmt.Errorf("make %s: %w", path, err)
		}
		// Opened for both, a FIFO never reports an end, whoever comes and goes.
		fd, err := unix.Open(path, unix.O_RDWR|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
		if err != nil {
			return nil, fmt.Errorf("open %s: %w", path, err)
		}
		p.in[i] = input{fd: fd, stream: "oe"[i]}
	}
	if err := unix.Pipe(p.wake[:]); err != nil {
		return nil, os.NewSyscallError("pipe", err)
	}
	unix.CloseOnExec(p.wake[0])
	unix.CloseOnExec(p.wake[1])
	go func() { p.done <- p.run() }()
	return p, nil
}

// finish reads what is left, and gives the first error the pump met. The program and all its
// children must have ended.
func (p *pump) finish() error {
	unix.Close(p.wake[1]) //nolint:errcheck // closing is the signal
	return <-p.done
}

func (p *pump) run() error {
	var failed error
	chunk := make([]byte, readChunk)
	for last := false; ; {
		if !last {
			fds := []unix.PollFd{
				{Fd: int32(p.in[0].fd), Events: unix.POLLIN},
				{Fd: int32(p.in[1].fd), Events: unix.POLLIN},
				{Fd: int32(p.wake[0]), Events: unix.POLLIN},
			}
			if _, err := unix.Poll(fds, -1); err != nil && !errors.Is(err, unix.EINTR) {
				return os.NewSyscallError("poll", err)
			}
			last = fds[2].Revents != 0
		}
		moved := false
		for i := range p.in {
			n, err := unix.Read(p.in[i].fd, chunk)
			if n <= 0 || err != nil {
				continue // nothing there; the FIFO itself cannot fail
			}
			moved = true
			p.in[i].take(p.log, chunk[:n], time.Now())
		}
		if last && !moved {
			for i := range p.in {
				p.in[i].end(p.log, time.Now())
			}
		}
		// A disk that is full must not stop the program: lines are lost, and the shim says so at the end.
		if err := p.log.flush(); err != nil && failed == nil {
			failed = err
		}
		if last && !moved {
			return errors.Join(failed, p.log.close())
		}
	}
}

// take cuts what was read into lines.
func (in *input) take(log *logWriter, b []byte, at time.Time) {
	for len(b) > 0 {
		line, after, whole := bytes.Cut(b, []byte{'\n'})
		room := MaxLine - len(in.rest)
		if len(line) > room {
			line, after, whole = b[:room], b[room:], true
		}
		b = after
		if !whole {
			in.rest = append(in.rest, line...)
			return
		}
		log.add(at, in.stream, in.rest, line)
		in.rest = in.rest[:0]
	}
}

// end writes the last line, which had no newline.
func (in *input) end(log *logWriter, at time.Time) {
	if len(in.rest) > 0 {
		log.add(at, in.stream, in.rest, nil)
		in.rest = nil
	}
}
