package wire

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/slipway-ecs/slipway/internal/shapes"
)

// jsonEncoder appends values as JSON by their wire names. Absent members are left out, never null.
type jsonEncoder struct {
	times Times
	body  bool // only members of a REST body
}

func (e *jsonEncoder) object(dst []byte, v reflect.Value, s *Shape) ([]byte, error) {
	dst = append(dst, '{')
	first := true
	for i := range s.Fields {
		f := &s.Fields[i]
		if e.body && f.place.At != shapes.InBody {
			continue
		}
		fv := v.Field(f.index)
		if f.node.absent(fv) {
			continue
		}
		if !first {
			dst = append(dst, ',')
		}
		first = false
		dst = append(dst, '"')
		dst = append(dst, f.Names.Member...)
		dst = append(dst, '"', ':')
		var err error
		if dst, err = e.value(dst, fv, f.node); err != nil {
			return nil, err
		}
	}
	return append(dst, '}'), nil
}

func (e *jsonEncoder) value(dst []byte, v reflect.Value, n *node) ([]byte, error) {
	if n.ptr {
		if v.IsNil() {
			return append(dst, "null"...), nil // an element of a list; a field would be absent
		}
		v = v.Elem()
	}
	switch n.kind {
	case kindString:
		return appendString(dst, v.String()), nil
	case kindBool:
		return strconv.AppendBool(dst, v.Bool()), nil
	case kindInt:
		i := v.Int()
		if n.epoch != 0 {
			i = number(i, n.epoch, e.times.Out)
		}
		return strconv.AppendInt(dst, i, 10), nil
	case kindFloat:
		f := v.Float()
		if math.IsNaN(f) || math.IsInf(f, 0) {
			dst = append(dst, '"')
			dst = appendFloat(dst, f, v.Type().Bits())
			return append(dst, '"'), nil
		}
		return appendFloat(dst, f, v.Type().Bits()), nil
	case kindBytes:
		dst = append(dst, '"')
		dst = base64.StdEncoding.AppendEncode(dst, v.Bytes())
		return append(dst, '"'), nil
	case kindTime:
		return e.time(dst, timeIn(v), n.format), nil
	case kindStruct:
		nested := *e
		nested.body = false
		return nested.object(dst, v, n.shape())
	case kindList:
		return e.list(dst, v, n)
	case kindMap:
		return e.dict(dst, v, n)
	case kindUnion:
		return e.union(dst, v, n)
	case kindDocument:
		return appendDocument(dst, v)
	}
	return nil, fmt.Errorf("a %s cannot be written as JSON", v.Type())
}

func (e *jsonEncoder) time(dst []byte, at time.Time, format timeFormat) []byte {
	at = e.times.out(at)
	switch format {
	case formatDateTime:
		return append(at.AppendFormat(append(dst, '"'), isoMillis), '"')
	case formatHTTPDate:
		return append(at.AppendFormat(append(dst, '"'), http.TimeFormat), '"')
	}
	return appendEpoch(dst, at)
}

func (e *jsonEncoder) list(dst []byte, v reflect.Value, n *node) ([]byte, error) {
	dst = append(dst, '[')
	for i := range v.Len() {
		if i > 0 {
			dst = append(dst, ',')
		}
		var err error
		if dst, err = e.value(dst, v.Index(i), n.elem); err != nil {
			return nil, err
		}
	}
	return append(dst, ']'), nil
}

func (e *jsonEncoder) dict(dst []byte, v reflect.Value, n *node) ([]byte, error) {
	dst = append(dst, '{')
	for i, k := range sortedKeys(v) {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(appendString(dst, k.String()), ':')
		var err error
		if dst, err = e.value(dst, v.MapIndex(k), n.elem); err != nil {
			return nil, err
		}
	}
	return append(dst, '}'), nil
}

func (e *jsonEncoder) union(dst []byte, v reflect.Value, n *node) ([]byte, error) {
	member := v.Elem()
	if member.Kind() == reflect.Pointer {
		member = member.Elem()
	}
	for _, m := range n.variant {
		if member.Type() == m.typ {
			dst = append(appendString(append(dst, '{'), m.name), ':')
			dst, err := e.value(dst, member.Field(0), m.node)
			return append(dst, '}'), err
		}
	}
	return nil, fmt.Errorf("%s is no member of the union %s", member.Type(), n.typ)
}

// appendDocument writes a document of the SDK: free-form JSON.
func appendDocument(dst []byte, v reflect.Value) ([]byte, error) {
	d, ok := v.Interface().(interface{ MarshalSmithyDocument() ([]byte, error) })
	if !ok {
		return nil, fmt.Errorf("%s is no document", v.Type())
	}
	raw, err := d.MarshalSmithyDocument()
	if err != nil {
		return nil, fmt.Errorf("write a document: %w", err)
	}
	if !json.Valid(raw) {
		return nil, fmt.Errorf("a document is not JSON: %.40q", raw)
	}
	return append(dst, raw...), nil
}

func sortedKeys(v reflect.Value) []reflect.Value {
	keys := v.MapKeys()
	slices.SortFunc(keys, func(a, b reflect.Value) int {
		switch x, y := a.String(), b.String(); {
		case x < y:
			return -1
		case x > y:
			return 1
		}
		return 0
	})
	return keys
}

const hexDigits = "0123456789abcdef"

// appendString writes a JSON string. Bytes that are not UTF-8 become U+FFFD.
func appendString(dst []byte, s string) []byte {
	dst = append(dst, '"')
	start := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c >= utf8.RuneSelf {
			r, size := utf8.DecodeRuneInString(s[i:])
			if r == utf8.RuneError && size == 1 {
				dst = append(append(dst, s[start:i]...), `\ufffd`...)
				start = i + 1
			}
			i += size
			continue
		}
		if c >= 0x20 && c != '"' && c != '\\' {
			i++
			continue
		}
		dst = append(dst, s[start:i]...)
		switch c {
		case '"', '\\':
			dst = append(dst, '\\', c)
		case '\n':
			dst = append(dst, '\\', 'n')
		case '\r':
			dst = append(dst, '\\', 'r')
		case '\t':
			dst = append(dst, '\\', 't')
		default:
			dst = append(dst, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
		}
		i++
		start = i
	}
	return append(append(dst, s[start:]...), '"')
}
