package e2e_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestInitDiffPlanAndVerifyAgreeWithTheDeploy(t *testing.T) {
	t.Parallel()
	w, cloud := newProject(t)
	step := func(env []string, code int, says []string, args ...string) string {
		t.Helper()
		out, talk, got := w.slipway(env, args...)
		if got != code {
			t.Fatalf("%v: exit code %d, want %d", args, got, code)
		}
		for _, s := range says {
			if !strings.Contains(out+talk, s) {
				t.Errorf("%v: does not say %q", args, s)
			}
		}
		return out
	}
	v1, v2 := []string{"IMAGE=web:v1"}, []string{"IMAGE=web:v2"}
	step(v1, 5, []string{"it would be created"}, "diff", "--exit-code")
	step(v1, 0, []string{"the service will be created", "ecs:CreateService"}, "plan")
	step(v1, 0, nil, "deploy")
	step(v1, 0, []string{"service web is as wanted"}, "diff", "--exit-code")
	step(v2, 5, []string{"containerDefinitions[web].image: web:v1 → web:v2"}, "diff", "--exit-code")
	step(v2, 0, []string{`"taskDefinition": "web"`, `"image": "web:v2"`}, "render")
	step(v2, 0, []string{"rolling by ecs", "start 2 tasks", "at most 4 tasks at once"}, "plan", "--out", "plan.json")
	step(v2, 1, []string{"image of web: web:v2", "✓ subnet"}, "verify")
	step(v1, 1, []string{"another task definition"}, "deploy", "--plan", "plan.json")
	step(v2, 0, []string{"succeeded"}, "deploy", "--plan", "plan.json")
	step(v2, 1, []string{"moved on", "web:2"}, "deploy", "--plan", "plan.json")

	step(nil, 0, []string{"wrote"}, "init", "web", "--cluster", "main", "--dir", "copy")
	step(nil, 0, []string{"service web is as wanted"}, "diff", "web", "--file", filepath.Join("copy", "slipway.yaml"), "--exit-code")
	step(nil, 0, []string{"nothing to deploy"}, "deploy", "web", "--file", filepath.Join("copy", "slipway.yaml"))
	step(nil, 2, []string{"--force"}, "init", "web", "--cluster", "main", "--dir", "copy")
	if text, err := os.ReadFile(filepath.Join(w.dir, "copy", "ecs", "web.service.json")); err != nil || strings.Contains(string(text), "taskDefinition") {
		t.Errorf("the service's file: %v\n%s", err, text)
	}
	if got := runs(t, cloud); got != "web:2" {
		t.Errorf("the service runs %s, want web:2", got)
	}
}
