package ci

import (
	"fmt"
	"strings"

	"github.com/slipway-ecs/slipway/internal/ship"
)

// value is an output for later steps: its name in words with dashes.
type value struct{ name, text string }

// values gives the outputs of a story. There is always a verdict; "refused" says that nothing
// was deployed.
func (s Story) values() []value {
	if s.Outcome == nil {
		cause := ""
		if s.Err != nil {
			cause = s.Err.Error()
		}
		return []value{{"verdict", "refused"}, {"cause", cause}, {"service", s.Service}, {"cluster", s.Cluster}}
	}
	o := *s.Outcome
	return []value{
		{"verdict", string(o.Verdict)}, {"cause", o.Cause}, {"service", o.Service}, {"cluster", o.Cluster},
		{"revision-arn", o.Revision}, {"previous-revision-arn", o.Previous}, {"deployment-arn", o.Deployment},
	}
}

// outputs gives values as GITHUB_OUTPUT takes them. A value of several lines stands between
// words that none of its lines is, so that it cannot set another output.
func outputs(values []value) string {
	var b strings.Builder
	for _, v := range values {
		if !strings.ContainsAny(v.text, "\r\n") {
			fmt.Fprintf(&b, "%s=%s\n", v.name, v.text)
			continue
		}
		end := "SLIPWAY_END"
		for strings.Contains(v.text, end) {
			end += "_"
		}
		fmt.Fprintf(&b, "%s<<%s\n%s\n%s\n", v.name, end, v.text, end)
	}
	return b.String()
}

// variable gives the name of an environment variable for a value.
func (v value) variable() string {
	return "SLIPWAY_" + strings.ToUpper(strings.ReplaceAll(v.name, "-", "_"))
}

// exports gives values as a shell reads them.
func exports(values []value) string {
	var b strings.Builder
	for _, v := range values {
		fmt.Fprintf(&b, "export %s='%s'\n", v.variable(), strings.ReplaceAll(v.text, "'", `'\''`))
	}
	return b.String()
}

// dotenv gives values as GitLab's dotenv reports take them: no spaces, no quotes, no newlines, so
// "rolled back" is "rolled-back" and there is no cause. A shell can read them too.
func dotenv(values []value) string {
	var b strings.Builder
	for _, v := range values {
		if v.name != "cause" {
			fmt.Fprintf(&b, "%s=%s\n", v.variable(), strings.Join(strings.Fields(v.text), "-"))
		}
	}
	return b.String()
}

// last gives what follows the last slash of an ARN.
func last(arn string) string { return arn[strings.LastIndexByte(arn, '/')+1:] }

// word gives a verdict's sign; it does without colour.
func word(v ship.Verdict) string {
	switch levelOf(v) {
	case failure:
		return "✗"
	case warning:
		return "?"
	}
	return "✓"
}
