package lb

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"maps"
	"net/http"
	"net/http/httputil"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// targetTLS takes any certificate of a target, as ALB does.
var targetTLS = &tls.Config{InsecureSkipVerify: true} //nolint:gosec // as ALB does

var (
	errLongHead = errors.New("the headers of the response are longer than 32 K")
	errStatus   = errors.New("the target's status is no status")
	errFolded   = errors.New("a header of the response has several lines")
)

// lastBytes is how long a target that has answered may take to read the end of the request.
const lastBytes = 100 * time.Millisecond

// staleError is the end of a kept connection before anything was answered on it: the target may
// have closed it just when it was taken.
type staleError struct{ error }

// Unwrap gives what ended the kept-alive connection.
func (e staleError) Unwrap() error { return e.error }

// handshakeError marks what TLS with a target ended with before there was a connection.
type handshakeError struct{ error }

// Unwrap gives what the handshake ended with.
func (e handshakeError) Unwrap() error { return e.error }

// handshakeFailed reports whether an error is one of TLS with a target.
func handshakeFailed(err error) bool {
	return errors.As(err, new(handshakeError)) || errors.As(err, new(tls.RecordHeaderError)) || errors.As(err, new(tls.AlertError))
}

// line is a connection to a target that speaks HTTP/1.1, for one request at a time.
type line struct {
	target *target
	conn   io.ReadWriteCloser // wire, or TLS over it
	wire   *targetConn
	in     *bufio.Reader
	out    *bufio.Writer
	x      *exchange // that has it
	room   int       // bytes that may still be read of a head; negative without limit
	heard  bool      // a byte of an answer came since it was taken
	fold   folding   // of the head that is read
	reused bool
	since  time.Time // when it was given back
}

// lines keeps a target's lines that nobody uses, the last used at the end.
type lines struct {
	mu    sync.Mutex // guards the rest
	idle  []*line
	sweep *time.Timer
}

// line connects, with TLS where secure.
func (t *target) line(ctx context.Context, secure bool) (*line, error) {
	conn, err := t.dial(ctx)
	if err != nil {
		return nil, err
	}
	l := &line{target: t, conn: conn, wire: conn}
	if secure {
		hands, cancel := context.WithTimeout(ctx, connectTimeout)
		defer cancel()
		c := tls.Client(conn, targetTLS)
		if err := c.HandshakeContext(hands); err != nil {
			_ = conn.Close() // the handshake's error is the one to tell
			return nil, handshakeError{err}
		}
		l.conn = c
	}
	l.in, l.out = bufio.NewReaderSize(l, 4096), bufio.NewWriterSize(l, 4096)
	return l, nil
}

// take gives the line that was used last; nil where none is fresh enough. One that the target closed,
// or said something on unasked, is of no use to anybody.
func (t *target) take() *line {
	for {
		l := t.last()
		if l == nil || l.wire.quiet() {
			return l
		}
		l.close()
	}
}

// last takes the line that was used last.
func (t *target) last() *line {
	t.kept.mu.Lock()
	defer t.kept.mu.Unlock()
	n := len(t.kept.idle)
	if n == 0 || time.Since(t.kept.idle[n-1].since) > targetIdle {
		return nil
	}
	l := t.kept.idle[n-1]
	t.kept.idle[n-1], t.kept.idle = nil, t.kept.idle[:n-1]
	l.heard, l.reused = false, true
	return l
}

// give keeps a line for another request, for targetIdle.
func (l *line) give() {
	k := &l.target.kept
	l.x, l.since = nil, time.Now()
	k.mu.Lock()
	defer k.mu.Unlock()
	k.idle = append(k.idle, l)
	if k.sweep == nil {
		k.sweep = time.AfterFunc(targetIdle, l.target.clean)
	}
}

// clean closes the lines that were idle for too long, and looks again while there are others.
func (t *target) clean() {
	t.kept.mu.Lock()
	defer t.kept.mu.Unlock()
	n := 0
	for n < len(t.kept.idle) && time.Since(t.kept.idle[n].since) >= targetIdle {
		t.kept.idle[n].close()
		n++
	}
	t.kept.idle = append(t.kept.idle[:0], t.kept.idle[n:]...)
	clear(t.kept.idle[len(t.kept.idle) : len(t.kept.idle)+n])
	if len(t.kept.idle) == 0 {
		t.kept.sweep = nil
		return
	}
	t.kept.sweep.Reset(max(targetIdle-time.Since(t.kept.idle[0].since), time.Millisecond))
}

