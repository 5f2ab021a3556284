package lb

import (
	"crypto/tls"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/slipway-ecs/slipway/internal/balance"
)

// shaking makes a table's listener end TLS.
func shaking(table balance.Table, alpn ...string) balance.Table {
	l := &table.Balancers[0].Listeners[0]
	l.Protocol, l.Secure = "TLS", &balance.Secure{MinVersion: tls.VersionTLS12, MaxVersion: tls.VersionTLS13, Certificate: "cert", ALPN: alpn}
	return table
}

func TestAListenerOfTLSEndsItAndCarriesWhatIsWithin(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	upper := server(t, func(c *net.TCPConn) { // answers when it has heard everything
		said, _ := io.ReadAll(c)
		_, _ = io.WriteString(c, strings.ToUpper(string(said)))
	})
	port := freePort(t)
	table := shaking(network(port, forward(balance.Weighted{Group: "a", Weight: 1}), tcpGroup("a", upper)), "h2", "http/1.1")
	at := strings.TrimPrefix(c.serve(table), "http://")
	shake := func(as *tls.Config) (*tls.Conn, error) {
		conn, err := (&net.Dialer{Timeout: patience}).Dial("tcp", at)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close() })
		_ = conn.SetDeadline(time.Now().Add(patience))
		shaken := tls.Client(conn, as)
		return shaken, shaken.Handshake()
	}
	as := c.trusting("web-1.us-east-1.elb.localhost")
	as.NextProtos = []string{"http/1.1", "h2"}
	client, err := shake(as)
	if err != nil {
		t.Fatal(err)
	}
	if agreed := client.ConnectionState().NegotiatedProtocol; agreed != "h2" {
		t.Errorf("agreed on %q, want what the listener prefers", agreed)
	}
	text := strings.Repeat("abcdefghijklmnop", 1<<12)
	go func() {
		_, _ = io.WriteString(client, text)
		_ = client.CloseWrite()
	}()
	if got, err := io.ReadAll(client); err != nil || string(got) != strings.ToUpper(text) {
		t.Fatalf("got %d bytes, %v, want %d in capitals", len(got), err, len(text))
	}
	c.sum("", "the connection and what is within it are counted", func(n Counts) bool {
		return n.NewConnections == 1 && n.ProcessedBytes == uint64(2*len(text)) && n.ActiveConnections == 0 &&
			n.NewSecure == n.NewConnections && n.SecureBytes == n.ProcessedBytes && n.ActiveSecure == 0 && n.ClientResets+n.TargetResets+n.ELBResets == 0
	})

	old := c.trusting("localhost")
	old.MaxVersion = tls.VersionTLS11
	if _, err := shake(old); err == nil {
		t.Error("shook hands by TLS 1.1, which the policy does not have")
	}
	c.sum("", "the handshake that failed is counted", func(n Counts) bool { return n.ClientHandshakes == 1 && n.Requests == 0 })

	c.serve(network(port, forward(balance.Weighted{Group: "a", Weight: 1}), tcpGroup("a", upper))) // of TCP now
	plain := dial(t, at)
	_, _ = io.WriteString(plain, "plain")
	_ = plain.CloseWrite()
	hear(t, plain, "PLAIN")
	c.sum("", "it is counted as one of TCP", func(n Counts) bool {
		return n.NewConnections == 1 && n.NewSecure == 0 && n.ProcessedBytes == 10 && n.SecureBytes == 0
	})
}

func TestTheResetOfATargetReachesAClientOfTLS(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	at := strings.TrimPrefix(c.serve(shaking(network(freePort(t), forward(balance.Weighted{Group: "a", Weight: 1}), tcpGroup("a", refusing(t))))), "http://")
	conn := dial(t, at)
	shaken := tls.Client(conn, c.trusting("localhost"))
	if err := shaken.Handshake(); err == nil { // it may be reset before the client knows that hands were shaken
		if n, err := shaken.Read(make([]byte, 1)); err == nil || err == io.EOF {
			t.Errorf("got %d bytes, %v, want a reset", n, err)
		}
	}
	c.sum("", "the target's reset is counted", func(n Counts) bool { return n.TargetResets == 1 && n.NewConnections == 1 && n.ClientHandshakes == 0 })
}
