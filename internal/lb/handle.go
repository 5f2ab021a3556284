package lb

import (
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/slipway-ecs/slipway/internal/balance"
)

var (
	errIdle     = errors.New("idle time-out")
	errLeft     = errors.New("the client left")
	errShort    = errors.New("the client's body ended early")
	errUpgrade  = errors.New("the target changes protocols unasked")
	errNoTarget = errors.New("the target group has no target")
)

// maxLocation is the longest redirect; beyond is 507 (the number is unconfirmed).
const maxLocation = 8 << 10

// exchange is one request on its way to a target.
type exchange struct {
	plane *plane
	conn  *conn
	door  *door
	rule  *balance.Rule
	pool  *pool

	verdict verdict
	alone   bool // its connection to the target is for this request only

	timer    *time.Timer
	touched  atomic.Int64 // when a byte last moved, in nanoseconds since the epoch
	received atomic.Int64 // bytes of the client's body
	sent     atomic.Int64 // bytes to the client through a tunnel
	reading  atomic.Bool  // waiting for the client's body
	stalled  atomic.Bool  // the client let the idle time-out pass
	short    atomic.Bool  // the client's body ended early
	tried    []*target

	trace    string  // X-Amzn-Trace-Id for the target
	target   *target // the last one chosen
	cell     *cell   // of target
	began    time.Time
	answered atomic.Bool // an answer has begun
	stopped  bool        // the rest of the client's body was not wanted, and its reader let go

	start, answeredAt time.Time // for access logs
	code              int       // of the target
	reason            string    // error_reason of the access log; empty means none

	mu     sync.Mutex          // guards the rest
	w      http.ResponseWriter // nil once the handler has left it
	cause  error               // why it ended; nil while it goes on
	line   *line               // to be closed by end
	cancel func(error)
}

func (x *exchange) touch() { x.touched.Store(time.Now().UnixNano()) }

// hold says what is to be ended with the exchange, and false where it has ended already.
func (x *exchange) hold(l *line, cancel func(error)) bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	if l != nil {
		l.x = x
	}
	x.line, x.cancel = l, cancel
	return x.cause == nil
}

// release gives the line to others, unless the exchange ended: then the line is spoilt.
func (x *exchange) release() bool { return x.hold(nil, nil) }

// end ends the exchange: whoever waits for the target gets an error. The first cause counts.
func (x *exchange) end(cause error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.cause == nil {
		x.cause = cause
	}
	if x.line != nil {
		x.line.close()
	}
	if x.cancel != nil {
		x.cancel(cause)
	}
}

// ended gives why the exchange ended; nil while it goes on.
func (x *exchange) ended() error {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.cause
}

// expire ends the exchange when no byte moved for the idle time-out, and else waits for the rest.
func (x *exchange) expire() {
	idle := x.door.idle()
	if rest := idle - time.Since(time.Unix(0, x.touched.Load())); rest > 0 {
		x.mu.Lock()
		defer x.mu.Unlock()
		if x.w != nil {
			x.timer.Reset(rest)
		}
		return
	}
	stalled := x.reading.Load()
	x.stalled.Store(stalled)
	x.end(errIdle) // first, or the reader's error would be the cause
	x.mu.Lock()
	defer x.mu.Unlock()
	switch {
	case x.w == nil: // it is over
	case !x.conn.h2 && stalled: // the reader of the body lets go only when its connection does
		_ = x.conn.Conn.SetReadDeadline(time.Now())
	case x.conn.h2 && x.answered.Load(): // a writer waits for its client; of HTTP/1.1 see conn.hurry
		_ = http.NewResponseController(x.w).SetWriteDeadline(time.Now())
	}
}

// leave ends the timer's hold on what belongs to the handler.
func (x *exchange) leave() {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.w = nil
	x.timer.Stop()
}

// ServeHTTP answers one request by the table of this moment.
func (at *port) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c, _ := r.Context().Value(connKey{}).(*conn)
	s := at.site()
	if c == nil || s == nil {
		panic(http.ErrAbortHandler) // connections of this server are ours, and it opens with a site
	}
	c.responding.Store(true)
	d := s.door(c.local, r.Host, c.tls != nil)
	if d == nil { // HTTP at a port of HTTPS
		c.last(w)
		s.door(c.local, r.Host, true).fail(w, r, c.shard, http.StatusBadRequest)
		return
	}
	c.enter(d)
	if n := c.served.Add(1); c.h2 && n >= mostOfConnection {
		c.last(w) // GOAWAY
	}
	if r.Header.Get("Upgrade") == "" && (at.leaving.Load() || time.Since(c.born) > d.keepAlive() || at.strange(c)) {
		c.last(w)
	}
	var v verdict
	if !c.h2 {
		v = c.verdict()
	}
	if v.class > compliant {
		d.cell.add(c.shard, nonCompliant, 1)
	}
	refused, ends := v.treated(d.balancer.Desync)
	if ends {
		c.last(w)
	}
	x := &exchange{plane: at.plane, conn: c, door: d, verdict: v, alone: ends}
	if d.balancer.AccessLog {
		x.start = time.Now()
		x.trace = trace(r.Header.Get(traceID), x.start, rand.Uint64(), rand.Uint32()) //nolint:gosec // an id
		seen := &watched{ResponseWriter: w}
		w = seen
		defer func() {
			if err := at.plane.journal.write(d.balancer.ARN, x.accessLine(r, seen, time.Now())); err != nil {
				at.plane.log.Error("a line of an access log is lost", "balancer", d.balancer.ARN, "err", err)
			}
		}()
	}
	code := formOf(r)
	if !c.h2 && r.ProtoMajor != 1 {
		code = http.StatusHTTPVersionNotSupported // net/http lets the preface of HTTP/2 pass
	}
	if refused {
		code = http.StatusBadRequest
	}
	if code != 0 {
		c.last(w)
		d.fail(w, r, c.shard, code)
		return
	}
	x.rule = d.router.Route(facts(c, r))
	rule := x.rule
	switch {
	case rule == nil:
		d.fail(w, r, c.shard, http.StatusServiceUnavailable)
	case rule.Action.Fixed != nil:
		f := rule.Action.Fixed
		d.cell.add(c.shard, fixedResponses, 1)
		d.countELB(c.shard, f.Code)
		d.reply(w, r, f.Code, f.ContentType, f.Body)
	case rule.Action.Redirect != nil:
		at.redirect(w, r, c, d, rule.Action.Redirect)
	case rule.Action.Forward != nil:
		at.forward(w, r, x)
	default:
		d.fail(w, r, c.shard, http.StatusInternalServerError)
	}
}

