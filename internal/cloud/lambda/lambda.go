// Package lambda is the local cloud's AWS Lambda: functions from zip files, their versions and
// aliases, and their invocation.
//
// Handlers check, write rows and answer with a view of them. The code of functions is in files,
// unpacked; what runs it is launch/function. Asynchronous invocations are rows, which a keeper has
// invoked until they succeed or AWS would give up. The package knows no other service: what it
// needs of them are the ports in ports.go. Read rows.go first, then invoke.go.
//
// Sources: alarms-and-hooks.md 4 to 6, client-calls.md, runtime.md 4, the Lambda API reference.
package lambda

import (
	"errors"
	"io"
	"log/slog"
	"path/filepath"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/slipway-ecs/slipway/internal/cloud"
	"github.com/slipway-ecs/slipway/internal/ids"
	"github.com/slipway-ecs/slipway/internal/launch/function"
	"github.com/slipway-ecs/slipway/internal/names"
	"github.com/slipway-ecs/slipway/internal/store"
	"github.com/slipway-ecs/slipway/internal/wire"
)

// Options make the room. All are required unless they say otherwise.
type Options struct {
	IDs     *ids.Source
	Dir     string   // where code and environments are
	Host    []string // the daemon's environment; of it PATH, HOME, TMPDIR and LANG reach functions
	Logs    Logs
	Objects Objects // nil: there is no S3, and code comes in requests alone
	Hooks   Hooks   // what is invoked without being a function; may be empty
	Log     *slog.Logger

	// Endpoint is the cloud's own URL, which functions get as AWS_ENDPOINT_URL.
	Endpoint func() string
	// Credentials gives what a function's SDKs sign with, so that what they call is its account's.
	Credentials func(scope names.Scope, function string) (id, secret, token string)
	// Sign gives a signature only this cloud can make, for URLs of code.
	Sign func(parts ...string) []byte
	// Wall gives the wall's time of an internal time, for text that carries times; nil keeps it.
	Wall func(time.Time) time.Time
}

// Service is the room "lambda". Make one with New.
type Service struct {
	o         Options
	store     *store.Store
	functions *store.Table[Function]
	versions  *store.Table[Version]
	aliases   *store.Table[Alias]
	events    *store.Table[Event]

	runner *function.Runner
	codes  *codes
	chance func() float64

	mu   sync.Mutex // guards busy
	busy map[string]int
}

// New makes the room; Attach gives it its store.
func New(o Options) *Service {
	if o.Wall == nil {
		o.Wall = func(at time.Time) time.Time { return at }
	}
	if o.Log == nil {
		o.Log = slog.New(slog.NewTextHandler(io.Discard, nil))
	}
	s := &Service{
		o:         o,
		functions: store.NewTable("lambda.functions", func(f *Function) string { return f.ARN }),
		versions:  store.NewTable("lambda.versions", func(v *Version) string { return v.ARN }, store.One("function", func(v *Version) string { return v.Function })),
		aliases:   store.NewTable("lambda.aliases", func(a *Alias) string { return a.ARN }, store.One("function", func(a *Alias) string { return a.Function })),
		events:    store.NewTable("lambda.events", func(e *Event) string { return e.ID }, store.One("function", func(e *Event) string { return e.Function })),
		codes:     &codes{dir: filepath.Join(o.Dir, "code")},
		busy:      map[string]int{},
	}
	s.chance = func() float64 { return float64(o.IDs.Uint64()>>11) / (1 << 53) }
	s.runner = function.New(function.Options{
		Dir: o.Dir, IDs: o.IDs, Log: o.Log, Host: o.Host, Endpoint: o.Endpoint, Output: s.write,
		Credentials: func(f function.Spec) (id, secret, token string) { return o.Credentials(f.Scope, f.ID) },
	})
	return s
}

// Attach gives the room the store that was opened with its tables, ends functions that an earlier
// room left running, and removes code that no function has.
func (s *Service) Attach(st *store.Store) {
	s.store = st
	err := st.View(func(tx *store.Tx) error {
		used := map[string]bool{}
		for v := range s.versions.All(tx) {
			used[v.Code.SHA] = true
		}
		return s.codes.sweep(used)
	})
	if err = errors.Join(err, s.runner.Open()); err != nil {
		s.o.Log.Error("what an earlier start left of functions cannot be cleared", "dir", s.o.Dir, "err", err)
	}
}

// Close ends all functions that run. Invocations under way are answered as if they had died.
func (s *Service) Close() error {
	s.runner.Close()
	return nil
}

// Name is the signing name.
func (s *Service) Name() string { return "lambda" }

// Tables are the room's tables.
func (s *Service) Tables() []store.Any {
	return []store.Any{s.functions, s.versions, s.aliases, s.events}
}

// Keepers have asynchronous invocations done.
func (s *Service) Keepers() []cloud.Keeper { return []cloud.Keeper{&eventKeeper{s}} }

// Wire has the operations served.
func (s *Service) Wire() *wire.Service {
	w := wire.NewREST("lambda").Unlisted(func(u wire.Unlisted) error {
		if u.Member == "runtime" {
			return nil // newer ones are taken too; see checkRuntime
		}
		return &wire.Error{Code: "ValidationException", Message: u.Words()}
	})
	wire.Op(w, s.CreateFunction)
	wire.Op(w, s.GetFunction)
	wire.Op(w, s.GetFunctionConfiguration)
	wire.Op(w, s.ListFunctions)
	wire.Op(w, s.UpdateFunctionCode)
	wire.Op(w, s.UpdateFunctionConfiguration)
	wire.Op(w, s.DeleteFunction)
	wire.Op(w, s.InvokeFunction)
	s.versionOps(w)
	s.recordOps(w)
	return w
}

func invalid(message string) error {
	return &types.InvalidParameterValueException{Type: aws.String("User"), Message: &message}
}

func missing(message string) error {
	return &types.ResourceNotFoundException{Type: aws.String("User"), Message: &message}
}

func conflict(message string) error {
	return &types.ResourceConflictException{Type: aws.String("User"), Message: &message}
}

// stale refuses a change that was meant for another revision.
func stale(get string) error {
	return &types.PreconditionFailedException{Type: aws.String("User"), Message: aws.String(
		"The Revision Id provided does not match the latest Revision Id. Call the " + get + " API to retrieve the latest Revision Id")}
}
