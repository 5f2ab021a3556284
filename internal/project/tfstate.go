package project

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/slipway-ecs/slipway/internal/fail"
)

// StateFile is where Terraform's state is looked for when the file does not say.
const StateFile = "terraform.tfstate"

// state is what is read of a Terraform state.
//
// Source: the state's form of version 4, as Terraform writes it since 0.12 and OpenTofu does.
type state struct {
	Version int `json:"version"`
	Outputs map[string]struct {
		Value any `json:"value"`
	} `json:"outputs"`
	Resources []resource `json:"resources"`
}

type resource struct {
	Module    string `json:"module"` // module.a.module.b["x"]; "" is the root
	Mode      string `json:"mode"`   // managed or data
	Type      string `json:"type"`
	Name      string `json:"name"`
	Instances []struct {
		Key        any            `json:"index_key"` // of count or for_each
		Attributes map[string]any `json:"attributes"`
	} `json:"instances"`
}

// readState reads a state; where names it in errors.
func readState(text []byte, where string) (*state, error) {
	s := &state{}
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	if err := d.Decode(s); err != nil || s.Version == 0 {
		return nil, fail.New("file.source", "name the state that terraform writes, with 'tfstate:'", "%s is no Terraform state", where)
	}
	if s.Version != 4 {
		return nil, fail.New("file.source", "let Terraform 0.12 or newer write it again: terraform apply -refresh-only", "%s has version %d, and 4 is read", where, s.Version)
	}
	return s, nil
}

// value gives a value by its address: output.NAME, or a resource's attribute as Terraform writes
// it, as module.net.aws_subnet.a[0].id.
func (s *state) value(address string) (any, error) {
	steps, ok := stepsOf(address)
	if !ok || len(steps) < 2 {
		return nil, fail.New("file.source", "write output.NAME, or TYPE.NAME.ATTRIBUTE", "${tfstate:%s} is no address", address)
	}
	value, rest, err := s.find(steps)
	if err != nil {
		return nil, err
	}
	for i, step := range rest {
		if value, err = inside(value, step, strings.TrimSuffix(address, tail(rest[i:]))); err != nil {
			return nil, err
		}
	}
	return value, nil
}

// lookup is value of what is one: a list, a map and null are problems.
func (s *state) lookup(address string) (string, error) {
	value, err := s.value(address)
	if err != nil {
		return "", err
	}
	switch v := value.(type) {
	case string:
		return v, nil
	case json.Number:
		return v.String(), nil
	case bool:
		return strconv.FormatBool(v), nil
	case nil:
		return "", fail.New("file.source", "name another attribute", "%s is null in the Terraform state", address)
	case []any:
		return "", fail.New("file.source", fmt.Sprintf("take one, as %s[0]", address), "%s is a list of %d in the Terraform state", address, len(v))
	case map[string]any:
		return "", fail.New("file.source", "take one of "+strings.Join(keysOf(v), ", "), "%s is a map in the Terraform state", address)
	}
	panic(fmt.Sprintf("project: JSON gave a %T", value))
}