func (l *line) close() { _ = l.conn.Close() } // nothing more is wanted of it

// Read reads from the target and says so to the exchange.
func (l *line) Read(p []byte) (int, error) {
	if l.room == 0 {
		return 0, errLongHead
	}
	if l.room > 0 && len(p) > l.room {
		p = p[:l.room]
	}
	n, err := l.conn.Read(p)
	if l.room > 0 {
		l.room -= n
		l.fold.feed(p[:n])
	}
	l.heard = l.heard || n > 0
	l.x.touch()
	return n, err
}

// Write writes to the target and says so to the exchange.
func (l *line) Write(p []byte) (int, error) {
	n, err := l.conn.Write(p)
	l.x.touch()
	return n, err
}

// broke gives what the end of a line means.
func (l *line) broke(err error) error {
	if l.reused && !l.heard {
		return staleError{err}
	}
	return err
}

// head writes the head of the request to the target; the line's writer keeps the first error.
func (l *line) head(x *exchange, r *http.Request) {
	b := l.out
	put := func(parts ...string) {
		for _, p := range parts {
			_, _ = b.WriteString(p) // seen at the flush
		}
	}
	uri := r.RequestURI
	if uri == "" || uri[0] != '/' || strings.IndexByte(uri, ' ') >= 0 {
		// A form with a host, or one that only HTTP/2 can have.
		uri = strings.ReplaceAll(r.URL.RequestURI(), " ", "%20")
	}
	put(r.Method, " ", uri, " HTTP/1.1\r\nHost: ", hostFor(r.Host, x.door.balancer, x.door.listener), "\r\n")
	x.fields(r, func(name, value string) { put(name, ": ", value, "\r\n") })
	if up := upgrade(r); up != "" {
		put("Connection: Upgrade\r\nUpgrade: ", up, "\r\n")
	}
	switch {
	case r.ContentLength > 0:
		put("Content-Length: ", strconv.FormatInt(r.ContentLength, 10), "\r\n")
	case r.ContentLength < 0 && r.Body != http.NoBody:
		put("Transfer-Encoding: chunked\r\n")
	case len(r.Header["Content-Length"]) > 0 || r.Method == http.MethodPost || r.Method == http.MethodPut || r.Method == http.MethodPatch:
		put("Content-Length: 0\r\n")
	}
	put("\r\n")
}

// upload is a body on its way.
type upload struct {
	whole atomic.Bool // all of it was read of the client
	done  chan struct{}
}

// written waits until a body that was read to its end is written to its end too, and reports whether
// it is. The target has answered; what the client got of that does not wait.
func (up *upload) written(w http.ResponseWriter) bool {
	select {
	case <-up.done: // as nearly always
		return true
	default:
	}
	_ = http.NewResponseController(w).Flush() // a client that is gone shows at the next write
	late := time.NewTimer(lastBytes)
	defer late.Stop()
	select {
	case <-up.done:
		return true
	case <-late.C:
		return false
	}
}

// body writes the client's body to the target.
func (l *line) body(x *exchange, r *http.Request, up *upload) error {
	var to io.Writer = l.out
	var chunks io.WriteCloser
	if r.ContentLength < 0 {
		chunks = httputil.NewChunkedWriter(l.out)
		to = chunks
	}
	if err := l.out.Flush(); err != nil { // the target may answer to the head alone
		return err
	}
	buf := copies.Get()
	defer copies.Put(buf)
	for {
		x.touch()
		x.reading.Store(true)
		n, err := r.Body.Read(buf)
		x.reading.Store(false)
		x.touch()
		x.received.Add(int64(n))
		if n > 0 {
			if _, err := to.Write(buf[:n]); err != nil {
				return err
			}
		}
		if err == io.EOF {
			break
		}
		if err != nil {
			x.short.Store(true)
			return err
		}
		if err := l.out.Flush(); err != nil {
			return err
		}
	}
	if chunks != nil {
		_ = chunks.Close() // seen at the flush
		for _, name := range slices.Sorted(maps.Keys(r.Trailer)) {
			if !x.trails(name, r.Header["Connection"]) {
				continue
			}
			for _, v := range r.Trailer[name] {
				_, _ = l.out.WriteString(name + ": " + v + "\r\n")
			}
		}
		_, _ = l.out.WriteString("\r\n")
	}
	up.whole.Store(true) // before the target can know, and answer
	return l.out.Flush()
}
