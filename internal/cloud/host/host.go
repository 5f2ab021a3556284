// Package host puts the local cloud together: the rooms and what each needs of the others, the
// loop, the data plane's process, the task runtime, and the one endpoint before them all.
//
// It is the only place that knows all services, and it decides nothing about any of them. Read
// Open, then Serve; which room gets which port is in rooms.go.
package host

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/slipway-ecs/slipway/internal/cloud/lambda"
	"github.com/slipway-ecs/slipway/internal/cloud/loop"
	"github.com/slipway-ecs/slipway/internal/fail"
	"github.com/slipway-ecs/slipway/internal/launch"
	"github.com/slipway-ecs/slipway/internal/launch/process"
	"github.com/slipway-ecs/slipway/internal/proc"
	"github.com/slipway-ecs/slipway/internal/store"
)

// Options say what kind of cloud to be.
type Options struct {
	Listen  string         // host:port of the endpoint; port 0 takes a free one
	Dir     string         // where everything is kept
	Fresh   bool           // forget what is kept there, and end what still runs of it
	Speed   float64        // how many times faster AWS's waits pass; 0 is 1
	Region  string         // of requests that name none
	Account string         // of access keys that name none; 12 digits
	Keys    string         // the file of access keys; empty checks no signatures
	Images  process.Images // what images stand for on this host
	Runtime string         // RuntimeProcess, RuntimeDocker or RuntimeAuto; "" is RuntimeProcess
	Tasks   launch.Runtime // runs tasks in place of what Runtime names; nil for that
	Hooks   lambda.Hooks   // what is invoked in place of functions that nobody made
	// Instances is how many container instances each cluster has of the cloud's own, and
	// InstanceType what they are; "" is ecs.DefaultInstanceType.
	Instances    int
	InstanceType string
	FargateVCPUs float64 // the quota of an account in a region; 0 is no limit

	Lenient bool         // accept what AWS refuses only for surroundings
	Fsync   bool         // sync each commit to disk
	Exe     string       // this program, which shims and the data plane run as
	Log     *slog.Logger // for what goes wrong, and what nobody built
	Warn    func(string) // takes the lines of Lenient
}

// Cloud is a local cloud whose endpoint is bound.
type Cloud struct {
	o        Options
	store    *store.Store
	rooms    *rooms
	keys     *keyring
	listener net.Listener
	gateway  net.Listener  // where tasks with a network of their own find the cloud; nil for none
	within   func() string // the endpoint as tasks find it
	byName   bool          // which is the endpoint itself, by the engine's name for this machine
	runtime  launch.Runtime
	plane    *dataPlane
	loop     *loop.Loop
	cleared  chan struct{}   // everything was forgotten: tasks that no row knows are to end
	ending   <-chan struct{} // closed when the cloud is to end, so that answers without end do
}

const (
	// stopPatience is how long tasks and the data plane may take to end at a clean stop: the
	// longest stopTimeout ECS takes, two minutes, and half a minute more.
	stopPatience = 150 * time.Second
	// answerPatience is how long calls under way may take when the endpoint closes.
	answerPatience = 2 * time.Second
	// slimAfter is how long after its start the cloud gives memory back: by then first calls were
	// answered, and what they needed is there.
	slimAfter = 2 * time.Second
	// headerPatience is how long a client may take to send a request's header.
	headerPatience = 10 * time.Second
)

// Open makes a cloud of what a directory holds and binds its endpoint. Nothing happens in it
// before Serve.
//
// Errors: host.exposed where it would listen beyond loopback without keys; store.busy where
// another process has the directory, store.damaged where its state cannot be read; host.unwritable where
// nothing can be kept there; host.taken where the endpoint's port is taken.
func Open(ctx context.Context, o Options) (*Cloud, error) {
	if err := guard(o); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(o.Dir, 0o700); err != nil {
		return nil, unwritable(o.Dir, err)
	}
	if o.Fresh {
		if err := forget(ctx, o); err != nil {
			return nil, err
		}
	}
	c := &Cloud{o: o, cleared: make(chan struct{}, 1)}
	var err error
	if c.keys, err = openKeys(o.Keys, o.Dir, o.Account); err != nil {
		return nil, err
	}
	if c.listener, err = net.Listen("tcp", o.Listen); err != nil {
		return nil, fail.Wrap(err, "host.taken", "end what listens there, or choose another with --listen 127.0.0.1:0", "cannot listen on %s", o.Listen)
	}
	if err := c.chooseRuntime(ctx); err != nil {
		return nil, errors.Join(err, c.listener.Close())
	}
	if err := c.furnish(); err != nil {
		return nil, errors.Join(err, c.listener.Close(), c.closeGateway())
	}
	return c, nil
}

// unwritable is the error of a data directory in which nothing can be kept.
func unwritable(dir string, why error) error {
	return fail.Wrap(why, "host.unwritable", "name a directory that can be written with --data", "nothing can be kept in %s", dir)
}

func (c *Cloud) closeGateway() error {
	if c.gateway == nil {
		return nil
	}
	return c.gateway.Close()
}

// guard refuses to be reached from other machines without checking who calls.
func guard(o Options) error {
	host, _, err := net.SplitHostPort(o.Listen)
	if err != nil {
		return fail.Wrap(err, "host.bad_listen", "write --listen 127.0.0.1:4566", "%q is not an address to listen on", o.Listen)
	}
	ip := net.ParseIP(host)
	if host != "localhost" && (ip == nil || !ip.IsLoopback()) && o.Keys == "" {
		return fail.New("host.exposed", "listen on 127.0.0.1, or give --keys FILE so that signatures are checked",
			"%s can be reached from other machines, and nobody would check who calls", o.Listen)
	}
	if !isAccount(o.Account) {
		return fail.New("host.bad_account", "write 12 digits: --account 123456789012", "%q is not an account", o.Account)
	}
	return nil
}

