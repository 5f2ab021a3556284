package docker_test

import (
	"testing"

	"github.com/slipway-ecs/slipway/internal/launch"
)

func TestUsageIsOfContainersThatRun(t *testing.T) {
	t.Parallel()
	r := open(t, t.TempDir())
	_, runs := start(t, r, task("runs", "serve", "8080", "hello"), "web")
	firstLine(t, r, runs)
	_, ended := start(t, r, task("ended", "exit", "0"), "web")
	watch(t, r, ended)

	u, err := r.Usages(bounded(t), []launch.Handle{runs, ended, {ID: "there-is-none", Task: "x", Container: "web"}})

	if err != nil || len(u) != 1 || u[runs.ID].CPU <= 0 || u[runs.ID].Memory <= 0 {
		t.Errorf("got %+v, %v; want the one that runs alone", u, err)
	}
}
