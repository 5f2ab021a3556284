package host

import (
	"context"
	"errors"
	"net/http"

	"github.com/slipway-ecs/slipway/internal/store"
)

// forgetful is a room with something besides its tables: files, points in memory.
type forgetful interface {
	// Forget drops what no row speaks of any more.
	Forget() error
}

// Reset takes everything out of the cloud that anybody made in it: when it returns, the next call
// finds an empty cloud. The tasks that ran are killed meanwhile and afterwards; the settings of
// the start, keys and the clock stay.
func (c *Cloud) Reset(ctx context.Context) error {
	err := c.store.Update(func(tx *store.Tx) error {
		for _, r := range c.rooms.all() {
			if r == room(c.rooms.elb) {
				c.rooms.elb.Clear(tx)
				continue
			}
			for _, t := range r.Tables() {
				t.Clear(tx)
			}
		}
		return nil
	})
	for _, r := range c.rooms.all() {
		if f, ok := r.(forgetful); ok {
			err = errors.Join(err, f.Forget())
		}
	}
	if err != nil {
		return err
	}
	select {
	case c.cleared <- struct{}{}:
	default: // the one before is not done yet: it has these tasks to end too
	}
	return ctx.Err()
}

// endForgotten ends, after each reset, the tasks that no row knows.
func (c *Cloud) endForgotten(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-c.cleared:
			if err := c.rooms.ecs.Adopt(ctx); err != nil && ctx.Err() == nil {
				c.o.Log.Error("tasks of before the reset may still run", "err", err)
			}
		}
	}
}

func (c *Cloud) answerReset(w http.ResponseWriter, r *http.Request) {
	if err := c.Reset(r.Context()); err != nil {
		c.o.Log.Error("cannot reset", "err", err)
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}
