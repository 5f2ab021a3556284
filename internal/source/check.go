package source

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Check holds the document against a JSON Schema and reports all problems at once, each at its
// place, in the file's order. A string that a variable filled with a number or a boolean counts
// as one, and becomes one, where the schema wants one. Before Fill, a string with a dollar may
// stand for anything. The message of a broken pattern is the schema's description of the member. An error that is not Problems means a broken schema, or one
// with keywords that rule does not have.
func (d *Doc) Check(schema []byte) error {
	root, err := readRule(schema)
	if err != nil {
		return err
	}
	c := &checker{doc: d, defs: root.Defs}
	if err := c.check(d.Root, root, "the file"); err != nil {
		return fmt.Errorf("check by the schema: %w", err)
	}
	if len(c.problems) == 0 {
		return nil
	}
	slices.SortStableFunc(c.problems, func(a, b *Problem) int {
		if a.Line != b.Line {
			return a.Line - b.Line
		}
		return a.Column - b.Column
	})
	return c.problems
}

type checker struct {
	doc      *Doc
	defs     map[string]*rule
	problems Problems
}

func (c *checker) add(n *Node, hint, format string, args ...any) {
	c.problems = append(c.problems, c.doc.At(n, hint, format, args...))
}

// check holds a node against a rule; name is what messages call the node. The error is of the
// schema.
func (c *checker) check(n *Node, r *rule, name string) error {
	r, err := c.resolve(r)
	if err != nil {
		return err
	}
	if n.Kind == String && !c.doc.filled && strings.Contains(n.Text, "$") && (len(r.Type) > 0 || len(r.AnyOf) > 0 || len(r.Enum) > 0) {
		return nil // what it holds is known when it is filled
	}
	if len(r.AnyOf) > 0 {
		if r, err = c.pick(n, r); err != nil {
			return err
		}
	}
	if len(r.Type) > 0 && !is(n, r.Type) && !adapt(n, r.Type) {
		hint := typeHint(n, r.Type)
		if form, err := regexp.Compile(r.Pattern); r.Pattern != "" && err == nil {
			switch { // where the form is another one, quotes alone would not do
			case n.Kind == Number && form.MatchString(n.Raw):
				hint += "; " + r.describe()
			case n.Kind == Number && form.MatchString(n.Raw+"m"):
				units := n.Raw + "m"
				if !strings.Contains(r.describe(), "minutes") {
					units = n.Raw + "s or " + units
				}
				hint = fmt.Sprintf("write its unit, as in %s; %s", units, r.describe())
			default:
				hint = r.describe()
			}
		}
		c.add(n, hint, "%s is %s, not %s", name, article(kindName(n)), wanted(r.Type))
		return nil
	}
	c.enum(n, r, name)
	switch n.Kind {
	case String:
		return c.text(n, r, name)
	case Number:
		c.number(n, r, name)
	case List:
		return c.items(n, r, name)
	case Map:
		return c.members(n, r, name)
	}
	return nil
}

// resolve follows a reference; a description beside it is the one that counts.
func (c *checker) resolve(r *rule) (*rule, error) {
	if r.Ref == "" {
		return r, nil
	}
	def, ok := c.defs[strings.TrimPrefix(r.Ref, "#/$defs/")]
	if !ok {
		return nil, fmt.Errorf("%q refers to nothing", r.Ref)
	}
	if r.Description == "" {
		return def, nil
	}
	described := *def
	described.Description = r.Description
	return &described, nil
}

// pick gives the one of several rules whose type a node has; where there is none, a rule that asks
// for any of their types.
func (c *checker) pick(n *Node, r *rule) (*rule, error) {
	none := &rule{Description: r.Description}
	for _, o := range r.AnyOf {
		one, err := c.resolve(o)
		if err != nil {
			return nil, err
		}
		if len(one.Type) == 0 || is(n, one.Type) || adapt(n, one.Type) {
			if one.Description == "" {
				described := *one
				described.Description = r.Description
				one = &described
			}
			return one, nil
		}
		none.Type = append(none.Type, one.Type...)
	}
	return none, nil
}

