package elb

import (
	"net"
	"strconv"

	"github.com/slipway-ecs/slipway/internal/balance"
	"github.com/slipway-ecs/slipway/internal/cloud"
	"github.com/slipway-ecs/slipway/internal/names"
	"github.com/slipway-ecs/slipway/internal/store"
)

// Version gives the version of the table that Plane would give; 0 before anything needed one.
// It lags behind the rows until the loop has kept them.
func (s *Service) Version(tx *store.Tx) uint64 {
	p, _ := s.plane.Get(tx, planeKey)
	return p.Version
}

// WatchPlane has its one key looked at whenever the table has another version.
func (s *Service) WatchPlane() cloud.Watch {
	return cloud.Watch{Table: s.plane.Name(), Keys: func(c store.Change) []string {
		was, _ := c.Old.(*planeRow)
		is, _ := c.New.(*planeRow)
		if was != nil && is != nil && was.Version == is.Version {
			return nil
		}
		return []string{planeKey}
	}}
}

// nextVersion is the version that what this transaction writes will have at the earliest.
func (s *Service) nextVersion(tx *store.Tx) uint64 { return s.Version(tx) + 1 }

// Plane makes the data plane's routing table of the rows. It only reads. Groups out of use are
// in it too, so that requests in flight to their targets are not cut; the data plane checks
// only those in use.
func (s *Service) Plane(tx *store.Tx) balance.Table {
	t := balance.Table{Version: s.Version(tx), Host: s.o.Host, LogEvery: s.o.Shorten(logEvery)}
	for b := range s.balancers.All(tx) {
		t.Balancers = append(t.Balancers, s.planeBalancer(tx, b))
	}
	for g := range s.groups.All(tx) {
		t.Groups = append(t.Groups, s.planeGroup(tx, g))
	}
	return t
}

func (s *Service) planeBalancer(tx *store.Tx, b balancerRow) balance.Balancer {
	at := func(key string) string { return value(balancerAttributes, b.Attributes, key) }
	out := balance.Balancer{
		ARN: b.ARN, Dimension: names.LoadBalancerDimension(b.ARN), DNSName: b.DNSName, Created: s.o.Wall(b.Created).UTC(), Address: b.Address,
		IdleTimeout:        seconds(number(balancerAttributes, b.Attributes, "idle_timeout.timeout_seconds")),
		ClientKeepAlive:    seconds(number(balancerAttributes, b.Attributes, "client_keep_alive.seconds")),
		ForwardedFor:       balance.ForwardedFor(at("routing.http.xff_header_processing.mode")),
		ForwardClientPort:  at("routing.http.xff_client_port.enabled") == "true",
		TLSHeaders:         at("routing.http.x_amzn_tls_version_and_cipher_suite.enabled") == "true",
		AccessLog:          at(keyLogs+"enabled") == "true",
		PreserveHost:       at("routing.http.preserve_host_header.enabled") == "true",
		DropInvalidHeaders: at("routing.http.drop_invalid_header_fields.enabled") == "true",
		Desync:             balance.Desync(at("routing.http.desync_mitigation_mode")),
	}
	for _, l := range s.listenersOf(tx, b.ARN) {
		pl := balance.Listener{ARN: l.ARN, Port: l.Port, Protocol: l.Protocol, Substitute: l.substitute(), Secure: l.handshake(at("routing.http2.enabled") == "true")}
		if l.Protocol == "TCP" {
			pl.Idle = seconds(number(flowListenerAttributes, l.Attributes, keyFlowIdle))
		}
		pl.TLSVersionHeader, pl.TLSCipherHeader = value(listenerAttributes, l.Attributes, keyVersionHeader), value(listenerAttributes, l.Attributes, keyCipherHeader)
		pl.NoServerHeader = value(listenerAttributes, l.Attributes, "routing.http.response.server.enabled") == "false"
		for _, h := range responseHeaders {
			if v := value(listenerAttributes, l.Attributes, h.key); v != "" {
				pl.ResponseHeaders = append(pl.ResponseHeaders, balance.Header{Name: h.header, Value: v})
			}
		}
		for _, r := range s.rulesOf(tx, l.ARN) {
			pr := balance.Rule{ARN: r.ARN, Priority: r.priority(), Action: r.Action.table(), Rewrites: r.Rewrites}
			for _, c := range r.Conditions {
				pr.Conditions = append(pr.Conditions, balance.Condition{Field: c.Field, Header: c.Header, Values: c.Values, Regex: c.Regex, Query: c.Query})
			}
			pl.Rules = append(pl.Rules, pr)
		}
		out.Listeners = append(out.Listeners, pl)
	}
	return out
}

