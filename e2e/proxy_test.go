package e2e_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// fault is what goes wrong at a call.
type fault string

const (
	none      fault = "none"
	kill      fault = "kill after"       // the cloud obeys, and the deployer dies before it hears of it
	deaf      fault = "lose the request" // nothing gets through
	mute      fault = "lose the answer"  // the cloud obeys, and nobody hears of it
	late      fault = "delay the answer"
	duplicate fault = "repeat the answer"
	throttle  fault = "throttle" // every second call that is spoiled, from the first; in the JSON protocols
)

const lateness = 200 * time.Millisecond

// proxy stands between a deployer and the cloud, counts calls and spoils some.
type proxy struct {
	to   string
	what fault
	at   int    // the call that is spoiled, from 1; 0 spoils each
	of   string // in place of at: the first call of this operation
	kill func() // ends the deployer

	mu    sync.Mutex
	calls []string // operations, in order
	did   []string // the same as IAM has them: ecs:DescribeServices
}

// newProxy gives a proxy and where it listens.
func newProxy(t *testing.T, to string) (p *proxy, url string) {
	t.Helper()
	p = &proxy{to: to, what: none, kill: func() {}}
	server := httptest.NewServer(p)
	t.Cleanup(server.Close)
	return p, server.URL
}

// permission names an operation as IAM does, by whom the request was signed for.
func permission(r *http.Request, op string) string {
	scope := strings.Split(r.Header.Get("Authorization"), "/") // …Credential=KEY/day/region/service/aws4_request, …
	if len(scope) < 5 {
		return op
	}
	return scope[3] + ":" + op
}

// operation names a call of a JSON or a query protocol.
func operation(r *http.Request, body string) string {
	if _, op, ok := strings.Cut(r.Header.Get("X-Amz-Target"), "."); ok {
		return op
	}
	for pair := range strings.SplitSeq(body, "&") {
		if op, ok := strings.CutPrefix(pair, "Action="); ok {
			return op
		}
	}
	return r.Method + " " + r.URL.Path
}

// ServeHTTP passes a call on, or does to it what is to be done.
func (p *proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	p.mu.Lock()
	op := operation(r, string(body))
	what := p.what
	if p.at != 0 && p.at != len(p.calls)+1 || p.of != "" && (p.of != op || slices.Contains(p.calls, op)) {
		what = none
	}
	nth := len(p.calls)
	p.calls, p.did = append(p.calls, op), append(p.did, permission(r, op))
	p.mu.Unlock()
	switch {
	case what == deaf:
		panic(http.ErrAbortHandler)
	case what == throttle && nth%2 == 0:
		w.Header().Set("Content-Type", "application/x-amz-json-1.1")
		w.WriteHeader(http.StatusBadRequest)
		_, _ = io.WriteString(w, `{"__type": "ThrottlingException", "message": "Rate exceeded"}`) // the deployer may be gone
		return
	}
	out, err := http.NewRequestWithContext(r.Context(), r.Method, p.to+r.URL.RequestURI(), bytes.NewReader(body))
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	out.Header, out.Host = r.Header, r.Host
	answer, err := http.DefaultTransport.RoundTrip(out)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	defer answer.Body.Close() //nolint:errcheck // it was read
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	switch what {
	case kill:
		p.kill()
		panic(http.ErrAbortHandler)
	case mute:
		panic(http.ErrAbortHandler)
	case late:
		select {
		case <-time.After(lateness):
		case <-r.Context().Done():
		}
	case duplicate:
		repeat(w, answer, text)
		return
	}
	for k, v := range answer.Header {
		w.Header()[k] = v
	}
	w.WriteHeader(answer.StatusCode)
	_, _ = w.Write(text) // the deployer may be gone
}

// repeat writes an answer to the connection twice.
func repeat(w http.ResponseWriter, answer *http.Response, text []byte) {
	conn, _, err := w.(http.Hijacker).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	defer func(c net.Conn) { _ = c.Close() }(conn) // it may be closed already
	answer.Header.Set("Content-Length", strconv.Itoa(len(text)))
	var b bytes.Buffer
	b.WriteString("HTTP/1.1 " + answer.Status + "\r\n")
	_ = answer.Header.Write(&b) // to memory
	b.WriteString("\r\n")
	b.Write(text)
	_, _ = conn.Write(append(b.Bytes(), b.Bytes()...)) // the deployer may be gone
}

// unforeseen gives those calls so far that a plan's IAM actions leave out, each once. Who asks who it is needs
// no permission.
func (p *proxy) unforeseen(actions []string) (out []string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, d := range p.did {
		if d != "sts:GetCallerIdentity" && !slices.Contains(actions, d) && !slices.Contains(out, d) {
			out = append(out, d)
		}
	}
	return out
}

// foreseen gives the IAM actions that the plan of a deploy names.
func (w *team) foreseen(env []string, deploy ...string) []string {
	w.t.Helper()
	args := append([]string{"plan", "-o", "json"}, deploy[1:]...)
	if i := slices.Index(args, "--lease-for"); i >= 0 {
		args = slices.Delete(args, i, i+2)
	}
	out, talk, code := w.slipway(env, args...)
	var plan struct{ Actions []string }
	if err := json.Unmarshal([]byte(out), &plan); err != nil || code != 0 || len(plan.Actions) == 0 {
		w.t.Fatalf("%v: exit code %d, %v\n%s%s", args, code, err, out, talk)
	}
	return plan.Actions
}

// made gives the calls so far.
func (p *proxy) made() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]string(nil), p.calls...)
}
