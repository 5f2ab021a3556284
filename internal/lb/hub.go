package lb

import (
	"bufio"
	"encoding/json"
	"errors"
	"log/slog"
	"net"
	"os"
	"runtime"
	"sync"
	"time"
)

const (
	// keptReports is how many seconds of counters wait for a daemon; older ones are lost.
	keptReports = 900
	// keptProbes is how many probe results wait for a daemon; older ones are lost.
	keptProbes = 4096
	// daemonPatience is how long a daemon may leave an event unread before it counts as gone.
	daemonPatience = 10 * time.Second
	// maxCommand bounds a command, which may be a table of everything.
	maxCommand = 64 << 20
)

// hub speaks to the daemon, one at a time: a new connection ends the one before it. What it has
// to say waits, bounded, while there is nobody.
type hub struct {
	log      *slog.Logger
	plane    *plane
	instance string
	stop     func()

	mu       sync.Mutex // guards the rest
	wg       sync.WaitGroup
	wake     chan struct{} // closed and replaced when there is something new
	closed   bool
	daemon   net.Conn
	serving  *Serving
	reports  []Report // those not yet seen by a daemon
	probes   []Probed // those not yet sent
	sequence uint64
}

func (h *hub) notify() {
	close(h.wake)
	h.wake = make(chan struct{})
}

// probe takes a health check's result.
func (h *hub) probe(p Probed) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.probes) >= keptProbes {
		h.probes = append(h.probes[:0], h.probes[keptProbes/4:]...)
	}
	h.probes = append(h.probes, p)
	h.notify()
}

// report flushes the counters, where there is anything to tell.
func (h *hub) report(at time.Time) {
	rows := h.plane.flush()
	if len(rows) == 0 {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.sequence++
	if len(h.reports) >= keptReports {
		h.reports = append(h.reports[:0], h.reports[len(h.reports)-keptReports+1:]...)
	}
	h.reports = append(h.reports, Report{Seq: h.sequence, At: at.UTC(), Rows: rows})
	h.notify()
}

// accept takes daemons until the listener closes, and waits for the last one's end.
func (h *hub) accept(ln net.Listener) {
	for {
		conn, err := ln.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			h.log.Error("accept a daemon", "err", err)
			time.Sleep(100 * time.Millisecond) // out of files, most likely
			continue
		}
		h.mu.Lock()
		if h.daemon != nil {
			_ = h.daemon.Close() // its reader sees the end
		}
		h.daemon = conn
		h.notify() // the one before it, if any, leaves
		h.mu.Unlock()
		h.wg.Go(func() { h.talk(conn) })
		h.wg.Go(func() { h.hear(conn) })
	}
}

// close ends the last connection after it was told everything, and waits.
func (h *hub) close() {
	h.mu.Lock()
	h.closed = true
	h.notify()
	h.mu.Unlock()
	h.wg.Wait()
}

// hear obeys a daemon until its connection ends.
func (h *hub) hear(conn net.Conn) {
	defer func() {
		_ = conn.Close() // the daemon is gone
		h.mu.Lock()
		defer h.mu.Unlock()
		if h.daemon == conn { // what is found from now on waits for the next one
			h.daemon = nil
			h.notify()
		}
	}()
	lines := bufio.NewScanner(conn)
	lines.Buffer(nil, maxCommand)
	for lines.Scan() && h.obeys(conn) {
		var c Command
		if err := json.Unmarshal(lines.Bytes(), &c); err != nil {
			h.log.Error("a command that is none", "err", err)
			return
		}
		switch {
		case c.Table != nil:
			serving := h.plane.set(*c.Table)
			h.mu.Lock()
			h.serving = &serving
			h.notify()
			h.mu.Unlock()
		case c.Seen > 0:
			h.seen(c.Seen)
		case c.Stop:
			h.stop()
		}
	}
}

// obeys reports whether a connection is the newest daemon's; what an earlier one had sent before
// it was replaced counts no longer.
func (h *hub) obeys(conn net.Conn) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.daemon == conn
}

func (h *hub) seen(upTo uint64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	n := 0
	for n < len(h.reports) && h.reports[n].Seq <= upTo {
		n++
	}
	h.reports = append(h.reports[:0], h.reports[n:]...)
}

// talk tells a daemon everything until its connection ends or the hub closes.
func (h *hub) talk(conn net.Conn) {
	defer conn.Close() //nolint:errcheck // the daemon is gone, or everything was said
	out := bufio.NewWriter(conn)
	lines := json.NewEncoder(out)
	h.mu.Lock()
	hello := Hello{PID: os.Getpid(), Instance: h.instance, Cores: runtime.GOMAXPROCS(0)}
	if h.serving != nil {
		hello.Version = h.serving.Version
	}
	h.mu.Unlock()
	events := []Event{{Hello: &hello}}
	var told *Serving
	var reported uint64
	for {
		_ = conn.SetWriteDeadline(time.Now().Add(daemonPatience)) // a failure shows at the write
		for _, e := range events {
			if err := lines.Encode(e); err != nil {
				return
			}
		}
		if err := out.Flush(); err != nil {
			return
		}
		events = events[:0]
		h.mu.Lock()
		if h.daemon != conn {
			h.mu.Unlock()
			return // there is another one, or it is gone
		}
		if h.serving != told {
			told = h.serving
			events = append(events, Event{Serving: told})
		}
		for i := range h.reports {
			if r := h.reports[i]; r.Seq > reported {
				reported = r.Seq
				events = append(events, Event{Report: &r})
			}
		}
		for _, p := range h.probes {
			events = append(events, Event{Probe: &p})
		}
		h.probes = h.probes[:0]
		wake, closed := h.wake, h.closed
		h.mu.Unlock()
		if len(events) > 0 {
			continue
		}
		if closed {
			return
		}
		<-wake
	}
}
