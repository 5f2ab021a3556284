package lambda

import (
	"cmp"
	"encoding/json"
	"slices"
	"strconv"
	"time"

	"github.com/slipway-ecs/slipway/internal/names"
	"github.com/slipway-ecs/slipway/internal/store"
)

// Function is the row of a function, by its unqualified ARN: what all its versions share.
type Function struct {
	ARN, Name  string
	Tags       map[string]string
	Reserved   *int32 // concurrency; nil is unreserved
	Published  int    // the number of the last version published
	Policies   []Policy
	AsyncRules []AsyncRule
	Created    time.Time
}

// Policy is the resource policy of a function, version or alias.
type Policy struct {
	Qualifier  string // "" is the function itself
	Revision   string
	Statements []Statement
}

// Statement is one permission of a policy; it is kept and never consulted.
type Statement struct {
	ID   string
	JSON json.RawMessage
}

// AsyncRule says how asynchronous invocations of a function, version or alias are tried again.
type AsyncRule struct {
	Qualifier            string // "" is the unpublished function
	Retries, Age         *int32 // Age in seconds
	OnSuccess, OnFailure string // destinations; kept and never used
	Modified             time.Time
}

// Version is the row of a version, by its qualified ARN; the unpublished one is $LATEST.
type Version struct {
	ARN, Function, Number string // Function is an ARN
	Revision              string
	Code                  Code
	Config                Config
	Modified              time.Time
}

// Code is what a version runs.
type Code struct {
	SHA  string // of the zip file, in base64 as AWS shows it
	Size int64  // of the zip file
}

// Config is all that UpdateFunctionConfiguration changes, and what is set at creation alone.
type Config struct {
	Description, Handler, Role, Runtime string
	Timeout, MemorySize                 int32
	Ephemeral                           int32 // MiB of /tmp
	Env                                 map[string]string
	Tracing, KMSKey, DeadLetter         string
	Architectures, Layers               []string
	Subnets, SecurityGroups             []string
	IPv6                                bool
	SnapStart                           string
	LogFormat, LogGroup                 string
	AppLogLevel, SystemLogLevel         string
}

// Alias is the row of an alias, by its ARN.
type Alias struct {
	ARN, Function, Name  string // Function is an ARN
	Version, Description string
	Revision             string
	Weights              map[string]float64 // of further versions; the rest is Version's
}

// Event is the row of an asynchronous invocation.
type Event struct {
	ID        string // the request's
	Function  string // ARN
	Qualifier string
	Payload   []byte
	Context   string
	Attempts  int // that failed
	Throttled int // how often there was no room for it
	Due       time.Time
	Expires   time.Time
}

// latest is the number of the unpublished version.
const latest = "$LATEST"

// versionsOf gives a function's published versions by their number, then $LATEST as AWS lists them:
// the unpublished one first.
func (s *Service) versionsOf(tx *store.Tx, function string) []Version {
	all := slices.Collect(s.versions.By(tx, "function", function))
	slices.SortFunc(all, func(a, b Version) int { return cmp.Compare(a.order(), b.order()) })
	return all
}

// order is the version's number, 0 for the unpublished one.
func (v *Version) order() int {
	n, err := strconv.Atoi(v.Number)
	if err != nil {
		return 0
	}
	return n
}

// functionARN gives the unqualified ARN of a name.
func functionARN(scope names.Scope, name string) string {
	return scope.ARN("lambda", "function:"+name)
}