func (c *checker) number(n *Node, r *rule, name string) {
	v, err := strconv.ParseFloat(n.Text, 64)
	switch {
	case err != nil:
	case r.Minimum != nil && v < *r.Minimum:
		c.add(n, r.describe(), "%s is %v, less than %v", name, v, *r.Minimum)
	case r.Maximum != nil && v > *r.Maximum:
		c.add(n, r.describe(), "%s is %v, more than %v", name, v, *r.Maximum)
	}
}

func (c *checker) items(n *Node, r *rule, name string) error {
	if len(n.Items) < r.MinItems {
		c.add(n, r.describe(), "%s is empty", name)
	}
	if r.Items == nil {
		return nil
	}
	for _, i := range n.Items {
		if err := c.check(i, r.Items, "an item of "+name); err != nil {
			return err
		}
	}
	return nil
}

func (c *checker) enum(n *Node, r *rule, name string) {
	if len(r.Enum) == 0 || n.Kind == Null {
		return
	}
	var all []string
	for _, v := range r.Enum {
		if v == nil {
			continue
		}
		all = append(all, fmt.Sprint(v))
	}
	if slices.Contains(all, n.Text) {
		return
	}
	got := n.Text
	if got == "" {
		got = article(kindName(n))
	}
	c.add(n, didYouMean(n.Text, all), "%s is %s; it may be %s", name, got, strings.Join(all, ", "))
}

func (c *checker) text(n *Node, r *rule, name string) error {
	switch count := utf8.RuneCountInString(n.Text); {
	case count >= r.MinLength:
	case count == 0:
		c.add(n, "", "%s is empty", name)
		return nil
	default:
		c.add(n, "", "%s has fewer than %d characters", name, r.MinLength)
		return nil
	}
	if r.Pattern == "" {
		return nil
	}
	form, err := regexp.Compile(r.Pattern)
	if err == nil && !form.MatchString(n.Text) {
		c.add(n, r.describe(), "%s is %q, which does not read as one", name, n.Text)
	}
	return err
}

func (c *checker) members(n *Node, r *rule, name string) error {
	switch {
	case len(n.Keys) >= r.MinProperties:
	case len(n.Keys) == 0:
		c.add(n, "", "%s is empty", name)
	default:
		c.add(n, "", "%s has fewer than %d members", name, r.MinProperties)
	}
	var missing []string
	for _, m := range r.Required {
		if n.Get(m) == nil {
			missing = append(missing, m)
		}
	}
	if len(missing) > 0 {
		c.add(n, "", "%s lacks %s", name, list(missing))
	}
	for _, k := range n.Keys {
		of, known := r.Properties[k.Name]
		switch {
		case known:
		case r.Additional == nil:
			continue
		case r.Additional.rule == nil:
			hint := didYouMean(k.Name, slices.Sorted(maps.Keys(r.Properties)))
			c.problems = append(c.problems, c.doc.atKey(k, hint, "there is no key %q here", k.Name))
			continue
		default:
			of = r.Additional.rule
		}
		if err := c.check(k.Value, of, strconv.Quote(k.Name)); err != nil {
			return err
		}
	}
	return nil
}

// kindName gives a node's kind in JSON Schema's words.
func kindName(n *Node) string {
	return [...]string{Null: "null", Bool: "boolean", Number: "number", String: "string", List: "array", Map: "object"}[n.Kind]
}

// is reports whether a node is of one of some types.
func is(n *Node, types []string) bool {
	for _, t := range types {
		if t == kindName(n) || t == "integer" && n.Kind == Number && whole(n.Text) {
			return true
		}
	}
	return false
}

func whole(number string) bool {
	v, err := strconv.ParseFloat(number, 64)
	return err == nil && v == math.Trunc(v)
}

// adapt turns a string that a variable filled into what the schema wants, where it reads as it.
func adapt(n *Node, types []string) bool {
	if n.Kind != String || !n.filled {
		return false
	}
	as := Node{Kind: Number, Text: n.Text}
	if n.Text == "true" || n.Text == "false" {
		as.Kind = Bool
	} else if _, err := strconv.ParseFloat(n.Text, 64); err != nil || !json.Valid([]byte(n.Text)) {
		return false
	}
	if !is(&as, types) {
		return false
	}
	n.Kind, n.Raw = as.Kind, n.Text
	return true
}
