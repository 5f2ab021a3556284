package place

import (
	"slices"
	"strconv"
	"strings"
	"time"
)

// holds compares what an instance has with what is asked for.
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

// date reads the forms of a date that the language has.
func date(s string) (time.Time, bool) {
	for _, form := range []string{time.RFC3339, "2006-01-02T15:04:05", "2006-01-02"} {
		if at, err := time.Parse(form, s); err == nil {
			return at, true
		}
	}
	return time.Time{}, false
}
