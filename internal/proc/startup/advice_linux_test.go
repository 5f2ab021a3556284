package startup

import (
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// The kernel's own account of the heap's pages says that the advice was taken, and taken back. It runs
// alone: another test's heap may begin within the same chunk, and be advised when this one's no longer is.
func TestTheKernelKnowsTheAdvice(t *testing.T) {
	if _, err := os.Stat("/sys/kernel/mm/transparent_hugepage"); err != nil {
		t.Skip("SKIPPED: this kernel has no transparent huge pages")
	}
	h := prepare()
	defer runtime.KeepAlive(h)
	heap := h.advised
	if heap == (span{}) {
		t.Fatal("the kernel refuses the advice")
	}
	if flags := flagsOf(t, heap); !all(flags, "hg") {
		t.Errorf("%x is not advised: %q", heap, flags)
	}
	withdraw(heap)
	if flags := flagsOf(t, heap); !all(flags, "nh") {
		t.Errorf("the advice for %x still stands: %q", heap, flags)
	}
}

func all(flags [][]string, want string) bool {
	return len(flags) > 0 && !slices.ContainsFunc(flags, func(f []string) bool { return !slices.Contains(f, want) })
}

// flagsOf gives the flags of each mapping within a span. Source: proc_pid_smaps(5).
func flagsOf(t *testing.T, s span) (flags [][]string) {
	t.Helper()
	smaps, err := os.ReadFile("/proc/self/smaps")
	if err != nil {
		t.Fatal(err) // Linux has it
	}
	within := false
	for line := range strings.Lines(string(smaps)) {
		var low, high uintptr
		if n, _ := fmt.Sscanf(line, "%x-%x ", &low, &high); n == 2 {
			within = low < s.to && s.from < high
		}
		if text, ok := strings.CutPrefix(line, "VmFlags:"); ok && within {
			flags = append(flags, strings.Fields(text))
		}
	}
	return flags
}
