package lb

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/slipway-ecs/slipway/internal/balance"
)

// echo answers with what it was asked, as JSON.
func echo(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	_ = json.NewEncoder(w).Encode(map[string]any{"Host": r.Host, "URI": r.RequestURI, "Header": r.Header, "Body": string(body)})
}

type heard struct {
	Host, URI, Body string
	Header          http.Header
}

func told(t *testing.T, r *http.Request) heard {
	t.Helper()
	res, err := client(t).Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var h heard
	if err := json.NewDecoder(res.Body).Decode(&h); err != nil || res.StatusCode != 200 {
		t.Fatalf("got %d %v", res.StatusCode, err)
	}
	return h
}

func TestHeadersToTheTarget(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	port := freePort(t)
	table := web(port, forward(balance.Weighted{Group: "web", Weight: 1}), group("web", handler(t, echo)))
	url := c.serve(table)
	r, _ := http.NewRequest("GET", url+"/a%2Fb/%7Ec?x=1;y=2&z=%zz", nil)
	r.Host = "Example.COM"
	r.Header = http.Header{
		"X-Forwarded-For":  {"10.0.0.1, 10.0.0.2"},
		"X-Forwarded-Host": {"kept.example"}, "Forwarded": {"for=kept"},
		"X-Forwarded-Proto": {"https"}, "X-Forwarded-Port": {"1"},
		"X-Amzn-Trace-Id": {"Root=1-67891233-abcdef012345678912345678;App=x"},
		"Connection":      {"X-Hop"}, "X-Hop": {"dropped"}, "Te": {"trailers"}, "Under_score": {"kept"},
	}
	got := told(t, r)
	trace := got.Header.Get("X-Amzn-Trace-Id")
	if !regexp.MustCompile(`^Self=1-[0-9a-f]{8}-[0-9a-f]{24};Root=1-67891233-abcdef012345678912345678;App=x$`).MatchString(trace) {
		t.Errorf("X-Amzn-Trace-Id is %q", trace)
	}
	got.Header.Del("X-Amzn-Trace-Id")
	want := heard{Host: fmt.Sprintf("example.com:%d", port), URI: "/a%2Fb/%7Ec?x=1;y=2&z=%zz", Header: http.Header{
		"X-Forwarded-For":  {"10.0.0.1, 10.0.0.2, 127.0.0.1"},
		"X-Forwarded-Host": {"kept.example"}, "Forwarded": {"for=kept"},
		"X-Forwarded-Proto": {"http"}, "X-Forwarded-Port": {fmt.Sprint(port)},
		"Under_score": {"kept"}, "Accept-Encoding": {"gzip"}, "User-Agent": {"Go-http-client/1.1"},
	}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}

	b := &table.Balancers[0]
	b.ForwardedFor, b.PreserveHost, b.DropInvalidHeaders = balance.Preserve, true, true
	c.serve(table)
	got = told(t, r)
	if got.Host != "Example.COM" || got.Header.Get("X-Forwarded-For") != "10.0.0.1, 10.0.0.2" || got.Header["Under_score"] != nil {
		t.Errorf("preserving, got %+v", got)
	}
	b.ForwardedFor = balance.Remove
	c.serve(table)
	if got = told(t, r); got.Header["X-Forwarded-For"] != nil {
		t.Errorf("removing, got %+v", got)
	}
	b.ForwardedFor, b.ForwardClientPort = balance.Append, true
	c.serve(table)
	if got = told(t, r); !regexp.MustCompile(`^10\.0\.0\.1, 10\.0\.0\.2, 127\.0\.0\.1:\d+$`).MatchString(got.Header.Get("X-Forwarded-For")) {
		t.Errorf("with the client's port, got %+v", got)
	}
}

func TestTraceIDs(t *testing.T) {
	t.Parallel()
	now := time.Unix(0x67891233, 0)
	const own = "1-67891233-00000000000000aa000000bb"
	for had, want := range map[string]string{
		"":                     "Root=" + own,
		"App=x":                "Root=" + own + ";App=x",
		"Root=1-2-3":           "Self=" + own + ";Root=1-2-3",
		"Self=old;Root=1-2-3":  "Self=" + own + ";Root=1-2-3",
		"Root=1-2-3;Sampled=1": "Self=" + own + ";Root=1-2-3;Sampled=1",
	} {
		if got := trace(had, now, 0xaa, 0xbb); got != want {
			t.Errorf("trace(%q) = %q, want %q", had, got, want)
		}
	}
}

