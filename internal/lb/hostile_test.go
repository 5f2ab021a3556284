package lb

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/slipway-ecs/slipway/internal/balance"
)

// patience is how long a test waits for what must come at last.
const patience = time.Minute

// dialled is a connection to a URL's listener, closed with the test.
func dialled(t *testing.T, url string) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(patience))
	return conn
}

// open is how many client connections the balancer counts as open.
func (c *cloud) open() int64 { return c.plane.tally.cell(place{balancer: webARN}).active.Load() }

func TestAClientThatReadsNothingIsLeftAfterTheIdleTimeout(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	cut := make(chan struct{}, 100)
	endless := handler(t, func(w http.ResponseWriter, _ *http.Request) {
		defer func() { cut <- struct{}{} }()
		for part := make([]byte, 64<<10); ; {
			if _, err := w.Write(part); err != nil {
				return
			}
		}
	})
	table := web(freePort(t), forward(balance.Weighted{Group: "web", Weight: 1}), group("web", endless))
	table.Balancers[0].IdleTimeout = 300 * time.Millisecond
	url := c.serve(table)
	for came, deadline := false, time.Now().Add(patience); !came; { // on a busy machine a head may come too late
		if time.Now().After(deadline) {
			t.Fatal("the target's answer is never cut")
		}
		_, _ = io.WriteString(dialled(t, url), "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
		select {
		case <-cut:
			came = true
		case <-time.After(5 * time.Second):
		}
	}
	eventually(t, "the client's connection is closed though it neither reads nor leaves", func() bool { return c.open() == 0 })
}

func TestBytesThatATargetSendsUnaskedAreNobodysAnswer(t *testing.T) {
	t.Parallel()
	const poison = "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison"
	for name, tt := range map[string]struct{ method, head string }{
		"the body of an answer to HEAD": {"HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 44\r\n\r\n"},
		"the body of a 204":             {"GET", "HTTP/1.1 204 No Content\r\n\r\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newCloud(t)
			answered, sent := make(chan struct{}), make(chan struct{})
			target := tcp(t, func(conn net.Conn) {
				in := bufio.NewReader(conn)
				for {
					r, err := http.ReadRequest(in)
					if err != nil {
						return
					}
					if r.URL.Path != "/first" {
						_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
						continue
					}
					_, _ = io.WriteString(conn, tt.head)
					<-answered // a moment later, when the connection rests
					_, _ = io.WriteString(conn, poison)
					close(sent)
				}
			})
			url := c.serve(web(freePort(t), forward(balance.Weighted{Group: "web", Weight: 1}), group("web", target)))
			cl := client(t)
			r, _ := http.NewRequest(tt.method, url+"/first", nil)
			res, err := cl.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			_ = res.Body.Close()
			member := c.plane.snap.Load().pools[poolKey{webARN, "web"}].targets[0]
			eventually(t, "the line rests", func() bool { return member.outstanding.Load() == 0 })
			close(answered)
			<-sent
			if code, body := get(t, cl, url+"/second"); code != 200 || body != "ok" {
				t.Errorf("the next request got %d %q", code, body)
			}
		})
	}
}

