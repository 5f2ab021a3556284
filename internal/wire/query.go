package wire

import (
	"encoding/base64"
	"maps"
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// The bounds of a query request: parameters, and parts between the dots of one key.
const (
	maxParameters = 200_000
	maxKeyParts   = 32
)

// form is a query request as a tree: the parts of its keys, with their values at the leaves.
type form struct {
	value string
	given bool // the key itself was there
	parts map[string]*form
}

// parseForm reads a form body or a query string.
func parseForm(raw string) (*form, error) {
	root := &form{}
	for count := 0; raw != ""; count++ {
		var pair string
		pair, raw, _ = strings.Cut(raw, "&")
		if pair == "" {
			continue
		}
		if count >= maxParameters {
			return nil, &decodeError{msg: "the request has too many parameters"}
		}
		k, v, _ := strings.Cut(pair, "=")
		key, err := url.QueryUnescape(k)
		if err != nil {
			return nil, &decodeError{msg: "a parameter's name is not encoded as a form"}
		}
		value, err := url.QueryUnescape(v)
		if err != nil {
			return nil, &decodeError{path: key, msg: "the parameter's value is not encoded as a form"}
		}
		if strings.Count(key, ".") >= maxKeyParts {
			return nil, &decodeError{msg: "a parameter's name has too many parts"}
		}
		at := root
		for _, part := range strings.Split(key, ".") {
			if at.parts == nil {
				at.parts = map[string]*form{}
			}
			if at.parts[part] == nil {
				at.parts[part] = &form{}
			}
			at = at.parts[part]
		}
		at.value, at.given = value, true
	}
	return root, nil
}

// get gives the value of a key without dots.
func (f *form) get(key string) string {
	if p := f.parts[key]; p != nil {
		return p.value
	}
	return ""
}

// numbered gives the parts that are numbers, in their order: SDKs send 10 before 2.
func (f *form) numbered() []*form {
	var order []int
	at := map[int]*form{}
	for k, p := range f.parts {
		if n, err := strconv.Atoi(k); err == nil && n >= 0 && at[n] == nil {
			order = append(order, n)
			at[n] = p
		}
	}
	slices.Sort(order)
	list := make([]*form, len(order))
	for i, n := range order {
		list[i] = at[n]
	}
	return list
}

// queryDecoder reads a form into the SDK's structs.
type queryDecoder struct {
	times  Times
	budget uintptr
}

func decodeQuery(f *form, v reflect.Value, s *Shape, times Times) error {
	d := &queryDecoder{times: times, budget: memoryOfElements}
	return d.object(f, v, s, "")
}

func (d *queryDecoder) object(f *form, v reflect.Value, s *Shape, path string) error {
	for i := range s.Fields {
		field := &s.Fields[i]
		p := f.parts[field.Names.In]
		if p == nil {
			continue
		}
		if err := d.value(p, v.Field(field.index), field.node, join(path, field.Names.In)); err != nil {
			return err
		}
	}
	return nil
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

func (d *queryDecoder) value(f *form, v reflect.Value, n *node, path string) error {
	switch n.kind {
	case kindStruct:
		return d.object(f, n.settle(v), n.shape(), path)
	case kindList:
		return d.list(f, n.settle(v), n, path)
	case kindMap:
		return d.dict(f, n.settle(v), n, path)
	case kindUnion:
		return d.union(f, v, n, path)
	}
	if !f.given {
		return nil
	}
	return parseScalar(f.value, v, n, d.times, path)
}

// list reads Name.member.N, or the flat Name.N of EC2. A bare "Name=" is an empty list.
func (d *queryDecoder) list(f *form, v reflect.Value, n *node, path string) error {
	items := f.numbered()
	if m := f.parts["member"]; m != nil {
		items = append(m.numbered(), items...)
	}
	if err := d.spend(n, len(items), path); err != nil {
		return err
	}
	v.Set(reflect.MakeSlice(n.typ, len(items), len(items)))
	for i, item := range items {
		if err := d.value(item, v.Index(i), n.elem, path+".member."+strconv.Itoa(i+1)); err != nil {
			return err
		}
	}
	return nil
}

// dict reads Name.entry.N.key and value.
func (d *queryDecoder) dict(f *form, v reflect.Value, n *node, path string) error {
	items := f.numbered()
	if m := f.parts["entry"]; m != nil {
		items = append(m.numbered(), items...)
	}
	if err := d.spend(n, len(items), path); err != nil {
		return err
	}
	v.Set(reflect.MakeMap(n.typ))
	for i, item := range items {
		elem := reflect.New(n.typ.Elem()).Elem()
		if p := item.parts["value"]; p != nil {
			if err := d.value(p, elem, n.elem, path+".entry."+strconv.Itoa(i+1)+".value"); err != nil {
				return err
			}
		}
		v.SetMapIndex(reflect.ValueOf(item.get("key")).Convert(n.typ.Key()), elem)
	}
	return nil
}

func (d *queryDecoder) union(f *form, v reflect.Value, n *node, path string) error {
	for _, name := range slices.Sorted(maps.Keys(f.parts)) {
		for _, m := range n.variant {
			if m.name != name {
				continue
			}
			member := reflect.New(m.typ)
			if err := d.value(f.parts[name], member.Elem().Field(0), m.node, join(path, name)); err != nil {
				return err
			}
			v.Set(member)
			return nil
		}
	}
	return nil
}

func (d *queryDecoder) spend(n *node, count int, path string) error {
	size := n.typ.Elem().Size() * uintptr(count)
	if size > d.budget {
		return &decodeError{path: path, msg: "too many elements"}
	}
	d.budget -= size
	return nil
}

// parseScalar reads the text of a query parameter, a header or a part of a path.
func parseScalar(s string, v reflect.Value, n *node, times Times, path string) error {
	wrong := func(what string) error {
		return &decodeError{path: path, msg: strconv.Quote(clip(s)) + " is not a valid " + what}
	}
	switch n.kind {
	case kindString:
		n.settle(v).SetString(s)
	case kindBool:
		switch strings.ToLower(s) {
		case "true":
			n.settle(v).SetBool(true)
		case "false":
			n.settle(v).SetBool(false)
		default:
			return wrong("boolean")
		}
	case kindInt:
		i, err := strconv.ParseInt(s, 10, 64)
		if err != nil {
			return wrong("integer")
		}
		if n.epoch != 0 {
			i = number(i, n.epoch, times.In)
		}
		if !setInt(n.settle(v), i) {
			return wrong("integer")
		}
	case kindFloat:
		f, err := parseFloat(s)
		if err != nil {
			return wrong("number")
		}
		n.settle(v).SetFloat(f)
	case kindTime:
		at, ok := parseISO(s)
		if f, err := strconv.ParseFloat(s, 64); !ok && err == nil {
			at, ok = fromEpoch(f)
		}
		if !ok {
			return wrong("timestamp")
		}
		n.settle(v).Set(reflect.ValueOf(times.in(at)))
	case kindBytes:
		raw, err := base64.StdEncoding.DecodeString(s)
		if err != nil {
			return wrong("base64 text")
		}
		n.settle(v).SetBytes(raw)
	case kindDocument:
		doc, err := plain([]byte(s))
		if err != nil {
			return wrong("document")
		}
		v.Set(reflect.ValueOf(n.make(doc)))
	}
	return nil
}