func TestHostToTheTarget(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		host, protocol string
		port           int
		want           string
	}{
		{"Web.Example", "HTTP", 80, "web.example"},
		{"web.example:80", "HTTP", 80, "web.example"},
		{"web.example:8080", "HTTP", 80, "web.example:8080"},
		{"web.example", "HTTP", 8080, "web.example:8080"},
		{"web.example:8080", "HTTP", 8080, "web.example:8080"},
		{"web.example:443", "HTTPS", 443, "web.example"},
		{"[::1]:80", "HTTP", 80, "[::1]"},
		{"[::1]", "HTTP", 81, "[::1]:81"},
		{"", "HTTP", 80, "lb.name"},
	} {
		if got := hostFor(tt.host, &balance.Balancer{DNSName: "lb.name"}, &balance.Listener{Port: tt.port, Protocol: tt.protocol}); got != tt.want {
			t.Errorf("%q at %s %d: got %q, want %q", tt.host, tt.protocol, tt.port, got, tt.want)
		}
	}
}

func TestBodiesStreamBothWays(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	target := handler(t, func(w http.ResponseWriter, r *http.Request) {
		_ = http.NewResponseController(w).EnableFullDuplex()
		w.Header().Set("Content-Length", "8")
		w.WriteHeader(200)
		for buf := make([]byte, 2); ; {
			n, err := io.ReadFull(r.Body, buf)
			_, _ = w.Write(buf[:n])
			w.(http.Flusher).Flush()
			if err != nil {
				return
			}
		}
	})
	url := c.serve(web(freePort(t), forward(balance.Weighted{Group: "web", Weight: 1}), group("web", target)))
	conn, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(patience))
	_, _ = io.WriteString(conn, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 8\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n")
	in := bufio.NewReader(conn)
	if line, _ := in.ReadString('\n'); line != "HTTP/1.1 100 Continue\r\n" {
		t.Fatalf("got %q before the body was sent", line)
	}
	_, _ = in.ReadString('\n')
	_, _ = io.WriteString(conn, "ab")
	res, err := http.ReadResponse(in, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{"", "cd", "ef", "gh"} {
		_, _ = io.WriteString(conn, part)
		if part == "" {
			part = "ab"
		}
		buf := make([]byte, 2)
		if _, err := io.ReadFull(res.Body, buf); err != nil || string(buf) != part {
			t.Fatalf("got %q %v, want %q back while the request goes on", buf, err, part)
		}
	}
}

func TestUpgradedConnectionsAreTunnelledAndCutWithTheirTarget(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	target := tcp(t, func(conn net.Conn) {
		in := bufio.NewReader(conn)
		r, err := http.ReadRequest(in)
		if err != nil || r.Header.Get("Upgrade") != "websocket" {
			return
		}
		_, _ = io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
		_, _ = io.Copy(conn, in)
	})
	port := freePort(t)
	action := forward(balance.Weighted{Group: "web", Weight: 1})
	url := c.serve(web(port, action, group("web", target)))
	conn, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(patience))
	_, _ = io.WriteString(conn, "GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
	in := bufio.NewReader(conn)
	res, err := http.ReadResponse(in, nil)
	if err != nil || res.StatusCode != 101 {
		t.Fatalf("got %v %v", res, err)
	}
	_, _ = io.WriteString(conn, "ping\n")
	if line, err := in.ReadString('\n'); line != "ping\n" {
		t.Errorf("got %q %v", line, err)
	}
	c.serve(web(port, action, group("web")))
	if _, err := in.ReadByte(); err == nil {
		t.Error("the tunnel outlived its target")
	}
}

func TestFixedResponse(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	table := web(freePort(t), balance.Action{Fixed: &balance.Fixed{Code: 418 - 14, ContentType: "text/plain", Body: "no"}})
	table.Balancers[0].Listeners[0].ResponseHeaders = []balance.Header{{Name: "X-Frame-Options", Value: "DENY"}}
	res, err := client(t).Get(c.serve(table))
	if err != nil {
		t.Fatal(err)
	}
	body, _ := io.ReadAll(res.Body)
	_ = res.Body.Close()
	res.Header.Del("Date")
	want := http.Header{"Server": {"awselb/2.0"}, "Content-Type": {"text/plain"}, "Content-Length": {"2"}, "X-Frame-Options": {"DENY"}}
	if diff := cmp.Diff(want, res.Header); res.StatusCode != 404 || string(body) != "no" || diff != "" {
		t.Errorf("got %d %q %s", res.StatusCode, body, diff)
	}
	var n Counts
	eventually(t, "the connection's bytes are counted", func() bool {
		m := c.row("")
		n.FixedResponses, n.ELB4XX, n.NewConnections, n.ProcessedBytes = n.FixedResponses+m.FixedResponses, n.ELB4XX+m.ELB4XX, n.NewConnections+m.NewConnections, n.ProcessedBytes+m.ProcessedBytes
		return n.ProcessedBytes > 0
	})
	if n.FixedResponses != 1 || n.ELB4XX != 1 || n.NewConnections != 1 || n.Requests != 0 {
		t.Errorf("counted %+v", n)
	}
}

func TestProbes(t *testing.T) {
	t.Parallel()
	asked := make(chan *http.Request, 100)
	target := handler(t, func(w http.ResponseWriter, r *http.Request) {
		select {
		case asked <- r:
		default:
		}
		switch r.URL.Path {
		case "/moved":
			http.Redirect(w, r, "/ok", http.StatusFound)
		case "/slow":
			<-r.Context().Done()
		}
	})
	gone := goneServer(t)
	c := newCloud(t)
	check := func(arn, path string, g balance.Group) balance.Group {
		g.ARN, g.Check = arn, balance.HealthCheck{Enabled: true, Protocol: "HTTP", Path: path, Interval: 20 * time.Millisecond, Timeout: patience, Matcher: "200,204"}
		return g
	}
	slow := check("slow", "/slow", group("", target))
	slow.Check.Timeout = 200 * time.Millisecond // it has no other end
	unused := check("unused", "/unused", group("", target))
	draining := check("draining", "/draining", group("", target))
	draining.Targets[0].Draining, draining.Targets[0].DrainUntil = true, time.Now().Add(time.Hour)
	c.serve(web(freePort(t), forward(
		balance.Weighted{Group: "ok"}, balance.Weighted{Group: "moved"}, balance.Weighted{Group: "slow"}, balance.Weighted{Group: "gone"}, balance.Weighted{Group: "draining"}),
		check("ok", "/ok?deep=1", group("", target)), check("moved", "/moved", group("", target)), slow,
		check("gone", "/", group("", gone)), unused, draining))

	results := map[string]balance.Probe{}
	counts := map[string]int{}
	eventually(t, "each group in use was probed three times", func() bool {
		c.mu.Lock()
		defer c.mu.Unlock()
		for _, p := range c.probes {
			results[p.Group] = p.Probe
			counts[p.Group]++
		}
		c.probes = nil
		return counts["ok"] >= 3 && counts["moved"] >= 3 && counts["slow"] >= 3 && counts["gone"] >= 3
	})
	want := map[string]balance.Probe{
		"ok": {OK: true, Code: 200}, "moved": {Code: 302, Why: balance.Mismatch}, "slow": {Why: balance.Timeout}, "gone": {Why: balance.Refused},
	}
	if diff := cmp.Diff(want, results); diff != "" {
		t.Error(diff)
	}
	var ok *http.Request
	for len(asked) > 0 {
		switch r := <-asked; r.URL.Path {
		case "/ok":
			ok = r
		case "/unused", "/draining":
			t.Errorf("a target that takes no part was probed: %s", r.URL)
		}
	}
	if ok == nil || ok.Host != target.Listener.Addr().String() || ok.UserAgent() != "ELB-HealthChecker/2.0" || !ok.Close || ok.RequestURI != "/ok?deep=1" {
		t.Errorf("asked %+v", ok)
	}
	if n := c.plane.flush(); n != nil {
		t.Errorf("probes were counted: %+v", n)
	}
}

func TestATargetThatClosesIdleConnectionsCostsNoRequest(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	target := tcp(t, func(conn net.Conn) { // keeps alive by its words, closes a moment later
		in := bufio.NewReader(conn)
		for range 2 {
			r, err := http.ReadRequest(in)
			if err != nil {
				return
			}
			_, _ = io.Copy(io.Discard, r.Body)
			_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
		}
	})
	url := c.serve(web(freePort(t), forward(balance.Weighted{Group: "web", Weight: 1}), group("web", target)))
	cl := client(t)
	for n := range 400 {
		method, body := "GET", io.Reader(nil)
		if n%2 == 1 {
			method, body = "POST", strings.NewReader("body")
		}
		r, _ := http.NewRequest(method, url, body)
		res, err := cl.Do(r)
		if err != nil || res.StatusCode != 200 {
			t.Fatalf("request %d, a %s: %v %v", n, method, res, err)
		}
		_, _ = io.Copy(io.Discard, res.Body)
		_ = res.Body.Close()
		if res.Header["Content-Type"] != nil || res.Header["Server"] != nil {
			t.Fatalf("the balancer added %v", res.Header)
		}
	}
}

func TestResponseTimesFallIntoBucketsNearThem(t *testing.T) {
	t.Parallel()
	for d := time.Microsecond; d < time.Hour; d = d*11/10 + 1 {
		if got, want := middle(bucket(d)), d.Seconds(); got < want*0.94-1e-6 || got > want*1.07+1e-6 {
			t.Errorf("%v counts as %g s", d, got)
		}
	}
	c := newCell()
	c.took(0, time.Millisecond)
	c.took(1, 3*time.Millisecond)
	n, some := c.take()
	if !some || n.Times.Count != 2 || n.Times.Min != 0.001 || n.Times.Max != 0.003 || n.Times.Sum != 0.004 || len(n.Times.Buckets) != 2 {
		t.Errorf("got %+v", n.Times)
	}
	if _, some := c.take(); some {
		t.Error("it was counted twice")
	}
}

func TestAClientConnectionEndsWithItsKeepAlive(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	table := web(freePort(t), forward(balance.Weighted{Group: "web", Weight: 1}), group("web", handler(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Server", "target/1")
	})))
	table.Balancers[0].ClientKeepAlive = time.Nanosecond
	res, err := client(t).Get(c.serve(table))
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	if !res.Close || res.Header.Get("Server") != "target/1" {
		t.Errorf("got close %v, Server %q; want the connection closed and the target's own name", res.Close, res.Header.Get("Server"))
	}
	table.Balancers[0].Listeners[0].NoServerHeader = true
	if res, err = client(t).Get(c.serve(table)); err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	if res.Header["Server"] != nil {
		t.Errorf("Server is %q, want none", res.Header["Server"])
	}
}

