package source

import (
	"fmt"
	"strings"

	"github.com/slipway-ecs/slipway/internal/fail"
)

// Values are what Fill puts into strings.
type Values struct {
	// Var gives an environment variable and whether it is set.
	Var func(name string) (value string, set bool)
	// Source gives what ${kind:arg} stands for. Nil: there are none.
	Source func(kind, arg string) (string, error)
}

// Fill puts variables into every string of the document, in place; keys stay as they are. It
// reports all problems at once. Called again it leaves alone what it has filled; with nodes, it
// fills those alone.
//
// The syntax is Compose's: ${VAR} (unset is a problem), ${VAR:-default} (where it is unset or
// empty), ${VAR-default} (where it is unset), ${VAR:?message} and ${VAR?message} (a problem in
// your words), and $$ for a dollar; ${kind:arg} asks a source. What a variable holds is never read
// again. A dollar before anything else is a problem, so that no typing error passes as text.
func (d *Doc) Fill(v Values, only ...*Node) error {
	if d.seen == nil {
		d.seen = map[*Node]bool{}
	}
	f := &filler{doc: d, values: v}
	if len(only) == 0 {
		only = []*Node{d.Root}
		d.filled = true
	}
	for _, n := range only {
		f.node(n)
	}
	if len(f.problems) > 0 {
		return f.problems
	}
	return nil
}

type filler struct {
	doc      *Doc
	values   Values
	problems Problems
}

func (f *filler) node(n *Node) {
	if n == nil || f.doc.seen[n] {
		return
	}
	f.doc.seen[n] = n.Kind == String // a map may hold what was passed over before
	switch n.Kind {
	case String:
		if !strings.Contains(n.Text, "$") {
			return
		}
		e := &expansion{values: f.values}
		text, err := e.expand(n.Text)
		if err != nil {
			f.problems = append(f.problems, f.doc.At(n, err.hint, "%s", err.msg))
			return
		}
		n.Text, n.filled, n.Vars = text, len(e.used) > 0, e.used
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

// expansion is one text being filled.
type expansion struct {
	values Values
	used   []string // as Node.Vars
}

// expand puts variables into a text.
func (e *expansion) expand(text string) (out string, err *fillError) {
	var b strings.Builder
	for {
		before, rest, found := strings.Cut(text, "$")
		b.WriteString(before)
		if !found {
			return b.String(), nil
		}
		switch {
		case strings.HasPrefix(rest, "$"):
			b.WriteByte('$')
			text = rest[1:]
		case strings.HasPrefix(rest, "{"):
			inner, after, ok := closing(rest[1:])
			if !ok {
				return "", &fillError{msg: "a '${' has no '}'", hint: "write $$ for a dollar"}
			}
			value, err := e.variable(inner)
			if err != nil {
				return "", err
			}
			b.WriteString(value)
			text = after
		default:
			return "", &fillError{msg: "a dollar stands alone", hint: "write ${VAR} for a variable, $$ for a dollar"}
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
func (e *expansion) variable(inner string) (string, *fillError) {
	end := 0
	for end < len(inner) && wordByte(inner[end], end) {
		end++
	}
	name, op := inner[:end], inner[end:]
	if name == "" {
		return "", &fillError{msg: fmt.Sprintf("${%s} does not begin with a name", inner), hint: "a name has letters, digits and _"}
	}
	colon := strings.HasPrefix(op, ":")
	if rest := strings.TrimPrefix(op, ":"); colon && rest != "" && rest[0] != '-' && rest[0] != '?' {
		return e.source(name, rest)
	}
	value, set := e.values.Var(name)
	missing := !set || colon && value == ""
	op = strings.TrimPrefix(op, ":")
	switch {
	case op == "" && !colon:
		if !set {
			return "", &fillError{msg: fmt.Sprintf("the variable %s is not set", name), hint: fmt.Sprintf("set it, or write ${%s:-default}", name)}
		}
		e.used = append(e.used, name)
		return value, nil
	case strings.HasPrefix(op, "-"):
		if !missing {
			e.used = append(e.used, name)
			return value, nil
		}
		e.used = append(e.used, name+":-")
		return e.expand(op[1:])
	case strings.HasPrefix(op, "?"):
		if !missing {
			e.used = append(e.used, name)
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

// source gives what ${kind:arg} stands for; arg may hold variables.
func (e *expansion) source(kind, arg string) (string, *fillError) {
	if e.values.Source == nil {
		return "", &fillError{msg: fmt.Sprintf("${%s:%s} has no meaning", kind, arg), hint: "write ${VAR}, ${VAR:-default} or ${VAR:?message}"}
	}
	arg, problem := e.expand(arg)
	if problem != nil {
		return "", problem
	}
	value, err := e.values.Source(kind, arg)
	if err != nil {
		out := &fillError{msg: err.Error()}
		if f := fail.Of(err); f != nil {
			out.hint = f.Hint
		}
		return "", out
	}
	e.used = append(e.used, kind+":"+arg)
	return value, nil
}

func wordByte(c byte, at int) bool {
	return c == '_' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || at > 0 && c >= '0' && c <= '9'
}
