package s3

import (
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"github.com/slipway-ecs/slipway/internal/ids"
)

// disk keeps bodies as files with names of ours, in folders of their first two characters.
type disk struct {
	dir  string
	sync bool
	ids  *ids.Source
	log  *slog.Logger
}

// unfinished begins the names of files that are being written.
const unfinished = "new-"

// write makes a file of what r gives and lets look see the bytes on their way.
func (d *disk) write(r io.Reader, look io.Writer) (g Segment, err error) {
	if err := os.MkdirAll(d.dir, 0o700); err != nil {
		return g, err
	}
	f, err := os.CreateTemp(d.dir, unfinished+"*")
	if err != nil {
		return g, err
	}
	g.Size, err = io.Copy(io.MultiWriter(f, look), r)
	if err == nil && d.sync {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err == nil {
		g.File = d.ids.Hex(32)
		err = os.MkdirAll(filepath.Dir(d.path(g.File)), 0o700)
	}
	if err == nil {
		err = os.Rename(f.Name(), d.path(g.File))
	}
	if err != nil {
		return Segment{}, errors.Join(err, os.Remove(f.Name()))
	}
	return g, nil
}

func (d *disk) path(file string) string { return filepath.Join(d.dir, file[:2], file) }

// drop removes files whose rows are gone. What cannot be removed goes at the next start.
func (d *disk) drop(body []Segment) {
	for _, g := range body {
		if err := os.Remove(d.path(g.File)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			d.log.Warn("a deleted object's file stays until the next start", "file", g.File, "err", err)
		}
	}
}

// sweep removes files that are not named.
func (d *disk) sweep(named map[string]bool) error {
	if err := os.MkdirAll(d.dir, 0o700); err != nil {
		return err
	}
	return filepath.WalkDir(d.dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() || named[e.Name()] {
			return err
		}
		if len(e.Name()) == 32 || strings.HasPrefix(e.Name(), unfinished) {
			return os.Remove(path)
		}
		return nil
	})
}

// opened is a body being read.
type opened struct {
	files []*os.File
	sizes []int64
}

func (d *disk) open(body []Segment) (*opened, error) {
	o := &opened{}
	for _, g := range body {
		f, err := os.Open(d.path(g.File))
		if err != nil {
			o.close()
			return nil, err
		}
		o.files, o.sizes = append(o.files, f), append(o.sizes, g.Size)
	}
	return o, nil
}

// reader gives n bytes of the body from an offset on.
func (o *opened) reader(from, n int64) io.Reader {
	var parts []io.Reader
	for i, f := range o.files {
		size := o.sizes[i]
		if from < size && n > 0 {
			take := min(n, size-from)
			parts = append(parts, io.NewSectionReader(f, from, take))
			n -= take
		}
		from = max(0, from-size)
	}
	return io.MultiReader(parts...)
}

// close ends the reading; files opened for reading have nothing to lose.
func (o *opened) close() {
	for _, f := range o.files {
		_ = f.Close()
	}
}
