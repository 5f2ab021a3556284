package process_test

import (
	"context"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/slipway-ecs/slipway/internal/launch"
	"github.com/slipway-ecs/slipway/internal/launch/process"
)

// contextUntil gives a context that ends once a condition holds.
func contextUntil(t *testing.T, holds func() bool) (context.Context, context.CancelFunc) {
	t.Helper()
	ctx, cancel := context.WithCancel(bounded(t))
	done := make(chan struct{})
	go func() {
		defer close(done)
		eventually(t, "the condition to end at", holds)
		cancel()
	}()
	t.Cleanup(func() { <-done })
	return ctx, cancel
}

func TestOfTheHostOnlyFourVariablesReachATask(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	open(t, dir) // for its cleanup
	r, err := process.New(process.Options{Dir: dir, Shim: shim(), Host: []string{
		"PATH=" + os.Getenv("PATH"), "HOME=/home/me", "TMPDIR=/var/tmp", "LANG=C.UTF-8", "SHELL=/bin/bash", "PORT=1",
		"AWS_ACCESS_KEY_ID=AKIAHOST", "AWS_SECRET_ACCESS_KEY=host", "AWS_SESSION_TOKEN=host", "AWS_PROFILE=production",
		"AWS_REGION=eu-west-1", "AWS_CONFIG_FILE=/home/me/.aws/config", "AWS_ENDPOINT_URL=https://host",
	}})
	if err != nil {
		t.Fatal(err)
	}
	env := launch.Task{ID: "t", Containers: []launch.Container{{
		Name: "main", Image: "none", EntryPoint: []string{"env"},
		Ports: []launch.Port{{Container: 8080}, {Container: 9090}},
		Env: []launch.KeyValue{
			{Key: "AWS_REGION", Value: "us-east-1"}, {Key: "AWS_ENDPOINT_URL", Value: "http://127.0.0.1:4566"},
			{Key: "COLOUR", Value: "blue"}, {Key: "COLOUR", Value: "green"}, {Key: "LANG", Value: "de"},
		},
	}}}
	network, err := r.Prepare(t.Context(), env)
	if err != nil {
		t.Fatal(err)
	}

	h, err := r.Start(bounded(t), env, "main", 0)
	if err != nil {
		t.Fatal(err)
	}

	got := strings.Split(strings.TrimSuffix(text(t, r, h), "\n"), "\n")
	for i := range got {
		got[i] = strings.TrimPrefix(got[i], "o ")
	}
	want := []string{
		"PATH=" + os.Getenv("PATH"), "HOME=/home/me", "TMPDIR=/var/tmp",
		"AWS_CONFIG_FILE=/dev/null", "AWS_SHARED_CREDENTIALS_FILE=/dev/null", "AWS_EC2_METADATA_DISABLED=true",
		"HOST=" + network.Address, "PORT=8080",
		"AWS_REGION=us-east-1", "AWS_ENDPOINT_URL=http://127.0.0.1:4566", "COLOUR=green", "LANG=de",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("environment (-want +got):\n%s", diff)
	}
}

func TestTheDefinitionsPortWins(t *testing.T) {
	t.Parallel()
	r := open(t, t.TempDir())
	c := task("t", "echo $PORT")
	c.Containers[0].Ports = []launch.Port{{Container: 8080}}
	c.Containers[0].Env = []launch.KeyValue{{Key: "PORT", Value: "3000"}}

	if got := text(t, r, start(t, r, c)); got != "o 3000\n" {
		t.Errorf("PORT: got %q", got)
	}
}
