package proc

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// What is kept of a program's output: the last KeepSegments files of about SegmentSize bytes.
const (
	SegmentSize  = 4 << 20
	KeepSegments = 4
)

const segmentPrefix = "log."

// segmentName gives the file that begins at a place in the whole output. Names sort as places do.
func segmentName(start int64) string { return fmt.Sprintf("%s%019d", segmentPrefix, start) }

// segments gives where the files of the log begin, in order.
func segments(dir string) ([]int64, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var starts []int64
	for _, e := range entries {
		digits, ok := strings.CutPrefix(e.Name(), segmentPrefix)
		if !ok {
			continue
		}
		if start, err := strconv.ParseInt(digits, 10, 64); err == nil {
			starts = append(starts, start)
		}
	}
	slices.Sort(starts)
	return starts, nil
}

// logWriter appends lines to the log of a directory. A line is stored as the wall's time in
// nanoseconds since 1970, a space, the stream ('o' or 'e'), a space, the text, a newline.
type logWriter struct {
	dir   string
	f     *os.File
	start int64 // where the file begins in the whole output
	size  int64 // of the file
	batch []byte
}

// openLog goes on behind the last whole line there is.
func openLog(dir string) (*logWriter, error) {
	starts, err := segments(dir)
	if err != nil {
		return nil, err
	}
	w := &logWriter{dir: dir}
	if len(starts) > 0 {
		w.start = starts[len(starts)-1]
	}
	path := filepath.Join(dir, segmentName(w.start))
	if b, err := os.ReadFile(path); err == nil {
		w.size = int64(bytes.LastIndexByte(b, '\n') + 1)
		if w.size < int64(len(b)) { // its writer was killed within a line
			if err := os.Truncate(path, w.size); err != nil {
				return nil, err
			}
		}
	}
	return w, w.open()
}

func (w *logWriter) open() (err error) {
	w.f, err = os.OpenFile(filepath.Join(w.dir, segmentName(w.start)), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	return err
}

// add takes a line in two halves; flush writes it.
func (w *logWriter) add(at time.Time, stream byte, begin, end []byte) {
	w.batch = strconv.AppendInt(w.batch, at.UnixNano(), 10)
	w.batch = append(w.batch, ' ', stream, ' ')
	w.batch = append(w.batch, begin...)
	w.batch = append(w.batch, end...)
	w.batch = append(w.batch, '\n')
}

// flush writes what was added, and begins a new file when this one is full.
func (w *logWriter) flush() error {
	if len(w.batch) == 0 {
		return nil
	}
	n, err := w.f.Write(w.batch)
	w.batch = w.batch[:0]
	if err != nil {
		// Half a line would spoil the next one.
		return fmt.Errorf("%w (%v)", err, w.f.Truncate(w.size))
	}
	if w.size += int64(n); w.size < SegmentSize {
		return nil
	}
	next := logWriter{dir: w.dir, start: w.start + w.size}
	if err := next.open(); err != nil {
		return err // this file takes the next lines too
	}
	full := w.f
	w.f, w.start, w.size = next.f, next.start, 0
	if err := full.Close(); err != nil {
		return err
	}
	starts, err := segments(w.dir)
	for _, old := range starts[:max(0, len(starts)-KeepSegments)] {
		if e := os.Remove(filepath.Join(w.dir, segmentName(old))); e != nil && !os.IsNotExist(e) {
			err = e
		}
	}
	return err
}

func (w *logWriter) close() error { return w.f.Close() }

// parseLine reads one stored line without its newline.
func parseLine(b []byte) (Line, error) {
	stamp, rest, ok := bytes.Cut(b, []byte{' '})
	nanos, err := strconv.ParseInt(string(stamp), 10, 64)
	if !ok || err != nil || len(rest) < 2 || rest[1] != ' ' {
		return Line{}, fmt.Errorf("%w: log line %.40q", fs.ErrInvalid, b)
	}
	return Line{At: time.Unix(0, nanos).UTC(), Stream: rest[0], Text: string(rest[2:])}, nil
}
