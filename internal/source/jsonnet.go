package source

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/google/go-jsonnet"
	"github.com/google/go-jsonnet/ast"

	"github.com/slipway-ecs/slipway/internal/fail"
)

// Native is a function that Jsonnet calls as std.native("NAME")(…). Its answer is of the kinds that
// encoding/json decodes into; a Hint of its error becomes the problem's.
type Native struct {
	Name   string
	Params []string
	Call   func(args []any) (any, error)
}

// IsJsonnet reports whether a file is Jsonnet, by its extension.
func IsJsonnet(path string) bool {
	return slices.Contains([]string{".jsonnet", ".libsonnet"}, filepath.Ext(path))
}

// Reading says how a Jsonnet file is read.
type Reading struct {
	Natives []Native
	Roots   []string        // folders that it may import from, besides its own
	Funcs   map[string]Func // what templates in its own strings call, as Templated's; nil: they are texts
	Filled  bool            // Fill comes after it, and is to find the variables that the file has written alone
}

// Jsonnet reads a Jsonnet file's text by evaluating it; path is where it stands, for its imports,
// and its name in errors. It returns when ctx ends, and leaves an evaluation behind that has no end.
// What it gives has the places of the file's own expressions, as far as they
// can be followed without evaluating: through locals, objects, arrays and sums of objects. The rest
// has the place of what it stands in.
//
// Sources: the Jsonnet specification; google/go-jsonnet evaluates.
func Jsonnet(ctx context.Context, path string, text []byte, r Reading) (*Doc, error) {
	d := &Doc{Name: path, text: string(text)}
	if len(text) > maxBytes {
		return nil, Problems{d.At(nil, "", "the file has %d bytes, more than %d", len(text), maxBytes)}
	}
	hints := map[string]string{} // of errors of natives and imports, which are texts on their way out
	vm := jsonnet.MakeVM()
	vm.Importer(newImporter(append([]string{filepath.Dir(path)}, r.Roots...), hints))
	dollar := ""
	if r.Filled {
		dollar = string(rune(0xf0000 + rand.IntN(0xfffe))) //nolint:gosec // a value cannot aim at it
	}
	for _, n := range r.Natives {
		vm.NativeFunction(native(n, hints, dollar))
	}
	program, err := jsonnet.SnippetToAST(path, string(text))
	if err != nil {
		return nil, Problems{d.jsonnet(err, hints)}
	}
	if err := d.written(vm, program, r.Funcs, dollar); err != nil {
		return nil, err
	}
	out, err := evaluate(ctx, vm, program)
	if ctx.Err() != nil {
		return nil, fmt.Errorf("evaluate %s: %w", path, ctx.Err())
	}
	if err != nil {
		p := d.jsonnet(err, hints)
		if dollar != "" {
			p.Msg = strings.ReplaceAll(p.Msg, dollar, "$")
		}
		return nil, Problems{p}
	}
	result, err := parse(path, []byte(out), d.text)
	if err != nil {
		return nil, err
	}
	placed{doc: d}.node(result.Root, program, nil, &Node{Line: 1, Column: 1}, 0)
	if dollar != "" {
		undollar(result.Root, dollar)
	}
	return result, nil
}

// evaluate ends with ctx. Jsonnet cannot be stopped, so an evaluation without an end is left to the
// end of the program.
func evaluate(ctx context.Context, vm *jsonnet.VM, program ast.Node) (string, error) {
	type answer struct {
		text string
		err  error
	}
	done := make(chan answer, 1)
	go func() {
		text, err := vm.Evaluate(program)
		done <- answer{text, err}
	}()
	select {
	case a := <-done:
		return a.text, a.err
	case <-ctx.Done():
		return "", ctx.Err()
	}
}

func native(n Native, hints map[string]string, dollar string) *jsonnet.NativeFunction {
	f := &jsonnet.NativeFunction{Name: n.Name, Func: func(args []any) (any, error) {
		for i, a := range args {
			if text, ok := a.(string); ok && dollar != "" {
				args[i] = strings.ReplaceAll(text, dollar, "$")
			}
		}
		out, err := n.Call(args)
		if f := fail.Of(err); f != nil {
			hints[err.Error()] = f.Hint
		}
		return out, err
	}}
	for _, p := range n.Params {
		f.Params = append(f.Params, ast.Identifier(p))
	}
	return f
}

// jsonnet makes a Problem of what go-jsonnet says is wrong, at the place nearest to its cause that is
// in a file.
func (d *Doc) jsonnet(err error, hints map[string]string) *Problem {
	var runtime jsonnet.RuntimeError
	if errors.As(err, &runtime) {
		p := d.At(nil, hints[runtime.Msg], "%s", lower(runtime.Msg))
		if strings.HasPrefix(runtime.Msg, "Undefined external variable") {
			p.Hint = `no external variables are given; write std.native("must_env")("NAME")`
		}
		for _, frame := range slices.Backward(runtime.StackTrace) { // the innermost is the last
			if d.at(p, frame.Loc) {
				break
			}
		}
		return p
	}
	var static interface {
		error
		Loc() ast.LocationRange
	}
	if !errors.As(err, &static) {
		return d.At(nil, "", "%s", err)
	}
	where := static.Loc()
	p := d.At(nil, "", "%s", lower(strings.TrimSpace(strings.TrimPrefix(static.Error(), where.String()))))
	d.at(p, where)
	return p
}

