// Package project reads slipway.yaml and what it names: task and service definitions.
//
// It knows the shape of the file, not what runs; ship brings the two together. Read Load first.
package project

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

//go:embed slipway.schema.json
var schema []byte

// Schema gives the JSON Schema of slipway.yaml, a text that ends in a newline. It is the embedded
// one, and for environments a looser copy of each definition: what lies over something may leave
// out what is required, and takes a key away by null.
func Schema() []byte {
	var root map[string]any
	if err := json.Unmarshal(schema, &root); err != nil {
		panic(fmt.Sprintf("project: the embedded schema is no JSON: %v", err))
	}
	defs := root["$defs"].(map[string]any)
	for _, name := range slices.Collect(maps.Keys(defs)) {
		if name != "environment" {
			defs[name+"-part"] = loose(defs[name])
		}
	}
	defs["environment"] = loose(defs["environment"])
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	if err := e.Encode(root); err != nil {
		panic(fmt.Sprintf("project: the schema is no JSON: %v", err))
	}
	return out.Bytes()
}

// loose gives a copy of a schema in which nothing is required and null may stand everywhere.
func loose(v any) any {
	switch v := v.(type) {
	case []any:
		out := make([]any, len(v))
		for i := range v {
			out[i] = loose(v[i])
		}
		return out
	case map[string]any:
		out := map[string]any{}
		for k, m := range v {
			out[k] = loose(m)
		}
		if _, isSchema := v["required"].([]any); isSchema {
			delete(out, "required")
		}
		nullable(out)
		return out
	}
	return v
}

func nullable(rule map[string]any) {
	if ref, ok := rule["$ref"].(string); ok {
		rule["$ref"] = strings.TrimSuffix(ref, "-part") + "-part"
	}
	switch kinds := rule["type"].(type) {
	case string:
		rule["type"] = []any{kinds, "null"}
	case []any:
		rule["type"] = append(kinds, "null")
	}
	if words, ok := rule["enum"].([]any); ok {
		rule["enum"] = append(words, nil)
	}
	if some, ok := rule["anyOf"].([]any); ok {
		rule["anyOf"] = append(some, map[string]any{"type": "null"})
	}
}
