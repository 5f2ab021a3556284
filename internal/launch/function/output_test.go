package function

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/slipway-ecs/slipway/internal/launch"
)

func TestAFunctionThatWritesFasterThanItsLogTakesItWaits(t *testing.T) {
	t.Parallel()
	const much = 32 << 20
	taken := make(chan struct{})
	var got int
	out, its, err := newOutput(func(_ context.Context, lines []launch.Line) error {
		<-taken
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
	written := 0
	for written < much && err == nil {
		var n int
		if err = its.SetWriteDeadline(time.Now().Add(2 * time.Second)); err != nil {
			t.Fatal(err)
		}
		n, err = its.Write(line)
		written += n
	}
	if !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("%d bytes were written that nobody took, %v; want the writer to wait", written, err)
	}

	close(taken)
	if err := its.SetWriteDeadline(time.Time{}); err != nil {
		t.Fatal(err)
	}
	n, err := its.Write(line[written%len(line):])
	if err = errors.Join(err, its.Close()); err != nil {
		t.Fatal(err)
	}
	<-over
	out.flush(t.Context())
	if got != written+n {
		t.Errorf("%d bytes came into the log, want the %d that were written", got, written+n)
	}
}