// lower begins a message as ours begin.
func lower(msg string) string {
	if len(msg) > 1 && msg[0] >= 'A' && msg[0] <= 'Z' && msg[1] >= 'a' && msg[1] <= 'z' {
		return string(msg[0]+'a'-'A') + msg[1:]
	}
	return msg
}

// at puts a Problem at a place of Jsonnet, and reports whether that is in a file.
func (d *Doc) at(p *Problem, where ast.LocationRange) bool {
	if where.File == nil || where.Begin.Line == 0 || strings.HasPrefix(string(where.File.DiagnosticFileName), "<") {
		return false
	}
	p.File, p.text = string(where.File.DiagnosticFileName), strings.Join(where.File.Lines, "")
	p.Line, p.Column = where.Begin.Line, column(where)
	return true
}

// column gives a place's column in characters; Jsonnet counts bytes.
func column(where ast.LocationRange) int {
	if where.File == nil || where.Begin.Line > len(where.File.Lines) {
		return where.Begin.Column
	}
	line := where.File.Lines[where.Begin.Line-1]
	return utf8.RuneCountInString(line[:min(max(0, where.Begin.Column-1), len(line))]) + 1
}

// placed gives the nodes of an evaluated document the places of the expressions they come from.
type placed struct{ doc *Doc }

// scope is the locals that an expression sees.
type scope struct {
	binds map[ast.Identifier]ast.Node
	up    *scope
}

// deepest is how many steps a place is followed, as locals may name each other in a circle.
const deepest = 200

// node places a node and all below it. from is where it stands when its expression says nothing.
func (p placed) node(n *Node, e ast.Node, s *scope, from *Node, depth int) {
	if at := p.place(e); at != nil {
		from = at
	}
	n.Line, n.Column = from.Line, from.Column
	for i, item := range n.Items {
		child, in := element(e, s, i, len(n.Items), depth)
		p.node(item, child, in, from, depth+1)
	}
	for i := range n.Keys {
		k := &n.Keys[i]
		k.Line, k.Column = from.Line, from.Column
		f, in := field(e, s, k.Name, depth)
		if f == nil {
			p.node(k.Value, nil, nil, from, depth+1)
			continue
		}
		if where := f.LocRange; where.Begin.Line != 0 && where.FileName == p.doc.Name {
			k.Line, k.Column = where.Begin.Line, column(where)
		}
		p.node(k.Value, f.Body, in, &Node{Line: k.Line, Column: k.Column}, depth+1)
	}
}

// place gives an expression's place if it is in the document's own file.
func (p placed) place(e ast.Node) *Node {
	if e == nil || e.Loc() == nil || e.Loc().Begin.Line == 0 || e.Loc().FileName != p.doc.Name {
		return nil
	}
	return &Node{Line: e.Loc().Begin.Line, Column: column(*e.Loc())}
}

// values goes from an expression to those whose value it has, later ones first; try says when to end.
func values(e ast.Node, s *scope, depth int, try func(ast.Node, *scope) bool) bool {
	if depth > deepest {
		return false
	}
	switch e := e.(type) {
	case *ast.Local:
		return values(e.Body, s.with(e.Binds), depth+1, try)
	case *ast.Parens:
		return values(e.Inner, s, depth+1, try)
	case *ast.Var:
		for at := s; at != nil; at = at.up {
			if body, ok := at.binds[e.Id]; ok {
				return values(body, at, depth+1, try)
			}
		}
	case *ast.Binary:
		return e.Op == ast.BopPlus && (values(e.Right, s, depth+1, try) || values(e.Left, s, depth+1, try))
	case *ast.DesugaredObject, *ast.Array:
		return try(e, s)
	}
	return false
}

func (s *scope) with(binds ast.LocalBinds) *scope {
	in := &scope{binds: map[ast.Identifier]ast.Node{}, up: s}
	for _, b := range binds {
		in.binds[b.Variable] = b.Body
	}
	return in
}

// field gives the field that an object's member comes from, or nil.
func field(e ast.Node, s *scope, name string, depth int) (found *ast.DesugaredObjectField, in *scope) {
	values(e, s, depth, func(v ast.Node, s *scope) bool {
		o, ok := v.(*ast.DesugaredObject)
		if !ok {
			return false
		}
		for i := range o.Fields {
			if l, ok := o.Fields[i].Name.(*ast.LiteralString); ok && l.Value == name {
				found, in = &o.Fields[i], s.with(o.Locals)
				return true
			}
		}
		return false
	})
	return found, in
}

// element gives the expression that an item comes from, or nil.
func element(e ast.Node, s *scope, i, of, depth int) (found ast.Node, in *scope) {
	values(e, s, depth, func(v ast.Node, s *scope) bool {
		a, ok := v.(*ast.Array)
		if !ok || len(a.Elements) != of {
			return false
		}
		found, in = a.Elements[i].Expr, s
		return true
	})
	return found, in
}
