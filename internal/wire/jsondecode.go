package wire

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/slipway-ecs/slipway/internal/shapes"
)

// decodeError is a body that is not what the operation's input asks for.
type decodeError struct {
	path string
	msg  string
}

func (e *decodeError) Error() string {
	if e.path == "" {
		return e.msg
	}
	return e.path + ": " + e.msg
}

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

// step is one part of where the decoder is: a member, a map's key or, where name is "", an index.
type step struct {
	name  string
	index int
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

func (d *jsonDecoder) space() {
	for d.pos < len(d.data) {
		switch d.data[d.pos] {
		case ' ', '\t', '\n', '\r':
			d.pos++
		default:
			return
		}
	}
}

// next gives the byte the next value begins with.
func (d *jsonDecoder) next() byte { d.space(); return d.data[d.pos] }

// more steps over the comma between two members, or over the end of the list or object.
func (d *jsonDecoder) more(end byte) bool {
	switch d.next() {
	case ',':
		d.pos++
		return d.next() != end
	case end:
		d.pos++
		return false
	}
	return true
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

func (s step) text() string {
	if s.name == "" {
		return strconv.Itoa(s.index)
	}
	return s.name
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

// key reads a member's name; without escapes it is a part of the text itself.
func (d *jsonDecoder) key() []byte {
	d.next()
	start := d.pos
	d.skip()
	raw := d.data[start+1 : d.pos-1]
	if bytes.IndexByte(raw, '\\') < 0 {
		return raw
	}
	return []byte(unquote(d.data[start:d.pos]))
}

func (d *jsonDecoder) text() string {
	start := d.pos
	d.skip()
	raw := d.data[start+1 : d.pos-1]
	if bytes.IndexByte(raw, '\\') < 0 && utf8.Valid(raw) {
		return string(raw)
	}
	return unquote(d.data[start:d.pos])
}

func unquote(raw []byte) string {
	var s string
	if err := json.Unmarshal(raw, &s); err != nil {
		return "" // cannot be: the text is valid JSON
	}
	return s
}

func (d *jsonDecoder) number() string {
	start := d.pos
	d.skip()
	return string(d.data[start:d.pos])
}

// skip steps over one value.
func (d *jsonDecoder) skip() { d.pos = skipJSON(d.data, d.pos) }

// afterString gives the end of the string that begins at pos.
func afterString(data []byte, pos int) int {
	for pos++; data[pos] != '"'; pos++ {
		if data[pos] == '\\' {
			pos++
		}
	}
	return pos + 1
}

// ends are the bytes that end a number or a word.
var ends = [256]bool{' ': true, '\t': true, '\n': true, '\r': true, ',': true, ':': true, ']': true, '}': true}

// skipJSON gives the end of the value that begins at pos of a valid text.
func skipJSON(data []byte, pos int) int {
	depth := 0
	for pos < len(data) {
		switch c := data[pos]; c {
		case '"':
			pos = afterString(data, pos)
		case '{', '[':
			depth++
			pos++
			continue
		case '}', ']':
			depth--
			pos++
		case ' ', '\t', '\n', '\r', ',', ':':
			pos++
			continue
		default:
			for pos < len(data) && !ends[data[pos]] {
				pos++
			}
		}
		if depth == 0 {
			return pos
		}
	}
	return pos
}

// plain gives a document as plain Go values. Numbers are int64 or float64: the SDK would write a
// json.Number as a string.
func plain(raw []byte) (any, error) {
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	var v any
	if err := dec.Decode(&v); err != nil {
		return nil, err
	}
	return plainNumbers(v)
}

func plainNumbers(v any) (any, error) {
	var err error
	switch v := v.(type) {
	case json.Number:
		if i, err := v.Int64(); err == nil {
			return i, nil
		}
		return v.Float64()
	case []any:
		for i := range v {
			if v[i], err = plainNumbers(v[i]); err != nil {
				return nil, err
			}
		}
	case map[string]any:
		for k := range v { // each entry for itself: the order does not matter
			if v[k], err = plainNumbers(v[k]); err != nil {
				return nil, err
			}
		}
	}
	return v, nil
}

// mismatch is the error of a value of another type than the member's. The words are AWS's.
func (d *jsonDecoder) mismatch(want string) error {
	found := "NUMBER_VALUE"
	switch d.data[d.pos] {
	case '"':
		found = "STRING_VALUE"
	case 't':
		found = "TRUE_VALUE"
	case 'f':
		found = "FALSE_VALUE"
	case '{':
		return d.fault("Start of structure or map found where not expected.")
	case '[':
		return d.fault("Start of list found where not expected")
	}
	return d.fault(found + " can not be converted to " + want)
}

func (d *jsonDecoder) fault(msg string) error {
	return &decodeError{path: dotted(d.path), msg: msg}
}

// dotted writes a path as people do: "containerDefinitions[0].name".
func dotted(path []step) string {
	var b strings.Builder
	for _, s := range path {
		if s.name == "" {
			b.WriteString("[" + strconv.Itoa(s.index) + "]")
			continue
		}
		if b.Len() > 0 {
			b.WriteByte('.')
		}
		b.WriteString(s.name)
	}
	return b.String()
}

func clip(s string) string {
	if len(s) > 40 {
		return s[:40]
	}
	return s
}
