// Package balance decides what a load balancer does with a request: which rule, which target
// group, which target, what a redirect says, and what health checks make of a target.
//
// It is pure. A Table is plain data, made by the control plane and handed to the data plane
// (package lb) as JSON; every random number and counter is handed in. It validates nothing:
// the control plane refuses what AWS refuses, before a table is made.
//
// Read Table first, then Router, Forward.Choose, Group.Pick, Group.PickFlow and Health.
package balance

import "time"

// Table is all the data plane needs to serve: the balancers with their listeners and rules, and
// the target groups the rules name. It is replaced as a whole.
//
// Invariant: the ARNs of balancers, listeners, rules and groups are each unique.
type Table struct {
	// Version rises with every table handed over; the data plane names it when it serves by it.
	Version uint64
	// Host is the address every listener is reachable at, told apart by the Host header:
	// an IP address, usually that of --listen. Empty means 127.0.0.1.
	Host string `json:",omitempty"`

	// LogEvery is how long a file of access logs is written to, in real time.
	LogEvery time.Duration `json:",omitempty"`

	Balancers []Balancer `json:",omitempty"`
	Groups    []Group    `json:",omitempty"`
}

// Balancer is one load balancer: an Application Load Balancer, whose listeners speak HTTP, or a
// Network Load Balancer, whose listeners carry TCP.
type Balancer struct {
	ARN       string
	Dimension string    // as in metrics: "app/web/50dc6c495c0c9188"
	DNSName   string    // lower case, without a port
	Created   time.Time // the oldest one on a port takes the requests for strange hosts, and the port from listeners of TCP
	Address   string    `json:",omitempty"` // its own loopback address, "127.x.y.z"; empty means none

	// IdleTimeout is idle_timeout.timeout_seconds, in real time; zero means DefaultIdleTimeout.
	IdleTimeout time.Duration `json:",omitempty"`
	// ClientKeepAlive is client_keep_alive.seconds, in real time; zero means DefaultClientKeepAlive.
	ClientKeepAlive time.Duration `json:",omitempty"`

	ForwardedFor       ForwardedFor `json:",omitempty"` // routing.http.xff_header_processing.mode
	ForwardClientPort  bool         `json:",omitempty"` // routing.http.xff_client_port.enabled
	TLSHeaders         bool         `json:",omitempty"` // routing.http.x_amzn_tls_version_and_cipher_suite.enabled
	PreserveHost       bool         `json:",omitempty"` // routing.http.preserve_host_header.enabled
	DropInvalidHeaders bool         `json:",omitempty"` // routing.http.drop_invalid_header_fields.enabled
	AccessLog          bool         `json:",omitempty"` // access_logs.s3.enabled
	Desync             Desync       `json:",omitempty"` // routing.http.desync_mitigation_mode

	Listeners []Listener `json:",omitempty"`
}

// Defaults of a balancer's attributes. Source: elbv2 DescribeLoadBalancerAttributes.
const (
	DefaultIdleTimeout     = 60 * time.Second
	DefaultClientKeepAlive = time.Hour
	DefaultFlowIdle        = 350 * time.Second
)

// ForwardedFor says what becomes of X-Forwarded-For. The zero value means Append.
type ForwardedFor string

// The modes of routing.http.xff_header_processing.mode.
const (
	Append   ForwardedFor = "append"
	Preserve ForwardedFor = "preserve"
	Remove   ForwardedFor = "remove"
)

// Desync is how suspicious requests are treated. The zero value means Defensive.
type Desync string

// The modes of routing.http.desync_mitigation_mode.
const (
	Defensive Desync = "defensive"
	Monitor   Desync = "monitor"
	Strictest Desync = "strictest"
)

