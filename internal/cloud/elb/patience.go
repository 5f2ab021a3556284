package elb

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"github.com/slipway-ecs/slipway/internal/balance"
	"github.com/slipway-ecs/slipway/internal/store"
)

// change is the update of an operation. Where Options.Patience allows it, it then waits until
// the data plane serves by what was changed, so that who called may rely on it at once.
// (AWS takes seconds; a script that does not wait there fails there too.)
func (s *Service) change(ctx context.Context, f func(*store.Tx) error) error {
	var told uint64
	err := s.update(func(tx *store.Tx) error {
		if err := f(tx); err != nil || s.o.Patience == 0 {
			return err
		}
		table := s.Plane(tx)
		if p, _ := s.plane.Get(tx, planeKey); digest(table) != p.Digest && (listens(table) || p.Serving) {
			told = s.nextVersion(tx)
		}
		return nil
	})
	if err != nil || told == 0 {
		return err
	}
	return s.await(ctx, told)
}

// await waits until the data plane serves by a version, or patience ends. What was changed is
// changed either way.
func (s *Service) await(ctx context.Context, version uint64) error {
	timer := time.NewTimer(s.o.Patience)
	defer timer.Stop()
	for {
		heard := s.acks.next()
		served := false
		err := s.view(func(tx *store.Tx) error {
			p, _ := s.plane.Get(tx, planeKey)
			served = p.Serving && p.Acked >= version
			return nil
		})
		if err != nil || served {
			return err
		}
		select {
		case <-heard:
		case <-timer.C:
			return nil
		case <-ctx.Done():
			return nil
		}
	}
}

// listens reports whether a table has a listener.
func listens(t balance.Table) bool {
	for _, b := range t.Balancers {
		if len(b.Listeners) > 0 {
			return true
		}
	}
	return false
}

// digest is of what a table says, its version apart.
func digest(t balance.Table) string {
	t.Version = 0
	text, err := json.Marshal(t)
	if err != nil {
		panic(fmt.Sprintf("elb: a table cannot be written: %v", err))
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}

// bell wakes all who wait for its next ring.
type bell struct {
	mu sync.Mutex // guards ch
	ch chan struct{}
}

// next gives a channel that is closed at the next ring.
func (b *bell) next() <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.ch == nil {
		b.ch = make(chan struct{})
	}
	return b.ch
}

// ring may be called within a transaction: who wakes and looks at tables waits for its end.
func (b *bell) ring() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.ch != nil {
		close(b.ch)
		b.ch = nil
	}
}
