package roundtrip

import (
	"fmt"
	"io"
	"math/rand/v2"
	"reflect"
	"strings"
	"time"

	"github.com/slipway-ecs/slipway/internal/shapes"
)

// maxDepth ends types that hold themselves.
const maxDepth = 6

// filler makes random values of the SDK's structs.
type filler struct {
	r    *rand.Rand
	full bool // leaves no member of the outermost structure out
}

func (f *filler) fill(v reflect.Value, depth int) {
	t := v.Type()
	switch t.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(t.Elem()))
		f.fill(v.Elem(), depth)
	case reflect.String:
		v.SetString(f.text())
	case reflect.Bool:
		v.SetBool(f.r.IntN(2) == 0)
	case reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		v.SetInt(int64(f.r.IntN(1_000_000)))
	case reflect.Float32, reflect.Float64:
		v.SetFloat(float64(f.r.IntN(1_000_000)) / 8)
	case reflect.Slice:
		if t.Elem().Kind() == reflect.Uint8 {
			b := make([]byte, 1+f.r.IntN(8))
			for i := range b {
				b[i] = byte(f.r.UintN(256))
			}
			v.Set(reflect.ValueOf(b).Convert(t))
			return
		}
		n := 1 + f.r.IntN(2)
		v.Set(reflect.MakeSlice(t, n, n))
		for i := range n {
			f.fill(v.Index(i), depth+1)
		}
	case reflect.Map:
		v.Set(reflect.MakeMap(t))
		for range 1 + f.r.IntN(2) {
			e := reflect.New(t.Elem()).Elem()
			f.fill(e, depth+1)
			v.SetMapIndex(reflect.ValueOf(f.name()).Convert(t.Key()), e)
		}
	case reflect.Struct:
		f.structure(v, depth)
	case reflect.Interface:
		f.face(v, depth)
	}
}

func (f *filler) structure(v reflect.Value, depth int) {
	t := v.Type()
	if t == reflect.TypeFor[time.Time]() {
		v.Set(reflect.ValueOf(time.UnixMilli(1_700_000_000_000 + f.r.Int64N(100_000_000_000)).UTC()))
		return
	}
	needed := map[string]bool{}
	for _, n := range shapes.Required(t) {
		needed[n] = true
	}
	for i := range t.NumField() {
		field := t.Field(i)
		if !field.IsExported() || field.Name == "ResultMetadata" {
			continue
		}
		if !needed[field.Name] && !(f.full && depth == 0) && (depth >= maxDepth || f.r.IntN(8) == 0) {
			continue
		}
		if depth > 3*maxDepth {
			continue
		}
		f.fill(v.Field(i), depth+1)
	}
	// Query requests cannot say that a structure is there and empty.
	for i := 0; v.IsZero() && i < t.NumField(); i++ {
		if k := t.Field(i); k.IsExported() && depth > 0 && scalar(k.Type) {
			f.fill(v.Field(i), depth+1)
		}
	}
	for i := 0; v.IsZero() && i < t.NumField(); i++ {
		if k := t.Field(i); k.IsExported() && depth > 0 && depth < 3*maxDepth {
			f.fill(v.Field(i), depth+1)
		}
	}
}

func scalar(t reflect.Type) bool {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return t.Kind() != reflect.Struct && t.Kind() != reflect.Slice && t.Kind() != reflect.Map && t.Kind() != reflect.Interface || t == reflect.TypeFor[time.Time]()
}

func (f *filler) face(v reflect.Value, depth int) {
	t := v.Type()
	if t == reflect.TypeFor[io.Reader]() {
		v.Set(reflect.ValueOf(strings.NewReader(f.text())))
		return
	}
	if mk := shapes.Document(t); mk != nil {
		v.Set(reflect.ValueOf(mk(map[string]any{"a": []any{"b", true, 1.5, int64(7)}, f.name(): f.text()})))
		return
	}
	if members := shapes.Union(t); members != nil {
		m := reflect.New(members[f.r.IntN(len(members))].Elem())
		f.fill(m.Elem().Field(0), depth+1)
		v.Set(m)
	}
}

func (f *filler) name() string { return fmt.Sprintf("k%d", f.r.IntN(1000)) }

// text gives strings with what protocols stumble over: quotes, markup, separators, letters beyond
// ASCII. It begins and ends with a letter: headers are trimmed.
func (f *filler) text() string {
	parts := []string{"a", "Zz", "9", "/", ":", "%", "+", "&", "=", "<", ">", "\"", "'", "\\", " ", ".", "é", "日", "{}", "[]", ";", "?", "#", "~"}
	var b strings.Builder
	b.WriteString("x")
	for range f.r.IntN(6) {
		b.WriteString(parts[f.r.IntN(len(parts))])
	}
	return b.String() + "y"
}