// Listener is one port of a balancer.
type Listener struct {
	ARN      string
	Port     int    // as asked for, 1 to 65535
	Protocol string // "HTTP" or "HTTPS"; "TCP" or "TLS" of network load balancers
	// Idle is tcp.idle_timeout.seconds, in real time; zero means DefaultFlowIdle. HTTP has the balancer's.
	Idle time.Duration `json:",omitempty"`
	// Secure is what a listener of HTTPS or TLS needs; nil for others.
	Secure *Secure `json:",omitempty"`
	// Substitute is the port to try where Port cannot be had; zero means any free one. The
	// control plane puts the last one reported here, so that addresses outlive the data plane.
	Substitute int `json:",omitempty"`

	// TLSVersionHeader and TLSCipherHeader are what Balancer.TLSHeaders are called:
	// routing.http.request.x_amzn_tls_…; empty means by their usual names.
	TLSVersionHeader string `json:",omitempty"`
	TLSCipherHeader  string `json:",omitempty"`
	// NoServerHeader is routing.http.response.server.enabled = false.
	NoServerHeader bool `json:",omitempty"`
	// ResponseHeaders are set on every response: the routing.http.response.* attributes.
	ResponseHeaders []Header `json:",omitempty"`

	Rules []Rule // by ascending priority, the default rule last
}

// Flows reports whether the listener carries connections, and no requests.
func (l *Listener) Flows() bool { return l.Protocol == "TCP" || l.Protocol == "TLS" }

// Secure is how a listener of HTTPS or TLS shakes hands.
type Secure struct {
	MinVersion, MaxVersion uint16   // of TLS, as crypto/tls numbers them
	HTTP2                  bool     `json:",omitempty"` // HTTPS: routing.http2.enabled
	ALPN                   []string `json:",omitempty"` // TLS: what is agreed to be spoken, the preferred first; empty agrees on nothing
	Certificate            string   // ARN of the default one, for access logs alone: the data plane signs its own
}

// Header is one header field.
type Header struct{ Name, Value string }

// Rule is a listener's rule: where all conditions hold, its action is taken.
type Rule struct {
	ARN        string
	Priority   string      // "1" to "50000", or "default"
	Conditions []Condition `json:",omitempty"` // empty holds always
	Action     Action
	Rewrites   []Rewrite `json:",omitempty"` // at most one of each kind
}

// Field is what a condition looks at.
type Field string

// The fields of rule conditions.
const (
	HostHeader        Field = "host-header"
	PathPattern       Field = "path-pattern"
	HTTPHeader        Field = "http-header"
	HTTPRequestMethod Field = "http-request-method"
	QueryString       Field = "query-string"
	SourceIP          Field = "source-ip"
)

// Condition holds where any of its values does. Values count for every field but QueryString,
// Regex for HostHeader, PathPattern and HTTPHeader.
type Condition struct {
	Field  Field
	Header string   `json:",omitempty"` // HTTPHeader: the name, without regard to case
	Values []string `json:",omitempty"`
	Regex  []string `json:",omitempty"` // RE2; one that does not compile holds nowhere
	Query  []Pair   `json:",omitempty"` // QueryString
}

// Pair is a query-string value to look for. An empty Key means the value of any key, or a bare
// parameter.
type Pair struct {
	Key   string `json:",omitempty"`
	Value string
}

// Action is what a rule does; exactly one of its members is set.
type Action struct {
	Forward  *Forward  `json:",omitempty"`
	Redirect *Redirect `json:",omitempty"`
	Fixed    *Fixed    `json:",omitempty"`
}

// Forward sends requests to target groups by weight.
type Forward struct {
	Groups []Weighted
	// Sticky is how long a client stays with its group (AWSALBTG); zero means it does not.
	Sticky time.Duration `json:",omitempty"`
	// BySource binds clients of TCP to a group by their address.
	BySource bool `json:",omitempty"`
}

// Weighted is a group with its weight, 0 to 999.
type Weighted struct {
	Group  string // ARN
	Weight int
}

// Fixed is a fixed response.
type Fixed struct {
	Code        int
	ContentType string `json:",omitempty"`
	Body        string `json:",omitempty"`
}

// Group is a target group.
type Group struct {
	ARN       string
	Dimension string    // as in metrics: "targetgroup/green/73e2d6bc24d8a068"
	Protocol  string    // "HTTP" or "HTTPS": how targets are spoken to; "TCP"
	Version   Version   `json:",omitempty"`
	Algorithm Algorithm `json:",omitempty"`
	Sticky    Sticky    `json:",omitzero"`
	Flows     Flows     `json:",omitzero"` // of TCP
	Check     HealthCheck
	Targets   []Target `json:",omitempty"`
	// LeastHealthy and LeastHealthyPercent are how many targets, of all that are not draining,
	// must be healthy for the healthy ones to take all requests; 0 means one is enough.
	LeastHealthy        int `json:",omitempty"`
	LeastHealthyPercent int `json:",omitempty"` // 0 to 100
}

