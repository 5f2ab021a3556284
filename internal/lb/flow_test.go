package lb

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/slipway-ecs/slipway/internal/balance"
)

const netARN = "arn:aws:elasticloadbalancing:us-east-1:123456789012:loadbalancer/net/front/50dc6c495c0c9188"

// network is a table of one network load balancer whose one listener forwards so.
func network(port int, action balance.Action, groups ...balance.Group) balance.Table {
	table := web(port, action, groups...)
	b := &table.Balancers[0]
	b.ARN, b.Dimension, b.Listeners[0].Protocol = netARN, "net/front/50dc6c495c0c9188", "TCP"
	return table
}

// tcpGroup has a healthy target for each server.
func tcpGroup(arn string, servers ...interface{ Addr() net.Addr }) balance.Group {
	g := balance.Group{ARN: arn, Protocol: "TCP"}
	for _, s := range servers {
		addr := s.Addr().(*net.TCPAddr)
		g.Targets = append(g.Targets, balance.Target{
			ID: addr.IP.String(), Port: addr.Port, Healthy: true, Address: balance.Address{Network: "tcp", Address: addr.String()},
		})
	}
	return g
}

// server serves each connection with f, which need not close it.
func server(t *testing.T, f func(*net.TCPConn)) net.Listener {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	t.Cleanup(func() {
		_ = ln.Close()
		wg.Wait()
	})
	wg.Go(func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			wg.Go(func() {
				defer c.Close()
				f(c.(*net.TCPConn))
			})
		}
	})
	return ln
}

// taken is a port of the loopback address that is bound and on which nobody listens: it refuses,
// and nobody else can get it meanwhile.
type taken struct{ port int }

// Addr is where it refuses.
func (p taken) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: p.port} }

func refusing(t *testing.T) taken {
	t.Helper()
	return bound(t, false)
}

// held is one that a listener can still have, as net.Listen asks for it; the system gives it to nobody
// who leaves the choice to it.
func held(t *testing.T) taken {
	t.Helper()
	return bound(t, true)
}

func bound(t *testing.T, shared bool) taken {
	t.Helper()
	syscall.ForkLock.RLock() // or a process started in between would have it too, and hold it
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
	if err == nil {
		syscall.CloseOnExec(fd)
	}
	syscall.ForkLock.RUnlock()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Close(fd) })
	if shared {
		if err := syscall.SetsockoptInt(fd, syscall.SOL_SOCKET, syscall.SO_REUSEADDR, 1); err != nil {
			t.Fatal(err)
		}
	}
	if err := syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		t.Fatal(err)
	}
	at, err := syscall.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	return taken{at.(*syscall.SockaddrInet4).Port}
}

// named sends its name at once and then what it is sent, until the client has said all.
func named(t *testing.T, name string) net.Listener {
	return server(t, func(c *net.TCPConn) {
		_, _ = io.WriteString(c, name)
		_, _ = io.Copy(c, c)
	})
}

// dial connects to the first listener.
func dial(t *testing.T, url string) *net.TCPConn {
	t.Helper()
	c, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	if err := c.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	return c.(*net.TCPConn)
}

// hear reads as many bytes as the text has, and compares.
func hear(t *testing.T, c net.Conn, want string) {
	t.Helper()
	got := make([]byte, len(want))
	if n, err := io.ReadFull(c, got); err != nil || string(got) != want {
		t.Fatalf("got %q, %v, want %q", got[:n], err, want)
	}
}

// says reports whether a connection's first bytes are these.
func says(c net.Conn, want string) bool {
	got := make([]byte, len(want))
	_, err := io.ReadFull(c, got)
	return err == nil && string(got) == want
}

// over waits for a connection's end and tells whether it was a reset.
func over(t *testing.T, c net.Conn) (wasReset bool) {
	t.Helper()
	_, err := io.Copy(io.Discard, c)
	switch {
	case err == nil:
		return false
	case errors.Is(err, syscall.ECONNRESET):
		return true
	}
	t.Fatalf("the connection ended with %v", err)
	return false
}

