package ec2

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/slipway-ecs/slipway/internal/names"
	"github.com/slipway-ecs/slipway/internal/store"
)

// Tag is a tag as a row keeps it.
type Tag struct{ Key, Value string }

// Thing is what the rows of all kinds have.
type Thing struct {
	ARN, ID string
	Scope   names.Scope
	Tags    []Tag     // by key
	Created time.Time // zero for what the scope was born with

	// Gone is true of the row that stands for something inborn and deleted.
	Gone bool `json:",omitempty"`
}

func (t *Thing) thing() *Thing { return t }

type thinged[T any] interface {
	*T
	thing() *Thing
}

// shelf holds the things of one kind: what each scope is born with, unless a row with its ARN
// stands in its place, and the rows.
type shelf[T any, P thinged[T]] struct {
	table   *store.Table[T]
	kind    string // as in ARNs
	prefix  string // of ids
	inborn  func(*inborn) []T
	missing [2]string // code and message of the error for an id of nobody
}

func newShelf[T any, P thinged[T]](kind, prefix string, born func(*inborn) []T, code, message string) shelf[T, P] {
	return shelf[T, P]{
		table: store.NewTable("ec2."+kind, func(v *T) string { return P(v).thing().ARN }),
		kind:  kind, prefix: prefix, inborn: born, missing: [2]string{code, message},
	}
}

func (h shelf[T, P]) arn(scope names.Scope, id string) string {
	return scope.ARN("ec2", h.kind+"/"+id)
}

// new makes the common part of a thing of this kind.
func (h shelf[T, P]) new(tx *store.Tx, scope names.Scope, hex string) Thing {
	id := h.prefix + "-" + hex
	return Thing{ARN: h.arn(scope, id), ID: id, Scope: scope, Created: tx.Now()}
}

// find gives the thing of an id.
func (h shelf[T, P]) find(tx *store.Tx, scope names.Scope, id string) (T, bool) {
	arn := h.arn(scope, id)
	if v, ok := h.table.Get(tx, arn); ok {
		return v, !P(&v).thing().Gone
	}
	for _, v := range h.inborn(bornOf(scope)) {
		if P(&v).thing().ARN == arn {
			return v, true
		}
	}
	var none T
	return none, false
}

// get is find with EC2's error for an id of nobody.
func (h shelf[T, P]) get(tx *store.Tx, scope names.Scope, id string) (T, error) {
	v, ok := h.find(tx, scope, id)
	if !ok {
		return v, refuse(h.missing[0], h.missing[1], id)
	}
	return v, nil
}

// all gives the things of a scope: inborn ones first, in their order, then by age and id.
func (h shelf[T, P]) all(tx *store.Tx, scope names.Scope) []T {
	rows := map[string]T{}
	var made, list []T
	for v := range h.table.Prefix(tx, h.arn(scope, "")) {
		if t := P(&v).thing(); t.Created.IsZero() {
			rows[t.ARN] = v
		} else {
			made = append(made, v)
		}
	}
	for _, v := range h.inborn(bornOf(scope)) {
		if row, changed := rows[P(&v).thing().ARN]; changed {
			v = row
		}
		if !P(&v).thing().Gone {
			list = append(list, v)
		}
	}
	slices.SortFunc(made, func(a, b T) int {
		x, y := P(&a).thing(), P(&b).thing()
		return cmp.Or(x.Created.Compare(y.Created), strings.Compare(x.ID, y.ID))
	})
	return append(list, made...)
}

// some gives those of all for which f is true.
func (h shelf[T, P]) some(tx *store.Tx, scope names.Scope, f func(*T) bool) []T {
	return slices.DeleteFunc(h.all(tx, scope), func(v T) bool { return !f(&v) })
}

func (h shelf[T, P]) put(tx *store.Tx, v T) { h.table.Put(tx, v) }

// remove makes a thing gone; one that the scope was born with leaves a row that says so.
func (h shelf[T, P]) remove(tx *store.Tx, v T) {
	t := P(&v).thing()
	if !t.Created.IsZero() {
		h.table.Delete(tx, t.ARN)
		return
	}
	t.Gone = true
	h.table.Put(tx, v)
}
