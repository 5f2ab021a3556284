package host

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/slipway-ecs/slipway/internal/cloud/ecs"
	"github.com/slipway-ecs/slipway/internal/launch"
	"github.com/slipway-ecs/slipway/internal/store"
)

// OutputLine is a line that a container of a service wrote.
type OutputLine struct {
	At        time.Time // the wall's
	Task      string
	Container string
	Stream    string // stdout or stderr
	Text      string
	Attempt   int   `json:",omitempty"` // which restart of the container, in place, wrote it
	Mark      int64 // its place in what that attempt wrote; it rises
}

// answerOutput writes what the containers of ?cluster and ?service wrote, as lines of JSON: what
// the runtime has of tasks that are there. With ?follow it goes on, with later tasks too, until
// the caller goes away. It needs no log group.
func (c *Cloud) answerOutput(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	outputs := func() (all []ecs.Output, ok bool) {
		err := c.store.View(func(tx *store.Tx) error {
			all, ok = c.rooms.ecs.Outputs(tx, q.Get("cluster"), q.Get("service"))
			return nil
		})
		return all, ok && err == nil
	}
	if _, ok := outputs(); !ok {
		http.Error(w, fmt.Sprintf("there is no service %q in cluster %q", q.Get("service"), q.Get("cluster")), http.StatusNotFound)
		return
	}
	w.Header().Set("Content-Type", "application/x-ndjson")
	watch := c.store.Watch()
	defer watch.Close()
	ctx, done := context.WithCancel(r.Context())
	defer done()
	t := &teeing{out: json.NewEncoder(w), flush: http.NewResponseController(w)}
	follow, begun := q.Has("follow"), map[string]bool{}
	var readers sync.WaitGroup
	defer readers.Wait()
	defer done()
	for {
		all, _ := outputs()
		for _, o := range all {
			key := fmt.Sprintf("%s/%s#%d", o.Task, o.Container, o.Started.Attempt)
			if begun[key] {
				continue
			}
			begun[key] = true
			readers.Go(func() { c.copyOutput(ctx, o, follow, t) })
		}
		if !follow {
			readers.Wait()
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-c.ending:
			return
		case <-watch.Ready():
			watch.Take()
		}
	}
}

// quiet is how long a container that runs may write nothing before what it wrote counts as read.
const quiet = 200 * time.Millisecond

// copyOutput copies one container's output: to its end, or without follow to where it is now.
func (c *Cloud) copyOutput(ctx context.Context, o ecs.Output, follow bool, t *teeing) {
	ctx, done := context.WithCancel(ctx)
	defer done()
	pause := time.AfterFunc(time.Hour, done)
	defer pause.Stop()
	if !follow {
		pause.Reset(quiet)
	}
	for l, err := range c.runtime.Logs(ctx, *o.Started.Handle, 0) {
		if err != nil {
			return // it was removed meanwhile, or the caller is gone
		}
		stream := "stdout"
		if l.Stream == launch.Stderr {
			stream = "stderr"
		}
		if !t.write(OutputLine{At: l.At, Task: o.Task, Container: o.Container, Stream: stream, Text: l.Text, Attempt: o.Started.Attempt, Mark: int64(l.Mark)}) {
			return
		}
		if follow {
			pause.Stop()
		} else {
			pause.Reset(quiet)
		}
	}
}

// teeing writes lines of several containers into one answer.
type teeing struct {
	mu    sync.Mutex // guards the answer
	out   *json.Encoder
	flush *http.ResponseController
}

func (t *teeing) write(l OutputLine) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.out.Encode(l) == nil && t.flush.Flush() == nil
}