// strange reports whether a connection came in by an own address that is no longer listened on.
func (at *port) strange(c *conn) bool {
	return c.own && !at.site().own[c.local]
}

func (at *port) redirect(w http.ResponseWriter, r *http.Request, c *conn, d *door, to *balance.Redirect) {
	host := balance.HostName(r.Host)
	if host == "" {
		host = d.balancer.DNSName
	}
	place := balance.Place{Protocol: "http", Host: host, Port: d.listener.Port, Path: r.URL.EscapedPath(), Query: r.URL.RawQuery}
	if d.listener.Protocol == "HTTPS" {
		place.Protocol = "https"
	}
	// Where the port asked for could not be had, "#{port}" is the one the client came to.
	if got := at.shared.number(); got != at.number {
		if _, port, err := net.SplitHostPort(c.LocalAddr().String()); err == nil && port == strconv.Itoa(got) {
			place.Port = got
		}
	}
	location := to.Location(place)
	if len(location) > maxLocation {
		d.cell.add(c.shard, longRedirects, 1)
		d.fail(w, r, c.shard, http.StatusInsufficientStorage)
		return
	}
	d.cell.add(c.shard, redirects, 1)
	d.countELB(c.shard, to.Code)
	w.Header().Set("Location", location)
	d.reply(w, r, to.Code, "text/html", page(to.Code))
}

func (at *port) forward(w http.ResponseWriter, r *http.Request, x *exchange) {
	d := x.door
	r, ok := x.rewritten(r)
	if !ok {
		d.fail(w, r, x.conn.shard, http.StatusInternalServerError)
		return
	}
	if x.pool = x.choose(r); x.pool == nil {
		d.fail(w, r, x.conn.shard, http.StatusServiceUnavailable)
		return
	}
	if code := mismatch(r, x.pool.group); code != 0 {
		d.fail(w, r, x.conn.shard, code)
		return
	}
	if x.pool.group.Version == balance.GRPC {
		d.cell.add(x.conn.shard, grpcRequests, 1)
	}
	if x.trace == "" {
		x.trace = trace(r.Header.Get(traceID), time.Now(), rand.Uint64(), rand.Uint32()) //nolint:gosec // an id
	}
	x.touch()
	x.mu.Lock() // the timer may come before it is known
	x.w = w
	x.timer = time.AfterFunc(d.idle(), x.expire)
	x.mu.Unlock()
	defer x.leave()
	defer context.AfterFunc(r.Context(), func() { x.end(errLeft) })()
	if err := x.carry(w, r); err != nil {
		x.broken(w, r, err)
	}
}

// facts are what rules can know of a request.
func facts(c *conn, r *http.Request) *balance.Request {
	return &balance.Request{Method: r.Method, Host: r.Host, Path: r.URL.EscapedPath(), Query: r.URL.RawQuery, Header: r.Header, Source: c.source}
}

// broken answers for a target that did not.
//
// Source: ELBv2 guide, "Troubleshoot your Application Load Balancers".
func (x *exchange) broken(w http.ResponseWriter, r *http.Request, err error) {
	if x.answered.Load() {
		if r.ProtoMajor == 1 && r.ProtoMinor == 0 {
			x.conn.abort() // to such a client the end of a connection is the end of an answer
		}
		panic(http.ErrAbortHandler) // cutting the answer short is all there is left to say
	}
	var late net.Error
	code, cause := http.StatusBadGateway, x.ended()
	switch {
	case errors.Is(cause, errIdle):
		if code = http.StatusGatewayTimeout; x.stalled.Load() {
			code = http.StatusRequestTimeout
		}
	case x.stopped: // the target failed before the client had said everything
	case x.short.Load() && r.Context().Err() == nil:
		code = http.StatusBadRequest
	case r.Context().Err() != nil:
		x.door.countELB(x.conn.shard, 460)
		panic(http.ErrAbortHandler) // nobody is left to answer
	case errors.Is(err, errNoTarget):
		code = http.StatusServiceUnavailable
	case errors.As(err, &late) && late.Timeout(): // at the connect or the TLS handshake
		code = http.StatusGatewayTimeout
	}
	if code == http.StatusRequestTimeout || code == http.StatusBadRequest {
		x.conn.last(w)
	}
	x.door.fail(w, r, x.conn.shard, code)
}
