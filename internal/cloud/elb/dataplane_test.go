package elb

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	elbv2 "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/slipway-ecs/slipway/internal/balance"
	"github.com/slipway-ecs/slipway/internal/cloud/loop"
	"github.com/slipway-ecs/slipway/internal/lb"
	"github.com/slipway-ecs/slipway/internal/store"
)

// withDataPlane gives a room whose table a real data plane, a process, serves by, as the host
// would have it. Health checks come a hundred times as fast.
func withDataPlane(t *testing.T) room {
	t.Helper()
	r := newRoom(t, Options{Shorten: func(d time.Duration) time.Duration { return d / 100 }, Patience: time.Minute})
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	client, err := lb.Start(ctx, exe, []string{"lb"}, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	l := loop.New(loop.Options{Store: r.store, Tables: r.Tables(), Keepers: r.Keepers(), Log: slog.New(slog.NewTextHandler(io.Discard, nil))})
	watch := r.store.Watch(r.Service.plane)
	ended := make(chan error, 3)
	go func() { ended <- l.Run(ctx) }()
	go func() { ended <- push(ctx, r.Service, watch, client) }()
	go func() { ended <- hear(r.Service, client) }()
	t.Cleanup(func() {
		patience, done := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
		defer done()
		stop()
		if err := client.Stop(patience); err != nil {
			t.Error(err)
		}
		if err := client.Close(); err != nil {
			t.Error(err)
		}
		for range cap(ended) {
			if err := <-ended; err != nil && !errors.Is(err, context.Canceled) {
				t.Error(err)
			}
		}
	})
	return r
}

// push hands over each new table.
func push(ctx context.Context, s *Service, watch *store.Watch, client *lb.Client) error {
	var last uint64
	for {
		var table balance.Table
		err := s.view(func(tx *store.Tx) error { table = s.Plane(tx); return nil })
		if err == nil && table.Version > last {
			last = table.Version
			err = client.Serve(table)
		}
		if err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-watch.Ready():
			watch.Take()
		}
	}
}