func (s *Service) planeGroup(tx *store.Tx, g groupRow) balance.Group {
	out := balance.Group{
		ARN: g.ARN, Dimension: names.TargetGroupDimension(g.ARN), Protocol: g.Protocol,
		Algorithm: balance.Algorithm(value(groupAttributes, g.Attributes, keyAlgorithm)),
		Check: balance.HealthCheck{
			Enabled: g.Check.Enabled, Protocol: g.Check.Protocol, Path: g.Check.Path, Matcher: g.Check.HTTPCode,
			Interval: s.o.Shorten(seconds(g.Check.Interval)), Timeout: seconds(g.Check.Timeout),
		},
	}
	flows := g.Protocol == "TCP"
	if flows {
		out.Algorithm, out.Flows, out.Check.ProxyHeader = "", s.planeFlows(tx, g), value(flowGroupAttributes, g.Attributes, keyProxyHeader) == "true"
	} else if g.ProtocolVersion != "HTTP1" {
		out.Version, out.Check.Version = balance.Version(g.ProtocolVersion), balance.Version(g.ProtocolVersion)
	}
	if g.Check.GRPCCode != "" {
		out.Check.Matcher = g.Check.GRPCCode
	}
	if value(groupAttributes, g.Attributes, keySticky) == "true" {
		switch value(groupAttributes, g.Attributes, keyStickType) {
		case "lb_cookie":
			out.Sticky = balance.Sticky{For: seconds(number(groupAttributes, g.Attributes, "stickiness.lb_cookie.duration_seconds"))}
		case "app_cookie":
			out.Sticky = balance.Sticky{For: seconds(number(groupAttributes, g.Attributes, "stickiness.app_cookie.duration_seconds")), Cookie: value(groupAttributes, g.Attributes, keyAppCookie)}
		}
	}
	const least = "target_group_health.unhealthy_state_routing.minimum_healthy_targets."
	if n := number(groupAttributes, g.Attributes, least+"count"); n > 1 {
		out.LeastHealthy = n // 1 is what holds without it
	}
	if value(groupAttributes, g.Attributes, least+"percentage") != "off" {
		out.LeastHealthyPercent = number(groupAttributes, g.Attributes, least+"percentage")
	}
	for t := range s.targets.By(tx, "group", g.ARN) {
		if t.Health.State == balance.Unused && s.used(tx, g.ARN) {
			continue // its zone is not enabled: it takes neither requests nor checks
		}
		pt := balance.Target{ID: t.ID, Port: t.Port, Address: t.Dial, Draining: t.draining()}
		pt.Healthy = t.Health.State == balance.Healthy || t.Health.State == balance.Unavailable
		if flows {
			pt.Unhealthy = t.Health.State == balance.Unhealthy
			if t.Zone != "all" {
				pt.Zone = t.Zone
			}
		}
		pt.Halved = g.halved(&t)
		if !t.SlowFrom.IsZero() && pt.Healthy {
			pt.SlowFrom = s.o.Wall(t.SlowFrom).UTC()
			pt.SlowUntil = s.o.Wall(t.SlowFrom.Add(seconds(number(groupAttributes, g.Attributes, keySlowStart)))).UTC()
		}
		if pt.Draining {
			pt.DrainUntil = s.o.Wall(t.DrainUntil).UTC()
		}
		if port := g.checkPort(t.Port); port != t.Port && t.Dial.Network == "tcp" {
			if host, _, err := net.SplitHostPort(t.Dial.Address); err == nil {
				pt.CheckPort, pt.Check = port, balance.Address{Network: "tcp", Address: net.JoinHostPort(host, strconv.Itoa(port))}
			}
		}
		out.Targets = append(out.Targets, pt)
	}
	return out
}

