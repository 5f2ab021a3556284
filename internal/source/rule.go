package source

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// rule is a JSON Schema (draft 2020-12), as far as our files need one. A keyword that is not here
// is refused when the schema is read, so none is passed over in silence.
type rule struct {
	Schema        string           `json:"$schema"`
	Title         string           `json:"title"`
	Description   string           `json:"description"`
	Type          words            `json:"type"`
	Enum          []any            `json:"enum"` // strings and numbers
	Pattern       string           `json:"pattern"`
	MinLength     int              `json:"minLength"` // in characters
	Minimum       *float64         `json:"minimum"`
	Maximum       *float64         `json:"maximum"`
	Items         *rule            `json:"items"`
	MinItems      int              `json:"minItems"`
	AnyOf         []*rule          `json:"anyOf"` // told apart by their types alone
	MinProperties int              `json:"minProperties"`
	Required      []string         `json:"required"`
	Properties    map[string]*rule `json:"properties"`
	Additional    *additional      `json:"additionalProperties"` // nil: any
	Ref           string           `json:"$ref"`                 // #/$defs/NAME
	Defs          map[string]*rule `json:"$defs"`
}

// words is a word or a list of them.
type words []string

// UnmarshalJSON takes both.
func (w *words) UnmarshalJSON(b []byte) error {
	if b[0] == '"' {
		*w = make(words, 1)
		return json.Unmarshal(b, &(*w)[0])
	}
	return json.Unmarshal(b, (*[]string)(w))
}

// additional is what members without a rule of their own must be; a nil rule allows none.
type additional struct{ rule *rule }

// UnmarshalJSON takes false or a schema.
func (a *additional) UnmarshalJSON(b []byte) error {
	if string(b) == "false" {
		return nil
	}
	a.rule = &rule{}
	return strictly(b, a.rule)
}

// readRule reads a schema.
func readRule(schema []byte) (*rule, error) {
	r := &rule{}
	if err := strictly(schema, r); err != nil {
		return nil, fmt.Errorf("read the schema: %w", err)
	}
	return r, nil
}

func strictly(b []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	return d.Decode(into)
}
