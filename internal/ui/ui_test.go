package ui

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"charm.land/lipgloss/v2"

	"github.com/slipway-ecs/slipway/internal/fail"
	"github.com/slipway-ecs/slipway/internal/ship"
	"github.com/slipway-ecs/slipway/internal/ship/explain"
)

func TestAnErrorIsToldWithCauseAndHint(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	PrintError(&b, fmt.Errorf("deploy: %w", fail.Wrap(errors.New("line one\nline two"), "x.y", "do this", "it broke")), false)
	want := "✗ deploy: it broke: line one\n  line two\n  hint: do this\n"
	if b.String() != want {
		t.Errorf("got\n%swant\n%s", b.String(), want)
	}
}

func TestAVerdictSaysCauseDetailsAndWhatIsNext(t *testing.T) {
	t.Parallel()
	got := Verdict(ship.Outcome{Verdict: ship.RolledBack, Cause: "an alarm", Details: []string{"task a stopped"}, Next: "look", Millis: 41_400}, false)
	want := "✗ rolled back: an alarm, after 41s\n  task a stopped\n  next: look\n"
	if got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	if got := Verdict(ship.Outcome{Verdict: ship.Succeeded, Service: "web", Revision: "x/web:2"}, false); got != "✓ succeeded: service web runs web:2, after 0s\n" {
		t.Errorf("got %q", got)
	}
}

func TestAFailedEndIsToldEachThingOnce(t *testing.T) {
	t.Parallel()
	const words = "Service deployment rolled back because the circuit breaker threshold was exceeded"
	why := &explain.Cause{Class: explain.Breaker, Text: "the circuit breaker ended it: 3 of 3 tasks failed", Raw: []string{words + "."}, Seen: 1, Because: []explain.Cause{
		{Class: explain.ExitAtStart, Text: "task a: container web ended with exit code 3", Do: "read the log", Log: []string{"no database\n"}, Seen: 3},
		{Class: explain.Unclassified, Text: "something else", Seen: 1}}}
	for name, c := range map[string]struct {
		o    ship.Outcome
		want string
	}{
		"what is below the cause": {ship.Outcome{Cause: words, Why: why, Details: []string{"task a stopped: exit code 3", words}},
			"✗ rolled back: " + words + ", after 0s\n  why: [exit-code] task a: container web ended with exit code 3 (3 times)\n      | no database\n  do: read the log\n"},
		"what we know besides stays": {ship.Outcome{Cause: "hook at scaled: exit code 1: " + words, Why: &explain.Cause{Class: explain.UserStopped, Text: "somebody asked for it", Raw: []string{words}, Seen: 1}},
			"✗ rolled back: hook at scaled: exit code 1: " + words + ", after 0s\n"},
		"what the cause does not say": {ship.Outcome{Cause: "it is gone", Why: &explain.Cause{Class: explain.Superseded, Text: "web:3 took its place", Raw: []string{"other words"}, Seen: 1}},
			"✗ rolled back: it is gone, after 0s\n  why: [superseded] web:3 took its place\n"},
		"what ECS's words hide": {ship.Outcome{Cause: "No rollback candidate was found to run the rollback", Why: &explain.Cause{Class: explain.Breaker, Text: "the circuit breaker ended it", Raw: []string{"No rollback candidate was found to run the rollback."}, Seen: 1}},
			"✗ rolled back: the circuit breaker ended it, after 0s\n"},
		"alarms are named once": {ship.Outcome{Cause: "alarm detected. (alarm web-5xx)", Why: &explain.Cause{Class: explain.Alarmed, Text: "alarm web-5xx went into ALARM", Raw: []string{"alarm detected."}, Do: "look", Seen: 1}},
			"✗ rolled back: alarm detected. (alarm web-5xx), after 0s\n  do: look\n"},
		"what serves again": {ship.Outcome{Cause: "it failed", Serves: "arn:aws:ecs:r:1:task-definition/web:7", Service: "web"},
			"✗ rolled back: it failed, after 0s\n  now: service web runs web:7 again\n"},
		"details that the cause has": {ship.Outcome{Cause: "it failed; first: task a stopped", Details: []string{"task a stopped", "task b stopped"}},
			"✗ rolled back: it failed; first: task a stopped, after 0s\n  task b stopped\n"},
	} {
		c.o.Verdict = ship.RolledBack
		if got := Verdict(c.o, false); got != c.want {
			t.Errorf("%s: got\n%swant\n%s", name, got, c.want)
		}
	}
}

