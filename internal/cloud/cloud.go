// Package cloud has the contracts of a room of the local cloud: what a service brings (Room),
// what it keeps true (Keeper), and the work it wants done outside (Job).
//
// It knows no service and does no I/O. Rooms never call each other to make things happen: they
// change tables in one transaction, and the loop looks again. Where a room needs another in
// the same transaction it declares a port, a small interface of its own, and cloud/host plugs
// one into the other. Read Keeper first.
package cloud

import (
	"context"
	"time"

	"github.com/slipway-ecs/slipway/internal/store"
)

// Keeper keeps something true of one key: a service has its tasks, a listener its targets, a
// deployment its next stage.
type Keeper interface {
	// Name is for logs: "ecs.service".
	Name() string
	// Watches says which keys to look at when which rows change.
	Watches() []Watch
	// Keep makes it true of key as far as tables go, and asks for the rest. It is called again
	// whenever something it watches has changed, after each of its jobs, and at its wake; so it
	// compares what is with what should be, and remembers nothing. An error undoes what it
	// wrote and is tried again.
	Keep(tx *store.Tx, key string) (Result, error)
}

// Result is what a keeper needs besides what it wrote.
type Result struct {
	Wake time.Time // internal time to look again at the latest; zero means only when something changes
	Jobs []Job     // work that needs the outside world
}

// Sooner moves the wake forward to at, if that is earlier; a zero time changes nothing.
func (r *Result) Sooner(at time.Time) {
	if !at.IsZero() && (r.Wake.IsZero() || at.Before(r.Wake)) {
		r.Wake = at
	}
}

// Job is done by a hand, off the loop. A job whose key is already running is dropped, so a
// keeper asks for as long as it needs it. What Do returns is applied in a transaction: the fact
// it found. A job that fails is reported, and its keeper looks again a little later.
type Job struct {
	Key string // what it is about, unique over all keepers: "start arn:…/web"
	Do  func(ctx context.Context) (fact Fact, err error)
}

// Fact is what a hand found out, written into tables; nil where there is nothing to write.
type Fact func(tx *store.Tx) error

// Happening is something that happened in a room, for people.
type Happening struct {
	At    time.Time // internal
	Room  string    // the signing name: "ecs"
	About string    // what it happened to: "service main/web"
	Text  string    // a sentence
}

// Watch names the keys a keeper looks at when a row of a table changes.
type Watch struct {
	Table string
	Keys  func(c store.Change) []string
}

// On makes a Watch of a table: of says which key a row concerns. It is asked of the row as it
// was and as it is; an empty key is nobody's.
func On[T any](t *store.Table[T], of func(*T) string) Watch {
	return Watch{Table: t.Name(), Keys: func(c store.Change) (keys []string) {
		for _, v := range []any{c.Old, c.New} {
			if row, ok := v.(*T); ok && row != nil {
				if k := of(row); k != "" && (len(keys) == 0 || keys[0] != k) {
					keys = append(keys, k)
				}
			}
		}
		return keys
	}}
}
