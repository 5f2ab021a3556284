package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

const (
	// callClients is how many clients call at once, each over one kept-alive connection.
	callClients = 8
	// callRound is how long one side is called before the other has its turn.
	callRound = 3 * time.Second
	// callP99 is how long all but one call in a hundred may take.
	callP99 = 10 * time.Millisecond
)

// measured is an operation that is called, and how many times the peer's throughput is wanted.
type measured struct {
	name, body string
	times      float64
}

var measuredCalls = []measured{
	{"DescribeServices", `{"cluster":"bench","services":["web"]}`, 30},
	{"RegisterTaskDefinition", callDefinition, 20},
}

const callDefinition = `{"family":"web","containerDefinitions":[{"name":"app","image":"web:1","cpu":256,"memory":512,"essential":true,` +
	`"portMappings":[{"containerPort":8080,"protocol":"tcp"}],"environment":[{"name":"STAGE","value":"bench"}]}]}`

// calls measures the throughput and the 99th percentile of calls of the local cloud and, where it
// is installed, of moto_server, in turns.
func calls(ctx context.Context, dir string, args []string) (err error) {
	rounds, err := times("calls", args, 2)
	if err != nil {
		return err
	}
	binary, err := build(ctx, dir)
	if err != nil {
		return err
	}
	c, err := launch(ctx, binary, filepath.Join(dir, "data"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.end()) }()
	sides := []string{c.endpoint}
	peer, stop, err := launchMoto(ctx)
	if err != nil {
		fmt.Println("calls: without a peer:", err)
	} else {
		defer stop()
		sides = append(sides, peer)
	}
	for _, endpoint := range sides {
		if err := prepareCalls(ctx, endpoint); err != nil {
			return fmt.Errorf("prepare %s: %w", endpoint, err)
		}
	}
	missed := false
	for _, m := range measuredCalls {
		took := make([][]time.Duration, len(sides))
		for range rounds {
			for i, endpoint := range sides {
				if err := callRounds(ctx, endpoint, m, &took[i]); err != nil {
					return fmt.Errorf("%s at %s: %w", m.name, endpoint, err)
				}
			}
		}
		rate := make([]float64, len(sides))
		for i := range took {
			slices.Sort(took[i])
			rate[i] = float64(len(took[i])) / (float64(rounds) * callRound.Seconds())
		}
		p99 := took[0][len(took[0])*99/100]
		missed = missed || p99 >= callP99
		line := fmt.Sprintf("calls: %s %.0f a second, p99 %.1f ms (target under %.0f)", m.name, rate[0], millis(p99), millis(callP99))
		if len(sides) > 1 {
			line += fmt.Sprintf("; moto_server %.0f a second, p99 %.1f ms: %.1f times its throughput (target %.0f)",
				rate[1], millis(took[1][len(took[1])*99/100]), rate[0]/rate[1], m.times)
			missed = missed || rate[0] < m.times*rate[1]
		}
		fmt.Println(line)
	}
	if missed {
		return fmt.Errorf("calls: missed")
	}
	return nil
}

// launchMoto starts moto_server on a free port and returns when it answers.
func launchMoto(ctx context.Context) (endpoint string, stop func(), err error) {
	path, err := exec.LookPath("moto_server")
	if err != nil {
		return "", nil, err
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", nil, err
	}
	port := ln.Addr().(*net.TCPAddr).Port
	if err := ln.Close(); err != nil {
		return "", nil, err
	}
	cmd := exec.CommandContext(ctx, path, "-H", "127.0.0.1", "-p", strconv.Itoa(port)) //nolint:gosec // found above
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}                              // it may be a script that starts another
	if err := cmd.Start(); err != nil {
		return "", nil, err
	}
	stop = func() {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // it may have ended
		_ = cmd.Wait()                                      // it says that it was killed
	}
	endpoint = fmt.Sprintf("http://127.0.0.1:%d", port)
	for range 200 {
		if conn, err := net.Dial("tcp", ln.Addr().String()); err == nil {
			return endpoint, stop, conn.Close()
		}
		select {
		case <-ctx.Done():
			stop()
			return "", nil, ctx.Err()
		case <-time.After(100 * time.Millisecond):
		}
	}
	stop()
	return "", nil, fmt.Errorf("moto_server does not answer on port %d", port)
}

