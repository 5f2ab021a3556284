package lambda

import (
	"archive/zip"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"
)

// Limits of code. Source: Lambda quotas.
const (
	mostZipped   = 50 << 20
	mostUnzipped = 250 << 20
	mostEntries  = 100_000 // ours: a zip of nothing but names is refused before it fills the disk
	longestLink  = 4096
)

// The words Lambda refuses zip files with.
var (
	errNoZip    = invalid("Could not unzip uploaded file. Please check your file, then try to upload again.")
	errEmptyZip = invalid("Uploaded file must be a non-empty zip")
	errUnzipped = invalid(fmt.Sprintf("Unzipped size must be smaller than %d bytes", mostUnzipped))
)

// unpack writes a zip file's content into a directory. Names that lead out of it, links that do,
// corrupt files and files that are larger than Lambda takes are refused in Lambda's words. What
// sizes a zip claims does not count: what is really there does.
func unpack(data []byte, dir string) error {
	files, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil || len(files.File) > mostEntries {
		return errNoZip
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close() //nolint:errcheck // a directory has nothing to flush
	room, found := int64(mostUnzipped), false
	for _, f := range files.File {
		name := strings.ReplaceAll(f.Name, `\`, "/")
		if !safe(name) {
			return errNoZip
		}
		name = path.Clean(name)
		if name == "." {
			continue
		}
		mode := f.Mode()
		if mode.IsDir() || strings.HasSuffix(f.Name, "/") {
			err = root.MkdirAll(name, 0o755)
		} else {
			found = true
			if err = root.MkdirAll(path.Dir(name), 0o755); err == nil {
				err = extract(root, f, name, &room)
			}
		}
		if err != nil {
			return refuseZip(err)
		}
	}
	if !found {
		return errEmptyZip
	}
	return nil
}

// refuseZip makes of an error what Lambda says; only a disk that fails is our own trouble.
func refuseZip(err error) error {
	if errors.Is(err, errUnzipped) {
		return errUnzipped
	}
	var disk *fs.PathError
	if errors.As(err, &disk) && (errors.Is(err, fs.ErrPermission) || strings.Contains(disk.Err.Error(), "space")) {
		return fmt.Errorf("unpack the code of a function: %w", err)
	}
	return errNoZip
}

// safe says that a name stays within the directory it is unpacked in.
func safe(name string) bool {
	if name == "" || strings.HasPrefix(name, "/") || strings.ContainsRune(name, 0) || len(name) > 1 && name[1] == ':' {
		return false
	}
	for part := range strings.SplitSeq(name, "/") {
		if part == ".." {
			return false
		}
	}
	return true
}

// extract writes one file or link, taking what it needs from room.
func extract(root *os.Root, f *zip.File, name string, room *int64) error {
	mode := f.Mode()
	if mode&fs.ModeSymlink == 0 && !mode.IsRegular() {
		return errNoZip // devices, sockets, pipes
	}
	in, err := f.Open()
	if err != nil {
		return err
	}
	defer in.Close() //nolint:errcheck // only read
	if mode&fs.ModeSymlink != 0 {
		to, err := io.ReadAll(io.LimitReader(in, longestLink))
		if err != nil {
			return err
		}
		if path.IsAbs(string(to)) || !safe(within(name, string(to))) {
			return errNoZip
		}
		return root.Symlink(string(to), name)
	}
	perm := mode.Perm() | 0o400
	if f.ExternalAttrs>>16 == 0 { // made where files have no modes
		perm = 0o644
		if name == "bootstrap" {
			perm = 0o755
		}
	}
	out, err := root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	n, err := io.Copy(out, io.LimitReader(in, *room+1))
	*room -= n
	if *room < 0 {
		err = errUnzipped
	}
	return errors.Join(err, out.Chmod(perm), out.Close())
}

// within gives where a link leads, from the root, with each .. that it takes above it left in.
func within(name, to string) string {
	if p := path.Clean(path.Join(path.Dir(name), to)); p != "" {
		return p
	}
	return "."
}
