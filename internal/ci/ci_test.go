package ci_test

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/slipway-ecs/slipway/internal/ci"
	"github.com/slipway-ecs/slipway/internal/fail"
	"github.com/slipway-ecs/slipway/internal/ship"
)

const (
	revision   = "arn:aws:ecs:eu-west-1:123456789012:task-definition/web:2"
	deployment = "arn:aws:ecs:eu-west-1:123456789012:service-deployment/main/web/abc"
)

func env(m map[string]string) func(string) string { return func(k string) string { return m[k] } }

// ends is a deployment's events, the last of which is the verdict.
func ends(o ship.Outcome) []ship.Event {
	o.Service, o.Cluster, o.Revision, o.Previous, o.Deployment, o.Millis = "web", "main", revision, strings.TrimSuffix(revision, "2")+"1", deployment, 65_000
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	return []ship.Event{
		{At: at, Kind: ship.KindChange, Text: "container app: image repo/app:1 → repo/app:2"},
		{At: at, Kind: ship.KindUpdated, Text: "service web is to run web:2"},
		{At: at, Kind: ship.KindProgress, Text: "in progress: noise"},
		{At: at, Kind: ship.KindWarning, Text: "50% of\nthe answers: late, lost"},
		{At: at, Kind: ship.KindService, Text: "(service web) <script>|`x`|"},
		{At: at, Kind: ship.KindVerdict, Text: o.Line(), Outcome: &o},
	}
}

// told runs a report over events and gives the log.
func told(t *testing.T, vars map[string]string, events []ship.Event, err error) string {
	t.Helper()
	var log strings.Builder
	w := ci.World{Env: env(vars), Log: &log, Plain: true, Service: "web", Cluster: "main"}
	tell, done := ci.Report(t.Context(), w, func(e ship.Event) {
		if e.Outcome != nil {
			log.WriteString("VERDICT\n")
			return
		}
		log.WriteString("EVENT\n")
	})
	for _, e := range events {
		tell(e)
	}
	done(err)
	return log.String()
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestEachSystemIsKnownByItsVariables(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		vars map[string]string
		want ci.System
	}{
		{map[string]string{"GITHUB_ACTIONS": "true", "CI": "true"}, ci.GitHub},
		{map[string]string{"GITLAB_CI": "true"}, ci.GitLab},
		{map[string]string{"CIRCLECI": "true"}, ci.CircleCI},
		{map[string]string{"BUILDKITE": "true"}, ci.Buildkite},
		{map[string]string{"CODEBUILD_BUILD_ID": "shop:1"}, ci.CodeBuild},
		{map[string]string{"CI": "true"}, ci.None},
		{map[string]string{"GITHUB_ACTIONS": "false"}, ci.None},
		{map[string]string{"GITHUB_ACTIONS": "true", "SLIPWAY_CI": "off"}, ci.None},
	} {
		if got := ci.Detect(env(c.vars)); got != c.want {
			t.Errorf("%v: %q, want %q", c.vars, got, c.want)
		}
	}
}

func TestOutsideCINothingIsAdded(t *testing.T) {
	t.Parallel()
	for _, vars := range []map[string]string{nil, {"GITHUB_ACTIONS": "true", "SLIPWAY_CI": "off", "SLIPWAY_DOTENV": "/nowhere/x"}} {
		if log := told(t, vars, ends(ship.Outcome{Verdict: ship.Succeeded}), nil); log != "EVENT\nEVENT\nEVENT\nEVENT\nEVENT\nVERDICT\n" {
			t.Errorf("the log is %q", log)
		}
	}
}