// Endpoint is the URL that clients on this machine use as AWS_ENDPOINT_URL.
func (c *Cloud) Endpoint() string {
	addr := c.listener.Addr().(*net.TCPAddr)
	if addr.IP.IsUnspecified() {
		return fmt.Sprintf("http://127.0.0.1:%d", addr.Port)
	}
	return "http://" + addr.String()
}

// Dir is where the cloud keeps everything.
func (c *Cloud) Dir() string { return c.o.Dir }

// Serve answers and keeps until ctx ends, then stops tasks and data plane and leaves the state
// for the next start. ready is called once the first request can be answered.
func (c *Cloud) Serve(ctx context.Context, ready func()) error {
	// Asked to stop meanwhile, it still adopts: what is not adopted cannot be stopped.
	if err := c.rooms.ecs.Adopt(context.WithoutCancel(ctx)); err != nil {
		return fmt.Errorf("adopt what runs already: %w", err)
	}
	if err := c.rooms.ecs.EquipAll(); err != nil {
		return fmt.Errorf("give clusters their instances: %w", err)
	}
	// What works goes on until the last call is answered; metrics are kept until nobody adds any.
	working, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	keeping, rest := context.WithCancel(context.WithoutCancel(ctx))
	defer rest()
	var hands, keeper sync.WaitGroup
	c.ending = ctx.Done()
	server := &http.Server{Handler: c.handler(), ReadHeaderTimeout: headerPatience, ErrorLog: slog.NewLogLogger(c.o.Log.Handler(), slog.LevelDebug)}
	served := make(chan error, 1)
	go func() { served <- server.Serve(c.listener) }()
	if c.gateway != nil {
		inner := &http.Server{Handler: c.withinHandler(), ReadHeaderTimeout: headerPatience, ErrorLog: server.ErrorLog}
		hands.Go(func() { _ = inner.Serve(c.gateway) })          // until it is closed
		context.AfterFunc(working, func() { _ = inner.Close() }) // tasks that end meanwhile need no answer
	}
	retire, err := c.announce()
	if err == nil {
		ready() // before all else that starts takes the cores
	}
	hands.Go(func() { c.plane.run(working) })
	hands.Go(func() { c.publishHosts(working) })
	hands.Go(func() { c.publishUsage(working) })
	hands.Go(func() { c.deliverAccess(working) })
	hands.Go(func() { c.endForgotten(working) })
	hands.Go(func() { slim(working) })
	keeper.Go(func() {
		if err := c.rooms.cloudwatch.Run(keeping); err != nil && !errors.Is(err, context.Canceled) {
			c.o.Log.Error("metrics are kept no longer", "err", err)
		}
	})
	looped := make(chan error, 1)
	go func() { looped <- c.loop.Run(working) }()
	if err != nil {
		stop()
	}

	select {
	case <-ctx.Done():
	case <-working.Done():
	case err = <-served:
	}
	err = errors.Join(err, c.end(context.WithoutCancel(ctx), server, func() {
		stop()
		<-looped
		hands.Wait()
	}, func() {
		rest()
		keeper.Wait()
	}))
	if retire != nil {
		err = errors.Join(err, retire())
	}
	return err
}

// slim gives back the memory that only coming up took, some megabytes, once that is over.
func slim(ctx context.Context) {
	timer := time.NewTimer(slimAfter)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
		proc.Slim()
	}
}

// end stops everything of ours, in the order in which nobody misses anything: calls, decisions,
// traffic, tasks, state.
func (c *Cloud) end(ctx context.Context, server *http.Server, settle, keep func()) error {
	answers, done := context.WithTimeout(ctx, answerPatience)
	defer done()
	errs := []error{server.Shutdown(answers)}
	settle()
	patience, done := context.WithTimeout(ctx, stopPatience)
	defer done()
	errs = append(errs, c.plane.stop(patience), c.rooms.ecs.StopAll(patience), c.rest(patience))
	errs = append(errs, c.rooms.lambda.Close())
	keep()
	errs = append(errs, c.rooms.logs.Close(), c.store.Close())
	for i, err := range errs {
		if errors.Is(err, context.DeadlineExceeded) && i == 0 {
			errs[i] = nil // a client that keeps its call open does not keep us
		}
	}
	return errors.Join(errs...)
}

// forget ends what an earlier cloud left in a directory, and removes it.
func forget(ctx context.Context, o Options) error {
	if err := store.Free(filepath.Join(o.Dir, stateFile)); err != nil {
		return err // somebody uses it
	}
	if err := endLeftovers(ctx, o); err != nil {
		return err
	}
	for _, name := range []string{stateFile, "logs", "metrics", "tasks", functionsDir, "lb", "s3", "seed", runtimeFile} {
		if err := os.RemoveAll(filepath.Join(o.Dir, name)); err != nil {
			return fmt.Errorf("forget %s: %w", name, err)
		}
	}
	return nil
}

// stateFile is the store's file in the data directory.
const stateFile = "state.db"

// Discard is a logger for whoever wants none.
func Discard() *slog.Logger { return slog.New(slog.NewTextHandler(io.Discard, nil)) }
