package ec2

import "testing"

func TestFilterPatternsAreEC2s(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		pattern, value string
		want           bool
	}{
		{"web", "web", true}, {"web", "Web", false}, {"", "", true}, {"", "a", false}, {"*", "", true}, {"*", "any", true},
		{"w?b", "web", true}, {"w?b", "wb", false}, {"*-b", "us-east-1-b", true}, {"*a*b", "xaxxb", true}, {"*a*b", "xaxxbc", false},
		{`\*`, "*", true}, {`\*`, "x", false}, {`a\?`, "a?", true}, {`a\?`, "ab", false},
	} {
		if got := anyMatch([]string{c.pattern}, []string{c.value}); got != c.want {
			t.Errorf("%q fits %q: got %v, want %v", c.pattern, c.value, got, c.want)
		}
	}
}
