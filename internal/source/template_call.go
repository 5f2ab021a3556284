package source

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/slipway-ecs/slipway/internal/fail"
)

// piece is a part of a text: an action, or what stands around it.
type piece struct {
	text   string // as the file has it
	action *action
}

// action is what stands between {{ and }}.
type action struct {
	text                string // without the braces
	tokens              []tok
	comment             bool
	trimLeft, trimRight bool
	at                  *Node // its place, where it was kept
}

type tokKind int

const (
	literal tokKind = iota // text or a number
	word
	open
	shut
	pipe
	other // of more than calls: fields, variables, assignments
)

type tok struct {
	kind tokKind
	text string
	raw  bool // in backticks
}

// pieces takes a text apart. Braces that nothing closes are text.
func pieces(text string) []piece {
	var out []piece
	begun := 0
	for i := 0; i < len(text); {
		if !strings.HasPrefix(text[i:], "{{") {
			i++
			continue
		}
		a, n := readAction(text[i:])
		if a == nil {
			i += 2
			continue
		}
		if i > begun {
			out = append(out, piece{text: text[begun:i]})
		}
		out = append(out, piece{text: text[i : i+n], action: a})
		i += n
		begun = i
	}
	if begun < len(text) {
		out = append(out, piece{text: text[begun:]})
	}
	return out
}

// readAction reads an action that a text begins with, and how many bytes it has.
func readAction(text string) (*action, int) {
	a := &action{}
	i := 2
	if strings.HasPrefix(text[i:], "- ") {
		a.trimLeft = true
		i += 2
	}
	from := i
	if strings.HasPrefix(text[i:], "/*") {
		end := strings.Index(text, "*/")
		rest := ""
		if end >= 0 {
			rest = text[end+2:]
		}
		a.comment, a.trimRight = true, strings.HasPrefix(rest, " -}}")
		rest = strings.TrimPrefix(rest, " -")
		if !strings.HasPrefix(rest, "}}") {
			return nil, 0
		}
		return a, len(text) - len(rest) + 2
	}
	for i < len(text) {
		switch c := text[i]; {
		case strings.HasPrefix(text[i:], "}}"):
			a.text = strings.TrimSpace(text[from:i])
			return a, i + 2
		case strings.HasPrefix(text[i:], "-}}"):
			a.text, a.trimRight = strings.TrimSpace(text[from:i]), true
			return a, i + 3
		case c == ' ' || c == '\t' || c == '\r' || c == '\n':
			i++
		case c == '`':
			end := strings.IndexByte(text[i+1:], '`')
			if end < 0 {
				return nil, 0
			}
			a.tokens = append(a.tokens, tok{literal, text[i+1 : i+1+end], true})
			i += end + 2
		case c == '"':
			quoted, err := strconv.QuotedPrefix(text[i:])
			if err != nil {
				return nil, 0
			}
			s, err := strconv.Unquote(quoted)
			if err != nil {
				return nil, 0
			}
			a.tokens = append(a.tokens, tok{kind: literal, text: s})
			i += len(quoted)
		case c == '(' || c == ')' || c == '|':
			a.tokens = append(a.tokens, tok{map[byte]tokKind{'(': open, ')': shut, '|': pipe}[c], string(c), false})
			i++
		case wordByte(c, 0):
			end := i
			for end < len(text) && wordByte(text[end], 1) {
				end++
			}
			a.tokens = append(a.tokens, tok{kind: word, text: text[i:end]})
			i = end
		case c >= '0' && c <= '9':
			end := i
			for end < len(text) && (text[end] >= '0' && text[end] <= '9' || text[end] == '.') {
				end++
			}
			a.tokens = append(a.tokens, tok{kind: literal, text: text[i:end]})
			i = end
		case c == '{' || c == '\\': // quotes of a text in quotes are not a template's
			return nil, 0 // braces of another kind
		default:
			a.tokens = append(a.tokens, tok{kind: other, text: string(c)})
			i++
		}
	}
	return nil, 0
}

// caller carries out the tokens of an action.
type caller struct {
	tokens []tok
	funcs  map[string]Func
	depth  int // of parentheses
}

func (c *caller) next() (tok, bool) {
	if len(c.tokens) == 0 {
		return tok{}, false
	}
	t := c.tokens[0]
	c.tokens = c.tokens[1:]
	return t, true
}

func (c *caller) odd() error {
	return fail.New("template.wrong", "", "%q has no place in this {{ }}", c.tokens[0].text)
}

// pipeline is calls, each of which is given what the one before it answered, as its last argument.
func (c *caller) pipeline() (string, error) {
	answer, err := c.call(nil)
	for err == nil && len(c.tokens) > 0 && c.tokens[0].kind == pipe {
		c.tokens = c.tokens[1:]
		answer, err = c.call([]string{answer})
	}
	return answer, err
}

// call is a function with its arguments, or one value.
func (c *caller) call(last []string) (string, error) {
	t, ok := c.next()
	switch {
	case !ok:
		return "", fail.New("template.wrong", "", "a {{ }} calls nothing")
	case t.kind == open:
		inner, err := c.inside()
		if err != nil || len(last) == 0 {
			return inner, err
		}
		return "", fail.New("template.wrong", "", "a pipe leads into no function")
	case t.kind == literal:
		if len(last) > 0 || len(c.tokens) > 0 && c.tokens[0].kind != pipe && c.tokens[0].kind != shut {
			return "", fail.New("template.wrong", "", "%q is no function", t.text)
		}
		return t.text, nil
	case t.kind != word:
		return "", fail.New("template.wrong", "", "%q has no place in this {{ }}", t.text)
	}
	var args []string
	for len(c.tokens) > 0 && c.tokens[0].kind != pipe && c.tokens[0].kind != shut {
		a, _ := c.next()
		switch a.kind {
		case literal:
			args = append(args, a.text)
		case open:
			inner, err := c.inside()
			if err != nil {
				return "", err
			}
			args = append(args, inner)
		default:
			return "", fail.New("template.wrong", "put a call that is an argument in parentheses", "%q is no argument", a.text)
		}
	}
	args = append(args, last...)
	switch f, known := c.funcs[t.text]; {
	case known:
		return f(args)
	case t.text == "printf" && len(args) > 0:
		values := make([]any, len(args)-1)
		for i, a := range args[1:] {
			values[i] = a
		}
		return fmt.Sprintf(args[0], values...), nil
	case t.text == "or":
		for _, a := range args {
			if a != "" {
				return a, nil
			}
		}
		return "", nil
	}
	hint := "there are " + strings.Join(sortedNames(c.funcs), ", ")
	if near := Nearest(t.text, sortedNames(c.funcs)); near != "" {
		hint = fmt.Sprintf("did you mean %q?", near)
	}
	return "", fail.New("template.unknown", hint, "there is no function %q for {{ }}", t.text)
}

// inside is what stands in parentheses, of which the first has been read.
func (c *caller) inside() (string, error) {
	if c.depth++; c.depth > maxDepth {
		return "", fail.New("template.wrong", "", "a {{ }} has more than %d parentheses", maxDepth)
	}
	answer, err := c.pipeline()
	if err != nil {
		return "", err
	}
	if t, ok := c.next(); !ok || t.kind != shut {
		return "", fail.New("template.wrong", "", "a parenthesis is not closed")
	}
	return answer, nil
}

func sortedNames[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// jsonValue reports whether a text reads as JSON of any kind.
func jsonValue(text string) bool { return json.Valid([]byte(text)) }
