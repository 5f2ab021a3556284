package lb

import (
	"fmt"
	"io"
	"net"
	"testing"
	"time"

	"github.com/slipway-ecs/slipway/internal/balance"
)

func TestAListenerOfTCPSharesItsPortWithNobody(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	port := freePort(t)
	table := web(port, forward(balance.Weighted{Group: "web", Weight: 1}), group("web", backend(t, "web")), tcpGroup("a", named(t, t.Name())))
	front := network(port, forward(balance.Weighted{Group: "a", Weight: 1})).Balancers[0]
	front.Created, front.Listeners[0].ARN, front.Listeners[0].Rules[0].ARN = time.Now(), "front", "front"
	table.Balancers = append(table.Balancers, front)
	table.Version = 1
	s := c.plane.set(table)
	if s.Bound[0].Port != port || s.Bound[1].Port == port || s.Bound[1].Port == 0 || s.Bound[1].Error == "" {
		t.Fatalf("bound %+v, want the older one at %d and the other elsewhere, with a reason", s.Bound, port)
	}
	if _, body := get(t, client(t), fmt.Sprintf("http://127.0.0.1:%d", s.Bound[0].Port)); body != "web" {
		t.Errorf("HTTP answered %q", body)
	}
	at := fmt.Sprintf("127.0.0.1:%d", s.Bound[1].Port)
	hear(t, dial(t, at), t.Name())
	table.Balancers, table.Version = table.Balancers[:1], 2
	c.plane.set(table)
	if conn, err := net.Dial("tcp", at); err == nil { // somebody else's by now, or it says the name
		defer conn.Close()
		_ = conn.SetDeadline(time.Now().Add(patience))
		_ = conn.(*net.TCPConn).CloseWrite()
		if says(conn, t.Name()) {
			t.Error("a deleted listener accepts")
		}
	}
}

func TestAReplacedListenerHasItsPortAtOnce(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	toA := forward(balance.Weighted{Group: "a", Weight: 1})
	a, ok := tcpGroup("a", named(t, "a")), group("web", backend(t, "web"))
	listener := func(port int, arn string) balance.Table {
		table := network(port, toA, a)
		table.Balancers[0].Listeners[0].ARN = arn
		return table
	}
	http := func(port int, _ string) balance.Table {
		return web(port, forward(balance.Weighted{Group: "web", Weight: 1}), ok)
	}
	for _, kinds := range []struct {
		name      string
		old, next func(port int, arn string) balance.Table
	}{{"TCP by TCP", listener, listener}, {"HTTP by TCP", http, listener}, {"TCP by HTTP", listener, http}} {
		replaced := false
		for try := 0; try < 20 && !replaced; try++ { // the port is nobody's for a moment
			port := freePort(t)
			c.serve(kinds.old(port, "old"))
			replaced = c.serve(kinds.next(port, "next")) == fmt.Sprintf("http://127.0.0.1:%d", port)
		}
		if !replaced {
			t.Errorf("%s: the new listener never had the port of the old one", kinds.name)
		}
	}
}

func TestAListenerTakesItsPortOnceThatIsFree(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	holder, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer holder.Close()
	port := holder.Addr().(*net.TCPAddr).Port
	table := network(port, forward(balance.Weighted{Group: "a", Weight: 1}), tcpGroup("a", named(t, "a")))
	elsewhere := c.serve(table)
	on := dial(t, elsewhere)
	hear(t, on, "a")
	if again := c.serve(table); again != elsewhere {
		t.Errorf("the listener moved from %s to %s though its port is taken", elsewhere, again)
	}
	_ = holder.Close()
	url := fmt.Sprintf("http://127.0.0.1:%d", port)
	eventually(t, "the listener has its port", func() bool { return c.serve(table) == url })
	hear(t, dial(t, url), "a")
	if _, err := io.WriteString(on, "and on"); err != nil {
		t.Fatal(err)
	}
	hear(t, on, "and on")
}

func TestAListenerTakesItsOwnAddressOnceThatIsFree(t *testing.T) {
	t.Parallel()
	at := newCloud(t).ownOnceFree("127.0.0.2", func(port int) balance.Table {
		return network(port, forward(balance.Weighted{Group: "a", Weight: 1}), tcpGroup("a", named(t, "a")))
	})
	hear(t, dial(t, at), "a")
}
