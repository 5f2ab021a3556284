package alarm

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Expression is a metric math expression, taken apart. The zero Expression is none.
type Expression struct {
	root *term
	ids  []string
	all  bool // METRICS() is asked for
}

// term is a node of an expression.
type term struct {
	op     string // a number, an id, an operator, or a function in capitals
	number float64
	text   string // of an id or a quoted text
	of     []*term
}

// The kinds of leaves; operators and functions have their own words.
const (
	leafNumber = "number"
	leafID     = "id"
	leafText   = "text"
)

// functions are those that can be evaluated, with the least and the most arguments.
//
// Source: CloudWatch User Guide, "Using math expressions with CloudWatch metrics".
var functions = map[string][2]int{
	"ABS": {1, 1}, "CEIL": {1, 1}, "FLOOR": {1, 1}, "LOG": {1, 1}, "LOG10": {1, 1}, "SUM": {1, 500}, "AVG": {1, 500}, "MIN": {1, 500},
	"MAX": {1, 500}, "STDDEV": {1, 500}, "IF": {2, 3}, "FILL": {2, 2}, "METRICS": {0, 1}, "RATE": {1, 1}, "DIFF": {1, 1}, "DIFF_TIME": {1, 1},
	"PERIOD": {1, 1}, "DATAPOINT_COUNT": {1, 1}, "METRIC_COUNT": {1, 1}, "TIME_SERIES": {1, 1}, "RUNNING_SUM": {1, 1}, "FIRST": {1, 1}, "LAST": {1, 1},
}

// ParseExpression reads an expression.
//
//	or = and {(OR | ||) and} ; and = cmp {(AND | &&) cmp} ; cmp = sum [(== != < <= > >=) sum]
//	sum = mul {(+ | -) mul} ; mul = pow {(* | /) pow} ; pow = unary [^ pow]
//	unary = -unary | number | id | "text" | FUNCTION(or, …) | (or) | [or, …]
func ParseExpression(text string) (e Expression, err error) {
	p := &mathParser{text: text, into: &e}
	if e.root, err = p.or(); err != nil {
		return Expression{}, err
	}
	if p.skip(); p.at < len(p.text) {
		return Expression{}, p.unexpected()
	}
	return e, nil
}

// IDs gives the ids the expression is about, each once; METRICS() is about all metrics of its request.
func (e Expression) IDs() []string { return e.ids }

// AllMetrics reports whether the expression is about all metrics of its request.
func (e Expression) AllMetrics() bool { return e.all }

type mathParser struct {
	text string
	at   int
	into *Expression
}

func (p *mathParser) skip() {
	for p.at < len(p.text) && strings.ContainsRune(" \t\r\n", rune(p.text[p.at])) {
		p.at++
	}
}

func (p *mathParser) unexpected() error {
	if p.at >= len(p.text) {
		return fmt.Errorf("unexpected end of the expression")
	}
	return fmt.Errorf("unexpected %q at character %d", p.text[p.at:min(len(p.text), p.at+12)], p.at+1)
}

// take takes the first of some signs that comes next; words only where no letter follows.
func (p *mathParser) take(signs ...string) string {
	p.skip()
	rest := p.text[p.at:]
	for _, s := range signs {
		if len(rest) < len(s) || !strings.EqualFold(rest[:len(s)], s) {
			continue
		}
		if letter(s[0]) && len(rest) > len(s) && (letter(rest[len(s)]) || digit(rest[len(s)])) {
			continue
		}
		p.at += len(s)
		return s
	}
	return ""
}

