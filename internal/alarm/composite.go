package alarm

import (
	"fmt"
	"slices"
	"strings"
)

// Composite is the rule of a composite alarm, taken apart. The zero Composite is none.
type Composite struct {
	root     *clause
	children []string
}

// clause is a node of a rule: a constant, a child's state, or an operator over clauses.
type clause struct {
	op    string // TRUE, FALSE, NOT, AND, OR, or a state
	child string // of a state
	of    []*clause
}

// ParseComposite reads an AlarmRule:
//
//	rule = and {OR and} ; and = not {AND not} ; not = NOT not | '(' rule ')' | TRUE | FALSE | state
//	state = (ALARM | OK | INSUFFICIENT_DATA) '(' name or ARN, quoted or not ')'
//
// Source: API reference, PutCompositeAlarm.
func ParseComposite(text string) (c Composite, err error) {
	p := &compositeParser{text: text, into: &c}
	if c.root, err = p.rule(); err != nil {
		return Composite{}, err
	}
	if p.skip(); p.at < len(p.text) {
		return Composite{}, p.unexpected()
	}
	return c, nil
}

// Children gives the names and ARNs the rule is about, each once, in the order in which they first come.
func (c Composite) Children() []string { return c.children }

// Holds decides the rule; state tells a child's state, by the name or ARN that the rule has.
func (c Composite) Holds(state func(child string) State) bool { return c.root.holds(state) }

func (n *clause) holds(state func(string) State) bool {
	switch n.op {
	case "TRUE", "FALSE":
		return n.op == "TRUE"
	case "NOT":
		return !n.of[0].holds(state)
	case "AND":
		return !slices.ContainsFunc(n.of, func(o *clause) bool { return !o.holds(state) })
	case "OR":
		return slices.ContainsFunc(n.of, func(o *clause) bool { return o.holds(state) })
	}
	return state(n.child) == State(n.op)
}

type compositeParser struct {
	text string
	at   int
	into *Composite
}

func (p *compositeParser) skip() {
	for p.at < len(p.text) && strings.ContainsRune(" \t\r\n", rune(p.text[p.at])) {
		p.at++
	}
}

func (p *compositeParser) unexpected() error {
	if p.at >= len(p.text) {
		return fmt.Errorf("unexpected end of the alarm rule")
	}
	return fmt.Errorf("unexpected %q at character %d of the alarm rule", p.text[p.at:min(len(p.text), p.at+12)], p.at+1)
}

// word takes a keyword, which no letter may follow.
func (p *compositeParser) word(w string) bool {
	p.skip()
	rest := p.text[p.at:]
	if len(rest) < len(w) || !strings.EqualFold(rest[:len(w)], w) {
		return false
	}
	if len(rest) > len(w) && (rest[len(w)] == '_' || rest[len(w)] >= 'A' && rest[len(w)] <= 'Z' || rest[len(w)] >= 'a' && rest[len(w)] <= 'z') {
		return false
	}
	p.at += len(w)
	return true
}

func (p *compositeParser) char(c byte) bool {
	if p.skip(); p.at < len(p.text) && p.text[p.at] == c {
		p.at++
		return true
	}
	return false
}

func (p *compositeParser) rule() (*clause, error) { return p.chain("OR", p.and) }
func (p *compositeParser) and() (*clause, error)  { return p.chain("AND", p.not) }

// chain reads clauses with an operator between them.
func (p *compositeParser) chain(op string, part func() (*clause, error)) (*clause, error) {
	first, err := part()
	if err != nil {
		return nil, err
	}
	all := []*clause{first}
	for p.word(op) {
		next, err := part()
		if err != nil {
			return nil, err
		}
		all = append(all, next)
	}
	if len(all) == 1 {
		return first, nil
	}
	return &clause{op: op, of: all}, nil
}

func (p *compositeParser) not() (*clause, error) {
	switch {
	case p.word("NOT"):
		of, err := p.not()
		return &clause{op: "NOT", of: []*clause{of}}, err
	case p.word("TRUE"):
		return &clause{op: "TRUE"}, nil
	case p.word("FALSE"):
		return &clause{op: "FALSE"}, nil
	case p.char('('):
		inner, err := p.rule()
		if err == nil && !p.char(')') {
			err = p.unexpected()
		}
		return inner, err
	}
	for _, s := range []State{Alarm, OK, InsufficientData} {
		if p.word(string(s)) {
			child, err := p.name()
			return &clause{op: string(s), child: child}, err
		}
	}
	return nil, p.unexpected()
}

// name reads a child's name or ARN in brackets.
func (p *compositeParser) name() (string, error) {
	if !p.char('(') {
		return "", p.unexpected()
	}
	p.skip()
	from, name := p.at, ""
	if p.at < len(p.text) && (p.text[p.at] == '"' || p.text[p.at] == '\'') {
		end := strings.IndexByte(p.text[p.at+1:], p.text[p.at])
		if end < 0 {
			return "", p.unexpected()
		}
		name = p.text[p.at+1 : p.at+1+end]
		p.at += end + 2
	} else {
		end := strings.IndexByte(p.text[from:], ')')
		if end < 0 {
			return "", p.unexpected()
		}
		name = strings.TrimSpace(p.text[from : from+end])
		p.at += end
	}
	if name == "" || !p.char(')') {
		return "", p.unexpected()
	}
	if !slices.Contains(p.into.children, name) {
		p.into.children = append(p.into.children, name)
	}
	return name, nil
}
