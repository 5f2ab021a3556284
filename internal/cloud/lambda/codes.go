package lambda

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"github.com/slipway-ecs/slipway/internal/proc"
)

// codes keeps the code of functions by the hash of its zip file: the file itself, and a directory
// in which it is unpacked.
//
//	HASH.zip   what was uploaded
//	HASH/      what environments run in
//
// HASH is in hexadecimal: base64 has slashes.
type codes struct {
	dir string

	// using is held while code is put down for a row that is about to be written, so that nobody
	// takes it for unused meanwhile.
	using sync.RWMutex
}

// put unpacks a zip file; code that is there already is left as it is. The caller holds using until
// a row has it.
func (c *codes) put(zip []byte) (Code, error) {
	sum := sha256.Sum256(zip)
	code := Code{SHA: base64.StdEncoding.EncodeToString(sum[:]), Size: int64(len(zip))}
	if _, err := os.Stat(c.root(code.SHA)); err == nil {
		return code, nil
	}
	if err := os.MkdirAll(c.dir, 0o700); err != nil {
		return code, err
	}
	dir, err := os.MkdirTemp(c.dir, "new-")
	if err != nil {
		return code, err
	}
	defer os.RemoveAll(dir) //nolint:errcheck // it has its name by then; what is left is swept at the next start
	if err := unpack(zip, dir); err != nil {
		return code, err
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		return code, err
	}
	if err := proc.WriteFile(c.file(code.SHA), zip); err != nil {
		return code, err
	}
	if err := os.Rename(dir, c.root(code.SHA)); err != nil && !errors.Is(err, fs.ErrExist) {
		return code, fmt.Errorf("keep the code of a function: %w", err)
	}
	return code, nil
}

// root is the directory that code is unpacked in.
func (c *codes) root(sha string) string { return filepath.Join(c.dir, hexOf(sha)) }

// file is the zip file as it came.
func (c *codes) file(sha string) string { return c.root(sha) + ".zip" }

// hexOf gives a hash in hexadecimal digits.
func hexOf(sha string) string {
	sum, err := base64.StdEncoding.DecodeString(sha)
	if err != nil {
		return "none" // no row has such a hash
	}
	return hex.EncodeToString(sum)
}

// drop removes code unless used says that a row has it.
func (c *codes) drop(sha string, used func() (bool, error)) error {
	c.using.Lock()
	defer c.using.Unlock()
	if still, err := used(); err != nil || still {
		return err
	}
	return errors.Join(os.RemoveAll(c.root(sha)), os.RemoveAll(c.file(sha)))
}

// sweep removes the code that no row has.
func (c *codes) sweep(used map[string]bool) error {
	entries, err := os.ReadDir(c.dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	keep := map[string]bool{}
	for sha := range used { // into another map: the order does not matter
		keep[filepath.Base(c.root(sha))], keep[filepath.Base(c.file(sha))] = true, true
	}
	for _, e := range entries {
		if keep[e.Name()] {
			continue
		}
		if err := os.RemoveAll(filepath.Join(c.dir, e.Name())); err != nil {
			return err
		}
	}
	return nil
}
