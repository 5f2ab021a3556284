package project_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/slipway-ecs/slipway/internal/fail"
	"github.com/slipway-ecs/slipway/internal/project"
)

const severalServices = `version: 1
cluster: main
services:
  api:
    images: {app: "repo/api:${API}"}
    hooks: {before: [{task: migrate}]}
  worker:
    name: worker-${STAGE:-dev}
    task: gone-${WORKER}.json
  jobs:
    images: {app: "repo/jobs:${JOBS}"}
tasks:
  migrate: {service: jobs, command: [migrate]}
  sweep: {service: worker, command: ["${SWEEP}"]}
`

func TestValuesOfServicesThatNobodyMeansAreNotAskedFor(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		meant string
		vars  map[string]string
		keys  string // of what is read, "" where it is refused
		says  string
	}{
		"its own, and those of its hooks' tasks": {"api", map[string]string{"API": "1", "JOBS": "2"}, "api jobs", ""},
		"its own is asked for":                   {"api", map[string]string{"JOBS": "2"}, "", "slipway.yaml:5:19: the variable API is not set"},
		"its hook's task's is asked for":         {"api", map[string]string{"API": "1"}, "", "slipway.yaml:11:19: the variable JOBS is not set"},
		"by itself":                              {"jobs", map[string]string{"JOBS": "2"}, "jobs", ""},
		"by its ECS name, which a variable says": {"worker-dev", map[string]string{}, "", "slipway.yaml:9:11: the variable WORKER is not set"},
		"by a task":                              {"migrate", map[string]string{"JOBS": "2"}, "jobs", ""},
		"nobody in particular":                   {"", map[string]string{"JOBS": "2", "WORKER": "3", "SWEEP": "x"}, "", "API is not set"},
		"one that is not there":                  {"nope", map[string]string{"JOBS": "2", "WORKER": "3", "SWEEP": "x"}, "", "API is not set"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := folder(t, map[string]string{"slipway.yaml": severalServices})
			o := answering(c.vars)
			o.Service = c.meant
			p, err := project.Load(t.Context(), filepath.Join(dir, "slipway.yaml"), o)
			if c.says != "" {
				if err == nil || !strings.Contains(err.Error(), c.says) {
					t.Fatalf("says %v, want %s", err, c.says)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			var keys []string
			for _, s := range p.Services {
				keys = append(keys, s.Key)
			}
			if got := strings.Join(keys, " "); got != c.keys {
				t.Errorf("reads %s, want %s", got, c.keys)
			}
			if _, err := p.Pick(c.meant); err != nil && c.meant != "migrate" {
				t.Error(err)
			}
		})
	}
}

func TestWhereOneServiceIsToBeMeantTheOthersAreNamedAndAskedNothing(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ meant, says, next string }{
		"none is said":            {"", "there are 3 services", "name one: api, worker, jobs"},
		"one that is not there":   {"jabs", "the file has no service \"jabs\"", "did you mean \"jobs\"?"},
		"one that is like none":   {"nope", "the file has no service \"nope\"", "there are api, worker, jobs"},
		"none by its name either": {"worker-prod", "the file has no service \"worker-prod\"", "there are api, worker, jobs"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := folder(t, map[string]string{"slipway.yaml": severalServices})
			o := answering(nil)
			o.Service, o.One = c.meant, true
			p, err := project.Load(t.Context(), filepath.Join(dir, "slipway.yaml"), o)
			if err != nil {
				t.Fatal(err)
			}
			_, err = p.Pick(c.meant)
			if f := fail.Of(err); f == nil || f.Code != "usage.service" || f.Msg != c.says || f.Hint != c.next {
				t.Errorf("says %+v, want %q and %q", f, c.says, c.next)
			}
		})
	}
}

func TestMistakesOfServicesThatNobodyMeansAreTold(t *testing.T) {
	t.Parallel()
	dir := folder(t, map[string]string{"slipway.yaml": severalServices + "  odd: {service: worker, comand: [x]}\n"})
	o := answering(map[string]string{"JOBS": "2"})
	o.Service = "jobs"
	if _, err := project.Load(t.Context(), filepath.Join(dir, "slipway.yaml"), o); err == nil || !strings.Contains(err.Error(), `did you mean "command"?`) {
		t.Errorf("says %v", err)
	}
}
