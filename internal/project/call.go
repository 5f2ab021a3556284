package project

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/slipway-ecs/slipway/internal/fail"
	"github.com/slipway-ecs/slipway/internal/source"
)

// calls are the functions of ecspresso's files: {{ must_env `X` }} in templates, and
// std.native("must_env")("X") in Jsonnet.
//
// Sources: ecspresso's README, "Template syntax" and "Plugins"; kayac/go-config's for env and must_env.
type calls []called

type called struct {
	name   string
	params []string // of the Jsonnet function; nil: there is none
	least  int      // fewest arguments of the template's
	most   int      // 0: any number
	call   func(args []string) (any, error)
}

// ofEnvironment are those that ask variables alone.
func ofEnvironment(lookup func(string) (string, bool)) calls {
	return calls{
		{name: "must_env", params: []string{"name"}, least: 1, most: 1, call: func(args []string) (any, error) {
			v, set := lookup(args[0])
			if !set {
				return nil, fail.New("file.source", "set it", "the variable %s is not set", args[0])
			}
			return v, nil
		}},
		// The last is the default; those before it are variables, of which an empty one does not count.
		{name: "env", params: []string{"name", "default"}, least: 1, call: func(args []string) (any, error) {
			for _, name := range args {
				if v, _ := lookup(name); v != "" {
					return v, nil
				}
			}
			if len(args) == 1 {
				return nil, fail.New("file.source", "set it, or write its default after it", "the variable %s is not set", args[0])
			}
			return args[len(args)-1], nil
		}},
	}
}

// calls are all of them. The rest of a template is put in as a value and not as text of JSON, so that
// json_escape has nothing to do.
func (f *filling) calls() calls {
	ask := func(kind, arg string) (any, error) {
		if f.o.Unasked {
			return "unset-" + kind, nil
		}
		return f.remote(kind, arg)
	}
	tfstate := func(args []string) (any, error) {
		if f.o.Unasked {
			return "unset-tfstate", nil
		}
		s, err := f.terraform()
		if err != nil {
			return nil, err
		}
		return s.value(strings.ReplaceAll(args[0], "'", "\""))
	}
	return append(ofEnvironment(f.o.Var),
		called{name: "json_escape", least: 1, most: 1, call: func(args []string) (any, error) { return args[0], nil }},
		called{name: "tfstate", params: []string{"address"}, least: 1, most: 1, call: tfstate},
		called{name: "tfstatef", least: 1, call: func(args []string) (any, error) {
			values := make([]any, len(args)-1)
			for i, a := range args[1:] {
				values[i] = a
			}
			return tfstate([]string{fmt.Sprintf(args[0], values...)})
		}},
		called{name: "ssm", params: []string{"name"}, least: 1, most: 2, call: func(args []string) (any, error) {
			v, err := ask("ssm", args[0])
			if err != nil || len(args) == 1 || f.o.Unasked {
				return v, err
			}
			return item(args[0], fmt.Sprint(v), args[1])
		}},
		called{name: "ssm_list", params: []string{"name", "index"}, least: 2, most: 2, call: func(args []string) (any, error) {
			v, err := ask("ssm", args[0])
			if err != nil || f.o.Unasked {
				return v, err
			}
			return item(args[0], fmt.Sprint(v), args[1])
		}},
		called{name: "secretsmanager_arn", params: []string{"id"}, least: 1, most: 1, call: func(args []string) (any, error) { return ask("secret-arn", args[0]) }},
		called{name: "cfn_output", params: []string{"stack", "output"}, least: 2, most: 2, call: func(args []string) (any, error) { return ask("cfn", args[0]+"."+args[1]) }},
		called{name: "cfn_export", params: []string{"name"}, least: 1, most: 1, call: func(args []string) (any, error) { return ask("cfn-export", args[0]) }},
	)
}

// item gives one of the values of a parameter that is a list.
func item(name, list, index string) (any, error) {
	all := strings.Split(list, ",")
	i, err := strconv.Atoi(index)
	if err != nil || i < 0 || i >= len(all) {
		return nil, fail.New("file.source", fmt.Sprintf("take one of 0 to %d", len(all)-1), "parameter %q has %d values, and %s is none of them", name, len(all), index)
	}
	return all[i], nil
}

// funcs gives them to templates.
func (c calls) funcs() map[string]source.Func {
	out := map[string]source.Func{}
	for _, one := range c {
		out[one.name] = func(args []string) (string, error) {
			if len(args) < one.least || one.most > 0 && len(args) > one.most {
				return "", fail.New("file.source", "", "%s takes %s, and is given %d", one.name, arguments(one.least, one.most), len(args))
			}
			v, err := one.call(args)
			if err != nil {
				return "", err
			}
			switch v := v.(type) {
			case string:
				return v, nil
			case nil:
				return "", fail.New("file.source", "name another attribute", "%s %s is null", one.name, args[0])
			}
			text, err := json.Marshal(v)
			return string(text), err
		}
	}
	return out
}

func arguments(least, most int) string {
	switch {
	case most == 0:
		return fmt.Sprintf("at least %d arguments", least)
	case least != most:
		return fmt.Sprintf("%d or %d arguments", least, most)
	case most == 1:
		return "1 argument"
	}
	return fmt.Sprintf("%d arguments", most)
}

// natives gives them to Jsonnet.
func (c calls) natives() []source.Native {
	var out []source.Native
	for _, one := range c {
		if one.params == nil {
			continue
		}
		out = append(out, source.Native{Name: one.name, Params: one.params, Call: func(args []any) (any, error) {
			words := make([]string, len(args))
			for i, a := range args {
				if words[i] = fmt.Sprint(a); one.name == "env" && a == nil {
					return nil, fail.New("file.source", "give it a string", "%s is given null", one.name)
				}
			}
			v, err := one.call(words)
			if err != nil {
				return nil, err
			}
			return plain(v), nil
		}})
	}
	return out
}

// plain gives a value of a state as Jsonnet takes it: its numbers are float64.
func plain(v any) any {
	switch v := v.(type) {
	case json.Number:
		n, err := v.Float64()
		if err != nil {
			return v.String()
		}
		return n
	case []any:
		out := make([]any, len(v))
		for i := range v {
			out[i] = plain(v[i])
		}
		return out
	case map[string]any:
		out := make(map[string]any, len(v))
		for k, m := range v {
			out[k] = plain(m)
		}
		return out
	}
	return v
}
