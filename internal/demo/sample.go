// Package demo tells the whole story on this machine: a local cloud, a service behind a load
// balancer, steady traffic, and deployments that go well, badly, and worse.
//
// It deploys through the deployer's own code over the AWS wire, like anybody else. Read Run
// first.
package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"sync/atomic"
	"syscall"
	"time"
)

// The sample app's environment. VERSION names it; the others make it misbehave.
const (
	envVersion = "VERSION"       // what it answers with; "v1"
	envSick    = "HEALTH_STATUS" // the status of /health; "503" fails health checks
	envErrors  = "ERROR_PERCENT" // how many requests in a hundred it answers with 500
	envSlow    = "LATENCY"       // how long each answer takes: "5ms"
)

// VersionHeader is the header of each answer that names the version that gave it.
const VersionHeader = "X-Sample-Version"

// SampleMain is the sample web app, a hidden subcommand of the binary: it serves its version on
// HOST:PORT until it is told to stop, then answers what is under way. It gives the exit code.
func SampleMain(getenv func(string) string, out io.Writer) int {
	app := &sample{version: getenv(envVersion), health: http.StatusOK}
	if app.version == "" {
		app.version = "v0"
	}
	if s := getenv(envSick); s != "" {
		status, err := strconv.Atoi(s)
		if err != nil || status < 200 || status > 599 {
			fmt.Fprintf(out, "%s=%q is not an HTTP status from 200 to 599\n", envSick, s)
			return 2
		}
		app.health = status
	}
	if s := getenv(envErrors); s != "" {
		percent, err := strconv.ParseFloat(s, 64)
		if err != nil {
			fmt.Fprintf(out, "%s=%q is not a number of requests in a hundred\n", envErrors, s)
			return 2
		}
		app.errors = percent
	}
	if s := getenv(envSlow); s != "" {
		slow, err := time.ParseDuration(s)
		if err != nil {
			fmt.Fprintf(out, "%s=%q is not a duration like 5ms\n", envSlow, s)
			return 2
		}
		app.slow = slow
	}
	return app.serve(net.JoinHostPort(getenv("HOST"), getenv("PORT")), out)
}

type sample struct {
	version string
	health  int
	errors  float64
	slow    time.Duration
	asked   atomic.Int64
}

func (a *sample) serve(addr string, out io.Writer) int {
	stop, cancel := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
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
	go func() {
		<-stop.Done()
		grace, done := context.WithTimeout(context.WithoutCancel(stop), 5*time.Second)
		defer done()
		if err := server.Shutdown(grace); err != nil {
			fmt.Fprintf(out, "%s did not end in peace: %v\n", a.version, err)
		}
	}()
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		fmt.Fprintf(out, "%s: %v\n", a.version, err)
		return 1
	}
	fmt.Fprintf(out, "%s ends\n", a.version)
	return 0
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
	n := float64(a.asked.Add(1))
	return int64(n*a.errors/100) > int64((n-1)*a.errors/100)
}