// turnedAway reports whether a new connection is reset, be it before the client knows of it.
func turnedAway(t *testing.T, url string) bool {
	t.Helper()
	c, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
	if err != nil {
		return errors.Is(err, syscall.ECONNRESET)
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	return over(t, c)
}

// sum adds up what was counted for the balancer, or a group of it, until it is what is expected.
func (c *cloud) sum(group, what string, expected func(Counts) bool) {
	c.t.Helper()
	var all Counts
	eventually(c.t, what, func() bool {
		n := c.row(group)
		all.Requests += n.Requests
		all.NewConnections += n.NewConnections
		all.ActiveConnections = n.ActiveConnections
		all.ProcessedBytes += n.ProcessedBytes
		all.ClientResets += n.ClientResets
		all.TargetResets += n.TargetResets
		all.ELBResets += n.ELBResets
		all.RejectedFlows += n.RejectedFlows
		all.NonCompliant += n.NonCompliant
		all.NewSecure += n.NewSecure
		all.ActiveSecure = n.ActiveSecure
		all.SecureBytes += n.SecureBytes
		all.LongRedirects += n.LongRedirects
		all.GRPCRequests += n.GRPCRequests
		all.ClientHandshakes += n.ClientHandshakes
		all.TargetHandshakes += n.TargetHandshakes
		return expected(all)
	})
}

func TestAConnectionIsCarriedBothWaysAndEndsByHalves(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	whole := server(t, func(c *net.TCPConn) { // answers when it has heard everything
		said, _ := io.ReadAll(c)
		_, _ = c.Write(bytes.ToUpper(said))
	})
	url := c.serve(network(freePort(t), forward(balance.Weighted{Group: "a", Weight: 1}), tcpGroup("a", whole)))
	client := dial(t, url)
	text := strings.Repeat("abcdefghijklmnop", 1<<16) // a megabyte: more than any buffer
	go func() {
		_, _ = io.WriteString(client, text)
		_ = client.CloseWrite()
	}()
	got, err := io.ReadAll(client)
	if err != nil || string(got) != strings.ToUpper(text) {
		t.Fatalf("got %d bytes, %v, want %d in capitals", len(got), err, len(text))
	}
	c.sum("", "a connection and its bytes are counted", func(n Counts) bool {
		return n.NewConnections == 1 && n.ProcessedBytes == uint64(2*len(text)) && n.ActiveConnections == 0 && n.ClientResets+n.TargetResets+n.ELBResets == 0
	})
}

func TestConnectionsGoToGroupsByWeight(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	a, b := named(t, "a"), named(t, "b")
	port := freePort(t)
	serve := func(toA, toB int) string {
		return c.serve(network(port, forward(balance.Weighted{Group: "a", Weight: toA}, balance.Weighted{Group: "b", Weight: toB}), tcpGroup("a", a), tcpGroup("b", b)))
	}
	count := func(url string, n int) map[string]int {
		seen := map[string]int{}
		for range n {
			client, name := dial(t, url), make([]byte, 1)
			if _, err := io.ReadFull(client, name); err != nil {
				t.Fatal(err)
			}
			seen[string(name)]++
			_ = client.Close()
		}
		return seen
	}
	if seen := count(serve(90, 10), 300); seen["b"] < 24 || seen["b"] > 36 {
		t.Errorf("90/10 gave %v of 300", seen)
	}
	url := serve(100, 0)
	old := dial(t, url)
	hear(t, old, "a")
	if seen := count(serve(0, 100), 20); seen["b"] != 20 {
		t.Errorf("0/100 gave %v", seen)
	}
	if _, err := io.WriteString(old, "still here"); err != nil {
		t.Fatal(err)
	}
	hear(t, old, "still here") // a connection stays with its target
	table := network(port, forward(balance.Weighted{Group: "a", Weight: 1}, balance.Weighted{Group: "b", Weight: 1}), tcpGroup("a", a), tcpGroup("b", b))
	table.Balancers[0].Listeners[0].Rules[0].Action.Forward.BySource = true
	if seen := count(c.serve(table), 20); len(seen) != 1 {
		t.Errorf("a client bound by its address went to %v", seen)
	}
}

func TestATargetThatRefusesResetsTheClient(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	group := tcpGroup("a", refusing(t))
	port := freePort(t)
	if !turnedAway(t, c.serve(network(port, forward(balance.Weighted{Group: "a", Weight: 1}), group))) {
		t.Error("the client saw an ordinary end")
	}
	c.sum("", "the target's reset is counted", func(n Counts) bool { return n.TargetResets == 1 && n.NewConnections == 1 })
	group.Targets = nil
	if !turnedAway(t, c.serve(network(port, forward(balance.Weighted{Group: "a", Weight: 1}), group))) {
		t.Error("without targets the client saw an ordinary end")
	}
	c.sum("", "the rejected connection is counted", func(n Counts) bool { return n.RejectedFlows == 1 && n.ELBResets == 1 })
}

func TestResetsArePassedOn(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	ends := make(chan error, 2)
	target := server(t, func(c *net.TCPConn) {
		_, _ = io.WriteString(c, "hello")
		_, err := io.Copy(io.Discard, c)
		ends <- err
	})
	bad := server(t, func(c *net.TCPConn) {
		_, _ = io.ReadFull(c, make([]byte, 3))
		reset(c)
	})
	port := freePort(t)
	client := dial(t, c.serve(network(port, forward(balance.Weighted{Group: "a", Weight: 1}), tcpGroup("a", target))))
	hear(t, client, "hello")
	reset(client)
	if err := <-ends; !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("the target saw %v, want a reset", err)
	}
	c.sum("", "the client's reset is counted", func(n Counts) bool { return n.ClientResets == 1 && n.TargetResets == 0 })
	client = dial(t, c.serve(network(port, forward(balance.Weighted{Group: "b", Weight: 1}), tcpGroup("b", bad))))
	if _, err := io.WriteString(client, "bye"); err != nil {
		t.Fatal(err)
	}
	if !over(t, client) {
		t.Error("the client saw an ordinary end")
	}
	c.sum("", "the target's reset is counted", func(n Counts) bool { return n.TargetResets == 1 && n.ClientResets == 0 })
}

