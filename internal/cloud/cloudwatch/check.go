package cloudwatch

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"

	"github.com/slipway-ecs/slipway/internal/names"
	"github.com/slipway-ecs/slipway/internal/wire"
)

// scopeOf gives the account and region a request is about.
func scopeOf(ctx context.Context) names.Scope {
	c := wire.CallerOf(ctx)
	return names.Scope{Account: c.Account, Region: c.Region}
}

// invalid is AWS's ValidationError, with a message of the service itself.
func invalid(format string, args ...any) error {
	return &wire.Error{Code: "ValidationException", Message: fmt.Sprintf(format, args...)}
}

// badValue is InvalidParameterValue.
func badValue(format string, args ...any) error {
	return &types.InvalidParameterValueException{Message: new(fmt.Sprintf(format, args...))}
}

// clash is InvalidParameterCombination.
func clash(format string, args ...any) error {
	return &types.InvalidParameterCombinationException{Message: new(fmt.Sprintf(format, args...))}
}

// lacking is MissingParameter.
func lacking(name string) error {
	return &types.MissingRequiredParameterException{Message: new(fmt.Sprintf("The parameter %s is required.", name))}
}

// required words the refusal of a request that lacks a member the API asks for. Calls about data
// name it as a parameter; the others keep the words of AWS's framework.
func required(operation, member string) error {
	if !strings.HasSuffix(operation, "MetricData") && operation != "GetMetricStatistics" {
		return nil
	}
	parts := strings.Split(member, ".")
	for i, p := range parts {
		parts[i] = strings.ToUpper(p[:1]) + p[1:]
		if p == "member" && i > 0 { // "metricData.1.member.metricName"
			parts[i-1], parts[i] = "member", parts[i-1]
		}
	}
	return lacking(strings.Join(parts, "."))
}

// noAlarm is ResourceNotFound for an alarm; AWS says nothing with it.
func noAlarm() error { return &types.ResourceNotFound{Message: new("")} }

func badToken() error { return &types.InvalidNextToken{Message: new("The next token is invalid.")} }

// constraints collects what a request breaks of the model's constraints, and tells all of it in
// the words of AWS's framework.
type constraints struct{ broken []string }

func (c *constraints) add(value any, member, rule string) {
	c.broken = append(c.broken, fmt.Sprintf("Value '%v' at '%s' failed to satisfy constraint: Member must %s", value, member, rule))
}

// among asks that a value, if given, is one of its enumeration.
func among[E interface {
	~string
	Values() []E
}](c *constraints, member string, v E) {
	c.choice(member, string(v), texts(v.Values()))
}

// texts gives the values of an enumeration as text.
func texts[E ~string](values []E) []string {
	all := make([]string, len(values))
	for i, v := range values {
		all[i] = string(v)
	}
	return all
}

// choice asks that a value, if given, is one of some.
func (c *constraints) choice(member, v string, values []string) {
	if v != "" && !slices.Contains(values, v) {
		c.add(v, member, "satisfy enum value set: ["+strings.Join(values, ", ")+"]")
	}
}

// between asks that a number, if given, is in a range; most 0 means no upper bound.
func (c *constraints) between(member string, v *int32, least, most int32) {
	switch {
	case v == nil:
	case *v < least:
		c.add(*v, member, fmt.Sprintf("have value greater than or equal to %d", least))
	case most > 0 && *v > most:
		c.add(*v, member, fmt.Sprintf("have value less than or equal to %d", most))
	}
}

// length asks that a text, if given, has from least to most characters.
func (c *constraints) length(member string, v *string, least, most int) {
	switch {
	case v == nil:
	case utf8.RuneCountInString(*v) < least:
		c.add(*v, member, fmt.Sprintf("have length greater than or equal to %d", least))
	case utf8.RuneCountInString(*v) > most:
		c.add(*v, member, fmt.Sprintf("have length less than or equal to %d", most))
	}
}

// namespace asks that a namespace, if given, is one: it begins with no colon.
func (c *constraints) namespace(v *string) {
	c.length("namespace", v, 1, 255)
	if strings.HasPrefix(val(v), ":") {
		c.add(*v, "namespace", "satisfy regular expression pattern: [^:].*")
	}
}

// items asks that a list has at most so many items.
func (c *constraints) items(member string, list []string, most int) {
	if len(list) > most {
		c.add("["+strings.Join(list, ", ")+"]", member, fmt.Sprintf("have length less than or equal to %d", most))
	}
}

// needs asks that a member is given.
func (c *constraints) needs(member string, given bool) {
	if !given {
		c.broken = append(c.broken, fmt.Sprintf("Value null at '%s' failed to satisfy constraint: Member must not be null", member))
	}
}

// err gives what is broken as one error, nil where nothing is.
func (c *constraints) err() error {
	switch n := len(c.broken); n {
	case 0:
		return nil
	case 1:
		return invalid("1 validation error detected: %s", c.broken[0])
	default:
		return invalid("%d validation errors detected: %s", n, strings.Join(c.broken, "; "))
	}
}

// or gives what a pointer points to, or another value where it is nil.
func or[T any](p *T, other T) T {
	if p == nil {
		return other
	}
	return *p
}

// val gives what a pointer points to, or the zero value.
func val[T any](p *T) (v T) {
	if p != nil {
		v = *p
	}
	return v
}

// some gives a pointer to a value, nil for the zero value.
func some[T comparable](v T) *T {
	var zero T
	if v == zero {
		return nil
	}
	return &v
}

// metricOf gives the identity that SDK members name.
func metricOf(namespace, name *string, dimensions []types.Dimension) Metric {
	m := Metric{Namespace: val(namespace), Name: val(name)}
	for _, d := range dimensions {
		m.Dimensions = append(m.Dimensions, Dimension{val(d.Name), val(d.Value)})
	}
	return m
}

// dimensionsOf gives dimensions as the SDK has them, never nil.
func dimensionsOf(dimensions []Dimension) []types.Dimension {
	out := make([]types.Dimension, 0, len(dimensions))
	for _, d := range dimensions {
		out = append(out, types.Dimension{Name: &d.Name, Value: &d.Value})
	}
	return out
}
