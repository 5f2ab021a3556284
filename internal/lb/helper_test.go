package lb

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/slipway-ecs/slipway/internal/balance"
)

// TestMain lets the test binary be the data plane of the process tests, and a process that tells on how
// many cores one runs by itself.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "cores" {
		fmt.Print(runtime.GOMAXPROCS(0))
		os.Exit(0)
	}
	if len(os.Args) > 1 && os.Args[1] == "lb" {
		os.Exit(Main(context.Background(), os.Args[2:], os.Stdout, os.Stderr))
	}
	os.Exit(m.Run())
}

const webARN = "arn:aws:elasticloadbalancing:us-east-1:123456789012:loadbalancer/app/web/50dc6c495c0c9188"

// cloud is a table under construction, with a plane that serves it.
type cloud struct {
	t     *testing.T
	plane *plane
	table balance.Table

	mu     sync.Mutex
	probes []Probed
}

func newCloud(t *testing.T) *cloud {
	t.Helper()
	c := &cloud{t: t}
	log := slog.New(slog.NewTextHandler(io.Discard, nil))
	c.plane = newPlane(t.Context(), log, rand.New(rand.NewPCG(1, 2)), func(p Probed) {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.probes = append(c.probes, p)
	})
	t.Cleanup(c.plane.stop)
	return c
}

// freePort is a port of the loopback address that nobody listens on. Linux gives it to nobody who asks for
// any port until the test ends, and yet a listener of the test can have it; elsewhere it was free a moment ago.
func freePort(t *testing.T) int {
	t.Helper()
	if runtime.GOOS == "linux" {
		return held(t).port
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	return ln.Addr().(*net.TCPAddr).Port
}

// web is a table of one balancer with one listener whose default rule does this.
func web(port int, action balance.Action, groups ...balance.Group) balance.Table {
	return balance.Table{
		Balancers: []balance.Balancer{{
			ARN: webARN, Dimension: "app/web/50dc6c495c0c9188", DNSName: "web-1.us-east-1.elb.localhost",
			Listeners: []balance.Listener{{ARN: "listener", Port: port, Protocol: "HTTP", Rules: []balance.Rule{{ARN: "rule", Priority: "default", Action: action}}}},
		}},
		Groups: groups,
	}
}

func forward(weights ...balance.Weighted) balance.Action {
	return balance.Action{Forward: &balance.Forward{Groups: weights}}
}

// group has a healthy target for each server.
func group(arn string, servers ...*httptest.Server) balance.Group {
	g := balance.Group{ARN: arn, Protocol: "HTTP"}
	for _, s := range servers {
		addr := s.Listener.Addr().(*net.TCPAddr)
		g.Targets = append(g.Targets, balance.Target{
			ID: addr.IP.String(), Port: addr.Port, Healthy: true,
			Address: balance.Address{Network: "tcp", Address: addr.String()},
		})
	}
	return g
}

// serve hands the next version of a table over and gives the first listener's URL.
func (c *cloud) serve(table balance.Table) string {
	c.t.Helper()
	c.table.Version++
	table.Version = c.table.Version
	c.table = table
	s := c.plane.set(table)
	if len(s.Bound) == 0 || s.Bound[0].Port == 0 {
		c.t.Fatalf("no listener is bound: %+v", s)
	}
	return fmt.Sprintf("http://127.0.0.1:%d", s.Bound[0].Port)
}

// serveNothing hands an empty table over.
func (c *cloud) serveNothing() {
	c.table.Version++
	c.plane.set(balance.Table{Version: c.table.Version})
}

// backend answers every request with its name.
func backend(t *testing.T, name string) *httptest.Server {
	t.Helper()
	return handler(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, name) })
}

func handler(t *testing.T, f http.HandlerFunc) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(f)
	t.Cleanup(s.Close)
	return s
}

// client keeps its connections alive and follows no redirects.
func client(t *testing.T) *http.Client {
	t.Helper()
	tr := &http.Transport{MaxIdleConnsPerHost: 64}
	t.Cleanup(tr.CloseIdleConnections)
	return &http.Client{Transport: tr, Timeout: patience, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

func get(t *testing.T, c *http.Client, url string) (int, string) {
	t.Helper()
	res, err := c.Get(url)
	if err != nil {
		t.Fatalf("GET %s: %v", url, err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatalf("GET %s: %v", url, err)
	}
	return res.StatusCode, string(body)
}

// raw sends bytes on a new connection and gives all that comes back until it closes.
func raw(t *testing.T, url, request string) string {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(conn, request); err != nil {
		t.Fatal(err)
	}
	out, _ := io.ReadAll(conn)
	return string(out)
}

// eventually waits for a condition.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for !holds() {
		if time.Now().After(deadline) {
			t.Fatalf("still not so: %s", what)
		}
		time.Sleep(2 * time.Millisecond)
	}
}

// row sums what the plane counted for a group ("" for the balancer) since the last call.
func (c *cloud) row(group string) Counts {
	for _, r := range c.plane.flush() {
		if r.Group == group && r.Target == "" {
			return r.Counts
		}
	}
	return Counts{}
}
