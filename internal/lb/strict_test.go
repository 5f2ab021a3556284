package lb

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/slipway-ecs/slipway/internal/balance"
)

// strict reads what a target got as the strictest of servers would: lines end with CRLF, names are
// tokens, and a body is framed in one way. It gives the request lines, or what is wrong.
func strict(all []byte) (requests []string, err error) {
	in := bufio.NewReader(bytes.NewReader(all))
	line := func() (string, error) {
		l, err := in.ReadString('\n')
		if err != nil {
			return "", fmt.Errorf("cut short: %q", l)
		}
		l, ok := strings.CutSuffix(l, "\r\n")
		if !ok || strings.ContainsAny(l, "\r\n\x00") {
			return "", fmt.Errorf("a line that others read in another way: %q", l)
		}
		return l, nil
	}
	for {
		if _, err := in.Peek(1); err != nil {
			return requests, nil
		}
		first, err := line()
		if err != nil {
			return requests, err
		}
		if f := strings.Split(first, " "); len(f) != 3 || f[2] != "HTTP/1.1" || !token([]byte(f[0])) {
			return requests, fmt.Errorf("request line %q", first)
		}
		requests = append(requests, first)
		length, hosts, chunked := int64(-1), 0, false
		for {
			l, err := line()
			if err != nil {
				return requests, err
			}
			if l == "" {
				break
			}
			name, value, ok := strings.Cut(l, ":")
			if !ok || !token([]byte(name)) {
				return requests, fmt.Errorf("header line %q", l)
			}
			switch strings.ToLower(name) {
			case "host":
				hosts++
			case "content-length":
				if length >= 0 {
					return requests, fmt.Errorf("two lengths")
				}
				if length, err = strconv.ParseInt(strings.TrimSpace(value), 10, 64); err != nil {
					return requests, err
				}
			case "transfer-encoding":
				if chunked || strings.TrimSpace(value) != "chunked" {
					return requests, fmt.Errorf("coding %q", value)
				}
				chunked = true
			}
		}
		if hosts != 1 || chunked && length >= 0 {
			return requests, fmt.Errorf("%d hosts, chunked %v and length %d", hosts, chunked, length)
		}
		if !chunked {
			if _, err := in.Discard(int(max(length, 0))); err != nil {
				return requests, err
			}
			continue
		}
		for size := int64(-1); size != 0; {
			l, err := line()
			if err != nil {
				return requests, err
			}
			if size, err = strconv.ParseInt(l, 16, 32); err != nil {
				return requests, err
			}
			if _, err := in.Discard(int(size)); err != nil {
				return requests, err
			}
			if size > 0 {
				l, err = line()
			}
			for size == 0 && err == nil { // trailers
				if l, err = line(); l == "" {
					break
				}
			}
			if err != nil || l != "" {
				return requests, fmt.Errorf("behind a chunk %q %v", l, err)
			}
		}
	}
}

// ledger is a target that answers every request and writes down all that it got on each connection.
type ledger struct {
	mu  sync.Mutex
	got []*bytes.Buffer
}

func (l *ledger) serve(conn net.Conn) {
	all := &bytes.Buffer{}
	l.mu.Lock()
	l.got = append(l.got, all)
	l.mu.Unlock()
	in := bufio.NewReader(io.TeeReader(conn, lockedWriter{&l.mu, all}))
	for {
		r, err := http.ReadRequest(in)
		if err != nil {
			return
		}
		_, _ = io.Copy(io.Discard, r.Body)
		_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
	}
}

type lockedWriter struct {
	mu *sync.Mutex
	w  io.Writer
}

func (w lockedWriter) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.w.Write(p)
}

