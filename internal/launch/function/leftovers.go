package function

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/slipway-ecs/slipway/internal/proc"
)

// recordsDir holds a file for each environment that runs: who it is.
const recordsDir = "environments"

// record writes down who an environment is, so that the next runner can end it.
func (e *environment) record() error {
	id, err := proc.Identify(e.pid)
	if errors.Is(err, proc.ErrEnded) {
		return nil
	}
	if err != nil {
		return err
	}
	text, err := json.Marshal(id)
	if err != nil {
		return err
	}
	return proc.WriteFile(e.recordPath(), text)
}

func (e *environment) recordPath() string {
	return filepath.Join(e.runner.o.Dir, recordsDir, e.id+".json")
}

// Sweep ends the environments that a runner left behind in a directory. Nobody else may use the
// directory meanwhile.
func Sweep(dir string) error {
	files, err := filepath.Glob(filepath.Join(dir, recordsDir, "*.json"))
	if err != nil {
		return err
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		var id proc.Identity
		if err := json.Unmarshal(text, &id); err != nil {
			return fmt.Errorf("read %s: %w", file, err)
		}
		if err := endLeftover(id); err != nil {
			return fmt.Errorf("end process %d, which a function left: %w", id.Pid, err)
		}
		if err := os.Remove(file); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// endLeftover kills the group a process led. Where the leader is gone, its number is still the
// group's for as long as anybody is in it; a new process with that number has taken it over only
// once the group was empty.
func endLeftover(id proc.Identity) error {
	if id.Pid <= 1 {
		return nil
	}
	now, err := proc.Identify(id.Pid)
	if err == nil && now != id {
		return nil
	}
	if err != nil {
		if !errors.Is(err, proc.ErrEnded) {
			return err
		}
		self, err := proc.Identify(os.Getpid())
		if err != nil || self.Boot != id.Boot {
			return err
		}
	}
	return killGroup(id.Pid, syscall.SIGKILL)
}

// killGroup sends a signal to a group; that nobody is in it is no error.
func killGroup(pid int, sig syscall.Signal) error {
	err := syscall.Kill(-pid, sig)
	if errors.Is(err, syscall.ESRCH) || errors.Is(err, syscall.EPERM) {
		return nil // EPERM is how some systems call a group of zombies
	}
	return err
}
