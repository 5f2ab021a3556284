// Package proc runs programs that outlive the process that started them.
//
// A program runs under a shim: this same binary, started again in a session of its own. The shim
// starts the program in another session, keeps what it writes, takes in its orphans, and leaves
// how it ended in a file. Everything is found in one directory, so whoever comes later — after
// the first process was killed — goes on by looking there:
//
//	spec.json   what to run, written before the shim is started
//	lock        held by the shim as long as it lives
//	state.json  who the shim and the program are
//	out, err    FIFOs the program writes to
//	log.N       what it wrote, in segments; N is where in the whole output a segment begins
//	exit.json   how it ended, written last
//	stopped     there where it was stopped before it was started: no shim starts it any more
//
// A shim that is killed costs nothing but orphans' names: the program holds a reader of its own
// FIFOs, so it does not die of writing, and the next shim started in the directory takes over.
//
// The package knows nothing of tasks, images or clouds. The binary that uses it must call
// ShimMain before it initialises anything else when it is started as the shim. Read Start, Wait
// and Stop, then ShimMain.
package proc

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// Spec is what a shim runs.
type Spec struct {
	Argv []string // Argv[0] is looked up in the PATH of Env; it is not empty
	Env  []string // the whole environment, "KEY=value"
	Dir  string   // the program's working directory, absolute
}

// State says who runs.
type State struct {
	Shim    Identity
	Program Identity  // zero until the program was started
	Started time.Time // when the program was started; the wall's, UTC
}

// Exit says how a program ended.
type Exit struct {
	Code   int    // 0–255; 128 plus the signal for one that a signal ended
	Signal string // "SIGTERM", …; "" where it ended by itself
	Reason string // where Code is not what the program gave: why; "" otherwise
	At     time.Time
}

// CodeLost is the exit code given for a program whose own is not known: its shim was killed and
// the system does not tell, or the system was started anew. It is that of SIGKILL.
const CodeLost = 137

// ErrUnknown is the error for a directory in which nothing was started.
var ErrUnknown = errors.New("nothing was started here")

// ErrEnded is the error for a process that is no more.
var ErrEnded = errors.New("the process has ended")

// StartError is a program that cannot be started.
type StartError struct {
	Code int // what a shell would give: 127 not found, 126 not executable
	Msg  string
}

// Error gives the message, in the words container engines use.
func (e *StartError) Error() string { return e.Msg }

const (
	specFile  = "spec.json"
	lockFile  = "lock"
	stateFile = "state.json"
	exitFile  = "exit.json"
	stopFile  = "stopped"
	shimLog   = "shim.err"
	outFIFO   = "out"
	errFIFO   = "err"
)

// ReadSpec gives what was to be run in dir, or ErrUnknown.
func ReadSpec(dir string) (Spec, error) {
	var s Spec
	return s, read(dir, specFile, &s)
}

// ReadState gives who was started in dir, or ErrUnknown where nothing was, or not yet.
func ReadState(dir string) (State, error) {
	var s State
	if err := read(dir, stateFile, &s); err != nil {
		return State{}, err
	}
	if s.Program == (Identity{}) {
		return s, ErrUnknown
	}
	return s, nil
}

// ReadExit gives how the program of dir ended, or ErrUnknown while nobody knows.
func ReadExit(dir string) (Exit, error) {
	var e Exit
	return e, read(dir, exitFile, &e)
}

func read(dir, name string, into any) error {
	b, err := os.ReadFile(filepath.Join(dir, name))
	if errors.Is(err, fs.ErrNotExist) {
		return ErrUnknown
	}
	if err != nil {
		return err
	}
	if err := json.Unmarshal(b, into); err != nil {
		return fmt.Errorf("read %s: %w", filepath.Join(dir, name), err)
	}
	return nil
}

// write puts a file in place at once: whoever reads it sees the old or the new one, whole.
func write(dir, name string, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return WriteFile(filepath.Join(dir, name), b)
}

// WriteFile puts b at path, readable by the owner only, so that a reader, or a start after
// kill -9, sees the old file or the new one but never half of one.
func WriteFile(path string, b []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	if e := f.Close(); err == nil {
		err = e
	}
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		os.Remove(f.Name()) //nolint:errcheck // the first error is the one to tell
	}
	return err
}
