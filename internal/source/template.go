package source

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/slipway-ecs/slipway/internal/fail"
)

// Func is what a template calls: {{ NAME "ARG" … }}. A Hint of its error becomes the problem's.
type Func func(args []string) (string, error)

// Templated reads YAML as Parse does, with templates in it: what stands between {{ and }} and calls
// one of the functions gives way to what it answers, in keys too. That is put in after parsing, so
// that it cannot change the structure. A template that is a whole value without quotes may become a
// number, a boolean, a list or a map, if its answer reads as one in JSON.
//
// A template that names none of the functions is text: other programs have braces, too. One that
// names them and is more than calls (an 'if', a variable) is a problem.
//
// Source: the templates that ecspresso takes over Go's text/template: calls with arguments in
// backticks or quotes, calls in parentheses, pipes, comments, and hyphens that trim.
func Templated(name string, text []byte, funcs map[string]Func) (*Doc, error) {
	t := &templates{doc: &Doc{Name: name, text: strings.TrimPrefix(string(text), "\ufeff")}, funcs: funcs}
	kept, more := t.keep(t.doc.text)
	doc, err := parse(name, []byte(kept), t.doc.text)
	if err != nil && len(more) > 0 {
		return nil, more // it may be what the file does not parse for
	}
	if err != nil {
		return nil, err
	}
	t.doc = doc
	t.node(doc.Root)
	if len(t.problems) > 0 {
		return nil, t.problems
	}
	return doc, nil
}

// templates carries out the templates of one document.
type templates struct {
	doc      *Doc
	funcs    map[string]Func
	marks    bool     // keep was there: what looks like an action now is a text
	kept     []action // of keep, by number
	done     map[*Node]bool
	problems Problems
}

// A kept action is written as the runes of the private use area: first, its number in sixteens, as
// many fillers as keep its length, last.
const (
	keptFirst, keptLast, keptFiller = '\ue000', '\ue001', '\ue002'
	keptDigit                       = '\ue010'
)

// keep puts a mark in place of each action, as long as it is, so that a parser sees plain
// characters and columns stay; comments become spaces. It gives what is wrong with actions that are
// more than calls, which is told only where they turn out to stand in a value: a comment of YAML may
// have them.
func (t *templates) keep(text string) (kept string, more Problems) {
	t.marks = true
	var b strings.Builder
	line, column := 1, 1
	for _, p := range pieces(text) {
		at := &Node{Line: line, Column: column}
		for _, r := range p.text {
			if column++; r == '\n' {
				line, column = line+1, 1
			}
		}
		switch {
		case p.action == nil || !t.ours(p.action):
			b.WriteString(p.text)
		case p.action.comment:
			b.WriteString(strings.Map(func(r rune) rune {
				if r == '\n' {
					return r
				}
				return ' '
			}, p.text))
		default:
			if msg, hint := t.beyond(p.action); msg != "" {
				more = append(more, t.doc.At(at, hint, "%s", msg))
			}
			p.action.at = at
			b.WriteString(mark(len(t.kept), utf8.RuneCountInString(p.text)))
			t.kept = append(t.kept, *p.action)
		}
	}
	return b.String(), more
}

func mark(number, length int) string {
	out := []rune{keptFirst}
	for _, d := range strconv.FormatInt(int64(number), 16) {
		v, err := strconv.ParseInt(string(d), 16, 32)
		if err != nil {
			panic("source: a digit of sixteen is none: " + err.Error())
		}
		out = append(out, keptDigit+rune(v))
	}
	for len(out) < length-1 {
		out = append(out, keptFiller)
	}
	return string(append(out, keptLast))
}

// split takes a string apart into text and actions, marks among them.
func (t *templates) split(text string) []piece {
	if !t.marks {
		return pieces(text)
	}
	var out []piece
	for {
		before, rest, found := strings.Cut(text, string(keptFirst))
		if before != "" {
			out = append(out, piece{text: before})
		}
		if !found {
			return out
		}
		inner, after, found := strings.Cut(rest, string(keptLast))
		number := 0
		for _, r := range inner {
			if r != keptFiller {
				number = number*16 + int(r-keptDigit)
			}
		}
		if !found || number < 0 || number >= len(t.kept) {
			return append(out, piece{text: string(keptFirst) + rest}) // a character of the file's own
		}
		out, text = append(out, piece{action: &t.kept[number]}), after
	}
}

func (t *templates) node(n *Node) {
	if n == nil || t.done[n] {
		return
	}
	if t.done == nil {
		t.done = map[*Node]bool{}
	}
	t.done[n] = true // merged nodes stand in several maps
	switch n.Kind {
	case String:
		t.text(n)
	case List:
		for _, i := range n.Items {
			t.node(i)
		}
	case Map:
		for i := range n.Keys {
			k := &n.Keys[i]
			if name, called := t.expand(&Node{Line: k.Line, Column: k.Column}, k.Name); called {
				if k.Name = name; slices.ContainsFunc(n.Keys[:i], func(o Key) bool { return o.Name == name }) {
					t.problems = append(t.problems, t.doc.atKey(*k, "", "the key becomes %q, which stands here already", name))
				}
			}
			t.node(k.Value)
		}
	}
}

