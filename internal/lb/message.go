package lb

import (
	"time"

	"github.com/slipway-ecs/slipway/internal/balance"
)

// Command is what the daemon says to the data plane: one JSON object a line, one member set.
type Command struct {
	Table *balance.Table `json:",omitempty"` // serve by this from now on
	Seen  uint64         `json:",omitempty"` // reports up to this one are kept by the daemon
	Stop  bool           `json:",omitempty"` // leave, as a lame duck
}

// Event is what the data plane says to the daemon: one JSON object a line, one member set.
type Event struct {
	Hello   *Hello   `json:",omitempty"`
	Serving *Serving `json:",omitempty"`
	Report  *Report  `json:",omitempty"`
	Probe   *Probed  `json:",omitempty"`
}

// Hello is the first event of every connection.
type Hello struct {
	PID      int
	Instance string // another one for every process; Report.Seq counts within it
	Version  uint64 // of the table served by; 0 means none yet
	Cores    int    // it runs on
}

// Serving says that every request from now on goes by the table of this version, and where the
// listeners are.
type Serving struct {
	Version uint64
	Bound   []Bound `json:",omitempty"` // in the table's order
}

// Bound is where a listener is reached.
type Bound struct {
	Listener string // ARN
	Host     string // the shared address
	Port     int    // the port got; another than asked for where that was taken or privileged; 0 where none could be had
	Error    string `json:",omitempty"` // why the port asked for could not be had
	Own      string `json:",omitempty"` // "127.x.y.z:N" where the balancer's own address answers too
	OwnError string `json:",omitempty"` // why it does not
}

// Probed is the raw result of one health check; what it means is for balance.Health to say.
type Probed struct {
	Group  string // ARN
	Target string // ID
	Port   int
	At     time.Time // of the wall, when the result was known
	balance.Probe
}

// Report is what was counted in one second. The data plane keeps the last ones, at most
// keptReports, until the daemon has said that it saw them; a report may come twice after a
// reconnect, with the same Seq.
type Report struct {
	Seq  uint64    // from 1
	At   time.Time // of the wall, when the second ended
	Rows []Row
}

// Row holds the counts of a balancer (Group and Target empty), of a group on it (Target empty),
// or of one target. Rows of a group are the sums of those of its targets.
type Row struct {
	Balancer string // ARN
	Group    string `json:",omitempty"` // ARN
	Target   string `json:",omitempty"` // ID
	Port     int    `json:",omitempty"`
	Counts
}

// Counts are what CloudWatch's metrics of AWS/ApplicationELB and AWS/NetworkELB are made of, each
// for one second. Health checks are not counted. A flow is a connection of TCP.
//
// Sources: ELBv2 guides, "CloudWatch metrics for your Application Load Balancer" and "… Network
// Load Balancer".
type Counts struct {
	Requests          uint64 `json:",omitempty"` // RequestCount: those for which a target was chosen; of flows too
	Target2XX         uint64 `json:",omitempty"` // made by targets
	Target3XX         uint64 `json:",omitempty"`
	Target4XX         uint64 `json:",omitempty"`
	Target5XX         uint64 `json:",omitempty"`
	ELB3XX            uint64 `json:",omitempty"` // made by the balancer; no group has these
	ELB4XX            uint64 `json:",omitempty"`
	ELB5XX            uint64 `json:",omitempty"`
	ELB500            uint64 `json:",omitempty"`
	ELB502            uint64 `json:",omitempty"`
	ELB503            uint64 `json:",omitempty"`
	ELB504            uint64 `json:",omitempty"`
	ConnectionErrors  uint64 `json:",omitempty"` // TargetConnectionErrorCount
	UnhealthyRouted   uint64 `json:",omitempty"` // UnhealthyRoutingRequestCount, UnhealthyRoutingFlowCount
	NewConnections    uint64 `json:",omitempty"` // of clients
	ActiveConnections uint64 `json:",omitempty"` // of clients, open at the second's end
	FixedResponses    uint64 `json:",omitempty"`
	Redirects         uint64 `json:",omitempty"`
	ProcessedBytes    uint64 `json:",omitempty"` // to and from clients
	ClientResets      uint64 `json:",omitempty"` // flows that clients reset
	TargetResets      uint64 `json:",omitempty"` // flows that targets reset or refused
	ELBResets         uint64 `json:",omitempty"` // flows that the balancer reset
	RejectedFlows     uint64 `json:",omitempty"` // flows for which there was no target
	NonCompliant      uint64 `json:",omitempty"` // requests that desync mitigation finds not compliant
	GRPCRequests      uint64 `json:",omitempty"`
	LongRedirects     uint64 `json:",omitempty"` // redirects too long to be sent
	ClientHandshakes  uint64 `json:",omitempty"` // those of TLS with clients that failed
	TargetHandshakes  uint64 `json:",omitempty"` // those with targets
	NewSecure         uint64 `json:",omitempty"` // of NewConnections, flows with TLS
	ActiveSecure      uint64 `json:",omitempty"` // of ActiveConnections
	SecureBytes       uint64 `json:",omitempty"` // of ProcessedBytes
	Times             *Times `json:",omitempty"` // TargetResponseTime; nil where nothing answered
}

// Times is a distribution of response times, in seconds: from the request leaving for the
// target to the start of its response headers.
type Times struct {
	Count         uint64
	Sum, Min, Max float64
	// Buckets are the values with how often each came, rising. A value stands for all within
	// about 6 percent of it.
	Buckets []Bucket
}

// Bucket is a value, in seconds, with how often it came.
type Bucket struct {
	Seconds float64
	Count   uint64
}
