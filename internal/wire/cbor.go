package wire

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/big"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/fxamacker/cbor/v2"
)

// cborMode reads CBOR into plain values: definite and indefinite lengths, floats of all sizes, tag 1
// with whole or broken seconds. Its bounds keep a small body from becoming a large heap.
var cborMode = mustCBOR()

func mustCBOR() cbor.DecMode {
	m, err := cbor.DecOptions{
		DefaultMapType:   reflect.TypeFor[map[string]any](),
		MaxNestedLevels:  64,
		MaxArrayElements: 1 << 20,
		MaxMapPairs:      1 << 20,
		UTF8:             cbor.UTF8DecodeInvalid,
	}.DecMode()
	if err != nil {
		panic(fmt.Sprintf("wire: the options of CBOR: %v", err))
	}
	return m
}

// decodeCBOR reads a body into the struct v; an empty body is an empty map.
func decodeCBOR(data []byte, v reflect.Value, s *Shape, times Times) error {
	if len(data) == 0 {
		return nil
	}
	var root any
	if err := cborMode.Unmarshal(data, &root); err != nil {
		return &decodeError{msg: "the body is not CBOR"}
	}
	d := &cborDecoder{times: times, budget: memoryOfElements}
	switch m := root.(type) {
	case nil:
		return nil
	case map[string]any:
		return d.object(m, v, s)
	}
	return d.fault("the body is not a map")
}

type cborDecoder struct {
	times  Times
	path   []step
	budget uintptr
}

func (d *cborDecoder) fault(msg string) error { return &decodeError{path: dotted(d.path), msg: msg} }

func (d *cborDecoder) object(m map[string]any, v reflect.Value, s *Shape) error {
	for i := range s.Fields {
		f := &s.Fields[i]
		x := m[f.Names.Member]
		if x == nil {
			continue
		}
		d.path = append(d.path, step{name: f.Names.Member})
		if err := d.value(x, v.Field(f.index), f.node); err != nil {
			return err
		}
		d.path = d.path[:len(d.path)-1]
	}
	return nil
}

func (d *cborDecoder) value(x any, v reflect.Value, n *node) error {
	switch n.kind {
	case kindString:
		s, ok := x.(string)
		if !ok {
			return d.fault("expected a string")
		}
		n.settle(v).SetString(s)
	case kindBool:
		b, ok := x.(bool)
		if !ok {
			return d.fault("expected a boolean")
		}
		n.settle(v).SetBool(b)
	case kindInt:
		i, ok := whole(x)
		if !ok {
			return d.fault("expected an integer")
		}
		if n.epoch != 0 {
			i = number(i, n.epoch, d.times.In)
		}
		if !setInt(n.settle(v), i) {
			return d.fault("out of range")
		}
	case kindFloat:
		f, ok := broken(x)
		if !ok {
			return d.fault("expected a number")
		}
		n.settle(v).SetFloat(f)
	case kindTime:
		at, ok := moment(x)
		if !ok {
			return d.fault("expected a timestamp")
		}
		n.settle(v).Set(reflect.ValueOf(d.times.in(at)))
	case kindBytes:
		b, ok := x.([]byte)
		if !ok {
			return d.fault("expected bytes")
		}
		n.settle(v).SetBytes(slices.Clone(b))
	case kindStruct:
		m, ok := x.(map[string]any)
		if !ok {
			return d.fault("expected a structure")
		}
		return d.object(m, n.settle(v), n.shape())
	case kindList:
		return d.list(x, n.settle(v), n)
	case kindMap:
		return d.dict(x, n.settle(v), n)
	case kindUnion:
		return d.union(x, v, n)
	default:
		return d.fault("cannot travel in CBOR")
	}
	return nil
}

func (d *cborDecoder) list(x any, v reflect.Value, n *node) error {
	list, ok := x.([]any)
	if !ok {
		return d.fault("expected a list")
	}
	size := n.typ.Elem().Size() * uintptr(len(list))
	if size > d.budget {
		return d.fault("too many elements")
	}
	d.budget -= size
	v.Set(reflect.MakeSlice(n.typ, len(list), len(list)))
	for i, x := range list {
		if x == nil {
			continue
		}
		d.path = append(d.path, step{index: i})
		if err := d.value(x, v.Index(i), n.elem); err != nil {
			return err
		}
		d.path = d.path[:len(d.path)-1]
	}
	return nil
}

func (d *cborDecoder) dict(x any, v reflect.Value, n *node) error {
	m, ok := x.(map[string]any)
	if !ok {
		return d.fault("expected a map")
	}
	v.Set(reflect.MakeMapWithSize(n.typ, len(m)))
	for k, x := range m { // into another map: the order does not matter
		if x == nil {
			continue
		}
		elem := reflect.New(n.typ.Elem()).Elem()
		d.path = append(d.path, step{name: k})
		if err := d.value(x, elem, n.elem); err != nil {
			return err
		}
		d.path = d.path[:len(d.path)-1]
		v.SetMapIndex(reflect.ValueOf(k).Convert(n.typ.Key()), elem)
	}
	return nil
}

func (d *cborDecoder) union(x any, v reflect.Value, n *node) error {
	m, ok := x.(map[string]any)
	if !ok {
		return d.fault("expected a union")
	}
	for _, alt := range n.variant {
		x := m[alt.name]
		if x == nil {
			continue
		}
		member := reflect.New(alt.typ)
		if err := d.value(x, member.Elem().Field(0), alt.node); err != nil {
			return err
		}
		v.Set(member)
		return nil
	}
	return nil
}

