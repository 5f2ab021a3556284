package lb

import (
	"cmp"
	"encoding/binary"
	"encoding/hex"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/slipway-ecs/slipway/internal/balance"
)

const (
	forwardedFor   = "X-Forwarded-For"
	forwardedProto = "X-Forwarded-Proto"
	forwardedPort  = "X-Forwarded-Port"
	traceID        = "X-Amzn-Trace-Id"
	// maxForwarded is how many addresses X-Forwarded-For may hold; more is 463.
	maxForwarded = 30
	// maxLine is ALB's limit for the request line and for one header.
	maxLine = 16 << 10
)

// formOf gives the code a request is refused with for its form alone; 0 means none.
//
// Source: ELBv2 guide, "Troubleshoot your Application Load Balancers"; limits: "HTTP headers
// and Application Load Balancers". That a long header is 400 and a long URL 414 is unconfirmed.
func formOf(r *http.Request) int {
	if r.Method == http.MethodTrace || r.Method == http.MethodConnect {
		return http.StatusMethodNotAllowed
	}
	if r.ProtoMajor == 2 && !token([]byte(r.Method)) {
		return http.StatusBadRequest // it would become a request line of HTTP/1.1
	}
	if r.URL.Opaque != "" {
		return http.StatusBadRequest // neither a path nor a form with a host
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

// fields gives the header fields of the request to the target: the client's, with what the
// balancer adds and without what is of the client's connection. Host and what describes the body
// are not among them.
func (x *exchange) fields(r *http.Request, put func(name, value string)) {
	b, l := x.door.balancer, x.door.listener
	connection := r.Header["Connection"]
	version, cipher := x.tlsHeaders()
	for name, values := range r.Header {
		switch name {
		case "Expect", "Content-Length", "Host", forwardedProto, forwardedPort, traceID:
			continue
		case forwardedFor:
			if b.ForwardedFor != balance.Preserve {
				continue
			}
		}
		if version != "" && (strings.EqualFold(name, version) || strings.EqualFold(name, cipher)) {
			continue // what the client says of itself
		}
		if hop(name, connection) || b.DropInvalidHeaders && !validName(name) {
			continue
		}
		for _, v := range values {
			put(name, v)
		}
	}
	if b.ForwardedFor != balance.Remove && b.ForwardedFor != balance.Preserve {
		put(forwardedFor, x.conn.forwarded(r.Header[forwardedFor], b.ForwardClientPort))
	}
	if l.Protocol == "HTTPS" {
		put(forwardedProto, "https")
	} else {
		put(forwardedProto, "http")
	}
	if version != "" {
		put(version, versionName(x.conn.tls.Version))
		put(cipher, cipherName(x.conn.tls.CipherSuite))
	}
	put(forwardedPort, strconv.Itoa(l.Port))
	put(traceID, x.trace)
}

// tlsHeaders gives the names of the headers that tell the target of the client's TLS; empty where it
// is told nothing.
func (x *exchange) tlsHeaders() (version, cipher string) {
	if !x.door.balancer.TLSHeaders || x.conn.tls == nil {
		return "", ""
	}
	l := x.door.listener
	return cmp.Or(l.TLSVersionHeader, "X-Amzn-Tls-Version"), cmp.Or(l.TLSCipherHeader, "X-Amzn-Tls-Cipher-Suite")
}

// trails reports whether a field of the client's may come behind its body: none that frames, routes or
// vouches may, nor any that its header must not have.
//
// Source: RFC 9110, 6.5.1, "Limitations on Use of Trailers".
func (x *exchange) trails(name string, connection []string) bool {
	switch name {
	case "Expect", "Content-Length", "Host", forwardedFor, forwardedProto, forwardedPort, traceID:
		return false
	}
	if strings.HasPrefix(name, "X-Amzn-Tls-") || strings.HasPrefix(name, "X-Amzn-Mtls-") {
		return false
	}
	if version, cipher := x.tlsHeaders(); version != "" && (strings.EqualFold(name, version) || strings.EqualFold(name, cipher)) {
		return false
	}
	return !hop(name, connection) && (validName(name) || !x.door.balancer.DropInvalidHeaders)
}

// follows reports whether a field of the target's may come behind its answer's body: none that frames,
// nor any that the listener sets or keeps back.
func (x *exchange) follows(name string, connection []string) bool {
	l := x.door.listener
	if hop(name, connection) || name == "Content-Length" || name == "Server" && l.NoServerHeader {
		return false
	}
	return !slices.ContainsFunc(l.ResponseHeaders, func(f balance.Header) bool { return f.Name == name })
}

// forwarded is the client's X-Forwarded-For with the peer of the connection added.
func (c *conn) forwarded(had []string, withPort bool) string {
	peer := c.peer
	if !withPort {
		peer = c.source.Unmap().String()
	}
	all := ""
	for _, v := range had {
		if v != "" {
			all += v + ", "
		}
	}
	return all + peer
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
	var raw [16]byte
	binary.BigEndian.PutUint32(raw[:], uint32(now.Unix()))
	binary.BigEndian.PutUint64(raw[4:], high)
	binary.BigEndian.PutUint32(raw[12:], low)
	var text [32]byte
	hex.Encode(text[:], raw[:])
	id := "1-" + string(text[:8]) + "-" + string(text[8:])
	if had == "" {
		return "Root=" + id
	}
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
