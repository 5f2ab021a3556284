package project_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/slipway-ecs/slipway/internal/fail"
	"github.com/slipway-ecs/slipway/internal/project"
)

const full = `version: 1
app: shop
requires: ">=0.1"
aws: {region: eu-west-1, account: "123456789012", role: "arn:aws:iam::123456789012:role/deploy"}
cluster: main
services:
  api:
    images: {app: "${IMAGE}"}
    secrets: {app: {DB: "arn:aws:ssm:eu-west-1:123456789012:parameter/db"}}
    pin: digest
    engine: ecs
    count: 4
    strategy:
      type: canary
      bake: 15m
      canary: {percent: 10.5, bake: 1h}
      alarms: [web-5xx]
      breaker: {count: 5, reset: false}
      on-fail: rollback
    approve: is it good?
    hooks:
      before: [{task: migrate}]
      test-traffic:
        - probe: {route: test, path: /health, expect: 200, count: 3}
          timeout: 2m
        - lambda: {arn: "arn:aws:lambda:eu-west-1:123456789012:function:check", details: {a: 1}}
          then: continue
      succeeded: [{run: ./smoke.sh}, {run: [echo, done]}]
tasks: {migrate: {service: api, command: [bin/migrate], timeout: 10m}}
environments:
  production:
    cluster: prod
    services:
      api: {count: null, strategy: {bake: 1h, alarms: [a, b]}}
`

func TestTheWholeFormIsDecoded(t *testing.T) {
	t.Parallel()
	p, err := load(t, full, nil)
	if err != nil {
		t.Fatal(err)
	}
	s := p.Services[0]
	want := &project.Strategy{Type: project.Canary, Bake: new(15 * time.Minute), Canary: &project.Step{Percent: new(10.5), Bake: new(time.Hour)},
		Alarms: []string{"web-5xx"}, Breaker: &project.Breaker{Count: new(int32(5)), Reset: new(false)}, OnFail: project.FailRollback}
	if diff := cmp.Diff(want, s.Strategy); diff != "" {
		t.Error(diff)
	}
	hooks := []project.Hook{
		{Point: project.PointBefore, Task: "migrate", Line: 22},
		{Point: project.PointTestTraffic, Line: 24, Timeout: new(2 * time.Minute),
			Probe: &project.Probe{Route: "test", Path: "/health", From: 200, To: 200, Count: 3, Every: time.Second}},
		{Point: project.PointTestTraffic, Line: 26, Then: project.ThenContinue,
			Lambda: &project.Lambda{ARN: "arn:aws:lambda:eu-west-1:123456789012:function:check", Details: []byte(`{"a":1}`)}},
		{Point: project.PointTestTraffic, Line: 20, Approve: "is it good?"},
		{Point: project.PointSucceeded, Line: 28, Run: []string{"./smoke.sh"}, Shell: true},
		{Point: project.PointSucceeded, Line: 28, Run: []string{"echo", "done"}},
	}
	if diff := cmp.Diff(hooks, s.Hooks); diff != "" {
		t.Error(diff)
	}
	if !s.Pin || s.Engine != project.EngineECS || s.Secrets["app"]["DB"] == "" || p.AWS.Role == "" {
		t.Errorf("read %+v, %+v", s, p.AWS)
	}
	if task, err := p.Task("migrate"); err != nil || task.Timeout != 10*time.Minute || task.Command[0] != "bin/migrate" {
		t.Errorf("task %+v, %v", task, err)
	}
}

func TestAnEnvironmentIsMergedListsReplaceAndNullTakesAway(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), project.File)
	if err := os.WriteFile(path, []byte(full), 0o600); err != nil {
		t.Fatal(err)
	}
	p, err := project.Load(t.Context(), path, project.Options{Environment: "production", Var: lookup})
	if err != nil {
		t.Fatal(err)
	}
	s := p.Services[0]
	if p.Cluster != "prod" || s.Count != nil || *s.Strategy.Bake != time.Hour || *s.Strategy.Canary.Percent != 10.5 ||
		strings.Join(s.Strategy.Alarms, ",") != "a,b" || s.Images["app"] != "repo/app:2" {
		t.Errorf("merged %+v, %+v", s, s.Strategy)
	}
	from := map[string]string{}
	for _, v := range p.Values {
		from[v.Path] = strings.TrimPrefix(v.From(), filepath.Dir(path)+"/")
	}
	for value, want := range map[string]string{
		"cluster": "slipway.yaml:32, environment production", "app": "slipway.yaml:2",
		"services.api.images.app": "slipway.yaml:8, ${IMAGE}", "services.api.strategy.alarms[0]": "slipway.yaml:34, environment production",
	} {
		if from[value] != want {
			t.Errorf("%s is from %q, want %q", value, from[value], want)
		}
	}
	_, err = project.Load(t.Context(), path, project.Options{Environment: "prodution", Var: lookup})
	if err == nil || !strings.Contains(err.Error(), `no environment "prodution"`) {
		t.Errorf("a mistyped environment: %v", err)
	}
}

func FuzzLoadNeverPanicsAndItsErrorsHaveAPlace(f *testing.F) {
	f.Add(full)
	f.Add(good)
	for _, c := range more {
		f.Add(c.text)
	}
	for _, s := range []string{"", "{}", "[]", "services: {a: }", "version: 1\nservices: {a: &a {strategy: *a}}", "environments: {a: ~}", "hooks: {before: [[]]}", "a: ${b:${c}}"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if strings.Contains(text, "git:") || strings.Contains(text, "file:") || strings.Contains(text, "task:") || strings.Contains(text, "service:") || strings.Contains(text, "tfstate") {
			return // no runs of git and no files of this machine
		}
		for _, environment := range []string{"", "production"} {
			path := filepath.Join(t.TempDir(), project.File)
			if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			p, err := project.Load(t.Context(), path, project.Options{Environment: environment, Var: lookup, Version: "v0.1.0"})
			switch e := fail.Of(err); {
			case err == nil:
				p.YAML()
			case e == nil || !strings.HasPrefix(e.Code, "file.") && e.Code != "usage.environment":
				t.Errorf("%q: an error without a code: %v", text, err)
			}
		}
	})
}
