package lb

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/slipway-ecs/slipway/internal/balance"
)

// secured makes a table's listener speak HTTPS.
func secured(table balance.Table) balance.Table {
	l := &table.Balancers[0].Listeners[0]
	l.Protocol, l.Secure = "HTTPS", &balance.Secure{MinVersion: tls.VersionTLS12, MaxVersion: tls.VersionTLS13, HTTP2: true, Certificate: "cert"}
	return table
}

// trusting gives how a client shakes hands that trusts the plane's authority.
func (c *cloud) trusting(name string) *tls.Config {
	c.t.Helper()
	if _, err := c.plane.authority.leaf([]string{localDomain}); err != nil {
		c.t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(c.plane.authority.cert)
	return &tls.Config{RootCAs: pool, ServerName: name}
}

// streams is a client of HTTP/2 over TLS.
func (c *cloud) streams(name string) *http.Client {
	c.t.Helper()
	tr := &http.Transport{TLSClientConfig: c.trusting(name), ForceAttemptHTTP2: true}
	c.t.Cleanup(tr.CloseIdleConnections)
	return &http.Client{Transport: tr, Timeout: patience}
}

// plainStreams is a target that speaks HTTP/2 with prior knowledge.
func plainStreams(t *testing.T, f http.HandlerFunc) *httptest.Server {
	t.Helper()
	s := httptest.NewUnstartedServer(f)
	s.Config.Protocols = new(http.Protocols)
	s.Config.Protocols.SetUnencryptedHTTP2(true)
	s.Start()
	t.Cleanup(s.Close)
	return s
}

func TestHTTPSListenersShakeHandsForTheBalancersNames(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	url := c.serve(secured(web(freePort(t), forward(balance.Weighted{Group: "web", Weight: 1}), group("web", handler(t, echo)))))
	url = strings.Replace(url, "http:", "https:", 1)
	for _, name := range []string{"web-1.us-east-1.elb.localhost", "localhost", "app.localhost", "127.0.0.1"} {
		for _, version := range []string{"HTTP/1.1", "HTTP/2.0"} {
			tr := &http.Transport{TLSClientConfig: c.trusting(name), ForceAttemptHTTP2: version == "HTTP/2.0"}
			t.Cleanup(tr.CloseIdleConnections)
			res, err := (&http.Client{Transport: tr, Timeout: patience}).Get(url)
			if err != nil {
				t.Fatalf("%s over %s: %v", name, version, err)
			}
			body, _ := io.ReadAll(res.Body)
			_ = res.Body.Close()
			if res.StatusCode != 200 || res.Proto != version || !strings.Contains(string(body), `"X-Forwarded-Proto":["https"]`) {
				t.Errorf("%s: got %d over %s: %s", name, res.StatusCode, res.Proto, body)
			}
		}
	}
	if _, err := c.streams("example.com").Get(url); !errors.As(err, new(*tls.CertificateVerificationError)) {
		t.Errorf("for a name of the world: got %v, want it not to be vouched for", err)
	}
	if code, _ := get(t, client(t), strings.Replace(url, "https:", "http:", 1)); code != 400 {
		t.Errorf("HTTP at a port of HTTPS: got %d, want 400", code)
	}
	old := c.trusting("localhost")
	old.MaxVersion = tls.VersionTLS11
	if conn, err := tls.Dial("tcp", strings.TrimPrefix(url, "https://"), old); err == nil {
		_ = conn.Close()
		t.Error("shook hands by TLS 1.1, which the policy does not have")
	}
	if n := c.row(""); n.NewConnections == 0 || n.ActiveConnections > 20 {
		t.Errorf("counted %+v", n)
	}
}

func TestWhatAClientSaysOfItsTLSItselfIsDroppedWhereTheBalancerTells(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	table := secured(web(freePort(t), forward(balance.Weighted{Group: "web", Weight: 1}), group("web", handler(t, echo))))
	const version, cipher = "X-Amzn-Tls-Version", "X-Amzn-Tls-Cipher-Suite"
	for _, tt := range []struct {
		what            string
		tells           bool
		version, cipher string   // as configured
		ours, passed    []string // headers that are the balancer's, and the client's
	}{
		{"usual names", true, "", "", []string{version, cipher}, []string{"X-Version", "X-Cipher"}},
		{"other names", true, "x-version", "X-CIPHER", []string{"X-Version", "X-Cipher"}, []string{version, cipher}},
		{"one other name", true, "x-version", "", []string{"X-Version", cipher}, []string{version, "X-Cipher"}},
		{"not told", false, "x-version", "", nil, []string{version, cipher, "X-Version", "X-Cipher"}},
	} {
		b := &table.Balancers[0]
		b.TLSHeaders, b.Listeners[0].TLSVersionHeader, b.Listeners[0].TLSCipherHeader = tt.tells, tt.version, tt.cipher
		r, err := http.NewRequest("GET", strings.Replace(c.serve(table), "http:", "https:", 1), nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{version, cipher, "X-Version", "X-Cipher"} {
			r.Header.Set(name, "mine")
		}
		res, err := c.streams("localhost").Do(r)
		if err != nil {
			t.Fatal(err)
		}
		var h heard
		err = json.NewDecoder(res.Body).Decode(&h)
		_ = res.Body.Close()
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range tt.ours {
			if got := h.Header[name]; len(got) != 1 || !strings.HasPrefix(got[0], "TLS") {
				t.Errorf("%s: %s is %q, want the balancer's alone", tt.what, name, got)
			}
		}
		for _, name := range tt.passed {
			if got := h.Header[name]; len(got) != 1 || got[0] != "mine" {
				t.Errorf("%s: %s is %q, want the client's", tt.what, name, got)
			}
		}
	}
}

func TestTrailersThatAreNamedAsTheBalancersHeadersOfTLSStayBehind(t *testing.T) {
	t.Parallel()
	for _, version := range []balance.Version{"", balance.HTTP2} {
		c := newCloud(t)
		trailers := func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			_ = json.NewEncoder(w).Encode(r.Trailer)
		}
		g := group("web", handler(t, trailers))
		if version != "" {
			g = group("web", plainStreams(t, trailers))
		}
		g.Version = version
		table := secured(web(freePort(t), forward(balance.Weighted{Group: "web", Weight: 1}), g))
		b := &table.Balancers[0]
		b.TLSHeaders, b.Listeners[0].TLSVersionHeader, b.Listeners[0].TLSCipherHeader = true, "x-version", "X-CIPHER"
		r, err := http.NewRequest("POST", strings.Replace(c.serve(table), "http:", "https:", 1), io.MultiReader(strings.NewReader("hi")))
		if err != nil {
			t.Fatal(err)
		}
		r.Trailer = http.Header{}
		for _, name := range []string{"X-Sum", "X-Version", "X-Cipher", "X-Amzn-Tls-Version", "X-Amzn-Tls-Cipher-Suite", "X-Amzn-Mtls-Clientcert", "X-Forwarded-For", "X-Forwarded-Proto", "X-Amzn-Trace-Id"} {
			r.Trailer.Set(name, "mine")
		}
		res, err := c.streams("localhost").Do(r)
		if err != nil {
			t.Fatal(err)
		}
		var got http.Header
		err = json.NewDecoder(res.Body).Decode(&got)
		_ = res.Body.Close()
		if want := (http.Header{"X-Sum": {"mine"}}); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("a target of version %q got the trailers %v %v, want %v", version, got, err, want)
		}
	}
}

