// Package demo tells the whole story on this machine: a local cloud, a service behind a load
// balancer, steady traffic, and deployments that go well, badly, and worse.
//
// It deploys through the deployer's own code over the AWS wire, like anybody else. Read Run
// first.
package demo

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"hash/fnv"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"sync/atomic"
	"syscall"
	"time"
)

// VersionHeader is the header of each answer that names the version that gave it.
const VersionHeader = "X-Sample-Version"

// SampleMain is the sample web app, a hidden subcommand of the binary: it serves its version on
// HOST:PORT until it is told to stop, then answers what is under way. Its flags name the version
// and make it misbehave. It gives the exit code.
func SampleMain(ctx context.Context, args []string, getenv func(string) string, out io.Writer) int {
	app := &sample{}
	flags := flag.NewFlagSet("slipway sample-web", flag.ContinueOnError)
	flags.SetOutput(out)
	flags.StringVar(&app.version, "version", "v0", "what it answers with")
	flags.IntVar(&app.health, "health", http.StatusOK, "the status of /health")
	flags.Float64Var(&app.errors, "errors", 0, "how many requests in a hundred it answers with 500")
	flags.Int64Var(&app.good, "good", 0, "how many requests it answers well before it begins with errors")
	warm := flags.Duration("warmup", 0, "serve only after a part of this, another for each address, as real programs do")
	flags.DurationVar(&app.slow, "slow", 0, "how long it takes over each answer")
	if err := flags.Parse(args); err != nil {
		return 2
	}
	if app.health < 200 || app.health > 599 {
		fmt.Fprintf(out, "-health %d is not an HTTP status from 200 to 599\n", app.health)
		return 2
	}
	host := getenv("HOST")
	select {
	case <-ctx.Done():
		return 0
	case <-time.After(part(*warm, host)):
	}
	return app.serve(ctx, net.JoinHostPort(host, getenv("PORT")), out)
}

// part gives some of d, always the same for an address, so that tasks do not start as one.
func part(d time.Duration, address string) time.Duration {
	h := fnv.New32a()
	h.Write([]byte(address)) //nolint:errcheck // a hash takes everything
	return d * time.Duration(h.Sum32()%1000) / 1000
}

type sample struct {
	version string
	health  int
	errors  float64
	good    int64 // requests it answers before its errors begin
	slow    time.Duration
	asked   atomic.Int64
}

func (a *sample) serve(ctx context.Context, addr string, out io.Writer) int {
	stop, cancel := signal.NotifyContext(ctx, syscall.SIGTERM, os.Interrupt)
	defer cancel()
	listener, err := net.Listen("tcp", addr)
	if err != nil {
		fmt.Fprintf(out, "%s cannot listen: %v\n", a.version, err)
		return 1
	}
	// Idle connections outlive the load balancer's own idle timeout, as AWS advises for targets
	// behind an ALB: otherwise one may be closed while a request is on its way to it.
	server := &http.Server{Handler: a.handler(), IdleTimeout: 10 * time.Minute, ReadHeaderTimeout: 10 * time.Second}
	fmt.Fprintf(out, "%s serves on %s\n", a.version, addr)
	switch err := serveUntil(stop, server, listener, 5*time.Second); {
	case errors.Is(err, context.DeadlineExceeded):
		fmt.Fprintf(out, "%s: requests under way were cut\n", a.version)
	case err != nil:
		fmt.Fprintf(out, "%s: %v\n", a.version, err)
		return 1
	}
	fmt.Fprintf(out, "%s ends\n", a.version)
	return 0
}

// serveUntil serves until ctx ends, and returns when what was under way then is answered, or after
// patience, with context.DeadlineExceeded.
func serveUntil(ctx context.Context, server *http.Server, listener net.Listener, patience time.Duration) error {
	ended := make(chan error, 1)
	go func() { // Serve returns as soon as Shutdown begins, which is too early to exit
		<-ctx.Done()
		grace, done := context.WithTimeout(context.WithoutCancel(ctx), patience)
		defer done()
		ended <- server.Shutdown(grace)
	}()
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return <-ended
}

func (a *sample) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /health", func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(a.health)
	})
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		time.Sleep(a.slow)
		w.Header().Set(VersionHeader, a.version)
		if a.failsNow() {
			http.Error(w, a.version+" is out of sorts", http.StatusInternalServerError)
			return
		}
		fmt.Fprintln(w, "hello from", a.version)
	})
	return mux
}

// failsNow spreads the errors evenly: of every hundred requests the stated number fails.
func (a *sample) failsNow() bool {
	n := float64(a.asked.Add(1) - a.good)
	if n <= 0 {
		return false
	}
	return int64(n*a.errors/100) > int64((n-1)*a.errors/100)
}
