package logs

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
)

// library has the tapes of all streams, by their files' names.
type library struct {
	dir string // empty keeps tapes in memory alone
	log *slog.Logger

	mu     sync.Mutex // guards what follows
	tapes  map[string]*tape
	uses   int64
	closed bool
	busy   sync.WaitGroup // writes under way
}

// mostOpen is about how many tapes keep their index in memory: those of the last so many uses.
const mostOpen = 512

// suffix is of stream's files.
const suffix = ".log"

// get gives the tape of a name, which need not have been written to.
func (l *library) get(name string) *tape {
	l.mu.Lock()
	t := l.tapes[name]
	if t == nil {
		t = &tape{medium: &memory{}}
		if l.dir != "" {
			t.medium = &file{filepath.Join(l.dir, name+suffix)}
		}
		l.tapes[name] = t
	}
	l.uses++
	t.used = l.uses
	var idle []*tape
	if l.uses%(mostOpen/8) == 0 {
		for _, o := range l.tapes {
			if l.uses-o.used >= mostOpen {
				idle = append(idle, o)
			}
		}
	}
	l.mu.Unlock()
	for _, o := range idle {
		o.rest()
	}
	return t
}

// drop removes the tapes of names, in the order given.
func (l *library) drop(names []string) {
	for _, name := range names {
		t := l.get(name)
		if err := t.remove(); err != nil {
			l.log.Warn("a deleted log stream's file stays until the next start", "file", name+suffix, "err", err)
		}
		l.mu.Lock()
		delete(l.tapes, name)
		l.mu.Unlock()
	}
}

// write runs f, which writes, unless the library is closed; close waits for it.
func (l *library) write(f func() error) error {
	l.mu.Lock()
	if l.closed {
		l.mu.Unlock()
		return fmt.Errorf("the logs are closed")
	}
	l.busy.Add(1)
	l.mu.Unlock()
	defer l.busy.Done()
	return f()
}

// close refuses further writes and waits for those under way.
func (l *library) close() {
	l.mu.Lock()
	l.closed = true
	l.mu.Unlock()
	l.busy.Wait()
}

// sweep removes files that no stream has: a kill came between a stream's row and its file.
func (l *library) sweep(has func(name string) bool) error {
	if l.dir == "" {
		return nil
	}
	if err := os.MkdirAll(l.dir, 0o700); err != nil {
		return err
	}
	entries, err := os.ReadDir(l.dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		name, ours := strings.CutSuffix(e.Name(), suffix)
		if ours && has(name) || !ours && !strings.HasPrefix(name, "new-") {
			continue
		}
		if err := os.Remove(filepath.Join(l.dir, e.Name())); err != nil {
			return err
		}
	}
	return nil
}

// size gives the bytes a tape takes.
func (l *library) size(name string) (int64, error) {
	t := l.get(name)
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.medium.size()
}
