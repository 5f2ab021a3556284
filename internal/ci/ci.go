// Package ci tells a CI system what a deployment did, in the places that system has for it:
// outputs for later steps, a summary, annotations, groups in the log, deployment statuses.
//
// It listens to ship's events and changes nothing: where a place cannot be written to, a warning
// says so and the deployment goes on. Each system's forms are functions of plain data (github.go,
// systems.go, summary.go); Report writes. It must not know commands or clouds. Read Detect and
// Report first.
package ci

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/slipway-ecs/slipway/internal/fail"
	"github.com/slipway-ecs/slipway/internal/ship"
)

// System is a CI system.
type System string

// The systems that are known.
const (
	None      System = ""
	GitHub    System = "GitHub Actions"
	GitLab    System = "GitLab CI"
	CircleCI  System = "CircleCI"
	Buildkite System = "Buildkite"
	CodeBuild System = "CodeBuild"
)

// Detect gives the system that a process runs under, by the variables it sets. SLIPWAY_CI=off is
// under none.
func Detect(env func(string) string) System {
	if env("SLIPWAY_CI") == "off" {
		return None
	}
	for _, s := range []struct {
		key, value string // "" is any value
		system     System
	}{
		{"GITHUB_ACTIONS", "true", GitHub},
		{"GITLAB_CI", "true", GitLab},
		{"CIRCLECI", "true", CircleCI},
		{"BUILDKITE", "true", Buildkite},
		{"CODEBUILD_BUILD_ID", "", CodeBuild},
	} {
		if v := env(s.key); v != "" && (s.value == "" || v == s.value) {
			return s.system
		}
	}
	return None
}

// World is what a report may use.
type World struct {
	Env         func(string) string
	Log         io.Writer    // the job's log, where events go too
	Plain       bool         // events are plain lines in Log, so that groups make sense
	Service     string       // what is deployed
	Cluster     string       // where
	Environment string       // name of the environment for deployment statuses; "" is the cluster's name
	Client      *http.Client // for GitHub's API; nil is one with a time limit
}

// Report listens to a deployment. It gives what to tell events to instead of tell, which it
// tells them to from one goroutine at a time, and what to call at the end with the error Deploy gave. Outside CI, and where
// nothing asks for files, that is tell itself.
func Report(ctx context.Context, w World, tell func(ship.Event)) (told func(ship.Event), done func(err error)) {
	r := &report{w: w, system: Detect(w.Env)}
	off := w.Env("SLIPWAY_CI") == "off"
	if off || r.system == None && w.Env("SLIPWAY_DOTENV") == "" && w.Env("SLIPWAY_SUMMARY") == "" {
		return tell, func(error) {}
	}
	ctx = context.WithoutCancel(ctx) // an interrupt has an end to report as well
	if r.system == GitHub {
		r.statuses = newStatuses(w)
	}
	r.open()
	return func(e ship.Event) { r.hear(ctx, e, tell) }, func(err error) { r.end(ctx, err) }
}

// report is a Report under way.
type report struct {
	w        World
	system   System
	mu       sync.Mutex // guards what is below
	opened   bool
	statuses *statuses // nil: none are written
	story    Story
}

// Story is what a summary tells.
type Story struct {
	Service, Cluster string
	Events           []ship.Event  // without progress
	Outcome          *ship.Outcome // nil: nothing was deployed
	Err              error         // why, then
}

// most is how many events a story keeps; what a crash loop says over and over is not missed.
const most = 200

func (r *report) open() {
	r.story = Story{Service: last(r.w.Service), Cluster: last(r.w.Cluster)}
	if r.w.Plain {
		io.WriteString(r.w.Log, openGroup(r.system, r.story.title(), time.Now()))
		r.opened = true
	}
}

func (r *report) close() {
	if r.opened {
		io.WriteString(r.w.Log, closeGroup(r.system, time.Now()))
		r.opened = false
	}
}

func (r *report) hear(ctx context.Context, e ship.Event, tell func(ship.Event)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if e.Outcome != nil {
		r.close() // the verdict stands outside the group, which may be folded
	}
	tell(e)
	switch {
	case e.Outcome != nil:
		r.story.Outcome = e.Outcome
	case e.Kind == ship.KindProgress:
		return
	case e.Kind == ship.KindWarning:
		r.annotate(warning, r.story.title(), e.Text)
	case e.Kind == ship.KindUpdated || e.Kind == ship.KindCreated:
		r.statuses.begin(ctx)
	}
	if len(r.story.Events) < most {
		r.story.Events = append(r.story.Events, e)
	}
}

// end writes everything that is written once.
func (r *report) end(ctx context.Context, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.close()
	r.story.Err = err
	level, text := r.story.headline()
	r.annotate(level, r.story.title(), text)
	values := r.story.values()
	warn := func(what string, err error) {
		if err != nil {
			r.annotate(warning, "slipway", fmt.Sprintf("%s: %v", what, err))
		}
	}
	warn("write the outputs", r.write("GITHUB_OUTPUT", GitHub, outputs(values)))
	warn("write the variables for later steps", r.write("BASH_ENV", CircleCI, exports(values)))
	warn("write SLIPWAY_DOTENV", r.write("SLIPWAY_DOTENV", "", dotenv(values)))
	text = r.story.Markdown()
	warn("write the summary", r.write("GITHUB_STEP_SUMMARY", GitHub, text))
	warn("write SLIPWAY_SUMMARY", r.write("SLIPWAY_SUMMARY", "", text))
	if r.system == Buildkite {
		warn("tell buildkite-agent", buildkite(ctx, r.w.Env, level, r.story.Service, values, text))
	}
	warn("write the deployment status", r.statuses.end(ctx, r.story.Outcome))
}

// write adds text to the file that a variable names, if the system has it; "" is any system.
func (r *report) write(variable string, of System, text string) error {
	path := r.w.Env(variable)
	if path == "" || of != "" && of != r.system {
		return nil
	}
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	return errors.Join(err, f.Close())
}

// annotate puts a message where the system shows those; elsewhere the log has it already.
func (r *report) annotate(l level, title, text string) {
	if r.system == GitHub {
		fmt.Fprintln(r.w.Log, command(l, title, text))
	}
}

// title says what was asked for.
func (s Story) title() string { return strings.TrimSpace("slipway deploy " + s.Service) }

// headline gives the end in one line, and how bad it is.
func (s Story) headline() (level, string) {
	switch {
	case s.Outcome == nil && s.Err == nil:
		return notice, "ended without a verdict"
	case s.Outcome == nil:
		text := s.Err.Error()
		if f := fail.Of(s.Err); f != nil && f.Hint != "" {
			text += "\nhint: " + f.Hint
		}
		return failure, text
	}
	return levelOf(s.Outcome.Verdict), s.Outcome.Line()
}

// level is how bad something is.
type level int

const (
	notice level = iota
	warning
	failure
)

// levelOf gives how bad a verdict is.
func levelOf(v ship.Verdict) level {
	switch v {
	case ship.Failed, ship.RolledBack, ship.Stopped:
		return failure
	case ship.Superseded, ship.Unknown, ship.Interrupted:
		return warning
	}
	return notice
}
