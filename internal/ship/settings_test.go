package ship_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/slipway-ecs/slipway/internal/project"
	"github.com/slipway-ecs/slipway/internal/ship"
)

// settled is a service with settings, and a request that leaves its definition alone.
func settled(file string) (*fakeECS, ship.Request) {
	f := newFake()
	f.service["launchType"] = "FARGATE"
	f.service["deploymentConfiguration"] = object{"maximumPercent": 200, "minimumHealthyPercent": 100, "strategy": "ROLLING", "bakeTimeInMinutes": 0}
	f.service["networkConfiguration"] = object{"awsvpcConfiguration": object{"subnets": []any{"s-1", "s-2"}, "assignPublicIp": "DISABLED"}}
	r := request()
	r.Images, r.Create = map[string]string{"app": "repo/app:1"}, []byte(file)
	return f, r
}

// sent gives the inputs of the updates, one a line.
func sent(t *testing.T, f *fakeECS) string {
	t.Helper()
	var out []string
	for _, in := range f.updates {
		text, err := json.Marshal(in)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, string(text))
	}
	return strings.Join(out, "\n")
}

func TestSettingsThatAreThereAlreadyAreNotSent(t *testing.T) {
	t.Parallel()
	f, r := settled(`{"desiredCount":9,"launchType":"FARGATE","deploymentConfiguration":{"maximumPercent":200},
		"networkConfiguration":{"awsvpcConfiguration":{"subnets":["s-2","s-1"]}}}`)
	out, _, err := deploy(t, f, r)
	want(t, out, err, ship.Succeeded)
	if got := sent(t, f); got != "" {
		t.Errorf("sent %s", got)
	}
}

func TestSettingsAreBroughtToARunningServiceInOneUpdateWithoutItsCount(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, file, image, want string }{
		{"a setting alone", `{"desiredCount":9,"healthCheckGracePeriodSeconds":30}`, "repo/app:1",
			`{"cluster":"main","healthCheckGracePeriodSeconds":30,"service":"web"}`},
		{"with a new definition", `{"desiredCount":9,"healthCheckGracePeriodSeconds":30}`, "repo/app:2",
			`{"cluster":"main","healthCheckGracePeriodSeconds":30,"service":"web","taskDefinition":"` + arns + `task-definition/web:2"}`},
		{"a part of the deployment configuration", `{"deploymentConfiguration":{"minimumHealthyPercent":50}}`, "repo/app:1",
			`{"cluster":"main","deploymentConfiguration":{"minimumHealthyPercent":50},"service":"web"}`},
		{"one that makes a deployment", `{"networkConfiguration":{"awsvpcConfiguration":{"subnets":["s-3"]}}}`, "repo/app:1",
			`{"cluster":"main","networkConfiguration":{"awsvpcConfiguration":{"subnets":["s-3"]}},"service":"web"}`},
	} {
		f, r := settled(c.file)
		r.Images["app"] = c.image
		f.script = succeeds()
		out, events, err := deploy(t, f, r)
		want(t, out, err, ship.Succeeded)
		if got := sent(t, f); got != c.want {
			t.Errorf("%s: sent\n%s\nwant\n%s", c.name, got, c.want)
		}
		if !slices.ContainsFunc(events, func(e ship.Event) bool {
			return e.Kind == ship.KindChange && strings.HasPrefix(e.Text, "service ")
		}) {
			t.Errorf("%s: nobody was told of the change: %v", c.name, events)
		}
		again, _, err := deploy(t, f, r)
		want(t, again, err, ship.Succeeded)
		if len(f.updates) != 1 {
			t.Errorf("%s: sent again: %s", c.name, sent(t, f))
		}
	}
}

func TestTheStrategyOfTheFileIsBroughtToARunningService(t *testing.T) {
	t.Parallel()
	f, r := settled(`{"deploymentConfiguration":{"maximumPercent":150}}`)
	entry := &project.Service{Name: "web", Strategy: &project.Strategy{Type: project.Rolling, Breaker: &project.Breaker{}}}
	r.Manner = func(live *types.Service) (*types.DeploymentConfiguration, []types.LoadBalancer, error) {
		m, err := ship.MannerOf(entry, live, nil)
		return m.Configuration, m.Balancers, err
	}
	before, err := ship.Propose(t.Context(), live(t, f), r, entry, false)
	if err != nil || before.Empty() {
		t.Fatalf("the plan sees no change (%v)", err)
	}
	out, _, err := deploy(t, f, r)
	want(t, out, err, ship.Succeeded)
	if got, want := sent(t, f), `{"cluster":"main","deploymentConfiguration":{"deploymentCircuitBreaker":{"enable":true,"rollback":true},"maximumPercent":150,"strategy":"ROLLING"},"service":"web"}`; got != want {
		t.Errorf("sent\n%s\nwant\n%s", got, want)
	}
	after, err := ship.Propose(t.Context(), live(t, f), r, entry, false)
	if err != nil || !after.Empty() {
		t.Errorf("after the deploy the plan still sees %s (%v)", lines(after), err)
	}
}

func TestWhatCannotBeChangedIsSaidAndNotSent(t *testing.T) {
	t.Parallel()
	f, r := settled(`{"launchType":"EC2"}`)
	out, events, err := deploy(t, f, r)
	want(t, out, err, ship.Succeeded)
	if len(f.updates) != 0 {
		t.Errorf("sent %s", sent(t, f))
	}
	if !slices.ContainsFunc(events, func(e ship.Event) bool {
		return e.Kind == ship.KindWarning && strings.Contains(e.Text, "launchType: FARGATE → EC2 (cannot be changed")
	}) {
		t.Errorf("nobody was told: %v", events)
	}
}

func TestSettingsWhoseAnswerIsLostAreSentOnce(t *testing.T) {
	t.Parallel()
	f, r := settled(`{"healthCheckGracePeriodSeconds":30}`)
	f.drop["UpdateService"] = 1
	out, _, err := deploy(t, f, r)
	want(t, out, err, ship.Succeeded)
	f2, _ := settled("")
	f2.deaf["UpdateService"] = 1
	r.Count = aws.Int32(2)
	out, _, err = deploy(t, f2, r)
	want(t, out, err, ship.Succeeded)
	if len(f.updates) != 1 || len(f2.updates) != 1 {
		t.Errorf("sent %s and %s", sent(t, f), sent(t, f2))
	}
}