// TestNoRequestIsTwoToATarget sends what servers have read in different ways. Whatever the client gets,
// a target gets requests that can be read in one way only, and never one named /smuggled.
func TestNoRequestIsTwoToATarget(t *testing.T) {
	t.Parallel()
	const (
		post     = "POST /one HTTP/1.1\r\nHost: x\r\n"
		smuggled = "GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n"
	)
	for name, request := range map[string]string{
		"CL.TE":                               post + "Content-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + smuggled,
		"TE.CL":                               post + "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n" + fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", len(smuggled), smuggled),
		"TE.TE":                               post + "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n" + smuggled,
		"a tab before the coding":             post + "Transfer-Encoding:\tchunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n" + smuggled,
		"a vertical tab in the coding":        post + "Transfer-Encoding: \vchunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n" + smuggled,
		"a space before the colon":            post + "Transfer-Encoding : chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n" + smuggled,
		"a folded coding":                     post + "Transfer-Encoding:\r\n chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n" + smuggled,
		"a bare CR in a value":                post + "X: a\rTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n" + smuggled,
		"lines that end with LF":              "POST /one HTTP/1.1\nHost: x\nContent-Length: 2\n\nhi",
		"two lengths":                         post + "Content-Length: 0\r\nContent-Length: " + strconv.Itoa(len(smuggled)) + "\r\n\r\n" + smuggled,
		"a list of lengths":                   post + "Content-Length: 0, " + strconv.Itoa(len(smuggled)) + "\r\n\r\n" + smuggled,
		"a signed length":                     post + "Content-Length: +0\r\n\r\n" + smuggled,
		"an empty length":                     post + "Content-Length:\r\n\r\n" + smuggled,
		"a length beyond 64 bits":             post + "Content-Length: 18446744073709551616\r\n\r\n" + smuggled,
		"a chunk beyond 64 bits":              post + "Transfer-Encoding: chunked\r\n\r\n10000000000000000\r\n" + smuggled,
		"a negative chunk":                    post + "Transfer-Encoding: chunked\r\n\r\n-1\r\n" + smuggled,
		"a chunk in 0x":                       post + "Transfer-Encoding: chunked\r\n\r\n0x2\r\nhi\r\n0\r\n\r\n",
		"a chunk's extension":                 post + "Transfer-Encoding: chunked\r\n\r\n2;a=\"b\r\nhi\r\n0\r\n\r\n",
		"a chunk line that ends with LF":      post + "Transfer-Encoding: chunked\r\n\r\n2\nhi\r\n0\r\n\r\n",
		"an extension with a bare LF":         post + "Transfer-Encoding: chunked\r\n\r\n2;\nxx\r\n" + strconv.Itoa(len(smuggled)) + "\r\n0\r\n\r\n" + smuggled,
		"a chunk longer than it says":         post + "Transfer-Encoding: chunked\r\n\r\n2\r\nhi there\r\n0\r\n\r\n" + smuggled,
		"a chunk size line of 64 K":           post + "Transfer-Encoding: chunked\r\n\r\n2;" + strings.Repeat("a", 64<<10) + "\r\nhi\r\n0\r\n\r\n" + smuggled,
		"a trailer that is a length":          post + "Transfer-Encoding: chunked\r\nTrailer: Content-Length\r\n\r\n0\r\nContent-Length: 44\r\n\r\n",
		"a folded trailer":                    post + "Transfer-Encoding: chunked\r\n\r\n0\r\nX: a\r\n " + "b\r\n\r\n",
		"a coding in HTTP/1.0":                "POST /one HTTP/1.0\r\nHost: x\r\nConnection: keep-alive\r\nContent-Length: " + strconv.Itoa(len(smuggled)+5) + "\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + smuggled,
		"two hosts":                           "GET /one HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n",
		"an absolute form with another host":  "GET http://y/one HTTP/1.1\r\nHost: x\r\n\r\n",
		"an absolute form without a path":     "GET http://y?a=b HTTP/1.1\r\nHost: x\r\n\r\n",
		"a form that is opaque":               "GET mailto:one HTTP/1.1\r\nHost: x\r\n\r\n",
		"a space in the URI":                  "GET /one HTTP/1.1\x20/smuggled HTTP/1.1\r\nHost: x\r\n\r\n",
		"an asterisk":                         "OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n",
		"the preface of HTTP/2":               "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
		"a body behind GET":                   "GET /one HTTP/1.1\r\nHost: x\r\nContent-Length: " + strconv.Itoa(len(smuggled)) + "\r\n\r\n" + smuggled,
		"a Connection that names what frames": post + "Connection: Content-Length, Host, X-Forwarded-For\r\nContent-Length: " + strconv.Itoa(len(smuggled)) + "\r\n\r\n" + smuggled,
		"an Expect that nobody knows":         post + "Expect: nothing\r\nContent-Length: " + strconv.Itoa(len(smuggled)) + "\r\n\r\n" + smuggled,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newCloud(t)
			l := &ledger{}
			table := web(freePort(t), forward(balance.Weighted{Group: "web", Weight: 1}), group("web", tcp(t, l.serve)))
			table.Balancers[0].IdleTimeout = time.Second
			for _, mode := range []balance.Desync{balance.Defensive, balance.Monitor} {
				table.Balancers[0].Desync = mode
				answer := raw(t, c.serve(table), request)
				l.mu.Lock()
				for _, got := range l.got {
					requests, err := strict(got.Bytes())
					// What is cut short was never a whole request, and its connection is closed.
					if err != nil && !strings.HasPrefix(err.Error(), "cut short") && err != io.EOF {
						t.Errorf("%s: the target got %q: %v; the client got %q", mode, got, err, answer)
					}
					for _, r := range requests {
						// With CL.TE the rest is a request of the client's own, where nothing closes the connection.
						if strings.Contains(r, "/smuggled") && mode == balance.Defensive {
							t.Errorf("%s: the target was asked %q", mode, r)
						}
						if strings.HasPrefix(r, "PRI ") {
							t.Errorf("%s: the target was asked %q; the client got %q", mode, r, answer)
						}
					}
				}
				l.got = nil
				l.mu.Unlock()
			}
		})
	}
}

