package function

import (
	"os"
	"strconv"
	"strings"
	"syscall"
)

// attributes put a program into a session of its own, and end it with us, however we end.
func attributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setsid: true, Pdeathsig: syscall.SIGKILL}
}

// peakMiB gives the most memory a process has had, 0 where nobody knows.
func peakMiB(pid int) int {
	text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/status")
	if err != nil {
		return 0
	}
	_, after, _ := strings.Cut(string(text), "VmHWM:")
	fields := strings.Fields(after)
	if len(fields) == 0 {
		return 0
	}
	kib, err := strconv.Atoi(fields[0])
	if err != nil {
		return 0
	}
	return (kib + 1023) / 1024
}
