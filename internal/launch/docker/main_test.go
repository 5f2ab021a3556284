package docker_test

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/moby/moby/client"

	"github.com/slipway-ecs/slipway/internal/launch"
	"github.com/slipway-ecs/slipway/internal/launch/docker"
)

// What TestMain found and made.
var (
	engine  string // where an engine answers; "" for nowhere
	missing error
	image   string // made from nothing: the program of testdata is its only file
)

// TestMain looks for an engine and gives it an image.
func TestMain(m *testing.M) {
	ctx := context.Background()
	engine, missing = docker.Find(ctx, os.Getenv)
	clean := func() {}
	if missing == nil {
		if clean, missing = makeImage(ctx); missing != nil {
			fmt.Fprintln(os.Stderr, "an engine answers, but:", missing)
			os.Exit(1)
		}
	}
	code := m.Run()
	clean()
	os.Exit(code)
}

// makeImage builds the program for the engine and imports it.
func makeImage(ctx context.Context) (clean func(), err error) {
	dir, err := os.MkdirTemp("", "slipway-docker")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	api, err := client.New(client.WithHost(engine))
	if err != nil {
		return nil, err
	}
	v, err := api.ServerVersion(ctx, client.ServerVersionOptions{})
	if err != nil {
		return nil, err
	}
	build := exec.CommandContext(ctx, "go", "build", "-o", filepath.Join(dir, "program"), "./testdata/program")
	build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH="+v.Arch)
	if out, err := build.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("build the program: %w\n%s", err, out)
	}
	program, err := os.ReadFile(filepath.Join(dir, "program"))
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	err = errors.Join(w.WriteHeader(&tar.Header{Name: "program", Mode: 0o755, Size: int64(len(program))}), func() error { _, err := w.Write(program); return err }(), w.Close())
	if err != nil {
		return nil, err
	}
	image = fmt.Sprintf("slipway-test-%d:1", os.Getpid())
	answer, err := api.ImageImport(ctx, client.ImageImportSource{Source: &b, SourceName: "-"}, image, client.ImageImportOptions{Changes: []string{`ENTRYPOINT ["/program"]`}})
	if err != nil {
		return nil, err
	}
	_, err = io.Copy(io.Discard, answer)
	if err := errors.Join(err, answer.Close()); err != nil {
		return nil, err
	}
	return func() {
		if _, err := api.ImageRemove(ctx, image, client.ImageRemoveOptions{Force: true}); err != nil {
			fmt.Fprintln(os.Stderr, "remove the image:", err)
		}
	}, nil
}

// open gives a runtime whose tasks are gone after the test.
func open(t *testing.T, owner string) *docker.Runtime {
	t.Helper()
	if missing != nil {
		if strings.Contains(os.Getenv("SLIPWAY_REQUIRE"), "docker") {
			t.Fatalf("SLIPWAY_REQUIRE wants docker: %v", missing)
		}
		t.Skipf("SKIPPED: %v; SLIPWAY_REQUIRE=docker makes that a failure", missing)
	}
	r, err := docker.New(t.Context(), docker.Options{Host: engine, Owner: owner})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, done := context.WithTimeout(context.Background(), time.Minute)
		defer done()
		places, err := r.Find(ctx)
		if err != nil {
			t.Error(err)
		}
		for _, p := range places {
			if err := r.Remove(ctx, p.Task.ID); err != nil {
				t.Error(err)
			}
		}
	})
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
