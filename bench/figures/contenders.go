package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/slipway-ecs/slipway/internal/balance"
	"github.com/slipway-ecs/slipway/internal/lb"
)

// contender is a proxy that runs.
type contender struct {
	name    string
	address string
	pid     int // with its children
	end     func() error

	rates, cpus []float64 // requests a second; CPU microseconds a request: one of each a round
	p50, p99    []float64 // milliseconds
}

// measure adds one round.
func (c *contender) measure(ctx context.Context, d time.Duration) error {
	warm, cancel := context.WithTimeout(ctx, d/8)
	_, err := pump(warm, c.address, proxyConnections, 0)
	cancel()
	if err != nil {
		return err
	}
	before, err := cpuTime(c.pid)
	if err != nil {
		return err
	}
	round, cancel := context.WithTimeout(ctx, d)
	p, err := pump(round, c.address, proxyConnections, 0)
	cancel()
	if err != nil || p.requests == 0 {
		return errors.Join(err, ctx.Err())
	}
	after, err := cpuTime(c.pid)
	if err != nil {
		return err
	}
	c.rates = append(c.rates, float64(p.requests)/p.took.Seconds())
	c.cpus = append(c.cpus, float64((after-before).Microseconds())/float64(p.requests))
	c.p50, c.p99 = append(c.p50, millis(p.p50)), append(c.p99, millis(p.p99))
	return nil
}

// cpuTime gives what a process and its children have used so far.
func cpuTime(pid int) (time.Duration, error) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return 0, err
	}
	var ticks int
	for _, e := range entries {
		id, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		stat, err := os.ReadFile(filepath.Join("/proc", e.Name(), "stat"))
		if err != nil {
			continue // it ended meanwhile
		}
		_, rest, _ := strings.Cut(string(stat), ") ")
		f := strings.Fields(rest)
		if id != pid && (len(f) < 2 || f[1] != strconv.Itoa(pid)) {
			continue
		}
		user, err1 := strconv.Atoi(f[11])
		system, err2 := strconv.Atoi(f[12])
		if err := errors.Join(err1, err2); err != nil {
			return 0, err
		}
		ticks += user + system
	}
	return time.Duration(ticks) * (time.Second / 100), nil // USER_HZ is 100 on every Linux Go runs on
}

// plane is the data plane as a cloud runs it, without the cloud: exe with args on a directory.
func plane(ctx context.Context, exe string, args []string, dir string, targets []string) (*contender, error) {
	client, err := lb.Open(ctx, exe, args, dir)
	if err != nil {
		return nil, err
	}
	table := balance.Table{Version: 1, Balancers: []balance.Balancer{{
		ARN: "balancer", DNSName: "web.elb.localhost",
		Listeners: []balance.Listener{{ARN: "listener", Port: 1, Protocol: "HTTP", Rules: []balance.Rule{{
			ARN: "rule", Priority: "default", Action: balance.Action{Forward: &balance.Forward{}},
		}}}},
	}}}
	forward := table.Balancers[0].Listeners[0].Rules[0].Action.Forward
	for i, weight := range proxyWeights {
		g := balance.Group{ARN: "group" + strconv.Itoa(i), Protocol: "HTTP"}
		for _, t := range targets[i*proxyTargets : (i+1)*proxyTargets] {
			host, port, err := net.SplitHostPort(t)
			if err != nil {
				return nil, err
			}
			n, err := strconv.Atoi(port)
			if err != nil {
				return nil, err
			}
			g.Targets = append(g.Targets, balance.Target{ID: host, Port: n, Healthy: true, Address: balance.Address{Network: "tcp", Address: t}})
		}
		table.Groups = append(table.Groups, g)
		forward.Groups = append(forward.Groups, balance.Weighted{Group: g.ARN, Weight: weight})
	}
	if err := client.Serve(table); err != nil {
		return nil, err
	}
	for e := range client.Events() {
		if e.Serving == nil {
			continue
		}
		go func() { // ends with the connection
			for e := range client.Events() {
				if e.Report != nil {
					_ = client.Seen(e.Report.Seq) // the end of the connection is seen here
				}
			}
		}()
		b := e.Serving.Bound[0]
		return &contender{
			name: "slipway", address: net.JoinHostPort(b.Host, strconv.Itoa(b.Port)), pid: client.Hello().PID,
			end: func() error { return client.Stop(context.WithoutCancel(ctx)) },
		}, nil
	}
	return nil, errors.New("the data plane ended at once")
}

// goDefault is a ReverseProxy as most write it.
func goDefault(ctx context.Context, _, self string, targets []string) (*contender, error) {
	address, err := freeAddress()
	if err != nil {
		return nil, err
	}
	return process(ctx, "go default", address, self, append([]string{"proxy-default", address}, targets...)...)
}

