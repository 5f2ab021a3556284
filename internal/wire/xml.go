package wire

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"reflect"
	"strconv"
	"time"
	"unicode/utf8"
)

// xmlEncoder appends values as the XML of query answers.
type xmlEncoder struct {
	times Times
	item  string // the element of a list: "member", in EC2 "item"
}

// answer writes the whole answer of an operation.
func (e *xmlEncoder) answer(dst []byte, s *Service, op *operation, v reflect.Value, requestID string) ([]byte, error) {
	dst = append(dst, '<')
	dst = append(dst, op.name...)
	dst = append(dst, `Response xmlns="`...)
	dst = append(dst, s.namespace...)
	dst = append(dst, `">`...)
	var err error
	if s.ec2 {
		dst = element(dst, "requestId", requestID)
		if len(op.out.Fields) == 0 {
			dst = element(dst, "return", "true")
		} else if dst, err = e.object(dst, v, op.out); err != nil {
			return nil, err
		}
	} else {
		if !op.void {
			dst = open(dst, op.name+"Result")
			if dst, err = e.object(dst, v, op.out); err != nil {
				return nil, err
			}
			dst = shut(dst, op.name+"Result")
		}
		dst = open(dst, "ResponseMetadata")
		dst = element(dst, "RequestId", requestID)
		dst = shut(dst, "ResponseMetadata")
	}
	return shut(dst, op.name+"Response"), nil
}

func open(dst []byte, name string) []byte {
	return append(append(append(dst, '<'), name...), '>')
}

func shut(dst []byte, name string) []byte {
	return append(append(append(dst, '<', '/'), name...), '>')
}

func element(dst []byte, name, text string) []byte {
	return shut(appendText(open(dst, name), text), name)
}

func (e *xmlEncoder) object(dst []byte, v reflect.Value, s *Shape) ([]byte, error) {
	for i := range s.Fields {
		f := &s.Fields[i]
		fv := v.Field(f.index)
		if f.node.absent(fv) {
			continue
		}
		var err error
		dst = open(dst, f.Names.Out)
		if dst, err = e.value(dst, fv, f.node); err != nil {
			return nil, err
		}
		dst = shut(dst, f.Names.Out)
	}
	return dst, nil
}

func (e *xmlEncoder) value(dst []byte, v reflect.Value, n *node) ([]byte, error) {
	if n.ptr {
		if v.IsNil() {
			return dst, nil
		}
		v = v.Elem()
	}
	switch n.kind {
	case kindStruct:
		return e.object(dst, v, n.shape())
	case kindList:
		for i := range v.Len() {
			var err error
			if dst, err = e.value(open(dst, e.item), v.Index(i), n.elem); err != nil {
				return nil, err
			}
			dst = shut(dst, e.item)
		}
		return dst, nil
	case kindMap:
		for _, k := range sortedKeys(v) {
			dst = open(element(open(dst, "entry"), "key", k.String()), "value")
			var err error
			if dst, err = e.value(dst, v.MapIndex(k), n.elem); err != nil {
				return nil, err
			}
			dst = shut(shut(dst, "value"), "entry")
		}
		return dst, nil
	case kindUnion:
		member := v.Elem()
		if member.Kind() == reflect.Pointer {
			member = member.Elem()
		}
		for _, m := range n.variant {
			if member.Type() == m.typ {
				dst, err := e.value(open(dst, m.name), member.Field(0), m.node)
				return shut(dst, m.name), err
			}
		}
	default:
		return appendScalar(dst, v, n, e.times, isoMillis, appendText)
	}
	return nil, fmt.Errorf("a %s cannot be written as XML", v.Type())
}

// appendScalar writes a value as the text of an element, a header or a parameter; the layout is of
// its times, and text writes a string.
func appendScalar(dst []byte, v reflect.Value, n *node, times Times, layout string, text func([]byte, string) []byte) ([]byte, error) {
	switch n.kind {
	case kindString:
		return text(dst, v.String()), nil
	case kindBool:
		return strconv.AppendBool(dst, v.Bool()), nil
	case kindInt:
		i := v.Int()
		if n.epoch != 0 {
			i = number(i, n.epoch, times.Out)
		}
		return strconv.AppendInt(dst, i, 10), nil
	case kindFloat:
		return appendFloat(dst, v.Float(), v.Type().Bits()), nil
	case kindBytes:
		return base64.StdEncoding.AppendEncode(dst, v.Bytes()), nil
	case kindTime:
		at := times.out(v.Interface().(time.Time))
		switch n.format {
		case formatEpoch:
			return appendEpoch(dst, at), nil
		case formatHTTPDate:
			layout = http.TimeFormat
		case formatDateTime:
			layout = isoMillis
		}
		return at.AppendFormat(dst, layout), nil
	}
	return nil, fmt.Errorf("a %s cannot be written as text", v.Type())
}

// appendText writes the text of an XML element. Characters that XML 1.0 cannot hold become U+FFFD.
func appendText(dst []byte, s string) []byte {
	for _, r := range s {
		switch r {
		case '&':
			dst = append(dst, "&amp;"...)
		case '<':
			dst = append(dst, "&lt;"...)
		case '>':
			dst = append(dst, "&gt;"...)
		case '"':
			dst = append(dst, "&quot;"...)
		case '\r':
			dst = append(dst, "&#xD;"...)
		default:
			if r < 0x20 && r != '\t' && r != '\n' || r == 0xFFFE || r == 0xFFFF {
				r = utf8.RuneError
			}
			dst = utf8.AppendRune(dst, r)
		}
	}
	return dst
}