// Flows says how connections of TCP are treated. The zero value is what a group of addresses has,
// but for EndUnhealthy, which is on by default.
type Flows struct {
	EndDraining  bool `json:",omitempty"` // deregistration_delay.connection_termination.enabled
	EndUnhealthy bool `json:",omitempty"` // target_health_state.unhealthy.connection_termination.enabled
	KeepSource   bool `json:",omitempty"` // preserve_client_ip.enabled
	ProxyHeader  bool `json:",omitempty"` // proxy_protocol_v2.enabled
	BySource     bool `json:",omitempty"` // stickiness of the type source_ip
	// InZones says that no node sends to another zone: cross-zone load balancing is off.
	InZones bool `json:",omitempty"`
}

// Sticky says how a client stays with its target. The zero value means that it does not.
type Sticky struct {
	// For is how long the client stays after the last cookie it got, in real time.
	For time.Duration
	// Cookie is the application's cookie; with it clients become sticky when their target sets it
	// (app_cookie), and otherwise at once (lb_cookie).
	Cookie string `json:",omitempty"`
}

// Version is the protocol version of a group. The zero value means HTTP/1.1.
type Version string

// The values of ProtocolVersion that are not the default.
const (
	HTTP2 Version = "HTTP2"
	GRPC  Version = "GRPC"
)

// Algorithm is how a group's targets take turns. The zero value means RoundRobin.
type Algorithm string

// The values of load_balancing.algorithm.type.
const (
	RoundRobin       Algorithm = "round_robin"
	LeastOutstanding Algorithm = "least_outstanding_requests"
	WeightedRandom   Algorithm = "weighted_random"
)

// Target is one member of a group.
//
// Invariant: ID with Port is unique in a group.
type Target struct {
	ID      string  // as registered: an IP address
	Port    int     // as registered
	Address Address // where it is really reached
	// Check is where health checks go; the zero value means Address.
	Check     Address `json:",omitzero"`
	CheckPort int     `json:",omitempty"` // the port the check's Host header names; zero means Port

	Healthy bool `json:",omitempty"`
	// Unhealthy says that checks found the target so; one that was never found either way is neither.
	Unhealthy bool `json:",omitempty"`
	// Zone is its Availability Zone; empty means reached from all.
	Zone string `json:",omitempty"`
	// SlowFrom and SlowUntil, times of the wall, bound a target's slow start: meanwhile its part
	// grows from nothing to that of the others. Zero means none.
	SlowFrom  time.Time `json:",omitzero"`
	SlowUntil time.Time `json:",omitzero"`
	// Halved is how often the target's part of the requests was halved, as it is anomalous; only
	// WeightedRandom looks at it.
	Halved int `json:",omitempty"`
	// Draining targets take no new request. Those in flight are cut at DrainUntil, a time of
	// the wall.
	Draining   bool      `json:",omitempty"`
	DrainUntil time.Time `json:",omitzero"`
}

// Address is something to dial: Network "tcp" or "unix", as net.Dial has them.
type Address struct{ Network, Address string }

// HealthCheck says how targets are probed. Only real times are here: the control plane has
// shortened Interval by its speed already, and Timeout is never shortened.
type HealthCheck struct {
	Enabled  bool
	Protocol string // "HTTP", "HTTPS" or "TCP", which asks for a connection alone
	Path     string // with its query, if any; empty means "/"
	Interval time.Duration
	Timeout  time.Duration
	Matcher  string  // codes that pass: "200", "200,202", "200-299"; of gRPC where Version is GRPC
	Version  Version `json:",omitempty"`
	// ProxyHeader begins each check with a header of the PROXY protocol that names nobody.
	ProxyHeader bool `json:",omitempty"`
}

// InUse gives the ARNs of the groups that some rule of some listener forwards to, weight 0
// included. Only these are probed; targets of others are "unused".
func (t *Table) InUse() map[string]bool {
	used := make(map[string]bool, len(t.Groups))
	for _, b := range t.Balancers {
		for _, l := range b.Listeners {
			for _, r := range l.Rules {
				if r.Action.Forward == nil {
					continue
				}
				for _, w := range r.Action.Forward.Groups {
					used[w.Group] = true
				}
			}
		}
	}
	return used
}
