package ship_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/slipway-ecs/slipway/internal/project"
	"github.com/slipway-ecs/slipway/internal/ship"
)

func live(t *testing.T, f *fakeECS) ship.Live {
	t.Helper()
	l, ok := f.serve(t).(ship.Live)
	if !ok {
		t.Fatal("the client cannot be read by")
	}
	return l
}

func lines(p *ship.Proposal) string {
	var out []string
	for _, c := range p.Changes {
		out = append(out, c.Of+" "+c.Line())
	}
	return strings.Join(out, "\n")
}

func TestAProposalSaysInMeaningWhatADeployWouldChange(t *testing.T) {
	t.Parallel()
	f := newFake()
	r := ship.Request{Cluster: "main", Service: "web", Images: map[string]string{"app": "repo/app:2"}, Count: aws.Int32(3),
		Env:     map[string]map[string]string{"app": {"LEVEL": "debug", "NEW": "secret"}},
		Secrets: map[string]map[string]string{"app": {"DB": "arn:db"}},
		Tags:    map[string]string{"slipway:commit": "abc", "team": "other"},
	}
	p, err := ship.Propose(t.Context(), live(t, f), r, nil, false)
	if err != nil {
		t.Fatal(err)
	}
	want := `definition containerDefinitions[app].environment[LEVEL]: changed
definition containerDefinitions[app].environment[NEW]: added
definition containerDefinitions[app].image: repo/app:1 → repo/app:2
definition containerDefinitions[app].secrets[DB]: added arn:db
service desiredCount: 2 → 3`
	if got := lines(p); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	definition, err := json.Marshal(p.Definition)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []string{`"newerThanUs":true`, `"keep":12345678901234567`, `{"key":"slipway:commit","value":"abc"}`, `{"key":"team","value":"other"}`} {
		if !strings.Contains(string(definition), s) {
			t.Errorf("lacks %s: %s", s, definition)
		}
	}
	if strings.Contains(string(definition), `"shop"`) || strings.Contains(string(definition), "registeredAt") {
		t.Errorf("has what it should not: %s", definition)
	}
	if p.Empty() || !p.Registers || f.calls["RegisterTaskDefinition"] != 0 || f.calls["UpdateService"] != 0 {
		t.Errorf("proposal %+v, calls %v", p, f.calls)
	}
}

func TestAContainerMoreOrLessShowsNoValues(t *testing.T) {
	t.Parallel()
	const plain, more = `{"name": "app", "image": "repo/app:1", "environment": [{"name": "LEVEL", "value": "a value"}]}`,
		`{"name": "side", "image": "repo/side:1", "environment": [{"name": "KEY", "value": "a value"}]}`
	for values, want := range map[bool]bool{false: false, true: true} {
		p, err := ship.Propose(t.Context(), live(t, newFake()), ship.Request{Cluster: "main", Service: "web",
			Task: []byte(`{"family": "web", "containerDefinitions": [` + plain + "," + more + `]}`)}, nil, values)
		if err != nil {
			t.Fatal(err)
		}
		all, err := json.Marshal(p.Changes)
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Contains(string(all)+lines(p), "a value"); got != want || !strings.Contains(lines(p), "repo/side:1") || !strings.Contains(lines(p), "KEY") {
			t.Errorf("values %v: %s\n%s", values, lines(p), all)
		}
	}
}

func TestWhatRunsAlreadyIsAnEmptyProposal(t *testing.T) {
	t.Parallel()
	f := newFake()
	p, err := ship.Propose(t.Context(), live(t, f), ship.Request{Cluster: "main", Service: "web", Images: map[string]string{"app": "repo/app:1"}, Count: aws.Int32(2),
		Create: []byte(`{"desiredCount":9,"deploymentController":{"type":"ECS"},"enableExecuteCommand":false,"loadBalancers":[]}`)}, nil, false)
	if err != nil {
		t.Fatal(err)
	}
	if !p.Empty() || len(p.Changes) != 0 {
		t.Errorf("changes %s", lines(p))
	}
}

func TestServiceSettingsAreComparedAsFarAsTheFileSpeaks(t *testing.T) {
	t.Parallel()
	f := newFake()
	f.service["launchType"] = "FARGATE"
	f.service["deploymentConfiguration"] = object{"maximumPercent": 200, "minimumHealthyPercent": 100, "strategy": "ROLLING"}
	f.service["networkConfiguration"] = object{"awsvpcConfiguration": object{"subnets": []any{"s-1", "s-2"}, "assignPublicIp": "DISABLED"}}
	p, err := ship.Propose(t.Context(), live(t, f), ship.Request{Cluster: "main", Service: "web", Create: []byte(`{"launchType":"EC2","healthCheckGracePeriodSeconds":30,
		"networkConfiguration":{"awsvpcConfiguration":{"subnets":["s-2","s-1"]}},"deploymentConfiguration":{"minimumHealthyPercent":50}}`)},
		&project.Service{Name: "web", Strategy: &project.Strategy{Type: project.Rolling, Breaker: &project.Breaker{}}}, false)
	if err != nil {
		t.Fatal(err)
	}
	want := `service deploymentConfiguration.deploymentCircuitBreaker: added {"enable":true,"rollback":true}
service deploymentConfiguration.minimumHealthyPercent: 100 → 50
service healthCheckGracePeriodSeconds: added 30
service launchType: FARGATE → EC2 (cannot be changed once the service is there)`
	if got := lines(p); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	update, err := json.Marshal(p.Update)
	if err != nil {
		t.Fatal(err)
	}
	if s := string(update); strings.Contains(s, "networkConfiguration") || strings.Contains(s, "launchType") ||
		!strings.Contains(s, `"minimumHealthyPercent":50`) || !strings.Contains(s, `"deploymentCircuitBreaker":{"enable":true,"rollback":true}`) {
		t.Errorf("would send %s", s)
	}
}