// planeFlows says how a group's connections of TCP are treated.
func (s *Service) planeFlows(tx *store.Tx, g groupRow) balance.Flows {
	at := func(key string) string { return value(g.schema().known, g.Attributes, key) }
	crossZone := at(keyCrossZone)
	for _, arn := range s.balancersOf(tx, g.ARN) {
		if b, _ := s.balancers.Get(tx, arn); crossZone == "use_load_balancer_configuration" {
			crossZone = value(networkAttributes, b.Attributes, keyCrossZone)
		}
	}
	return balance.Flows{
		EndDraining: at(keyEndDraining) == "true", EndUnhealthy: at(keyEndUnhealthy) == "true", KeepSource: at(keyKeepSource) == "true",
		ProxyHeader: at(keyProxyHeader) == "true", BySource: at(keySticky) == "true", InZones: crossZone == "false",
	}
}

// substitute gives the port a listener has on the shared address in place of its own; 0 where
// it has its own, or none.
func (l *listenerRow) substitute() int {
	_, port, err := net.SplitHostPort(l.Bound.Shared)
	if err != nil {
		return 0
	}
	n, err := strconv.Atoi(port)
	if err != nil || n == l.Port {
		return 0
	}
	return n
}

// planeKeeper keeps the version of the data plane's table, and what becomes of targets when the
// data plane has learned of them. Its one key is planeKey.
type planeKeeper struct{ s *Service }

// Name gives the keeper's name in the log.
func (planeKeeper) Name() string { return "elb.plane" }

// Watches tells which rows, once changed, have a key kept again.
func (k planeKeeper) Watches() []cloud.Watch {
	return []cloud.Watch{
		cloud.On(k.s.balancers, func(*balancerRow) string { return planeKey }),
		cloud.On(k.s.listeners, func(*listenerRow) string { return planeKey }),
		cloud.On(k.s.rules, func(*ruleRow) string { return planeKey }),
		cloud.On(k.s.groups, func(*groupRow) string { return planeKey }),
		cloud.On(k.s.targets, func(*targetRow) string { return planeKey }),
		{Table: k.s.plane.Name(), Keys: acknowledged},
	}
}

// acknowledged passes over what the keeper itself writes.
func acknowledged(c store.Change) []string {
	was, _ := c.Old.(*planeRow)
	is, _ := c.New.(*planeRow)
	if was != nil && is != nil && was.Acked == is.Acked && was.Serving == is.Serving && is.Digest != "" {
		return nil
	}
	return []string{planeKey}
}

// Keep lets drained targets go, says that new ones are being checked, and raises the version
// where the table says something new.
func (k planeKeeper) Keep(tx *store.Tx, _ string) (cloud.Result, error) {
	s := k.s
	var res cloud.Result
	p, _ := s.plane.Get(tx, planeKey)
	behind := false // something waits for a version there is not yet
	for t := range s.targets.By(tx, "unsettled", "yes") {
		behind = behind || t.Told > p.Version
		told := !p.Serving || p.Acked >= t.Told
		switch {
		case !t.draining() && p.Serving && told:
			t.Health = balance.Checking()
			s.targets.Put(tx, t)
		case !t.draining():
		case t.DrainUntil.After(tx.Now()):
			res.Sooner(t.DrainUntil)
		case told:
			s.targets.Delete(tx, targetKey(t.Group, t.ID, t.Port))
		}
	}
	if now := digest(s.Plane(tx)); now != p.Digest || behind {
		p.Digest, p.Version = now, p.Version+1
		s.plane.Put(tx, p)
	}
	return res, nil
}
