package host

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/slipway-ecs/slipway/internal/fail"
	"github.com/slipway-ecs/slipway/internal/proc"
	"github.com/slipway-ecs/slipway/internal/store"
)

// Running is a cloud that serves, as its directory tells of it.
type Running struct {
	Endpoint string
	PID      int
	Region   string
	Account  string
	Keys     bool // signatures are checked
}

// runningFile is where a cloud that serves says where.
const runningFile = "running.json"

// StatusURL is where the cloud answers with its Status.
func (r Running) StatusURL() string { return r.Endpoint + statusPath }

// EventsURL is where it answers with what happened, as lines of JSON.
func (r Running) EventsURL() string { return r.Endpoint + eventsPath }

// OutputURL is where it answers with OutputLines, of ?cluster and ?service.
func (r Running) OutputURL() string { return r.Endpoint + outputPath }

// ExportURL is where it answers with its state as one file.
func (r Running) ExportURL() string { return r.Endpoint + exportPath }

// InterruptURL is where it takes the word, a POST, to interrupt a ?task on FARGATE_SPOT.
func (r Running) InterruptURL() string { return r.Endpoint + interruptPath }

// ResetURL is where it takes the word, a POST, to forget everything.
func (r Running) ResetURL() string { return r.Endpoint + resetPath }

// announce writes down where the cloud serves; the function it gives takes that back.
func (c *Cloud) announce() (func() error, error) {
	text, err := json.Marshal(Running{c.Endpoint(), os.Getpid(), c.o.Region, c.o.Account, c.keys.strict})
	if err != nil {
		return nil, err
	}
	path := filepath.Join(c.o.Dir, runningFile)
	if err := proc.WriteFile(path, text); err != nil {
		return nil, fmt.Errorf("say where the cloud is: %w", err)
	}
	return func() error { return os.Remove(path) }, nil
}

// Find gives the cloud that serves a directory.
//
// Errors: host.absent where none does.
func Find(dir string) (Running, error) {
	var r Running
	absent := fail.New("host.absent", "start one with `slipway local`, or name its --data directory", "no local cloud is running in %s", dir)
	text, err := os.ReadFile(filepath.Join(dir, runningFile))
	if errors.Is(err, fs.ErrNotExist) {
		return r, absent
	}
	if err != nil {
		return r, err
	}
	if err := json.Unmarshal(text, &r); err != nil {
		return r, fmt.Errorf("read where the cloud is: %w", err)
	}
	// The lock of its store tells whether it lives; one that was killed left the file behind.
	switch err := store.Free(filepath.Join(dir, stateFile)); {
	case fail.Is(err, "store.busy"):
		return r, nil
	case err != nil:
		return r, err
	}
	return r, absent
}
