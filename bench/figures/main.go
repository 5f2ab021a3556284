// Command figures measures what bench/README.md tells of: starts, commands, verdicts, memory, calls, many services,
// the rollout core, how fast traffic comes back from a canary that an alarm ends, and what the
// data plane takes beside other proxies and costs over rolling deployments. It builds the binary and drives it from outside, as
// users do; the scripts beside it are how it is called.
//
// It exits with 1 where a target is missed. No test asserts a time; this does, when asked.
package main

import (
	"bufio"
	"bytes"
	"context"
	"flag"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	figures := map[string]func(context.Context, string, []string) error{
		"start": start, "memory": memory, "sim": sim, "back": back, "proxy": proxy, "calls": calls, "restore": restore, "fleet": fleet, "rolling": rolling,
		"help": help, "status": status, "verdict": verdict,
	}
	switch { // the processes of proxy
	case len(args) == 1 && args[0] == "proxy-targets":
		return serveTargets(2*proxyTargets, os.Stdin, os.Stdout)
	case len(args) == 3 && args[0] == "proxy-plane": // with --dir DIR, as `slipway lb`
		return servePlane(ctx, args[2])
	case len(args) == 2+2*proxyTargets && args[0] == "proxy-default":
		return serveDefault(ctx, args[1], args[2:])
	}
	if len(args) == 0 || figures[args[0]] == nil {
		return fmt.Errorf("usage: figures %s", strings.Join(slices.Sorted(maps.Keys(figures)), "|"))
	}
	dir, err := os.MkdirTemp("", "slipway-figures")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir) //nolint:errcheck // what remains is in the system's folder for such
	return figures[args[0]](ctx, dir, args[1:])
}

// build gives the binary: the one of $SLIPWAY_BIN, or one built as releases are.
func build(ctx context.Context, dir string) (string, error) {
	if path := os.Getenv("SLIPWAY_BIN"); path != "" {
		return path, nil
	}
	path := filepath.Join(dir, "slipway")
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags", "-s -w", "-o", path, "./cmd/slipway")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	cmd.Stderr = os.Stderr
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("build the binary: %w", err)
	}
	return path, nil
}

// cloud is a local cloud that runs.
type cloud struct {
	cmd      *exec.Cmd
	endpoint string
	began    time.Time // just before its process was started
	log      bytes.Buffer
}

// launch starts a cloud on a directory and returns when it said that it is ready.
func launch(ctx context.Context, binary, dir string, flags ...string) (*cloud, error) {
	flags = append([]string{"local", "--data", dir, "--listen", "127.0.0.1:0"}, flags...)
	c := &cloud{cmd: exec.CommandContext(ctx, binary, flags...)} //nolint:gosec // the binary we built
	c.cmd.Stderr = &c.log
	out, err := c.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	c.began = time.Now()
	if err := c.cmd.Start(); err != nil {
		return nil, err
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	endpoint, ok := strings.CutPrefix(strings.TrimSpace(line), "ready ")
	if err != nil || !ok {
		return nil, fmt.Errorf("the cloud did not come up: it said %q; its log: %s", line, c.log.String())
	}
	c.endpoint = endpoint
	return c, nil
}

// end stops the cloud in order.
func (c *cloud) end() error {
	if err := c.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	return c.cmd.Wait()
}

// times reads -n, how often a figure is measured.
func times(name string, args []string, often int) (int, error) {
	flags := flag.NewFlagSet(name, flag.ContinueOnError)
	n := flags.Int("n", often, "how often it is measured")
	err := flags.Parse(args)
	return max(1, *n), err
}
