package wire

import (
	"context"
	"fmt"
	"net/http"
	"runtime/debug"
	"strings"
	"time"
)

// HTTP is a service whose requests are HTTP's own and no operations in a protocol of ours: S3, whose
// bodies are too large for memory and whose paths are data. The gateway finds it, knows the caller,
// checks signatures and takes aws-chunked framing off the body; the rest is the service's.
type HTTP struct {
	// Claims says whether a request that nobody signed is for the service, by its host or path.
	Claims func(r *http.Request) bool

	// Resource gives what a request is about as signatures of version 2 have it: "/bucket/key" for
	// both forms of address, not decoded.
	Resource func(r *http.Request) string

	// Serve answers a request. The body is plain; what reading it gives may be an *Error: it was cut
	// short, or is not what was signed. Trailers of an aws-chunked body are in r.Trailer after its
	// end. CallerOf tells who asks.
	Serve func(w http.ResponseWriter, r *http.Request)

	// Refuse answers a request whose signature is not believed.
	Refuse func(w http.ResponseWriter, r *http.Request, why *Error)
}

// NewHTTP makes a service that answers HTTP itself.
func NewHTTP(signingName string, h HTTP) *Service {
	return &Service{name: signingName, http: &h, operations: map[string]*operation{}}
}

// NotBuilt tells the gateway that a service of HTTP was asked for what nobody built, as the gateway
// tells of operations itself.
func NotBuilt(ctx context.Context, operation string) {
	if c, ok := ctx.Value(callKey{}).(*call); ok && c.missing != nil {
		c.missing(operation)
	}
}

// plain gives the service of HTTP that a request's signature names.
func (g *Gateway) plain(q *request) *Service {
	if s := g.byName[q.sig.service]; s != nil && s.http != nil {
		return s
	}
	return nil
}

// claimed gives the service of HTTP that takes an unsigned request.
func (g *Gateway) claimed(q *request) *Service {
	for _, s := range g.services {
		if s.http != nil && q.sig.service == "" && s.http.Claims(q.r) {
			return s
		}
	}
	return nil
}

// serveHTTP hands a request to a service of HTTP.
func (g *Gateway) serveHTTP(w http.ResponseWriter, q *request, s *Service) {
	q.take(s)
	q.call = &call{caller: g.callerOf(q), missing: func(operation string) { g.o.Missing(s.name, operation) }}
	r := q.r.Clone(context.WithValue(q.r.Context(), callKey{}, q.call))
	q.sig.lift(r)
	v := verifier{now: g.o.Clock.Now(), skew: plainSkew, keys: g.o.Keys, token: g.o.Token}
	hash := r.Header.Get("X-Amz-Content-Sha256")
	if hash == "" || q.sig.presigned {
		hash = unsignedPayload
	}
	wrong, secret := q.sig.lapse(r, v.now), ""
	if g.o.Keys != nil {
		if wrong, secret = v.verifyStream(r, q.sig, hash, s.http); wrong.why == believed && q.sig.v2 {
			wrong = q.sig.lapse(r, v.now)
		}
	}
	if wrong.why != believed {
		s.http.Refuse(w, r, wrong.plain(q.sig, r))
		return
	}
	unframe(r, q.sig, hash, secret)
	defer func() {
		p := recover()
		if p == nil || p == http.ErrAbortHandler { //nolint:errorlint // recover gives the sentinel itself
			if p != nil {
				panic(p)
			}
			return
		}
		g.o.Log.Error("a handler failed", "service", s.name, "operation", r.Method+" "+r.URL.Path, "err", fmt.Errorf("panic: %v\n%s", p, debug.Stack()))
		s.http.Refuse(w, r, &Error{Code: "InternalError", Message: "We encountered an internal error. Please try again.", Status: 500, Fault: ServerFault})
	}()
	s.http.Serve(w, r)
}

// unsignedPayload stands for a body's hash where nobody signed the body.
const unsignedPayload = "UNSIGNED-PAYLOAD"

// lapse refuses presigned requests whose time is over, also where no signature is checked: a link
// that never expires is no presigned link.
func (s signature) lapse(r *http.Request, now time.Time) refusal {
	if !s.presigned || s.malformed {
		return refusal{}
	}
	until, ok := s.until(r)
	if !ok {
		return refusal{why: malformedSignature}
	}
	if now.After(until) {
		return refusal{why: expired}
	}
	return refusal{}
}

// plainSkew is how far the date of a request to a service of HTTP may be from now.
//
// Source: S3 API reference, RequestTimeTooSkewed.
const plainSkew = 15 * time.Minute

// verifyStream verifies a signature before the body is read; it gives the secret, which signs the
// body's chunks too.
func (v verifier) verifyStream(r *http.Request, s signature, hash string, h *HTTP) (refusal, string) {
	if s.malformed {
		return refusal{why: malformedSignature}, ""
	}
	if s.service == "" {
		return refusal{why: unsigned}, ""
	}
	secret, ok := v.keys(s.key)
	if !ok {
		return refusal{why: unknownKey}, ""
	}
	if s.v2 {
		if wrong := s.verifyV2(r, h.Resource(r), secret); wrong.why != believed {
			return wrong, secret
		}
		return v.session(r, s), secret
	}
	return v.verifyHash(r, s, hash, true), secret
}

// withoutChunked takes aws-chunked out of a list of content encodings.
func withoutChunked(encoding string) string {
	var rest []string
	for e := range strings.SplitSeq(encoding, ",") {
		if e = strings.TrimSpace(e); e != "" && !strings.EqualFold(e, "aws-chunked") {
			rest = append(rest, e)
		}
	}
	return strings.Join(rest, ",")
}