func TestGitHubGetsOutputsSummaryGroupAndAnnotations(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	vars := map[string]string{"GITHUB_ACTIONS": "true", "GITHUB_OUTPUT": filepath.Join(dir, "out"), "GITHUB_STEP_SUMMARY": filepath.Join(dir, "sum")}
	if err := os.WriteFile(vars["GITHUB_OUTPUT"], []byte("earlier=1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	o := ship.Outcome{Verdict: ship.RolledBack, Cause: "the breaker:\ntripped, 100%", Details: []string{"task | one"}, Next: "slipway explain"}
	log := told(t, vars, ends(o), nil)
	want := "::group::slipway deploy web\nEVENT\nEVENT\nEVENT\nEVENT\n" +
		"::warning title=slipway deploy web::50%25 of%0Athe answers: late, lost\nEVENT\n::endgroup::\nVERDICT\n" +
		"::error title=slipway deploy web::rolled back: the breaker:%0Atripped, 100%25\n"
	if log != want {
		t.Errorf("the log is\n%s\nwant\n%s", log, want)
	}
	wantOut := "earlier=1\nverdict=rolled back\ncause<<SLIPWAY_END\nthe breaker:\ntripped, 100%\nSLIPWAY_END\nservice=web\ncluster=main\n" +
		"revision-arn=" + revision + "\nprevious-revision-arn=" + strings.TrimSuffix(revision, "2") + "1\ndeployment-arn=" + deployment + "\n"
	if got := read(t, vars["GITHUB_OUTPUT"]); got != wantOut {
		t.Errorf("outputs are\n%s\nwant\n%s", got, wantOut)
	}
	sum := read(t, vars["GITHUB_STEP_SUMMARY"])
	for _, part := range []string{
		"### ✗ slipway: web on main rolled back\n", "the breaker: tripped, 100%", `- task \| one`, "| revision | `web:2` |", "| before | `web:1` |",
		"| took | 1m5s |", "**Next:** `slipway explain`", "- container app: image repo/app:1 → repo/app:2", "(5 events)", "03:04:05", `&lt;script&gt;\|` + "\\`x\\`" + `\|`,
	} {
		if part = strings.ReplaceAll(part, "(5 events)", "(5 events)"); !strings.Contains(sum, part) {
			t.Errorf("the summary has no %q:\n%s", part, sum)
		}
	}
	if strings.Contains(sum, "noise") {
		t.Error("the summary has progress")
	}
}

func TestAnOutputOfManyLinesCannotSetAnother(t *testing.T) {
	t.Parallel()
	out := filepath.Join(t.TempDir(), "out")
	told(t, map[string]string{"GITHUB_ACTIONS": "true", "GITHUB_OUTPUT": out}, ends(ship.Outcome{Verdict: ship.Failed, Cause: "x\nSLIPWAY_END\nverdict=succeeded"}), nil)
	if got := read(t, out); !strings.Contains(got, "cause<<SLIPWAY_END_\nx\nSLIPWAY_END\nverdict=succeeded\nSLIPWAY_END_\n") {
		t.Errorf("outputs are\n%s", got)
	}
}

func TestWhatIsRefusedIsAnErrorWithItsHint(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	vars := map[string]string{"GITHUB_ACTIONS": "true", "GITHUB_OUTPUT": filepath.Join(dir, "out"), "GITHUB_STEP_SUMMARY": filepath.Join(dir, "sum")}
	log := told(t, vars, nil, fail.New("service.not_found", "check the names", "service %q is not in cluster %q", "web", "main"))
	if !strings.HasSuffix(log, "::endgroup::\n::error title=slipway deploy web::service \"web\" is not in cluster \"main\"%0Ahint: check the names\n") {
		t.Errorf("the log is %q", log)
	}
	if got := read(t, vars["GITHUB_OUTPUT"]); !strings.HasPrefix(got, "verdict=refused\ncause=service ") {
		t.Errorf("outputs are %q", got)
	}
	if got := read(t, vars["GITHUB_STEP_SUMMARY"]); !strings.Contains(got, "web was not deployed to main") || !strings.Contains(got, "**What to do:** check the names") {
		t.Errorf("the summary is %q", got)
	}
}

func TestAPlaceThatCannotBeWrittenToIsAWarning(t *testing.T) {
	t.Parallel()
	vars := map[string]string{"GITHUB_ACTIONS": "true", "GITHUB_OUTPUT": "/nowhere/out"}
	if log := told(t, vars, ends(ship.Outcome{Verdict: ship.Succeeded}), nil); !strings.Contains(log, "::warning title=slipway::write the outputs: open /nowhere/out") {
		t.Errorf("the log is %q", log)
	}
}

func TestGitLabGetsASectionAndADotenvReportWhenAsked(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	vars := map[string]string{"GITLAB_CI": "true", "SLIPWAY_DOTENV": filepath.Join(dir, "env"), "SLIPWAY_SUMMARY": filepath.Join(dir, "sum")}
	log := told(t, vars, ends(ship.Outcome{Verdict: ship.RolledBack, Cause: "it broke"}), nil)
	if !regexp.MustCompile(`^\x1b\[0Ksection_start:\d+:slipway_deploy\r\x1b\[0Kslipway deploy web\n(EVENT\n){5}\x1b\[0Ksection_end:\d+:slipway_deploy\r\x1b\[0K\nVERDICT\n$`).MatchString(log) {
		t.Errorf("the log is %q", log)
	}
	want := "SLIPWAY_VERDICT=rolled-back\nSLIPWAY_SERVICE=web\nSLIPWAY_CLUSTER=main\nSLIPWAY_REVISION_ARN=" + revision +
		"\nSLIPWAY_PREVIOUS_REVISION_ARN=" + strings.TrimSuffix(revision, "2") + "1\nSLIPWAY_DEPLOYMENT_ARN=" + deployment + "\n"
	if got := read(t, vars["SLIPWAY_DOTENV"]); got != want {
		t.Errorf("the report is\n%s\nwant\n%s", got, want)
	}
	if got := read(t, vars["SLIPWAY_SUMMARY"]); !strings.Contains(got, "web on main rolled back") {
		t.Errorf("the summary is %q", got)
	}
}

func TestCircleCIGetsVariablesForLaterSteps(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "env")
	log := told(t, map[string]string{"CIRCLECI": "true", "BASH_ENV": file}, ends(ship.Outcome{Verdict: ship.Failed, Cause: "it's; $(broken)"}), nil)
	if got := read(t, file); !strings.Contains(got, "export SLIPWAY_VERDICT='failed'\nexport SLIPWAY_CAUSE='it'\\''s; $(broken)'\n") || strings.Contains(log, "::") {
		t.Errorf("variables are %q, the log %q", got, log)
	}
}

// TestBuildkiteGetsMetaDataAndAnAnnotation has a script in the agent's place that writes down
// what it is given.
func TestBuildkiteGetsMetaDataAndAnAnnotation(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	script := "#!/bin/sh\n{ echo \"$@\"; while IFS= read -r l || [ -n \"$l\" ]; do echo \"  $l\"; done; } >> '" + dir + "/told'\n"
	if err := os.WriteFile(filepath.Join(dir, "buildkite-agent"), []byte(script), 0o700); err != nil { //nolint:gosec // it is run
		t.Fatal(err)
	}
	vars := map[string]string{"BUILDKITE": "true", "PATH": "/nowhere:" + dir}
	log := told(t, vars, ends(ship.Outcome{Verdict: ship.Succeeded}), nil)
	if log != "--- slipway deploy web\nEVENT\nEVENT\nEVENT\nEVENT\nEVENT\n+++ verdict\nVERDICT\n" {
		t.Errorf("the log is %q", log)
	}
	got := read(t, filepath.Join(dir, "told"))
	for _, part := range []string{"meta-data set slipway-verdict\n  succeeded\n", "meta-data set slipway-revision-arn\n  " + revision + "\n",
		"annotate --style success --context slipway-web\n  ### ✓ slipway: web on main succeeded\n"} {
		if !strings.Contains(got, part) {
			t.Errorf("the agent was not told %q:\n%s", part, got)
		}
	}
	vars["PATH"] = "/nowhere"
	if log := told(t, vars, ends(ship.Outcome{Verdict: ship.Succeeded}), nil); strings.Contains(log, "agent") {
		t.Errorf("without an agent the log is %q", log)
	}
}

// github keeps deployments and their statuses as GitHub's API does.
type github struct {
	mu     sync.Mutex
	said   []string
	refuse bool
}

func (g *github) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	g.mu.Lock()
	defer g.mu.Unlock()
	text, err := io.ReadAll(r.Body)
	var body struct {
		Ref, Environment, State, Description string
		LogURL                               string   `json:"log_url"`
		Contexts                             []string `json:"required_contexts"`
		Merge                                *bool    `json:"auto_merge"`
	}
	if err = errors.Join(err, json.Unmarshal(text, &body)); err != nil || r.Header.Get("Authorization") != "Bearer hush" || g.refuse {
		w.WriteHeader(http.StatusForbidden)
		io.WriteString(w, `{"message":"Resource not accessible by integration"}`)
		return
	}
	switch r.Method + " " + r.URL.Path {
	case "POST /api/repos/shop/web/deployments":
		if body.Contexts == nil || body.Merge == nil || *body.Merge {
			g.said = append(g.said, "asks for checks or merges")
		}
		g.said = append(g.said, "deploy "+body.Ref+" to "+body.Environment)
	case "POST /api/repos/shop/web/deployments/42/statuses":
		g.said = append(g.said, body.State+" "+body.LogURL+" "+body.Description)
	default:
		w.WriteHeader(http.StatusNotFound)
		return
	}
	w.WriteHeader(http.StatusCreated)
	io.WriteString(w, `{"id":42}`)
}

