package cli

import (
	"bytes"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/slipway-ecs/slipway/internal/demo"
	"github.com/slipway-ecs/slipway/internal/ship"
)

func TestALookThatOnlyCountsMoreRequestsIsNotPrintedAgain(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	p := &demoPlain{out: &out, began: time.Now()}
	l := demo.Look{
		Revisions: []demo.Revision{{Name: "web:2", Running: 4}, {Name: "web:1", Running: 4}}, Healthy: 4, Targets: 8,
		Traffic: []demo.Traffic{{Version: "v1", Percent: 85}, {Version: "v2", Percent: 15}}, Requests: 7303, Failures: 44,
	}
	p.show(demo.Event{Kind: demo.KindLook, Look: &l, Text: l.Line()})
	more := l
	more.Requests++
	p.show(demo.Event{Kind: demo.KindLook, Look: &more, Text: more.Line()})

	lines := strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
	if len(lines) != 1 {
		t.Fatalf("got %d lines:\n%s", len(lines), out.String())
	}
	if n := utf8.RuneCountInString(lines[0]); n > 100 {
		t.Errorf("a line of %d columns:\n%s", n, lines[0])
	}
}

func TestTheDemoLeavesOutWhatECSSaysOfSingleTargets(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{
		"(service web) registered 2 targets in (target-group arn:x)":                  false,
		"(service web) deregistered 1 targets in (target-group arn:x)":                false,
		"(service web, taskSet ecs-svc/1) has begun draining connections on 1 tasks.": false,
		"(service web) has started 4 tasks: (task a) (task b).":                       true,
		"(service web) (deployment ecs-svc/1) deployment failed: alarm detected.":     true,
	} {
		if got := worthTelling(ship.Event{Kind: ship.KindService, Text: text}); got != want {
			t.Errorf("%q is worth telling: %t, not %t", text, got, want)
		}
	}
}

func TestADemoThatThereIsNoneOfNamesThoseThereAre(t *testing.T) {
	t.Parallel()
	_, err := demoStory([]string{"green"})
	if err == nil || !strings.Contains(err.Error(), `no demo of "green"`) {
		t.Fatalf("got %v", err)
	}
	for _, name := range []string{"rolling", "blue-green", "canary", "linear"} {
		if s, err := demoStory([]string{name}); err != nil || s.Name != name {
			t.Errorf("%s: got %q, %v", name, s.Name, err)
		}
	}
	if s, err := demoStory(nil); err != nil || s.Name != "rolling" {
		t.Errorf("without a name: got %q, %v", s.Name, err)
	}
}
