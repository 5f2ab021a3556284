package proc

import (
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// dropBinary unmaps the pages of the binary's text and read-only data until they are touched
// again. Source: madvise(2), MADV_DONTNEED on private mappings of a file. It is a courtesy:
// where the system refuses, nothing is lost but some megabytes.
func dropBinary() {
	binary, err := os.Readlink("/proc/self/exe")
	if err != nil {
		return
	}
	maps, err := os.ReadFile("/proc/self/smaps")
	if err != nil {
		return
	}
	for _, s := range clean(string(maps), binary) {
		unix.Syscall(unix.SYS_MADVISE, s.from, s.to-s.from, unix.MADV_DONTNEED) //nolint:errcheck // a courtesy
	}
}

// span is a part of the address space.
type span struct{ from, to uintptr }

// clean reads /proc/PID/smaps and gives the mappings of the file that are as the file is: they
// cannot be written, and no page of them ever was, as those are that a loader relocates. Source:
// proc_pid_smaps(5), Anonymous and Swap.
func clean(smaps, file string) []span {
	var found []span
	var at span
	ours, untouched := false, false
	for line := range strings.Lines(smaps) {
		name, rest, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		switch first, last, isSpan := strings.Cut(name, "-"); {
		case isSpan:
			from, errFrom := strconv.ParseUint(first, 16, 64)
			to, errTo := strconv.ParseUint(last, 16, 64)
			at = span{uintptr(from), uintptr(to)}
			ours = errFrom == nil && errTo == nil && strings.HasPrefix(rest, "r-") && strings.HasSuffix(rest, " "+file)
		case name == "Anonymous:":
			untouched = strings.TrimSpace(rest) == "0 kB"
		case name == "Swap:" && ours && untouched && strings.TrimSpace(rest) == "0 kB":
			found = append(found, at)
		}
	}
	return found
}
