package source

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// Limits on files, so that aliases of aliases or brackets in brackets end as an error.
const (
	maxBytes = 4 << 20
	maxNodes = 200_000
	maxDepth = 200
)

// Parse reads YAML, of which JSON is a part; name is what errors call the file. A key that stands
// twice, a second document, a tag and an alias to nothing are problems. Merge keys (<<) are
// carried out; a key of its own wins.
func Parse(name string, text []byte) (*Doc, error) {
	text = bytes.TrimPrefix(text, []byte("\ufeff")) // some editors' mark of UTF-8
	return parse(name, text, string(text))
}

// parse is Parse; shown is the file as errors show it.
func parse(name string, text []byte, shown string) (*Doc, error) {
	d := &Doc{Name: name, text: shown}
	if len(text) > maxBytes {
		return nil, Problems{d.At(nil, "", "the file has %d bytes, more than %d", len(text), maxBytes)}
	}
	if p := d.foreign(); p != nil {
		return nil, Problems{p}
	}
	if line, column, found := tabbed(string(text)); found {
		return nil, Problems{d.At(&Node{Line: line, Column: column}, "indent with spaces", "a tab indents this line")}
	}
	file, err := parser.ParseBytes(text, 0)
	if err != nil {
		return nil, Problems{d.syntax(err)}
	}
	r := &reader{doc: d, anchors: map[string]ast.Node{}}
	var bodies []ast.Node
	for _, doc := range file.Docs {
		if doc.Body != nil {
			bodies = append(bodies, doc.Body)
		}
	}
	switch len(bodies) {
	case 0:
		return nil, Problems{d.At(&Node{Line: 1, Column: 1}, "", "the file is empty")}
	case 1:
		d.Root = r.node(bodies[0], 0)
	default:
		return nil, Problems{d.At(place(bodies[1]), "remove the line '---' before it", "a second document begins here")}
	}
	if len(r.problems) > 0 {
		return nil, r.problems
	}
	return d, nil
}

// foreign finds the first byte that is no UTF-8, or no character of a text.
func (d *Doc) foreign() *Problem {
	line, column := 1, 1
	for i, r := range d.text {
		at := &Node{Line: line, Column: column}
		switch {
		case r == utf8.RuneError && !strings.HasPrefix(d.text[i:], "\ufffd"):
			return d.At(at, "save the file as UTF-8", "the byte %#02x is no UTF-8", d.text[i])
		case r < ' ' && r != '\n' && r != '\r' && r != '\t':
			return d.At(at, "take it away; in double quotes it is written as an escape", "the control character %#02x stands here", r)
		}
		if column++; r == '\n' {
			line, column = line+1, 1
		}
	}
	return nil
}

// tabbed finds the first line of block YAML that a tab indents; the parser's own words for it
// point elsewhere. JSON may have tabs, so files that begin with a bracket are left to the parser.
func tabbed(text string) (line, column int, found bool) {
	if t := strings.TrimSpace(text); t == "" || t[0] == '{' || t[0] == '[' {
		return 0, 0, false
	}
	for i, l := range strings.Split(text, "\n") {
		if strings.HasPrefix(l, "\t") && strings.TrimSpace(l) != "" {
			return i + 1, 1, true
		}
	}
	return 0, 0, false
}

func (d *Doc) syntax(err error) *Problem {
	var e yaml.Error
	if !errors.As(err, &e) || e.GetToken() == nil {
		return d.At(nil, "", "%s", strings.SplitN(err.Error(), "\n", 2)[0])
	}
	msg := e.GetMessage()
	if rest, ok := strings.CutPrefix(msg, "mapping key "); ok {
		key, _, _ := strings.Cut(rest, " already")
		return d.At(placeOf(e.GetToken()), "keep one of the two", "the key %s stands here a second time", key)
	}
	return d.At(placeOf(e.GetToken()), "", "%s", msg)
}

func place(n ast.Node) *Node {
	if s, ok := n.(*ast.MappingNode); ok && !s.IsFlowStyle && len(s.Values) > 0 {
		return place(s.Values[0].Key)
	}
	if v, ok := n.(*ast.MappingValueNode); ok {
		return place(v.Key)
	}
	return placeOf(n.GetToken())
}

func placeOf(t *token.Token) *Node {
	if t == nil || t.Position == nil {
		return &Node{Line: 1, Column: 1}
	}
	return &Node{Line: t.Position.Line, Column: t.Position.Column}
}

type reader struct {
	doc      *Doc
	anchors  map[string]ast.Node
	open     []string // aliases being followed
	nodes    int
	problems Problems
}

