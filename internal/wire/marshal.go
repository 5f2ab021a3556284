package wire

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"

	"github.com/slipway-ecs/slipway/internal/fail"
)

// Marshal gives a struct of the SDK, or a pointer to one, as JSON by its wire names: absent members
// left out, empty lists written, plain zero numbers written, timestamps in seconds since 1970.
// Rows that keep what a caller sent store these bytes; encoding/json would lose documents and
// unions. A nil pointer is null.
func Marshal(v any) (json.RawMessage, error) {
	rv := reflect.ValueOf(v)
	n := (*node)(nil)
	if rv.IsValid() {
		n = nodeOf(rv.Type())
	}
	if n == nil {
		return nil, fmt.Errorf("a %T cannot be written as JSON", v)
	}
	return (&jsonEncoder{}).value(nil, rv, n)
}

// Unmarshal reads what Marshal wrote, or AWS's own JSON form, into the value v points to. Members
// that the SDK does not know are dropped.
func Unmarshal(data []byte, v any) error {
	_, err := unmarshal(data, v)
	return err
}

// UnmarshalStrict is Unmarshal for what people write: members that do not exist are errors (fail
// code "json.unknown_key") that name the path and the nearest member, all of them joined.
func UnmarshalStrict(data []byte, v any) error {
	extras, err := unmarshal(data, v)
	if err != nil {
		return err
	}
	var all []error
	for _, e := range extras {
		path := make([]step, len(e.Path))
		for i, s := range e.Path {
			path[i] = step{name: s}
			if i > 0 && s != "" && strings.Trim(s, "0123456789") == "" {
				path[i] = step{index: atoi(s)}
			}
		}
		key := e.Path[len(e.Path)-1]
		hint := ""
		if near := nearest(key, membersAt(reflect.TypeOf(v), e.Path[:len(e.Path)-1])); near != "" {
			hint = fmt.Sprintf("did you mean %q?", near)
		}
		all = append(all, fail.New("json.unknown_key", hint, "unknown key %q at %s", key, dotted(path)))
	}
	if len(all) == 1 {
		return all[0]
	}
	return errors.Join(all...)
}

func unmarshal(data []byte, v any) ([]Extra, error) {
	rv := reflect.ValueOf(v)
	if rv.Kind() != reflect.Pointer || rv.IsNil() {
		return nil, fmt.Errorf("a %T cannot be read into", v)
	}
	n := nodeOf(rv.Type().Elem())
	if n == nil {
		return nil, fmt.Errorf("a %T cannot be read from JSON", v)
	}
	if !json.Valid(data) {
		var any json.RawMessage
		return nil, fmt.Errorf("read JSON: %w", json.Unmarshal(data, &any))
	}
	d := &jsonDecoder{data: data, budget: memoryOfElements}
	err := d.value(rv.Elem(), n)
	return d.extras, err
}

// membersAt gives the names of the members of the structure at a path below type t.
func membersAt(t reflect.Type, path []string) []string {
	n := nodeOf(t.Elem())
	for _, p := range path {
		switch n.kind {
		case kindStruct:
			i, ok := n.shape().byName[p]
			if !ok {
				return nil
			}
			n = n.shape().Fields[i].node
		case kindList, kindMap:
			n = n.elem
		case kindUnion:
			at := -1
			for i, m := range n.variant {
				if m.name == p {
					at = i
				}
			}
			if at < 0 {
				return nil
			}
			n = n.variant[at].node
		default:
			return nil
		}
	}
	var names []string
	switch n.kind {
	case kindStruct:
		for _, f := range n.shape().Fields {
			names = append(names, f.Names.Member)
		}
	case kindUnion:
		for _, m := range n.variant {
			names = append(names, m.name)
		}
	}
	return names
}

// nearest gives the name that differs least from key, "" where all differ in more than a third of
// their letters. Of equals the first wins.
func nearest(key string, names []string) string {
	best, least := "", len(key)/3+1
	for _, n := range names {
		if strings.EqualFold(n, key) {
			return n
		}
		if d := distance(strings.ToLower(key), strings.ToLower(n)); d < least {
			best, least = n, d
		}
	}
	return best
}

// distance is Levenshtein's.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}

func atoi(s string) int {
	n := 0
	for _, c := range s {
		n = n*10 + int(c-'0')
	}
	return n
}
