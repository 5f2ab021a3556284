package rollout_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/slipway-ecs/slipway/internal/rollout"
	"github.com/slipway-ecs/slipway/internal/strategy"
)

var update = flag.Bool("update", false, "write the transcripts anew")

var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

// The transcripts in testdata are stories. A line that begins with two spaces is what the
// "step" above it gave; all others are the story:
//
//	plan rolling|bluegreen|canary|linear [key=value …]   first|served|test|reconcile are flags
//	desired 6                  the service is scaled: the plan is made again
//	old|new WANT RUNNING HEALTHY [failed=N] [leaving=N]
//	share production|test 10.5
//	gate NAME pass|fail
//	alarm NAME | quiet NAME
//	command pause|resume|abort|halt|skip
//	at 90s                     that much later
//	step                       one Step
//	obey                       the world does what the last step wanted, and its tasks are healthy
func TestStories(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no transcripts: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			t.Parallel()
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			got, err := tell(string(text))
			if err != nil {
				t.Fatalf("%s: %v", file, err)
			}
			if *update {
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if diff := cmp.Diff(strings.Split(string(text), "\n"), strings.Split(got, "\n")); diff != "" {
				t.Errorf("the story goes otherwise (-file +now):\n%s", diff)
			}
		})
	}
}

// story is a transcript on its way.
type story struct {
	make  func(desired int) *rollout.Plan
	plan  *rollout.Plan
	state rollout.State
	seen  rollout.Observation
	want  rollout.Want
	now   time.Time
}

// tell runs a transcript and gives it with the outputs of now.
func tell(text string) (string, error) {
	s := story{now: noon, seen: rollout.Observation{Gates: map[string]rollout.Verdict{}}}
	var out strings.Builder
	for i, line := range strings.Split(strings.TrimRight(text, "\n"), "\n") {
		if strings.HasPrefix(line, "  ") {
			continue
		}
		out.WriteString(line + "\n")
		words := strings.Fields(line)
		if len(words) == 0 || strings.HasPrefix(line, "#") {
			continue
		}
		if words[0] == "step" {
			s.step(&out)
			continue
		}
		if err := s.line(words[0], words[1:]); err != nil {
			return "", fmt.Errorf("line %d: %q: %w", i+1, line, err)
		}
	}
	return out.String(), nil
}

func (s *story) step(out *strings.Builder) {
	s.state, s.want = rollout.Step(s.plan, s.state, s.seen, s.now)
	for _, n := range s.want.Notes {
		switch n.Kind {
		case rollout.Entered:
			fmt.Fprintf(out, "  enter %s\n", n.Text)
		case rollout.Failing:
			fmt.Fprintf(out, "  failing (%s): %s\n", n.Cause, n.Text)
		case rollout.Obeyed:
			fmt.Fprintf(out, "  obeyed %s\n", n.Text)
		case rollout.Ended:
			fmt.Fprintf(out, "  ended %s\n", n.Text)
		}
	}
	for _, a := range s.want.Actions {
		fmt.Fprintf(out, "  %s\n", a)
	}
	if s.want.Stuck {
		fmt.Fprintf(out, "  stuck\n")
	}
	if !s.want.Wake.IsZero() {
		fmt.Fprintf(out, "  wake in %s\n", s.want.Wake.Sub(s.now))
	}
	fmt.Fprintf(out, "  is %s %s\n", s.state.Status, s.plan.At(s.state))
}

func (s *story) line(word string, rest []string) (err error) {
	number := func(i int) (n int) {
		if i >= len(rest) {
			err = fmt.Errorf("too short")
			return 0
		}
		n, e := strconv.Atoi(rest[i])
		if e != nil {
			err = e
		}
		return n
	}
	switch word {
	case "plan":
		return s.planned(rest)
	case "desired":
		s.plan = s.make(number(0))
	case "old", "new":
		c := rollout.Count{Want: number(0), Running: number(1), Healthy: number(2)}
		for _, w := range rest[3:] {
			_, _ = fmt.Sscanf(w, "failed=%d", &c.Failed)   // the other one
			_, _ = fmt.Sscanf(w, "leaving=%d", &c.Leaving) // the other one
		}
		s.seen.Count[map[string]rollout.Side{"old": rollout.Old, "new": rollout.New}[word]] = c
	case "share":
		p, e := strconv.ParseFloat(rest[1], 64)
		s.seen.Share[map[string]rollout.Route{"production": rollout.Production, "test": rollout.Test}[rest[0]]] = strategy.Percent(p)
		return e
	case "gate":
		s.seen.Gates[rest[0]] = map[string]rollout.Verdict{"pass": rollout.Pass, "fail": rollout.Fail}[rest[1]]
	case "alarm":
		s.seen.Alarms = append(s.seen.Alarms, rest[0])
	case "quiet":
		s.seen.Alarms = nil
	case "command":
		for c := rollout.Pause; c <= rollout.Skip; c++ {
			if c.String() == rest[0] {
				s.seen.Commands = append(s.seen.Commands, c)
			}
		}
	case "at":
		d, e := time.ParseDuration(rest[0])
		s.now = s.now.Add(d)
		return e
	case "obey":
		s.obey()
	default:
		return fmt.Errorf("no such line")
	}
	return err
}

func (s *story) obey() {
	for _, a := range s.want.Actions {
		switch a.Do {
		case rollout.Scale:
			s.seen.Count[a.Side] = rollout.Count{Want: a.Want, Running: a.Want, Healthy: a.Want}
		case rollout.Move:
			s.seen.Share[a.Route] = a.Share
		}
	}
}

func (s *story) planned(rest []string) error {
	c := strategy.Common{ID: "story"}
	var share rollout.Share
	var pause time.Duration
	noTest, reconcile, served := true, false, false
	for _, w := range rest[1:] {
		key, value, _ := strings.Cut(w, "=")
		n, _ := strconv.Atoi(value)           // 0 for what is no number
		d, _ := time.ParseDuration(value)     // 0 for what is no duration
		p, _ := strconv.ParseFloat(value, 64) // 0 for what is no percentage
		switch key {
		case "desired":
			c.Desired = n
		case "min":
			c.MinPercent = n
		case "max":
			c.MaxPercent = n
		case "bake":
			c.Bake = d
		case "deadline":
			c.Deadline = d
		case "share":
			share = strategy.Percent(p)
		case "pause":
			pause = d
		case "guard":
			c.Guards = append(c.Guards, value)
		case "hook":
			c.Hooked = append(c.Hooked, rollout.Name(value))
		case "breaker":
			c.Breaker = rollout.Breaker{Enabled: true, Value: n}
		case "stop":
			if value == "breaker" {
				c.OnFail.Breaker = rollout.Stop
			} else {
				c.OnFail.Alarm = rollout.Stop
			}
		case "first":
			c.First = true
		case "served":
			served = true
		case "test":
			noTest = false
		case "reconcile":
			reconcile = true
		default:
			return fmt.Errorf("no setting %q", key)
		}
	}
	s.make = func(desired int) (p *rollout.Plan) {
		c := c
		c.Desired = desired
		t := strategy.Traffic{Common: c, NoTest: noTest, Reconcile: reconcile}
		switch rest[0] {
		case "bluegreen":
			p = strategy.BlueGreen{Traffic: t}.Plan()
		case "canary":
			p = strategy.Canary{Traffic: t, Share: share, For: pause}.Plan()
		case "linear":
			p = strategy.Linear{Traffic: t, Share: share, For: pause}.Plan()
		default:
			p = strategy.Rolling{Common: c}.Plan()
		}
		p.Served = served
		return p
	}
	s.plan = s.make(c.Desired)
	return nil
}
