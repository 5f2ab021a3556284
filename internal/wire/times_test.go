package wire

import (
	"math"
	"testing"
	"time"

	"github.com/slipway-ecs/slipway/internal/clock"
	"github.com/slipway-ecs/slipway/internal/shapes"
)

func TestNumbersThatAreTimesComeBackAsTheyWereSent(t *testing.T) {
	t.Parallel()
	start := time.Date(2026, 11, 20, 23, 50, 0, 123456789, time.UTC)
	for _, speed := range []float64{1, 2, 7, 20, 100} {
		line := clock.Timeline{Segments: []clock.Segment{{Wall: start, Internal: start, Speed: speed}}}
		for i := range int64(2000) {
			sent := start.UnixMilli() + 1 + i*37
			inside := number(sent, shapes.Milliseconds, line.Internal)
			if back := number(inside, shapes.Milliseconds, line.Wall); back != sent {
				t.Fatalf("speed %v: sent %d, came back %d", speed, sent, back)
			}
		}
	}
}

func TestFloatsAreWrittenAsAWSWritesDoubles(t *testing.T) {
	t.Parallel()
	for f, want := range map[float64]string{
		0: "0.0", 5: "5.0", -21: "-21.0", 0.5: "0.5", 1e20: "100000000000000000000.0", 1e21: "1e+21",
		1e-7: "1e-07", math.Inf(-1): "-Infinity",
	} {
		if got := string(appendFloat(nil, f, 64)); got != want {
			t.Errorf("%v: got %s, want %s", f, got, want)
		}
	}
}
