package source_test

import (
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/slipway-ecs/slipway/internal/source"
)

func lookup(name string) (string, bool) {
	v, ok := map[string]string{"TAG": "1.4", "EMPTY": "", "ODD": "a: b\n\"c\" ${TAG} - [", "N": "4", "YES": "true"}[name]
	return v, ok
}

func TestVariablesAreFilledInAsComposeDoes(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"app:${TAG}":               "app:1.4",
		"${NONE:-x}":               "x",
		"${EMPTY:-x}":              "x",
		"${EMPTY-x}":               "",
		"${NONE-x}":                "x",
		"${NONE:-${TAG}-b}":        "1.4-b",
		"$$HOME costs $${TAG}":     "$HOME costs ${TAG}",
		"${TAG:?needed}":           "1.4",
		"${EMPTY?needed}":          "",
		"${NONE:-}":                "",
		"no variable":              "no variable",
		"${TAG}${TAG}":             "1.41.4",
		"${NONE:-a $$ and a } b":   "a $ and a  b",
		"x ${ODD} y":               "x a: b\n\"c\" ${TAG} - [ y",
		"${NONE:-${EMPTY:-deep}}!": "deep!",
	} {
		d, err := source.Parse("f.yaml", []byte("a: '"+in+"'"))
		if err != nil {
			t.Fatalf("%q: %v", in, err)
		}
		if err := d.Fill(source.Values{Var: lookup}); err != nil {
			t.Errorf("%q: %v", in, err)
			continue
		}
		if got := d.Root.Get("a").Text; got != want {
			t.Errorf("%q gives %q, want %q", in, got, want)
		}
	}
}

func TestAVariableCannotChangeTheStructure(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		value := rapid.String().Draw(t, "value")
		d, err := source.Parse("f.yaml", []byte("a: ${X}\nb: 2\n"))
		if err != nil {
			t.Fatal(err)
		}
		if err := d.Fill(source.Values{Var: func(string) (string, bool) { return value, true }}); err != nil {
			t.Fatal(err)
		}
		if got := d.Root.Get("a"); len(d.Root.Keys) != 2 || got.Kind != source.String || got.Text != value {
			t.Fatalf("%q became %s", value, d.Root.JSON())
		}
	})
}

func TestAFilledNumberMayStandWhereTheSchemaWantsOne(t *testing.T) {
	t.Parallel()
	schema := []byte(`{"properties":{"n":{"type":"integer"},"b":{"type":"boolean"},"s":{"type":"string"}}}`)
	check := func(text string) (*source.Doc, error) {
		d, err := source.Parse("f.yaml", []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		if err := d.Fill(source.Values{Var: lookup}); err != nil {
			t.Fatal(err)
		}
		return d, d.Check(schema)
	}
	d, err := check("n: ${N}\nb: ${YES}\ns: ${N}\n")
	if err != nil {
		t.Fatal(err)
	}
	if got := string(d.Root.JSON()); got != `{"n":4,"b":true,"s":"4"}` {
		t.Errorf("got %s", got)
	}
	if _, err := check("n: \"4\"\n"); err == nil || !strings.Contains(err.Error(), "f.yaml:1:4") {
		t.Errorf("a quoted number that no variable filled: %v", err)
	}
}

func TestTheNearestNameIsWhatWasMeant(t *testing.T) {
	t.Parallel()
	names := []string{"cluster", "count", "images", "services", "strategy"}
	for typed, want := range map[string]string{
		"clutser": "cluster", "Cluster": "cluster", "image": "images", "service": "services", "stategy": "strategy", "xyz": "", "": "",
	} {
		if got := source.Nearest(typed, names); got != want {
			t.Errorf("Nearest(%q) = %q, want %q", typed, got, want)
		}
	}
}

func FuzzParseNeverPanicsAndFindsItsPlaces(f *testing.F) {
	for _, s := range []string{"a: 1", "a: &x [*x]", "{\"a\": [1, {}]}", "a:\n  - b\n  -", "<<: {a: 1}", "? a\n: b", "a: |\n x\n", "- - - 1", "a: \"${X:-"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		d, err := source.Parse("f", []byte(text))
		if err != nil {
			if err.Error() == "" {
				t.Error("an error without words")
			}
			return
		}
		if err := d.Fill(source.Values{Var: lookup}); err == nil {
			d.Root.JSON()
		}
	})
}
