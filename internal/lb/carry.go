package lb

import (
	"errors"
	"io"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"
)

// carrier takes a request to a target of its pool: to another one only where the connection
// could not be established.
type carrier struct{ plane *plane }

// RoundTrip gives the response of the first target that accepts a connection. Errors are
// errNoTarget, a dialError, or what broke after the request was on its way.
func (k carrier) RoundTrip(r *http.Request) (*http.Response, error) {
	x := r.Context().Value(exchangeKey{}).(*exchange)
	transport := k.plane.pooled
	if r.Body != nil && r.Body != http.NoBody {
		r.Body = inbound{r.Body, x}
		transport = k.plane.fresh
	} else if r.Method != http.MethodGet && r.Method != http.MethodHead && r.Method != http.MethodOptions {
		transport = k.plane.fresh
	}
	var last error = errNoTarget
	pool := x.pool
	turn := pool.turn.Add(1) // one for all tries, or failing targets would upset the order
	for {
		picked, ok := pool.group.Pick(turn, func(i int) int64 { return pool.targets[i].outstanding.Load() }, x.skip(pool))
		if !ok {
			return nil, last
		}
		t, cell := pool.targets[picked.Index], pool.cells[picked.Index]
		if len(x.tried) == 0 {
			cell.add(x.conn.shard, requests, 1)
			if picked.FailOpen {
				cell.add(x.conn.shard, unhealthyRouted, 1)
			}
		}
		r.URL.Scheme, r.URL.Host = "http", t.key
		if pool.group.Protocol == "HTTPS" {
			r.URL.Scheme = "https"
		}
		t.outstanding.Add(1)
		began := time.Now()
		res, err := transport.RoundTrip(r)
		if err == nil {
			x.touch()
			cell.took(x.conn.shard, time.Since(began))
			if class, ok := codeClass(res.StatusCode); ok {
				cell.add(x.conn.shard, class, 1)
			}
			res.Body = x.outbound(res.Body, t)
			return res, nil
		}
		t.outstanding.Add(-1)
		if !errors.As(err, new(dialError)) {
			return nil, err
		}
		var late net.Error
		switch {
		case r.Context().Err() != nil:
			return nil, err
		case !errors.Is(err, errCut):
			cell.add(x.conn.shard, connectionErrors, 1)
			if errors.As(err, &late) && late.Timeout() {
				return nil, err
			}
		case began.Before(t.cut()):
			return nil, err // it was outstanding when the delay ran out
		}
		last = err
		x.tried = append(x.tried, t)
		// What could not be reached may be gone from the table by now.
		if now := k.plane.snap.Load().pools[poolKey{x.door.balancer.ARN, pool.group.ARN}]; now != nil {
			pool = now
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

// inbound is the client's body on its way to a target. Closing it is the server's business:
// after a target that could not be reached the next one reads it.
type inbound struct {
	io.ReadCloser
	x *exchange
}

func (b inbound) Read(p []byte) (int, error) {
	b.x.touch()
	b.x.reading.Store(true)
	n, err := b.ReadCloser.Read(p)
	b.x.reading.Store(false)
	b.x.touch()
	if err != nil && err != io.EOF {
		b.x.short.Store(true)
	}
	return n, err
}

func (b inbound) Close() error { return nil }

// outbound is a target's body on its way to the client; its close ends the request for the
// target.
type outbound struct {
	io.ReadCloser
	x    *exchange
	t    *target
	once *sync.Once
}

func (b outbound) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.x.touch()
	return n, err
}

func (b outbound) Close() error {
	b.once.Do(func() { b.t.outstanding.Add(-1) })
	return b.ReadCloser.Close()
}

// tunnel is an upgraded connection to a target.
type tunnel struct {
	outbound
	to io.Writer
}

func (b tunnel) Write(p []byte) (int, error) {
	n, err := b.to.Write(p)
	b.x.touch()
	return n, err
}

func (x *exchange) outbound(body io.ReadCloser, t *target) io.ReadCloser {
	out := outbound{body, x, t, new(sync.Once)}
	if to, ok := body.(io.Writer); ok {
		return tunnel{out, to}
	}
	return out
}
