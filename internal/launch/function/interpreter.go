package function

import (
	"bytes"
	"context"
	"embed"
	"fmt"
	"log/slog"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/slipway-ecs/slipway/internal/proc"
)

//go:embed runtime.py runtime.mjs
var clients embed.FS

// writeClients puts our clients of the Runtime API where interpreters find them.
func writeClients(dir string) error {
	for _, name := range []string{"runtime.py", "runtime.mjs"} {
		text, err := clients.ReadFile(name)
		if err != nil {
			return err
		}
		if err := proc.WriteFile(filepath.Join(dir, name), text); err != nil {
			return fmt.Errorf("write %s: %w", name, err)
		}
	}
	return nil
}

// tryPatience is how long an interpreter may take to say who it is.
// Wrappers of version managers are slow, and slower on a busy machine.
const tryPatience = 30 * time.Second

// interpreters finds what stands for Lambda's runtimes on this machine, each once.
type interpreters struct {
	log  *slog.Logger
	host []string

	mu    sync.Mutex // guards found; held while one is looked for
	found map[string]interpreter
}

// interpreter is one that answered.
type interpreter struct {
	path    string // the program itself, behind wrappers of version managers
	version []int
}

// kind is a language whose interpreters we know.
type kind struct {
	prefix string   // of Lambda's names for its runtimes
	client string   // our client of the API
	probe  []string // makes an interpreter print its own path, a newline and its version
	exact  func(version string) string
	usual  []string // names to try where the one asked for is not there
	others []string // names to try where the usual ones are far off
	homes  []string // where version managers keep interpreters, below the home directory
	depth  int      // how much of a version Lambda's names have
}

var kinds = []kind{
	{
		prefix: "python", client: "runtime.py", depth: 2,
		probe:  []string{"-c", "import sys; print(sys.executable); print('%d.%d.%d' % sys.version_info[:3])"},
		exact:  func(v string) string { return "python" + v },
		usual:  []string{"python3", "python"},
		others: []string{"python3.15", "python3.14", "python3.13", "python3.12", "python3.11", "python3.10", "python3.9", "python3.8"},
		homes:  []string{".pyenv/versions/*/bin/python3", ".local/share/uv/python/*/bin/python3", ".asdf/installs/python/*/bin/python3", ".local/share/mise/installs/python/*/bin/python3"},
	},
	{
		prefix: "nodejs", client: "runtime.mjs", depth: 1,
		probe: []string{"-e", "console.log(process.execPath + '\\n' + process.versions.node)"},
		exact: func(v string) string { return "node" + v },
		usual: []string{"node", "nodejs"},
		homes: []string{".nvm/versions/node/*/bin/node", ".asdf/installs/nodejs/*/bin/node", ".local/share/mise/installs/node/*/bin/node", ".volta/tools/image/node/*/bin/node"},
	},
}

// command gives what runs an environment of a runtime, without looking whether it is there.
func (r *Runner) command(ctx context.Context, s *Spec) ([]string, error) {
	if strings.HasPrefix(s.Runtime, "provided") {
		return []string{filepath.Join(s.Root, "bootstrap")}, nil
	}
	for _, k := range kinds {
		version, ok := strings.CutPrefix(s.Runtime, k.prefix)
		if !ok {
			continue
		}
		found, err := r.interpreters.find(ctx, k, s.Runtime, strings.TrimSuffix(version, ".x"))
		return []string{found.path, filepath.Join(r.o.Dir, k.client)}, err
	}
	return nil, &NoRuntime{s.Runtime, "it is not served here; provided.*, python3.* and nodejs* are"}
}

// Look begins to look for what stands for a runtime, so that its first call need not wait for that.
func (r *Runner) Look(ctx context.Context, runtime string) {
	if !r.begin() {
		return
	}
	go func() { // Close waits for it
		defer r.calls.Done()
		// Whether there is one, the first call tells.
		r.command(context.WithoutCancel(ctx), &Spec{Runtime: runtime}) //nolint:errcheck // see above
	}()
}

