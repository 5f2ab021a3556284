package docker_test

import (
	"context"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/slipway-ecs/slipway/internal/launch"
	"github.com/slipway-ecs/slipway/internal/launch/docker"
	"github.com/slipway-ecs/slipway/internal/launch/docker/enginetest"
)

// What TestMain found and made.
var (
	engine  *enginetest.Engine
	missing error  // why there is no engine
	image   string // made from nothing: the program of testdata is its only file
)

// TestMain looks for an engine and gives it an image.
func TestMain(m *testing.M) {
	ctx := context.Background()
	if engine, missing = enginetest.Find(ctx); missing == nil {
		image = fmt.Sprintf("slipway-test-%d:1", os.Getpid())
		program, err := engine.Build(ctx, enginetest.Program)
		if err == nil {
			err = engine.Import(ctx, image, program, `ENTRYPOINT ["/program"]`)
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, "an engine answers, but:", err)
			os.Exit(1)
		}
	}
	code := m.Run()
	if missing == nil {
		if err := engine.Discard(ctx, image); err != nil {
			fmt.Fprintln(os.Stderr, "remove the image:", err)
		}
	}
	os.Exit(code)
}

// open gives a runtime whose tasks are gone after the test.
func open(t *testing.T, owner string) *docker.Runtime {
	t.Helper()
	if missing != nil {
		enginetest.Skip(t, missing)
	}
	r, err := docker.New(t.Context(), docker.Options{Host: engine.Host, Owner: owner})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { engine.Clear(t, owner) })
	return r
}

// bounded is the test's context with an end that no healthy engine reaches.
func bounded(t *testing.T) context.Context {
	t.Helper()
	ctx, done := context.WithTimeout(t.Context(), 2*time.Minute)
	t.Cleanup(done)
	return ctx
}

// task gives a task of one container "web" that runs the program with these words.
func task(id string, words ...string) launch.Task {
	return launch.Task{ID: id, Name: "main/web:1", NetworkMode: "awsvpc", Containers: []launch.Container{container("web", words...)}}
}

func container(name string, words ...string) launch.Container {
	return launch.Container{Name: name, Image: image, Command: words}
}

// start brings the container up as the cloud does: place, image, program.
func start(t *testing.T, r *docker.Runtime, task launch.Task, name string) (launch.Network, launch.Handle) {
	t.Helper()
	n, err := r.Prepare(bounded(t), task)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Pull(bounded(t), task, name); err != nil {
		t.Fatal(err)
	}
	h, err := r.Start(bounded(t), task, name, 0)
	if err != nil {
		t.Fatal(err)
	}
	return n, h
}

func watch(t *testing.T, r *docker.Runtime, h launch.Handle) launch.Exit {
	t.Helper()
	e, err := r.Watch(bounded(t), h)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// firstLine waits for the first line the container writes.
func firstLine(t *testing.T, r *docker.Runtime, h launch.Handle) string {
	t.Helper()
	for l, err := range r.Logs(bounded(t), h, 0) {
		if err != nil {
			t.Fatal(err)
		}
		return l.Text
	}
	t.Fatal("the container wrote nothing")
	return ""
}
