package alarm

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// Composite is the rule of a composite alarm, taken apart. The zero Composite is none.
type Composite struct {
	root     *clause
	children []string
}

// clause is a node of a rule: a constant, a child's state, or an operator over clauses.
type clause struct {
	op    string // TRUE, FALSE, NOT, AND, OR, AT_LEAST, or a state
	child string // of a state
	least int    // how many clauses AT_LEAST needs
	of    []*clause
}

// ParseComposite reads an AlarmRule:
//
//	rule = and {OR and} ; and = not {AND not} ; not = NOT not | '(' rule ')' | TRUE | FALSE | state | least
//	state = (ALARM | OK | INSUFFICIENT_DATA) '(' name ')'
//	least = AT_LEAST '(' number or percentage, [NOT] (ALARM | OK | INSUFFICIENT_DATA), '(' name {, name} ')' ')'
//
// A name is one or an ARN, in quotes where it has spaces or brackets. Errors are in CloudWatch's words,
// as far as they are known.
//
// Source: API reference, PutCompositeAlarm; User Guide, "Create a composite alarm".
func ParseComposite(text string) (c Composite, err error) {
	p := &compositeParser{text: text, into: &c}
	if c.root, err = p.rule(); err != nil {
		return Composite{}, err
	}
	if p.skip(); p.at < len(p.text) {
		return Composite{}, p.unexpected("'AND' or 'OR'")
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
	case "AT_LEAST":
		count := 0
		for _, o := range n.of {
			if o.holds(state) {
				count++
			}
		}
		return count >= n.least
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

// ruleError is what is wrong with a rule, in CloudWatch's words.
type ruleError string

// Error gives the words.
func (e ruleError) Error() string { return string(e) }

// What may stand where a rule or a part of it begins, as CloudWatch tells it.
const operands = "'(', 'NOT', AT_LEAST, TRUE or FALSE, ALARM, OK, or INSUFFICIENT_DATA"

// unexpected tells of what stands where something else should: all up to the next space or bracket. The
// words for a rule that ends too early are ours.
func (p *compositeParser) unexpected(want string) error {
	p.skip()
	if p.at >= len(p.text) {
		return ruleError(fmt.Sprintf("Unexpected end at char %d, must be: %s", p.at, want))
	}
	token := p.text[p.at : p.at+1]
	if n := strings.IndexAny(p.text[p.at:], separators); n != 0 {
		token = p.text[p.at:]
		if n > 0 {
			token = token[:n]
		}
	}
	if token == ")" && want == operands {
		return ruleError(fmt.Sprintf("Unsupported token ')' at char %d", p.at))
	}
	return ruleError(fmt.Sprintf("Unsupported token '%s' at char %d, must be: %s", token, p.at, want))
}

// separators end a name that is not in quotes, and any other word.
const separators = " \t\r\n(),"

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
			err = p.unexpected("')'")
		}
		return inner, err
	case p.word("AT_LEAST"):
		return p.atLeast()
	}
	if s, ok := p.state(); ok {
		return p.stateOf(s)
	}
	return nil, p.unexpected(operands)
}

// state takes the name of a state.
func (p *compositeParser) state() (State, bool) {
	for _, s := range []State{Alarm, OK, InsufficientData} {
		if p.word(string(s)) {
			return s, true
		}
	}
	return "", false
}

// stateOf reads the child that a state is asked of.
func (p *compositeParser) stateOf(s State) (*clause, error) {
	if !p.char('(') {
		return nil, p.unexpected("'('")
	}
	child, err := p.name()
	if err == nil && !p.char(')') {
		err = p.unexpected("')'")
	}
	return &clause{op: string(s), child: child}, err
}

// atLeast reads what follows AT_LEAST. A percentage of the children is rounded up.
func (p *compositeParser) atLeast() (*clause, error) {
	if !p.char('(') {
		return nil, p.unexpected("'('")
	}
	p.skip()
	from := p.at
	for p.at < len(p.text) && digit(p.text[p.at]) {
		p.at++
	}
	least, err := strconv.Atoi(p.text[from:p.at])
	percent := p.char('%')
	if err != nil || least < 1 || percent && least > 100 {
		p.at = from
		return nil, p.unexpected("a number of alarms or a percentage")
	}
	if !p.char(',') {
		return nil, p.unexpected("','")
	}
	not := p.word("NOT")
	state, ok := p.state()
	if !ok {
		return nil, p.unexpected("ALARM, OK, or INSUFFICIENT_DATA")
	}
	if !p.char(',') {
		return nil, p.unexpected("','")
	}
	if !p.char('(') {
		return nil, p.unexpected("'('")
	}
	t := &clause{op: "AT_LEAST", least: least}
	for more := true; more; more = p.char(',') {
		child, err := p.name()
		if err != nil {
			return nil, err
		}
		one := &clause{op: string(state), child: child}
		if not {
			one = &clause{op: "NOT", of: []*clause{one}}
		}
		t.of = append(t.of, one)
	}
	for range 2 {
		if !p.char(')') {
			return nil, p.unexpected("')'")
		}
	}
	if percent {
		t.least = int(math.Ceil(float64(least*len(t.of)) / 100))
	}
	return t, nil
}

// name reads a child's name or ARN.
func (p *compositeParser) name() (string, error) {
	p.skip()
	from, name := p.at, ""
	if p.at < len(p.text) && (p.text[p.at] == '"' || p.text[p.at] == '\'') {
		end := strings.IndexByte(p.text[p.at+1:], p.text[p.at])
		if end < 0 {
			p.at = len(p.text)
			return "", p.unexpected("a closing quote")
		}
		name = p.text[p.at+1 : p.at+1+end]
		p.at += end + 2
	} else {
		end := strings.IndexAny(p.text[from:], separators)
		if end < 0 {
			end = len(p.text) - from
		}
		name = p.text[from : from+end]
		p.at += end
	}
	if name == "" {
		p.at = from
		return "", p.unexpected("the name or ARN of an alarm")
	}
	if !slices.Contains(p.into.children, name) {
		p.into.children = append(p.into.children, name)
	}
	return name, nil
}
