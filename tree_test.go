package slipway_test

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// longest is how many lines a Go file may have; house style aims at 100-300.
const longest = 800

// generated are files that a program writes, by name.
var generated = map[string]string{
	"internal/shapes/required.go": "go generate ./internal/shapes",
}

// clockCalls are what ground may not call: it is told the time.
var clockCalls = map[string]bool{
	"Now": true, "Since": true, "Until": true, "After": true, "Sleep": true,
	"NewTimer": true, "NewTicker": true, "Tick": true, "AfterFunc": true,
}

// sources gives every Go file of the tree with its text.
func sources(t *testing.T) map[string][]byte {
	t.Helper()
	files := map[string][]byte{}
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (strings.HasPrefix(d.Name(), ".") && path != "." || d.Name() == "testdata"):
			return fs.SkipDir
		case strings.HasSuffix(path, ".go"):
			text, err := os.ReadFile(path)
			files[filepath.ToSlash(path)] = text
			return err
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func TestNoFileIsTooLongToRead(t *testing.T) {
	t.Parallel()
	for path, text := range sources(t) {
		if n := bytes.Count(text, []byte("\n")); n > longest && generated[path] == "" {
			t.Errorf("%s has %d lines, more than %d: it holds more than one idea", path, n, longest)
		}
	}
}

func TestGroundIsToldTheTime(t *testing.T) {
	t.Parallel()
	for path, text := range sources(t) {
		if !is(filepath.ToSlash(filepath.Dir(path)), "ground") || strings.HasSuffix(path, "_test.go") {
			continue
		}
		set := token.NewFileSet()
		file, err := parser.ParseFile(set, path, text, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			sel, ok := n.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			if x, ok := sel.X.(*ast.Ident); ok && x.Name == "time" && clockCalls[sel.Sel.Name] {
				t.Errorf("%s calls time.%s: the time is handed in", set.Position(n.Pos()), sel.Sel.Name)
			}
			return true
		})
	}
}

func TestEveryPackageSaysWhatItIsForAndEveryExportedThingWhatItGives(t *testing.T) {
	t.Parallel()
	documented := map[string]bool{}
	packages := map[string]string{}
	for path, text := range sources(t) {
		if strings.HasSuffix(path, "_test.go") || generated[path] != "" {
			continue
		}
		set := token.NewFileSet()
		file, err := parser.ParseFile(set, path, text, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		dir := filepath.Dir(path)
		packages[dir] = path
		if file.Doc != nil {
			documented[dir] = true
		}
		for _, decl := range file.Decls {
			undocumented(file, decl, func(name *ast.Ident) {
				t.Errorf("%s: %s is exported and has no doc comment", set.Position(name.Pos()), name.Name)
			})
		}
	}
	for dir := range packages {
		if !documented[dir] {
			t.Errorf("package %s has no comment that says what it is for", dir)
		}
	}
}

// undocumented gives the exported names of a declaration that no comment tells of.
func undocumented(file *ast.File, decl ast.Decl, say func(*ast.Ident)) {
	switch d := decl.(type) {
	case *ast.FuncDecl:
		if d.Doc == nil && d.Name.IsExported() && (d.Recv == nil || exportedReceiver(d)) {
			say(d.Name)
		}
	case *ast.GenDecl:
		for _, spec := range d.Specs {
			switch s := spec.(type) {
			case *ast.TypeSpec:
				if d.Doc == nil && s.Doc == nil && s.Name.IsExported() {
					say(s.Name)
				}
			case *ast.ValueSpec:
				for _, name := range s.Names {
					if d.Doc == nil && s.Doc == nil && s.Comment == nil && name.IsExported() {
						say(name)
					}
				}
			}
		}
	}
}

func exportedReceiver(d *ast.FuncDecl) bool {
	x := d.Recv.List[0].Type
	for {
		switch v := x.(type) {
		case *ast.StarExpr:
			x = v.X
		case *ast.IndexExpr:
			x = v.X
		case *ast.IndexListExpr:
			x = v.X
		case *ast.Ident:
			return v.IsExported()
		default:
			return false
		}
	}
}

// answersAtOnce may have an init function: to answer before the rest is initialized is all it does.
const answersAtOnce = "internal/atonce/atonce.go"

func TestNothingIsInitialisedBehindTheReadersBack(t *testing.T) {
	t.Parallel()
	for path, text := range sources(t) {
		file, err := parser.ParseFile(token.NewFileSet(), path, text, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, decl := range file.Decls {
			if f, ok := decl.(*ast.FuncDecl); ok && f.Recv == nil && f.Name.Name == "init" && path != answersAtOnce {
				t.Errorf("%s has an init function", path)
			}
		}
	}
}

// mostCounted is how far an expression compiled before main may count: {1,512} is compiled as 512
// copies, for which every process of ours pays at its start.
const mostCounted = 20

func TestExpressionsCompiledBeforeMainDoNotCountFar(t *testing.T) {
	t.Parallel()
	count := regexp.MustCompile(`\{\d*,?(\d+)\}`)
	for path, text := range sources(t) {
		file, err := parser.ParseFile(token.NewFileSet(), path, text, 0)
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		for _, decl := range file.Decls {
			vars, ok := decl.(*ast.GenDecl)
			if !ok || vars.Tok != token.VAR {
				continue
			}
			ast.Inspect(vars, func(n ast.Node) bool {
				call, ok := n.(*ast.CallExpr)
				if !ok || len(call.Args) != 1 {
					return true
				}
				f, isSelector := call.Fun.(*ast.SelectorExpr)
				form, isText := call.Args[0].(*ast.BasicLit)
				if !isSelector || f.Sel.Name != "MustCompile" || !isText {
					return true
				}
				for _, m := range count.FindAllStringSubmatch(form.Value, -1) {
					if n, err := strconv.Atoi(m[1]); err != nil || n > mostCounted {
						t.Errorf("%s: %s counts to %s: check the length beside it", path, form.Value, m[1])
					}
				}
				return true
			})
		}
	}
}