func TestABodyOfManyChunksDoesNotBlindTheJudge(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	url := c.serve(web(freePort(t), forward(balance.Weighted{Group: "web", Weight: 1}), group("web", handler(t, echo))))
	answer := raw(t, url, "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"+
		strings.Repeat("4;"+strings.Repeat("e", 12)+"\r\nabcd\r\n", longestHead/8)+"0\r\n\r\n"+
		"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"+
		"GET /third HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
	if n := strings.Count(answer, "HTTP/1.1 200 OK\r\n"); n != 2 || strings.Contains(answer, "/third") {
		t.Errorf("%d answers; want two, and the connection closed after the ambiguous request", n)
	}
}

func TestAnEarlyAnswerReachesAClientThatGoesOnSending(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	target := tcp(t, func(conn net.Conn) {
		if _, err := http.ReadRequest(bufio.NewReader(conn)); err == nil {
			_, _ = io.WriteString(conn, "HTTP/1.1 413 Request Entity Too Large\r\nContent-Length: 3\r\nConnection: close\r\n\r\nbig")
		}
		_ = conn.(*net.TCPConn).CloseWrite()
		_, _ = io.Copy(io.Discard, conn)
	})
	url := c.serve(web(freePort(t), forward(balance.Weighted{Group: "web", Weight: 1}), group("web", target)))
	for name, tt := range map[string]struct {
		head string
		want int
	}{
		"of a target":                      {"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 67108864\r\n\r\n", 413},
		"of the balancer, by class":        {"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 67108864\r\nContent-Length: 3\r\n\r\n", 400},
		"of the balancer, by form":         {"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 67108864\r\nX-Forwarded-For: " + strings.Repeat("1.1.1.1,", 30) + "1.1.1.1\r\n\r\n", 463},
		"of the balancer, to a bad coding": {"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: zip\r\n\r\n", 501},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for range 2 {
				conn := dialled(t, url)
				_, _ = io.WriteString(conn, tt.head)
				part := make([]byte, 64<<10)
				for range 64 { // the client sends all this before it looks
					if _, err := conn.Write(part); err != nil {
						t.Fatalf("the connection was reset under a client that sends: %v", err)
					}
				}
				res, err := http.ReadResponse(bufio.NewReader(conn), nil)
				if err != nil {
					t.Fatalf("the answer was lost: %v", err)
				}
				if res.StatusCode != tt.want || !res.Close {
					t.Errorf("got %d, closes %v; want %d and closed", res.StatusCode, res.Close, tt.want)
				}
				_ = conn.Close()
			}
		})
	}
}

func TestAnAnswerDoesNotWaitForTheEndOfItsRequest(t *testing.T) {
	t.Parallel()
	w := httptest.NewRecorder()
	up := &upload{done: make(chan struct{})} // a target that answered reads no further
	if up.written(w) || !w.Flushed {
		t.Errorf("the request counts as written, or the client waited: flushed %v", w.Flushed)
	}
	close(up.done)
	if !up.written(w) {
		t.Error("what is written does not count as written")
	}
}

