package lb

import (
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/slipway-ecs/slipway/internal/balance"
)

// carry takes a request to a target of its pool and the answer back: to another target only where
// the connection could not be established. Errors are errNoTarget, a dialError, or what broke
// after the request was on its way; after x.answered there is nothing left to answer with.
func (x *exchange) carry(w http.ResponseWriter, r *http.Request) error {
	var last error = errNoTarget
	pool := x.pool
	turn := pool.turn.Add(1) // one for all tries, or failing targets would upset the order
	if pool.group.Algorithm == balance.WeightedRandom {
		turn = rand.Uint64() //nolint:gosec // chance is all that is asked
	}
	for {
		x.began = time.Now()
		var picked balance.Picked
		index, ok := 0, false
		if len(x.tried) == 0 {
			index, ok = x.faithful(r)
			picked = balance.Picked{Index: index, FailOpen: ok && !pool.group.Targets[index].Healthy}
		}
		if !ok {
			picked, ok = pool.group.Pick(turn, x.began, func(i int) int64 { return pool.targets[i].outstanding.Load() }, x.skip(pool))
		}
		if !ok {
			return last
		}
		t, cell := pool.targets[picked.Index], pool.cells[picked.Index]
		if len(x.tried) == 0 {
			cell.add(x.conn.shard, requests, 1)
			if picked.FailOpen {
				cell.add(x.conn.shard, unhealthyRouted, 1)
			}
		}
		x.target, x.cell = t, cell
		t.outstanding.Add(1)
		send := x.send
		if pool.group.Version != "" {
			send = x.stream
		}
		err := send(w, r)
		t.outstanding.Add(-1)
		if err != nil && handshakeFailed(err) {
			cell.add(x.conn.shard, targetHandshakes, 1)
		}
		if err == nil || !errors.As(err, new(dialError)) {
			return err
		}
		var late net.Error
		switch {
		case x.ended() != nil || r.Context().Err() != nil:
			return err
		case !errors.Is(err, errCut):
			cell.add(x.conn.shard, connectionErrors, 1)
			if errors.As(err, &late) && late.Timeout() {
				return err
			}
		case x.began.Before(t.cut()):
			return err // it was outstanding when the delay ran out
		}
		last = err
		x.tried = append(x.tried, t)
		// What could not be reached may be gone from the table by now.
		if now := x.plane.snap.Load().pools[poolKey{x.door.balancer.ARN, pool.group.ARN}]; now != nil {
			pool, x.pool = now, now
		}
	}
}

// skip says which targets of the pool were tried; nil while none was.
func (x *exchange) skip(p *pool) func(i int) bool {
	if len(x.tried) == 0 {
		return nil
	}
	return func(i int) bool { return slices.Contains(x.tried, p.targets[i]) }
}

// send carries the request to x.target over HTTP/1.1.
func (x *exchange) send(w http.ResponseWriter, r *http.Request) error {
	body := r.Body != nil && r.Body != http.NoBody
	again := !body && (r.Method == http.MethodGet || r.Method == http.MethodHead || r.Method == http.MethodOptions)
	if again && !x.alone {
		if l := x.target.take(); l != nil {
			err := x.over(l, w, r)
			if !errors.As(err, new(staleError)) || x.ended() != nil {
				return err
			}
			if !x.target.cut().IsZero() {
				return err // it was outstanding when the delay ran out
			}
		}
	}
	ctx, cancel := context.WithCancelCause(r.Context())
	defer cancel(nil)
	if !x.hold(nil, cancel) {
		return x.ended()
	}
	l, err := x.target.line(ctx, x.pool.group.Protocol == "HTTPS")
	if err != nil {
		return err
	}
	if body {
		return x.overBoth(l, w, r)
	}
	return x.over(l, w, r)
}