func TestPipelinedRequestsAreAnsweredInTheirOrder(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	url := c.serve(web(freePort(t), forward(balance.Weighted{Group: "web", Weight: 1}), group("web", handler(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		_, _ = io.WriteString(w, r.URL.Path+string(body))
	}))))
	answer := raw(t, url, "GET /1 HTTP/1.1\r\nHost: x\r\n\r\n"+
		"POST /2 HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nhi"+
		"POST /3 HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nho\r\n0\r\n\r\n"+
		"HEAD /4 HTTP/1.1\r\nHost: x\r\n\r\n"+
		"GET /5 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
	in := bufio.NewReader(strings.NewReader(answer))
	for _, want := range []string{"/1", "/2hi", "/3ho", "", "/5"} {
		r := &http.Request{Method: http.MethodGet}
		if want == "" {
			r.Method = http.MethodHead
		}
		res, err := http.ReadResponse(in, r)
		if err != nil {
			t.Fatalf("for %q: %v in %q", want, err, answer)
		}
		if body, err := io.ReadAll(res.Body); string(body) != want || err != nil || res.StatusCode != 200 {
			t.Errorf("got %d %q %v, want %q", res.StatusCode, body, err, want)
		}
	}
}

func TestAStreamWhoseClientReadsNothingEndsAfterTheIdleTimeout(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	endless := handler(t, func(w http.ResponseWriter, _ *http.Request) {
		for part := make([]byte, 64<<10); ; {
			if _, err := w.Write(part); err != nil {
				return
			}
		}
	})
	table := secured(web(freePort(t), forward(balance.Weighted{Group: "web", Weight: 1}), group("web", endless)))
	table.Balancers[0].IdleTimeout = 300 * time.Millisecond
	url := strings.Replace(c.serve(table), "http:", "https:", 1)
	cl := c.streams("localhost")
	res, err := cl.Get(url)
	for deadline := time.Now().Add(patience); (err != nil || res.StatusCode != 200) && time.Now().Before(deadline); { // on a busy machine a handshake may be late
		res, err = cl.Get(url)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	member := c.plane.snap.Load().pools[poolKey{webARN, "web"}].targets[0]
	eventually(t, "the stream's handler has ended", func() bool { return member.outstanding.Load() == 0 })
	if _, err := io.Copy(io.Discard, res.Body); err == nil {
		t.Error("what came looks whole")
	}
}

func TestNoConnectionToATargetIsForgotten(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	target := tcp(t, func(conn net.Conn) {
		in := bufio.NewReader(conn)
		for {
			r, err := http.ReadRequest(in)
			if err != nil {
				return
			}
			switch r.URL.Path {
			case "/close":
				return
			case "/garbage":
				_, _ = io.WriteString(conn, "what?\r\n\r\n")
			case "/early":
				_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
			case "/half":
				_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf")
				return
			case "/much":
				_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nmuch")
			case "/switch":
				_, _ = io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\n\r\n")
			case "/silent":
				_, _ = io.Copy(io.Discard, in)
			default:
				_, _ = io.Copy(io.Discard, r.Body)
				_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
			}
		}
	})
	table := web(freePort(t), forward(balance.Weighted{Group: "web", Weight: 1}), group("web", target))
	table.Balancers[0].IdleTimeout = 300 * time.Millisecond
	url := c.serve(table)
	for _, path := range []string{"/close", "/garbage", "/early", "/half", "/much", "/switch", "/silent", "/fine"} {
		for _, head := range []string{
			"GET " + path + " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
			"POST " + path + " HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 2\r\n\r\nhi",
			"POST " + path + " HTTP/1.1\r\nHost: x\r\nContent-Length: 20\r\n\r\nhi",
		} {
			_ = raw(t, url, head)
		}
		conn := dialled(t, url) // and a client that leaves
		_, _ = io.WriteString(conn, "POST "+path+" HTTP/1.1\r\nHost: x\r\nContent-Length: 20\r\n\r\nhi")
		_ = conn.Close()
	}
	member := c.plane.snap.Load().pools[poolKey{webARN, "web"}].targets[0]
	eventually(t, "nothing is in flight and no connection is open", func() bool {
		member.mu.Lock()
		defer member.mu.Unlock()
		return member.outstanding.Load() == 0 && len(member.conns) == 0
	})
	eventually(t, "no client is connected", func() bool { return c.open() == 0 })
}
