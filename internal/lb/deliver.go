package lb

import (
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
)

// buffers lends copy buffers.
type buffers struct{ pool sync.Pool }

const bufferSize = 32 << 10

// copies are the buffers that bodies are copied through.
var copies buffers

// Get gives a buffer.
func (b *buffers) Get() []byte {
	if p, ok := b.pool.Get().(*[bufferSize]byte); ok {
		return p[:]
	}
	return new([bufferSize]byte)[:]
}

// Put takes a buffer back.
func (b *buffers) Put(p []byte) { b.pool.Put((*[bufferSize]byte)(p)) }

// deliver gives a target's answer to the client. Bytes leave at once where the target has no more of
// them at hand, as drained tells. An error after x.answered means that the answer is cut short.
func (x *exchange) deliver(w http.ResponseWriter, res *http.Response, drained func() bool) error {
	defer res.Body.Close() //nolint:errcheck // read to its end, or the line closes
	h := w.Header()
	connection := res.Header["Connection"]
	for name, values := range res.Header {
		if !hop(name, connection) {
			h[name] = values
		}
	}
	if _, ok := res.Header["Content-Type"]; !ok {
		h["Content-Type"] = nil // a target that names none means none: net/http shall not guess
	}
	if x.door.listener.NoServerHeader {
		delete(h, "Server")
	}
	for _, f := range x.door.listener.ResponseHeaders {
		h.Set(f.Name, f.Value)
	}
	if x.rule.Action.Forward.Sticky > 0 || x.pool.group.Sticky.For > 0 {
		x.bind(h, res.Header["Set-Cookie"])
	}
	var announced []string
	for _, name := range slices.Sorted(maps.Keys(res.Trailer)) {
		if x.follows(name, connection) {
			announced = append(announced, name)
		}
	}
	if len(announced) > 0 {
		h.Add("Trailer", strings.Join(announced, ", "))
	}
	x.answered.Store(true)
	w.WriteHeader(res.StatusCode)
	if err := x.copy(w, res, drained); err != nil {
		return err
	}
	if len(res.Trailer) == 0 {
		return nil
	}
	_ = http.NewResponseController(w).Flush() // or a short answer would get a length, and no trailers
	for name, values := range res.Trailer {
		switch {
		case slices.Contains(announced, name):
			h[name] = values
		case x.follows(name, connection):
			h[http.TrailerPrefix+name] = values
		}
	}
	return nil
}

// copy copies an answer's body.
func (x *exchange) copy(w http.ResponseWriter, res *http.Response, drained func() bool) error {
	if res.ContentLength == 0 || res.Body == http.NoBody {
		return nil
	}
	buf := copies.Get()
	defer copies.Put(buf)
	rest := res.ContentLength
	for {
		n, err := res.Body.Read(buf)
		x.touch()
		if n > 0 {
			if _, err := w.Write(buf[:n]); err != nil {
				return err
			}
			x.touch()
			if rest -= int64(n); rest == 0 && res.ProtoMajor == 1 { // streams may have trailers
				return nil
			}
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		if drained() {
			if err := http.NewResponseController(w).Flush(); err != nil {
				return err
			}
		}
	}
}

// upgrade is the protocol a client wants to change to; empty where it wants none, or one that ALB does
// not pass on: whoever could talk HTTP/2 through a tunnel would talk past the rules.
//
// Source: ELBv2 guide, "Listeners for your Application Load Balancers", WebSockets.
func upgrade(r *http.Request) string {
	if !r.ProtoAtLeast(1, 1) || r.ProtoMajor != 1 || r.Method != http.MethodGet || r.ContentLength != 0 || len(r.Header["Upgrade"]) != 1 || !strings.EqualFold(r.Header["Upgrade"][0], "websocket") {
		return ""
	}
	for _, v := range r.Header["Connection"] {
		for n := range strings.SplitSeq(v, ",") {
			if strings.EqualFold(strings.TrimSpace(n), "upgrade") {
				return r.Header["Upgrade"][0]
			}
		}
	}
	return ""
}

// tunnel joins client and target after 101, until one of them ends or the idle time-out.
func (x *exchange) tunnel(w http.ResponseWriter, r *http.Request, l *line, res *http.Response) error {
	client, buffered, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return err
	}
	x.answered.Store(true)
	x.conn.opaque()
	defer x.conn.count() // the server counts hijacked connections no longer
	defer client.Close() //nolint:errcheck // the tunnel has ended
	res.Body = nil
	if err := res.Write(client); err != nil {
		return nil // nobody is left to answer
	}
	ends := make(chan struct{}, 2)
	go func() { // ends with either connection; waited for below
		_, _ = io.Copy(l, touching{buffered.Reader, x})
		ends <- struct{}{}
	}()
	go func() {
		_, _ = io.Copy(touched{client, x}, l.in)
		ends <- struct{}{}
	}()
	<-ends
	l.close()
	_ = client.Close() // both ends see it
	<-ends
	return nil
}

// touching is a reader whose bytes count as activity.
type touching struct {
	io.Reader
	x *exchange
}

// Read reads.
func (t touching) Read(p []byte) (int, error) {
	n, err := t.Reader.Read(p)
	t.x.received.Add(int64(n))
	t.x.touch()
	return n, err
}

// touched is a writer whose bytes count as activity.
type touched struct {
	io.Writer
	x *exchange
}

// Write writes.
func (t touched) Write(p []byte) (int, error) {
	n, err := t.Writer.Write(p)
	t.x.sent.Add(int64(n))
	t.x.touch()
	return n, err
}
