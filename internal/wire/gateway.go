package wire

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"reflect"
	"runtime/debug"
	"strings"
	"time"

	"github.com/slipway-ecs/slipway/internal/clock"
	"github.com/slipway-ecs/slipway/internal/ids"
)

// Gateway is the http.Handler of one endpoint that serves several services, as every AWS client
// expects to find them behind one AWS_ENDPOINT_URL.
type Gateway struct {
	o        GatewayOptions
	services []*Service // in the order given
	byName   map[string]*Service
	byTarget map[string]*Service
	version  map[string]*Service // query services by API version
}

// GatewayOptions say how a gateway understands requests. The zero value serves everybody as
// account 000000000000 in us-east-1.
type GatewayOptions struct {
	Account func(accessKeyID string) string // which account a key belongs to; "" is the key of an unsigned request
	Region  string                          // when the request names none
	Times   Times                           // wall's time and ours, for every timestamp of every protocol

	// Keys gives the secret of a key. Where it is nil, signatures are read for their scope and not
	// verified.
	Keys  func(accessKeyID string) (secret string, ok bool)
	Token func(accessKeyID, token string) TokenState // judges the token of a session, "" where none came; nil takes any
	Clock clock.Clock                                // the wall's, for the dates of signatures; nil is clock.Real

	// Missing is told of each call to an operation that nobody built. The client gets the
	// protocol's own error, always 4xx: some retry a 5xx for minutes.
	Missing func(service, operation string)

	Log          *slog.Logger  // our own mistakes: ordinary errors and panics of handlers; nil logs nothing
	NewRequestID func() string // nil makes random UUIDs
	Other        http.Handler  // what is no AWS call; nil answers 404
	Own          string        // paths that begin so are Other's, whatever else the request says; empty: none
}

