// Package lb is the load balancers' data plane: a process of its own that serves by the last
// routing table it was handed, whether or not the daemon that handed it is still alive.
//
// `slipway lb --dir DIR` is Main. The daemon finds or starts it with Open, hands it tables with
// Client.Serve, and reads from Client.Events where listeners are reached, what was counted, and
// what health checks found. What those mean is decided by package balance and by the daemon;
// this package knows nothing of AWS's API.
//
// A table is made into a snapshot behind an atomic pointer; a request keeps the one it began
// with. Read Main, then plane.set, then port.ServeHTTP and exchange.carry for HTTP, and inlet.serve
// and flow.run for TCP.
package lb

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/slipway-ecs/slipway/internal/proc"
)

// abandoned is how often the process looks whether its directory is still there; without it
// nobody can find the process again, and it leaves.
const abandoned = 2 * time.Second

// Main runs the data plane in a directory until it is told to leave, and gives the exit code.
// The arguments are those after `slipway lb`. A second one on the same directory says so on
// stdout and exits with 0 at once. It leaves as a lame duck on SIGTERM, SIGINT, or the daemon's
// word, when ctx ends, and when the directory is gone.
func Main(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("slipway lb", flag.ContinueOnError)
	flags.SetOutput(stderr)
	dir := flags.String("dir", "", "directory of the socket and the lock")
	if err := flags.Parse(args); err != nil || *dir == "" || flags.NArg() > 0 {
		_, _ = fmt.Fprintln(stderr, "usage: slipway lb --dir DIR") // nobody to tell if it fails
		return 2
	}
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	signal.Ignore(syscall.SIGHUP) // the terminal of whoever started us may go
	log := slog.New(slog.NewTextHandler(stderr, &slog.HandlerOptions{Level: slog.LevelInfo}))
	err := run(ctx, *dir, log)
	switch {
	case errors.Is(err, errTaken):
		_, _ = fmt.Fprintf(stdout, "a data plane already serves %s\n", *dir) // nobody to tell if it fails
	case err != nil:
		_, _ = fmt.Fprintf(stderr, "slipway lb: %v\n", err) // nobody to tell if it fails
		return 1
	}
	return 0
}

// run serves until ctx ends, the daemon says so, or the directory is gone.
func run(ctx context.Context, dir string, log *slog.Logger) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	unlock, err := lock(dir)
	if err != nil {
		return err
	}
	defer unlock()
	ln, path, err := listen(dir)
	if err != nil {
		return fmt.Errorf("listen for the daemon: %w", err)
	}
	random := rand.New(rand.NewPCG(rand.Uint64(), rand.Uint64())) //nolint:gosec // where weighted turns begin
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	h := &hub{log: log, instance: fmt.Sprintf("%016x", random.Uint64()), stop: stop, wake: make(chan struct{})}
	h.plane = newPlane(context.WithoutCancel(ctx), log, random, h.probe)
	h.plane.authority.dir, h.plane.journal.dir = dir, dir

	takeCores()
	done := make(chan struct{})
	go func() { // ends with the listener, below
		defer close(done)
		h.accept(ln)
	}()
	proc.Slim()
	second := time.NewTicker(time.Second)
	defer second.Stop()
	look := time.NewTicker(abandoned)
	defer look.Stop()
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case at := <-second.C:
			h.report(at)
			if err := h.plane.journal.turn(at, time.Duration(h.plane.logEvery.Load())); err != nil {
				log.Error("access logs cannot be written", "err", err)
			}
		case <-look.C:
			if _, err := os.Stat(filepath.Join(dir, lockName)); errors.Is(err, os.ErrNotExist) {
				log.Info("the directory is gone", "dir", dir)
				stop()
			}
		}
	}
	h.plane.stop()
	h.report(time.Now())
	if err := h.plane.journal.turn(time.Now(), 0); err != nil {
		log.Error("access logs cannot be written", "err", err)
	}
	_ = ln.Close() // nothing more is accepted either way
	<-done
	h.close()
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}