func TestEventsAreLinesOrJSON(t *testing.T) {
	t.Parallel()
	e := ship.Event{At: time.Unix(0, 0).UTC(), Kind: ship.KindProgress, Text: "in\nprogress <1>", Progress: &ship.Progress{Status: "IN_PROGRESS", Sides: []ship.Side{}}}
	var plain, lines bytes.Buffer
	Lines(&plain, false)(e)
	if got := plain.String(); strings.Count(got, "\n") != 1 || !strings.HasSuffix(got, "in progress <1>\n") {
		t.Errorf("plain %q", got)
	}
	JSONLines(&lines)(e)
	var back ship.Event
	if err := json.Unmarshal(lines.Bytes(), &back); err != nil || back.Text != e.Text || back.Progress == nil {
		t.Errorf("JSON %q: %v", lines.String(), err)
	}
	want := `{"at":"1970-01-01T00:00:00Z","kind":"progress","text":"in\nprogress <1>","progress":{"status":"IN_PROGRESS","desired":0,"sides":[]}}` + "\n"
	if lines.String() != want {
		t.Errorf("got  %swant %s", lines.String(), want)
	}
}

func frame() Frame {
	return Frame{Title: "demo", Status: "v1 → v2", Footer: "ctrl-c leaves", Panels: []Panel{
		{Title: "tasks", Rows: []Row{
			{Cells: []string{"web:1", "ACTIVE"}, Tone: Old, Bar: &Bar{Parts: []Part{{0.5, Old}}, Text: "2 running"}},
			{Cells: []string{"web:12", "PRIMARY"}, Tone: New, Bar: &Bar{Parts: []Part{{0.25, New}, {0.75, Soft}}, Text: "1 running"}},
		}},
		{Title: "events", Keep: 2, Rows: []Row{{Cells: []string{"one"}}, {Cells: []string{"two"}}, {Cells: []string{strings.Repeat("long ", 40)}}}},
	}}
}

func TestAFrameIsDrawnInColumnsAndFitsItsWidth(t *testing.T) {
	t.Parallel()
	got := strings.Split(Draw(frame(), 60, 0, false), "\n")
	for i, want := range map[int]string{
		0: "demo  v1 → v2",
		3: "  web:1   ACTIVE   ▒▒▒▒▒▒▒▒▒▒··········  2 running",
		4: "  web:12  PRIMARY  █████░░░░░░░░░░░░░░░  1 running",
		7: "  two",
	} {
		if strings.TrimRight(got[i], " ") != want {
			t.Errorf("line %d is %q, want %q", i, got[i], want)
		}
	}
	for _, width := range []int{0, 1, 20, 40, 80, 300} {
		for _, colour := range []bool{false, true} {
			for _, l := range strings.Split(Draw(frame(), width, 0, colour), "\n") {
				if limit := min(maxWidth, max(width, 1)); width > 0 && lipgloss.Width(l) > limit {
					t.Errorf("at width %d a line has %d columns: %q", width, lipgloss.Width(l), l)
				}
			}
		}
	}
	if n := strings.Count(Draw(frame(), 80, 4, false), "\n") + 1; n > 4 {
		t.Errorf("%d lines at height 4", n)
	}
}

func TestColourOnlyRepeats(t *testing.T) {
	t.Parallel()
	if plain := Draw(frame(), 80, 0, false); strings.Contains(plain, "\x1b") {
		t.Errorf("escapes without colour: %q", plain)
	}
}

// buffer is a writer for two goroutines.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func TestALiveViewPrintsItsLinesAndEndsWithTheVerdict(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	var out buffer
	tell, stop := LiveDeploy(ctx, &out, []string{"TERM=xterm"}, "deploy web", false)
	tell(ship.Event{Kind: ship.KindUpdated, Text: "service web is to run web:2"})
	tell(ship.Event{Kind: ship.KindProgress, Progress: &ship.Progress{Status: "IN_PROGRESS", Desired: 2, Sides: []ship.Side{{Revision: "web:2", Running: 1, Ours: true}}}})
	cancel() // an interrupt must not cut the view off
	tell(ship.Event{Kind: ship.KindVerdict, Outcome: &ship.Outcome{Verdict: ship.Succeeded, Service: "web", Revision: "web:2"}})
	stop()
	for _, want := range []string{"service web is to run web:2", "deploy web", "✓ succeeded"} {
		if !strings.Contains(out.b.String(), want) {
			t.Errorf("lacks %q:\n%q", want, out.b.String())
		}
	}
}
