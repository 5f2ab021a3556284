package crash_test

import (
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/moby/moby/client"

	"github.com/slipway-ecs/slipway/internal/launch/docker/enginetest"
)

// sampleImages makes images of the binary alone, one for each version, and gives their tags
// behind "sample:".
func sampleImages(t *testing.T, engine *enginetest.Engine, versions ...string) (tags []string) {
	t.Helper()
	program, err := engine.Build(t.Context(), "../cmd/slipway")
	if err != nil {
		t.Fatal(err)
	}
	for _, version := range versions {
		tag := fmt.Sprintf("%s-%d", version, os.Getpid())
		engine.Image(t, "sample:"+tag, program, "ENV PORT=8080", `ENTRYPOINT ["/program", "sample-web", "-version", "`+version+`"]`)
		tags = append(tags, tag)
	}
	return tags
}

// containersOf counts the containers of a task that run.
func containersOf(t *testing.T, api *client.Client, task string) (n int) {
	t.Helper()
	list, err := api.ContainerList(t.Context(), client.ContainerListOptions{Filters: client.Filters{}.Add("label", "slipway.task="+task)})
	if err != nil {
		t.Fatal(err)
	}
	return len(list.Items)
}

func TestContainersOutliveTheDaemonAndEndWithTheCloud(t *testing.T) {
	t.Parallel()
	engine := enginetest.Need(t)
	tags := sampleImages(t, engine, "boxed1", "boxed2")
	l := newLocal(t, "--speed", "20", "--runtime", "docker")
	t.Cleanup(func() { engine.Clear(t, l.dir) })
	s := newShop(t, l)
	first := s.register(tags[0])
	s.create(first, 2)
	s.steady(2*time.Minute, first, 2)
	if status, version, err := s.answer(t.Context()); err != nil || status != http.StatusOK || version != "boxed1" {
		t.Fatalf("through the balancer: %d %q, %v", status, version, err)
	}
	before := s.tasks()

	if err := l.kill(); err != nil {
		t.Fatal(err)
	}
	if status, version, err := s.answer(t.Context()); err != nil || status != http.StatusOK || version != "boxed1" {
		t.Errorf("while the daemon is dead: %d %q, %v", status, version, err)
	}
	l.start()
	s.steady(2*time.Minute, first, 2)
	if after := s.tasks(); after != before {
		t.Errorf("tasks after the restart: %s; before: %s", after, before)
	}

	second := s.register(tags[1])
	s.update(second)
	s.steady(3*time.Minute, second, 2)
	if _, version, err := s.answer(t.Context()); err != nil || version != "boxed2" {
		t.Errorf("after the deployment: %q, %v", version, err)
	}
	last := strings.Fields(s.tasks())
	if err := l.stop(os.Interrupt); err != nil {
		t.Errorf("the cloud ended with %v", err)
	}
	for _, arn := range last {
		if n := containersOf(t, engine.API, arn[strings.LastIndexByte(arn, '/')+1:]); n != 0 {
			t.Errorf("%d containers of task %s still run", n, arn)
		}
	}
	l.start("--fresh") // and nothing of it is on the engine any more
}
