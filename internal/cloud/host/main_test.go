package host_test

import (
	"bytes"
	"context"
	"log/slog"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"github.com/slipway-ecs/slipway/internal/cloud/host"
	"github.com/slipway-ecs/slipway/internal/lb"
	"github.com/slipway-ecs/slipway/internal/proc"
)

// TestMain makes the test binary also the shim and the data plane.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 {
		switch os.Args[1] {
		case "shim":
			os.Exit(proc.ShimMain(os.Args[2:]))
		case "lb":
			os.Exit(lb.Main(context.Background(), os.Args[2:], os.Stdout, os.Stderr))
		}
	}
	os.Exit(m.Run())
}

// patience is how long a test waits for what must come at last.
const patience = time.Minute

// cloud is a local cloud of a test.
type cloud struct {
	*host.Cloud
	log *lines
}

// lines is a log to look at.
type lines struct {
	mu   sync.Mutex // guards text
	text bytes.Buffer
}

// Write takes a line.
func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

// with gives the lines that have all the words.
func (l *lines) with(words ...string) (found []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
next:
	for line := range strings.Lines(l.text.String()) {
		for _, w := range words {
			if !strings.Contains(line, w) {
				continue next
			}
		}
		found = append(found, line)
	}
	return found
}

// options are those of a cloud that keeps everything in the test's own folder.
func options(t *testing.T, log *lines) host.Options {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return host.Options{
		Listen: "127.0.0.1:0", Dir: t.TempDir(), Region: "us-east-1", Account: "123456789012", Exe: exe,
		Log: slog.New(slog.NewTextHandler(log, nil)), Warn: func(line string) { t.Error("warned:", line) },
	}
}

// serve opens a cloud and serves it until the test ends.
func serve(t *testing.T, change func(*host.Options)) cloud {
	t.Helper()
	log := &lines{}
	o := options(t, log)
	if change != nil {
		change(&o)
	}
	c, err := host.Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	// The test's own context ends before its cleanups, so ending the cloud is one of them.
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	ready, ended := make(chan struct{}), make(chan error, 1)
	go func() { ended <- c.Serve(ctx, func() { close(ready) }) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Errorf("the cloud did not end in order: %v", err)
		}
	})
	select {
	case <-ready:
	case err := <-ended:
		ended <- err
		t.Fatalf("the cloud ended at once: %v", err)
	case <-time.After(patience):
		t.Fatal("the cloud is not ready after ", patience)
	}
	return cloud{c, log}
}

// as leads SDK clients to the cloud as a key in a region.
func (c cloud) as(key, region string) aws.Config {
	return aws.Config{
		Region: region, BaseEndpoint: aws.String(c.Endpoint()), Credentials: credentials.NewStaticCredentialsProvider(key, "local", ""),
		Retryer: func() aws.Retryer { return aws.NopRetryer{} },
	}
}
