package source_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/slipway-ecs/slipway/internal/source"
)

// environment is what Jsonnet files call in these tests.
var environment = []source.Native{{Name: "must_env", Params: []string{"name"}, Call: func(args []any) (any, error) {
	if v, set := lookup(fmt.Sprint(args[0])); set {
		return v, nil
	}
	return nil, fmt.Errorf("the variable %s is not set", args[0])
}}}

func TestJsonnetBecomesADocumentWithThePlacesOfItsFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "lib.libsonnet"), []byte("{ port: 80 }"), 0o600); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "f.jsonnet")
	text := `local lib = import 'lib.libsonnet';
local base = { cpu: 1,
               list: [1, { deep: true }] };
base {
  tag: std.native('must_env')('TAG'),
  'é': 'x', after: 2,
  port: lib.port,
  made: { [k]: k for k in ['a'] },
}`
	d, err := source.Jsonnet(t.Context(), path, []byte(text), source.Reading{Natives: environment})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := string(d.Root.JSON()), `{"after":2,"cpu":1,"list":[1,{"deep":true}],"made":{"a":"a"},"port":80,"tag":"1.4","é":"x"}`; got != want {
		t.Errorf("gives %s, want %s", got, want)
	}
	for path, want := range map[string]string{"cpu": "2:21", "list": "3:22", "tag": "5:8", "é": "6:8", "after": "6:20", "port": "7:9", "made": "8:9"} {
		n := d.Root.Get(path)
		if got := fmt.Sprintf("%d:%d", n.Line, n.Column); got != want {
			t.Errorf("%s is at %s, want %s", path, got, want)
		}
	}
	if n := d.Root.Get("list").Items[1].Get("deep"); n.Line != 3 || n.Column != 34 {
		t.Errorf("list[1].deep is at %d:%d, want 3:34", n.Line, n.Column)
	}
	if n := d.Root.Get("made").Get("a"); n.Line != 8 {
		t.Errorf("what a comprehension makes is at line %d, want that of its field, 8", n.Line)
	}
}

func TestWhatIsWrongWithJsonnetHasItsPlaceAndLine(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "bad.libsonnet"), []byte("{\n  a: error 'in the library' }"), 0o600); err != nil {
		t.Fatal(err)
	}
	for text, says := range map[string][]string{
		"{\n  a: 1,\n  b: }":                           {"f.jsonnet:3:6", "while parsing", "> 3 |   b: }"},
		"{ a: nothing }":                               {"f.jsonnet:1:6", "unknown variable: nothing"},
		"{\n  a: std.native('must_env')('NONE') }":     {"f.jsonnet:2:6", "NONE is not set"},
		"{ a: std.extVar('x') }":                       {"f.jsonnet:1:6", "undefined external variable", "must_env"},
		"{ a: error 'boo' }":                           {"f.jsonnet:1:6", "boo"},
		"{ a: (import 'bad.libsonnet').a }":            {"bad.libsonnet:2:6", "in the library", "> 2 |"},
		"{ a: import 'gone.libsonnet' }":               {"f.jsonnet:1:6", "gone.libsonnet"},
		"function(x) x":                                {"f.jsonnet"},
		"local a = b, b = a; { c: a }":                 {"f.jsonnet", "stack"},
		"{ a: 1, a: 2 }":                               {"f.jsonnet:1:9", "a"},
		"local f(x) = f(x + 1); { a: [f(1)] }":         {"f.jsonnet", "stack"},
		"{ assert std.length('x') > 1 : 'too short' }": {"f.jsonnet:1:3", "too short"},
	} {
		_, err := source.Jsonnet(t.Context(), filepath.Join(dir, "f.jsonnet"), []byte(text), source.Reading{Natives: environment})
		if err == nil {
			t.Errorf("%s: no error", text)
			continue
		}
		for _, s := range says {
			if !strings.Contains(strings.ToLower(err.Error()), strings.ToLower(s)) {
				t.Errorf("%s: %q lacks %q", text, err, s)
			}
		}
	}
}

func TestTheSchemaPointsIntoJsonnet(t *testing.T) {
	t.Parallel()
	d, err := source.Jsonnet(t.Context(), "f.jsonnet", []byte("local n = 'four';\n{\n  count: n,\n  name: 'x',\n}"), source.Reading{})
	if err != nil {
		t.Fatal(err)
	}
	err = d.Check([]byte(`{"properties":{"count":{"type":"integer"}}, "additionalProperties": false}`))
	if err == nil || !strings.Contains(err.Error(), "f.jsonnet:3:10: \"count\" is a string") || !strings.Contains(err.Error(), "> 3 |   count: n,") || !strings.Contains(err.Error(), "f.jsonnet:4:3: there is no key \"name\"") {
		t.Errorf("says %v", err)
	}
}