func TestTheAuthorityIsKeptAndSignsForLocalNamesAlone(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	first, second := authority{dir: dir}, authority{dir: dir}
	one, err := first.leaf([]string{"app.localhost", "example.com", "127.0.0.1", "10.0.0.1"})
	if err != nil {
		t.Fatal(err)
	}
	if fmt.Sprint(one.Leaf.DNSNames, one.Leaf.IPAddresses) != "[app.localhost] [127.0.0.1]" {
		t.Errorf("signed for %v %v", one.Leaf.DNSNames, one.Leaf.IPAddresses)
	}
	two, err := second.leaf([]string{"app.localhost"})
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(first.cert)
	if _, err := two.Leaf.Verify(x509.VerifyOptions{Roots: pool, DNSName: "app.localhost"}); err != nil {
		t.Errorf("what a later process signs is not vouched for: %v", err)
	}
}

func TestGRPCPassesWithItsTrailersAndHTTP1DoesNot(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	served := plainStreams(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.Header().Set("Content-Type", "application/grpc")
		w.Header().Set("X-Te", r.Header.Get("Te"))
		_, _ = w.Write(body)
		w.Header().Set(http.TrailerPrefix+"Grpc-Status", "7")
		if r.URL.Path == "/AWS.ALB/healthcheck" {
			w.Header().Set(http.TrailerPrefix+"Grpc-Status", "12")
		}
	})
	g := group("grpc", served)
	g.Version = balance.GRPC
	g.Check = balance.HealthCheck{Enabled: true, Protocol: "HTTP", Path: "/AWS.ALB/healthcheck", Matcher: "12", Version: balance.GRPC, Interval: time.Hour, Timeout: patience}
	url := strings.Replace(c.serve(secured(web(freePort(t), forward(balance.Weighted{Group: "grpc", Weight: 1}), g))), "http:", "https:", 1)
	r, _ := http.NewRequest("POST", url+"/pkg.Service/Method", strings.NewReader("\x00\x00\x00\x00\x02hi"))
	r.Header = http.Header{"Content-Type": {"application/grpc"}, "Te": {"trailers"}}
	res, err := c.streams("localhost").Do(r)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(res.Body)
	_ = res.Body.Close()
	if string(body) != "\x00\x00\x00\x00\x02hi" || err != nil || res.Trailer.Get("Grpc-Status") != "7" || res.Header.Get("X-Te") != "trailers" {
		t.Errorf("got %q %v, trailers %v, headers %v", body, err, res.Trailer, res.Header)
	}
	eventually(t, "the check passed", func() bool {
		c.mu.Lock()
		defer c.mu.Unlock()
		return len(c.probes) == 1 && c.probes[0].OK && c.probes[0].Code == 12
	})
	if res, err = c.streams("localhost").Get(url); err != nil || res.StatusCode != 464 {
		t.Errorf("a GET at a gRPC group: got %v %v, want 464", res, err)
	}
	h1 := &http.Client{Transport: &http.Transport{TLSClientConfig: c.trusting("localhost"), DisableKeepAlives: true}, Timeout: patience}
	if res, err = h1.Post(url, "application/grpc", strings.NewReader("x")); err != nil || res.StatusCode != 464 {
		t.Errorf("HTTP/1.1 at a gRPC group: got %v %v, want 464", res, err)
	}
	c.sum("", "the one call is counted", func(n Counts) bool { return n.GRPCRequests == 1 && n.Requests == 0 })
}

