package e2e_test

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/moby/moby/client"

	"github.com/slipway-ecs/slipway/internal/launch/docker"
)

// engine gives a client of the engine that `--runtime docker` will find; without one the test is
// skipped, unless SLIPWAY_REQUIRE names docker.
func engine(t *testing.T) *client.Client {
	t.Helper()
	host, err := docker.Find(t.Context(), os.Getenv)
	if err != nil {
		if slices.Contains(strings.Split(os.Getenv("SLIPWAY_REQUIRE"), ","), "docker") {
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

// boxed makes images of one program, each with arguments of its own, and gives their names.
func boxed(t *testing.T, api *client.Client, arguments map[string]string) map[string]string {
	t.Helper()
	v, err := api.ServerVersion(t.Context(), client.ServerVersionOptions{})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "program")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", file, "../internal/launch/docker/testdata/program")
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
	err = w.WriteHeader(&tar.Header{Name: "program", Mode: 0o755, Size: int64(len(program))})
	_, err2 := w.Write(program)
	if err := errors.Join(err, err2, w.Close()); err != nil {
		t.Fatal(err)
	}
	names := map[string]string{}
	for name, args := range arguments {
		image := fmt.Sprintf("slipway-e2e-%d:%s", os.Getpid(), name)
		answer, err := api.ImageImport(t.Context(), client.ImageImportSource{Source: bytes.NewReader(b.Bytes()), SourceName: "-"}, image,
			client.ImageImportOptions{Changes: []string{`ENTRYPOINT ["/program"]`, "CMD " + args}})
		if err != nil {
			t.Fatal(err)
		}
		_, err = io.Copy(io.Discard, answer)
		if err := errors.Join(err, answer.Close()); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if _, err := api.ImageRemove(context.WithoutCancel(t.Context()), image, client.ImageRemoveOptions{Force: true}); err != nil {
				t.Log(err)
			}
		})
		names[name] = image
	}
	return names
}

// removeTasks leaves nothing of a cloud on the engine, however the test ended.
func removeTasks(t *testing.T, data string) {
	ctx, done := context.WithTimeout(context.WithoutCancel(t.Context()), time.Minute)
	defer done()
	host, err := docker.Find(ctx, os.Getenv)
	if err != nil {
		t.Error(err)
		return
	}
	r, err := docker.New(ctx, docker.Options{Host: host, Owner: data})
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

// refusals is a registry that gives nobody anything: by the repository, in the words of ECR and of
// other registries.
func refusals(t *testing.T) (host string) {
	t.Helper()
	answers := map[string]struct {
		status     int
		code, text string
	}{
		"denied":  {http.StatusForbidden, "DENIED", "User: arn:aws:sts::123456789012:assumed-role/exec/task is not authorized to perform: ecr:BatchGetImage on resource: arn:aws:ecr:us-east-1:123456789012:repository/denied because no identity-based policy allows the ecr:BatchGetImage action"},
		"limited": {http.StatusTooManyRequests, "TOOMANYREQUESTS", "You have reached your pull rate limit."},
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		parts := strings.Split(r.URL.Path, "/") // /v2/NAME/manifests/TAG
		w.Header().Set("Docker-Distribution-Api-Version", "registry/2.0")
		if len(parts) < 5 {
			return
		}
		a := answers[parts[2]]
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(a.status)
		fmt.Fprintf(w, `{"errors": [{"code": %q, "message": %q}]}`, a.code, a.text)
	}))
	t.Cleanup(server.Close)
	return strings.TrimPrefix(server.URL, "http://")
}

// closed gives an address of this machine where nobody listens.
func closed(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close() //nolint:errcheck // it only found a free port
	return l.Addr().String()
}

func TestExplainNamesWhatHappensToContainers(t *testing.T) {
	t.Parallel()
	api := engine(t)
	images := boxed(t, api, map[string]string{"good": `["serve", "8080", "hello"]`, "greedy": `["eat"]`})
	registry := refusals(t)
	var w *ward
	t.Cleanup(func() { // after the cloud has ended
		if w != nil {
			removeTasks(t, filepath.Join(w.dir, "data"))
		}
	})
	w = newWard(t, "images: []\n", "--runtime", "docker")
	all := map[string]patient{}
	for name, c := range map[string]struct{ image, class, evidence string }{
		"out-of-memory": {images["greedy"], "out-of-memory", "OutOfMemoryError: Container killed due to memory usage"},
		"pull-denied":   {registry + "/denied:1", "pull-denied", "CannotPullContainerError"},
		"pull-limited":  {registry + "/limited:1", "pull-rate-limit", "CannotPullContainerError"},
		"lost":          {closed(t) + "/lost:1", "registry-unreachable", "connection refused"},
	} {
		all[name] = patient{image: images["good"], service: breaker, root: "breaker", first: c.class, evidence: c.evidence,
			define: func(in *ecs.RegisterTaskDefinitionInput) { // what eats answers nobody, and has five minutes to eat
				in.ContainerDefinitions[0].Memory = aws.Int32(48)
				in.ContainerDefinitions[0].HealthCheck = &types.HealthCheck{Command: []string{"CMD", "/program", "fetch", "http://127.0.0.1:8080/"}, Interval: aws.Int32(5), StartPeriod: aws.Int32(300)}
			},
			hurt: func(_ *testing.T, w *ward, name string) {
				w.steady(name)
				w.deploy(name, c.class, "--image", "app="+c.image)
			}}
	}
	w.diagnose(t, all)
}
