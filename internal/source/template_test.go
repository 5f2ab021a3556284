package source_test

import (
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/slipway-ecs/slipway/internal/source"
)

// templateFuncs ask the variables of lookup, as ecspresso's do.
func templateFuncs() map[string]source.Func {
	return map[string]source.Func{
		"must_env": func(args []string) (string, error) {
			v, set := lookup(args[0])
			if !set {
				return "", fmt.Errorf("the variable %s is not set", args[0])
			}
			return v, nil
		},
		"env":         func(args []string) (string, error) { v, _ := lookup(args[0]); return orLast(v, args), nil },
		"json_escape": func(args []string) (string, error) { return args[0], nil },
		"list":        func([]string) (string, error) { return `["a", {"b": 1}]`, nil },
	}
}

func orLast(v string, args []string) string {
	if v == "" {
		return args[len(args)-1]
	}
	return v
}

func TestTemplatesGiveWayToWhatTheyCall(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"{\"a\": \"app:{{ must_env `TAG` }}\"}":                                                           `{"a":"app:1.4"}`,
		"{\"a\": \"{{env \"TAG\" \"x\"}}{{ env `NONE` `-b` }}\"}":                                         `{"a":"1.4-b"}`,
		"{\"a\": {{ must_env `N` }}, \"b\": {{ env `NONE` `9` }}}":                                        `{"a":4,"b":9}`,
		"{\"a\": {{ must_env `YES` }}, \"b\": {{ list }}}":                                                `{"a":true,"b":["a",{"b":1}]}`,
		"{\"a\": \"{{ must_env `N` }}\"}":                                                                 `{"a":"4"}`,
		"a: {{ must_env `TAG` }}-x\nb: {{ must_env `N` }}":                                                `{"a":"1.4-x","b":4}`,
		"{\"{{ must_env `N` }}-k\": 1}":                                                                   `{"4-k":1}`,
		"{{/* {{ nothing }} */}}{\"a\": 1 {{- /* x */ -}} }":                                              `{"a":1}`,
		"{\"a\": \"{{ env `NONE` (must_env `N`) | json_escape }}\"}":                                      `{"a":"4"}`,
		"{\"a\": \"{{ printf `%s-%s` (must_env `N`) `x` }} {{ or (env `NONE` ``) `d` | json_escape }}\"}": `{"a":"4-x d"}`,
		"{\"a\": \"x {{- must_env `N` -}} y\"}":                                                           `{"a":"x4y"}`,
		"{\"a\": \"{{.Name}} {{json .State}} {{ $x }} {{\"}":                                              `{"a":"{{.Name}} {{json .State}} {{ $x }} {{"}`,
		"{\"a\": \"{{`{{ env `}}`X` }}\"}":                                                                "{\"a\":\"{{ env `X` }}\"}",
		"{\"a\": \"{{ must_env `ODD` }}\"}":                                                               `{"a":"a: b\n\"c\" ${TAG} - ["}`,
		"a: '{{2}} {{0}} {{ \"lit\" }}'":                                                                  `{"a":"{{2}} {{0}} {{ \"lit\" }}"}`,
		"a: '[0-9]{{2}} {{ must_env `N` }}'":                                                              `{"a":"[0-9]{{2}} 4"}`,
		"{\"a\": \"{{ env \\\"N\\\" }}\"}":                                                                `{"a":"{{ env \"N\" }}"}`,
		"{\"a\": \"{{ env \\\"N\\\" }}\", \"b\": {\"c\": \"{{ must_env `N` }}\"}}":                        `{"a":"{{ env \"N\" }}","b":{"c":"4"}}`,
		"a: 1 # to do: {{ if env \"N\" }} later, {{ mustenv `N` }}":                                       `{"a":1}`,
		"a: 1 # {{ must_env `NONE` }}":                                                                    `{"a":1}`,
		"x: &x {{ must_env `N` }}\ny: *x":                                                                 `{"x":4,"y":4}`,
	} {
		d, err := source.Templated("f.json", []byte(in), templateFuncs())
		if err != nil {
			t.Errorf("%s: %v", in, err)
			continue
		}
		if got := string(d.Root.JSON()); got != want {
			t.Errorf("%s gives %s, want %s", in, got, want)
		}
	}
}

func TestTemplatesThatCannotBeCarriedOutSayWhere(t *testing.T) {
	t.Parallel()
	for in, says := range map[string][]string{
		"{\n  \"a\": \"{{ must_env `NONE` }}\"}":                             {"f.json:2:8", "NONE is not set", "> 2 |   \"a\": \"{{ must_env `NONE` }}\"}"},
		"{\"a\": 1,\n {{ if env `TAG` `` }}\"b\": 2{{ end }}}":               {"f.json:2:2", "more than a call", "Jsonnet"},
		"{\"a\": \"{{ $x := must_env `TAG` }}\"}":                            {"f.json:1:8", "more than a call"},
		"{\"a\": \"{{ mustenv `TAG` }}\"}":                                   {"f.json:1:8", `"mustenv"`, `did you mean "must_env"?`},
		"{\"a\": \"{{ s3_must_env `TAG` }}\"}":                               {`did you mean "must_env"?`},
		"{\"a\": \"{{ must_env `TAG` | nothing }}\"}":                        {`no function "nothing"`},
		"{\"a\": \"{{ must_env TAG }}\"}":                                    {`"TAG" is no argument`},
		"{\"a\": \"{{ must_env (env `TAG` }}\"}":                             {"parenthesis"},
		"{\"a\": \"{{ env " + strings.Repeat("(", 1<<20) + "`TAG` }}\"}":     {"parentheses"},
		"{\"a\": \"{{ must_env `TAG` ) }}\"}":                                {`")" has no place`},
		"{\"4\": 1, \"{{ must_env `N` }}\": 2}":                              {"f.json:1:10", `"4"`, "already"},
		"{\"a\": \"{{ must_env `NONE` }}\", \"b\": \"{{ must_env `N0` }}\"}": {"NONE is not set", "N0 is not set"},
		"{\"aa\": \"{{ must_env `TAG` }}\", \"b\": [}":                       {"f.json:1:38"},
	} {
		_, err := source.Templated("f.json", []byte(in), templateFuncs())
		if err == nil {
			t.Errorf("%s: no error", in)
			continue
		}
		for _, s := range says {
			if !strings.Contains(err.Error(), s) {
				t.Errorf("%s: %q lacks %q", in, err, s)
			}
		}
	}
}

func TestATemplateCannotChangeTheStructure(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		value := rapid.String().Draw(t, "value")
		d, err := source.Templated("f.json", []byte("{\"a\": \"{{ must_env `X` }}\", \"b\": [{{ must_env `X` }}], \"c\": 2}"),
			map[string]source.Func{"must_env": func([]string) (string, error) { return value, nil }})
		if err != nil {
			t.Fatal(err)
		}
		if got := d.Root.Get("a"); len(d.Root.Keys) != 3 || got.Kind != source.String || got.Text != value || len(d.Root.Get("b").Items) != 1 {
			t.Fatalf("%q became %s", value, d.Root.JSON())
		}
	})
}

func FuzzTemplatesNeverPanic(f *testing.F) {
	for _, s := range []string{"{{ must_env `N` }}", "{\"a\": \"{{-", "{{/* */}}", "{{ ( | ) }}", "\ue000\ue010\ue001", "{{ env \"\\x\" }}", "a: {{ list }}"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if d, err := source.Templated("f", []byte(text), templateFuncs()); err == nil {
			d.Root.JSON()
		} else if err.Error() == "" {
			t.Error("an error without words")
		}
	})
}
