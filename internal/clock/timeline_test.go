package clock_test

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/slipway-ecs/slipway/internal/clock"
)

var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

func TestTimelineNeverRunsBackwardsOverRestartsAndChangesOfSpeed(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var line clock.Timeline
		wall, last := noon, time.Time{}
		for range rapid.IntRange(1, 6).Draw(t, "starts") {
			line = line.Continue(wall, last, rapid.Float64Range(0.5, 600).Draw(t, "speed"))
			for range rapid.IntRange(1, 5).Draw(t, "readings") {
				wall = wall.Add(time.Duration(rapid.Int64Range(0, int64(time.Hour)).Draw(t, "wait")))
				now := line.Internal(wall)
				if now.Before(last) {
					t.Fatalf("internal time went from %s back to %s", last, now)
				}
				last = now
				if back := line.Wall(now); back.Sub(wall).Abs() > time.Millisecond {
					t.Fatalf("wall %s came back as %s", wall, back)
				}
			}
		}
	})
}

func TestTimelineAtSpeedOneIsTheWallsTime(t *testing.T) {
	t.Parallel()
	line := clock.Timeline{}.Continue(noon, time.Time{}, 1)
	if got := line.Internal(noon.Add(time.Hour)); !got.Equal(noon.Add(time.Hour)) {
		t.Errorf("internal time at speed 1: got %s, want the wall's", got)
	}
}

func TestTimelineGoesOnWhereItWasWhenTheWallWasSetBack(t *testing.T) {
	t.Parallel()
	line := clock.Timeline{}.Continue(noon, time.Time{}, 10)
	seen := line.Internal(noon.Add(time.Minute))
	line = line.Continue(noon.Add(-time.Hour), seen, 10)
	if got := line.Internal(noon.Add(-time.Hour)); got.Before(seen) {
		t.Errorf("internal time after the wall was set back: got %s, want at least %s", got, seen)
	}
}

func TestTimesFarFromNowStayInOrder(t *testing.T) {
	t.Parallel()
	line := clock.Timeline{}.Continue(noon, time.Time{}, 60)
	for _, at := range []time.Time{time.Unix(0, 0), noon.Add(-24 * time.Hour)} {
		if got := line.Internal(at); !got.Equal(at) {
			t.Errorf("a time before the cloud began: got %s, want %s unchanged", got, at)
		}
	}
	if got := line.Internal(noon.AddDate(10, 0, 0)); got.Before(noon.AddDate(100, 0, 0)) {
		t.Errorf("ten years ahead at speed 60: got %s, want far ahead", got)
	}
}
