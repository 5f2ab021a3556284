package proc

import (
	"os"
	"slices"
	"strconv"

	"golang.org/x/sys/unix"
)

// adoptOrphans makes what the program's children leave behind children of ours, so that none
// gets away by daemonising.
func adoptOrphans() error {
	return os.NewSyscallError("prctl", unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0))
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
