package wire

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"math"
	"reflect"
	"slices"
	"strconv"

	"github.com/slipway-ecs/slipway/internal/shapes"
)

// memoryOfElements bounds what the elements of a request's lists may take in memory, in bytes:
// a small body of many empty objects must not become a large heap.
const memoryOfElements = 256 << 20

// jsonDecoder reads JSON into the SDK's structs. The text has passed json.Valid before, so that
// the reading itself need not look for errors of syntax, nor for depths beyond 10,000.
type jsonDecoder struct {
	data   []byte
	pos    int
	times  Times
	body   bool // only members of a REST body
	path   []step
	budget uintptr

	extras []Extra
}

// decodeJSON reads data into the struct v. Members that it does not know are given back.
func decodeJSON(data []byte, v reflect.Value, s *Shape, times Times, body bool) ([]Extra, error) {
	if !json.Valid(data) {
		return nil, &decodeError{msg: "the body is not JSON"}
	}
	d := &jsonDecoder{data: data, times: times, body: body, budget: memoryOfElements}
	d.space()
	if data[d.pos] == 'n' {
		return nil, nil // null is an empty request
	}
	if data[d.pos] != '{' {
		return nil, d.mismatch("a structure")
	}
	return d.extras, d.object(v, s)
}

func (d *jsonDecoder) object(v reflect.Value, s *Shape) error {
	d.pos++ // {
	body := d.body
	d.body = false
	for d.more('}') {
		key := d.key()
		i, known := s.byName[string(key)]
		if known && body && s.Fields[i].place.At != shapes.InBody {
			known = false
		}
		d.next()
		d.pos++ // :
		d.next()
		if !known {
			d.unknown(string(key))
			continue
		}
		f := &s.Fields[i]
		d.path = append(d.path, step{name: f.Names.Member})
		if err := d.value(v.Field(f.index), f.node); err != nil {
			return err
		}
		d.path = d.path[:len(d.path)-1]
	}
	return nil
}

// unknown keeps a member that the SDK's struct does not have; null is as if it were not there.
func (d *jsonDecoder) unknown(key string) {
	start := d.pos
	d.skip()
	if d.data[start] == 'n' {
		return
	}
	path := make([]string, 0, len(d.path)+1)
	for _, s := range d.path {
		path = append(path, s.text())
	}
	d.extras = append(d.extras, Extra{Path: append(path, key), Value: bytes.Clone(d.data[start:d.pos])})
}

// value reads what stands here into v. Null leaves v as it is.
func (d *jsonDecoder) value(v reflect.Value, n *node) error {
	c := d.next()
	if c == 'n' {
		d.pos += len("null")
		return nil
	}
	switch n.kind {
	case kindString:
		if c != '"' {
			return d.mismatch("a String")
		}
		n.settle(v).SetString(d.text())
	case kindBool:
		if c != 't' && c != 'f' {
			return d.mismatch("a Boolean")
		}
		d.skip()
		n.settle(v).SetBool(c == 't')
	case kindInt:
		return d.integer(v, n)
	case kindFloat:
		return d.float(v, n)
	case kindTime:
		return d.time(v, n)
	case kindBytes:
		if c != '"' {
			return d.mismatch("a Blob")
		}
		raw, err := base64.StdEncoding.DecodeString(d.text())
		if err != nil {
			return d.fault("is not base64")
		}
		n.settle(v).SetBytes(raw)
	case kindStruct:
		if c != '{' {
			return d.mismatch("a structure")
		}
		return d.object(n.settle(v), n.shape())
	case kindList:
		if c != '[' {
			return d.mismatch("a list")
		}
		return d.list(v, n)
	case kindMap:
		if c != '{' {
			return d.mismatch("a map")
		}
		return d.dict(v, n)
	case kindUnion:
		if c != '{' {
			return d.mismatch("a union")
		}
		return d.union(v, n)
	case kindDocument:
		start := d.pos
		d.skip()
		doc, err := plain(d.data[start:d.pos])
		if err != nil {
			return d.fault("is not a document")
		}
		v.Set(reflect.ValueOf(n.make(doc)))
	default:
		return d.fault("cannot travel in JSON")
	}
	return nil
}