func TestTargetsMaySpeakTLSOrListenOnASocket(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	secure := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "secure") }))
	t.Cleanup(secure.Close)
	port := freePort(t)
	action := forward(balance.Weighted{Group: "web", Weight: 1})
	g := group("web", secure)
	g.Protocol = "HTTPS"
	g.Check = balance.HealthCheck{Enabled: true, Protocol: "HTTPS", Interval: time.Hour, Timeout: patience}
	url := c.serve(web(port, action, g))
	if code, body := get(t, client(t), url); code != 200 || body != "secure" {
		t.Errorf("got %d %q", code, body)
	}
	eventually(t, "the check passed", func() bool {
		c.mu.Lock()
		defer c.mu.Unlock()
		return len(c.probes) == 1 && c.probes[0].OK
	})

	dir, err := os.MkdirTemp("", "lb") // short: a socket's path is
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	ln, err := net.Listen("unix", dir+"/s")
	if err != nil {
		t.Fatal(err)
	}
	local := &httptest.Server{Listener: ln, Config: &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "local") })}}
	local.Start()
	t.Cleanup(local.Close)
	c.serve(web(port, action, balance.Group{ARN: "web", Protocol: "HTTP", Targets: []balance.Target{{ID: "127.9.9.9", Port: 8080, Healthy: true, Address: balance.Address{Network: "unix", Address: dir + "/s"}}}}))
	if code, body := get(t, client(t), url); code != 200 || body != "local" {
		t.Errorf("got %d %q", code, body)
	}
}
