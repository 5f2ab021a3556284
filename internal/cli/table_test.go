package cli

import (
	"testing"
	"time"

	"github.com/slipway-ecs/slipway/internal/ship/look"
)

func TestTimesAreRelativeWhenRecent(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)
	for d, want := range map[time.Duration]string{
		0: "just now", 12 * time.Second: "12s ago", 61 * time.Second: "1m1s ago", 10 * time.Minute: "10m ago", 90 * time.Minute: "1h30m ago",
		23 * time.Hour: "23h ago", 24 * time.Hour: "2026-01-30T12:00:00Z", -5 * time.Minute: "in 5m",
	} {
		at := now.Add(-d)
		if got := ago(now, &at); got != want {
			t.Errorf("%s before now is %q, want %q", d, got, want)
		}
	}
	if got := ago(now, nil); got != "-" {
		t.Errorf("no time is %q", got)
	}
}

func TestTargetsAreCountedAndSayWhyTheyAreNotHealthy(t *testing.T) {
	t.Parallel()
	got := health([]look.Target{{State: "unhealthy", Text: "Request timed out"}, {State: "healthy"}, {State: "healthy"}, {State: "draining", Text: "Target deregistration is in progress"}})
	want := "1 draining (Target deregistration is in progress), 2 healthy, 1 unhealthy (Request timed out)"
	if got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := health(nil); got != "no targets" {
		t.Errorf("none: %q", got)
	}
}
