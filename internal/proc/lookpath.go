package proc

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// defaultPath is where programs are looked up when the environment has no PATH.
const defaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// LookPath gives the file to execute, found as execvp would with the program's own PATH and
// directory; a *StartError in a container engine's words otherwise.
func LookPath(spec Spec) (string, error) {
	if info, err := os.Stat(spec.Dir); err != nil || !info.IsDir() {
		return "", &StartError{Code: 127, Msg: fmt.Sprintf("chdir to cwd (%q): %s", spec.Dir, why(err, "not a directory"))}
	}
	name := spec.Argv[0]
	if strings.Contains(name, "/") {
		err := executable(within(spec.Dir, name))
		if err == nil {
			return name, nil
		}
		return "", &StartError{Code: codeFor(err), Msg: fmt.Sprintf("exec: %q: stat %s: %s", name, name, why(err, "permission denied"))}
	}
	path := defaultPath
	for _, kv := range spec.Env {
		if v, ok := strings.CutPrefix(kv, "PATH="); ok {
			path = v
		}
	}
	denied := false
	for _, dir := range filepath.SplitList(path) {
		full := within(spec.Dir, filepath.Join(dir, name))
		err := executable(full)
		if err == nil {
			return full, nil
		}
		denied = denied || codeFor(err) == 126
	}
	if denied {
		return "", &StartError{Code: 126, Msg: fmt.Sprintf("exec: %q: permission denied", name)}
	}
	return "", &StartError{Code: 127, Msg: fmt.Sprintf("exec: %q: executable file not found in $PATH", name)}
}

func within(dir, name string) string {
	if filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(dir, name)
}

func executable(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if info.IsDir() {
		return fs.ErrPermission
	}
	return unix.Access(path, unix.X_OK)
}

func codeFor(err error) int {
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ENOTDIR) {
		return 127
	}
	return 126
}

func why(err error, otherwise string) string {
	if errno, ok := errors.AsType[unix.Errno](err); ok {
		return errno.Error()
	}
	return otherwise
}
