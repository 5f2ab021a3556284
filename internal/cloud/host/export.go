package host

import (
	"archive/tar"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/slipway-ecs/slipway/internal/fail"
	"github.com/slipway-ecs/slipway/internal/store"
)

// exportForm is the form of exported files; one that is not known is refused.
const exportForm = 1

// manifestFile is the first entry of an exported file.
const manifestFile = "slipway-export.json"

type manifest struct {
	Form int
	At   time.Time
}

// volatile are what a directory holds of a cloud that runs there, which is no state: the places of
// tasks, the data plane's socket, where the cloud is.
var volatile = []string{"tasks", "lb", runningFile, runtimeFile}

// export writes the state of a directory as one file: its tables at one moment, and the files
// that rooms keep beside them. backup writes the tables, as store.Backup does.
func export(dir string, backup func(begin func(size int64) (io.Writer, error)) error, w io.Writer) error {
	z := gzip.NewWriter(w)
	out := tar.NewWriter(z)
	head, err := json.Marshal(manifest{exportForm, time.Now().UTC()})
	if err != nil {
		return err
	}
	if err := addBytes(out, manifestFile, head); err != nil {
		return err
	}
	err = backup(func(size int64) (io.Writer, error) {
		return out, out.WriteHeader(&tar.Header{Name: stateFile, Mode: 0o600, Size: size})
	})
	if err != nil {
		return fmt.Errorf("export the tables: %w", err)
	}
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		name, _ := filepath.Rel(dir, path) // path lies below dir
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return nil // removed meanwhile
		case err != nil:
			return err
		case slices.Contains(volatile, name) && d.IsDir():
			return fs.SkipDir
		case slices.Contains(volatile, name) || name == stateFile || !d.Type().IsRegular():
			return nil
		}
		return addFile(out, path, filepath.ToSlash(name))
	})
	return errors.Join(err, out.Close(), z.Close())
}

func addBytes(out *tar.Writer, name string, b []byte) error {
	if err := out.WriteHeader(&tar.Header{Name: name, Mode: 0o600, Size: int64(len(b))}); err != nil {
		return err
	}
	_, err := out.Write(b)
	return err
}

// addFile adds a file as long as it is now: those that grow grow at their end.
func addFile(out *tar.Writer, path, name string) error {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if err := out.WriteHeader(&tar.Header{Name: name, Mode: int64(info.Mode().Perm()), Size: info.Size(), ModTime: info.ModTime()}); err != nil {
		return err
	}
	_, err = io.CopyN(out, f, info.Size())
	return err
}

// ExportIdle exports the directory of a cloud that does not run.
//
// Errors: store.busy where one does; export.empty where none ever did.
func ExportIdle(dir string, w io.Writer) error {
	if _, err := os.Stat(filepath.Join(dir, stateFile)); err != nil {
		return fail.Wrap(err, "export.empty", "name its directory with --data", "there is no cloud in %s", dir)
	}
	return export(dir, func(begin func(int64) (io.Writer, error)) error {
		return store.Backup(filepath.Join(dir, stateFile), begin)
	}, w)
}

// Import fills a directory with an exported state. With fresh, what is there is forgotten first.
//
// Errors: import.taken where there is a state already; import.wrong where r is no export.
func Import(ctx context.Context, o Options, r io.Reader) error {
	if err := os.MkdirAll(o.Dir, 0o700); err != nil {
		return err
	}
	if o.Fresh {
		if err := forget(ctx, o); err != nil {
			return err
		}
	}
	if _, err := os.Stat(filepath.Join(o.Dir, stateFile)); err == nil {
		return fail.New("import.taken", "name an empty directory with --data, or forget what is there with --fresh", "there is a cloud in %s already", o.Dir)
	}
	if err := unpack(o.Dir, r); err != nil {
		return fail.Wrap(err, "import.wrong", "give a file that `slipway local export` wrote", "this is not an exported state")
	}
	return nil
}

// unpack writes an export's files. The tables come last: a directory without them has no state,
// so that an import that was cut short can be made again.
func unpack(dir string, r io.Reader) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	z, err := gzip.NewReader(r)
	if err != nil {
		return err
	}
	in := tar.NewReader(z)
	first, err := in.Next()
	if err != nil {
		return err
	}
	var m manifest
	if err := json.NewDecoder(io.LimitReader(in, 4096)).Decode(&m); first.Name != manifestFile || err != nil || m.Form != exportForm {
		return errors.Join(fmt.Errorf("it begins with %q of form %d, not %q of form %d", first.Name, m.Form, manifestFile, exportForm), err)
	}
	const coming = stateFile + ".new"
	for {
		h, err := in.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		name := h.Name
		if name == stateFile {
			name = coming
		}
		if h.Typeflag != tar.TypeReg || slices.Contains(volatile, strings.SplitN(name, "/", 2)[0]) {
			return fmt.Errorf("it has an entry %q, which no export has", h.Name)
		}
		if err := writeIn(root, filepath.FromSlash(name), h, in); err != nil {
			return err
		}
	}
	return root.Rename(coming, stateFile)
}

func writeIn(root *os.Root, name string, h *tar.Header, in io.Reader) error {
	if err := root.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		return err
	}
	f, err := root.OpenFile(name, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, h.FileInfo().Mode().Perm()&0o700)
	if err != nil {
		return err
	}
	_, err = io.CopyN(f, in, h.Size)
	return errors.Join(err, f.Close())
}

func (c *Cloud) answerExport(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/gzip")
	if err := export(c.o.Dir, c.store.Backup, w); err != nil {
		c.o.Log.Error("cannot export", "err", err)
		panic(http.ErrAbortHandler) // so that the caller sees a cut answer, not a short one
	}
}
