// Package enginetest gives tests a container engine: the one that `slipway local --runtime docker`
// finds, so DOCKER_HOST names any other, Podman's socket too. Images are made from nothing, so
// that nothing is pulled; what a cloud leaves on the engine is cleared away. It is for tests alone.
// Read Need.
package enginetest

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
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/moby/moby/client"

	"github.com/slipway-ecs/slipway/internal/launch/docker"
)

// Program is the package of what most tests run in containers; its first argument says what it does.
const Program = "github.com/slipway-ecs/slipway/internal/launch/docker/testdata/program"

// clearPatience is how long an engine may take to clear away what a cloud has left.
const clearPatience = time.Minute

// Engine is an engine that answered.
type Engine struct {
	Host string // as DOCKER_HOST has it
	API  *client.Client
}

// Find gives the engine there is. Its error is docker.ErrNone where there is none.
func Find(ctx context.Context) (*Engine, error) {
	host, err := docker.Find(ctx, os.Getenv)
	if err != nil {
		return nil, err
	}
	api, err := client.New(client.WithHost(host))
	if err != nil {
		return nil, err
	}
	return &Engine{Host: host, API: api}, nil
}

// Need gives the engine there is; without one the test is skipped, unless SLIPWAY_REQUIRE names
// docker.
func Need(t testing.TB) *Engine {
	t.Helper()
	e, err := Find(t.Context())
	if err != nil {
		Skip(t, err)
	}
	return e
}

// Skip ends a test for which there is no engine: as skipped, or as failed where SLIPWAY_REQUIRE
// names docker.
func Skip(t testing.TB, missing error) {
	t.Helper()
	if slices.Contains(strings.Split(os.Getenv("SLIPWAY_REQUIRE"), ","), "docker") {
		t.Fatalf("SLIPWAY_REQUIRE wants docker: %v", missing)
	}
	t.Skipf("SKIPPED: %v; SLIPWAY_REQUIRE=docker makes that a failure", missing)
}

// Build compiles a command for the engine's machine, without a C library.
func (e *Engine) Build(ctx context.Context, command string) (program []byte, err error) {
	v, err := e.API.ServerVersion(ctx, client.ServerVersionOptions{})
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "slipway-engine")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir) //nolint:errcheck // what remains is in the system's folder for such
	file := filepath.Join(dir, "program")
	build := exec.CommandContext(ctx, "go", "build", "-o", file, command)
	build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH="+v.Arch)
	if out, err := build.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("build %s for containers: %w\n%s", command, err, out)
	}
	return os.ReadFile(file)
}

// Import makes an image whose only file is /program, with changes as a Dockerfile has them.
func (e *Engine) Import(ctx context.Context, image string, program []byte, changes ...string) error {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	if err := w.WriteHeader(&tar.Header{Name: "program", Mode: 0o755, Size: int64(len(program))}); err != nil {
		return err
	}
	_, err := w.Write(program)
	if err := errors.Join(err, w.Close()); err != nil {
		return err
	}
	answer, err := e.API.ImageImport(ctx, client.ImageImportSource{Source: &b, SourceName: "-"}, image, client.ImageImportOptions{Changes: changes})
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, answer) // the image is there when the answer ends
	return errors.Join(err, answer.Close())
}

// Discard removes an image.
func (e *Engine) Discard(ctx context.Context, image string) error {
	_, err := e.API.ImageRemove(ctx, image, client.ImageRemoveOptions{Force: true})
	return err
}

// Image is Import for the length of a test.
func (e *Engine) Image(t testing.TB, image string, program []byte, changes ...string) {
	t.Helper()
	if err := e.Import(t.Context(), image, program, changes...); err != nil {
		t.Fatalf("make the image %s: %v", image, err)
	}
	t.Cleanup(func() {
		if err := e.Discard(context.WithoutCancel(t.Context()), image); err != nil {
			t.Log(err)
		}
	})
}

// Clear leaves nothing of the cloud of a directory on the engine, however its test ended.
func (e *Engine) Clear(t testing.TB, owner string) {
	t.Helper()
	ctx, done := context.WithTimeout(context.WithoutCancel(t.Context()), clearPatience)
	defer done()
	r, err := docker.New(ctx, docker.Options{Host: e.Host, Owner: owner})
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
