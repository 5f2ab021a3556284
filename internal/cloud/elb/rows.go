package elb

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/slipway-ecs/slipway/internal/balance"
	"github.com/slipway-ecs/slipway/internal/names"
	"github.com/slipway-ecs/slipway/internal/store"
)

// balancerRow is a load balancer.
type balancerRow struct {
	ARN            string
	Name           string
	Network        bool   `json:",omitempty"` // a network load balancer; else an application load balancer
	DNSName        string // lower case
	Scheme         string // internet-facing or internal
	VPC            string
	IPType         string // ipv4, dualstack, dualstack-without-public-ipv4
	Zones          []zone // as given at create or by SetSubnets
	SecurityGroups []string
	PrivateLink    string `json:",omitempty"` // "off" where security groups do not bind it
	Created        time.Time
	Address        string            // its own loopback address, for as long as it lives
	Attributes     map[string]string `json:",omitempty"` // those that were ever set
	Tags           []tag             `json:",omitempty"`
}

// zone is an Availability Zone a balancer is enabled in, by its subnet, with what was asked for of its
// addresses, which a network load balancer may have.
type zone struct {
	Name, Subnet string
	Elastic      string `json:",omitempty"` // allocation id
	Private      string `json:",omitempty"` // IPv4
	IPv6         string `json:",omitempty"`
}

// tag is a tag; a resource's tags are in the order they were first set.
type tag struct{ Key, Value string }

// listenerRow is a port of a balancer. What it does by default stands in its default rule.
type listenerRow struct {
	ARN      string
	Balancer string
	Port     int
	Protocol string // HTTP or HTTPS; TCP or TLS of network load balancers

	// What a listener that speaks TLS has; empty for others.
	ALPN         string   `json:",omitempty"` // ALPN policy of a network load balancer; empty where it was not given
	Policy       string   `json:",omitempty"` // security policy
	Certificate  string   `json:",omitempty"` // ARN of the default certificate
	Certificates []string `json:",omitempty"` // ARNs of the others, as they came

	Created    time.Time
	Attributes map[string]string `json:",omitempty"`
	Tags       []tag             `json:",omitempty"`
	Bound      bound             `json:",omitzero"` // where it really answers, as the data plane last said
}

// flows reports whether listeners of a protocol carry connections, and no requests.
func flows(protocol string) bool { return protocol == "TCP" || protocol == "TLS" }

// bound is where a listener answers; empty members where it does not.
type bound struct {
	Shared string `json:",omitempty"` // "127.0.0.1:8080", on the address all balancers share
	Own    string `json:",omitempty"` // "127.1.7.9:80", on the balancer's own
	Why    string `json:",omitempty"` // why the shared one is not on the port asked for
}

// ruleRow is a rule of a listener, the default rule included.
type ruleRow struct {
	ARN        string
	Listener   string
	Priority   int  // 1 to 50000; 0 for the default rule
	Default    bool `json:",omitempty"`
	Conditions []condition
	Action     action
	Rewrites   []balance.Rewrite `json:",omitempty"` // transforms
	Tags       []tag             `json:",omitempty"`
}

// priority is the rule's priority as answers have it.
func (r *ruleRow) priority() string {
	if r.Default {
		return "default"
	}
	return fmt.Sprint(r.Priority)
}

// order is a text that sorts rules as they are tried.
func (r *ruleRow) order() string {
	if r.Default {
		return "default " + r.ARN
	}
	return fmt.Sprintf("%05d %s", r.Priority, r.ARN)
}

// groupRow is a target group.
type groupRow struct {
	ARN             string
	Name            string
	Protocol        string // HTTP, HTTPS or TCP
	ProtocolVersion string // HTTP1, HTTP2, GRPC; empty for TCP
	Port            int
	VPC             string
	TargetType      string // instance or ip
	IPType          string // ipv4 or ipv6
	Check           check
	ControlPort     int               `json:",omitempty"`
	Attributes      map[string]string `json:",omitempty"`
	Tags            []tag             `json:",omitempty"`

	// Left is when the last rule stopped to forward here; zero while one does, and before the
	// first. Requests that were in flight then may still be.
	Left time.Time `json:",omitzero"`
}

// check is a group's health check, in AWS's internal (unshortened) time.
type check struct {
	Enabled   bool
	Protocol  string // HTTP, HTTPS, or TCP where the group has TCP
	Port      string // "traffic-port" or a number
	Path      string // empty for TCP
	Interval  int    // seconds, 5 to 300
	Timeout   int    // seconds, 2 to 120
	Healthy   int    // threshold, 2 to 10
	Unhealthy int    // threshold, 2 to 10
	HTTPCode  string `json:",omitempty"`
	GRPCCode  string `json:",omitempty"`
}

// targetRow is a target of a group.
type targetRow struct {
	Group      string
	ID         string
	Port       int
	Zone       string          `json:",omitempty"` // as registered
	Owner      string          `json:",omitempty"` // who registered it: a task's ARN; empty for an API call
	Dial       balance.Address // where it is really reached
	Registered time.Time
	Health     balance.Health

	// Anomaly is what its errors make of it; of a healthy target alone.
	Anomaly balance.Anomaly `json:",omitzero"`

	// Told is the first version of the data plane's table that has the target as it now is:
	// registered, or draining.
	Told uint64
	// SlowFrom is when its slow start began; zero where it had none since it was last healthy.
	SlowFrom time.Time `json:",omitzero"`
	// DrainUntil is when a draining target may vanish; zero for others.
	DrainUntil time.Time `json:",omitzero"`
}

