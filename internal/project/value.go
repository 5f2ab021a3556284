package project

import (
	"strconv"
	"strings"

	"github.com/slipway-ecs/slipway/internal/source"
)

// Value is one plain value of the file with where it came from.
type Value struct {
	Path        string   `json:"path"`  // services.api.images.app
	JSON        string   `json:"value"` // as JSON writes it
	File        string   `json:"file"`
	Line        int      `json:"line"`
	Environment string   `json:"environment,omitempty"` // the one that laid it over the file
	Vars        []string `json:"variables,omitempty"`   // what filled it: VAR, VAR:- for its default, kind:arg
}

// From says in words where a value came from: file:line, environment, variables.
func (v Value) From() string {
	parts := []string{v.File + ":" + strconv.Itoa(v.Line)}
	if v.Environment != "" {
		parts = append(parts, "environment "+v.Environment)
	}
	for _, name := range v.Vars {
		switch plain, defaulted := strings.CutSuffix(name, ":-"); {
		case defaulted:
			parts = append(parts, "default of ${"+plain+"}")
		default:
			parts = append(parts, "${"+name+"}")
		}
	}
	return strings.Join(parts, ", ")
}

// values lists a document's plain values in order. An empty list or map counts as one.
func values(doc *source.Doc) []Value {
	var out []Value
	var walk func(path string, n *source.Node)
	walk = func(path string, n *source.Node) {
		switch {
		case n.Kind == source.Map && len(n.Keys) > 0:
			for _, k := range n.Keys {
				walk(join(path, k.Name), k.Value)
			}
		case n.Kind == source.List && len(n.Items) > 0:
			for i, item := range n.Items {
				walk(path+"["+strconv.Itoa(i)+"]", item)
			}
		default:
			out = append(out, Value{Path: path, JSON: string(n.JSON()), File: doc.Name, Line: n.Line, Environment: n.Layer, Vars: n.Vars})
		}
	}
	walk("", doc.Root)
	return out
}

// join adds a key to a path; one that is no plain word is quoted.
func join(path, key string) string {
	if strings.ContainsAny(key, ".[]\" ") || key == "" {
		key = strconv.Quote(key)
	}
	if path == "" {
		return key
	}
	return path + "." + key
}
