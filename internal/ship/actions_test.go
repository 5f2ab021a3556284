package ship_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/slipway-ecs/slipway/internal/project"
	"github.com/slipway-ecs/slipway/internal/ship"
)

// rolling are the actions of every deploy that ECS carries out.
const rolling = "ecs:DescribeServiceDeployments ecs:DescribeServices ecs:DescribeTaskDefinition ecs:DescribeTasks ecs:ListServiceDeployments ecs:ListTasks " +
	"ecs:RegisterTaskDefinition ecs:StopServiceDeployment ecs:TagResource ecs:UntagResource ecs:UpdateService"

func TestAPlanNamesTheActionsOfItsDeployAndNoOthers(t *testing.T) {
	t.Parallel()
	hook := func(h ship.Hook) ship.Request {
		r := newImage
		r.Hooks = []ship.Hook{h}
		return r
	}
	for name, c := range map[string]struct {
		change func(*fakeECS)
		r      ship.Request
		entry  *project.Service
		more   string // than rolling
		less   string
	}{
		"rolling":             {func(*fakeECS) {}, newImage, nil, "", ""},
		"nothing to register": {func(*fakeECS) {}, ship.Request{Cluster: "main", Service: "web", Images: map[string]string{"app": "repo/app:1"}}, nil, "", "ecs:RegisterTaskDefinition"},
		"roles are handed on": {func(f *fakeECS) {
			f.definitions[0]["executionRoleArn"], f.definitions[0]["taskRoleArn"] = "arn:exec", "arn:task"
		}, newImage, nil, "iam:PassRole on arn:exec, iam:PassRole on arn:task", ""},
		"behind a load balancer": {balanced, newImage, nil, "elasticloadbalancing:DescribeTargetGroupAttributes, elasticloadbalancing:DescribeTargetGroups, elasticloadbalancing:DescribeTargetHealth", ""},
		"a task for a hook":      {func(*fakeECS) {}, hook(ship.Hook{At: ship.PointBefore, Task: "migrate"}), nil, "ecs:RunTask, ecs:StopTask, logs:GetLogEvents", ""},
		"a probe by its route": {func(*fakeECS) {}, hook(ship.Hook{At: ship.PointScaled, Probe: &ship.Probe{}}), nil,
			"ecs:ContinueServiceDeployment, elasticloadbalancing:DescribeListeners, elasticloadbalancing:DescribeLoadBalancers, elasticloadbalancing:DescribeRules", ""},
		"a probe by its URL":  {func(*fakeECS) {}, hook(ship.Hook{At: ship.PointSucceeded, Probe: &ship.Probe{URL: "http://localhost"}}), nil, "", ""},
		"what the file asked": {func(*fakeECS) {}, ship.Request{Cluster: "main", Service: "web", Images: newImage.Images, Reads: []string{"ssm:GetParameter"}}, nil, "ssm:GetParameter", ""},
	} {
		f := newFake()
		c.change(f)
		want := strings.Fields(rolling)
		if c.more != "" {
			want = append(want, strings.Split(c.more, ", ")...)
		}
		want = slices.DeleteFunc(want, func(a string) bool { return a == c.less })
		slices.Sort(want)
		if got := planned(t, f, c.r, c.entry, ship.Facts{}).Actions; !slices.Equal(got, want) {
			t.Errorf("%s: actions\n%v, want\n%v", name, got, want)
		}
	}
}

func TestAPlanTellsOfTheHooksThatWeRun(t *testing.T) {
	t.Parallel()
	r := newImage
	r.Hooks = []ship.Hook{{At: ship.PointBefore, Task: "migrate", Timeout: 2 * time.Minute}, {At: ship.PointSucceeded, Run: []string{"./smoke.sh"}}}
	var got []string
	for _, s := range planned(t, newFake(), r, nil, ship.Facts{}).Steps {
		got = append(got, s.Name+" "+s.Span())
	}
	want := "hook at before: task migrate 0s to 2m, register the task definition 0s to 2s, start 2 tasks and wait until they are healthy 45s to 1m40s, " +
		"old tasks drain and stop 0s to 30s, hook at succeeded: ./smoke.sh 0s to 10m"
	if strings.Join(got, ", ") != want {
		t.Errorf("steps\n%s, want\n%s", strings.Join(got, ", "), want)
	}
}
