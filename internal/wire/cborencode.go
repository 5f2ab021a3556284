package wire

import (
	"encoding/binary"
	"fmt"
	"math"
	"reflect"
	"strings"
)

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
		at := e.times.out(timeIn(v))
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
