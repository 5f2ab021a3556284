package elb

import (
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/slipway-ecs/slipway/internal/balance"
	"github.com/slipway-ecs/slipway/internal/pattern"
)

// condition is a rule's condition: what balance needs, which is also all that answers show.
type condition struct {
	Field  balance.Field
	Header string         `json:",omitempty"`
	Values []string       `json:",omitempty"`
	Regex  []string       `json:",omitempty"`
	Query  []balance.Pair `json:",omitempty"`
}

// fields are the condition fields, in the order AWS's refusal lists them.
var fields = []string{"path-pattern", "host-header", "http-header", "http-request-method", "query-string", "source-ip"}

// maxValue is how many characters a condition's value may have. Source: elbv2.md 5.3.
const maxValue = 128

// newConditions reads a rule's conditions, at least one, as ELBv2 takes them. Source: elbv2.md 5.3.
func newConditions(in []types.RuleCondition) ([]condition, error) {
	if len(in) == 0 {
		return nil, invalid("A rule must have at least one condition")
	}
	var all []condition
	values, wildcards := 0, 0
	for _, c := range in {
		n, err := newCondition(c)
		if err != nil {
			return nil, err
		}
		once := n.Field != balance.HTTPHeader && n.Field != balance.QueryString
		if once && slices.ContainsFunc(all, func(c condition) bool { return c.Field == n.Field }) {
			return nil, invalid("A rule can only have one '%s' condition", n.Field)
		}
		all = append(all, n)
		values += len(n.Values) + len(n.Regex) + len(n.Query)
		wildcards += n.wildcards()
	}
	if values > maxConditionValues {
		return nil, invalid("A rule can only have '%d' condition values", maxConditionValues)
	}
	if wildcards > maxWildcards {
		return nil, invalid("A rule can only have '%d' condition wildcards", maxWildcards)
	}
	return all, nil
}

func newCondition(in types.RuleCondition) (condition, error) {
	field := aws.ToString(in.Field)
	if !slices.Contains(fields, field) {
		return condition{}, invalid("Condition field '%s' must be one of '[%s]'", field, strings.Join(fields, ","))
	}
	if err := onlyConfigOf(field, in); err != nil {
		return condition{}, err
	}
	c := condition{Field: balance.Field(field)}
	switch c.Field {
	case balance.HostHeader:
		c.Values, c.Regex = in.Values, in.RegexValues
		if cfg := in.HostHeaderConfig; cfg != nil {
			c.Values, c.Regex = either(c.Values, cfg.Values), either(c.Regex, cfg.RegexValues)
		}
	case balance.PathPattern:
		c.Values, c.Regex = in.Values, in.RegexValues
		if cfg := in.PathPatternConfig; cfg != nil {
			c.Values, c.Regex = either(c.Values, cfg.Values), either(c.Regex, cfg.RegexValues)
		}
	case balance.HTTPHeader:
		if cfg := in.HttpHeaderConfig; cfg != nil {
			c.Header, c.Values, c.Regex = aws.ToString(cfg.HttpHeaderName), cfg.Values, cfg.RegexValues
		}
	case balance.HTTPRequestMethod:
		if cfg := in.HttpRequestMethodConfig; cfg != nil {
			c.Values = cfg.Values
		}
	case balance.SourceIP:
		if cfg := in.SourceIpConfig; cfg != nil {
			c.Values = cfg.Values
		}
	case balance.QueryString:
		if cfg := in.QueryStringConfig; cfg != nil {
			for _, p := range cfg.Values {
				c.Query = append(c.Query, balance.Pair{Key: aws.ToString(p.Key), Value: aws.ToString(p.Value)})
			}
		}
	}
	c.Values, c.Regex = slices.Clone(c.Values), slices.Clone(c.Regex)
	if len(c.Values)+len(c.Regex)+len(c.Query) == 0 {
		return condition{}, invalid("A condition value must be specified")
	}
	return c, c.check()
}

func either(a, b []string) []string {
	if len(a) > 0 {
		return a
	}
	return b
}

// onlyConfigOf refuses members that belong to another field than the condition's.
func onlyConfigOf(field string, in types.RuleCondition) error {
	for _, m := range []struct {
		field, member string
		given         bool
	}{
		{"host-header", "HostHeaderConfig", in.HostHeaderConfig != nil},
		{"path-pattern", "PathPatternConfig", in.PathPatternConfig != nil},
		{"http-header", "HttpHeaderConfig", in.HttpHeaderConfig != nil},
		{"http-request-method", "HttpRequestMethodConfig", in.HttpRequestMethodConfig != nil},
		{"query-string", "QueryStringConfig", in.QueryStringConfig != nil},
		{"source-ip", "SourceIpConfig", in.SourceIpConfig != nil},
	} {
		if m.given && m.field != field {
			return invalid("The '%s' member cannot be specified for a condition with the field '%s'", m.member, field)
		}
	}
	if field != "host-header" && field != "path-pattern" && (len(in.Values) > 0 || len(in.RegexValues) > 0) {
		return invalid("The 'Values' member cannot be specified for a condition with the field '%s'", field)
	}
	if len(in.Values) > 0 && (in.HostHeaderConfig != nil && len(in.HostHeaderConfig.Values) > 0 || in.PathPatternConfig != nil && len(in.PathPatternConfig.Values) > 0) {
		return invalid("You can specify values either in 'Values' or in the configuration of a '%s' condition, but not in both", field)
	}
	return nil
}

