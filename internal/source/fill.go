package source

import (
	"fmt"
	"strings"
)

// Fill puts variables into every string of the document, in place; keys stay as they are. lookup
// gives a variable and whether it is set. It reports all problems at once.
//
// The syntax is Compose's: ${VAR} (unset is a problem), ${VAR:-default} (where it is unset or
// empty), ${VAR-default} (where it is unset), ${VAR:?message} and ${VAR?message} (a problem in
// your words), and $$ for a dollar. What a variable holds is never read again. A dollar before
// anything else is a problem, so that no typing error passes as text.
func (d *Doc) Fill(lookup func(name string) (value string, set bool)) error {
	f := &filler{doc: d, lookup: lookup, seen: map[*Node]bool{}}
	f.node(d.Root)
	if len(f.problems) > 0 {
		return f.problems
	}
	return nil
}

type filler struct {
	doc      *Doc
	lookup   func(string) (string, bool)
	seen     map[*Node]bool // merged nodes stand in several maps
	problems Problems
}

func (f *filler) node(n *Node) {
	if n == nil || f.seen[n] {
		return
	}
	f.seen[n] = true
	switch n.Kind {
	case String:
		if !strings.Contains(n.Text, "$") {
			return
		}
		text, filled, err := expand(n.Text, f.lookup)
		if err != nil {
			f.problems = append(f.problems, f.doc.At(n, err.hint, "%s", err.msg))
			return
		}
		n.Text, n.filled = text, filled
	case List:
		for _, i := range n.Items {
			f.node(i)
		}
	case Map:
		for _, k := range n.Keys {
			f.node(k.Value)
		}
	}
}

type fillError struct{ msg, hint string }

// expand puts variables into a text; filled tells whether there was one.
func expand(text string, lookup func(string) (string, bool)) (out string, filled bool, err *fillError) {
	var b strings.Builder
	for {
		before, rest, found := strings.Cut(text, "$")
		b.WriteString(before)
		if !found {
			return b.String(), filled, nil
		}
		switch {
		case strings.HasPrefix(rest, "$"):
			b.WriteByte('$')
			text = rest[1:]
		case strings.HasPrefix(rest, "{"):
			inner, after, ok := closing(rest[1:])
			if !ok {
				return "", false, &fillError{msg: "a '${' has no '}'", hint: "write $$ for a dollar"}
			}
			value, err := variable(inner, lookup)
			if err != nil {
				return "", false, err
			}
			b.WriteString(value)
			filled = true
			text = after
		default:
			return "", false, &fillError{msg: "a dollar stands alone", hint: "write ${VAR} for a variable, $$ for a dollar"}
		}
	}
}

// closing cuts at the brace that closes a variable; those of variables in its default count.
func closing(s string) (inner, after string, ok bool) {
	depth := 1
	for i := 0; i < len(s); i++ {
		switch {
		case strings.HasPrefix(s[i:], "$$"):
			i++
		case strings.HasPrefix(s[i:], "${"):
			depth++
			i++
		case s[i] == '}':
			if depth--; depth == 0 {
				return s[:i], s[i+1:], true
			}
		}
	}
	return "", "", false
}

// variable gives the value of what stands between the braces.
func variable(inner string, lookup func(string) (string, bool)) (string, *fillError) {
	end := 0
	for end < len(inner) && wordByte(inner[end], end) {
		end++
	}
	name, op := inner[:end], inner[end:]
	if name == "" {
		return "", &fillError{msg: fmt.Sprintf("${%s} does not begin with a name", inner), hint: "a name has letters, digits and _"}
	}
	value, set := lookup(name)
	colon := strings.HasPrefix(op, ":")
	missing := !set || colon && value == ""
	op = strings.TrimPrefix(op, ":")
	switch {
	case op == "" && !colon:
		if !set {
			return "", &fillError{msg: fmt.Sprintf("the variable %s is not set", name), hint: fmt.Sprintf("set it, or write ${%s:-default}", name)}
		}
		return value, nil
	case strings.HasPrefix(op, "-"):
		if !missing {
			return value, nil
		}
		value, _, err := expand(op[1:], lookup)
		return value, err
	case strings.HasPrefix(op, "?"):
		if !missing {
			return value, nil
		}
		state := "not set"
		if set {
			state = "empty"
		}
		msg := fmt.Sprintf("the variable %s is %s", name, state)
		if op[1:] != "" {
			msg += ": " + op[1:]
		}
		return "", &fillError{msg: msg}
	}
	return "", &fillError{msg: fmt.Sprintf("${%s} has no meaning", inner), hint: "write ${VAR}, ${VAR:-default} or ${VAR:?message}"}
}

func wordByte(c byte, at int) bool {
	return c == '_' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || at > 0 && c >= '0' && c <= '9'
}
