package lb

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/slipway-ecs/slipway/internal/balance"
)

func TestAListenerOfHTTPTakesItsPortOnceThatIsFree(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	host := "127.0.0.4" // where no other test takes the port when it is given up
	holder, err := net.Listen("tcp", host+":0")
	if err != nil { // this system has one loopback address
		host = "127.0.0.1"
		holder, err = net.Listen("tcp", host+":0")
	}
	if err != nil {
		t.Fatal(err)
	}
	defer holder.Close()
	port := holder.Addr().(*net.TCPAddr).Port
	table := web(port, balance.Action{Redirect: &balance.Redirect{Code: 302, Host: "next.test"}})
	table.Host = host
	serve := func() string { return strings.Replace(c.serve(table), "127.0.0.1", host, 1) }
	location := func(cl *http.Client, url string) string {
		res, err := cl.Get(url)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, res.Body) // so that the connection is kept
		_ = res.Body.Close()
		return res.Header.Get("Location")
	}
	elsewhere := serve()
	stand, substitute := c.plane.ports[port].shared.number(), c.plane.ports[port].shared.ln
	if stand == port || stand == 0 || elsewhere != fmt.Sprintf("http://%s:%d", host, stand) {
		t.Fatalf("bound to %d at %s though somebody has port %d", stand, elsewhere, port)
	}
	old := client(t)
	if got, want := location(old, elsewhere), "http://next.test:"+strconv.Itoa(stand)+"/"; got != want {
		t.Errorf("at the port that stands in: redirected to %s, want %s", got, want)
	}
	if again := serve(); again != elsewhere {
		t.Errorf("the listener moved from %s to %s though its port is taken", elsewhere, again)
	}
	_ = holder.Close()
	url := fmt.Sprintf("http://%s:%d", host, port)
	eventually(t, "the listener has its port", func() bool { return serve() == url })
	want := "http://next.test:" + strconv.Itoa(port) + "/"
	if got := location(client(t), url); got != want {
		t.Errorf("at its port: redirected to %s, want %s", got, want)
	}
	if got := location(old, elsewhere); got != want { // on the connection it kept
		t.Errorf("on a connection from before: redirected to %s, want %s", got, want)
	}
	if err := substitute.(*net.TCPListener).SetDeadline(time.Now()); !errors.Is(err, net.ErrClosed) { // so that Accept returns either way
		t.Errorf("what stood in at %s is not closed: %v", elsewhere, err)
	}
}

func TestAListenerOfHTTPTakesItsOwnAddressOnceThatIsFree(t *testing.T) {
	t.Parallel()
	at := newCloud(t).ownOnceFree("127.0.0.3", func(port int) balance.Table {
		return web(port, balance.Action{Fixed: &balance.Fixed{Code: 200, Body: "own"}})
	})
	if _, body := get(t, client(t), "http://"+at); body != "own" {
		t.Errorf("answered %q", body)
	}
}

// ownOnceFree hands a table over whose balancer's own address is taken, lets that go, and gives the address
// once the first listener has it.
func (c *cloud) ownOnceFree(own string, tableAt func(port int) balance.Table) (at string) {
	c.t.Helper()
	holder, err := net.Listen("tcp", own+":0")
	if err != nil {
		c.t.Skip("SKIPPED: this system has one loopback address: ", err)
	}
	defer holder.Close()
	at = holder.Addr().String()
	table := tableAt(holder.Addr().(*net.TCPAddr).Port)
	table.Balancers[0].Address = own
	if b := c.plane.set(table).Bound[0]; b.Own != "" || b.OwnError == "" {
		c.t.Fatalf("bound %+v, want a reason why %s cannot be had", b, at)
	}
	_ = holder.Close()
	eventually(c.t, "the listener has its own address", func() bool {
		b := c.plane.set(table).Bound[0]
		return b.Own == at && b.OwnError == ""
	})
	return at
}

// parting notes whether clients were told to connect anew when it was closed.
type parting struct {
	net.Listener
	at   *port
	told *bool
}

// Close closes it.
func (p parting) Close() error {
	*p.told = p.at.leaving.Load()
	return p.Listener.Close()
}

// Whoever connects just before the listener closes is reset, so nobody is told to before.
func TestClientsAreToldToConnectAnewOnceNobodyListens(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	port := freePort(t)
	c.serve(web(port, balance.Action{Fixed: &balance.Fixed{Code: 200}}))
	c.plane.mu.Lock()
	at, told := c.plane.ports[port], false
	at.shared.ln = parting{at.shared.ln, at, &told}
	c.plane.mu.Unlock()
	c.serveNothing()
	if told || !at.leaving.Load() {
		t.Errorf("told before the listener closed: %v, told at last: %v", told, at.leaving.Load())
	}
}