func letter(c byte) bool { return c == '_' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' }
func digit(c byte) bool  { return c >= '0' && c <= '9' }

// chain reads operands with operators of one rank between them, from the left.
func (p *mathParser) chain(part func() (*term, error), signs map[string]string, order ...string) (*term, error) {
	left, err := part()
	for err == nil {
		sign := p.take(order...)
		if sign == "" {
			return left, nil
		}
		var right *term
		if right, err = part(); err == nil {
			left = &term{op: signs[sign], of: []*term{left, right}}
		}
	}
	return nil, err
}

func (p *mathParser) or() (*term, error) {
	return p.chain(p.and, map[string]string{"||": "||", "OR": "||"}, "||", "OR")
}

func (p *mathParser) and() (*term, error) {
	return p.chain(p.compare, map[string]string{"&&": "&&", "AND": "&&"}, "&&", "AND")
}

func (p *mathParser) compare() (*term, error) {
	return p.chain(p.sum, map[string]string{"==": "==", "!=": "!=", "<=": "<=", ">=": ">=", "<": "<", ">": ">"}, "==", "!=", "<=", ">=", "<", ">")
}

func (p *mathParser) sum() (*term, error) {
	return p.chain(p.product, map[string]string{"+": "+", "-": "-"}, "+", "-")
}

func (p *mathParser) product() (*term, error) {
	return p.chain(p.power, map[string]string{"*": "*", "/": "/"}, "*", "/")
}

func (p *mathParser) power() (*term, error) {
	base, err := p.unary()
	if err != nil || p.take("^") == "" {
		return base, err
	}
	exponent, err := p.power()
	return &term{op: "^", of: []*term{base, exponent}}, err
}

func (p *mathParser) unary() (*term, error) {
	p.skip()
	if p.at >= len(p.text) {
		return nil, p.unexpected()
	}
	switch c := p.text[p.at]; {
	case c == '-':
		p.at++
		of, err := p.unary()
		return &term{op: "NEGATE", of: []*term{of}}, err
	case c == '(':
		p.at++
		inner, err := p.or()
		if err == nil && p.take(")") == "" {
			err = p.unexpected()
		}
		return inner, err
	case c == '[':
		p.at++
		return p.list("LIST", "]")
	case c == '"' || c == '\'':
		end := strings.IndexByte(p.text[p.at+1:], c)
		if end < 0 {
			return nil, p.unexpected()
		}
		text := p.text[p.at+1 : p.at+1+end]
		p.at += end + 2
		return &term{op: leafText, text: text}, nil
	case digit(c) || c == '.':
		return p.number()
	case letter(c):
		return p.name()
	}
	return nil, p.unexpected()
}

func (p *mathParser) number() (*term, error) {
	from := p.at
	for p.at < len(p.text) && (digit(p.text[p.at]) || p.text[p.at] == '.') {
		p.at++
	}
	n, err := strconv.ParseFloat(p.text[from:p.at], 64)
	if err != nil {
		p.at = from
		return nil, p.unexpected()
	}
	return &term{op: leafNumber, number: n}, nil
}

// name reads an id, or a function with its arguments.
func (p *mathParser) name() (*term, error) {
	from := p.at
	for p.at < len(p.text) && (letter(p.text[p.at]) || digit(p.text[p.at])) {
		p.at++
	}
	name := p.text[from:p.at]
	if p.take("(") == "" {
		if name[0] >= 'A' && name[0] <= 'Z' && !slices.Contains([]string{"REPEAT", "LINEAR"}, name) {
			p.at = from
			return nil, p.unexpected()
		}
		if name[0] >= 'a' && name[0] <= 'z' && !slices.Contains(p.into.ids, name) {
			p.into.ids = append(p.into.ids, name)
		}
		return &term{op: leafID, text: name}, nil
	}
	name = strings.ToUpper(name)
	arity, known := functions[name]
	if !known {
		p.at = from
		return nil, fmt.Errorf("the function %s is not supported", name)
	}
	t, err := p.list(name, ")")
	if err == nil && (len(t.of) < arity[0] || len(t.of) > arity[1]) {
		err = fmt.Errorf("the function %s takes %d to %d arguments, not %d", name, arity[0], arity[1], len(t.of))
	}
	p.into.all = p.into.all || name == "METRICS"
	return t, err
}

// list reads terms with commas between them up to an end.
func (p *mathParser) list(op, end string) (*term, error) {
	t := &term{op: op}
	if p.take(end) != "" {
		return t, nil
	}
	for {
		arg, err := p.or()
		if err != nil {
			return nil, err
		}
		t.of = append(t.of, arg)
		if p.take(",") != "" {
			continue
		}
		if p.take(end) == "" {
			return nil, p.unexpected()
		}
		return t, nil
	}
}

// Value is what an expression or a part of it is: a number, a series, or several series.
type Value struct {
	Scalar float64
	Series []Line // nil for a number
	List   bool   // Series are a list, be it of one: SUM and its like then go point by point
}

// Line is one series of a Value.
type Line struct {
	ID     string // of the query it comes from; "" for one that was computed
	Period time.Duration
	Points Series
}

// Inputs are what an expression is about: values by id, and all metrics of the request in its order for
// METRICS(). From and To bound the time looked at, for FILL and TIME_SERIES.
type Inputs struct {
	Values   map[string]Value
	Metrics  []Line
	From, To time.Time
}

// Eval computes the expression. In arithmetic and comparisons a point that is missing on one side counts
// as 0; what cannot be told, as a division by zero, is no point.
//
// Source: CloudWatch User Guide, "Using math expressions with CloudWatch metrics".
func (e Expression) Eval(in Inputs) (Value, error) { return in.eval(e.root) }

// finite reports whether a value can be a point.
func finite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// operators compute a value of two.
var operators = map[string]func(a, b float64) float64{
	"+": func(a, b float64) float64 { return a + b }, "-": func(a, b float64) float64 { return a - b },
	"*": func(a, b float64) float64 { return a * b }, "/": func(a, b float64) float64 { return a / b }, "^": math.Pow,
	"==": func(a, b float64) float64 { return truth(a == b) }, "!=": func(a, b float64) float64 { return truth(a != b) },
	"<": func(a, b float64) float64 { return truth(a < b) }, "<=": func(a, b float64) float64 { return truth(a <= b) },
	">": func(a, b float64) float64 { return truth(a > b) }, ">=": func(a, b float64) float64 { return truth(a >= b) },
	"&&": func(a, b float64) float64 { return truth(a != 0 && b != 0) }, "||": func(a, b float64) float64 { return truth(a != 0 || b != 0) },
}

// singles compute a value of one.
var singles = map[string]func(float64) float64{
	"NEGATE": func(v float64) float64 { return -v }, "ABS": math.Abs, "CEIL": math.Ceil, "FLOOR": math.Floor, "LOG": math.Log, "LOG10": math.Log10,
}
