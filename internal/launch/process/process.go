// Package process runs containers as processes of the host.
//
// A container's program is what the definition's entryPoint and command say, or what a list of
// images says where the definition leaves it open. It runs under a shim (package proc) that
// outlives the daemon. Each task has a loopback address of its own, told by $HOST, so that many
// may listen on one port; where the system has 127.0.0.1 only, it gets a port of its own, told
// by $PORT.
//
// Nothing isolates the programs from the host: they see its files and its network, and may use
// the memory they like. Read New, then Images.
package process

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"

	"github.com/slipway-ecs/slipway/internal/launch"
	"github.com/slipway-ecs/slipway/internal/proc"
)

// Options say where and how tasks run.
type Options struct {
	// Dir holds a directory for each task. It is made if it is missing. One Runtime at a time
	// may use it; what an earlier one left running is found again.
	Dir string
	// Shim is how to start the shim; the zero value is this binary with "shim" as first argument.
	Shim proc.Shim
	// Images says what images run that no definition gives a command for.
	Images Images
	// Host is the daemon's environment, "KEY=value". Of it PATH, HOME, TMPDIR and LANG reach tasks.
	Host []string
	// SharedAddress gives all tasks 127.0.0.1 and ports of their own. It is always so where the
	// system has no other loopback addresses, which is everywhere but on Linux.
	SharedAddress bool
}

// Runtime runs containers as processes. It is a launch.Runtime.
type Runtime struct {
	dir    string
	shim   proc.Shim
	images Images
	host   []string
	shared bool

	mu     sync.Mutex // guards places
	places map[string]launch.Place
}

var _ launch.Runtime = (*Runtime)(nil)

// New gives a runtime that knows the places an earlier one left in the directory.
func New(o Options) (*Runtime, error) {
	dir, err := filepath.Abs(o.Dir)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the directory for tasks: %w", err)
	}
	if o.Shim.Path == "" {
		if o.Shim, err = proc.Self(); err != nil {
			return nil, err
		}
	}
	r := &Runtime{
		dir: dir, shim: o.Shim, images: o.Images, host: o.Host,
		shared: o.SharedAddress || runtime.GOOS != "linux",
		places: map[string]launch.Place{},
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		if !e.IsDir() {
			continue
		}
		p, err := readPlace(filepath.Join(dir, e.Name()))
		if errors.Is(err, fs.ErrNotExist) {
			continue // killed while it was being made: Prepare makes it again
		}
		if err != nil {
			return nil, err
		}
		r.places[p.Task.ID] = p
	}
	return r, nil
}

// Name gives "process".
func (r *Runtime) Name() string { return "process" }

// placeFile is what is kept of a task in its directory. Written first, removed last.
const placeFile = "task.json"

func readPlace(dir string) (launch.Place, error) {
	var p launch.Place
	b, err := os.ReadFile(filepath.Join(dir, placeFile))
	if err != nil {
		return p, err
	}
	if err := json.Unmarshal(b, &p); err != nil {
		return p, fmt.Errorf("read %s: %w", filepath.Join(dir, placeFile), err)
	}
	return p, nil
}

// place gives a task's place, or launch.ErrGone.
func (r *Runtime) place(task string) (launch.Place, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	p, ok := r.places[task]
	if !ok {
		return p, fmt.Errorf("task %q: %w", task, launch.ErrGone)
	}
	return p, nil
}

// simple says whether a name may name files: ECS's own rule for container names, 1 to 255 letters,
// digits, _ and -, and wide enough for task ids.
func simple(s string) bool {
	if s == "" || len(s) > 255 {
		return false
	}
	for i := range len(s) {
		switch c := s[i]; {
		case '0' <= c && c <= '9', 'A' <= c && c <= 'Z', 'a' <= c && c <= 'z', c == '_', c == '-':
		default:
			return false
		}
	}
	return true
}

func checkNames(t launch.Task) error {
	if !simple(t.ID) {
		return fmt.Errorf("task id %q: letters, digits, _ and - only", t.ID)
	}
	for _, c := range t.Containers {
		if !simple(c.Name) {
			return fmt.Errorf("container name %q: letters, digits, _ and - only", c.Name)
		}
	}
	return nil
}

func (r *Runtime) taskDir(task string) string { return filepath.Join(r.dir, task) }

// shimDir is where one start of a container lives: "web.0" in the task's directory.
func (r *Runtime) shimDir(h launch.Handle) (string, error) {
	if !simple(h.Task) || !simple(h.Container) {
		return "", fmt.Errorf("container %q of task %q: %w", h.Container, h.Task, launch.ErrGone)
	}
	return filepath.Join(r.taskDir(h.Task), fmt.Sprintf("%s.%d", h.Container, h.Attempt)), nil
}

// workDir is the directory of a container that asks for none; it is the same for all attempts.
func (r *Runtime) workDir(task, container string) string {
	return filepath.Join(r.taskDir(task), container+".work")
}

// gone turns "nothing was started here" into the contract's error.
func gone(h launch.Handle, err error) error {
	if errors.Is(err, proc.ErrUnknown) {
		return fmt.Errorf("container %q of task %s: %w", h.Container, h.Task, launch.ErrGone)
	}
	return err
}

// join gives entryPoint and command as one.
func join(a, b []string) []string {
	return append(append(make([]string, 0, len(a)+len(b)), a...), b...)
}

// get gives the value of a variable in an environment of "KEY=value".
func get(env []string, key string) (value string, ok bool) {
	for _, kv := range env {
		if v, found := strings.CutPrefix(kv, key+"="); found {
			value, ok = v, true
		}
	}
	return value, ok
}
