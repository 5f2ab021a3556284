package host

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/slipway-ecs/slipway/internal/cloud/cloudwatch"
	"github.com/slipway-ecs/slipway/internal/cloud/ecs"
	"github.com/slipway-ecs/slipway/internal/launch"
)

// meter tells what it is told.
type meter struct {
	used  map[string]launch.Usage
	asked int
}

func (m *meter) Usages(context.Context, []launch.Handle) (map[string]launch.Usage, error) {
	m.asked++
	return m.used, nil
}

func TestUtilizationIsOfWhatATaskReservedSinceTheLastLook(t *testing.T) {
	t.Parallel()
	began := time.Unix(1000, 0)
	m := &meter{used: map[string]launch.Usage{"a": {CPU: time.Second, Memory: 64 << 20}, "b": {CPU: time.Second, Memory: 64 << 20}}}
	u := &usage{meter: m}
	load := ecs.Load{Cluster: "c", Service: "web", Task: "t", CPU: 512, MemoryMiB: 512, Containers: []launch.Handle{{ID: "a", Started: began}, {ID: "b", Started: began}}}
	look := func(after time.Duration) (out []float64) {
		t.Helper()
		samples, err := u.measure(t.Context(), []ecs.Load{load}, func() time.Time { return began.Add(after) })
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range usagePoints(load, samples["t"], began) {
			out = append(out, p.Values...)
		}
		return out
	}
	// Two CPU seconds of ten are 0.2 of a CPU, of which half a one is reserved.
	if diff := cmp.Diff([]float64{40, 25}, look(10*time.Second)); diff != "" {
		t.Errorf("since the start (-want +got):\n%s", diff)
	}
	m.used = map[string]launch.Usage{"a": {CPU: 2 * time.Second, Memory: 256 << 20}} // b has ended
	if diff := cmp.Diff([]float64{200, 50}, look(11*time.Second)); diff != "" {
		t.Errorf("since the last look (-want +got):\n%s", diff)
	}
	m.used = map[string]launch.Usage{"a": {CPU: time.Second, Memory: 256 << 20}} // a child took its time with it
	look(11*time.Second + usageLeast/2)
	if diff := cmp.Diff([]float64{200, 50}, look(11*time.Second+usageLeast/2)); diff != "" || m.asked != 2 {
		t.Errorf("too soon to measure anew: asked %d times (-want +got):\n%s", m.asked, diff)
	}
	if diff := cmp.Diff([]float64{0, 50}, look(12*time.Second)); diff != "" {
		t.Errorf("time that went back (-want +got):\n%s", diff)
	}
	if samples, err := u.measure(t.Context(), nil, time.Now); samples != nil || err != nil || m.asked != 3 {
		t.Errorf("without tasks: %v, %v, asked %d times", samples, err, m.asked)
	}
}

func TestNothingReservedHasNoUtilization(t *testing.T) {
	t.Parallel()
	at := time.Unix(1000, 0)
	got := usagePoints(ecs.Load{Cluster: "c", Service: "web", MemoryMiB: 1}, sample{cpus: 1, memory: 1 << 20}, at)
	want := []cloudwatch.Point{{
		Namespace: "AWS/ECS", Name: "MemoryUtilization", Unit: "Percent", At: at, Values: []float64{100}, Counts: []float64{1},
		Dimensions: []cloudwatch.Dimension{{Name: "ClusterName", Value: "c"}, {Name: "ServiceName", Value: "web"}},
	}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("points (-want +got):\n%s", diff)
	}
}