func keysOf[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// step is a part of an address: a name, or what stands in brackets.
type step struct {
	text  string
	index bool
}

func (s step) String() string {
	if !s.index {
		return "." + s.text
	}
	if _, err := strconv.Atoi(s.text); err == nil {
		return "[" + s.text + "]"
	}
	return "[" + strconv.Quote(s.text) + "]"
}

func tail(steps []step) string {
	var b strings.Builder
	for _, s := range steps {
		b.WriteString(s.String())
	}
	return b.String()
}

// stepsOf takes an address apart.
func stepsOf(address string) (steps []step, ok bool) {
	for rest := address; rest != ""; {
		if strings.HasPrefix(rest, "[") {
			in, after, found := strings.Cut(rest[1:], "]")
			if len(rest) > 1 && rest[1] == '"' { // a key may hold a bracket
				quoted, err := strconv.QuotedPrefix(rest[1:])
				if err != nil {
					return nil, false
				}
				in, after, found = quoted, strings.TrimPrefix(rest[1+len(quoted):], "]"), strings.HasPrefix(rest[1+len(quoted):], "]")
			}
			text := in
			if key, err := strconv.Unquote(in); err == nil {
				text = key
			} else if _, err := strconv.Atoi(in); err != nil {
				return nil, false
			}
			if !found {
				return nil, false
			}
			steps, rest = append(steps, step{text, true}), after
			continue
		}
		rest = strings.TrimPrefix(rest, ".")
		end := strings.IndexAny(rest, ".[")
		if end < 0 {
			end = len(rest)
		}
		if end == 0 {
			return nil, false
		}
		steps, rest = append(steps, step{rest[:end], false}), rest[end:]
	}
	return steps, true
}

// find gives an output or a resource's attributes, and what is left of the address.
func (s *state) find(steps []step) (value any, rest []step, err error) {
	if steps[0].text == "output" {
		if o, ok := s.Outputs[steps[1].text]; ok {
			return o.Value, steps[2:], nil
		}
		return nil, nil, fail.New("file.source", near(steps[1].text, keysOf(s.Outputs)), "the Terraform state has no output %q", steps[1].text)
	}
	module := ""
	for len(steps) > 1 && steps[0].text == "module" && !steps[0].index {
		n := 2
		if len(steps) > 2 && steps[2].index {
			n = 3
		}
		module, steps = module+tail(steps[:n]), steps[n:]
	}
	module = strings.TrimPrefix(module, ".")
	mode := "managed"
	if len(steps) > 0 && steps[0].text == "data" {
		mode, steps = "data", steps[1:]
	}
	if len(steps) < 3 {
		return nil, nil, fail.New("file.source", "write output.NAME, or TYPE.NAME.ATTRIBUTE", "the address names no attribute of a resource")
	}
	r, err := s.resource(module, mode, steps[0].text, steps[1].text)
	if err != nil {
		return nil, nil, err
	}
	return r.instance(steps[2:])
}

// name gives a resource as an address names it.
func (r *resource) name() string {
	name := r.Type + "." + r.Name
	if r.Mode == "data" {
		name = "data." + name
	}
	if r.Module != "" {
		name = r.Module + "." + name
	}
	return name
}

func (s *state) resource(module, mode, kind, name string) (*resource, error) {
	want := resource{Module: module, Mode: mode, Type: kind, Name: name}
	var names []string
	for i := range s.Resources {
		r := &s.Resources[i]
		if r.name() == want.name() {
			return r, nil
		}
		if r.Type == kind {
			names = append(names, r.name())
		}
	}
	hint := near(want.name(), names)
	if len(names) == 0 {
		hint = fmt.Sprintf("it has none of the type %s; `terraform state list` shows what there is", kind)
	}
	return nil, fail.New("file.source", hint, "the Terraform state has no resource %s", want.name())
}

// instance gives the attributes of one of a resource's instances, and what is left of the address.
func (r *resource) instance(steps []step) (any, []step, error) {
	var keys []string
	for _, i := range r.Instances {
		if i.Key == nil && !steps[0].index {
			return i.Attributes, steps, nil
		}
		if i.Key != nil && steps[0].index && fmt.Sprint(i.Key) == steps[0].text {
			return i.Attributes, steps[1:], nil
		}
		if i.Key != nil {
			keys = append(keys, tail([]step{{fmt.Sprint(i.Key), true}}))
		}
	}
	hint := "it has none"
	if len(keys) > 0 {
		hint = "there are " + r.name() + strings.Join(keys, ", "+r.name())
	}
	return nil, nil, fail.New("file.source", hint, "the Terraform state has no such instance of %s", r.name())
}

// inside goes one step into a value; at is the address so far.
func inside(value any, s step, at string) (any, error) {
	switch v := value.(type) {
	case map[string]any:
		if inner, ok := v[s.text]; ok {
			return inner, nil
		}
		return nil, fail.New("file.source", near(s.text, keysOf(v)), "%s has no %q in the Terraform state", at, s.text)
	case []any:
		if n, err := strconv.Atoi(s.text); err == nil && n >= 0 && n < len(v) {
			return v[n], nil
		}
		return nil, fail.New("file.source", fmt.Sprintf("take one of [0] to [%d]", max(0, len(v)-1)), "%s is a list of %d in the Terraform state, and %q is none of them", at, len(v), s.text)
	}
	return nil, fail.New("file.source", "write ${tfstate:"+at+"}", "%s is a single value in the Terraform state, and has no %q", at, s.text)
}

// elsewhere reports whether a state is not a file of this machine.
func elsewhere(where string) bool {
	return slices.ContainsFunc([]string{"s3://", "https://", "http://"}, func(p string) bool { return strings.HasPrefix(where, p) })
}