// serveDefault is goDefault's process.
func serveDefault(ctx context.Context, address string, targets []string) error {
	var groups [2][]*url.URL
	for i, t := range targets {
		groups[i/proxyTargets] = append(groups[i/proxyTargets], &url.URL{Scheme: "http", Host: t})
	}
	p := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		g := groups[0]
		if rand.IntN(proxyWeights[0]+proxyWeights[1]) >= proxyWeights[0] { //nolint:gosec // a weighted choice
			g = groups[1]
		}
		r.SetURL(g[rand.IntN(len(g))]) //nolint:gosec // likewise
		r.SetXForwarded()
	}}
	server := &http.Server{Addr: address, Handler: p, ReadHeaderTimeout: time.Minute}
	defer context.AfterFunc(ctx, func() { _ = server.Close() })() // the process ends with it
	return server.ListenAndServe()
}

func nginx(ctx context.Context, dir, _ string, targets []string) (*contender, error) {
	path, err := exec.LookPath("nginx")
	if err != nil {
		if path, err = exec.LookPath("/usr/sbin/nginx"); err != nil {
			return nil, nil //nolint:nilnil // it is not installed; said with the results
		}
	}
	address, err := freeAddress()
	if err != nil {
		return nil, err
	}
	upstream := func(t []string) string { return "server " + strings.Join(t, "; server ") + "; keepalive 64;" }
	conf := fmt.Sprintf(`daemon off; worker_processes auto; pid %[1]s/nginx.pid; error_log stderr;
events { worker_connections 1024; }
http {
	access_log off; client_body_temp_path %[1]s/n1; proxy_temp_path %[1]s/n2; fastcgi_temp_path %[1]s/n3; uwsgi_temp_path %[1]s/n4; scgi_temp_path %[1]s/n5;
	keepalive_requests 100000000;
	upstream one { %[2]s keepalive_requests 100000000; }
	upstream two { %[3]s keepalive_requests 100000000; }
	split_clients "$request_id" $group { %[4]d%% one; * two; }
	server { listen %[5]s; location / {
		proxy_pass http://$group; proxy_http_version 1.1; proxy_set_header Connection "";
		proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for; proxy_set_header X-Forwarded-Proto $scheme; proxy_set_header X-Forwarded-Port $server_port;
	} }
}
`, dir, upstream(targets[:proxyTargets]), upstream(targets[proxyTargets:]), 100*proxyWeights[0]/(proxyWeights[0]+proxyWeights[1]), address)
	file := filepath.Join(dir, "nginx.conf")
	if err := os.WriteFile(file, []byte(conf), 0o600); err != nil {
		return nil, err
	}
	return process(ctx, "nginx", address, path, "-p", dir, "-c", file, "-e", "stderr")
}

func haproxy(ctx context.Context, dir, _ string, targets []string) (*contender, error) {
	path, err := exec.LookPath("haproxy")
	if err != nil {
		if path, err = exec.LookPath("/usr/sbin/haproxy"); err != nil {
			return nil, nil //nolint:nilnil // it is not installed; said with the results
		}
	}
	address, err := freeAddress()
	if err != nil {
		return nil, err
	}
	var b strings.Builder
	fmt.Fprintf(&b, "global\n maxconn 4096\ndefaults\n mode http\n timeout connect 10s\n timeout client 60s\n timeout server 60s\n option forwardfor\n http-reuse always\nfrontend web\n bind %s\n use_backend two if { rand(%d) ge %d }\n default_backend one\n",
		address, proxyWeights[0]+proxyWeights[1], proxyWeights[0])
	for i, name := range []string{"one", "two"} {
		fmt.Fprintf(&b, "backend %s\n balance roundrobin\n", name)
		for j, t := range targets[i*proxyTargets : (i+1)*proxyTargets] {
			fmt.Fprintf(&b, " server s%d %s\n", j, t)
		}
	}
	file := filepath.Join(dir, "haproxy.cfg")
	if err := os.WriteFile(file, []byte(b.String()), 0o600); err != nil {
		return nil, err
	}
	return process(ctx, "haproxy", address, path, "-f", file, "-db")
}

// process starts a contender that is one command.
func process(ctx context.Context, name, address, path string, args ...string) (*contender, error) {
	cmd := exec.CommandContext(ctx, path, args...) //nolint:gosec // a proxy we name
	said := &strings.Builder{}
	cmd.Stderr, cmd.Stdout = said, io.Discard
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	return &contender{name: name, address: address, pid: cmd.Process.Pid, end: func() error {
		if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
			return fmt.Errorf("%s had ended: %w: %s", name, err, said.String())
		}
		_ = cmd.Wait() // it ends by our signal
		return nil
	}}, nil
}
