package startup

import (
	"runtime"
	"testing"
)

// While the ballast stands, a cycle begins only when twice as much as it is in use.
func TestTheBallastPutsCyclesOff(t *testing.T) {
	t.Parallel()
	h := prepare()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	if m.NextGC < 2*chunk {
		t.Errorf("the next cycle begins at %d bytes, with a ballast of more than %d", m.NextGC, chunk)
	}
	runtime.KeepAlive(h)
}