func (r *reader) refuse(n ast.Node, hint, format string, args ...any) *Node {
	p := place(n)
	r.problems = append(r.problems, r.doc.At(p, hint, format, args...))
	return p
}

func (r *reader) node(n ast.Node, depth int) *Node {
	r.nodes++
	if r.nodes > maxNodes || depth > maxDepth {
		if len(r.problems) > 0 {
			return &Node{}
		}
		return r.refuse(n, "", "the file has more than %d values or is more than %d deep, aliases counted", maxNodes, maxDepth)
	}
	out := place(n)
	switch n := n.(type) {
	case *ast.NullNode:
		return out
	case *ast.BoolNode:
		out.Kind, out.Text = Bool, strconv.FormatBool(n.Value)
	case *ast.IntegerNode:
		out.Kind, out.Text, out.Raw = Number, fmt.Sprint(n.Value), n.Token.Value
	case *ast.FloatNode:
		out.Kind, out.Text, out.Raw = Number, strconv.FormatFloat(n.Value, 'g', -1, 64), n.Token.Value
		if math.IsInf(n.Value, 0) || math.IsNaN(n.Value) {
			return r.refuse(n, "", "%s is no number that JSON has", n.Token.Value)
		}
	case *ast.InfinityNode, *ast.NanNode:
		return r.refuse(n, "", "%s is no number that JSON has", n.GetToken().Value)
	case *ast.StringNode:
		out.Kind, out.Text, out.plain = String, n.Value, n.Token.Type == token.StringType
	case *ast.LiteralNode:
		out.Kind, out.Text = String, n.Value.Value
	case *ast.SequenceNode:
		out.Kind = List
		for _, v := range n.Values {
			out.Items = append(out.Items, r.node(v, depth+1))
		}
	case *ast.MappingNode:
		out.Kind = Map
		r.members(out, n.Values, depth)
	case *ast.MappingValueNode:
		out.Kind = Map
		r.members(out, []*ast.MappingValueNode{n}, depth)
	case *ast.AnchorNode:
		r.anchors[n.Name.GetToken().Value] = n.Value
		return r.node(n.Value, depth+1)
	case *ast.AliasNode:
		return r.alias(n, depth)
	case *ast.TagNode:
		return r.refuse(n, "write the value without it", "a tag (%s) has no meaning here", n.Start.Value)
	default:
		return r.refuse(n, "", "%s has no meaning here", n.Type())
	}
	return out
}

func (r *reader) alias(n *ast.AliasNode, depth int) *Node {
	name := n.Value.GetToken().Value
	target, ok := r.anchors[name]
	if !ok {
		return r.refuse(n, "define it before, as '&"+name+"'", "there is no anchor %q", name)
	}
	for _, o := range r.open {
		if o == name {
			return r.refuse(n, "", "the anchor %q holds itself", name)
		}
	}
	r.open = append(r.open, name)
	out := r.node(target, depth+1)
	r.open = r.open[:len(r.open)-1]
	return out
}

// members reads a map's members; merged ones come after its own and do not replace them.
func (r *reader) members(out *Node, values []*ast.MappingValueNode, depth int) {
	var merged []Key
	for _, v := range values {
		if v.Key.IsMergeKey() {
			merged = append(merged, r.merge(v, depth)...)
			continue
		}
		key := r.name(v.Key)
		if out.Get(key.Name) != nil {
			r.problems = append(r.problems, r.doc.atKey(key, "keep one of the two", "the key %q stands here a second time", key.Name))
			continue
		}
		key.Value = r.node(v.Value, depth+1)
		out.Keys = append(out.Keys, key)
	}
	for _, k := range merged {
		if out.Get(k.Name) == nil {
			out.Keys = append(out.Keys, k)
		}
	}
}

func (r *reader) merge(v *ast.MappingValueNode, depth int) []Key {
	from := r.node(v.Value, depth+1)
	sources := []*Node{from}
	if from.Kind == List {
		sources = from.Items
	}
	var keys []Key
	for _, s := range sources {
		if s.Kind != Map {
			r.refuse(v.Value, "merge a map, by an alias", "'<<' does not merge this")
			return nil
		}
		keys = append(keys, s.Keys...)
	}
	return keys
}

func (r *reader) name(k ast.MapKeyNode) Key {
	p := place(k)
	key := Key{Line: p.Line, Column: p.Column}
	switch k := k.(type) {
	case *ast.StringNode:
		key.Name = k.Value
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.NullNode:
		key.Name = k.GetToken().Value
	default:
		r.refuse(k, "", "a key must be a plain word or a quoted one")
	}
	return key
}
