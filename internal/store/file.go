package store

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"runtime"
	"runtime/debug"
	"syscall"
	"time"

	bolt "go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"

	"github.com/slipway-ecs/slipway/internal/fail"
)

// What is done with a store's file beside opening it: who has it, is it sound, a copy of it.

// refused gives the error of a file that bbolt does not open.
func refused(path string, why error) error {
	if errors.Is(why, bolterrors.ErrTimeout) {
		return busy(path, why)
	}
	if _, system := errors.AsType[*fs.PathError](why); system {
		return why // it names the file
	}
	if _, system := errors.AsType[syscall.Errno](why); system { // of a lock or a mapping, which say nothing of what is in the file
		return fmt.Errorf("open %s: %w", path, why)
	}
	return damaged(path, why)
}

func busy(path string, why error) error {
	return fail.Wrap(why, "store.busy", "end the other `slipway local`, or give this one its own --data directory",
		"%s is in use by another process", path)
}

func damaged(path string, why error) error {
	return fail.Wrap(why, "store.damaged", "forget what it holds with --fresh, or import a state that was exported before",
		"%s is damaged", path)
}

// Free tells whether no process has a store's file open: nil, or store.busy. It changes nothing and
// does not read the file, so one that is damaged or is not there is free.
func Free(path string) error {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close()
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_SH|syscall.LOCK_NB) // bbolt's own lock
	switch {
	case errors.Is(err, syscall.EWOULDBLOCK):
		return busy(path, err)
	case err != nil:
		return fmt.Errorf("ask who has %s open: %w", path, err)
	}
	return nil
}

// sound walks through all rows of a file before it is opened for writing. Where pages are not what
// they must be bbolt panics, or touches memory beyond the file's end: here that is an error, while an
// open for writing looks at pages in a goroutine of its own and would end the process.
func sound(o Options) error {
	if info, err := os.Stat(o.Path); err != nil || info.Size() == 0 {
		return nil //nolint:nilerr // it is made, or cannot be, which opening it tells
	}
	var last byte
	return reading(o.Path, o.Wait, func(tx *bolt.Tx) error {
		defer func() { runtime.KeepAlive(last) }() // it is read for the reading's sake
		return tx.ForEach(func(_ []byte, b *bolt.Bucket) error {
			return b.ForEach(func(_, v []byte) error {
				if len(v) > 0 {
					last = v[len(v)-1]
				}
				return nil
			})
		})
	})
}

// reading opens a file without changing anything in it, for one look.
func reading(path string, wait time.Duration, look func(*bolt.Tx) error) (err error) {
	var db *bolt.DB
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if p := recover(); p != nil {
			err = damaged(path, fmt.Errorf("%v", p))
		}
		if db != nil {
			err = errors.Join(err, db.Close())
		}
	}()
	if db, err = bolt.Open(path, 0o600, &bolt.Options{Timeout: wait, ReadOnly: true}); err != nil {
		return refused(path, err)
	}
	return db.View(look)
}

// Backup writes the file of the store as it is at one moment, and gives its size to begin before
// anything is written. Commits go on meanwhile.
func (s *Store) Backup(begin func(size int64) (io.Writer, error)) error {
	s.mu.RLock()
	db := s.db
	s.mu.RUnlock()
	if db == nil {
		return fail.New("store.closed", "", "the store has no file")
	}
	return db.View(copyTo(begin))
}

// Backup writes a store's file as Store.Backup does, where no process has it open, and leaves it as it
// is.
//
// Errors: store.busy, store.damaged.
func Backup(path string, begin func(size int64) (io.Writer, error)) error {
	return reading(path, time.Second, copyTo(begin))
}

func copyTo(begin func(size int64) (io.Writer, error)) func(*bolt.Tx) error {
	return func(tx *bolt.Tx) error {
		w, err := begin(tx.Size())
		if err != nil {
			return err
		}
		_, err = tx.WriteTo(w)
		return err
	}
}