func TestHandshakesThatFailAreCounted(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	table := secured(web(freePort(t), forward(balance.Weighted{Group: "web", Weight: 1}), group("web", handler(t, echo))))
	table.Groups[0].Protocol = "HTTPS" // which the target does not speak
	url := strings.Replace(c.serve(table), "http:", "https:", 1)
	res, err := c.streams("localhost").Get(url)
	if err != nil || res.StatusCode != 502 {
		t.Fatalf("got %v %v, want 502", res, err)
	}
	_ = res.Body.Close()
	c.sum("web", "the one with the target is counted", func(n Counts) bool { return n.TargetHandshakes == 1 })
	if _, err := c.streams("example.com").Get(url); err == nil {
		t.Error("it vouched for a name of the world")
	}
	c.sum("", "the one with the client is counted", func(n Counts) bool { return n.ClientHandshakes == 1 })
}

func TestStreamsOfOneConnectionRunSideBySide(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	arrived, release := make(chan struct{}, 20), make(chan struct{})
	target := handler(t, func(w http.ResponseWriter, r *http.Request) {
		arrived <- struct{}{}
		<-release
		_, _ = io.Copy(w, r.Body)
	})
	url := strings.Replace(c.serve(secured(web(freePort(t), forward(balance.Weighted{Group: "web", Weight: 1}), group("web", target)))), "http:", "https:", 1)
	cl := c.streams("localhost")
	cl.Transport.(*http.Transport).MaxConnsPerHost = 1 // twenty requests at once may each make a connection
	done := make(chan string, 20)
	for i := range 20 {
		go func() {
			res, err := cl.Post(url, "text/plain", strings.NewReader(fmt.Sprint("body ", i)))
			if err != nil {
				done <- err.Error()
				return
			}
			body, _ := io.ReadAll(res.Body)
			_ = res.Body.Close()
			if string(body) != fmt.Sprint("body ", i) {
				done <- string(body)
				return
			}
			done <- ""
		}()
	}
	for range 20 {
		<-arrived // all twenty are at the target before one is answered
	}
	close(release)
	for range 20 {
		if why := <-done; why != "" {
			t.Error(why)
		}
	}
	if n := c.row(""); n.NewConnections != 1 {
		t.Errorf("counted %d connections, want the streams of one", n.NewConnections)
	}
}

func TestWebSocketsPassThroughTLS(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	target := handler(t, func(w http.ResponseWriter, _ *http.Request) {
		conn, rw, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return
		}
		defer conn.Close()
		_, _ = io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: x\r\n\r\n")
		_, _ = io.Copy(conn, rw)
	})
	url := c.serve(secured(web(freePort(t), forward(balance.Weighted{Group: "web", Weight: 1}), group("web", target))))
	conn, err := tls.Dial("tcp", strings.TrimPrefix(url, "http://"), c.trusting("localhost"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(patience))
	_, _ = io.WriteString(conn, "GET /ws HTTP/1.1\r\nHost: localhost\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n\r\n")
	in := bufio.NewReader(conn)
	res, err := http.ReadResponse(in, nil)
	if err != nil || res.StatusCode != 101 || res.Header.Get("Sec-WebSocket-Accept") != "x" {
		t.Fatalf("got %v %v", res, err)
	}
	_, _ = io.WriteString(conn, "ping\n")
	if line, err := in.ReadString('\n'); line != "ping\n" {
		t.Errorf("got %q %v", line, err)
	}
}
