package lb

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/slipway-ecs/slipway/internal/balance"
)

func TestSharesFollowWeights(t *testing.T) {
	t.Parallel()
	blue, green := backend(t, "blue"), backend(t, "green")
	c := newCloud(t)
	port := freePort(t)
	keptAlive := client(t)
	for _, w := range [][2]int{{90, 10}, {75, 25}, {50, 50}, {0, 100}} {
		url := c.serve(web(port, forward(balance.Weighted{Group: "blue", Weight: w[0]}, balance.Weighted{Group: "green", Weight: w[1]}), group("blue", blue), group("green", green)))
		seen := map[string]int{}
		const requests = 2000
		for range requests {
			code, body := get(t, keptAlive, url)
			if code != 200 {
				t.Fatalf("weights %v: got %d %s", w, code, body)
			}
			seen[body]++
		}
		if got, want := float64(seen["blue"])/requests*100, float64(w[0]); got < want-2 || got > want+2 {
			t.Errorf("weights %v: blue got %.1f %% of the requests, want %.0f ± 2", w, got, want)
		}
	}
}

func TestNoRequestFailsWhileTargetsAreReplacedUnderLoad(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	port := freePort(t)
	all := forward(balance.Weighted{Group: "web", Weight: 1})
	servers := []*httptest.Server{backend(t, "0"), backend(t, "1")}
	url := c.serve(web(port, all, group("web", servers...)))

	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	var sent, failed atomic.Int64
	for i := range 8 {
		keptAlive := client(t)
		wg.Go(func() {
			for n := 0; ctx.Err() == nil; n++ {
				method, body := "GET", io.Reader(nil)
				if (n+i)%4 == 0 {
					method, body = "POST", io.LimitReader(endless{}, 2000)
				}
				r, _ := http.NewRequest(method, url, body)
				res, err := keptAlive.Do(r)
				sent.Add(1)
				if err != nil || res.StatusCode != 200 {
					failed.Add(1)
					t.Errorf("%s: %v %v", method, res, err)
					return
				}
				_, _ = io.Copy(io.Discard, res.Body)
				_ = res.Body.Close()
			}
		})
	}
	for round := range 5 {
		next := backend(t, fmt.Sprint(round+2))
		g := group("web", servers[0], servers[1], next)
		g.Targets[0].Draining, g.Targets[0].DrainUntil = true, time.Now().Add(time.Hour)
		c.serve(web(port, all, g))
		was := sent.Load()
		eventually(t, "requests go on", func() bool { return sent.Load() > was+50 || failed.Load() > 0 })
		leaving := c.plane.snap.Load().pools[poolKey{webARN, "web"}].targets[0]
		eventually(t, "nothing is in flight to the one that leaves", func() bool { return leaving.outstanding.Load() == 0 })
		servers[0].Close()
		servers = []*httptest.Server{servers[1], next}
		c.serve(web(port, all, group("web", servers...)))
	}
	cancel()
	wg.Wait()
	if sent.Load() < 200 || failed.Load() > 0 {
		t.Errorf("%d of %d requests failed", failed.Load(), sent.Load())
	}
}

type endless struct{}

func (endless) Read(p []byte) (int, error) { return len(p), nil }

