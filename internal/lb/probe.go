package lb

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"time"

	"github.com/slipway-ecs/slipway/internal/balance"
)

const (
	// probesAtOnce bounds the checks of one target that wait for an answer at the same time:
	// a shortened interval may be far below the time-out.
	probesAtOnce = 32
	// shortestInterval keeps a sped-up cloud from probing without pause.
	shortestInterval = 10 * time.Millisecond
	// probeHeader bounds what is read of an answer.
	probeHeader = 64 << 10
)

// probeKey is all that a prober depends on; anything else makes another one, which probes at
// once.
type probeKey struct {
	member
	dial  balance.Address
	host  string
	check balance.HealthCheck
}

// watch starts and ends probers after the table: one for each target, not draining, of a group
// in use.
func (p *plane) watch(table *balance.Table) {
	used := table.InUse()
	next := map[probeKey]bool{}
	for _, g := range table.Groups {
		if !used[g.ARN] || !g.Check.Enabled {
			continue
		}
		for _, t := range g.Targets {
			if t.Draining {
				continue
			}
			k := probeKey{member: member{g.ARN, t.ID, t.Port, t.Address}, dial: t.Check, host: probeHost(g, t), check: g.Check}
			if k.dial == (balance.Address{}) {
				k.dial = t.Address
			}
			next[k] = true
			if p.probers[k] == nil {
				ctx, cancel := context.WithCancel(p.ctx)
				p.probers[k] = cancel
				p.wg.Go(func() { p.probe(ctx, k) })
			}
		}
	}
	for k, cancel := range p.probers {
		if !next[k] {
			cancel()
			delete(p.probers, k)
		}
	}
}

// probeHost is the Host header of a check: the address, with the port where that is not the
// protocol's own.
func probeHost(g balance.Group, t balance.Target) string {
	port := t.CheckPort
	if port == 0 {
		port = t.Port
	}
	if port == 80 && g.Check.Protocol != "HTTPS" || port == 443 && g.Check.Protocol == "HTTPS" {
		return t.ID
	}
	return net.JoinHostPort(t.ID, strconv.Itoa(port))
}

// probe checks a target at once and then every interval, however long a check takes, until ctx
// ends. It returns when its last check has.
func (p *plane) probe(ctx context.Context, k probeKey) {
	tick := time.NewTicker(max(k.check.Interval, shortestInterval))
	defer tick.Stop()
	slots := make(chan struct{}, probesAtOnce)
	defer func() {
		for range probesAtOnce {
			slots <- struct{}{} // each slot taken here is a check that ended
		}
	}()
	for {
		select {
		case slots <- struct{}{}:
			go func() {
				defer func() { <-slots }()
				result := check(ctx, k)
				if ctx.Err() == nil {
					p.probed(Probed{Group: k.group, Target: k.id, Port: k.port, At: time.Now().UTC(), Probe: result})
				}
			}()
		default:
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// check makes one health check over a connection of its own. Redirects are not followed and the
// body is not read.
//
// Source: ELBv2 guide, "Health checks for your target groups".
func check(ctx context.Context, k probeKey) balance.Probe {
	ctx, cancel := context.WithTimeout(ctx, k.check.Timeout)
	defer cancel()
	ask := ask
	switch {
	case k.check.Protocol == "TCP":
		ask = askConnection
	case k.check.Version != "":
		ask = askStream
	}
	code, err := ask(ctx, k)
	var late net.Error
	switch {
	case err == nil && (k.check.Protocol == "TCP" || balance.Match(k.check.Matcher, code)):
		return balance.Probe{OK: true, Code: code}
	case err == nil:
		return balance.Probe{Code: code, Why: balance.Mismatch}
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded), errors.As(err, &late) && late.Timeout():
		return balance.Probe{Why: balance.Timeout}
	}
	return balance.Probe{Why: balance.Refused}
}

func ask(ctx context.Context, k probeKey) (code int, err error) {
	var d net.Dialer
	wire, err := d.DialContext(ctx, k.dial.Network, k.dial.Address)
	if err != nil {
		return 0, err
	}
	defer wire.Close() //nolint:errcheck // the answer is known by then
	defer context.AfterFunc(ctx, func() {
		_ = wire.SetDeadline(time.Unix(1, 0)) // ends whatever waits; the connection goes anyway
	})()
	if k.check.ProxyHeader {
		if _, err := wire.Write(proxyNobody); err != nil {
			return 0, err
		}
	}
	conn := wire
	if k.check.Protocol == "HTTPS" {
		conn = tls.Client(wire, &tls.Config{InsecureSkipVerify: true}) //nolint:gosec // as ALB does
	}
	path := k.check.Path
	if path == "" {
		path = "/"
	}
	if _, err := fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\nUser-Agent: ELB-HealthChecker/2.0\r\nAccept-Encoding: gzip, compressed\r\n\r\n", path, k.host); err != nil {
		return 0, err
	}
	in := bufio.NewReader(io.LimitReader(conn, probeHeader))
	for {
		res, err := http.ReadResponse(in, nil)
		if err != nil {
			return 0, err
		}
		if res.StatusCode >= 200 {
			return res.StatusCode, nil
		}
	}
}

// askConnection is content with a connection that is established.
func askConnection(ctx context.Context, k probeKey) (code int, err error) {
	var d net.Dialer
	wire, err := d.DialContext(ctx, k.dial.Network, k.dial.Address)
	if err != nil {
		return 0, err
	}
	defer wire.Close() //nolint:errcheck // the answer is known by then
	if k.check.ProxyHeader {
		_, err = wire.Write(proxyNobody)
	}
	return 0, err
}
