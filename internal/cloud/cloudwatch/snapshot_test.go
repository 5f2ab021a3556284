package cloudwatch_test

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/service/cloudwatch"

	"github.com/slipway-ecs/slipway/internal/cloud/cloudwatch"
)

func TestPointsOutliveTheDaemonEvenWhenItIsKilled(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "metrics")
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, cloudwatch.Options{Dir: dir})
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- w.Run(ctx) }()
		w.put(t, latency(0, 40))
		time.Sleep(61 * time.Second)
		killed := newWorld(t, cloudwatch.Options{Dir: dir}) // as the next daemon, after a minute
		if out := must[*sdk.GetMetricStatisticsOutput](t)(killed.GetMetricStatistics(killed.ctx, statistics(60, time.Hour, "Sum"))); len(out.Datapoints) != 1 {
			t.Errorf("points after a kill: got %d, want the one of a minute ago", len(out.Datapoints))
		}
		w.put(t, latency(0, 2))
		stop()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("ended with %v", err)
		}
		next := newWorld(t, cloudwatch.Options{Dir: dir})
		out := must[*sdk.GetMetricStatisticsOutput](t)(next.GetMetricStatistics(next.ctx, statistics(300, time.Hour, "Sum")))
		sum := 0.0
		for _, d := range out.Datapoints {
			sum += *d.Sum
		}
		if sum != 42 {
			t.Errorf("points after an orderly end: got a sum of %v, want 42", sum)
		}
	})
}

func TestPointsThatCouldNotBeSavedAreSavedWithTheNextMinute(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "metrics")
	synctest.Test(t, func(t *testing.T) {
		var log strings.Builder
		w := newWorld(t, cloudwatch.Options{Dir: dir, Log: slog.New(slog.NewTextHandler(&log, nil))})
		if err := os.WriteFile(dir, nil, 0o600); err != nil { // no directory can be made there
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- w.Run(ctx) }()
		w.put(t, latency(0, 40))
		time.Sleep(61 * time.Second)
		if err := os.Remove(dir); err != nil {
			t.Fatal(err)
		}
		time.Sleep(60 * time.Second)
		killed := newWorld(t, cloudwatch.Options{Dir: dir})
		if out := must[*sdk.GetMetricStatisticsOutput](t)(killed.GetMetricStatistics(killed.ctx, statistics(60, time.Hour, "Sum"))); len(out.Datapoints) != 1 {
			t.Errorf("got %d points, want the one that could not be saved at first", len(out.Datapoints))
		}
		stop()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("ended with %v", err)
		}
		if !strings.Contains(log.String(), "metric points are not saved") {
			t.Errorf("the log says %q", log.String())
		}
	})
}

func TestPointsThatCannotBeReadAreToldOfAndLeftOut(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "metrics.json.gz"), []byte("torn"), 0o600); err != nil {
		t.Fatal(err)
	}
	var log strings.Builder
	w := newWorld(t, cloudwatch.Options{Dir: dir, Log: slog.New(slog.NewTextHandler(&log, nil))})
	if !strings.Contains(log.String(), "metric points of before are lost") {
		t.Errorf("the log says %q", log.String())
	}
	if n := len(must[*sdk.ListMetricsOutput](t)(w.ListMetrics(w.ctx, &sdk.ListMetricsInput{})).Metrics); n != 0 {
		t.Errorf("metrics: got %d, want none", n)
	}
}
