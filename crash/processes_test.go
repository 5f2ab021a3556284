package crash_test

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// process is one that has to do with a data directory.
type process struct {
	pid  int
	line string // its command line
	role string // "shim", "lb", "daemon", or "program" for anything else
}

// processesOf lists the processes that were started for a data directory or by one of those: it
// stands in their command line or in their environment, or they hold files of it open. The
// dead that nobody waited for are left out.
func processesOf(t *testing.T, dir string) (found []process) {
	t.Helper()
	entries, err := os.ReadDir("/proc")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil || pid == os.Getpid() {
			continue
		}
		// A process may end between any two looks: what cannot be read is not there any more.
		cmdline, _ := os.ReadFile(filepath.Join("/proc", e.Name(), "cmdline"))
		args := strings.Split(strings.TrimSuffix(string(cmdline), "\x00"), "\x00")
		if len(cmdline) == 0 || !slices.ContainsFunc(args, func(a string) bool { return strings.HasPrefix(a, dir) }) && !holds(e.Name(), dir) {
			continue
		}
		found = append(found, process{pid: pid, line: strings.Join(args, " "), role: roleOf(args)})
	}
	return found
}

// holds reports whether a process has files of a directory open, or works in it.
func holds(pid, dir string) bool {
	if at, _ := os.Readlink(filepath.Join("/proc", pid, "cwd")); strings.HasPrefix(at, dir) {
		return true
	}
	fds, _ := os.ReadDir(filepath.Join("/proc", pid, "fd"))
	for _, fd := range fds {
		if at, _ := os.Readlink(filepath.Join("/proc", pid, "fd", fd.Name())); strings.HasPrefix(at, dir) {
			return true
		}
	}
	return false
}

func roleOf(args []string) string {
	if len(args) > 1 && args[0] == binary {
		switch args[1] {
		case "shim", "lb":
			return args[1]
		case "local":
			return "daemon"
		}
	}
	return "program"
}

// count tells how many of the processes have a role.
func count(all []process, role string) (n int) {
	for _, p := range all {
		if p.role == role {
			n++
		}
	}
	return n
}
