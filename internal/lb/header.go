package lb

import (
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httputil"
	"strconv"
	"strings"
	"time"

	"github.com/slipway-ecs/slipway/internal/balance"
)

const (
	forwardedFor = "X-Forwarded-For"
	traceID      = "X-Amzn-Trace-Id"
	// maxForwarded is how many addresses X-Forwarded-For may hold; more is 463.
	maxForwarded = 30
	// maxLine is ALB's limit for the request line and for one header.
	maxLine = 16 << 10
)

// acceptable gives the code a request is refused with for its form alone; 0 means none.
//
// Source: ELBv2 guide, "Troubleshoot your Application Load Balancers"; limits: "HTTP headers
// and Application Load Balancers". That a long header is 400 and a long URL 414 is unconfirmed.
func acceptable(r *http.Request) int {
	if r.Method == http.MethodTrace || r.Method == http.MethodConnect {
		return http.StatusMethodNotAllowed
	}
	if len(r.Method)+len(r.RequestURI)+len(" ")+len(" HTTP/1.1") > maxLine {
		return http.StatusRequestURITooLong
	}
	total := 0
	for name, values := range r.Header {
		for _, v := range values {
			line := len(name) + len(": ") + len(v)
			if line > maxLine {
				return http.StatusBadRequest
			}
			total += line + len("\r\n")
		}
	}
	if total > maxHeaders {
		return http.StatusBadRequest
	}
	addresses := 0
	for _, v := range r.Header[forwardedFor] {
		addresses += strings.Count(v, ",") + 1
	}
	if addresses > maxForwarded {
		return 463
	}
	return 0
}

// rewrite makes the request to the target out of the client's, all but the address.
func rewrite(p *httputil.ProxyRequest) {
	x := p.In.Context().Value(exchangeKey{}).(*exchange)
	b, l := x.door.balancer, x.door.listener
	h := p.Out.Header
	p.Out.URL.RawQuery = p.In.URL.RawQuery // also what url.ParseQuery would not take
	p.Out.Host = hostFor(p.In.Host, b, l)
	h.Del("Expect")
	h.Del("Te")                                                      // of this hop alone; the proxy would pass "trailers"
	for _, name := range []string{"Forwarded", "X-Forwarded-Host"} { // the proxy drops them, ALB passes them
		if v, ok := p.In.Header[name]; ok {
			h[name] = v
		}
	}
	switch b.ForwardedFor {
	case balance.Remove:
		h.Del(forwardedFor)
	case balance.Preserve:
		if v, ok := p.In.Header[forwardedFor]; ok {
			h[forwardedFor] = v
		}
	default:
		h.Set(forwardedFor, strings.Join(forwarded(p.In, b.ForwardClientPort), ", "))
	}
	h.Set("X-Forwarded-Proto", strings.ToLower(l.Protocol))
	h.Set("X-Forwarded-Port", strconv.Itoa(l.Port))
	h.Set(traceID, trace(h.Get(traceID), time.Now(), rand.Uint64(), rand.Uint32()))
	if b.DropInvalidHeaders {
		for name := range h {
			if !validName(name) {
				delete(h, name)
			}
		}
	}
}

// forwarded is the client's X-Forwarded-For with the peer of the connection added.
func forwarded(r *http.Request, withPort bool) []string {
	peer := r.RemoteAddr // "1.2.3.4:5678" or "[v6]:5678"
	if !withPort {
		peer, _, _ = net.SplitHostPort(r.RemoteAddr)
	}
	had := r.Header[forwardedFor]
	out := make([]string, 0, len(had)+1)
	for _, v := range had {
		if v != "" {
			out = append(out, v)
		}
	}
	return append(out, peer)
}

// hostFor is the Host header for the target: in lower case, with the listener's port where that
// is not the protocol's own and none is named, and without the protocol's own port. A client
// of HTTP/1.0 that named no host gets the balancer's name.
func hostFor(host string, b *balance.Balancer, l *balance.Listener) string {
	if host == "" {
		host = b.DNSName
	}
	if b.PreserveHost {
		return host
	}
	host = strings.ToLower(host)
	standard := 80
	if l.Protocol == "HTTPS" {
		standard = 443
	}
	name, port, err := net.SplitHostPort(host)
	switch {
	case err != nil && l.Port != standard:
		return host + ":" + strconv.Itoa(l.Port)
	case err == nil && port == strconv.Itoa(standard) && l.Port == standard:
		if strings.Contains(name, ":") {
			return "[" + name + "]"
		}
		return name
	}
	return host
}

// trace is X-Amzn-Trace-Id for the target: a new Root where there is none, or a Self of this
// balancer before the Root there is. A Self that was there is replaced. Other fields are kept.
//
// Source: ELBv2 guide, "Request tracing for your Application Load Balancer".
func trace(had string, now time.Time, high uint64, low uint32) string {
	id := fmt.Sprintf("1-%08x-%016x%08x", now.Unix(), high, low)
	var kept []string
	rooted := false
	for part := range strings.SplitSeq(had, ";") {
		part = strings.TrimSpace(part)
		if part == "" || strings.HasPrefix(part, "Self=") {
			continue
		}
		rooted = rooted || strings.HasPrefix(part, "Root=")
		kept = append(kept, part)
	}
	first := "Root=" + id
	if rooted {
		first = "Self=" + id
	}
	return strings.Join(append([]string{first}, kept...), ";")
}

// validName reports whether a header's name is letters, digits and hyphens only.
func validName(name string) bool {
	for i := range len(name) {
		c := name[i]
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '-' {
			return false
		}
	}
	return name != ""
}