var (
	hostChars   = pattern.New(`^[A-Za-z0-9.*?-]+$`)
	hostEnd     = pattern.New(`\.[A-Za-z*?]+$`)
	pathChars   = pattern.New(`^[A-Za-z0-9_.$/~"'@:+&*?-]+$`)
	methodChars = pattern.New(`^[A-Z_-]+$`)
	headerChars = pattern.New("^[A-Za-z0-9!#$%&'*+.^_`|~-]+$")
)

// check refuses values that do not suit the condition's field.
func (c *condition) check() error {
	for _, v := range append(slices.Clone(c.Values), c.Regex...) {
		if len(v) > maxValue {
			return invalid("The '%s' value is too long; the limit is '%d'", c.Field, maxValue)
		}
		if v == "" {
			return invalid("The '%s' value must not be empty", c.Field)
		}
	}
	for _, p := range c.Query {
		if len(p.Key) > maxValue || len(p.Value) > maxValue {
			return invalid("The '%s' value is too long; the limit is '%d'", c.Field, maxValue)
		}
		if p.Value == "" {
			return invalid("The '%s' value must not be empty", c.Field)
		}
	}
	for _, expr := range c.Regex {
		if _, err := regexp.Compile(expr); err != nil {
			return invalid("The '%s' regular expression '%s' is not valid", c.Field, expr)
		}
	}
	if c.Field == balance.HTTPHeader {
		switch {
		case c.Header == "":
			return invalid("An HTTP header name must be specified")
		case len(c.Header) > 40:
			return invalid("The HTTP header name is too long; the limit is '40'")
		case !headerChars.MatchString(c.Header):
			return invalid("The HTTP header name '%s' is not valid", c.Header)
		case strings.EqualFold(c.Header, "host"):
			return invalid("The HTTP header name 'Host' is not valid; use a 'host-header' condition")
		}
	}
	for _, v := range c.Values {
		ok := true
		switch c.Field {
		case balance.HostHeader:
			ok = hostChars.MatchString(v) && hostEnd.MatchString(v)
		case balance.PathPattern:
			ok = pathChars.MatchString(v)
		case balance.HTTPRequestMethod:
			ok = len(v) <= 40 && methodChars.MatchString(v)
		case balance.SourceIP:
			p, err := netip.ParsePrefix(v)
			ok = err == nil && p.String() != "255.255.255.255/32"
		}
		if !ok {
			return invalid("The '%s' value '%s' is not valid", c.Field, v)
		}
	}
	return nil
}

func (c *condition) wildcards() int {
	n := 0
	add := func(s string, escapes bool) {
		for i := 0; i < len(s); i++ {
			switch {
			case escapes && s[i] == '\\':
				i++
			case s[i] == '*' || s[i] == '?':
				n++
			}
		}
	}
	switch c.Field {
	case balance.HostHeader, balance.PathPattern, balance.HTTPHeader:
		for _, v := range c.Values {
			add(v, false)
		}
	}
	for _, p := range c.Query {
		add(p.Key, true)
		add(p.Value, true)
	}
	return n
}

// view gives the condition as answers have it: values of host-header and path-pattern stand in
// Values and in the Config, whichever was sent. Source: elbv2.md 5.2.
func (c condition) view() types.RuleCondition {
	v := types.RuleCondition{Field: aws.String(string(c.Field))}
	switch c.Field {
	case balance.HostHeader:
		v.Values, v.RegexValues = c.Values, c.Regex
		v.HostHeaderConfig = &types.HostHeaderConditionConfig{Values: c.Values, RegexValues: c.Regex}
	case balance.PathPattern:
		v.Values, v.RegexValues = c.Values, c.Regex
		v.PathPatternConfig = &types.PathPatternConditionConfig{Values: c.Values, RegexValues: c.Regex}
	case balance.HTTPHeader:
		v.HttpHeaderConfig = &types.HttpHeaderConditionConfig{HttpHeaderName: aws.String(c.Header), Values: c.Values, RegexValues: c.Regex}
	case balance.HTTPRequestMethod:
		v.HttpRequestMethodConfig = &types.HttpRequestMethodConditionConfig{Values: c.Values}
	case balance.SourceIP:
		v.SourceIpConfig = &types.SourceIpConditionConfig{Values: c.Values}
	case balance.QueryString:
		v.QueryStringConfig = &types.QueryStringConditionConfig{}
		for _, p := range c.Query {
			kv := types.QueryStringKeyValuePair{Value: aws.String(p.Value)}
			if p.Key != "" {
				kv.Key = aws.String(p.Key)
			}
			v.QueryStringConfig.Values = append(v.QueryStringConfig.Values, kv)
		}
	}
	return v
}

// String is the condition in a few words, for status.
func (c condition) String() string {
	values := append(slices.Clone(c.Values), c.Regex...)
	for _, p := range c.Query {
		values = append(values, strings.TrimPrefix(p.Key+"="+p.Value, "="))
	}
	name := string(c.Field)
	if c.Header != "" {
		name += " " + c.Header
	}
	return fmt.Sprintf("%s %s", name, strings.Join(values, "|"))
}
