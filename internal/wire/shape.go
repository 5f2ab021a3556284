package wire

import (
	"io"
	"reflect"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aws/smithy-go/middleware"

	"github.com/slipway-ecs/slipway/internal/shapes"
)

// Shape says how a struct travels. It is compiled once per Go type, from its run-time schema where
// the SDK has one, else by the rule and the exceptions of package shapes.
type Shape struct {
	Type   reflect.Type
	Fields []Field

	byName map[string]int // JSON, CBOR and REST bodies
	byIn   map[string]int // query requests

	queryCode  string // of an error, for awsQueryCompatible services
	queryState int
	httpState  int // of an error, where the schema says so
}

// Field is one member of a Shape.
type Field struct {
	Go       string
	Names    shapes.Names
	BySchema bool // named by the SDK's run-time schema, not by rule

	index    int
	node     *node
	place    shapes.Place // in a REST message
	required bool
}

type kind uint8

const (
	kindString kind = iota
	kindBool
	kindInt
	kindFloat
	kindBytes
	kindTime
	kindStruct
	kindList
	kindMap
	kindUnion
	kindDocument
	kindReader
)

type timeFormat uint8

const (
	formatDefault timeFormat = iota // what the protocol does
	formatDateTime
	formatEpoch
	formatHTTPDate
)

// node is one type of value: of a field, an element or a map's value.
type node struct {
	kind    kind
	ptr     bool         // the value stands behind a pointer
	typ     reflect.Type // without that pointer
	elem    *node        // of a list or a map
	known   []string     // of a string: the values it may have; nil for any
	variant []variant    // of a union
	make    func(any) any
	format  timeFormat
	epoch   shapes.Epoch

	compiled atomic.Pointer[Shape] // of a struct; late, because types refer to themselves
}

type variant struct {
	name string
	typ  reflect.Type // of the struct with the field Value
	node *node
}

var (
	timeType     = reflect.TypeFor[time.Time]()
	metadataType = reflect.TypeFor[middleware.Metadata]()
	readerType   = reflect.TypeFor[io.Reader]()

	compiled sync.Map // a cache: reflect.Type to *Shape
)

// ShapeOf gives the shape of a struct type of the SDK; tests compare its names with other models.
func ShapeOf(t reflect.Type) *Shape { return shapeOf(t) }

// shapeOf gives the compiled shape of a struct type.
func shapeOf(t reflect.Type) *Shape {
	if s, ok := compiled.Load(t); ok {
		return s.(*Shape)
	}
	s, _ := compiled.LoadOrStore(t, compile(t))
	return s.(*Shape)
}

func (n *node) shape() *Shape {
	s := n.compiled.Load()
	if s == nil {
		s = shapeOf(n.typ)
		n.compiled.Store(s)
	}
	return s
}

func compile(t reflect.Type) *Shape {
	s := &Shape{Type: t, byName: map[string]int{}, byIn: map[string]int{}}
	schema := schemaOf(t)
	needed := map[string]bool{}
	for _, name := range shapes.Required(t) {
		needed[name] = true
	}
	for i := range t.NumField() {
		f := t.Field(i)
		if !f.IsExported() || f.Type == metadataType || f.Name == "ErrorCodeOverride" {
			continue
		}
		n := nodeOf(f.Type)
		if n == nil {
			continue
		}
		n.epoch = shapes.EpochOf(t, f.Name)
		field := Field{Go: f.Name, Names: shapes.Member(t, f.Name), index: i, node: n, place: shapes.PlaceOf(t, f.Name), required: needed[f.Name]}
		if schema != nil {
			bind(&field, schema)
		}
		s.byName[field.Names.Member] = len(s.Fields)
		s.byIn[field.Names.In] = len(s.Fields)
		s.Fields = append(s.Fields, field)
	}
	bindStruct(s, schema)
	return s
}

// nodeOf compiles a type; nil where values of it never travel.
func nodeOf(t reflect.Type) *node {
	n := &node{typ: t}
	if t.Kind() == reflect.Pointer {
		n.ptr, n.typ = true, t.Elem()
	}
	switch n.typ.Kind() {
	case reflect.String:
		n.kind, n.known = kindString, shapes.Enum(n.typ)
	case reflect.Bool:
		n.kind = kindBool
	case reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		n.kind = kindInt
	case reflect.Float32, reflect.Float64:
		n.kind = kindFloat
	case reflect.Struct:
		n.kind = kindStruct
		if n.typ == timeType {
			n.kind = kindTime
		}
	case reflect.Slice:
		if n.typ.Elem().Kind() == reflect.Uint8 {
			n.kind = kindBytes
			break
		}
		n.kind, n.elem = kindList, nodeOf(n.typ.Elem())
		if n.elem == nil {
			return nil
		}
	case reflect.Map:
		n.kind, n.elem = kindMap, nodeOf(n.typ.Elem())
		if n.elem == nil {
			return nil
		}
	case reflect.Interface:
		return interfaceNode(n)
	default:
		return nil
	}
	return n
}

func interfaceNode(n *node) *node {
	if n.typ == readerType || n.typ == reflect.TypeFor[io.ReadCloser]() {
		n.kind = kindReader
		return n
	}
	if n.make = shapes.Document(n.typ); n.make != nil {
		n.kind = kindDocument
		return n
	}
	n.kind = kindUnion
	for _, m := range shapes.Union(n.typ) {
		value, ok := m.Elem().FieldByName("Value")
		if !ok {
			continue
		}
		_, name, _ := strings.Cut(strings.TrimPrefix(m.Elem().Name(), n.typ.Name()), "Member")
		n.variant = append(n.variant, variant{shapes.UnionMember(n.typ, name), m.Elem(), nodeOf(value.Type)})
	}
	if n.variant == nil {
		return nil
	}
	return n
}

// absent reports whether a field's value is left out: nil, or an enum, a string or a time that
// is not set. Plain numbers and booleans are always there.
func (n *node) absent(v reflect.Value) bool {
	if n.ptr {
		return v.IsNil()
	}
	switch n.kind {
	case kindString:
		return v.Len() == 0
	case kindBytes, kindList, kindMap, kindUnion, kindDocument:
		return v.IsNil()
	case kindReader:
		return true
	case kindTime:
		return timeIn(v).IsZero()
	}
	return false
}

// deref gives the value behind the node's pointer, if it has one.
func (n *node) deref(v reflect.Value) reflect.Value {
	if n.ptr {
		return v.Elem()
	}
	return v
}

// settle gives the value to be set behind the node's pointer, made where it is nil.
func (n *node) settle(v reflect.Value) reflect.Value {
	if !n.ptr {
		return v
	}
	if v.IsNil() {
		v.Set(reflect.New(n.typ))
	}
	return v.Elem()
}