// prepareCalls makes the service that is described.
func prepareCalls(ctx context.Context, endpoint string) error {
	client := newCaller(endpoint)
	defer client.close()
	for _, call := range []measured{
		{name: "CreateCluster", body: `{"clusterName":"bench"}`},
		{name: "RegisterTaskDefinition", body: callDefinition},
		{name: "CreateService", body: `{"cluster":"bench","serviceName":"web","taskDefinition":"web","desiredCount":0}`},
	} {
		if err := client.call(ctx, call.request(endpoint)); err != nil {
			return fmt.Errorf("%s: %w", call.name, err)
		}
	}
	return nil
}

// callRounds has all clients call for one round and adds how long each call took.
func callRounds(ctx context.Context, endpoint string, m measured, took *[]time.Duration) error {
	ctx, done := context.WithTimeout(ctx, callRound)
	defer done()
	request := m.request(endpoint)
	var clients sync.WaitGroup
	var mu sync.Mutex // guards took and failed
	var failed error
	for range callClients {
		clients.Go(func() {
			mine, err := callUntil(ctx, endpoint, request)
			mu.Lock()
			defer mu.Unlock()
			*took, failed = append(*took, mine...), errors.Join(failed, err)
		})
	}
	clients.Wait()
	return failed
}

// callUntil calls one after the other until ctx ends.
func callUntil(ctx context.Context, endpoint string, request []byte) (took []time.Duration, err error) {
	client := newCaller(endpoint)
	defer client.close()
	for ctx.Err() == nil {
		at := time.Now()
		if err := client.call(context.WithoutCancel(ctx), request); err != nil {
			return took, err
		}
		took = append(took, time.Since(at))
	}
	return took, nil
}

// caller is a client that costs little: one connection, and requests that are bytes already.
// A server that closes the connection after an answer is dialled again.
type caller struct {
	addr string
	conn net.Conn // nil when the next call dials
	in   *bufio.Reader
}

func newCaller(endpoint string) *caller {
	return &caller{addr: strings.TrimPrefix(endpoint, "http://")}
}

func (c *caller) close() {
	if c.conn != nil {
		c.conn.Close() //nolint:errcheck // nothing is under way on it
		c.conn = nil
	}
}

// request writes a call of ECS as clients send it.
func (m measured) request(endpoint string) []byte {
	return fmt.Appendf(nil, "POST / HTTP/1.1\r\nHost: %s\r\nX-Amz-Target: AmazonEC2ContainerServiceV20141113.%s\r\n"+
		"Content-Type: application/x-amz-json-1.1\r\nX-Amz-Date: 20261127T000000Z\r\n"+
		"Authorization: AWS4-HMAC-SHA256 Credential=123456789012/20261127/us-east-1/ecs/aws4_request, SignedHeaders=host;x-amz-date, Signature=0\r\n"+
		"Content-Length: %d\r\n\r\n%s", strings.TrimPrefix(endpoint, "http://"), m.name, len(m.body), m.body)
}

func (c *caller) call(ctx context.Context, request []byte) error {
	if c.conn == nil {
		conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", c.addr)
		if err != nil {
			return err
		}
		c.conn, c.in = conn, bufio.NewReader(conn)
	}
	if _, err := c.conn.Write(request); err != nil {
		return err
	}
	res, err := http.ReadResponse(c.in, nil)
	if err != nil {
		return err
	}
	body, err := io.ReadAll(res.Body)
	if err != nil {
		return err
	}
	if res.Close {
		c.close()
	}
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", res.Status, body)
	}
	return nil
}
