package ids_test

import (
	"regexp"
	"testing"

	"github.com/slipway-ecs/slipway/internal/ids"
)

func TestIdentifiersHaveTheirFormsAndNeverRepeat(t *testing.T) {
	t.Parallel()
	for name, source := range map[string]*ids.Source{"random": ids.Random(), "counting": ids.Counting()} {
		for form, next := range map[string]func() string{
			`^[0-9a-f]{32}$`:      func() string { return source.Hex(32) },
			`^[0-9a-f]{16}$`:      func() string { return source.Hex(16) },
			`^[A-Za-z0-9_-]{21}$`: func() string { return source.Nano(21) },
			`^[0-9]{19}$`:         func() string { return source.Digits(19) },
			`^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`: source.UUID,
		} {
			rule, seen := regexp.MustCompile(form), map[string]bool{}
			for range 1000 {
				id := next()
				if !rule.MatchString(id) {
					t.Fatalf("%s: %q is not of the form %s", name, id, form)
				}
				if seen[id] {
					t.Fatalf("%s: %q came twice", name, id)
				}
				seen[id] = true
			}
		}
	}
}
