package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/slipway-ecs/slipway/internal/cloud/host"
	"github.com/slipway-ecs/slipway/internal/fail"
)

// returnPatience is how long following waits for a cloud that ended to be there again.
const returnPatience = time.Minute

// Pauses between looks for a cloud that ended: each is twice the one before, up to the longest.
const (
	firstPause   = 50 * time.Millisecond
	longestPause = 2 * time.Second
)

// lines shows an answer of the local cloud in JSON lines, each as it comes. Followed, it outlives the
// cloud: one that is started again tells all it knows from the beginning, and what was shown is passed over.
type lines[T any] struct {
	app      *App
	data     string // the cloud's directory
	where    func(host.Running) string
	query    url.Values
	follow   bool
	output   string        // text or json
	patience time.Duration // how long to wait for a cloud that ended
	text     func(T) string

	// place says where a line stands: of what it is a line, and a number that never falls there.
	place func(T) (of string, mark int64)

	shown places
	ended bool // it was said that the cloud has ended, and nothing was shown since
}

// places are how far lines were shown, by what they are of.
type places map[string]edge

// edge is the last mark that was shown, and how many lines there were with it.
type edge struct {
	mark  int64
	lines map[string]int
}

// add notes a line that is shown.
func (p places) add(of string, mark int64, line string) {
	e, ok := p[of]
	if !ok || e.mark != mark {
		e = edge{mark, map[string]int{}}
	}
	e.lines[line]++
	p[of] = e
}

// take reports whether a line was shown, once for each time it was.
func (p places) take(of string, mark int64, line string) bool {
	e, ok := p[of]
	if !ok || mark > e.mark {
		return false
	}
	if mark < e.mark {
		return true
	}
	e.lines[line]--
	return e.lines[line] >= 0
}

// copied gives places of their own.
func (p places) copied() places {
	c := places{}
	for of, e := range p {
		c[of] = edge{e.mark, maps.Clone(e.lines)}
	}
	return c
}

// read shows the lines to their end. Followed, it ends with ctx, without an error, or with a cloud that ended
// and is not there again in time.
//
// Errors: host.ended; host.absent where none runs at first; service.not_found.
func (l *lines[T]) read(ctx context.Context) error {
	if l.output != "text" && l.output != "json" {
		return fail.New("usage.output", "write --output text or --output json", "there is no output %q", l.output)
	}
	if !l.follow {
		return l.once(ctx)
	}
	l.query.Set("follow", "")
	l.shown = places{}
	pause, there, met := firstPause, time.Now(), false
	for {
		err := l.once(ctx)
		now := time.Now()
		switch {
		case ctx.Err() != nil:
			return nil // interrupted, as following ends
		case errors.As(err, new(cutError)):
			met, there = true, now
		case !met || !fail.Is(err, "host.absent") && !cutOff(err):
			return err
		case now.Sub(there) > l.patience:
			return fail.New("host.ended", "start it again with `slipway local`, and follow again", "the local cloud in %s has ended", l.data)
		}
		if !l.ended {
			l.ended, pause = true, firstPause
			fmt.Fprintf(l.app.Stderr, "the local cloud in %s has ended; following goes on when it is started again\n", l.data)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(pause):
		}
		pause = min(2*pause, longestPause)
	}
}

// cutError is the end of an answer that goes on for ever.
type cutError struct{ error }

// once asks once and shows the answer.
func (l *lines[T]) once(ctx context.Context) error {
	res, err := askLocal(ctx, l.data, http.MethodGet, l.where, l.query, 0)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	before := l.shown.copied()
	for in := json.NewDecoder(res.Body); ; {
		var raw json.RawMessage
		switch err := in.Decode(&raw); {
		case errors.Is(err, io.EOF) && !l.follow:
			return nil
		case l.follow && cutOff(err):
			return cutError{err}
		case err != nil:
			return fmt.Errorf("read the answer: %w", err)
		}
		var v T
		if err := json.Unmarshal(raw, &v); err != nil {
			return fmt.Errorf("read the answer: %w", err)
		}
		if l.follow {
			of, mark := l.place(v)
			if before.take(of, mark, string(raw)) {
				continue
			}
			l.shown.add(of, mark, string(raw))
			l.ended = false
		}
		if l.output == "json" {
			fmt.Fprintf(l.app.Stdout, "%s\n", raw)
		} else {
			fmt.Fprintln(l.app.Stdout, l.text(v))
		}
	}
}

// cutOff reports whether an answer that goes on for ever came to an end, or could not begin, by whatever
// ended its connection.
func cutOff(err error) bool {
	_, network := errors.AsType[net.Error](err)
	return network || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
}