// NewGateway makes a gateway of services. Two with one name are a broken invariant and panic.
func NewGateway(o GatewayOptions, services ...*Service) *Gateway {
	if o.Account == nil {
		o.Account = func(string) string { return "000000000000" }
	}
	if o.Region == "" {
		o.Region = "us-east-1"
	}
	if o.Clock == nil {
		o.Clock = clock.Real{}
	}
	if o.Missing == nil {
		o.Missing = func(string, string) {}
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.NewRequestID == nil {
		o.NewRequestID = ids.Random().UUID
	}
	if o.Other == nil {
		o.Other = http.NotFoundHandler()
	}
	g := &Gateway{o: o, services: services, byName: map[string]*Service{}, byTarget: map[string]*Service{}, version: map[string]*Service{}}
	for _, s := range services {
		if g.byName[s.name] != nil {
			panic(fmt.Sprintf("wire: service %q is there twice", s.name))
		}
		g.byName[s.name] = s
		if s.target != "" {
			g.byTarget[s.target] = s
		}
		if s.apiVersion != "" {
			g.version[s.apiVersion] = s
		}
	}
	return g
}

// ServeHTTP answers one request. A handler's panic costs its own request only.
func (g *Gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if g.o.Own != "" && strings.HasPrefix(r.URL.Path, g.o.Own) {
		g.o.Other.ServeHTTP(w, r)
		return
	}
	q := &request{r: r, id: g.o.NewRequestID(), times: g.o.Times, sig: readSignature(r)}
	if s := g.plain(q); s != nil {
		g.serveHTTP(w, q, s)
		return
	}
	if !g.identify(q) {
		if s := g.claimed(q); s != nil {
			g.serveHTTP(w, q, s)
			return
		}
		g.o.Other.ServeHTTP(w, r)
		return
	}
	q.call = &call{caller: g.callerOf(q)}
	if f, ok := g.receive(q); !ok {
		g.refuseEarly(w, q, f)
		return
	}
	var op *operation
	if q.service != nil {
		op = q.service.operations[q.operation]
	}
	if op == nil {
		g.o.Missing(q.serviceName, q.operation)
		q.refuse(w, q.unknownOperation())
		return
	}
	op.compile()
	in := reflect.New(op.in.Type)
	if err := q.decode(op, in.Elem()); err != nil {
		q.refuse(w, q.badInput(err))
		return
	}
	if at := missing(in.Elem(), op.in); at != "" {
		q.refuse(w, q.lacking(at))
		return
	}
	if err := q.strayIn(op, in.Elem()); err != nil {
		f, _ := q.service.failureOf(err)
		q.refuse(w, f)
		return
	}
	g.run(w, q, op, in)
}

// callerOf tells who asks.
func (g *Gateway) callerOf(q *request) Caller {
	c := Caller{Account: g.o.Account(q.sig.key), Region: q.sig.region, AccessKeyID: q.sig.key, RequestID: q.id}
	if c.Region == "" {
		c.Region = g.o.Region
	}
	return c
}

// receive reads the body, believes or refuses the signature, and finishes finding the operation.
func (g *Gateway) receive(q *request) (f failure, ok bool) {
	limit := int64(MaxBody)
	if q.proto == protoREST {
		limit = MaxBodyREST
	}
	sent, err := readBody(q.r, limit)
	if err != nil {
		return q.badBody(err), false
	}
	q.body, err = inflate(q.r.Header.Get("Content-Encoding"), sent, limit)
	if err != nil {
		return q.badBody(err), false
	}
	if q.proto == protoQuery {
		if err := g.identifyForm(q); err != nil {
			return q.badInput(err), false
		}
	}
	// Here also for STS's operations that need no keys on AWS: no token or assertion is checked
	// by anybody, so whoever may call them is let in by their credentials.
	if g.o.Keys != nil {
		v := verifier{now: g.o.Clock.Now(), skew: maxSkew, keys: g.o.Keys, token: g.o.Token}
		switch {
		case q.asked != nil:
			v.service = q.asked.name
		case q.service != nil:
			v.service = q.service.name
		}
		if wrong := v.verify(q.r, q.sig, sent); wrong.why != believed {
			return wrong.failure(q.proto), false
		}
	}
	return failure{}, true
}

// The rest of a body that is refused is taken before its connection closes, up to a size and a time.
const (
	mostSwallowed   = 256 << 20
	swallowPatience = time.Minute
)

// refuseEarly answers with an error although the body may not have been read, and then takes what comes
// of it: a client that sends all of it first would see a broken connection in place of the answer.
func (g *Gateway) refuseEarly(w http.ResponseWriter, q *request, f failure) {
	c := http.NewResponseController(w)
	duplex := c.EnableFullDuplex() == nil
	q.refuse(w, f)
	if duplex && f.status == http.StatusRequestEntityTooLarge && c.Flush() == nil && c.SetReadDeadline(g.o.Clock.Now().Add(swallowPatience)) == nil {
		_, _ = io.CopyN(io.Discard, q.r.Body, mostSwallowed) // it ends early where the client hears
	}
}

func (g *Gateway) run(w http.ResponseWriter, q *request, op *operation, in reflect.Value) {
	out, err := g.handle(q, op, in)
	if err == nil {
		err = q.answer(w, op, out)
	}
	if err == nil {
		return
	}
	f, modelled := q.service.failureOf(err)
	if !modelled && !errors.Is(err, context.Canceled) {
		g.o.Log.Error("a handler failed", "service", q.serviceName, "operation", op.name, "err", err)
	}
	q.refuse(w, f)
}

// handle calls the handler; its panic becomes an error.
func (g *Gateway) handle(q *request, op *operation, in reflect.Value) (out reflect.Value, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
		}
	}()
	answer, err := op.call(context.WithValue(q.r.Context(), callKey{}, q.call), in.Interface())
	if err != nil {
		return reflect.Value{}, err
	}
	out = reflect.ValueOf(answer)
	if out.IsNil() {
		out = reflect.New(op.out.Type)
	}
	return out.Elem(), nil
}
