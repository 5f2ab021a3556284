package lb

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/slipway-ecs/slipway/internal/balance"
)

func TestRequestsAreTreatedByTheirClassAndTheMode(t *testing.T) {
	t.Parallel()
	const host = " HTTP/1.1\r\nHost: x\r\n"
	for name, tt := range map[string]struct {
		request string
		// the answers in each mode, and whether the connection stays open after it in defensive mode
		monitor, defensive, strictest int
		stays                         bool
	}{
		"compliant":                  {"GET /" + host + "\r\n", 200, 200, 200, true},
		"GET with a length of zero":  {"GET /" + host + "Content-Length: 0\r\n\r\n", 200, 200, 400, true},
		"a header beyond ASCII":      {"GET /" + host + "X-Name: \xc3\xa9\r\n\r\n", 200, 200, 400, true},
		"both length and coding":     {"POST /" + host + "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 200, 200, 400, false},
		"the length twice":           {"POST /" + host + "Content-Length: 1\r\nContent-Length: 1\r\n\r\na", 200, 200, 400, false},
		"a name like a framing one":  {"POST /" + host + "Content_Length: 1\r\nContent-Length: 1\r\n\r\na", 200, 200, 400, false},
		"a coding by another name":   {"POST /" + host + "Transfer_Encoding: chunked\r\nContent-Length: 1\r\n\r\na", 400, 400, 400, false},
		"GET with a body":            {"GET /" + host + "Content-Length: 1\r\n\r\na", 200, 200, 400, false},
		"GET with a coded body":      {"GET /" + host + "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 200, 200, 400, false},
		"two lengths":                {"POST /" + host + "Content-Length: 1\r\nContent-Length: 2\r\n\r\nab", 400, 400, 400, false},
		"a length that is none":      {"POST /" + host + "Content-Length: +1\r\n\r\na", 400, 400, 400, false},
		"a folded header":            {"GET /" + host + "X: a\r\n b\r\n\r\n", 400, 400, 400, false},
		"a space before a colon":     {"POST /" + host + "Content-Length : 1\r\n\r\na", 400, 400, 400, false},
		"a zero byte in a header":    {"GET /" + host + "X: a\x00b\r\n\r\n", 400, 400, 400, false},
		"a method that is no method": {"G(T /" + host + "\r\n", 400, 400, 400, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newCloud(t)
			table := web(freePort(t), forward(balance.Weighted{Group: "web", Weight: 1}), group("web", backend(t, "ok")))
			for mode, want := range map[balance.Desync]int{balance.Monitor: tt.monitor, balance.Defensive: tt.defensive, balance.Strictest: tt.strictest} {
				table.Balancers[0].Desync = mode
				answer := raw(t, c.serve(table), tt.request+"GET /second"+host+"Connection: close\r\n\r\n")
				if !strings.HasPrefix(answer, fmt.Sprintf("HTTP/1.1 %d ", want)) {
					t.Errorf("%s: got %q, want %d", mode, answer, want)
				}
				if stays := strings.Count(answer, "HTTP/1.1 ") == 2; mode == balance.Defensive && stays != tt.stays {
					t.Errorf("%s: the connection went on: %v, want %v; got %q", mode, stays, tt.stays, answer)
				}
			}
		})
	}
}

func TestTheRestOfABodyThatNobodyReadIsNoRequest(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	early := tcp(t, func(conn net.Conn) { // answers before the body is there
		if _, err := http.ReadRequest(bufio.NewReader(conn)); err == nil {
			_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
			_, _ = io.Copy(io.Discard, conn)
		}
	})
	closes := tcp(t, func(conn net.Conn) { _, _ = http.ReadRequest(bufio.NewReader(conn)) })
	for name, target := range map[string]*httptest.Server{"an early answer": early, "no answer": closes} {
		url := c.serve(web(freePort(t), forward(balance.Weighted{Group: "web", Weight: 1}), group("web", target)))
		conn, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		_ = conn.SetDeadline(time.Now().Add(patience))
		_, _ = io.WriteString(conn, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n")
		in := bufio.NewReader(conn)
		res, err := http.ReadResponse(in, nil)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, res.Body)
		_, _ = io.WriteString(conn, "GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n")
		if more, _ := io.ReadAll(in); !res.Close || len(more) > 0 {
			t.Errorf("%s: closes %v, and then came %q", name, res.Close, more)
		}
		_ = conn.Close()
	}
}

// FuzzHeads holds the follower of heads against net/http's own reader: it never fails, says the
// same however the bytes are cut, and has seen at least the requests that net/http saw.
func FuzzHeads(f *testing.F) {
	for _, s := range []string{
		"GET / HTTP/1.1\r\nHost: x\r\n\r\nGET /2 HTTP/1.1\r\nHost: x\r\n\r\n",
		"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabcGET / HTTP/1.1\r\nHost: x\r\n\r\n",
		"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3;a=b\r\nabc\r\n0\r\nT: v\r\n\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n",
		"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\nGET / HTTP/1.1\r\n\r\n",
		"\r\n\r\nGET / HTTP/1.1\nHost: x\n\n", "G(T / HTTP/1.1\r\n\r\n", "GET / HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n\r\n", ": \r\n\r\n",
	} {
		f.Add([]byte(s), 3)
	}
	f.Fuzz(func(t *testing.T, data []byte, cut int) {
		var whole, parts heads
		whole.feed(data)
		cut = max(1, cut%17)
		for piece := range slices.Chunk(data, cut) {
			parts.feed(piece)
		}
		if !slices.Equal(whole.verdicts, parts.verdicts) {
			t.Fatalf("at once %v, in pieces of %d %v", whole.verdicts, cut, parts.verdicts)
		}
		in := bufio.NewReader(bytes.NewReader(data))
		seen := 0
		for seen < maxVerdicts-1 {
			r, err := http.ReadRequest(in)
			if err != nil {
				break
			}
			if seen++; seen > len(whole.verdicts) {
				t.Fatalf("net/http saw request %d, %s %s, and %v were judged", seen, r.Method, r.URL, whole.verdicts)
			}
			if whole.verdicts[seen-1].class == severe {
				return // refused: what follows is never read
			}
			if _, err := io.Copy(io.Discard, r.Body); err != nil {
				break
			}
		}
	})
}

func TestRequestsThatAreNotCompliantAreCounted(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	table := web(freePort(t), forward(balance.Weighted{Group: "web", Weight: 1}), group("web", backend(t, "ok")))
	for _, mode := range []balance.Desync{balance.Monitor, balance.Defensive, balance.Strictest} {
		table.Balancers[0].Desync = mode
		url := c.serve(table)
		for _, request := range []string{
			"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",                                                         // compliant
			"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",                                    // acceptable
			"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 1\r\nConnection: close\r\n\r\na",             // ambiguous
			"POST / HTTP/1.1\r\nHost: x\r\nTransfer_Encoding: chunked\r\nContent-Length: 1\r\nConnection: close\r\n\r\na",    // severe
			"POST / HTTP/1.1\r\nHost: x\r\nContent-Length : 1\r\nConnection: close\r\n\r\na",                                 // never seen by a handler
			"GET / HTTP/1.1\r\nHost: x\r\nX: " + strings.Repeat("x", maxHeaders) + strings.Repeat("y", maxLine) + "\r\n\r\n", // too long, and nothing else
		} {
			if answer := raw(t, url, request); !strings.HasPrefix(answer, "HTTP/1.1 ") {
				t.Fatalf("%s: %q got %q", mode, request[:min(len(request), 80)], answer)
			}
		}
		var seen uint64
		eventually(t, "four of them are counted", func() bool {
			seen += c.row("").NonCompliant
			return seen >= 4
		})
		if seen += c.row("").NonCompliant; seen != 4 {
			t.Errorf("%s: counted %d, want 4", mode, seen)
		}
	}
}

func TestAURLThatIsTooLongIsToldFromALongHead(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	url := c.serve(web(freePort(t), forward(balance.Weighted{Group: "web", Weight: 1}), group("web", backend(t, "ok"))))
	for name, tt := range map[string]struct {
		request string
		want    int
	}{
		"a long URL":                             {"GET /" + strings.Repeat("a", maxLine) + " HTTP/1.1\r\nHost: x\r\n\r\n", 414},
		"a URL longer than all headers may be":   {"GET /" + strings.Repeat("a", maxHeaders+maxLine) + " HTTP/1.1\r\nHost: x\r\n\r\n", 414},
		"a long header":                          {"GET / HTTP/1.1\r\nHost: x\r\nX: " + strings.Repeat("a", maxLine) + "\r\n\r\n", 400},
		"headers longer than all of them may be": {"GET / HTTP/1.1\r\nHost: x\r\n" + strings.Repeat("X: "+strings.Repeat("a", maxLine/2)+"\r\n", 12) + "\r\n", 400},
	} {
		if answer := raw(t, url, tt.request); !strings.HasPrefix(answer, fmt.Sprintf("HTTP/1.1 %d ", tt.want)) {
			t.Errorf("%s: got %q, want %d", name, answer[:min(len(answer), 80)], tt.want)
		}
	}
}
