package place

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Query is an expression of the cluster query language: it holds of an instance or does not. The
// zero value holds of all.
//
//	attribute:ecs.instance-type =~ t3.* and not(task:group == service:web)
//
// Source: ECS Developer Guide, "Create expressions to define container instances".
type Query struct{ node node }

// Holds reports whether the query holds of an instance.
func (q Query) Holds(x *Instance) bool { return q.node == nil || q.node.holds(x) }

// MaxQuery is how long an expression may be.
//
// Source: the API model's PlacementConstraint.
const MaxQuery = 2000

// ParseQuery reads an expression. An empty one holds of all instances.
//
// Errors are sentences for people: they say where the expression is wrong.
func ParseQuery(text string) (Query, error) {
	if len(text) > MaxQuery {
		return Query{}, fmt.Errorf("the expression is longer than %d characters", MaxQuery)
	}
	words, err := split(text)
	if err != nil {
		return Query{}, err
	}
	if len(words) == 0 {
		return Query{}, nil
	}
	p := &parser{words: words}
	n, err := p.either()
	if err == nil && p.at < len(p.words) {
		err = fmt.Errorf("unexpected %q", p.words[p.at].text)
	}
	return Query{n}, err
}

// node is a part of an expression.
type node interface{ holds(*Instance) bool }

type (
	and  []node
	or   []node
	not  struct{ node }
	test struct {
		subject, op string
		args        []string
		pattern     *regexp.Regexp
	}
)

func (n and) holds(x *Instance) bool {
	return !slices.ContainsFunc(n, func(k node) bool { return !k.holds(x) })
}
func (n or) holds(x *Instance) bool {
	return slices.ContainsFunc(n, func(k node) bool { return k.holds(x) })
}
func (n not) holds(x *Instance) bool { return !n.node.holds(x) }

type parser struct {
	words []word
	at    int
}

// take takes the next word if it is one of these, unquoted.
func (p *parser) take(texts ...string) bool {
	if p.at < len(p.words) && !p.words[p.at].quoted && slices.Contains(texts, p.words[p.at].text) {
		p.at++
		return true
	}
	return false
}

func (p *parser) next() (word, error) {
	if p.at >= len(p.words) {
		return word{}, fmt.Errorf("the expression ends too early")
	}
	p.at++
	return p.words[p.at-1], nil
}

func (p *parser) either() (node, error) {
	n, err := p.both()
	all := or{n}
	for err == nil && p.take("or", "||") {
		n, err = p.both()
		all = append(all, n)
	}
	return all, err
}

func (p *parser) both() (node, error) {
	n, err := p.one()
	all := and{n}
	for err == nil && p.take("and", "&&") {
		n, err = p.one()
		all = append(all, n)
	}
	return all, err
}

func (p *parser) one() (node, error) {
	switch {
	case p.take("not", "!"):
		n, err := p.one()
		return not{n}, err
	case p.take("("):
		n, err := p.either()
		if err == nil && !p.take(")") {
			err = fmt.Errorf("a ) is missing")
		}
		return n, err
	}
	return p.test()
}

// operators are the words and signs of comparisons, by their signs.
var operators = map[string]string{ // for lookup only
	"==": "==", "equals": "==", "!=": "!=", "not_equals": "!=",
	">": ">", "greater_than": ">", ">=": ">=", "greater_than_equal": ">=",
	"<": "<", "less_than": "<", "<=": "<=", "less_than_equal": "<=",
	"exists": "exists", "!exists": "!exists", "not_exists": "!exists",
	"in": "in", "!in": "!in", "not_in": "!in",
	"=~": "=~", "matches": "=~", "!~": "!~", "not_matches": "!~",
}

// test reads a comparison: subject, operator and, where that has one, its argument.
func (p *parser) test() (node, error) {
	subject, err := p.next()
	if err != nil {
		return nil, err
	}
	t := test{subject: subject.text}
	if !known(t.subject) {
		return nil, fmt.Errorf("%q is nothing to ask for", t.subject)
	}
	sign, err := p.next()
	if err != nil {
		return nil, err
	}
	ok := false
	if t.op, ok = operators[sign.text]; !ok || sign.quoted {
		return nil, fmt.Errorf("%q is no operator", sign.text)
	}
	switch t.op {
	case "exists", "!exists":
		return t, nil
	case "in", "!in":
		t.args, err = p.list()
	default:
		var arg word
		arg, err = p.next()
		if err == nil && !arg.quoted && !strings.HasSuffix(t.op, "~") && mark(arg.text) != "" {
			err = fmt.Errorf("%q is no value", arg.text)
		}
		t.args = []string{arg.text}
	}
	if err != nil {
		return nil, err
	}
	return t.checked()
}

// list reads [a, b] or (a, b).
func (p *parser) list() (args []string, err error) {
	if !p.take("[", "(") {
		return nil, fmt.Errorf("in needs a list like [a, b]")
	}
	for {
		w, err := p.next()
		if err != nil {
			return nil, err
		}
		args = append(args, w.text)
		if p.take("]", ")") {
			return args, nil
		}
		if !p.take(",") {
			return nil, fmt.Errorf("a list is not closed")
		}
	}
}

func known(subject string) bool {
	switch subject {
	case "agentConnected", "agentVersion", "ec2InstanceId", "registeredAt", "runningTasksCount", "task:group":
		return true
	}
	name, ok := strings.CutPrefix(subject, "attribute:")
	return ok && name != ""
}

// checked refuses arguments that can never be compared.
func (t test) checked() (node, error) {
	switch {
	case t.op == "=~" || t.op == "!~":
		var err error
		if t.pattern, err = regexp.Compile("^(?:" + t.args[0] + ")$"); err != nil {
			return nil, fmt.Errorf("%q is no pattern", t.args[0])
		}
	case t.subject == "runningTasksCount":
		if _, err := strconv.Atoi(t.args[0]); err != nil {
			return nil, fmt.Errorf("%q is no number", t.args[0])
		}
	case t.subject == "registeredAt":
		if _, ok := date(t.args[0]); !ok {
			return nil, fmt.Errorf("%q is no date", t.args[0])
		}
	}
	return t, nil
}
