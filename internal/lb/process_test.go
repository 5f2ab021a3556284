package lb

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/slipway-ecs/slipway/internal/balance"
)

// start starts a data plane process; it is gone when the test ends.
func start(t *testing.T, dir string) *Client {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	c, err := Open(t.Context(), exe, []string{"lb"}, dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), patience)
		defer cancel()
		last, err := Dial(ctx, dir)
		if errors.Is(err, ErrAbsent) {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		defer last.Close()
		go drain(last)
		if err := last.Stop(ctx); err != nil {
			t.Error(err)
		}
	})
	return c
}

func drain(c *Client) {
	for range c.Events() {
	}
}

// await reads events until one satisfies.
func await(t *testing.T, c *Client, what string, is func(Event) bool) Event {
	t.Helper()
	late := time.After(patience)
	for {
		select {
		case e, ok := <-c.Events():
			if !ok {
				t.Fatalf("the connection ended before %s", what)
			}
			if is(e) {
				return e
			}
		case <-late:
			t.Fatalf("no %s", what)
		}
	}
}

func serving(version uint64) func(Event) bool {
	return func(e Event) bool { return e.Serving != nil && e.Serving.Version == version }
}

func TestTheDataPlaneServesOnWhileNoDaemonIsThere(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	first := start(t, dir)
	g := group("web", backend(t, "web"))
	g.Check = balance.HealthCheck{Enabled: true, Path: "/", Interval: 20 * time.Millisecond, Timeout: time.Second}
	table := web(freePort(t), forward(balance.Weighted{Group: "web", Weight: 1}), g)
	table.Version = 7
	if err := first.Serve(table); err != nil {
		t.Fatal(err)
	}
	bound := await(t, first, "serving 7", serving(7)).Serving.Bound[0]
	url := fmt.Sprintf("http://127.0.0.1:%d", bound.Port)
	_ = first.Close() // as a daemon does that is killed

	for range 10 {
		if code, body := get(t, client(t), url); code != 200 || body != "web" {
			t.Fatalf("got %d %q without a daemon", code, body)
		}
	}
	second := start(t, dir)
	if h := second.Hello(); h.PID != first.Hello().PID || h.Version != 7 || h.Instance != first.Hello().Instance {
		t.Errorf("the next daemon met %+v, want the same process serving 7", h)
	}
	var requests, last uint64
	for probed := false; requests < 10 || !probed; { // either may come first
		e := await(t, second, "a probe and reports of 10 requests", func(e Event) bool { return e.Report != nil || e.Probe != nil })
		if e.Probe != nil {
			probed = probed || e.Probe.OK && e.Probe.Group == "web"
			continue
		}
		last = e.Report.Seq
		for _, row := range e.Report.Rows {
			if row.Group == "web" && row.Target == "" {
				requests += row.Requests
			}
		}
	}
	if err := second.Seen(last); err != nil {
		t.Fatal(err)
	}
	table.Version, table.Balancers[0].Listeners[0].Rules[0].Action = 8, balance.Action{Fixed: &balance.Fixed{Code: 200, Body: "eight"}}
	if err := second.Serve(table); err != nil {
		t.Fatal(err)
	}
	await(t, second, "serving 8", serving(8))
	if _, body := get(t, client(t), url); body != "eight" {
		t.Errorf("got %q after the ack", body)
	}
	third := start(t, dir)
	await(t, third, "serving 8 again", serving(8))
	eventually(t, "the second daemon's connection has ended", func() bool {
		select {
		case _, ok := <-second.Events():
			return !ok
		default:
			return false
		}
	})
}

func TestASecondDataPlaneLeavesPolitely(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	c := start(t, dir)
	go drain(c)
	var out, problems bytes.Buffer
	if code := Main(t.Context(), []string{"--dir", dir}, &out, &problems); code != 0 || !strings.Contains(out.String(), "already serves") || problems.Len() > 0 {
		t.Errorf("exit %d, %q, %q", code, out.String(), problems.String())
	}
}

func TestTheDataPlaneLeavesHalfOfTheCoresToTheTasks(t *testing.T) {
	t.Parallel()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	said, err := exec.CommandContext(t.Context(), exe, "cores").Output()
	if err != nil {
		t.Fatal(err)
	}
	want, err := strconv.Atoi(string(said))
	if err != nil {
		t.Fatal(err)
	}
	if os.Getenv("GOMAXPROCS") == "" {
		want = half(want)
	}
	c := start(t, t.TempDir())
	if got := c.Hello().Cores; got != want {
		t.Errorf("it runs on %d cores, want %d; a process has %s", got, want, said)
	}
	go drain(c)
}

func TestADirectoryWithALongNameHasADataPlaneToo(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), strings.Repeat("long", 30))
	c := start(t, dir)
	if c.Hello().PID == 0 {
		t.Error("it did not say who it is")
	}
	go drain(c)
}

func TestNobodyIsThereBeforeTheStart(t *testing.T) {
	t.Parallel()
	if _, err := Dial(t.Context(), t.TempDir()); !errors.Is(err, ErrAbsent) {
		t.Errorf("got %v, want ErrAbsent", err)
	}
	if _, err := Start(t.Context(), "/bin/false", nil, t.TempDir()); !errors.Is(err, ErrAbsent) {
		t.Errorf("starting what ends at once: got %v, want ErrAbsent", err)
	}
}

func TestADataPlaneWithoutItsDirectoryLeaves(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	c := start(t, dir)
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	drain(c) // ends when it has left
}

func TestStoppingLosesNoRequest(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	c := start(t, dir)
	table := web(freePort(t), forward(balance.Weighted{Group: "web", Weight: 1}), group("web", handler(t, func(http.ResponseWriter, *http.Request) {})))
	table.Version = 1
	if err := c.Serve(table); err != nil {
		t.Fatal(err)
	}
	url := fmt.Sprintf("http://127.0.0.1:%d", await(t, c, "serving 1", serving(1)).Serving.Bound[0].Port)
	go drain(c)
	var answered, failed atomic.Int64
	var wg sync.WaitGroup
	for range 8 {
		cl := client(t)
		wg.Go(func() {
			for {
				res, err := cl.Get(url)
				switch {
				case err != nil && strings.Contains(err.Error(), "connection refused"):
					return
				case err != nil || res.StatusCode != 200:
					failed.Add(1)
					t.Errorf("got %v %v", res, err)
					return
				}
				answered.Add(1)
				_ = res.Body.Close()
			}
		})
	}
	eventually(t, "requests flow", func() bool { return answered.Load() > 200 })
	if err := c.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	wg.Wait()
	if failed.Load() > 0 {
		t.Errorf("%d requests failed, %d were answered", failed.Load(), answered.Load())
	}
	if _, err := Dial(t.Context(), dir); !errors.Is(err, ErrAbsent) {
		t.Errorf("after Stop: got %v, want ErrAbsent", err)
	}
}
