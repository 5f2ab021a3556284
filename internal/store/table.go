package store

import (
	"encoding/json"
	"iter"
	"slices"
	"strings"
)

// Table is a set of rows of one type, by key, with indexes. A Table belongs to one Store.
//
// Rows are values: Get gives a copy whose slices and maps are shared with the table, so they
// are replaced, never written into.
type Table[T any] struct {
	name    string
	key     func(*T) string
	indexes []Index[T]

	rows  map[string]*row[T]
	keys  sorted
	index map[string]map[string]*sorted // by index name, then value
}

type row[T any] struct {
	value T
	seal  []byte // the row as it was put, where the store verifies
}

// Index finds rows by something other than their key.
type Index[T any] struct {
	Name string
	Of   func(*T) []string // the values a row is found by; none leaves it out

	// Order is what the rows of one value are ordered by, a text without zero bytes, and those that are
	// equal in it by their key; nil orders them by their key alone.
	Order func(*T) string
}

// entry is how a row stands in the index.
func (i *Index[T]) entry(key string, v *T) string {
	if i.Order == nil {
		return key
	}
	return i.Order(v) + "\x00" + key
}

// key gives the key of a row that stands in the index as an entry.
func (i *Index[T]) key(entry string) string {
	if i.Order == nil {
		return entry
	}
	return entry[strings.IndexByte(entry, 0)+1:]
}

// Any is what Open takes of a table: any Table[T].
type Any interface {
	Name() string
	// Clear deletes every row.
	Clear(*Tx)
	load(key string, value []byte, verify bool) error
	sealed(key string) (was, is []byte)
	each(f func(key string, value any))
}

// NewTable declares a table. The name is its bucket on disk.
func NewTable[T any](name string, key func(*T) string, idx ...Index[T]) *Table[T] {
	t := &Table[T]{name: name, key: key, indexes: idx, rows: map[string]*row[T]{}, index: map[string]map[string]*sorted{}}
	for _, i := range idx {
		t.index[i.Name] = map[string]*sorted{}
	}
	return t
}

// One makes an index by a single value; an empty value leaves the row out.
func One[T any](name string, of func(*T) string) Index[T] {
	return Index[T]{Name: name, Of: func(v *T) []string {
		if s := of(v); s != "" {
			return []string{s}
		}
		return nil
	}}
}

// Name gives the table's name.
func (t *Table[T]) Name() string { return t.name }

// Get gives the row of a key.
func (t *Table[T]) Get(tx *Tx, key string) (T, bool) {
	r, ok := t.rows[key]
	if !ok {
		var none T
		return none, false
	}
	tx.saw(t.name, key)
	return r.value, true
}

// Put writes a row in place of the one with its key, if any.
func (t *Table[T]) Put(tx *Tx, v T) {
	key := t.key(&v)
	old, had := t.rows[key]
	t.set(key, v, tx.store.verify)
	if had {
		tx.changed(t.name, key, &old.value, &v, func() { t.set(key, old.value, tx.store.verify) })
	} else {
		tx.changed(t.name, key, nil, &v, func() { t.unset(key) })
	}
}

// Delete removes the row of a key; it does nothing where there is none.
func (t *Table[T]) Delete(tx *Tx, key string) {
	old, had := t.rows[key]
	if !had {
		return
	}
	t.unset(key)
	tx.changed(t.name, key, &old.value, nil, func() { t.set(key, old.value, tx.store.verify) })
}

// Clear deletes every row.
func (t *Table[T]) Clear(tx *Tx) {
	for _, k := range t.keys.from("", nil) {
		t.Delete(tx, k)
	}
}

// All gives every row, in key order, as of the call.
func (t *Table[T]) All(tx *Tx) iter.Seq[T] { return t.give(tx, t.keys.from("", nil)) }

// Prefix gives the rows whose key begins with prefix, in key order, as of the call.
func (t *Table[T]) Prefix(tx *Tx, prefix string) iter.Seq[T] {
	return t.give(tx, t.keys.from(prefix, func(k string) bool { return strings.HasPrefix(k, prefix) }))
}

// By gives the rows that an index finds under value, in the index's order, as of the call.
func (t *Table[T]) By(tx *Tx, index, value string) iter.Seq[T] {
	i, entries := t.found(index, value)
	keys := slices.Clone(entries)
	for n := range keys {
		keys[n] = i.key(keys[n])
	}
	return t.give(tx, keys)
}

// Down gives the rows that an index finds under value from the last to the first, as they are while it
// is asked for them: the table is not to be changed meanwhile. It costs what is taken of it.
func (t *Table[T]) Down(tx *Tx, index, value string) iter.Seq[T] {
	i, entries := t.found(index, value)
	return t.down(tx, i, entries)
}

