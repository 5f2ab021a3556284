package proc

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// followEvery is how often a program's log is looked at for new lines while it runs.
const followEvery = 100 * time.Millisecond

// Line is one line of a program's output.
type Line struct {
	At     time.Time // when it was read from the program; UTC
	Stream byte      // 'o' standard output, 'e' standard error
	Text   string    // without its newline
	End    int64     // the place behind it in the whole log
}

// Lines gives what the program of dir wrote, from the place since on, which is 0 or the End of
// a line. It follows the program until that has ended and everything was given. An error is the
// last element. Lines that are no longer kept are skipped.
func Lines(ctx context.Context, dir string, since int64) iter.Seq2[Line, error] {
	return func(yield func(Line, error) bool) {
		r := &reader{dir: dir, at: since}
		defer r.close()
		timer := time.NewTimer(0)
		defer timer.Stop()
		for {
			// Asked before reading: nothing is written behind the exit.
			_, err := ReadExit(dir)
			ended := err == nil
			if err == nil || errors.Is(err, ErrUnknown) {
				err = r.read(func(l Line) bool { return yield(l, nil) })
			}
			if errors.Is(err, errEnough) || ended && err == nil {
				return
			}
			if err == nil {
				timer.Reset(followEvery)
				select {
				case <-timer.C:
				case <-ctx.Done():
					err = ctx.Err()
				}
			}
			if err != nil {
				yield(Line{}, err)
				return
			}
		}
	}
}

// errEnough says that whoever reads wants no more.
var errEnough = errors.New("enough")

// reader reads a log whose files come and go.
type reader struct {
	dir  string
	at   int64 // the next byte to read, in the whole log
	f    *os.File
	from int64 // where f begins
}

// read gives all whole lines there are.
func (r *reader) read(yield func(Line) bool) error {
	for {
		if r.f == nil {
			found, err := r.find()
			if err != nil || !found {
				return err
			}
		}
		if err := r.readFile(yield); err != nil {
			return err
		}
		// At the end of this file: the next one begins exactly here, unless it is gone too.
		_, err := os.Stat(filepath.Join(r.dir, segmentName(r.at)))
		if r.at > r.from && err == nil {
			r.close()
			continue
		}
		if _, err := os.Stat(r.f.Name()); errors.Is(err, fs.ErrNotExist) {
			r.close()
			continue
		}
		return nil
	}
}

// find opens the file that holds r.at, or the first behind it.
func (r *reader) find() (found bool, err error) {
	starts, err := segments(r.dir)
	if errors.Is(err, fs.ErrNotExist) {
		return false, ErrUnknown
	}
	if err != nil || len(starts) == 0 {
		return false, err
	}
	i, exact := slices.BinarySearch(starts, r.at)
	if !exact && i > 0 {
		i--
	}
	r.from = starts[i]
	r.at = max(r.at, r.from)
	r.f, err = os.Open(filepath.Join(r.dir, segmentName(r.from)))
	if errors.Is(err, fs.ErrNotExist) { // removed since we looked
		return false, nil
	}
	return err == nil, err
}

// readFile gives the whole lines between r.at and the file's end.
func (r *reader) readFile(yield func(Line) bool) error {
	if _, err := r.f.Seek(r.at-r.from, io.SeekStart); err != nil {
		return err
	}
	in := bufio.NewReaderSize(r.f, 32<<10)
	for {
		b, err := in.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return nil // a line's beginning is read again with its end
		}
		if err != nil {
			return err
		}
		r.at += int64(len(b))
		l, err := parseLine(bytes.TrimSuffix(b, []byte{'\n'}))
		if err != nil {
			return fmt.Errorf("read %s: %w", r.f.Name(), err)
		}
		l.End = r.at
		if !yield(l) {
			return errEnough
		}
	}
}

func (r *reader) close() {
	if r.f != nil {
		r.f.Close() //nolint:errcheck // only read
		r.f = nil
	}
}