// hear writes down what the data plane says.
func hear(s *Service, client *lb.Client) error {
	for e := range client.Events() {
		err := s.update(func(tx *store.Tx) error {
			if v := e.Serving; v != nil {
				var at []Bound
				for _, b := range v.Bound {
					at = append(at, Bound{Listener: b.Listener, Shared: net.JoinHostPort(b.Host, strconv.Itoa(b.Port)), Own: b.Own, Why: b.Error})
				}
				s.Bound(tx, at)
				s.Acked(tx, v.Version)
			}
			if p := e.Probe; p != nil {
				s.Probed(tx, []ProbeResult{{Group: p.Group, ID: p.Target, Port: p.Port, Probe: p.Probe}})
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// until waits for a condition.
func until(t *testing.T, what string, holds func() bool) {
	t.Helper()
	deadline := time.After(time.Minute)
	look := time.NewTicker(2 * time.Millisecond)
	defer look.Stop()
	for !holds() {
		select {
		case <-deadline:
			t.Fatalf("it never came true that %s", what)
		case <-look.C:
		}
	}
}

// backend serves a word, and registers itself with a group. A request for /slow says that it has
// arrived and waits to be let go.
func (r room) backend(group, word string, arrived chan<- struct{}, leave <-chan struct{}) (id string, port int32) {
	r.t.Helper()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if req.URL.Path == "/slow" {
			arrived <- struct{}{}
			<-leave
		}
		_, _ = fmt.Fprint(w, word) // the client that has gone needs no word
	}))
	r.t.Cleanup(srv.Close)
	host, p, err := net.SplitHostPort(srv.Listener.Addr().String())
	if err != nil {
		r.t.Fatal(err)
	}
	n, err := strconv.Atoi(p)
	if err != nil {
		r.t.Fatal(err)
	}
	r.register(group, host, int32(n))
	return host, int32(n)
}

// at gives where a listener answers.
func (r room) at(listener string) (address string) {
	r.t.Helper()
	r.view(func(tx *store.Tx) {
		l, _ := r.listeners.Get(tx, listener)
		address = l.Bound.Shared
	})
	return address
}

func get(t *testing.T, url string) (int, string) {
	t.Helper()
	res, err := http.Get(url) //nolint:gosec,noctx // loopback
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(body)
}

func TestARealDataPlaneRoutesByWeightsAndDrains(t *testing.T) {
	t.Parallel()
	r := withDataPlane(t)
	blue, green := r.group("blue"), r.group("green")
	for _, g := range []string{blue, green} {
		must(r, r.ModifyTargetGroup, &elbv2.ModifyTargetGroupInput{TargetGroupArn: &g, HealthCheckIntervalSeconds: aws.Int32(5), HealthCheckTimeoutSeconds: aws.Int32(2)})
		must(r, r.ModifyTargetGroupAttributes, &elbv2.ModifyTargetGroupAttributesInput{TargetGroupArn: &g, Attributes: []types.TargetGroupAttribute{{Key: aws.String(keyDelay), Value: aws.String("600")}}})
	}
	arrived, leave := make(chan struct{}), make(chan struct{})
	id, port := r.backend(blue, "blue", arrived, leave)
	r.backend(green, "green", nil, nil)
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	taken := int32(free.Addr().(*net.TCPAddr).Port) // stays taken: the listener must answer elsewhere
	defer free.Close()
	l := r.listener(r.balancer("web"), taken, shares(balance.Weighted{Group: blue, Weight: 90}, balance.Weighted{Group: green, Weight: 10}))
	url := "http://" + r.at(l)
	if strings.HasSuffix(url, fmt.Sprint(":", taken)) {
		t.Errorf("the listener answers on a port that is taken: %s", url)
	}
	healthy := func(group string) func() bool {
		return func() bool { h := r.health(group); return len(h) == 1 && h[0] == "healthy" }
	}
	until(t, "blue's target is healthy", healthy(blue))
	until(t, "green's target is healthy", healthy(green))

	const requests = 500
	for _, weight := range []int{75, 90, 50, 0} {
		must(r, r.ModifyListener, &elbv2.ModifyListenerInput{ListenerArn: &l, DefaultActions: []types.Action{
			shares(balance.Weighted{Group: blue, Weight: weight}, balance.Weighted{Group: green, Weight: 100 - weight})}})
		got := map[string]int{}
		for range requests {
			code, body := get(t, url)
			if code != 200 {
				t.Fatalf("weight %d: got %d %s", weight, code, body)
			}
			got[body]++
		}
		if share := 100 * float64(got["blue"]) / requests; math.Abs(share-float64(weight)) > 2 || weight == 0 && share > 0 {
			t.Errorf("weight %d: blue got %.1f %% of %d requests", weight, share, requests)
		}
	}

	// A request in flight to a draining target ends well; new ones find nobody.
	must(r, r.ModifyListener, &elbv2.ModifyListenerInput{ListenerArn: &l, DefaultActions: []types.Action{to(blue)}})
	inFlight := make(chan string, 1)
	go func() {
		code, body := get(t, url+"/slow")
		inFlight <- fmt.Sprint(code, " ", body)
	}()
	<-arrived
	must(r, r.DeregisterTargets, &elbv2.DeregisterTargetsInput{TargetGroupArn: &blue, Targets: []types.TargetDescription{{Id: &id, Port: &port}}})
	r.is(blue, "draining Target.DeregistrationInProgress")
	if code, _ := get(t, url); code != 503 {
		t.Errorf("with its only target draining: got %d, want 503", code)
	}
	close(leave)
	if got := <-inFlight; got != "200 blue" {
		t.Errorf("the request in flight: got %s", got)
	}

	// It goes once the delay is over.
	must(r, r.ModifyTargetGroupAttributes, &elbv2.ModifyTargetGroupAttributesInput{TargetGroupArn: &blue, Attributes: []types.TargetGroupAttribute{{Key: aws.String(keyDelay), Value: aws.String("1")}}})
	r.register(blue, id, port)
	must(r, r.DeregisterTargets, &elbv2.DeregisterTargetsInput{TargetGroupArn: &blue, Targets: []types.TargetDescription{{Id: &id, Port: &port}}})
	until(t, "the drained target is gone", func() bool { return len(r.health(blue)) == 0 })
}