func (d *jsonDecoder) integer(v reflect.Value, n *node) error {
	if c := d.next(); c != '-' && (c < '0' || c > '9') {
		return d.mismatch("an Integer")
	}
	raw := d.number()
	i, err := strconv.ParseInt(raw, 10, 64)
	if err != nil {
		f, err := strconv.ParseFloat(raw, 64)
		if err != nil || f != math.Trunc(f) || math.Abs(f) > 1<<53 {
			return d.fault("is not an integer: " + clip(raw))
		}
		i = int64(f)
	}
	if n.epoch != 0 {
		i = number(i, n.epoch, d.times.In)
	}
	if !setInt(n.settle(v), i) {
		return d.fault("is out of range: " + clip(raw))
	}
	return nil
}

func (d *jsonDecoder) float(v reflect.Value, n *node) error {
	var raw string
	switch c := d.next(); {
	case c == '"':
		raw = d.text()
		if raw != "NaN" && raw != "Infinity" && raw != "-Infinity" {
			return d.fault("STRING_VALUE can not be converted to a Double")
		}
	case c == '-' || c >= '0' && c <= '9':
		raw = d.number()
	default:
		return d.mismatch("a Double")
	}
	f, err := parseFloat(raw)
	if err != nil {
		return d.fault("is out of range: " + clip(raw))
	}
	n.settle(v).SetFloat(f)
	return nil
}

// time reads seconds since 1970; ISO 8601 as well, which some tools send.
func (d *jsonDecoder) time(v reflect.Value, n *node) error {
	c := d.next()
	if c == '"' {
		at, ok := parseISO(d.text())
		if !ok {
			return d.fault("STRING_VALUE can not be converted to milliseconds since epoch")
		}
		n.settle(v).Set(reflect.ValueOf(d.times.in(at)))
		return nil
	}
	if c != '-' && (c < '0' || c > '9') {
		return d.mismatch("milliseconds since epoch")
	}
	f, err := strconv.ParseFloat(d.number(), 64)
	at, ok := fromEpoch(f)
	if err != nil || !ok {
		return d.fault("is no time since epoch")
	}
	n.settle(v).Set(reflect.ValueOf(d.times.in(at)))
	return nil
}

func (d *jsonDecoder) list(v reflect.Value, n *node) error {
	d.pos++ // [
	v = n.settle(v)
	v.Set(reflect.MakeSlice(n.typ, 0, 0))
	size := n.typ.Elem().Size()
	for i := 0; d.more(']'); i++ {
		if d.budget < size {
			return d.fault("has too many elements")
		}
		d.budget -= size
		if i == v.Cap() {
			v.Grow(1)
		}
		v.SetLen(i + 1)
		d.path = append(d.path, step{index: i})
		if err := d.value(v.Index(i), n.elem); err != nil {
			return err
		}
		d.path = d.path[:len(d.path)-1]
	}
	return nil
}

func (d *jsonDecoder) dict(v reflect.Value, n *node) error {
	d.pos++ // {
	v = n.settle(v)
	v.Set(reflect.MakeMap(n.typ))
	size := n.typ.Elem().Size()
	for d.more('}') {
		key := string(d.key())
		d.next()
		d.pos++ // :
		if d.next() == 'n' {
			d.skip()
			continue
		}
		if d.budget < size {
			return d.fault("has too many entries")
		}
		d.budget -= size
		elem := reflect.New(n.typ.Elem()).Elem()
		d.path = append(d.path, step{name: key})
		if err := d.value(elem, n.elem); err != nil {
			return err
		}
		d.path = d.path[:len(d.path)-1]
		v.SetMapIndex(reflect.ValueOf(key).Convert(n.typ.Key()), elem)
	}
	return nil
}

func (d *jsonDecoder) union(v reflect.Value, n *node) error {
	d.pos++ // {
	for d.more('}') {
		key := string(d.key())
		d.next()
		d.pos++ // :
		null := d.next() == 'n'
		i := slices.IndexFunc(n.variant, func(m variant) bool { return m.name == key })
		if i < 0 || null {
			d.unknown(key)
			continue
		}
		if !v.IsNil() {
			return d.fault("has more than one member of a union")
		}
		m := n.variant[i]
		member := reflect.New(m.typ)
		d.path = append(d.path, step{name: key})
		if err := d.value(member.Elem().Field(0), m.node); err != nil {
			return err
		}
		d.path = d.path[:len(d.path)-1]
		v.Set(member)
	}
	return nil
}