// over carries a request without a body over a line and gives the line back, or closes it.
func (x *exchange) over(l *line, w http.ResponseWriter, r *http.Request) error {
	if !x.hold(l, nil) {
		l.close()
		return x.ended()
	}
	l.head(x, r)
	if err := l.out.Flush(); err != nil {
		l.close()
		return l.broke(err)
	}
	res, err := l.response(r)
	if err != nil {
		l.close()
		return err
	}
	return x.finish(l, w, r, res, nil)
}

// overBoth carries a request with a body: the body goes while the answer may come already.
func (x *exchange) overBoth(l *line, w http.ResponseWriter, r *http.Request) error {
	if !x.hold(l, nil) {
		l.close()
		return x.ended()
	}
	// Or net/http would read the body itself before it lets the first byte of an answer go. HTTP/2
	// does not know of that and needs no telling.
	_ = http.NewResponseController(w).EnableFullDuplex()
	up := &upload{done: make(chan struct{})}
	go func() { // waited for below
		defer close(up.done)
		l.head(x, r)
		if err := l.body(x, r, up); err != nil && !x.short.Load() {
			return // the target closed; its answer, if any, tells
		}
		if x.short.Load() {
			x.end(errShort)
		}
	}()
	res, err := l.response(r)
	if err == nil {
		err = x.finish(l, w, r, res, up)
	} else {
		l.close()
	}
	over := false
	select {
	case <-up.done:
		over = up.whole.Load() || x.short.Load() // else the target took no more, and a rest may be to come
	default:
	}
	if !over {
		// Whether the client left or its body ended early must be told now: afterwards it looks so.
		x.stopped = r.Context().Err() == nil && !x.short.Load()
		x.conn.stopReading(r) // or the server waits for the rest, without end
		<-up.done
	}
	if !up.whole.Load() && !x.answered.Load() {
		x.conn.last(w) // the rest of the body is nobody's request
	}
	return err
}

// finish gives an answer to the client and lets the line go.
func (x *exchange) finish(l *line, w http.ResponseWriter, r *http.Request, res *http.Response, up *upload) error {
	if res.StatusCode == http.StatusSwitchingProtocols {
		defer l.close()
		if upgrade(r) == "" {
			return errUpgrade
		}
		x.heard(res.StatusCode)
		return x.tunnel(w, r, l, res)
	}
	if up != nil && !up.whole.Load() {
		x.conn.last(w) // the rest of the body is nobody's request
	}
	x.heard(res.StatusCode)
	err := x.deliver(w, res, func() bool { return l.in.Buffered() == 0 })
	if up != nil && err == nil {
		if !up.whole.Load() {
			l.close()
			return nil
		}
		if !up.written(w) {
			l.close()
			return nil
		}
	}
	if err != nil || res.Close || l.in.Buffered() > 0 || x.alone || !x.release() {
		l.close()
		return err
	}
	l.give()
	return nil
}

// heard counts an answer of the target.
func (x *exchange) heard(code int) {
	x.touch()
	x.answeredAt, x.code = time.Now(), code
	x.cell.took(x.conn.shard, x.answeredAt.Sub(x.began))
	if class, ok := codeClass(code); ok {
		x.cell.add(x.conn.shard, class, 1)
	}
}

// codeClass is the counter of a target's code; 101 has none.
func codeClass(code int) (counter, bool) {
	switch {
	case code >= 500:
		return target5XX, true
	case code >= 400:
		return target4XX, true
	case code >= 300:
		return target3XX, true
	}
	return target2XX, code >= 200
}

// hop reports whether a header is of one connection alone; connection is what the message's
// Connection header says.
func hop(name string, connection []string) bool {
	switch name {
	case "Connection", "Keep-Alive", "Proxy-Connection", "Proxy-Authenticate", "Proxy-Authorization", "Te", "Trailer", "Transfer-Encoding", "Upgrade":
		return true
	}
	for _, v := range connection {
		for n := range strings.SplitSeq(v, ",") {
			if n = strings.TrimSpace(n); len(n) == len(name) && strings.EqualFold(n, name) {
				return true
			}
		}
	}
	return false
}