func TestARequestInFlightIsCutWhenTheDelayEndsAndNotBefore(t *testing.T) {
	t.Parallel()
	arrived, release := make(chan struct{}, 2), make(chan struct{})
	slow := handler(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/streams" {
			_, _ = io.WriteString(w, "first")
			w.(http.Flusher).Flush()
		}
		arrived <- struct{}{}
		select {
		case <-release:
		case <-r.Context().Done():
		}
	})
	t.Cleanup(func() { close(release) })
	c := newCloud(t)
	port := freePort(t)
	action := forward(balance.Weighted{Group: "web", Weight: 1})
	g := group("web", slow)
	url := c.serve(web(port, action, g))

	type outcome struct {
		code int
		err  error
		at   time.Time
	}
	ask := func(path string) chan outcome {
		done := make(chan outcome, 1)
		go func() {
			res, err := client(t).Get(url + path)
			o := outcome{err: err}
			if err == nil {
				o.code = res.StatusCode
				_, o.err = io.ReadAll(res.Body)
				_ = res.Body.Close()
			}
			o.at = time.Now()
			done <- o
		}()
		<-arrived
		return done
	}
	waiting, streaming := ask("/waits"), ask("/streams")
	until := time.Now().Add(300 * time.Millisecond)
	g.Targets[0].Draining, g.Targets[0].DrainUntil = true, until
	c.serve(web(port, action, g))

	if code, _ := get(t, client(t), url); code != 503 {
		t.Errorf("a new request to a group that only drains: got %d, want 503", code)
	}
	w, s := <-waiting, <-streaming
	if w.code != 502 || w.err != nil || w.at.Before(until) {
		t.Errorf("the waiting request: got %d %v, %v after the delay's end, want 502 after it", w.code, w.err, w.at.Sub(until))
	}
	if s.code != 200 || s.err == nil || s.at.Before(until) {
		t.Errorf("the streaming request: got %d %v, %v after the delay's end, want a cut after it", s.code, s.err, s.at.Sub(until))
	}
}

func TestATargetThatVanishesWithoutDrainingIsCutAtOnce(t *testing.T) {
	t.Parallel()
	arrived := make(chan struct{})
	slow := handler(t, func(_ http.ResponseWriter, r *http.Request) { close(arrived); <-r.Context().Done() })
	c := newCloud(t)
	port := freePort(t)
	action := forward(balance.Weighted{Group: "web", Weight: 1})
	url := c.serve(web(port, action, group("web", slow)))
	code := make(chan int, 1)
	go func() {
		res, err := client(t).Get(url)
		if err != nil {
			code <- 0
			return
		}
		_ = res.Body.Close()
		code <- res.StatusCode
	}()
	<-arrived
	c.serve(web(port, action, group("web")))
	if got := <-code; got != 502 {
		t.Errorf("got %d, want 502", got)
	}
}

func TestHealthyTargetsTakeAllAndUnhealthyOnesOnlyWhenThereIsNoOther(t *testing.T) {
	t.Parallel()
	one, two := backend(t, "one"), backend(t, "two")
	c := newCloud(t)
	port := freePort(t)
	action := forward(balance.Weighted{Group: "web", Weight: 1})
	g := group("web", one, two)
	g.Targets[1].Healthy = false
	url := c.serve(web(port, action, g))
	cl := client(t)
	for range 10 {
		if code, body := get(t, cl, url); code != 200 || body != "one" {
			t.Errorf("got %d %q, want the healthy target", code, body)
		}
	}
	g = group("web", one, two)
	g.Targets[0].Healthy, g.Targets[1].Healthy = false, false
	c.serve(web(port, action, g))
	c.row("web")
	seen := map[string]int{}
	for range 10 {
		code, body := get(t, cl, url)
		if code != 200 {
			t.Errorf("got %d, want fail-open", code)
		}
		seen[body]++
	}
	if seen["one"] != 5 || seen["two"] != 5 {
		t.Errorf("got %v, want round robin over all", seen)
	}
	if n := c.row("web"); n.Requests != 10 || n.UnhealthyRouted != 10 || n.Target2XX != 10 || n.Times == nil || n.Times.Count != 10 {
		t.Errorf("counted %+v", n)
	}
}

func TestAConnectionThatCannotBeEstablishedIsTriedElsewhere(t *testing.T) {
	t.Parallel()
	dead, alive := goneServer(t), handler(t, func(w http.ResponseWriter, r *http.Request) {
		all, _ := io.ReadAll(r.Body)
		_, _ = w.Write(all)
	})
	c := newCloud(t)
	url := c.serve(web(freePort(t), forward(balance.Weighted{Group: "web", Weight: 1}), group("web", dead, alive)))
	cl := client(t)
	for range 10 {
		res, err := cl.Post(url, "text/plain", io.LimitReader(endless{}, 100_000))
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(res.Body)
		_ = res.Body.Close()
		if res.StatusCode != 200 || len(body) != 100_000 || err != nil {
			t.Errorf("got %d, %d bytes, %v", res.StatusCode, len(body), err)
		}
	}
	if n := c.row("web"); n.ConnectionErrors != 5 || n.Requests != 10 {
		t.Errorf("counted %+v, want 10 requests and 5 connection errors", n)
	}
}

