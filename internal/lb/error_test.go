package lb

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/slipway-ecs/slipway/internal/balance"
)

// tcp is a target that does this with every connection.
func tcp(t *testing.T, f func(net.Conn)) *httptest.Server {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ln.Close() })
	go func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				f(conn)
			}()
		}
	}()
	return &httptest.Server{Listener: ln}
}

// goneServer is a target that is no longer there: its port refuses, and is nobody else's.
func goneServer(t *testing.T) *httptest.Server {
	t.Helper()
	return &httptest.Server{Listener: nobody{refusing(t)}}
}

// nobody is a listener of which only the address is asked.
type nobody struct{ taken }

// Accept accepts nobody.
func (nobody) Accept() (net.Conn, error) { return nil, net.ErrClosed }

// Close closes nothing.
func (nobody) Close() error { return nil }

func TestABodyThatLooksFoldedIsNoHeader(t *testing.T) {
	t.Parallel()
	const body = "a\r\n b\r\n\r\n\tc"
	for name, before := range map[string]string{"alone": "", "after another head": "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newCloud(t)
			target := tcp(t, func(conn net.Conn) {
				_, _ = http.ReadRequest(bufio.NewReader(conn))
				_, _ = fmt.Fprintf(conn, "%sHTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", before, len(body), body)
			})
			url := c.serve(web(freePort(t), forward(balance.Weighted{Group: "web", Weight: 1}), group("web", target)))
			if code, got := get(t, client(t), url); code != 200 || got != body {
				t.Errorf("got %d %q, want the target's answer", code, got)
			}
		})
	}
}

func TestErrorsOfTheBalancer(t *testing.T) {
	t.Parallel()
	ok := backend(t, "ok")
	gone := goneServer(t)
	readHead := func(c net.Conn) { _, _ = http.ReadRequest(bufio.NewReader(c)) }
	closes := tcp(t, readHead)
	garbage := tcp(t, func(c net.Conn) { readHead(c); _, _ = io.WriteString(c, "what?\r\n\r\n") })
	huge := tcp(t, func(c net.Conn) {
		readHead(c)
		_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nX-Long: "+strings.Repeat("a", 40<<10)+"\r\nContent-Length: 0\r\n\r\n")
	})
	folds := tcp(t, func(c net.Conn) {
		readHead(c)
		_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nX-Folded: a\r")
		_, _ = io.WriteString(c, "\n")
		_, _ = io.WriteString(c, "\tb\r\nContent-Length: 0\r\n\r\n")
	})
	heads := func(parts ...string) *httptest.Server {
		return tcp(t, func(c net.Conn) {
			readHead(c)
			for _, p := range parts {
				_, _ = io.WriteString(c, p)
			}
		})
	}
	const hints, fold, end = "HTTP/1.1 103 Early Hints\r\nLink: x\r\n", "X-A: a\r\n b\r\n", "Content-Length: 0\r\n\r\n"
	const final = "HTTP/1.1 200 OK\r\n"
	silent := tcp(t, func(c net.Conn) { readHead(c); _, _ = io.Copy(io.Discard, c) })

	plain := "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
	for name, tt := range map[string]struct {
		servers []*httptest.Server
		request string
		want    int
	}{
		"nothing listens":                {[]*httptest.Server{gone}, plain, 502},
		"the target closes":              {[]*httptest.Server{closes}, plain, 502},
		"the target speaks no HTTP":      {[]*httptest.Server{garbage}, plain, 502},
		"response headers above 32 K":    {[]*httptest.Server{huge}, plain, 502},
		"a folded response header":       {[]*httptest.Server{folds}, plain, 502},
		"folded after one head, at once": {[]*httptest.Server{heads(hints + "\r\n" + final + fold + end)}, plain, 502},
		"folded after one head":          {[]*httptest.Server{heads(hints+"\r\n", final+fold+end)}, plain, 502},
		"folded after two heads":         {[]*httptest.Server{heads(hints+"\r\n"+hints+"\r\n"+final+"X-A: a\r\n", " b\r\n"+end)}, plain, 502},
		"a folded head before the last":  {[]*httptest.Server{heads(hints + "\r\n" + hints + fold + "\r\n" + final + end)}, plain, 502},
		"no target":                      {nil, plain, 503},
		"a form that is opaque":          {[]*httptest.Server{ok}, "GET mailto:one HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", 400},
		"no answer in the idle time-out": {[]*httptest.Server{silent}, plain, 504},
		"TRACE":                          {[]*httptest.Server{ok}, "TRACE / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", 405},
		"no HTTP at all":                 {[]*httptest.Server{ok}, "hello\r\n\r\n", 400},
		"no Host":                        {[]*httptest.Server{ok}, "GET / HTTP/1.1\r\n\r\n", 400},
		"two lengths":                    {[]*httptest.Server{ok}, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", 400},
		"one header above 16 K":          {[]*httptest.Server{ok}, "GET / HTTP/1.1\r\nHost: x\r\nX: " + strings.Repeat("a", 17<<10) + "\r\n\r\n", 400},
		"headers above 64 K":             {[]*httptest.Server{ok}, "GET / HTTP/1.1\r\nHost: x\r\n" + strings.Repeat("X: "+strings.Repeat("a", 10<<10)+"\r\n", 8) + "\r\n", 400},
		"request line above 16 K":        {[]*httptest.Server{ok}, "GET /" + strings.Repeat("a", 17<<10) + " HTTP/1.1\r\nHost: x\r\n\r\n", 414},
		"half a request":                 {[]*httptest.Server{ok}, "GET / HTTP/1.1\r\nHos", 408},
		"half a body":                    {[]*httptest.Server{silent}, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc", 408},
		"31 addresses":                   {[]*httptest.Server{ok}, "GET / HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: " + strings.Repeat("1.2.3.4, ", 30) + "1.2.3.4\r\n\r\n", 463},
		"an unknown transfer encoding":   {[]*httptest.Server{ok}, "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: zip\r\n\r\n", 501},
		"HTTP/2 with prior knowledge":    {[]*httptest.Server{ok}, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505},
		"HTTP/3.0":                       {[]*httptest.Server{ok}, "GET / HTTP/3.0\r\nHost: x\r\n\r\n", 505},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newCloud(t)
			table := web(freePort(t), forward(balance.Weighted{Group: "web", Weight: 1}), group("web", tt.servers...))
			table.Balancers[0].IdleTimeout = 300 * time.Millisecond
			url := c.serve(table)
			answer, n := raw(t, url, tt.request), c.row("")
			for deadline := time.Now().Add(patience); late(answer, tt.want) && time.Now().Before(deadline); {
				answer, n = raw(t, url, tt.request), c.row("")
			}
			if !strings.HasPrefix(answer, fmt.Sprintf("HTTP/1.1 %d ", tt.want)) || !strings.Contains(answer, "Server: awselb/2.0\r\n") || !strings.Contains(answer, fmt.Sprintf("<center><h1>%d ", tt.want)) {
				t.Errorf("got %q, want %d by awselb/2.0", answer, tt.want)
			}
			if four, five := tt.want/100 == 4, tt.want/100 == 5; (n.ELB4XX == 1) != four || (n.ELB5XX == 1) != five {
				t.Errorf("counted %+v for %d", n, tt.want)
			}
		})
	}
}