func TestAClientThatStallsItsBodyGets408EveryTime(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	target := tcp(t, func(conn net.Conn) { _, _ = io.Copy(io.Discard, conn) })
	table := web(freePort(t), forward(balance.Weighted{Group: "web", Weight: 1}), group("web", target))
	table.Balancers[0].IdleTimeout = 50 * time.Millisecond
	url := c.serve(table)
	answers := uint64(0)
	for deadline := time.Now().Add(patience); answers < 40 && time.Now().Before(deadline); {
		answer := raw(t, url, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc")
		if answer == "" || strings.HasPrefix(answer, "HTTP/1.1 504 ") {
			continue // on a busy machine the head itself may come late, or the target; what is counted tells
		}
		if answers++; !strings.HasPrefix(answer, "HTTP/1.1 408 ") {
			t.Fatalf("got %q, want 408", answer)
		}
	}
	if n := c.row("").ELB4XX; n != answers || n == 0 {
		t.Errorf("%d times 408 was answered and %d errors were counted: some clients got nothing", answers, n)
	}
}

func TestOnlyWebSocketsAreUpgraded(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	target := tcp(t, func(conn net.Conn) {
		in := bufio.NewReader(conn)
		r, err := http.ReadRequest(in)
		if err != nil {
			return
		}
		if r.Header.Get("Upgrade") != "" {
			_, _ = io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: "+r.Header.Get("Upgrade")+"\r\n\r\n")
			_, _ = io.Copy(conn, in)
			return
		}
		_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nplain")
	})
	url := c.serve(web(freePort(t), forward(balance.Weighted{Group: "web", Weight: 1}), group("web", target)))
	for name, request := range map[string]string{
		"h2c":                     "GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, HTTP2-Settings, close\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n\r\n",
		"a WebSocket with a body": "POST / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, close\r\nUpgrade: websocket\r\nContent-Length: 2\r\n\r\nhi",
	} {
		if answer := raw(t, url, request); !strings.HasPrefix(answer, "HTTP/1.1 200 OK\r\n") || !strings.HasSuffix(answer, "plain") {
			t.Errorf("%s: got %q, want the answer to a request without Upgrade", name, answer)
		}
	}
}

func TestACutAnswerDoesNotLookWhole(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	target := tcp(t, func(conn net.Conn) {
		if r, err := http.ReadRequest(bufio.NewReader(conn)); err == nil {
			head := "Transfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n"
			if r.URL.Path == "/length" {
				head = "Content-Length: 8\r\n\r\nhalf"
			}
			_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\n"+head)
		}
	})
	url := c.serve(web(freePort(t), forward(balance.Weighted{Group: "web", Weight: 1}), group("web", target)))
	for _, path := range []string{"/chunks", "/length"} {
		for _, version := range []string{"1.0", "1.1"} {
			conn := dialled(t, url)
			_, _ = io.WriteString(conn, "GET "+path+" HTTP/"+version+"\r\nHost: x\r\n\r\n")
			res, err := http.ReadResponse(bufio.NewReader(conn), nil)
			if err == nil {
				_, err = io.ReadAll(res.Body)
			}
			if err == nil {
				t.Errorf("%s over HTTP/%s: half an answer looks whole", path, version)
			}
		}
	}
}

func TestTrailersThatFrameOrRouteStayBehind(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	seen := make(chan string, 1)
	target := tcp(t, func(conn net.Conn) {
		in := bufio.NewReader(conn)
		for line := ""; line != "0\r\n"; { // the last chunk; a header may end in 0 too
			var err error
			if line, err = in.ReadString('\n'); err != nil {
				return
			}
		}
		trailers := ""
		for {
			line, err := in.ReadString('\n')
			if err != nil || line == "\r\n" {
				break
			}
			trailers += line
		}
		seen <- trailers
		_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
	})
	url := c.serve(web(freePort(t), forward(balance.Weighted{Group: "web", Weight: 1}), group("web", target)))
	_ = raw(t, url, "POST / HTTP/1.1\r\nHost: x\r\nConnection: close, X-Hop\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n"+
		"X-Sum: 1\r\nContent-Length: 9\r\nTransfer-Encoding: chunked\r\nHost: evil\r\nX-Forwarded-For: 6.6.6.6\r\nx-hop: 1\r\n"+
		"x-amzn-tls-version: TLSv1.3\r\nX-AMZN-MTLS-CLIENTCERT-LEAF: evil\r\nX-Amzn-Trace-Id: Root=evil\r\n\r\n")
	if got := <-seen; got != "X-Sum: 1\r\n" {
		t.Errorf("the target got the trailers %q", got)
	}
}

func TestTrailersOfATargetThatFrameOrTheListenerSetsStayBehind(t *testing.T) {
	t.Parallel()
	for _, announces := range []string{"", "Trailer: X-Sum, X-Frame-Options, Server\r\n"} {
		c := newCloud(t)
		target := tcp(t, func(conn net.Conn) {
			if _, err := http.ReadRequest(bufio.NewReader(conn)); err == nil {
				_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\n"+announces+"Transfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n"+
					"X-Sum: 1\r\nContent-Length: 9\r\nTransfer-Encoding: chunked\r\nServer: me\r\nX-Frame-Options: mine\r\n\r\n")
			}
		})
		table := web(freePort(t), forward(balance.Weighted{Group: "web", Weight: 1}), group("web", target))
		l := &table.Balancers[0].Listeners[0]
		l.NoServerHeader, l.ResponseHeaders = true, []balance.Header{{Name: "X-Frame-Options", Value: "DENY"}}
		answer := raw(t, c.serve(table), "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
		if _, trailers, ok := strings.Cut(answer, "\r\n0\r\n"); !ok || trailers != "X-Sum: 1\r\n\r\n" {
			t.Errorf("announced by %q, the client got %q", announces, answer)
		}
	}
}

func TestHalfARequestBehindAWholeOneIsTimedOut(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	table := web(freePort(t), forward(balance.Weighted{Group: "web", Weight: 1}), group("web", backend(t, "ok")))
	table.Balancers[0].IdleTimeout = time.Second
	url := c.serve(table)
	answer := ""
	for deadline := time.Now().Add(patience); !strings.HasPrefix(answer, "HTTP/1.1 200 ") && time.Now().Before(deadline); { // on a busy machine a second may be short
		answer = raw(t, url, "GET / HTTP/1.1\r\nHost: x\r\n\r\nGET /second HTTP/1.1\r\nHos")
	}
	if !strings.HasPrefix(answer, "HTTP/1.1 200 OK\r\n") || strings.Count(answer, "HTTP/1.1 408 ") != 1 {
		t.Errorf("got %q, want 200 and then 408", answer)
	}
}

func TestAStatusThatIsNoneIsABadGateway(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	target := tcp(t, func(conn net.Conn) {
		if _, err := http.ReadRequest(bufio.NewReader(conn)); err == nil {
			_, _ = io.WriteString(conn, "HTTP/1.1 050 What\r\nContent-Length: 0\r\n\r\n")
			_, _ = io.Copy(io.Discard, conn)
		}
	})
	url := c.serve(web(freePort(t), forward(balance.Weighted{Group: "web", Weight: 1}), group("web", target)))
	if code, _ := get(t, client(t), url); code != 502 {
		t.Errorf("got %d, want 502", code)
	}
}

func TestATunnelCountsItsBytesAndItsConnection(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	target := tcp(t, func(conn net.Conn) {
		in := bufio.NewReader(conn)
		if _, err := http.ReadRequest(in); err != nil {
			return
		}
		_, _ = io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
		_, _ = io.Copy(conn, in)
	})
	url := c.serve(web(freePort(t), forward(balance.Weighted{Group: "web", Weight: 1}), group("web", target)))
	conn := dialled(t, url)
	_, _ = io.WriteString(conn, "GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
	in := bufio.NewReader(conn)
	if res, err := http.ReadResponse(in, nil); err != nil || res.StatusCode != 101 {
		t.Fatalf("got %v %v", res, err)
	}
	const much = 100_000
	go func() { _, _ = conn.Write(make([]byte, much)) }()
	if _, err := io.CopyN(io.Discard, in, much); err != nil {
		t.Fatal(err)
	}
	if n := c.open(); n != 1 {
		t.Errorf("%d connections are open while the tunnel is", n)
	}
	_ = conn.Close()
	var n uint64
	eventually(t, "the tunnel's bytes are counted", func() bool { n += c.row("").ProcessedBytes; return n >= 2*much })
	eventually(t, "the connection is gone", func() bool { return c.open() == 0 })
}

func TestPlainHTTPAtAnHTTPSListenerIsCountedOnce(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	url := c.serve(secured(web(freePort(t), forward(balance.Weighted{Group: "web", Weight: 1}), group("web", backend(t, "ok")))))
	if answer := raw(t, url, "GET / HTTP/1.1\r\nHost: x\r\n\r\n"); !strings.HasPrefix(answer, "HTTP/1.1 400 ") {
		t.Errorf("got %q", answer)
	}
	eventually(t, "the connection is gone", func() bool { return c.open() <= 0 })
	if n := c.row("").ELB4XX; n != 1 {
		t.Errorf("counted %d, want 1", n)
	}
}

func TestASpaceInAStreamsQueryIsNoEndOfTheRequestLine(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	lines := make(chan string, 1)
	target := tcp(t, func(conn net.Conn) {
		line, _ := bufio.NewReader(conn).ReadString('\n')
		lines <- line
		_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
	})
	url := strings.Replace(c.serve(secured(web(freePort(t), forward(balance.Weighted{Group: "web", Weight: 1}), group("web", target)))), "http:", "https:", 1)
	r, _ := http.NewRequest("GET", url, nil)
	r.URL.Path, r.URL.RawQuery = "/a", "b HTTP/1.1"
	res, err := c.streams("localhost").Do(r)
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	select {
	case line := <-lines:
		if strings.Count(line, " ") != 2 {
			t.Errorf("the target got %q", line)
		}
	default:
		if res.StatusCode != 400 {
			t.Errorf("got %d, and the target was not asked", res.StatusCode)
		}
	}
}

func TestTheJudgeReadsHTTP10AsTheServerDoes(t *testing.T) {
	t.Parallel()
	var h heads
	h.feed([]byte("POST / HTTP/1.0\r\nHost: x\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n" +
		"POST /second HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n"))
	if got := h.take(); got.class != ambiguous || got.reason != "UndefinedTransferEncodingSemantics" {
		t.Errorf("a coding in HTTP/1.0 is %v", got)
	}
	if got := h.take(); got.class != severe {
		t.Errorf("the request behind it is %v, want severe", got)
	}
}