func TestBalancersOnOnePortAreToldApartByHostAndStrangersGoToTheOldest(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	port := freePort(t)
	fixed := func(s string) balance.Action { return balance.Action{Fixed: &balance.Fixed{Code: 200, Body: s}} }
	table := web(port, fixed("young"))
	old := web(port, fixed("old")).Balancers[0]
	table.Balancers[0].Created = time.Unix(2000, 0)
	old.ARN, old.DNSName, old.Created, old.Address = "old", "old-2.us-east-1.elb.localhost", time.Unix(1000, 0), "127.77.1.2"
	old.Listeners[0].ARN = "old-listener"
	table.Balancers = append(table.Balancers, old)
	url := c.serve(table)
	cl := client(t)
	for host, want := range map[string]string{
		"web-1.us-east-1.elb.localhost":                       "young",
		"WEB-1.us-east-1.elb.localhost:8080":                  "young",
		"old-2.us-east-1.elb.localhost":                       "old",
		"example.com":                                         "old",
		fmt.Sprintf("old-2.us-east-1.elb.localhost:%d", port): "old",
	} {
		r, _ := http.NewRequest("GET", url, nil)
		r.Host = host
		res, err := cl.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(res.Body)
		_ = res.Body.Close()
		if string(body) != want {
			t.Errorf("host %q: got %q, want %q", host, body, want)
		}
	}
	bound := c.plane.set(table).Bound[1]
	if bound.Own == "" {
		t.Skipf("SKIPPED: no own addresses here: %s", bound.OwnError)
	}
	if _, body := get(t, cl, "http://"+bound.Own); body != "old" {
		t.Errorf("the own address answered %q", body)
	}
}

func TestATakenPortGivesAnother(t *testing.T) {
	t.Parallel()
	taken := backend(t, "a stranger")
	c := newCloud(t)
	g := group("x", taken)
	table := web(g.Targets[0].Port, balance.Action{Redirect: &balance.Redirect{Code: 301, Path: "/new/#{path}"}})
	url := c.serve(table)
	bound := c.plane.set(table).Bound[0]
	if bound.Port == g.Targets[0].Port || bound.Port == 0 || bound.Error == "" || bound.Listener != "listener" {
		t.Fatalf("bound %+v", bound)
	}
	res, err := client(t).Get(url + "/a?b=c")
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	if want := url + "/new/a?b=c"; res.StatusCode != 301 || res.Header.Get("Location") != want {
		t.Errorf("got %d to %q, want 301 to %q", res.StatusCode, res.Header.Get("Location"), want)
	}
}

func TestAListenerThatIsRemovedStopsAccepting(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	cl := client(t)
	var url string
	var res *http.Response
	var err error
	for late, deadline := true, time.Now().Add(patience); late && time.Now().Before(deadline); { // on a busy machine a moment may be long
		url = c.serve(web(freePort(t), balance.Action{Fixed: &balance.Fixed{Code: 200}}))
		if code, _ := get(t, cl, url); code != 200 {
			t.Fatalf("got %d", code)
		}
		removed := time.Now()
		c.serveNothing()
		res, err = cl.Get(url) // on the kept connection
		late = err != nil && time.Since(removed) >= lameDuck
	}
	if err != nil || res.StatusCode != 200 || !res.Close {
		t.Errorf("a kept connection got %v %v, want a last answer", res, err)
	}
	if res != nil {
		_ = res.Body.Close()
	}
	if _, err := client(t).Get(url); err == nil {
		t.Errorf("a new connection was accepted")
	}
}
