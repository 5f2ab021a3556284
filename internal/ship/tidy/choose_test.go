package tidy

import (
	"strings"
	"testing"

	"github.com/slipway-ecs/slipway/internal/ship/look"
)

func names(all []look.Revision) string {
	var out []string
	for _, r := range all {
		out = append(out, r.Name)
	}
	return strings.Join(out, " ")
}

func TestPruningKeepsTheNewestAndWhatAnythingNeeds(t *testing.T) {
	t.Parallel()
	all := []look.Revision{
		{Name: "w:9", State: "ACTIVE"},
		{Name: "w:8", State: "ACTIVE"},
		{Name: "w:7", State: "INACTIVE"},
		{Name: "w:6", State: "ACTIVE"},
		{Name: "w:5", State: "ACTIVE", Runs: []string{"task other/0123"}},
		{Name: "w:4", State: "ACTIVE", LastGood: true},
		{Name: "w:3", State: "INACTIVE", Rollback: true},
		{Name: "w:2", State: "ACTIVE"},
		{Name: "w:1", State: "INACTIVE"},
	}
	for _, c := range []struct {
		keep                     int
		remove                   bool
		deregister, delete, kept string
	}{
		{2, false, "w:6 w:2", "", "w:9 w:8 w:7 w:5 w:4 w:3 w:1"},
		{0, false, "w:9 w:8 w:6 w:2", "", "w:7 w:5 w:4 w:3 w:1"},
		{2, true, "w:6 w:2", "w:7 w:6 w:2 w:1", "w:9 w:8 w:5 w:4 w:3"},
		{100, true, "", "w:7 w:1", "w:9 w:8 w:6 w:5 w:4 w:3 w:2"},
	} {
		p := choose(all, c.keep, c.remove)
		if names(p.Deregister) != c.deregister || names(p.Delete) != c.delete || names(p.Keep) != c.kept {
			t.Errorf("keep %d, remove %v: deregister %q, delete %q, keep %q", c.keep, c.remove, names(p.Deregister), names(p.Delete), names(p.Keep))
		}
	}
}
