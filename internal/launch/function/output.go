package function

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/slipway-ecs/slipway/internal/launch"
)

const (
	// longestLine is how many bytes a line of output has at most; longer ones come in pieces.
	longestLine = 256 << 10
	// mostQueued is how many bytes of lines wait to be sent: a function that writes faster than its
	// log takes it waits, as it would for any pipe that is full.
	mostQueued = 1 << 20
	// mostInPipe is how many bytes a pipe holds at most: those written before a moment are among the
	// next so many, however much is written meanwhile.
	mostInPipe = 1 << 20
	// lineCost is about what a line takes beside its text, in bytes.
	lineCost = 64
)

// output is what an environment writes, on its way to the log.
type output struct {
	pipe *os.File // the reading end
	send func(context.Context, []launch.Line) error
	fail func(error)

	reading sync.Mutex // held while bytes are on their way from the pipe into lines
	chunk   []byte

	mu    sync.Mutex // guards what follows
	rest  []byte     // a line without its end
	lines []launch.Line
	size  int // of lines, in bytes
	mark  launch.Mark
	tail  []byte
	wake  chan struct{}
	sent  sync.Mutex // held while lines are sent, so that they keep their order
}

// newOutput gives an output and the file that a program writes to.
func newOutput(send func(context.Context, []launch.Line) error, fail func(error)) (*output, *os.File, error) {
	mine, its, err := os.Pipe()
	if err != nil {
		return nil, nil, err
	}
	return &output{pipe: mine, send: send, fail: fail, chunk: make([]byte, 32<<10), wake: make(chan struct{}, 1)}, its, nil
}

// run reads until nobody writes any more or the pipe is closed.
func (o *output) run(ctx context.Context) {
	conn, err := o.pipe.SyscallConn()
	if err != nil {
		o.fail(err)
		return
	}
	for over := false; !over && err == nil; {
		// The pipe stays open for as long as one of these runs, so each has an end, however much is
		// written meanwhile. It fails once the pipe is closed.
		err = conn.Read(func(fd uintptr) bool {
			var dry bool
			dry, over = o.pull(ctx, int(fd), mostInPipe)
			return !dry
		})
	}
}

// pull takes all there is, up to most bytes; dry means that no more is there now, over that no more
// will come.
func (o *output) pull(ctx context.Context, fd, most int) (dry, over bool) {
	for most > 0 {
		n, full, err := o.piece(fd)
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case errors.Is(err, unix.EAGAIN):
			return true, false
		case err != nil || n <= 0:
			return false, true
		}
		most -= n
		if full {
			o.flush(ctx)
		}
	}
	return false, false
}

// piece moves what one read gives into lines; full says that enough of them wait to be sent.
func (o *output) piece(fd int) (n int, full bool, err error) {
	o.reading.Lock()
	defer o.reading.Unlock()
	if n, err = unix.Read(fd, o.chunk); err != nil || n <= 0 {
		return n, false, err
	}
	return n, o.take(o.chunk[:n]), nil
}

// catchUp takes what was written before the call of it.
func (o *output) catchUp(ctx context.Context) {
	conn, err := o.pipe.SyscallConn()
	if err != nil {
		return // closed: there is no more
	}
	conn.Control(func(fd uintptr) { o.pull(ctx, int(fd), mostInPipe) }) //nolint:errcheck // fails on a closed pipe alone
}

// take cuts bytes into lines.
func (o *output) take(b []byte) (full bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for len(b) > 0 {
		line, after, whole := bytes.Cut(b, []byte{'\n'})
		if room := longestLine - len(o.rest); len(line) > room {
			line, after, whole = b[:room], b[room:], true
		}
		b = after
		o.rest = append(o.rest, line...)
		if whole {
			o.add(string(o.rest))
			o.rest = o.rest[:0]
		}
	}
	return o.size > mostQueued
}

// add queues a line; o.mu is held.
func (o *output) add(text string) {
	o.mark++
	o.lines = append(o.lines, launch.Line{At: time.Now().UTC(), Text: text, Mark: o.mark})
	o.size += len(text) + lineCost
	o.tail = append(append(o.tail, text...), '\n')
	if n := len(o.tail); n > 2*tailSize {
		o.tail = append([]byte(nil), o.tail[n-tailSize:]...)
	}
	select {
	case o.wake <- struct{}{}:
	default: // it is awake
	}
}

// say writes a line of Lambda's own; a line of the function's that has no end yet comes before it.
func (o *output) say(format string, args ...any) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.rest) > 0 {
		o.add(string(o.rest))
		o.rest = o.rest[:0]
	}
	o.add(fmt.Sprintf(format, args...))
}

// mute forgets what a call before logged, for the tail of the next one.
func (o *output) mute() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.tail = nil
}

// last gives the end of what was logged.
func (o *output) last() []byte {
	o.mu.Lock()
	defer o.mu.Unlock()
	return bytes.Clone(o.tail[max(0, len(o.tail)-tailSize):])
}

// flush sends all queued lines.
func (o *output) flush(ctx context.Context) {
	o.sent.Lock()
	defer o.sent.Unlock()
	o.mu.Lock()
	lines := o.lines
	o.lines, o.size = nil, 0
	o.mu.Unlock()
	if len(lines) == 0 {
		return
	}
	if err := o.send(ctx, lines); err != nil {
		o.fail(err)
	}
}

// carry sends lines as they come until over is closed, then the last of them.
func (o *output) carry(ctx context.Context, over <-chan struct{}) {
	for {
		select {
		case <-o.wake:
			o.flush(ctx)
		case <-over:
			o.flush(ctx)
			return
		}
	}
}

// finish takes in the last line, which had no end.
func (o *output) finish() {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.rest) > 0 {
		o.add(string(o.rest))
		o.rest = nil
	}
}
