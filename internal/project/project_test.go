package project_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/slipway-ecs/slipway/internal/fail"
	"github.com/slipway-ecs/slipway/internal/project"
)

func lookup(name string) (string, bool) {
	v, ok := map[string]string{"IMAGE": "repo/app:2", "EMPTY": "", "N": "3"}[name]
	return v, ok
}

// load writes files into a folder and loads its slipway.yaml.
func load(t *testing.T, text string, others map[string]string) (*project.Project, error) {
	t.Helper()
	dir := t.TempDir()
	path := filepath.Join(dir, project.File)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, text := range others {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return project.Load(t.Context(), path, project.Options{Var: lookup})
}

func TestAWholeFileIsRead(t *testing.T) {
	t.Parallel()
	p, err := load(t, `version: 1
app: shop
aws: {region: eu-west-1, account: "123456789012", profile: shop}
cluster: main
services:
  api:
    task: api.json
    images: {app: "${IMAGE}"}
    env: {app: {LEVEL: debug, PORT: 012, ON: true}}
    count: ${N}
    strategy: rolling
    timeout: 1h30m
  web:
    name: shop-web
    task: {family: web, containerDefinitions: [{name: app, image: a}]}
    service: svc.yaml
`, map[string]string{"api.json": `{"family": "api", "x": "$HOME", "futureMember": 12345678901234567}`, "svc.yaml": "launchType: FARGATE\n"})
	if err != nil {
		t.Fatal(err)
	}
	api, err := p.Pick("api")
	if err != nil {
		t.Fatal(err)
	}
	if p.Cluster != "main" || p.AWS.Account != "123456789012" || api.Name != "api" || api.Images["app"] != "repo/app:2" ||
		api.Env["app"]["PORT"] != "012" || api.Env["app"]["ON"] != "true" || *api.Count != 3 || api.Timeout != 90*time.Minute {
		t.Errorf("read %+v, %+v", p, api)
	}
	if want := `{"family":"api","x":"$HOME","futureMember":12345678901234567}`; string(api.Task) != want {
		t.Errorf("task %s, want %s", api.Task, want)
	}
	web, err := p.Pick("shop-web")
	if err != nil || web.Key != "web" || string(web.Service) != `{"launchType":"FARGATE"}` || !bytes.Contains(web.Task, []byte(`"family":"web"`)) {
		t.Errorf("picked %+v, %v", web, err)
	}
	if _, err := p.Pick(""); err == nil || !strings.Contains(err.Error(), "2 services") {
		t.Errorf("picking none of two: %v", err)
	}
	for word, id := range map[string]bool{"EZe5RNVLH6PPzHXINuP28": true, "d-RPCR1U3TW": true, "d-rpcr1u3tw": false, "shop-wbe": false, "worker": false} {
		_, err := p.Pick(word)
		if f := fail.Of(err); f == nil || strings.Contains(f.Hint, "--deployment ID") != id {
			t.Errorf("picking %s: %v, want a word about deployments: %v", word, err, id)
		}
	}
}

func TestTheSchemaIsJSONAndSaysWhatEveryMemberIs(t *testing.T) {
	t.Parallel()
	var s any
	if err := json.Unmarshal(project.Schema(), &s); err != nil {
		t.Fatal(err)
	}
	var walk func(path string, v any)
	walk = func(path string, v any) {
		m, ok := v.(map[string]any)
		if !ok {
			return
		}
		if properties, ok := m["properties"].(map[string]any); ok {
			for name, p := range properties {
				if one, ok := p.(map[string]any); !ok || one["description"] == nil && name != "aws" {
					t.Errorf("%s.%s has no description", path, name)
				}
			}
		}
		for k, c := range m {
			walk(path+"."+k, c)
		}
	}
	walk("", s)
}
