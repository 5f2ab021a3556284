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
	role string // "daemon", "lb", "shim", "program" for what a shim started, or "child" for what those did
	task string // the id of the task it runs or shims; "" for the others
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
		paths := append(filesOf(e.Name()), args...)
		if len(cmdline) == 0 || !slices.ContainsFunc(paths, func(p string) bool { return strings.HasPrefix(p, dir) }) {
			continue
		}
		found = append(found, process{pid: pid, line: strings.Join(args, " "), role: roleOf(e.Name(), args), task: taskOf(paths, filepath.Join(dir, "tasks"))})
	}
	return found
}

// filesOf gives the directory a process works in and the files it has open.
func filesOf(pid string) (files []string) {
	if at, err := os.Readlink(filepath.Join("/proc", pid, "cwd")); err == nil {
		files = append(files, at)
	}
	fds, _ := os.ReadDir(filepath.Join("/proc", pid, "fd"))
	for _, fd := range fds {
		if at, err := os.Readlink(filepath.Join("/proc", pid, "fd", fd.Name())); err == nil {
			files = append(files, at)
		}
	}
	return files
}

// taskOf gives the task whose folder a process has to do with.
func taskOf(paths []string, tasks string) string {
	for _, p := range paths {
		if rest, ok := strings.CutPrefix(p, tasks+"/"); ok {
			id, _, _ := strings.Cut(rest, "/")
			return id
		}
	}
	return ""
}

func roleOf(pid string, args []string) string {
	if len(args) > 1 && (args[0] == binary || args[0] == "slipway") {
		switch args[1] {
		case "shim", "lb":
			return args[1]
		case "local":
			return "daemon"
		}
	}
	// A shim starts its program as the leader of a session.
	stat, _ := os.ReadFile(filepath.Join("/proc", pid, "stat"))
	fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:])) // state, parent, group, session, …
	if len(fields) > 3 && fields[3] == pid {
		return "program"
	}
	return "child" // or one that ended between two looks
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