func TestADrainedTargetKeepsItsConnectionsUnlessTheyAreToEnd(t *testing.T) {
	t.Parallel()
	for _, ends := range []bool{false, true} {
		t.Run(fmt.Sprint(ends), func(t *testing.T) {
			t.Parallel()
			c := newCloud(t)
			a, b := named(t, "a"), named(t, "b")
			port := freePort(t)
			group := tcpGroup("g", a, b)
			group.Flows.EndDraining = ends
			group.Targets[1].Draining, group.Targets[1].DrainUntil = true, time.Now().Add(time.Hour)
			all := forward(balance.Weighted{Group: "g", Weight: 1})
			onA := dial(t, c.serve(network(port, all, group)))
			hear(t, onA, "a")

			group.Targets[0].Draining, group.Targets[0].DrainUntil = true, time.Now().Add(time.Hour)
			group.Targets[1].Draining = false
			hear(t, dial(t, c.serve(network(port, all, group))), "b")
			if _, err := io.WriteString(onA, "on"); err != nil {
				t.Fatal(err)
			}
			hear(t, onA, "on")

			group.Targets = group.Targets[1:] // the delay is over
			c.serve(network(port, all, group))
			if ends {
				if !over(t, onA) {
					t.Error("the connection ended by itself")
				}
				c.sum("", "the balancer's reset is counted", func(n Counts) bool { return n.ELBResets == 1 })
				return
			}
			if _, err := io.WriteString(onA, "and on"); err != nil {
				t.Fatal(err)
			}
			hear(t, onA, "and on")
		})
	}
}

func TestConnectionsEndWithTheirTargetsHealth(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	a, b := named(t, "a"), named(t, "b")
	port := freePort(t)
	group := tcpGroup("g", a, b)
	group.Flows.EndUnhealthy = true
	group.Targets[1].Healthy = false
	all := forward(balance.Weighted{Group: "g", Weight: 1})
	client := dial(t, c.serve(network(port, all, group)))
	hear(t, client, "a")
	group.Targets[0].Healthy, group.Targets[0].Unhealthy = false, true
	c.serve(network(port, all, group)) // none is healthy: it fails open, and nothing ends
	if _, err := io.WriteString(client, "on"); err != nil {
		t.Fatal(err)
	}
	hear(t, client, "on")
	group.Targets[1].Healthy = true
	hear(t, dial(t, c.serve(network(port, all, group))), "b")
	if !over(t, client) {
		t.Error("the connection ended by itself")
	}
}

