package crash_test

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/moby/moby/client"

	"github.com/slipway-ecs/slipway/internal/launch/docker"
)

// engine gives a client of the engine that `--runtime docker` will find; without one the test is
// skipped, unless SLIPWAY_REQUIRE names docker.
func engine(t *testing.T) *client.Client {
	t.Helper()
	host, err := docker.Find(t.Context(), os.Getenv)
	if err != nil {
		if strings.Contains(os.Getenv("SLIPWAY_REQUIRE"), "docker") {
			t.Fatalf("SLIPWAY_REQUIRE wants docker: %v", err)
		}
		t.Skipf("SKIPPED: %v; SLIPWAY_REQUIRE=docker makes that a failure", err)
	}
	api, err := client.New(client.WithHost(host))
	if err != nil {
		t.Fatal(err)
	}
	return api
}

// sampleImages makes images of the binary alone, one for each version, and gives their tags
// behind "sample:".
func sampleImages(t *testing.T, api *client.Client, versions ...string) (tags []string) {
	t.Helper()
	v, err := api.ServerVersion(t.Context(), client.ServerVersionOptions{})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "slipway")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", file, "../cmd/slipway")
	build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH="+v.Arch)
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build for containers: %v\n%s", err, out)
	}
	program, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	if err := w.WriteHeader(&tar.Header{Name: "slipway", Mode: 0o755, Size: int64(len(program))}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(program); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	for _, version := range versions {
		tag := fmt.Sprintf("%s-%d", version, os.Getpid())
		answer, err := api.ImageImport(t.Context(), client.ImageImportSource{Source: bytes.NewReader(b.Bytes()), SourceName: "-"}, "sample:"+tag, client.ImageImportOptions{
			Changes: []string{"ENV PORT=8080", `ENTRYPOINT ["/slipway", "sample-web", "-version", "` + version + `"]`},
		})
		if err != nil {
			t.Fatal(err)
		}
		_, err = io.Copy(io.Discard, answer)
		if err := errors.Join(err, answer.Close()); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			_, err := api.ImageRemove(context.WithoutCancel(t.Context()), "sample:"+tag, client.ImageRemoveOptions{Force: true})
			if err != nil {
				t.Log(err)
			}
		})
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

// removeTasks leaves nothing of a cloud on the engine, however the test ended.
func removeTasks(t *testing.T, l *local) {
	ctx, done := context.WithTimeout(context.WithoutCancel(t.Context()), time.Minute)
	defer done()
	host, err := docker.Find(ctx, os.Getenv)
	if err != nil {
		t.Error(err)
		return
	}
	r, err := docker.New(ctx, docker.Options{Host: host, Owner: l.dir})
	if err != nil {
		t.Error(err)
		return
	}
	places, err := r.Find(ctx)
	if err != nil {
		t.Error(err)
	}
	for _, p := range places {
		if err := r.Remove(ctx, p.Task.ID); err != nil {
			t.Error(err)
		}
	}
}

func TestContainersOutliveTheDaemonAndEndWithTheCloud(t *testing.T) {
	t.Parallel()
	api := engine(t)
	tags := sampleImages(t, api, "boxed1", "boxed2")
	l := newLocal(t, "--speed", "20", "--runtime", "docker")
	t.Cleanup(func() { removeTasks(t, l) })
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
		if n := containersOf(t, api, arn[strings.LastIndexByte(arn, '/')+1:]); n != 0 {
			t.Errorf("%d containers of task %s still run", n, arn)
		}
	}
	l.start("--fresh") // and nothing of it is on the engine any more
}
