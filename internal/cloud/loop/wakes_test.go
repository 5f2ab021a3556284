package loop

import (
	"fmt"
	"testing"
	"time"
)

func TestWakesPutOffOverAndOverTakeNoRoom(t *testing.T) {
	t.Parallel()
	noon := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	var k wakes
	for i := range 100_000 { // an hour of commits about two keys, each with a wake of its own far ahead
		w := what{key: fmt.Sprint(i % 2)}
		k.clear(w)
		k.set(w, noon.Add(time.Hour+time.Duration(i%2)*time.Second))
	}
	if got := len(k.heap); got > 1000 {
		t.Errorf("times kept for 2 keys after 100,000 looks: got %d, want few", got)
	}
	for i := range 2 {
		w, ok := k.due(noon.Add(2 * time.Hour))
		if !ok || w.key != fmt.Sprint(i) {
			t.Errorf("wake %d: got %q, %v, want key %d", i, w.key, ok, i)
		}
	}
	if w, ok := k.due(noon.Add(2 * time.Hour)); ok {
		t.Errorf("a third wake of two keys: %q", w.key)
	}
}