func TestAnIdleConnectionEnds(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	table := network(freePort(t), forward(balance.Weighted{Group: "a", Weight: 1}), tcpGroup("a", named(t, "a")))
	table.Balancers[0].Listeners[0].Idle = time.Second
	url := c.serve(table)
	var client net.Conn
	for deadline := time.Now().Add(patience); client == nil; { // on a busy machine a second may be short
		conn, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
		if err == nil {
			defer conn.Close()
			_ = conn.SetDeadline(deadline)
			if says(conn, "a") {
				client = conn
			}
		}
		if client == nil && time.Now().After(deadline) {
			t.Fatalf("no connection lived long enough to be heard: %v", err)
		}
	}
	_ = client.SetDeadline(time.Now().Add(patience))
	if !over(t, client) {
		t.Error("it ended without a reset")
	}
	c.sum("", "the balancer's reset is counted", func(n Counts) bool { return n.ELBResets >= 1 })
}

func TestTheProxyHeaderNamesTheClient(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	heads := make(chan []byte, 1)
	g := tcpGroup("a", server(t, func(c *net.TCPConn) {
		head := make([]byte, 28)
		_, _ = io.ReadFull(c, head)
		heads <- head
	}))
	g.Flows.ProxyHeader, g.Flows.KeepSource = true, true
	client := dial(t, c.serve(network(freePort(t), forward(balance.Weighted{Group: "a", Weight: 1}), g)))
	from, to := client.LocalAddr().(*net.TCPAddr), client.RemoteAddr().(*net.TCPAddr)
	want := []byte("\r\n\r\n\x00\r\nQUIT\n\x21\x11\x00\x0c\x7f\x00\x00\x01\x7f\x00\x00\x01")
	want = append(want, byte(from.Port>>8), byte(from.Port), byte(to.Port>>8), byte(to.Port))
	if got := <-heads; !bytes.Equal(got, want) {
		t.Errorf("got  %x\nwant %x", got, want)
	}
}

func TestACheckOfTCPAsksForAConnection(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	g := tcpGroup("a", named(t, "a"), refusing(t))
	g.Check = balance.HealthCheck{Enabled: true, Protocol: "TCP", Interval: time.Hour, Timeout: time.Minute}
	c.serve(network(freePort(t), forward(balance.Weighted{Group: "a", Weight: 1}), g))
	eventually(t, "one check passed and one was refused", func() bool {
		c.mu.Lock()
		defer c.mu.Unlock()
		passed, refused := false, false
		for _, p := range c.probes {
			passed = passed || p.OK && p.Port == g.Targets[0].Port
			refused = refused || !p.OK && p.Why == balance.Refused && p.Port == g.Targets[1].Port
		}
		return passed && refused
	})
}

func TestTheEndOfTheDataPlaneEndsIdleConnections(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	client := dial(t, c.serve(network(freePort(t), forward(balance.Weighted{Group: "a", Weight: 1}), tcpGroup("a", named(t, "a")))))
	hear(t, client, "a")
	c.plane.stop()
	over(t, client)
}

// It runs alone: allocations of others would count.
func TestBytesOfAConnectionCostNoAllocation(t *testing.T) {
	c := newCloud(t)
	client := dial(t, c.serve(network(freePort(t), forward(balance.Weighted{Group: "a", Weight: 1}), tcpGroup("a", named(t, "a")))))
	hear(t, client, "a")
	said, heard := make([]byte, 16<<10), make([]byte, 16<<10)
	exchange := func() {
		if _, err := client.Write(said); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(client, heard); err != nil {
			t.Fatal(err)
		}
	}
	exchange()
	if n := testing.AllocsPerRun(200, exchange); n > 1 {
		t.Errorf("16 KiB there and back cost %v allocations", n)
	}
}