// text fills a string.
func (t *templates) text(n *Node) {
	plain := n.plain && strings.HasPrefix(n.Text, string(keptFirst)) && strings.HasSuffix(n.Text, string(keptLast)) && strings.Count(n.Text, string(keptFirst)) == 1
	text, called := t.expand(n, n.Text)
	if !called {
		return
	}
	n.Text, n.filled = text, true
	if !plain {
		return
	}
	if v, err := Parse(t.doc.Name, []byte(text)); err == nil && jsonValue(text) {
		n.Kind, n.Text, n.Raw, n.Items, n.Keys = v.Root.Kind, v.Root.Text, v.Root.Raw, v.Root.Items, v.Root.Keys
		inherit(n, n.Line, n.Column)
	}
}

// inherit gives all below a node its place.
func inherit(n *Node, line, column int) {
	n.Line, n.Column = line, column
	for _, i := range n.Items {
		inherit(i, line, column)
	}
	for i := range n.Keys {
		n.Keys[i].Line, n.Keys[i].Column = line, column
		inherit(n.Keys[i].Value, line, column)
	}
}

// expand gives a text with its actions carried out, and whether there were any.
func (t *templates) expand(at *Node, text string) (out string, called bool) {
	var b strings.Builder
	trim := false
	all := t.split(text)
	for i, p := range all {
		if p.action == nil || !t.ours(p.action) {
			s := p.text
			if trim {
				s = strings.TrimLeft(s, " \t\r\n")
			}
			if i+1 < len(all) && all[i+1].action != nil && all[i+1].action.trimLeft && t.ours(all[i+1].action) {
				s = strings.TrimRight(s, " \t\r\n")
			}
			b.WriteString(s)
			trim = false
			continue
		}
		called, trim = true, p.action.trimRight
		if p.action.comment {
			continue
		}
		if msg, hint := t.beyond(p.action); msg != "" {
			if p.action.at != nil {
				at = p.action.at
			}
			t.problems = append(t.problems, t.doc.At(at, hint, "%s", msg))
			continue
		}
		c := &caller{tokens: p.action.tokens, funcs: t.funcs}
		answer, err := c.pipeline()
		if err == nil && len(c.tokens) > 0 {
			err = c.odd()
		}
		if err != nil {
			hint := ""
			if f := fail.Of(err); f != nil {
				hint = f.Hint
			}
			t.problems = append(t.problems, t.doc.At(at, hint, "%s", err.Error()))
			continue
		}
		b.WriteString(answer)
	}
	return b.String(), called
}

// ours reports whether an action is one to carry out: it calls a function there is, or nearly, or
// is a comment or a text in backticks, which is how braces are written out.
func (t *templates) ours(a *action) bool {
	if a.comment || len(a.tokens) == 1 && a.tokens[0].raw {
		return true
	}
	for _, k := range a.tokens {
		if _, known := t.funcs[k.text]; k.kind == word && known {
			return true
		}
	}
	return t.meant(a) != ""
}

// meant gives the function that a call of a mistyped one means, or "".
func (t *templates) meant(a *action) string {
	if len(a.tokens) < 2 || a.tokens[0].kind != word {
		return ""
	}
	for _, k := range a.tokens[1:] {
		if k.kind != literal {
			return ""
		}
	}
	if _, known := t.funcs[a.tokens[0].text]; known {
		return ""
	}
	names := sortedNames(t.funcs)
	longest := "" // with a prefix, as ecspresso's plugins may be given one
	for _, n := range names {
		if strings.HasSuffix(a.tokens[0].text, "_"+n) && len(n) > len(longest) {
			longest = n
		}
	}
	if longest != "" {
		return longest
	}
	return Nearest(a.tokens[0].text, names)
}

// controls are the words of templates that do more than call.
var controls = []string{"if", "else", "end", "range", "with", "define", "block", "template", "break", "continue"}

// beyond says what is wrong with an action before it is carried out.
func (t *templates) beyond(a *action) (msg, hint string) {
	if near := t.meant(a); near != "" {
		return fmt.Sprintf("there is no function %q for {{ }}", a.tokens[0].text), fmt.Sprintf("did you mean %q?", near)
	}
	for _, k := range a.tokens {
		if k.kind == word && slices.Contains(controls, k.text) || k.kind == other {
			return fmt.Sprintf("{{ %s }} is more than a call, which is all that is done here", a.text), "write the file in Jsonnet, which has conditions and variables"
		}
	}
	return "", ""
}