// find gives the interpreter of a runtime: the version named if it answers, else the nearest.
// Version managers leave wrappers in the PATH that answer for versions they do not have, so each
// is run, and what it says it is counts.
func (i *interpreters) find(ctx context.Context, k kind, runtime, version string) (interpreter, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if found, ok := i.found[runtime]; ok {
		return found, nil
	}
	want := numbers(version)
	// What the PATH leads to is what people chose; the rest of a version manager's shelf comes last.
	best, there := i.nearest(ctx, k, want, []string{k.exact(version)})
	if !there || distance(k, best.version, want) > 0 {
		best, there = i.nearest(ctx, k, want, k.usual)
	}
	if !there || distance(k, best.version, want) > 1 {
		best, there = i.nearest(ctx, k, want, append(slices.Clone(k.usual), k.others...))
	}
	if !there {
		best, there = i.nearest(ctx, k, want, i.installed(k))
	}
	if !there {
		return interpreter{}, &NoRuntime{runtime, fmt.Sprintf("no %s of this machine answers; install one, and have it in the PATH", strings.TrimSuffix(k.prefix, "js"))}
	}
	if distance(k, best.version, want) > 0 {
		i.log.Warn("another version stands for a Lambda runtime", "runtime", runtime, "version", text(best.version), "path", best.path)
	}
	if i.found == nil {
		i.found = map[string]interpreter{}
	}
	i.found[runtime] = best
	return best, nil
}

// nearest gives the one nearest to a version among those that answer; of two as near the newer, and
// of two alike the first. They are tried side by side: wrappers take their time.
func (i *interpreters) nearest(ctx context.Context, k kind, want []int, programs []string) (best interpreter, there bool) {
	answers := make([]*interpreter, len(programs))
	var tries sync.WaitGroup
	for at, p := range programs {
		path, err := proc.LookPath(proc.Spec{Argv: []string{p}, Env: i.host, Dir: "/"})
		if err != nil {
			continue
		}
		tries.Go(func() {
			if found, ok := i.try(ctx, k, path); ok {
				answers[at] = &found
			}
		})
	}
	tries.Wait()
	for _, found := range answers {
		if found == nil {
			continue
		}
		near, was := distance(k, found.version, want), distance(k, best.version, want)
		if !there || near < was || near == was && slices.Compare(found.version[:k.depth], best.version[:k.depth]) > 0 {
			best, there = *found, true
		}
	}
	return best, there
}

// try runs a program to hear who it is.
func (i *interpreters) try(ctx context.Context, k kind, path string) (interpreter, bool) {
	ctx, stop := context.WithTimeout(ctx, tryPatience)
	defer stop()
	cmd := exec.CommandContext(ctx, path, k.probe...)
	cmd.Env, cmd.Dir, cmd.WaitDelay = i.host, "/", time.Second
	out, err := cmd.Output()
	lines := bytes.Split(bytes.TrimSpace(out), []byte{'\n'})
	if err != nil || len(lines) != 2 || !filepath.IsAbs(string(lines[0])) {
		return interpreter{}, false
	}
	version := numbers(string(lines[1]))
	return interpreter{string(lines[0]), version}, len(version) >= k.depth && (k.prefix != "python" || version[0] == 3)
}

// installed lists interpreters that version managers keep outside of the PATH.
func (i *interpreters) installed(k kind) (paths []string) {
	home := ""
	for _, kv := range i.host {
		if v, ok := strings.CutPrefix(kv, "HOME="); ok {
			home = v
		}
	}
	for _, pattern := range k.homes {
		found, err := filepath.Glob(filepath.Join(home, pattern))
		if home != "" && err == nil {
			paths = append(paths, found...)
		}
	}
	return paths
}

// numbers takes "3.12.1" apart.
func numbers(version string) (n []int) {
	for part := range strings.SplitSeq(version, ".") {
		v, err := strconv.Atoi(part)
		if err != nil {
			break
		}
		n = append(n, v)
	}
	return n
}

func text(version []int) string {
	return strings.Trim(strings.Join(strings.Fields(fmt.Sprint(version)), "."), "[]")
}

// distance says how far a version is from the one wanted; 0 is the same as far as Lambda names it.
func distance(k kind, have, want []int) int {
	far := 0
	for at := range k.depth {
		var h, w int
		if at < len(have) {
			h = have[at]
		}
		if at < len(want) {
			w = want[at]
		}
		far = far*1000 + max(h-w, w-h)
	}
	return far
}