// late reports whether an answer is that of a machine so busy that the idle time-out passed before what
// the test is about.
func late(answer string, want int) bool {
	return answer == "" || want != 504 && strings.HasPrefix(answer, "HTTP/1.1 504 ") || want != 408 && strings.HasPrefix(answer, "HTTP/1.1 408 ")
}

func TestAClientThatLeavesIsCountedAs460(t *testing.T) {
	t.Parallel()
	arrived := make(chan struct{})
	left := make(chan struct{})
	slow := handler(t, func(_ http.ResponseWriter, r *http.Request) { close(arrived); <-r.Context().Done(); close(left) })
	c := newCloud(t)
	url := c.serve(web(freePort(t), forward(balance.Weighted{Group: "web", Weight: 1}), group("web", slow)))
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-arrived; cancel() }()
	r, _ := http.NewRequestWithContext(ctx, "GET", url, nil)
	if res, err := client(t).Do(r); err == nil {
		_ = res.Body.Close()
		t.Fatal("an answer came")
	}
	<-left
	var n uint64
	eventually(t, "one ELB 4XX is counted", func() bool { n += c.row("").ELB4XX; return n == 1 })
}

func TestWeightsOfZeroAnswer503(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	url := c.serve(web(freePort(t), forward(balance.Weighted{Group: "web"}), group("web", backend(t, "x"))))
	if code, _ := get(t, client(t), url); code != 503 {
		t.Errorf("got %d, want 503", code)
	}
}

func TestACheckOfATargetThatNeverShakesHandsTimesOut(t *testing.T) {
	t.Parallel()
	ln, err := net.Listen("tcp", "127.0.0.1:0") // the system accepts, nobody answers
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	k := probeKey{dial: balance.Address{Network: "tcp", Address: ln.Addr().String()}, host: "target",
		check: balance.HealthCheck{Protocol: "HTTPS", Timeout: 50 * time.Millisecond}}

	got := check(t.Context(), k)

	if want := (balance.Probe{Why: balance.Timeout}); got != want {
		t.Errorf("check of a silent TLS target: got %+v, want %+v", got, want)
	}
}
