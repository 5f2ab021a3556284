package crash_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ecs"
)

// run runs a command of the binary for the cloud's directory and gives what it wrote.
func (l *local) run(args ...string) string {
	l.t.Helper()
	ctx, done := context.WithTimeout(l.t.Context(), time.Minute)
	defer done()
	cmd := exec.CommandContext(ctx, binary, append(append([]string{"local"}, args...), "--data", l.dir)...)
	var talk strings.Builder
	cmd.Stderr = &talk
	out, err := cmd.Output()
	if err != nil {
		l.t.Fatalf("slipway local %s: %v\n%s", strings.Join(args, " "), err, talk.String())
	}
	return string(out)
}

func TestAResetEndsAllTasksAndTheSameNamesAndPortsCanBeUsedAgain(t *testing.T) {
	t.Parallel()
	l := newLocal(t, "--speed", "20")
	s := newShop(t, l)
	first := s.register("v1")
	s.create(first, 2)
	s.steady(2*time.Minute, first, 2)

	l.run("reset")

	out, err := s.ecs.ListClusters(t.Context(), &ecs.ListClustersInput{})
	if err != nil || len(out.ClusterArns) != 0 {
		t.Fatalf("after the reset: %v, %v", out, err)
	}
	until(t, time.Minute, "no task runs", func() (bool, string) {
		all := processesOf(t, l.dir)
		return count(all, "shim") == 0, fmt.Sprint(all)
	})
	again := newShop(t, l)
	second := again.register("v2")
	if !strings.HasSuffix(second, ":1") {
		t.Errorf("the first revision of an empty cloud is %s", second)
	}
	again.create(second, 2)
	again.steady(2*time.Minute, second, 2)
	if status, version, err := again.answer(t.Context()); err != nil || status != http.StatusOK || version != "v2" {
		t.Errorf("the new service answers %d %q, %v", status, version, err)
	}
}

func TestAnExportedCloudComesUpElsewhereWithItsServices(t *testing.T) {
	t.Parallel()
	l := newLocal(t, "--speed", "20")
	s := newShop(t, l)
	first := s.register("v1")
	s.create(first, 2)
	s.steady(2*time.Minute, first, 2)

	var told []string
	for line := range strings.Lines(l.run("events", "--output", "json")) {
		var e struct{ About, Text string }
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		told = append(told, e.About+": "+e.Text)
	}
	if all := strings.Join(told, "\n"); !strings.Contains(all, "service shop/web: (service web) has reached a steady state.") || !strings.Contains(all, "web:1 runs") {
		t.Errorf("the events tell neither of the steady state nor of tasks:\n%s", all)
	}
	until(t, time.Minute, "the output of two tasks is there", func() (bool, string) {
		lines := l.run("logs", service, "--cluster", cluster)
		return strings.Count(lines, " web ") >= 2, lines
	})
	file := filepath.Join(t.TempDir(), "shop.slipway")
	l.run("export", file)
	if err := l.stop(os.Interrupt); err != nil {
		t.Fatal(err)
	}

	other := prepareLocal(t, "--speed", "20")
	other.addr = l.addr // so that the shop's clients find it
	other.run("import", file)
	other.start()
	s.steady(2*time.Minute, first, 2)
	// It was steady when it was exported; its tasks and its listener come back by and by.
	until(t, 2*time.Minute, "the service elsewhere answers", func() (ok bool, seen string) {
		status, version, err := s.answer(t.Context())
		return err == nil && status == http.StatusOK && version == "v1", fmt.Sprintf("%d %q, %v", status, version, err)
	})
}
