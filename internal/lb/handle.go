package lb

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/slipway-ecs/slipway/internal/balance"
)

var (
	errIdle     = errors.New("idle time-out")
	errNoTarget = errors.New("the target group has no target")
)

// maxLocation is the longest redirect; beyond is 507 (the number is unconfirmed).
const maxLocation = 8 << 10

// exchange is one request on its way to a target. It is the context of that request, so that
// the transport finds it.
type exchange struct {
	context.Context
	cancel context.CancelCauseFunc
	plane  *plane
	conn   *conn
	door   *door
	pool   *pool
	client context.Context // ends when the client leaves

	timer   *time.Timer
	touched atomic.Int64 // when a byte last moved, in nanoseconds since the epoch
	reading atomic.Bool  // waiting for the client's body
	stalled atomic.Bool  // the client let the idle time-out pass
	short   atomic.Bool  // the client's body ended early
	tried   []*target
}

type exchangeKey struct{}

// Value gives the exchange itself under its key, and otherwise what its context has.
func (x *exchange) Value(key any) any {
	if key == (exchangeKey{}) {
		return x
	}
	return x.Context.Value(key)
}

func (x *exchange) touch() { x.touched.Store(time.Now().UnixNano()) }

// expire ends the exchange when no byte moved for the idle time-out, and else waits for the rest.
func (x *exchange) expire() {
	idle := x.door.idle()
	if rest := idle - time.Since(time.Unix(0, x.touched.Load())); rest > 0 {
		x.timer.Reset(rest)
		return
	}
	if x.reading.Load() {
		x.stalled.Store(true)
		// The reader of the body lets go only when its connection does.
		_ = x.conn.Conn.SetReadDeadline(time.Now())
	}
	x.cancel(errIdle)
}

// ServeHTTP answers one request by the table of this moment.
func (at *port) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c, _ := r.Context().Value(connKey{}).(*conn)
	s := at.site()
	if c == nil || s == nil {
		panic(http.ErrAbortHandler) // connections of this server are ours, and it opens with a site
	}
	d := s.door(c.local, r.Host)
	c.enter(d)
	if r.Header.Get("Upgrade") == "" && (at.leaving.Load() || time.Since(c.born) > d.keepAlive() || at.strange(c)) {
		w.Header().Set("Connection", "close")
	}
	if code := acceptable(r); code != 0 {
		w.Header().Set("Connection", "close")
		d.fail(w, r, c.shard, code)
		return
	}
	rule := d.router.Route(facts(r))
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
		at.forward(w, r, c, d, rule)
	default:
		d.fail(w, r, c.shard, http.StatusInternalServerError)
	}
}

// strange reports whether a connection came in by an own address that is no longer listened on.
func (at *port) strange(c *conn) bool {
	return c.own && at.site().own[c.local] == nil
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
	if _, port, err := net.SplitHostPort(c.LocalAddr().String()); err == nil && at.got != at.number && port == strconv.Itoa(at.got) {
		place.Port = at.got
	}
	location := to.Location(place)
	if len(location) > maxLocation {
		d.fail(w, r, c.shard, http.StatusInsufficientStorage)
		return
	}
	d.cell.add(c.shard, redirects, 1)
	d.countELB(c.shard, to.Code)
	w.Header().Set("Location", location)
	d.reply(w, r, to.Code, "text/html", page(to.Code))
}

func (at *port) forward(w http.ResponseWriter, r *http.Request, c *conn, d *door, rule *balance.Rule) {
	draw := d.turns[rule].Add(1) * balance.Golden
	arn, ok := rule.Action.Forward.Choose(draw)
	pool := d.pools[arn]
	if !ok || pool == nil {
		d.fail(w, r, c.shard, http.StatusServiceUnavailable)
		return
	}
	x := &exchange{plane: at.plane, conn: c, door: d, pool: pool, client: r.Context()}
	x.Context, x.cancel = context.WithCancelCause(r.Context())
	defer x.cancel(nil)
	x.touch()
	x.timer = time.AfterFunc(d.idle(), x.expire)
	defer x.timer.Stop()
	w.Header()["Content-Type"] = nil // a target that names none means none: net/http shall not guess
	at.plane.proxy.ServeHTTP(w, r.WithContext(x))
}

// facts are what rules can know of a request.
func facts(r *http.Request) *balance.Request {
	q := &balance.Request{Method: r.Method, Host: r.Host, Path: r.URL.EscapedPath(), Query: r.URL.RawQuery, Header: r.Header}
	if peer, err := netip.ParseAddrPort(r.RemoteAddr); err == nil {
		q.Source = peer.Addr()
	}
	return q
}

// dress gives a target's response the listener's own headers.
func dress(res *http.Response) error {
	x := res.Request.Context().Value(exchangeKey{}).(*exchange)
	if x.door.listener.NoServerHeader {
		res.Header.Del("Server")
	}
	for _, f := range x.door.listener.ResponseHeaders {
		res.Header.Set(f.Name, f.Value)
	}
	return nil
}

// broken answers for a target that did not.
//
// Source: ELBv2 guide, "Troubleshoot your Application Load Balancers".
func broken(w http.ResponseWriter, r *http.Request, err error) {
	x := r.Context().Value(exchangeKey{}).(*exchange)
	var late net.Error
	code := http.StatusBadGateway
	switch {
	case errors.Is(context.Cause(x), errIdle):
		if code = http.StatusGatewayTimeout; x.stalled.Load() {
			code = http.StatusRequestTimeout
		}
	case x.short.Load() && x.client.Err() == nil:
		code = http.StatusBadRequest
	case x.client.Err() != nil:
		x.door.countELB(x.conn.shard, 460)
		panic(http.ErrAbortHandler) // nobody is left to answer
	case errors.Is(err, errNoTarget):
		code = http.StatusServiceUnavailable
	case errors.As(err, new(dialError)) && errors.As(err, &late) && late.Timeout():
		code = http.StatusGatewayTimeout
	}
	if code == http.StatusRequestTimeout || code == http.StatusBadRequest {
		w.Header().Set("Connection", "close")
	}
	x.door.fail(w, r, x.conn.shard, code)
}
