package proc

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"syscall"
)

func bootID() (string, error) {
	b, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	return strings.TrimSpace(string(b)), err
}

// startOf gives field 22 of /proc/PID/stat, or ErrEnded also for a zombie.
func startOf(pid int) (uint64, error) {
	fields, err := stat(pid)
	if err != nil {
		return 0, err
	}
	if s := fields[0]; s == "Z" || s == "X" {
		return 0, ErrEnded
	}
	return started(fields)
}

func started(fields []string) (uint64, error) { return strconv.ParseUint(fields[19], 10, 64) }

// holds reports whether the process that has the pid now, ended or not, is the one meant.
func (id Identity) holds() (bool, error) {
	boot, err := bootID()
	if err != nil || boot != id.Boot {
		return false, err
	}
	fields, err := stat(id.Pid)
	if err != nil {
		return false, err
	}
	start, err := started(fields)
	return start == id.Start, err
}

// stat gives the fields of /proc/PID/stat from the third, the state, on. The second is the
// program's name in brackets and may itself hold brackets and spaces.
func stat(pid int) ([]string, error) {
	b, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ESRCH) {
		return nil, ErrEnded
	}
	if err != nil {
		return nil, err
	}
	fields := strings.Fields(string(b[bytes.LastIndexByte(b, ')')+1:]))
	if len(fields) < 20 {
		return nil, fmt.Errorf("read /proc/%d/stat: %d fields", pid, len(fields))
	}
	return fields, nil
}
