// Package project reads slipway.yaml and what it names: task and service definitions.
//
// It knows the shape of the file, not what runs; ship brings the two together. Read Load first.
package project

import _ "embed"

//go:embed slipway.schema.json
var schema []byte

// Schema gives the JSON Schema of slipway.yaml, a text that ends in a newline.
func Schema() []byte { return schema }