func TestGitHubDeploymentsFollowOursToItsVerdict(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("ä", 200)
	for _, c := range []struct {
		verdict ship.Verdict
		cause   string
		want    string
	}{
		{ship.Succeeded, "", "success https://gh.example/shop/web/actions/runs/7 succeeded: service web runs web:2"},
		{ship.RolledBack, long, "failure https://gh.example/shop/web/actions/runs/7 rolled back: " + strings.Repeat("ä", 126) + "…"},
		{ship.Superseded, "x", "inactive https://gh.example/shop/web/actions/runs/7 superseded: x"},
		{ship.Unknown, "x", "error https://gh.example/shop/web/actions/runs/7 unknown: x"},
		{ship.Interrupted, "x", "in_progress https://gh.example/shop/web/actions/runs/7 interrupted: x"},
	} {
		g := &github{}
		server := httptest.NewServer(g)
		t.Cleanup(server.Close)
		vars := map[string]string{"GITHUB_ACTIONS": "true", "GITHUB_TOKEN": "hush", "GITHUB_API_URL": server.URL + "/api", "GITHUB_REPOSITORY": "shop/web",
			"GITHUB_SHA": "abc", "GITHUB_SERVER_URL": "https://gh.example", "GITHUB_RUN_ID": "7"}
		log := told(t, vars, ends(ship.Outcome{Verdict: c.verdict, Cause: c.cause}), nil)
		want := []string{"deploy abc to main", "in_progress https://gh.example/shop/web/actions/runs/7 slipway deploy web", c.want}
		if strings.Join(g.said, "\n") != strings.Join(want, "\n") {
			t.Errorf("GitHub was told\n  %s\nwant\n  %s", strings.Join(g.said, "\n  "), strings.Join(want, "\n  "))
		}
		if strings.Contains(log, "hush") {
			t.Error("the log has the token")
		}
	}
}

func TestGitHubDeploymentsAreNoObstacle(t *testing.T) {
	t.Parallel()
	g := &github{refuse: true}
	server := httptest.NewServer(g)
	t.Cleanup(server.Close)
	vars := map[string]string{"GITHUB_ACTIONS": "true", "GITHUB_TOKEN": "hush", "GITHUB_API_URL": server.URL, "GITHUB_REPOSITORY": "shop/web", "GITHUB_SHA": "abc"}
	log := told(t, vars, ends(ship.Outcome{Verdict: ship.Succeeded}), nil)
	if !strings.Contains(log, "403 Forbidden: Resource not accessible by integration (the job needs 'permissions: deployments: write')") || !strings.Contains(log, "::notice title") {
		t.Errorf("the log is %q", log)
	}
	g.refuse = false
	if told(t, vars, ends(ship.Outcome{Verdict: ship.Succeeded})[5:], nil); len(g.said) != 0 {
		t.Errorf("nothing was updated, and GitHub was told %v", g.said)
	}
}
