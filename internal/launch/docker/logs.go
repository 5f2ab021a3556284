package docker

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"iter"
	"strings"
	"time"

	"github.com/moby/moby/client"

	"github.com/slipway-ecs/slipway/internal/launch"
)

// maxEntry bounds one entry of the engine's output; engines cut lines at 16 KiB.
const maxEntry = 1 << 20

// Logs reads what the engine keeps of a container's output. A line's mark is when the engine
// took it, in nanoseconds, made to rise where several came at once.
func (r *Runtime) Logs(ctx context.Context, h launch.Handle, since launch.Mark) iter.Seq2[launch.Line, error] {
	return func(yield func(launch.Line, error) bool) {
		o := client.ContainerLogsOptions{ShowStdout: true, ShowStderr: true, Follow: true, Timestamps: true}
		if since > 0 {
			// From the whole second on, so that marks rise by the same steps as the first time.
			o.Since = fmt.Sprintf("%d.000000000", int64(since)/int64(time.Second))
		}
		stream, err := r.engine.ContainerLogs(ctx, h.ID, o)
		if err != nil {
			yield(launch.Line{}, gone(h.Task, h.Container, err))
			return
		}
		defer stream.Close()
		in, last := bufio.NewReader(stream), launch.Mark(0)
		for {
			l, err := readEntry(in)
			switch {
			case errors.Is(err, io.EOF):
				return
			case ctx.Err() != nil:
				yield(launch.Line{}, ctx.Err())
				return
			case err != nil:
				yield(launch.Line{}, fmt.Errorf("the output of container %q of task %s: %w", h.Container, h.Task, err))
				return
			}
			last = max(last+1, launch.Mark(l.At.UnixNano()))
			if last <= since {
				continue
			}
			l.Mark = last
			if !yield(l, nil) {
				return
			}
		}
	}
}

// readEntry reads one line of the engine's stream: a header of eight bytes with stream and size,
// then a time and the text.
func readEntry(in *bufio.Reader) (launch.Line, error) {
	var head [8]byte
	if _, err := io.ReadFull(in, head[:]); err != nil {
		return launch.Line{}, err
	}
	size := binary.BigEndian.Uint32(head[4:])
	if head[0] > 2 || size > maxEntry {
		return launch.Line{}, fmt.Errorf("an entry of stream %d with %d bytes", head[0], size)
	}
	entry := make([]byte, size)
	if _, err := io.ReadFull(in, entry); err != nil {
		return launch.Line{}, errors.Join(io.ErrUnexpectedEOF, err)
	}
	stamp, text, _ := strings.Cut(strings.TrimSuffix(string(entry), "\n"), " ")
	at, err := time.Parse(time.RFC3339Nano, stamp)
	if err != nil {
		return launch.Line{}, fmt.Errorf("an entry without a time: %w", err)
	}
	l := launch.Line{At: at.UTC(), Stream: launch.Stdout, Text: text}
	if head[0] == 2 {
		l.Stream = launch.Stderr
	}
	return l, nil
}
