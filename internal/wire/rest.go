package wire

import (
	"bytes"
	"net/http"
	"net/url"
	"reflect"
	"strings"

	"github.com/slipway-ecs/slipway/internal/shapes"
)

// route is a compiled path of a REST operation.
type route struct {
	operation string
	method    string
	parts     []part
	query     url.Values // literal parameters that must be there
	status    int
}

type part struct {
	text   string // literal, or the label's name
	label  bool
	greedy bool
}

func compileRoute(r shapes.Route) route {
	path, literal, _ := strings.Cut(r.Path, "?")
	c := route{operation: r.Operation, method: r.Method, status: r.Status}
	for _, s := range segments(path) {
		name, label := strings.CutPrefix(s, "{")
		if !label {
			c.parts = append(c.parts, part{text: s})
			continue
		}
		name, greedy := strings.CutSuffix(strings.TrimSuffix(name, "}"), "+")
		c.parts = append(c.parts, part{text: name, label: true, greedy: greedy})
	}
	if literal != "" {
		c.query, _ = url.ParseQuery(literal) // the SDK's own text
	}
	return c
}

// segments splits a path; a slash at the end does not count.
func segments(path string) []string {
	path = strings.Trim(path, "/")
	if path == "" {
		return nil
	}
	return strings.Split(path, "/")
}

// weight orders routes: literal queries first, then literal parts.
func (c *route) weight() int {
	w := 100 * len(c.query)
	for _, p := range c.parts {
		if !p.label {
			w++
		}
	}
	return w
}

// match gives the labels' values, decoded once; ok is false where the request is not for this route.
func (c *route) match(method string, path []string, query url.Values) (labels map[string]string, ok bool) {
	if method != c.method {
		return nil, false
	}
	for k, want := range c.query { // all must hold: the order does not matter
		got, there := query[k]
		if !there || want[0] != "" && got[0] != want[0] {
			return nil, false
		}
	}
	labels = map[string]string{}
	for i, p := range c.parts {
		if i >= len(path) {
			return nil, false
		}
		if p.greedy {
			rest := len(path) - (len(c.parts) - i - 1)
			if rest <= i {
				return nil, false
			}
			text, err := url.PathUnescape(strings.Join(path[i:rest], "/"))
			if err != nil {
				return nil, false
			}
			labels[p.text] = text
			path = append(append([]string{}, path[:i+1]...), path[rest:]...)
			continue
		}
		text, err := url.PathUnescape(path[i])
		if err != nil || !p.label && text != p.text || p.label && text == "" {
			return nil, false
		}
		if p.label {
			labels[p.text] = text
		}
	}
	return labels, len(path) == len(c.parts)
}

// decodeREST reads path, query, headers and body into the struct v.
func (q *request) decodeREST(op *operation, v reflect.Value) ([]Extra, error) {
	query, err := url.ParseQuery(q.r.URL.RawQuery)
	if err != nil {
		return nil, &decodeError{msg: "the query string is not encoded as a form"}
	}
	payload := false
	for i := range op.in.Fields {
		f := &op.in.Fields[i]
		fv := v.Field(f.index)
		switch f.place.At {
		case shapes.InPath:
			err = parseScalar(q.labels[f.place.Name], fv, f.node, q.times, f.place.Name)
		case shapes.InQuery:
			err = parseValues(query[f.place.Name], fv, f.node, q.times, f.place.Name)
		case shapes.InHeader:
			err = parseValues(q.r.Header.Values(f.place.Name), fv, f.node, q.times, f.place.Name)
		case shapes.InPayload:
			payload = true
			err = q.payload(fv, f.node)
		}
		if err != nil {
			return nil, err
		}
	}
	if payload || len(bytes.TrimSpace(q.body)) == 0 {
		return nil, nil
	}
	return decodeJSON(q.body, v, op.in, q.times, true)
}

func (q *request) payload(v reflect.Value, n *node) error {
	if len(q.body) == 0 {
		return nil
	}
	switch n.kind {
	case kindBytes:
		v.SetBytes(q.body)
	case kindReader:
		v.Set(reflect.ValueOf(readCloser{bytes.NewReader(q.body)}))
	case kindString:
		n.settle(v).SetString(string(q.body))
	default:
		d := node{kind: n.kind, typ: n.typ, ptr: n.ptr}
		_, err := decodeJSON(q.body, d.settle(v), d.shape(), q.times, false)
		return err
	}
	return nil
}

type readCloser struct{ *bytes.Reader }

func (readCloser) Close() error { return nil }

// parseValues reads a header or a query parameter that may stand several times.
func parseValues(values []string, v reflect.Value, n *node, times Times, path string) error {
	if len(values) == 0 {
		return nil
	}
	if n.kind != kindList {
		return parseScalar(values[0], v, n, times, path)
	}
	v.Set(reflect.MakeSlice(n.typ, len(values), len(values)))
	for i, s := range values {
		if err := parseScalar(s, v.Index(i), n.elem, times, path); err != nil {
			return err
		}
	}
	return nil
}

// answerREST writes an output: status, headers, and a payload or a JSON body.
func (q *request) answerREST(w http.ResponseWriter, op *operation, v reflect.Value) error {
	status := op.route.status
	var body []byte
	plain, written := false, false
	for i := range op.out.Fields {
		f := &op.out.Fields[i]
		fv := v.Field(f.index)
		if f.place.At == shapes.InBody {
			plain = true
			continue
		}
		if f.node.absent(fv) {
			continue
		}
		fv = f.node.deref(fv)
		switch f.place.At {
		case shapes.InStatus:
			if n := int(fv.Int()); n >= 200 && n <= 599 {
				status = n
			}
		case shapes.InHeader:
			text, err := appendScalar(nil, fv, f.node, q.times, http.TimeFormat, func(b []byte, s string) []byte { return append(b, s...) })
			if err != nil {
				return err
			}
			w.Header().Set(f.place.Name, string(text))
		case shapes.InPayload:
			written = true
			switch f.node.kind {
			case kindBytes:
				body = fv.Bytes()
			case kindString:
				body = []byte(fv.String())
			default:
				n := node{kind: f.node.kind, typ: f.node.typ}
				var err error
				if body, err = (&jsonEncoder{times: q.times}).value(nil, fv, &n); err != nil {
					return err
				}
			}
		}
	}
	if plain && !written && status != http.StatusNoContent {
		var err error
		enc := jsonEncoder{times: q.times, body: true}
		if body, err = enc.object(nil, v, op.out); err != nil {
			return err
		}
		body = echo(body, q.call.echoes)
	}
	if len(body) > 0 {
		w.Header().Set("Content-Type", "application/json")
	}
	q.write(w, status, body)
	return nil
}
