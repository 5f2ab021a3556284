package store_test

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/slipway-ecs/slipway/internal/fail"
	"github.com/slipway-ecs/slipway/internal/store"
)

// filled makes a file of many rows, of a store that is closed.
func filled(t *testing.T) (path string, content []byte) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "state")
	table := pets()
	s, err := store.Open(store.Options{Path: path, Speed: 20}, table)
	if err != nil {
		t.Fatal(err)
	}
	update(t, s, func(tx *store.Tx) {
		for i := range 2000 {
			table.Put(tx, pet{Name: fmt.Sprintf("%06d", i), Kind: strings.Repeat("x", 100)})
		}
	})
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if content, err = os.ReadFile(path); err != nil {
		t.Fatal(err)
	}
	return path, content
}

func TestADamagedFileIsAnErrorThatSaysWhatToDo(t *testing.T) {
	t.Parallel()
	_, whole := filled(t)
	zeroed := bytes.Clone(whole)
	clear(zeroed[len(zeroed)/4 : len(zeroed)/2])
	for name, content := range map[string][]byte{
		"text":        []byte(strings.Repeat("this is no store\n", 1000)),
		"a few bytes": whole[:100],
		"half of it":  whole[:len(whole)/2],
		"zeroed":      zeroed,
	} {
		path := filepath.Join(t.TempDir(), "state")
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		s, err := store.Open(store.Options{Path: path}, pets())
		if err == nil {
			t.Errorf("%s: opened, %v", name, s.Close())
			continue
		}
		if !fail.Is(err, "store.damaged") || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: got %v, want store.damaged of %s", name, err, path)
		}
		if err := store.Free(path); err != nil {
			t.Errorf("%s: after the open that failed: %v", name, err)
		}
	}
}

func TestALookAtAFileChangesNothing(t *testing.T) {
	t.Parallel()
	path, before := filled(t)
	if err := store.Free(path); err != nil {
		t.Fatal(err)
	}
	var copied bytes.Buffer
	if err := store.Backup(path, func(int64) (io.Writer, error) { return &copied, nil }); err != nil {
		t.Fatal(err)
	}
	after, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(before, after) {
		t.Error("the file is another than before")
	}
	other := filepath.Join(t.TempDir(), "copy")
	if err := os.WriteFile(other, copied.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	table := pets()
	s := open(t, store.Options{Path: other}, table)
	if err := s.View(func(tx *store.Tx) error {
		if n := table.Count(tx); n != 2000 {
			t.Errorf("the copy has %d rows", n)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
}

func TestAFileInUseIsNotFree(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "state")
	if err := store.Free(path); err != nil {
		t.Errorf("before it is there: %v", err)
	}
	open(t, store.Options{Path: path}, pets())
	if err := store.Free(path); !fail.Is(err, "store.busy") {
		t.Errorf("while it is open: got %v, want store.busy", err)
	}
}
