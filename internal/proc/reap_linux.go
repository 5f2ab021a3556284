package proc

import (
	"cmp"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"golang.org/x/sys/unix"
)

// adoptOrphans makes what the program's children leave behind children of ours, so that none
// gets away by daemonising.
func adoptOrphans() error {
	return os.NewSyscallError("prctl", unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0))
}

// writers gives the processes, but for us, whose standard output or error is a FIFO of dir, the
// oldest first: the program and what it started. It is how they are known when the shim that was
// their parent is gone.
func writers(dir string) ([]Identity, error) {
	dir, err := filepath.EvalSymlinks(dir) // /proc gives what links lead to
	if err != nil {
		return nil, err
	}
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, err
	}
	var found []Identity
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil || pid == os.Getpid() {
			continue
		}
		for _, fd := range []string{"1", "2"} {
			to, err := os.Readlink("/proc/" + e.Name() + "/fd/" + fd)
			if err != nil || to != filepath.Join(dir, outFIFO) && to != filepath.Join(dir, errFIFO) {
				continue // also where it ended, or is another user's
			}
			if id, err := Identify(pid); err == nil {
				found = append(found, id)
			}
			break
		}
	}
	slices.SortStableFunc(found, func(a, b Identity) int { return cmp.Compare(a.Start, b.Start) })
	return found, nil
}

// descendants gives the pids of all our descendants, by the parents /proc tells.
func descendants() ([]int, error) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, err
	}
	parents := map[int]int{}
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		fields, err := stat(pid)
		if err != nil {
			continue // it ended while we looked
		}
		if parents[pid], err = strconv.Atoi(fields[1]); err != nil {
			return nil, err
		}
	}
	self := os.Getpid()
	var found []int
	for pid := range parents {
		for p := parents[pid]; p > 0; p = parents[p] {
			if p == self {
				found = append(found, pid)
				break
			}
		}
	}
	slices.Sort(found)
	return found, nil
}
