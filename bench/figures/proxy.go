package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

const (
	// proxyConnections is how many clients keep a connection open and ask one thing after another.
	proxyConnections = 64
	// proxyTargets is how many targets each of the two groups has.
	proxyTargets = 2
	// atLeastDefault is how many times the requests a second of Go's ReverseProxy with its defaults
	// the data plane must serve.
	atLeastDefault = 2.0
	// atMostNginx is how many times nginx's CPU time a request it may take.
	atMostNginx = 4.0
)

// The weights of the two groups.
var proxyWeights = [2]int{90, 10}

// proxy measures requests a second and CPU time a request of the data plane and of its peers over
// the same targets, in short rounds that alternate, and then the data plane's growth.
func proxy(ctx context.Context, dir string, args []string) (err error) {
	flags := flag.NewFlagSet("proxy", flag.ContinueOnError)
	rounds := flags.Int("n", 5, "how many rounds")
	each := flags.Duration("d", 2*time.Second, "how long each proxy is measured in a round")
	requests := flags.Uint64("growth", growthRequests, "over how many requests memory may not grow; 0 measures none")
	only := flags.String("only", "", "measure the contenders of this name alone, without verdict; \"growth\" measures growth alone")
	if err := flags.Parse(args); err != nil {
		return err
	}
	binary, err := build(ctx, dir)
	if err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	targets, endTargets, err := startTargets(ctx, self)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, endTargets()) }()
	if *only == "growth" {
		return growth(ctx, dir, self, targets, *requests)
	}
	var all []*contender
	defer func() {
		for _, c := range all {
			err = errors.Join(err, c.end())
		}
	}()
	for _, start := range []func(context.Context, string, string, []string) (*contender, error){
		func(ctx context.Context, dir, _ string, t []string) (*contender, error) {
			return plane(ctx, binary, []string{"lb"}, filepath.Join(dir, "lb"), t)
		},
		goDefault, nginx, haproxy,
	} {
		c, err := start(ctx, dir, self, targets)
		if err != nil {
			return err
		}
		if c == nil {
			continue
		}
		all = append(all, c)
		if *only != "" && c.name != *only {
			continue
		}
		if err := answers(ctx, c.address); err != nil {
			return fmt.Errorf("%s: %w", c.name, err)
		}
	}
	for range max(1, *rounds) {
		for _, c := range all {
			if *only != "" && c.name != *only {
				continue
			}
			if err := c.measure(ctx, *each); err != nil {
				return fmt.Errorf("%s: %w", c.name, err)
			}
		}
	}
	load, _ := os.ReadFile("/proc/loadavg") // for the reader alone
	fmt.Printf("proxy: %d connections, GET of %d bytes, two groups %d/%d of %d targets, %d rounds of %s each, alternating; load at the end %s",
		proxyConnections, bodySize, proxyWeights[0], proxyWeights[1], proxyTargets, *rounds, *each, load)
	for _, c := range all {
		if len(c.rates) > 0 {
			fmt.Printf("proxy: %-12s %7.0f requests/s  %6.1f µs CPU/request  p50 %.2f ms  p99 %.2f ms\n", c.name, median(c.rates), median(c.cpus), median(c.p50), median(c.p99))
		}
	}
	if *only != "" {
		return nil
	}
	missed := false
	byName := map[string]*contender{}
	for _, c := range all {
		byName[c.name] = c
	}
	rate := ratio(byName["slipway"].rates, byName["go default"].rates)
	fmt.Printf("proxy: %.2f times the requests a second of Go's ReverseProxy with its defaults; target at least %.0f\n", rate, atLeastDefault)
	missed = missed || rate < atLeastDefault
	for _, peer := range []string{"nginx", "haproxy"} {
		p := byName[peer]
		if p == nil {
			fmt.Printf("proxy: NOT COMPARED with %s: it is not installed\n", peer)
			continue
		}
		cpu := ratio(byName["slipway"].cpus, p.cpus)
		fmt.Printf("proxy: %.2f times %s's CPU time a request, %.2f times its requests a second", cpu, peer, ratio(byName["slipway"].rates, p.rates))
		if peer == "nginx" {
			fmt.Printf("; target at most %.0f times its CPU time", atMostNginx)
			missed = missed || cpu > atMostNginx
		}
		fmt.Println()
	}
	if *requests > 0 {
		err = growth(ctx, dir, self, targets, *requests)
	}
	if missed {
		err = errors.Join(err, errors.New("proxy: missed"))
	}
	return err
}

// ratio is the median of the rounds' ratios: what else ran in a round weighed on both.
func ratio(a, b []float64) float64 {
	var all []float64
	for i := range min(len(a), len(b)) {
		all = append(all, a[i]/b[i])
	}
	return median(all)
}

func median(all []float64) float64 {
	sorted := slices.Sorted(slices.Values(all))
	return sorted[len(sorted)/2]
}

// answers waits until a proxy does.
func answers(ctx context.Context, address string) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	look := time.NewTicker(10 * time.Millisecond)
	defer look.Stop()
	for {
		_, err := pump(ctx, address, 1, 1)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return err
		case <-look.C:
		}
	}
}

// startTargets starts the targets' process and gives their addresses.
func startTargets(ctx context.Context, self string) (addresses []string, end func() error, err error) {
	cmd := exec.CommandContext(ctx, self, "proxy-targets") //nolint:gosec // ourselves
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, nil, err
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		return nil, nil, fmt.Errorf("start the targets: %w", err)
	}
	return strings.Fields(line), func() error { return errors.Join(in.Close(), cmd.Wait()) }, nil
}

// freeAddress is an address nobody listened on a moment ago.
func freeAddress() (string, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer ln.Close() //nolint:errcheck // nothing came of it
	return ln.Addr().String(), nil
}
