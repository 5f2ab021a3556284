package gcdelay

import (
	"os"
	"runtime/debug"
	"testing"
)

// Collections are delayed from the first moment, and as the user or Go would have them from End on.
// It is one test: what it looks at is the process's.
func TestCollectionsAreDelayedUntilTheEnd(t *testing.T) {
	t.Parallel()
	want := delayed
	if os.Getenv("GOGC") != "" {
		want = before // who set it knows better
	}
	if got := percent(); got != want {
		t.Errorf("collections begin at %d %% before the end, want %d", got, want)
	}
	End()
	if got := percent(); got != before {
		t.Errorf("collections begin at %d %% after the end, want %d", got, before)
	}
	if got := begin(); got != before {
		t.Errorf("who begins again is told %d, want %d", got, before)
	}
	End()
}

// percent reads what can only be set.
func percent() int {
	p := debug.SetGCPercent(usual)
	debug.SetGCPercent(p)
	return p
}
