package pattern

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
)

func TestAPatternAnswersAsItsExpressionDoes(t *testing.T) {
	t.Parallel()
	const text = `^(\w+)-(\d+)$`
	p, want := New(text), regexp.MustCompile(text)
	for _, s := range []string{"web-1", "web", "", "a-1\n"} {
		if got := p.MatchString(s); got != want.MatchString(s) {
			t.Errorf("MatchString(%q) = %v, want %v", s, got, !got)
		}
		got, must := p.FindStringSubmatch(s), want.FindStringSubmatch(s)
		if strings.Join(got, "|") != strings.Join(must, "|") {
			t.Errorf("FindStringSubmatch(%q) = %q, want %q", s, got, must)
		}
	}
	if got := New(`\d`).FindAllString("1a2b3", 2); strings.Join(got, "") != "12" {
		t.Errorf("FindAllString with n = 2 gives %q, want 1 and 2", got)
	}
	if got := New(`(\w)=(\w)`).FindAllStringSubmatch("a=1 b=2", -1); len(got) != 2 || got[1][2] != "2" {
		t.Errorf("FindAllStringSubmatch gives %q, want both pairs", got)
	}
}

func TestAPatternMayFirstBeAskedByManyAtOnce(t *testing.T) {
	t.Parallel()
	p := New(`^a+$`)
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			if !p.MatchString("aaa") {
				t.Error("no match")
			}
		})
	}
	all.Wait()
}

// What is compiled late is wrong late: here every expression of the house is compiled.
func TestEveryPatternOfTheHouseCompiles(t *testing.T) {
	t.Parallel()
	seen := 0
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		ast.Inspect(file, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			f, ok := call.Fun.(*ast.SelectorExpr)
			if !ok || f.Sel.Name != "New" {
				return true
			}
			if x, ok := f.X.(*ast.Ident); !ok || x.Name != "pattern" {
				return true
			}
			text, err := strconv.Unquote(call.Args[0].(*ast.BasicLit).Value)
			if err != nil {
				t.Errorf("%s: %v", path, err)
			}
			if _, err := regexp.Compile(text); err != nil {
				t.Errorf("%s: %v", path, err)
			}
			seen++
			return true
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if seen == 0 {
		t.Error("no pattern found: does the house still call pattern.New?")
	}
}
