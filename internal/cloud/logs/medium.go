package logs

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
)

// medium is where a tape's bytes are: a file, or memory where the cloud keeps nothing.
type medium interface {
	read(at int64, into []byte) error
	size() (int64, error) // 0 where nothing was ever written
	add(at int64, data []byte) error
	truncate(to int64) error
	replace(write func(io.Writer) error) error
	remove() error
}

// file opens its file for each act: streams are many and descriptors are few.
type file struct{ path string }

func (f *file) read(at int64, into []byte) (err error) {
	r, err := os.Open(f.path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	_, err = r.ReadAt(into, at)
	return err
}

func (f *file) size() (int64, error) {
	info, err := os.Stat(f.path)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

// add writes data at the file's end, which is at, in one write; what a failed one left is taken
// away again.
func (f *file) add(at int64, data []byte) error {
	w, err := os.OpenFile(f.path, os.O_WRONLY|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	_, err = w.WriteAt(data, at)
	if err != nil {
		err = errors.Join(err, w.Truncate(at))
	}
	return errors.Join(err, w.Close())
}

func (f *file) truncate(to int64) error { return os.Truncate(f.path, to) }

func (f *file) replace(write func(io.Writer) error) error {
	w, err := os.CreateTemp(filepath.Dir(f.path), "new-*")
	if err != nil {
		return err
	}
	if err := errors.Join(write(w), w.Close()); err != nil {
		return errors.Join(err, os.Remove(w.Name()))
	}
	return os.Rename(w.Name(), f.path)
}

func (f *file) remove() error {
	if err := os.Remove(f.path); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// memory keeps a stream for as long as the process lives.
type memory struct{ data []byte }

func (m *memory) read(at int64, into []byte) error {
	if n := copy(into, m.data[at:]); n < len(into) {
		return io.ErrUnexpectedEOF
	}
	return nil
}
func (m *memory) size() (int64, error)            { return int64(len(m.data)), nil }
func (m *memory) truncate(to int64) error         { m.data = slices.Clone(m.data[:to]); return nil }
func (m *memory) add(at int64, data []byte) error { m.data = append(m.data[:at], data...); return nil }
func (m *memory) remove() error                   { m.data = nil; return nil }
func (m *memory) Write(data []byte) (int, error) {
	m.data = append(m.data, data...)
	return len(data), nil
}
func (m *memory) replace(f func(io.Writer) error) error {
	next := &memory{}
	if err := f(next); err != nil {
		return err
	}
	m.data = next.data
	return nil
}
