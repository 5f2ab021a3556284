package wire

import (
	"fmt"
	"math"
	"math/big"
	"reflect"
	"slices"
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
