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
	if o.saidBy(cause) {
		if all = all[1:]; cause == "" || strings.HasPrefix(cause, noCandidate) {
			cause = o.Why.Text // what was said hides it
		}
	}
	for _, c := range all {
		if c.Class != explain.Unclassified && len(reasons) < mostReasons {
			reasons = append(reasons, c)
		}
	}
	return cause, reasons, o.Why.First().Do
}

// noCandidate begins what ECS says of a failed deployment that it could not roll back, whatever
// made it fail.
const noCandidate = "No rollback candidate"

// saidBy reports whether a text has the words that the root of the cause was read from, so that the
// root says nothing that it does not.
func (o Outcome) saidBy(text string) bool {
	return text == "" || slices.ContainsFunc(o.Why.Raw, func(raw string) bool {
		raw = strings.TrimSuffix(strings.TrimSpace(raw), ".")
		return raw != "" && strings.Contains(text, raw)
	})
}