// whole gives an integer out of whatever number CBOR held.
func whole(x any) (int64, bool) {
	switch x := x.(type) {
	case uint64:
		return int64(x), x <= math.MaxInt64
	case int64:
		return x, true
	case float64:
		return int64(x), x == math.Trunc(x) && math.Abs(x) <= 1<<53
	}
	return 0, false
}

func broken(x any) (float64, bool) {
	switch x := x.(type) {
	case uint64:
		return float64(x), true
	case int64:
		return float64(x), true
	case float64:
		return x, true
	case big.Int:
		f, _ := new(big.Float).SetInt(&x).Float64()
		return f, true
	}
	return 0, false
}

func moment(x any) (time.Time, bool) {
	switch x := x.(type) {
	case time.Time:
		return fromEpoch(float64(x.Unix()) + float64(x.Nanosecond())/1e9)
	case string:
		return parseISO(x)
	case cbor.Tag:
		return moment(x.Content)
	}
	f, ok := broken(x)
	if !ok {
		return time.Time{}, false
	}
	return fromEpoch(f)
}

// cborEncoder appends values as CBOR with definite lengths.
type cborEncoder struct{ times Times }

// The major types of CBOR (RFC 8949, section 3.1).
const (
	cborUint   = 0 << 5
	cborNegint = 1 << 5
	cborBytes  = 2 << 5
	cborText   = 3 << 5
	cborArray  = 4 << 5
	cborMap    = 5 << 5
	cborTag    = 6 << 5
	cborFalse  = 0xf4
	cborTrue   = 0xf5
	cborNull   = 0xf6
	cborDouble = 0xfb
)

func cborHead(dst []byte, major byte, n uint64) []byte {
	switch {
	case n < 24:
		return append(dst, major|byte(n))
	case n <= math.MaxUint8:
		return append(dst, major|24, byte(n))
	case n <= math.MaxUint16:
		return binary.BigEndian.AppendUint16(append(dst, major|25), uint16(n))
	case n <= math.MaxUint32:
		return binary.BigEndian.AppendUint32(append(dst, major|26), uint32(n))
	}
	return binary.BigEndian.AppendUint64(append(dst, major|27), n)
}

func cborString(dst []byte, s string) []byte {
	s = strings.ToValidUTF8(s, "\uFFFD")
	return append(cborHead(dst, cborText, uint64(len(s))), s...)
}

func cborFloat(dst []byte, f float64) []byte {
	return binary.BigEndian.AppendUint64(append(dst, cborDouble), math.Float64bits(f))
}

func (e *cborEncoder) object(dst []byte, v reflect.Value, s *Shape) ([]byte, error) {
	var count uint64
	for i := range s.Fields {
		if f := &s.Fields[i]; !f.node.absent(v.Field(f.index)) {
			count++
		}
	}
	dst = cborHead(dst, cborMap, count)
	for i := range s.Fields {
		f := &s.Fields[i]
		fv := v.Field(f.index)
		if f.node.absent(fv) {
			continue
		}
		var err error
		if dst, err = e.value(cborString(dst, f.Names.Member), fv, f.node); err != nil {
			return nil, err
		}
	}
	return dst, nil
}

func (e *cborEncoder) value(dst []byte, v reflect.Value, n *node) ([]byte, error) {
	if n.ptr {
		if v.IsNil() {
			return append(dst, cborNull), nil
		}
		v = v.Elem()
	}
	var err error
	switch n.kind {
	case kindString:
		return cborString(dst, v.String()), nil
	case kindBool:
		if v.Bool() {
			return append(dst, cborTrue), nil
		}
		return append(dst, cborFalse), nil
	case kindInt:
		i := v.Int()
		if n.epoch != 0 {
			i = number(i, n.epoch, e.times.Out)
		}
		if i < 0 {
			return cborHead(dst, cborNegint, uint64(-1-i)), nil
		}
		return cborHead(dst, cborUint, uint64(i)), nil
	case kindFloat:
		return cborFloat(dst, v.Float()), nil
	case kindBytes:
		return append(cborHead(dst, cborBytes, uint64(v.Len())), v.Bytes()...), nil
	case kindTime:
		at := e.times.out(v.Interface().(time.Time))
		return cborFloat(cborHead(dst, cborTag, 1), float64(at.UnixMilli())/1000), nil
	case kindStruct:
		return e.object(dst, v, n.shape())
	case kindList:
		dst = cborHead(dst, cborArray, uint64(v.Len()))
		for i := range v.Len() {
			if dst, err = e.value(dst, v.Index(i), n.elem); err != nil {
				return nil, err
			}
		}
		return dst, nil
	case kindMap:
		dst = cborHead(dst, cborMap, uint64(v.Len()))
		for _, k := range sortedKeys(v) {
			if dst, err = e.value(cborString(dst, k.String()), v.MapIndex(k), n.elem); err != nil {
				return nil, err
			}
		}
		return dst, nil
	case kindUnion:
		member := v.Elem()
		if member.Kind() == reflect.Pointer {
			member = member.Elem()
		}
		for _, m := range n.variant {
			if member.Type() == m.typ {
				return e.value(cborString(cborHead(dst, cborMap, 1), m.name), member.Field(0), m.node)
			}
		}
	}
	return nil, fmt.Errorf("a %s cannot be written as CBOR", v.Type())
}
