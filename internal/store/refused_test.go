package store

import (
	"errors"
	"strings"
	"syscall"
	"testing"

	bolterrors "go.etcd.io/bbolt/errors"

	"github.com/slipway-ecs/slipway/internal/fail"
)

func TestAFileThatTheSystemDoesNotLockOrMapIsNotCalledDamaged(t *testing.T) {
	t.Parallel()
	const path = "/data/state.db"
	for why, code := range map[error]string{
		syscall.ENOLCK: "", syscall.EOPNOTSUPP: "", syscall.ENOMEM: "",
		bolterrors.ErrTimeout: "store.busy", bolterrors.ErrChecksum: "store.damaged", errors.New("file size too small"): "store.damaged",
	} {
		err := refused(path, why)
		if !errors.Is(err, why) || !strings.Contains(err.Error(), path) {
			t.Errorf("%v: got %v, want it and %s", why, err, path)
		}
		for _, c := range []string{"store.busy", "store.damaged"} {
			if got := fail.Is(err, c); got != (c == code) {
				t.Errorf("%v: %s is %v", why, c, got)
			}
		}
	}
}
