package source_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/slipway-ecs/slipway/internal/source"
)

// given is Jsonnet's given(), which answers a text that a stranger chose.
func given(text string) []source.Native {
	return []source.Native{{Name: "given", Call: func([]any) (any, error) { return text, nil }}}
}

func TestTemplatesOfJsonnetsOwnStringsAreCarriedOutAndNoValues(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "lib.libsonnet"), []byte("{ lib: '{{ must_env `TAG` }}' }"), 0o600); err != nil {
		t.Fatal(err)
	}
	text := "local given = std.native('given')();\nlocal lib = import 'lib.libsonnet';\n" +
		"lib + { own: 'r:{{ must_env `TAG` }}', value: given, joined: '{' + '{ must_env `TAG` }}', ['k' + given]: 1, list: ['{{ must_env `N` }}' + given] }"
	d, err := source.Jsonnet(t.Context(), filepath.Join(dir, "f.jsonnet"), []byte(text), source.Reading{Natives: given("{{ must_env `TAG` }}{{0}}"), Funcs: templateFuncs()})
	if err != nil {
		t.Fatal(err)
	}
	want := "{\"joined\":\"{{ must_env `TAG` }}\",\"k{{ must_env `TAG` }}{{0}}\":1,\"lib\":\"1.4\",\"list\":[\"4{{ must_env `TAG` }}{{0}}\"],\"own\":\"r:1.4\",\"value\":\"{{ must_env `TAG` }}{{0}}\"}"
	if got := string(d.Root.JSON()); got != want {
		t.Errorf("gives\n%s, want\n%s", got, want)
	}
	_, err = source.Jsonnet(t.Context(), "f.jsonnet", []byte("{\n  a: '{{ must_env `NONE` }}' }"), source.Reading{Funcs: templateFuncs()})
	if err == nil || !strings.Contains(err.Error(), "f.jsonnet:2:6: the variable NONE is not set") {
		t.Errorf("says %v", err)
	}
}

func TestVariablesOfJsonnetsOwnStringsAreFilledAndNoValues(t *testing.T) {
	t.Parallel()
	const text = "local given = std.native('given')();\n{ a: 'x${TAG}', b: given, c: '$$' + given, d: given[1:], ['$k' + given]: 1 }"
	d, err := source.Jsonnet(t.Context(), "f.jsonnet", []byte(text), source.Reading{Natives: given("a${TAG} $ $$"), Filled: true})
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Fill(source.Values{Var: lookup}); err != nil {
		t.Fatal(err)
	}
	if got, want := string(d.Root.JSON()), `{"a":"x1.4","b":"a${TAG} $ $$","c":"$a${TAG} $ $$","d":"${TAG} $ $$","$ka${TAG} $ $$":1}`; got != want {
		t.Errorf("gives\n%s, want\n%s", got, want)
	}
	_, err = source.Jsonnet(t.Context(), "f.jsonnet", []byte("{ a: error 'costs $5' }"), source.Reading{Filled: true})
	if err == nil || !strings.Contains(err.Error(), "costs $5") {
		t.Errorf("says %v", err)
	}
}

func TestJsonnetImportsFromItsFoldersAlone(t *testing.T) {
	t.Parallel()
	top := t.TempDir()
	in, root, out := filepath.Join(top, "root", "in"), filepath.Join(top, "root"), filepath.Join(top, "out.txt")
	if err := os.MkdirAll(in, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{out, filepath.Join(root, "up.txt"), filepath.Join(in, "here.txt")} {
		if err := os.WriteFile(path, []byte("secret"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(out, filepath.Join(in, "link.txt")); err != nil {
		t.Fatal(err)
	}
	for path, says := range map[string]string{
		"here.txt": "", "../up.txt": "", "../in/../up.txt": "", filepath.Join(root, "up.txt"): "",
		"../../out.txt": "is not in the folder", out: "is not in the folder", "link.txt": "a link to it does not do", "gone.txt": "couldn't open import",
	} {
		d, err := source.Jsonnet(t.Context(), filepath.Join(in, "f.jsonnet"), []byte("{ a: importstr '"+path+"' }"), source.Reading{Roots: []string{root}})
		if says == "" && (err != nil || d.Root.Get("a").Text != "secret") {
			t.Errorf("%s: %v", path, err)
		}
		if says != "" && (err == nil || !strings.Contains(err.Error(), says) || !strings.Contains(err.Error(), "f.jsonnet:1:6")) {
			t.Errorf("%s: says %v, want %s", path, err, says)
		}
	}
}

func TestAnEvaluationEndsWithItsContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	never := make(chan struct{})
	defer close(never)
	_, err := source.Jsonnet(ctx, "f.jsonnet", []byte("std.native('wait')()"), source.Reading{Natives: []source.Native{{Name: "wait", Call: func([]any) (any, error) {
		cancel()
		<-never
		return "", nil
	}}}})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("says %v", err)
	}
}
