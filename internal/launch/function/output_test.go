package function

import (
	"bytes"
	"context"
	"errors"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/slipway-ecs/slipway/internal/launch"
)

func TestAFunctionThatWritesFasterThanItsLogTakesItWaits(t *testing.T) {
	t.Parallel()
	const much = 32 << 20
	asked, taken := make(chan struct{}), make(chan struct{})
	var first sync.Once
	var got int
	out, its, err := newOutput(func(ctx context.Context, lines []launch.Line) error {
		first.Do(func() { close(asked) })
		select {
		case <-taken:
		case <-ctx.Done(): // the test has failed
			return nil
		}
		for _, l := range lines {
			got += len(l.Text) + 1
		}
		return nil
	}, func(err error) { t.Error(err) })
	if err != nil {
		t.Fatal(err)
	}
	over := make(chan struct{})
	go func() {
		defer close(over)
		out.run(t.Context())
	}()

	line := []byte(strings.Repeat("many words ", 93) + "\n")
	var written atomic.Int64
	wrote := make(chan error, 1)
	go func() {
		var err error
		for written.Load() < much && err == nil {
			var n int
			n, err = its.Write(line)
			written.Add(int64(n))
		}
		wrote <- err
	}()
	select {
	case <-asked:
	case err := <-wrote:
		t.Fatalf("%d bytes were written and the log was given none, %v", written.Load(), err)
	case <-time.After(2 * time.Minute):
		t.Fatal("the log was given nothing")
	}
	// What waits is the queue and a chunk, and what the pipe holds; the queue counts lineCost too.
	const least, most = mostQueued * 9 / 10, 2*mostQueued + mostInPipe
	for deadline := time.Now().Add(2 * time.Minute); written.Load() < least && time.Now().Before(deadline); {
		time.Sleep(time.Millisecond) // a writer on a busy machine
	}
	if err := its.SetWriteDeadline(time.Now().Add(2 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if err, n := <-wrote, written.Load(); !errors.Is(err, os.ErrDeadlineExceeded) || n < least || n > most {
		t.Fatalf("%d bytes were written that nobody took, %v; want the writer to wait after %d to %d", n, err, least, most)
	}

	close(taken)
	if err := its.SetWriteDeadline(time.Time{}); err != nil {
		t.Fatal(err)
	}
	n, err := its.Write(line[int(written.Load())%len(line):])
	if err = errors.Join(err, its.Close()); err != nil {
		t.Fatal(err)
	}
	<-over
	out.flush(t.Context())
	if got != int(written.Load())+n {
		t.Errorf("%d bytes came into the log, want the %d that were written", got, int(written.Load())+n)
	}
}

func TestThePipeCanBeClosedWhileItIsWrittenTo(t *testing.T) {
	t.Parallel()
	var its *os.File
	var enough atomic.Bool
	begun := make(chan struct{}, 1)
	// Empty lines cost so much that each read fills the queue, and what was read is written again
	// before the next read: the pipe never runs dry, as with many programs that write without end.
	send := func(_ context.Context, lines []launch.Line) error {
		select {
		case begun <- struct{}{}:
		default:
		}
		if enough.Load() {
			return nil
		}
		_, err := its.Write(bytes.Repeat([]byte{'\n'}, len(lines)))
		return err
	}
	out, its, err := newOutput(send, func(err error) { t.Error(err) })
	if err != nil {
		t.Fatal(err)
	}
	defer its.Close() //nolint:errcheck // what is written last is of no interest
	if _, err := its.Write(bytes.Repeat([]byte{'\n'}, 20_000)); err != nil {
		t.Fatal(err)
	}
	over := make(chan struct{})
	go func() {
		defer close(over)
		out.run(t.Context())
	}()
	select {
	case <-begun:
	case <-time.After(2 * time.Minute):
		t.Fatal("nothing was read")
	}

	closed := make(chan error, 1)
	go func() { closed <- out.pipe.Close() }()

	select {
	case err := <-closed:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(2 * time.Minute):
		t.Error("the pipe was not closed, for somebody writes")
		enough.Store(true)
	}
	<-over
}