// DownFrom is Down from the row of a key on, without that row. ok is false where the index does not find
// the row under value.
func (t *Table[T]) DownFrom(tx *Tx, index, value, key string) (rest iter.Seq[T], ok bool) {
	i, entries := t.found(index, value)
	v, ok := t.Get(tx, key)
	if !ok {
		return nil, false
	}
	n, ok := slices.BinarySearch(entries, i.entry(key, &v))
	return t.down(tx, i, entries[:n]), ok
}

func (t *Table[T]) down(tx *Tx, i *Index[T], entries []string) iter.Seq[T] {
	return func(yield func(T) bool) {
		for _, e := range slices.Backward(entries) {
			if v, ok := t.Get(tx, i.key(e)); ok && !yield(v) {
				return
			}
		}
	}
}

// Up is Down from the first to the last.
func (t *Table[T]) Up(tx *Tx, index, value string) iter.Seq[T] {
	i, entries := t.found(index, value)
	return func(yield func(T) bool) {
		for _, e := range entries {
			if v, ok := t.Get(tx, i.key(e)); ok && !yield(v) {
				return
			}
		}
	}
}

// found gives an index, and its entries under value.
func (t *Table[T]) found(index, value string) (*Index[T], []string) {
	n := slices.IndexFunc(t.indexes, func(i Index[T]) bool { return i.Name == index })
	if n < 0 {
		panic("store: table " + t.name + " has no index " + index)
	}
	if entries := t.index[index][value]; entries != nil {
		return &t.indexes[n], entries.list
	}
	return &t.indexes[n], nil
}

// CountBy gives the number of rows that an index finds under value, without reading them.
func (t *Table[T]) CountBy(_ *Tx, index, value string) int {
	_, entries := t.found(index, value)
	return len(entries)
}

// Count gives the number of rows.
func (t *Table[T]) Count(*Tx) int { return len(t.rows) }

func (t *Table[T]) give(tx *Tx, keys []string) iter.Seq[T] {
	return func(yield func(T) bool) {
		for _, k := range keys {
			if v, ok := t.Get(tx, k); ok && !yield(v) {
				return
			}
		}
	}
}

func (t *Table[T]) set(key string, v T, verify bool) {
	if old, had := t.rows[key]; had {
		t.reindex(key, &old.value, &v)
	} else {
		t.keys.add(key)
		t.reindex(key, nil, &v)
	}
	r := &row[T]{value: v}
	if verify {
		r.seal = seal(v)
	}
	t.rows[key] = r
}

func (t *Table[T]) unset(key string) {
	t.reindex(key, &t.rows[key].value, nil)
	t.keys.remove(key)
	delete(t.rows, key)
}

func (t *Table[T]) reindex(key string, before, after *T) {
	for _, i := range t.indexes {
		var was, is []string
		var from, to string
		if before != nil {
			was, from = i.Of(before), i.entry(key, before)
		}
		if after != nil {
			is, to = i.Of(after), i.entry(key, after)
		}
		if slices.Equal(was, is) && (from == to || len(is) == 0) {
			continue
		}
		values := t.index[i.Name]
		for _, v := range was {
			if values[v].remove(from); len(values[v].list) == 0 {
				delete(values, v)
			}
		}
		for _, v := range is {
			if values[v] == nil {
				values[v] = &sorted{}
			}
			values[v].add(to)
		}
	}
}

func (t *Table[T]) load(key string, value []byte, verify bool) error {
	var v T
	if err := json.Unmarshal(value, &v); err != nil {
		return err
	}
	t.set(key, v, verify)
	return nil
}

func (t *Table[T]) sealed(key string) (was, is []byte) {
	if r, ok := t.rows[key]; ok {
		return r.seal, seal(r.value)
	}
	return nil, nil
}

func (t *Table[T]) each(f func(string, any)) {
	for _, k := range t.keys.list {
		f(k, &t.rows[k].value)
	}
}

func seal(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic("store: a row cannot be written: " + err.Error())
	}
	return b
}

// sorted is a set of keys in order.
type sorted struct{ list []string }

func (s *sorted) add(k string) {
	if i, had := slices.BinarySearch(s.list, k); !had {
		s.list = slices.Insert(s.list, i, k)
	}
}

func (s *sorted) remove(k string) {
	if i, had := slices.BinarySearch(s.list, k); had {
		s.list = slices.Delete(s.list, i, i+1)
	}
}

// from copies the keys at and after first, for as long as more says so.
func (s *sorted) from(first string, more func(string) bool) []string {
	i, _ := slices.BinarySearch(s.list, first)
	j := len(s.list)
	if more != nil {
		for j = i; j < len(s.list) && more(s.list[j]); j++ {
		}
	}
	return slices.Clone(s.list[i:j])
}
