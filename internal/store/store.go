// Package store keeps the local cloud's state: typed tables in memory, written through to bbolt.
//
// State is the only messenger of the house. Whoever wants something changes tables in one
// transaction; whoever must react watches them. The write transaction is the one lock that
// covers meaning: a function run inside Update may not block, do I/O or look at another clock
// than tx.Now. Read Table first, then Update.
package store

import (
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/slipway-ecs/slipway/internal/clock"
	"github.com/slipway-ecs/slipway/internal/fail"
)

// Options say where a store keeps its rows and how it counts time.
type Options struct {
	Path   string        // the bbolt file; empty keeps rows in memory alone
	Fsync  bool          // sync each commit to disk; without it a power cut, though not a kill, may lose the file
	Speed  float64       // internal seconds a second of the wall; 0 is 1
	Clock  clock.Clock   // tells the time instead of the store's own timeline; for tests and simulation
	Verify bool          // panic when somebody writes into a row that tables share; for tests, costly
	Wait   time.Duration // how long to wait for another process that has the file open; 0 is 1 s
}

// Store holds tables. It is safe for use by several goroutines.
type Store struct {
	mu     sync.RWMutex // the lock of the house: guards all rows of all tables
	db     *bolt.DB     // nil in memory
	tables map[string]Any
	clock  clock.Clock
	line   clock.Timeline
	verify bool
	closed bool // guarded by mu

	watchers []*Watch
}

var (
	metaBucket  = []byte("_meta")
	timelineKey = []byte("timeline")
	seenKey     = []byte("seen")
)

// Open opens or makes a store with these tables and loads their rows.
//
// Errors: store.busy where another process holds the file; store.damaged where it is no store's any
// more; store.unreadable where a row cannot be read back.
func Open(o Options, tables ...Any) (*Store, error) {
	s := &Store{tables: map[string]Any{}, clock: o.Clock, verify: o.Verify}
	for _, t := range tables {
		if _, twice := s.tables[t.Name()]; twice {
			panic(fmt.Sprintf("store: two tables are named %q", t.Name()))
		}
		s.tables[t.Name()] = t
	}
	if o.Speed == 0 {
		o.Speed = 1
	}
	if o.Path != "" {
		if err := s.load(o); err != nil {
			return nil, err
		}
	}
	if s.clock == nil {
		if err := s.goOn(o.Speed); err != nil {
			return nil, errors.Join(err, s.Close())
		}
	}
	return s, nil
}

func (s *Store) load(o Options) error {
	if o.Wait == 0 {
		o.Wait = time.Second
	}
	if err := sound(o); err != nil {
		return err
	}
	db, err := bolt.Open(o.Path, 0o600, &bolt.Options{Timeout: o.Wait, NoSync: !o.Fsync, NoFreelistSync: true, FreelistType: bolt.FreelistMapType})
	if err != nil {
		return refused(o.Path, err)
	}
	s.db = db
	err = db.Update(func(tx *bolt.Tx) error {
		if _, err := tx.CreateBucketIfNotExists(metaBucket); err != nil {
			return err
		}
		for name, t := range s.tables {
			b, err := tx.CreateBucketIfNotExists([]byte(name))
			if err != nil {
				return err
			}
			if err := b.ForEach(func(k, v []byte) error { return t.load(string(k), v, s.verify) }); err != nil {
				return fail.Wrap(err, "store.unreadable", "start with --fresh, or with the slipway version that wrote it",
					"%s has a row in table %q that cannot be read", o.Path, name)
			}
		}
		return nil
	})
	if err != nil {
		return errors.Join(err, db.Close())
	}
	return nil
}

// goOn takes up the timeline where the last process left it.
func (s *Store) goOn(speed float64) error {
	var seen time.Time
	if s.db == nil {
		s.line = s.line.Continue(time.Now(), seen, speed)
		s.clock = clock.NewScaled(s.line)
		return nil
	}
	return s.db.Update(func(tx *bolt.Tx) error {
		b := tx.Bucket(metaBucket)
		if v := b.Get(timelineKey); v != nil {
			if err := json.Unmarshal(v, &s.line); err != nil {
				return fmt.Errorf("read the timeline: %w", err)
			}
		}
		if v := b.Get(seenKey); v != nil {
			if err := seen.UnmarshalBinary(v); err != nil {
				return fmt.Errorf("read the latest time: %w", err)
			}
		}
		s.line = s.line.Continue(time.Now(), seen, speed)
		s.clock = clock.NewScaled(s.line)
		v, err := json.Marshal(s.line)
		if err != nil {
			return err
		}
		return b.Put(timelineKey, v)
	})
}

// Clock tells the store's internal time, the one tx.Now gives.
func (s *Store) Clock() clock.Clock { return s.clock }

// Timeline translates between internal time and the wall's.
func (s *Store) Timeline() clock.Timeline { return s.line }

// Close ends the store. Rows committed before are kept; an Update after it is refused.
func (s *Store) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	if s.db == nil {
		return nil
	}
	err := errors.Join(s.db.Sync(), s.db.Close())
	s.db = nil
	return err
}
