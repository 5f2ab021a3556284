package source

import (
	"fmt"
	"path/filepath"
	"strings"

	"github.com/google/go-jsonnet"
	"github.com/google/go-jsonnet/ast"
	"github.com/google/go-jsonnet/toolutils"
)

// written goes through the strings that a program and what it imports have written, before they are
// evaluated: what a value says afterwards, of a variable say, is never carried out. Their templates
// call funcs. Where dollar is not empty, it stands for their dollars until undollar.
func (d *Doc) written(vm *jsonnet.VM, program ast.Node, funcs map[string]Func, dollar string) error {
	t := &templates{doc: d, funcs: funcs}
	literals(vm, program, map[ast.Node]bool{}, func(l *ast.LiteralString) {
		if dollar != "" {
			l.Value = strings.ReplaceAll(l.Value, "$", dollar)
		}
		if funcs == nil || !strings.Contains(l.Value, "{{") {
			return
		}
		before := len(t.problems)
		l.Value, _ = t.expand(nil, l.Value)
		for _, p := range t.problems[before:] {
			if where := l.Loc(); where != nil {
				d.at(p, *where)
			}
		}
	})
	if len(t.problems) > 0 {
		return t.problems
	}
	return nil
}

// literals visits each string once. An import that fails is told by the evaluation, if it comes there.
func literals(vm *jsonnet.VM, n ast.Node, seen map[ast.Node]bool, visit func(*ast.LiteralString)) {
	if n == nil || seen[n] {
		return
	}
	seen[n] = true
	switch n := n.(type) {
	case *ast.LiteralString:
		visit(n)
	case *ast.Import:
		if in, _, err := vm.ImportAST(n.Loc().FileName, n.File.Value); err == nil {
			literals(vm, in, seen, visit)
		}
	}
	for _, c := range toolutils.Children(n) {
		literals(vm, c, seen, visit)
	}
}

// undollar gives the dollars of the file's own back, and doubles those of values, as Fill has it.
func undollar(n *Node, dollar string) {
	if n.Kind == String {
		n.Text = strings.ReplaceAll(strings.ReplaceAll(n.Text, "$", "$$"), dollar, "$")
	}
	for _, i := range n.Items {
		undollar(i, dollar)
	}
	for i := range n.Keys {
		k := &n.Keys[i]
		k.Name = strings.ReplaceAll(k.Name, dollar, "$") // Fill leaves keys alone
		undollar(k.Value, dollar)
	}
}

// importer reads files of some folders alone.
type importer struct {
	files jsonnet.FileImporter
	roots []string // as they were given
	hints map[string]string
}

func newImporter(roots []string, hints map[string]string) *importer {
	return &importer{roots: roots, hints: hints}
}

// Import is go-jsonnet's.
func (i *importer) Import(from, path string) (jsonnet.Contents, string, error) {
	at := path
	if !filepath.IsAbs(at) {
		at = filepath.Join(filepath.Dir(from), at)
	}
	real, err := filepath.EvalSymlinks(at)
	if err != nil {
		return i.files.Import(from, path) // which says that it is not there
	}
	for _, root := range i.roots {
		if below(root, real) {
			return i.files.Import(from, path)
		}
	}
	err = fmt.Errorf("%q is not in the folder %q, and is not imported", path, i.roots[len(i.roots)-1])
	i.hints[err.Error()] = "move it, or a copy, into that folder; a link to it does not do"
	return jsonnet.Contents{}, "", err
}

// below reports whether a path without links is in a folder.
func below(root, path string) bool {
	root, err := filepath.EvalSymlinks(root)
	if err != nil {
		return false
	}
	if root, err = filepath.Abs(root); err != nil {
		return false
	}
	if path, err = filepath.Abs(path); err != nil {
		return false
	}
	in, err := filepath.Rel(root, path)
	return err == nil && filepath.IsLocal(in)
}
