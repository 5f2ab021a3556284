package place

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
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

// word is a part of an expression's text: a mark like ( or ==, or a text.
type word struct {
	text   string
	quoted bool
}

// split cuts an expression into words. Texts with blanks or brackets are written in quotes.
func split(s string) ([]word, error) {
	var words []word
	for s = strings.TrimSpace(s); s != ""; s = strings.TrimLeftFunc(s, unicode.IsSpace) {
		if s[0] == '"' || s[0] == '\'' {
			end := strings.IndexByte(s[1:], s[0])
			if end < 0 {
				return nil, fmt.Errorf("a quote is not closed")
			}
			words, s = append(words, word{s[1 : 1+end], true}), s[end+2:]
			continue
		}
		if m := mark(s); m != "" && !afterMatch(words) {
			words, s = append(words, word{text: m}), s[len(m):]
			continue
		}
		end := 0
		if afterMatch(words) {
			end = pattern(s)
		} else {
			for end < len(s) && !strings.ContainsRune(" \t\r\n()[],\"'", rune(s[end])) && (end == 0 || !operatorAt(s[end:])) {
				end++
			}
		}
		words, s = append(words, word{text: s[:end]}), s[end:]
	}
	return words, nil
}

// afterMatch reports whether the next word is a pattern, in which marks mean nothing.
func afterMatch(words []word) bool {
	n := len(words)
	return n > 0 && !words[n-1].quoted && strings.HasSuffix(operators[words[n-1].text], "~")
}

// pattern gives the length of a pattern: up to a blank, or to a ) that it did not open.
func pattern(s string) int {
	open := 0
	for i, r := range s {
		switch {
		case unicode.IsSpace(r):
			return i
		case r == '(':
			open++
		case r == ')':
			if open--; open < 0 {
				return max(i, 1)
			}
		}
	}
	return len(s)
}

// mark gives the mark a text begins with; "" where it begins with a word.
func mark(s string) string {
	for _, m := range []string{"==", "!=", "=~", "!~", ">=", "<=", "&&", "||", "!exists", "!in", ">", "<", "!", "(", ")", "[", "]", ","} {
		if strings.HasPrefix(s, m) {
			if m == "!exists" || m == "!in" {
				if rest := s[len(m):]; rest != "" && !strings.ContainsRune(" \t\r\n()[]", rune(rest[0])) {
					continue // a word that begins so
				}
			}
			return m
		}
	}
	return ""
}

// operatorAt reports whether a comparison begins here, so that a==b needs no blanks. Within values
// of patterns < and > are common, so those two need blanks.
func operatorAt(s string) bool {
	for _, m := range []string{"==", "!=", "=~", "!~", ">=", "<=", "&&", "||"} {
		if strings.HasPrefix(s, m) {
			return true
		}
	}
	return false
}

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

// date reads the forms of a date that the language has.
func date(s string) (time.Time, bool) {
	for _, form := range []string{time.RFC3339, "2006-01-02T15:04:05", "2006-01-02"} {
		if at, err := time.Parse(form, s); err == nil {
			return at, true
		}
	}
	return time.Time{}, false
}

func (t test) holds(x *Instance) bool {
	switch t.subject {
	case "runningTasksCount":
		n, _ := strconv.Atoi(t.args[0]) // checked when it was read
		return t.compares(x.Running - n)
	case "registeredAt":
		at, _ := date(t.args[0])
		return t.compares(x.Registered.Compare(at))
	case "agentVersion":
		if strings.ContainsAny(t.op, "<>") {
			return t.compares(versions(x.Agent, t.args[0]))
		}
		return t.matches(x.Agent, true)
	case "agentConnected":
		return t.matches(strconv.FormatBool(x.Connected), true)
	case "ec2InstanceId":
		return t.matches(x.EC2, x.EC2 != "")
	case "task:group":
		return t.onGroups(x)
	}
	value, ok := x.Attributes[strings.TrimPrefix(t.subject, "attribute:")]
	return t.matches(value, ok)
}

// onGroups asks of the groups of an instance's tasks: negations hold where no group is such.
func (t test) onGroups(x *Instance) bool {
	negated := strings.HasPrefix(t.op, "!")
	yes := t
	if negated {
		yes.op = map[string]string{"!=": "==", "!in": "in", "!~": "=~", "!exists": "exists"}[t.op]
	}
	any := false
	for g, n := range x.Groups {
		any = any || n > 0 && yes.matches(g, true)
	}
	return any != negated
}

// compares says what an order, below, equal to or above 0, means to the operator.
func (t test) compares(order int) bool {
	switch t.op {
	case "==":
		return order == 0
	case "!=":
		return order != 0
	case ">":
		return order > 0
	case ">=":
		return order >= 0
	case "<":
		return order < 0
	case "<=":
		return order <= 0
	}
	return t.op == "exists"
}

// matches compares a text that may be absent.
func (t test) matches(value string, there bool) bool {
	switch t.op {
	case "exists":
		return there
	case "!exists":
		return !there
	case "==":
		return there && value == t.args[0]
	case "!=":
		return !there || value != t.args[0]
	case "in":
		return there && slices.Contains(t.args, value)
	case "!in":
		return !there || !slices.Contains(t.args, value)
	case "=~":
		return there && t.pattern.MatchString(value)
	case "!~":
		return !there || !t.pattern.MatchString(value)
	}
	return there && t.compares(numbers(value, t.args[0]))
}

// numbers compares two texts as numbers where both are, and as texts otherwise.
func numbers(a, b string) int {
	x, err := strconv.ParseFloat(a, 64)
	y, err2 := strconv.ParseFloat(b, 64)
	if err != nil || err2 != nil {
		return strings.Compare(a, b)
	}
	switch {
	case x < y:
		return -1
	case x > y:
		return 1
	}
	return 0
}

// versions compares two versions part by part.
func versions(a, b string) int {
	x, y := strings.Split(a, "."), strings.Split(b, ".")
	for i := range max(len(x), len(y)) {
		var m, n string
		if i < len(x) {
			m = x[i]
		}
		if i < len(y) {
			n = y[i]
		}
		if c := numbers(zero(m), zero(n)); c != 0 {
			return c
		}
	}
	return 0
}

func zero(s string) string {
	if s == "" {
		return "0"
	}
	return s
}
