package lb

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"

	"github.com/slipway-ecs/slipway/internal/balance"
)

// transport speaks HTTP/2 to a target: with prior knowledge, or over TLS.
func (t *target) transport() *http.Transport {
	t.once.Do(func() {
		protocols := new(http.Protocols)
		protocols.SetHTTP2(true)
		protocols.SetUnencryptedHTTP2(true)
		t.h2 = &http.Transport{
			DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
				c, err := t.dial(ctx)
				if err != nil {
					return nil, err // and no *targetConn
				}
				return c, nil
			},
			TLSClientConfig:        targetTLS.Clone(),
			TLSHandshakeTimeout:    connectTimeout,
			Protocols:              protocols,
			DisableCompression:     true,
			MaxResponseHeaderBytes: maxResponseHeader,
			IdleConnTimeout:        balance.DefaultIdleTimeout,
		}
	})
	return t.h2
}

// stream carries a request to x.target over HTTP/2.
func (x *exchange) stream(w http.ResponseWriter, r *http.Request) error {
	ctx, cancel := context.WithCancelCause(r.Context())
	defer cancel(nil)
	if !x.hold(nil, cancel) {
		return x.ended()
	}
	to := *r.URL
	to.Scheme, to.Host = "http", hostFor(r.Host, x.door.balancer, x.door.listener)
	if x.pool.group.Protocol == "HTTPS" {
		to.Scheme = "https"
	}
	out := (&http.Request{
		Method: r.Method, URL: &to, Host: to.Host, Proto: "HTTP/2.0", ProtoMajor: 2, Header: http.Header{},
		ContentLength: r.ContentLength,
	}).WithContext(ctx)
	x.fields(r, func(name, value string) { out.Header[name] = append(out.Header[name], value) })
	if strings.EqualFold(r.Header.Get("Te"), "trailers") {
		out.Header.Set("Te", "trailers")
	}
	if _, ok := out.Header["User-Agent"]; !ok {
		out.Header["User-Agent"] = []string{""} // or the transport would name itself
	}
	for name := range r.Trailer { // those announced; what they say comes behind the body
		if x.trails(name, r.Header["Connection"]) {
			if out.Trailer == nil {
				out.Trailer = http.Header{}
			}
			out.Trailer[name] = nil
		}
	}
	if r.Body != nil && r.Body != http.NoBody {
		out.Body = &inbound{r.Body, x, func() {
			for name := range out.Trailer {
				out.Trailer[name] = r.Trailer[name]
			}
		}}
	}
	res, err := x.target.transport().RoundTrip(out)
	if err != nil {
		return err
	}
	x.heard(res.StatusCode)
	return x.deliver(w, res, func() bool { return true })
}

// inbound is the client's body on its way to a target of HTTP/2.
type inbound struct {
	io.ReadCloser
	x    *exchange
	last func() // called when all of it is read, before the transport looks at the trailers
}

// Read reads and says so to the exchange.
func (b *inbound) Read(p []byte) (int, error) {
	b.x.touch()
	b.x.reading.Store(true)
	n, err := b.ReadCloser.Read(p)
	b.x.reading.Store(false)
	b.x.touch()
	b.x.received.Add(int64(n))
	switch {
	case err == io.EOF:
		b.last()
	case err != nil:
		b.x.short.Store(true)
	}
	return n, err
}

// Close leaves the body to the server: after a target that could not be reached the next one reads it.
func (b *inbound) Close() error { return nil }

// probeURL is what a health check over HTTP/2 asks for.
func probeURL(k probeKey) *url.URL {
	u := &url.URL{Scheme: strings.ToLower(k.check.Protocol), Host: k.host, Path: "/"}
	if at, err := url.ParseRequestURI(k.check.Path); err == nil {
		u.Path, u.RawPath, u.RawQuery = at.Path, at.RawPath, at.RawQuery
	}
	return u
}

// askStream makes a health check over HTTP/2: a GET, or a call of gRPC whose status is the code.
func askStream(ctx context.Context, k probeKey) (code int, err error) {
	var d net.Dialer
	protocols := new(http.Protocols)
	protocols.SetHTTP2(true)
	protocols.SetUnencryptedHTTP2(true)
	tr := &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return d.DialContext(ctx, k.dial.Network, k.dial.Address)
		},
		TLSClientConfig:        targetTLS.Clone(),
		Protocols:              protocols,
		MaxResponseHeaderBytes: probeHeader,
	}
	defer tr.CloseIdleConnections()
	r := (&http.Request{Method: http.MethodGet, URL: probeURL(k), Host: k.host, Header: http.Header{"User-Agent": {"ELB-HealthChecker/2.0"}}}).WithContext(ctx)
	if k.check.Version == balance.GRPC {
		const empty = "\x00\x00\x00\x00\x00" // a message of no bytes, uncompressed
		r.Method, r.Body, r.ContentLength = http.MethodPost, io.NopCloser(strings.NewReader(empty)), int64(len(empty))
		r.Header.Set("Content-Type", "application/grpc")
		r.Header.Set("Te", "trailers")
	}
	res, err := tr.RoundTrip(r)
	if err != nil {
		return 0, err
	}
	defer res.Body.Close() //nolint:errcheck // the answer is known by then
	if k.check.Version != balance.GRPC {
		return res.StatusCode, nil
	}
	return grpcStatus(res)
}
