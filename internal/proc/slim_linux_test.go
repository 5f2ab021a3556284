package proc

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
)

func TestOnlyPartsOfTheBinaryThatAreAsTheFileIsAreDropped(t *testing.T) {
	t.Parallel()
	mapping := func(head, anonymous, swap string) string {
		return head + "\nSize: 64 kB\nPrivate_Dirty: 0 kB\nAnonymous:      " + anonymous + " kB\nSwap:       " + swap + " kB\nVmFlags: rd mr mw me\n"
	}
	smaps := mapping("00400000-012dc000 r-xp 00000000 fe:01 42       /opt/slipway", "0", "0") +
		mapping("012dc000-022ce000 r--p 00edc000 fe:01 42       /opt/slipway", "0", "0") +
		mapping("022ce000-022cf000 r--p 01ece000 fe:01 42       /opt/slipway", "4", "0") +
		mapping("022cf000-022d0000 r--p 01ecf000 fe:01 42       /opt/slipway", "0", "4") +
		mapping("022d0000-023b0000 rw-p 01ed0000 fe:01 42       /opt/slipway", "0", "0") +
		mapping("7f62e55cc000-7f62e569c000 r--p 00000000 00:00 0 ", "0", "0") +
		mapping("7f632e353000-7f632e4a9000 r-xp 00028000 fe:01 7 /lib/libc.so", "0", "0")
	want := []span{{0x400000, 0x12dc000}, {0x12dc000, 0x22ce000}}
	if got := clean(smaps, "/opt/slipway"); !slices.Equal(got, want) {
		t.Errorf("got %x, want %x", got, want)
	}
}

// It runs alone: what others run comes back into memory.
func TestAProcessGoesOnAfterItGaveItsPagesBack(t *testing.T) {
	before := resident(t)
	Slim()
	if after := resident(t); after >= before {
		t.Errorf("resident pages of files: %d kB before, %d kB after", before, after)
	}
}

// resident gives how much of the files it maps the process has in memory, in kB.
func resident(t *testing.T) (kB int) {
	t.Helper()
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(status), "RssFile:")
	if _, err := fmt.Sscan(rest, &kB); err != nil {
		t.Fatal(err)
	}
	return kB
}
