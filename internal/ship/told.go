package ship

import (
	"slices"
	"strings"

	"github.com/slipway-ecs/slipway/internal/ship/explain"
)

// mostReasons is how many reasons are told with a verdict; `slipway explain` has them all.
const mostReasons = 4

// Told gives the cause of an end for people, each thing once: what ended it, what lies below that
// with what explains most first, and what to do. Where no rule knows the cause, the reasons are the
// details that the cause does not have yet.
func (o Outcome) Told() (cause string, reasons []explain.Cause, do string) {
	cause = strings.TrimSuffix(strings.TrimSuffix(o.Cause, o.first), ".")
	if o.Why == nil {
		if o.first != "" {
			reasons = append(reasons, explain.Cause{Text: strings.TrimPrefix(o.first, "; first: "), Seen: 1})
		}
		for _, d := range o.Details {
			if !strings.Contains(o.Cause, d) {
				reasons = append(reasons, explain.Cause{Text: d, Seen: 1})
			}
		}
		return cause, reasons, ""
	}
	all := o.Why.All()
	cause, known := o.reworded(cause)
	if known {
		all = all[1:]
	}
	first := o.Why.First()
	for _, c := range all {
		if c.Class != explain.Unclassified && c.Text != cause && len(reasons) < mostReasons {
			reasons = append(reasons, c)
		}
	}
	return cause, reasons, first.Do
}

// reworded gives what ended a deployment by the cause's own words where what was said of it is no
// more than what those were read from; what was said besides stays.
func (o Outcome) reworded(said string) (cause string, known bool) {
	plain := func(s string) string { return strings.TrimSuffix(strings.TrimSpace(s), ".") }
	i := slices.IndexFunc(o.Why.Raw, func(raw string) bool { return plain(raw) != "" && strings.Contains(said, plain(raw)) })
	if i < 0 {
		return said, said == ""
	}
	before, after, _ := strings.Cut(said, plain(o.Why.Raw[i]))
	if before == "" && (after == "" || strings.HasPrefix(after, ". (alarm ") || strings.HasPrefix(after, " (alarm ")) {
		return o.Why.Text, true
	}
	return said, false
}