func (t *targetRow) draining() bool { return t.Health.State == balance.Draining }

// limited gives the id a balancer may have in its groups so often and no more; ok is false for a task on
// an address of this machine, which it shares with other tasks: on AWS each has its own.
func (t *targetRow) limited() (id string, ok bool) {
	if a, err := netip.ParseAddr(t.ID); err == nil && a.IsLoopback() && t.Owner != "" {
		return "", false
	}
	return t.ID, true
}

// planeRow is what is between the tables and the data plane: one row.
type planeRow struct {
	Version uint64 // of the table as it now is
	Digest  string // of what the table says, its version apart
	Acked   uint64 // the last version the data plane serves by
	Serving bool   // a data plane runs
}

const planeKey = "plane"

func targetKey(group, id string, port int) string {
	return fmt.Sprintf("%s|%s|%05d", group, id, port)
}

func memberKey(group, id string) string { return group + "|" + id }

func scoped(s names.Scope, name string) string { return s.Account + "/" + s.Region + "/" + name }

// tables are the room's tables with their indexes.
type tables struct {
	balancers *store.Table[balancerRow] // by ARN; "name" by scope and name
	listeners *store.Table[listenerRow] // by ARN; "balancer"
	rules     *store.Table[ruleRow]     // by ARN; "listener", "group" by each group forwarded to
	groups    *store.Table[groupRow]    // by ARN; "name"
	targets   *store.Table[targetRow]   // by group, id and port; "group", "id" by group and id, "unsettled"
	plane     *store.Table[planeRow]    // planeKey alone
}

func newTables() tables {
	return tables{
		balancers: store.NewTable("elb.balancers", func(b *balancerRow) string { return b.ARN },
			store.One("name", func(b *balancerRow) string { return scoped(names.ScopeOf(b.ARN), b.Name) }),
			store.One("address", func(b *balancerRow) string { return b.Address })),
		listeners: store.NewTable("elb.listeners", func(l *listenerRow) string { return l.ARN },
			store.One("balancer", func(l *listenerRow) string { return l.Balancer })),
		rules: store.NewTable("elb.rules", func(r *ruleRow) string { return r.ARN },
			store.One("listener", func(r *ruleRow) string { return r.Listener }),
			store.Index[ruleRow]{Name: "group", Of: func(r *ruleRow) []string { return r.Action.groups() }}),
		groups: store.NewTable("elb.groups", func(g *groupRow) string { return g.ARN },
			store.One("name", func(g *groupRow) string { return scoped(names.ScopeOf(g.ARN), g.Name) })),
		targets: store.NewTable("elb.targets", func(t *targetRow) string { return targetKey(t.Group, t.ID, t.Port) },
			store.One("group", func(t *targetRow) string { return t.Group }),
			store.One("id", func(t *targetRow) string {
				if id, ok := t.limited(); ok {
					return memberKey(t.Group, id)
				}
				return ""
			}),
			// Those that wait for the data plane or for the end of their delay.
			store.One("unsettled", func(t *targetRow) string {
				if t.draining() || t.Health == balance.Registered() {
					return "yes"
				}
				return ""
			})),
		plane: store.NewTable("elb.plane", func(*planeRow) string { return planeKey }),
	}
}

// rulesOf gives a listener's rules in the order they are tried, the default rule last.
func (t *tables) rulesOf(tx *store.Tx, listener string) []ruleRow {
	rules := slices.Collect(t.rules.By(tx, "listener", listener))
	slices.SortFunc(rules, func(a, b ruleRow) int { return strings.Compare(a.order(), b.order()) })
	return rules
}

// defaultRule gives a listener's default rule. Every listener has one.
func (t *tables) defaultRule(tx *store.Tx, listener string) (ruleRow, bool) {
	for r := range t.rules.By(tx, "listener", listener) {
		if r.Default {
			return r, true
		}
	}
	return ruleRow{}, false
}

// listenersOf gives a balancer's listeners by port.
func (t *tables) listenersOf(tx *store.Tx, balancer string) []listenerRow {
	all := slices.Collect(t.listeners.By(tx, "balancer", balancer))
	slices.SortFunc(all, func(a, b listenerRow) int { return a.Port - b.Port })
	return all
}

// used reports whether a rule forwards to the group, whatever the weight.
func (t *tables) used(tx *store.Tx, group string) bool {
	for range t.rules.By(tx, "group", group) {
		return true
	}
	return false
}

// balancersOf gives the balancers that have a rule that forwards to the group, in order.
func (t *tables) balancersOf(tx *store.Tx, group string) []string {
	found := []string{}
	for r := range t.rules.By(tx, "group", group) {
		if b := names.LoadBalancerOfListener(r.Listener); !slices.Contains(found, b) {
			found = append(found, b)
		}
	}
	slices.Sort(found)
	return found
}
