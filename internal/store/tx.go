package store

import (
	"bytes"
	"encoding/json"
	"fmt"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/slipway-ecs/slipway/internal/fail"
)

// Tx is a transaction: a View that only reads, or an Update. It ends with the function it was
// given to.
type Tx struct {
	store   *Store
	now     time.Time
	write   bool
	undo    []func()
	changes []Change
	at      map[place]int // where in changes a row's change stands
	read    map[place]struct{}
}

type place struct{ table, key string }

// Change is one row's difference over a commit.
type Change struct {
	Table string
	Key   string
	Old   any // *T as it was, nil where there was none
	New   any // *T as it is, nil where it is gone
}

// Now gives the time of the transaction, the same from its beginning to its end.
func (tx *Tx) Now() time.Time { return tx.now }

// View runs f over rows that do not change meanwhile. Views run side by side.
func (s *Store) View(f func(*Tx) error) error {
	s.mu.RLock()
	defer s.mu.RUnlock()
	tx := &Tx{store: s, now: s.clock.Now()}
	err := f(tx)
	tx.verify()
	return err
}

// Update runs f alone and commits what it did: to disk, then to memory, then to watchers.
// An error or a panic of f leaves everything as it was.
//
// Errors: those of f; store.closed after Close, when nothing would be kept.
func (s *Store) Update(f func(*Tx) error) error {
	_, err := s.update(f, nil)
	return err
}

// update is Update; it gives the changes, and leaves out the watch of whoever asked for them.
func (s *Store) update(f func(*Tx) error, but *Watch) ([]Change, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, fail.New("store.closed", "", "the store is closed")
	}
	tx := &Tx{store: s, now: s.clock.Now(), write: true}
	done := false
	defer func() {
		if done {
			return
		}
		for i := len(tx.undo) - 1; i >= 0; i-- {
			tx.undo[i]()
		}
	}()
	if err := f(tx); err != nil {
		return nil, err
	}
	tx.verify()
	if len(tx.changes) == 0 {
		done = true
		return nil, nil
	}
	if err := s.persist(tx); err != nil {
		return nil, fmt.Errorf("commit: %w", err)
	}
	done = true
	for _, w := range s.watchers {
		if w != but {
			w.add(tx.changes)
		}
	}
	return tx.changes, nil
}

// persist writes a transaction's changes and its time to disk.
func (s *Store) persist(tx *Tx) error {
	if s.db == nil {
		return nil
	}
	return s.db.Update(func(b *bolt.Tx) error {
		for _, c := range tx.changes {
			bucket := b.Bucket([]byte(c.Table))
			if c.New == nil {
				if err := bucket.Delete([]byte(c.Key)); err != nil {
					return err
				}
				continue
			}
			v, err := json.Marshal(c.New)
			if err != nil {
				return fmt.Errorf("%s %s: %w", c.Table, c.Key, err)
			}
			if err := bucket.Put([]byte(c.Key), v); err != nil {
				return err
			}
		}
		seen, err := tx.now.MarshalBinary()
		if err != nil {
			return err
		}
		return b.Bucket(metaBucket).Put(seenKey, seen)
	})
}

// changed notes a row's change; the first old and the last new value count.
func (tx *Tx) changed(table, key string, before, after any, undo func()) {
	if !tx.write {
		panic(fmt.Sprintf("store: %s %q written in a view", table, key))
	}
	tx.undo = append(tx.undo, undo)
	p := place{table, key}
	if i, ok := tx.at[p]; ok {
		tx.changes[i].New = after
		return
	}
	if tx.at == nil {
		tx.at = map[place]int{}
	}
	tx.at[p] = len(tx.changes)
	tx.changes = append(tx.changes, Change{Table: table, Key: key, Old: before, New: after})
}

// saw remembers a row that was handed out, for verify.
func (tx *Tx) saw(table, key string) {
	if !tx.store.verify {
		return
	}
	if tx.read == nil {
		tx.read = map[place]struct{}{}
	}
	tx.read[place{table, key}] = struct{}{}
}

// verify panics where a row that was handed out is no longer what was put: somebody wrote into
// a slice or map that all copies share.
func (tx *Tx) verify() {
	for p := range tx.read {
		was, is := tx.store.tables[p.table].sealed(p.key)
		if !bytes.Equal(was, is) {
			panic(fmt.Sprintf("store: %s %q was written into; rows are values, replace their slices and maps\nput  %s\nnow  %s", p.table, p.key, was, is))
		}
	}
}
