package source

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"
)

// Check holds the document against a JSON Schema and reports all problems at once, each at its
// place, in the file's order. A string that a variable filled with a number or a boolean counts
// as one, and becomes one, where the schema wants one. The message of a broken pattern is the
// schema's description of the member. An error that is not Problems means a broken schema.
func (d *Doc) Check(schema []byte) error {
	s, err := compile(schema)
	if err != nil {
		return fmt.Errorf("compile the schema: %w", err)
	}
	found, err := validate(s, d)
	if err != nil || len(found) == 0 {
		return err
	}
	if d.adapt(found) {
		if found, err = validate(s, d); err != nil || len(found) == 0 {
			return err
		}
	}
	c := &checker{doc: d}
	if err := json.Unmarshal(schema, &c.schema); err != nil {
		return fmt.Errorf("read the schema: %w", err)
	}
	for _, e := range found {
		c.problem(e)
	}
	slices.SortStableFunc(c.problems, func(a, b *Problem) int {
		if a.Line != b.Line {
			return a.Line - b.Line
		}
		return a.Column - b.Column
	})
	return c.problems
}

func compile(schema []byte) (*jsonschema.Schema, error) {
	tree, err := jsonschema.UnmarshalJSON(bytes.NewReader(schema))
	if err != nil {
		return nil, err
	}
	c := jsonschema.NewCompiler()
	const at = "mem:///schema.json" // only a name: nothing is fetched
	if err := c.AddResource(at, tree); err != nil {
		return nil, err
	}
	return c.Compile(at)
}

// validate gives the leaves of what the schema has against the document.
func validate(s *jsonschema.Schema, d *Doc) ([]*jsonschema.ValidationError, error) {
	tree, err := jsonschema.UnmarshalJSON(bytes.NewReader(d.Root.JSON()))
	if err != nil {
		return nil, fmt.Errorf("read our own JSON: %w", err)
	}
	var broken *jsonschema.ValidationError
	switch err := s.Validate(tree); {
	case err == nil:
		return nil, nil
	case !errors.As(err, &broken):
		return nil, err
	}
	var leaves []*jsonschema.ValidationError
	var walk func(e *jsonschema.ValidationError)
	walk = func(e *jsonschema.ValidationError) {
		if len(e.Causes) == 0 {
			leaves = append(leaves, e)
		}
		for _, c := range e.Causes {
			walk(c)
		}
	}
	walk(broken)
	return leaves, nil
}

// adapt turns filled strings into what the schema wants, where they read as it.
func (d *Doc) adapt(found []*jsonschema.ValidationError) (changed bool) {
	for _, e := range found {
		n := d.find(e.InstanceLocation)
		if n == nil || !n.filled || n.Kind != String {
			continue
		}
		wants, ok := e.ErrorKind.(*kind.Type)
		if !ok {
			continue
		}
		for _, w := range wants.Want {
			switch _, err := strconv.ParseFloat(n.Text, 64); {
			case (w == "number" || w == "integer") && err == nil && json.Valid([]byte(n.Text)):
				n.Kind, n.Raw, changed = Number, n.Text, true
			case w == "boolean" && (n.Text == "true" || n.Text == "false"):
				n.Kind, changed = Bool, true
			}
		}
	}
	return changed
}

// find gives the node at a path of the schema library's, or nil.
func (d *Doc) find(path []string) *Node {
	n := d.Root
	for _, p := range path {
		switch {
		case n == nil:
			return nil
		case n.Kind == List:
			i, err := strconv.Atoi(p)
			if err != nil || i < 0 || i >= len(n.Items) {
				return nil
			}
			n = n.Items[i]
		default:
			n = n.Get(p)
		}
	}
	return n
}

type checker struct {
	doc      *Doc
	schema   any
	problems Problems
}

func (c *checker) add(p *Problem) { c.problems = append(c.problems, p) }

func (c *checker) problem(e *jsonschema.ValidationError) {
	n := c.doc.find(e.InstanceLocation)
	name := "the file"
	if len(e.InstanceLocation) > 0 {
		name = strconv.Quote(e.InstanceLocation[len(e.InstanceLocation)-1])
	}
	switch k := e.ErrorKind.(type) {
	case *kind.AdditionalProperties:
		for _, p := range k.Properties {
			c.unknown(n, p, e)
		}
	case *kind.Required:
		c.add(c.doc.At(n, "", "%s lacks %s", name, list(k.Missing)))
	case *kind.Type:
		hint := typeHint(n, k)
		if _, formed := c.at(e)["pattern"]; formed {
			hint = c.describe(e)
		}
		c.add(c.doc.At(n, hint, "%s is %s, not %s", name, article(k.Got), wanted(k.Want)))
	case *kind.Enum:
		var all []string
		for _, w := range k.Want {
			all = append(all, fmt.Sprint(w))
		}
		c.add(c.doc.At(n, didYouMean(fmt.Sprint(k.Got), all), "%s is %v; it may be %s", name, k.Got, strings.Join(all, ", ")))
	case *kind.Pattern:
		c.add(c.doc.At(n, c.describe(e), "%s is %q, which does not read as one", name, k.Got))
	case *kind.MinLength:
		c.add(c.doc.At(n, "", "%s is empty", name))
	case *kind.MinProperties:
		c.add(c.doc.At(n, "", "%s is empty", name))
	case *kind.Minimum:
		got, _ := k.Got.Float64()
		want, _ := k.Want.Float64()
		c.add(c.doc.At(n, "", "%s is %v, less than %v", name, got, want))
	default:
		c.add(c.doc.At(n, "", "%s: %s", name, strings.Join(k.KeywordPath(), "/")))
	}
}

func (c *checker) unknown(n *Node, name string, e *jsonschema.ValidationError) {
	for _, k := range n.Keys {
		if k.Name == name {
			near := Nearest(name, c.known(e))
			hint := ""
			if near != "" {
				hint = fmt.Sprintf("did you mean %q?", near)
			}
			c.add(c.doc.atKey(k, hint, "there is no key %q here", name))
			return
		}
	}
}
