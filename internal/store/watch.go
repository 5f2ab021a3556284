package store

import (
	"slices"
	"sync"
)

// Watch collects the changes of commits until somebody takes them.
type Watch struct {
	mu      sync.Mutex // guards changes and at
	changes []Change
	at      map[place]int
	ready   chan struct{}
	store   *Store
}

// Watch begins to collect changes. It first holds every row there is, as if just put, so that
// whoever starts over what was saved sees all of it.
func (s *Store) Watch(tables ...Any) *Watch {
	s.mu.Lock()
	defer s.mu.Unlock()
	w := &Watch{at: map[place]int{}, ready: make(chan struct{}, 1), store: s}
	var all []Change
	for _, t := range tables {
		t.each(func(key string, v any) { all = append(all, Change{Table: t.Name(), Key: key, New: v}) })
	}
	w.add(all)
	s.watchers = append(s.watchers, w)
	return w
}

// Ready receives when there are changes to take.
func (w *Watch) Ready() <-chan struct{} { return w.ready }

// Take gives the changes since the last call, one a row, in the order of their first commit.
func (w *Watch) Take() []Change {
	w.mu.Lock()
	defer w.mu.Unlock()
	changes := w.changes
	w.changes, w.at = nil, map[place]int{}
	return changes
}

// Close ends the watch: it hears of nothing more.
func (w *Watch) Close() {
	w.store.mu.Lock()
	defer w.store.mu.Unlock()
	w.store.watchers = slices.DeleteFunc(w.store.watchers, func(o *Watch) bool { return o == w })
}

// Update commits as Store.Update does and gives the changes, of which this watch then does not
// hear: whoever watches can tell its own commits from everybody else's.
func (w *Watch) Update(f func(*Tx) error) ([]Change, error) { return w.store.update(f, w) }

func (w *Watch) add(changes []Change) {
	if len(changes) == 0 {
		return
	}
	w.mu.Lock()
	for _, c := range changes {
		p := place{c.Table, c.Key}
		if i, ok := w.at[p]; ok {
			w.changes[i].New = c.New
			continue
		}
		w.at[p] = len(w.changes)
		w.changes = append(w.changes, c)
	}
	w.mu.Unlock()
	select {
	case w.ready <- struct{}{}:
	default: // it is known already
	}
}
