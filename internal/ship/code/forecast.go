package code

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codedeploy"
	"github.com/aws/aws-sdk-go-v2/service/codedeploy/types"

	"github.com/slipway-ecs/slipway/internal/fail"
	"github.com/slipway-ecs/slipway/internal/sdk"
	"github.com/slipway-ecs/slipway/internal/ship"
)

// moment is the most that a change of weights, or the beginning of an event, takes.
const moment = 30 * time.Second

// Forecast says what the service's group does with a deployment: its steps once the new tasks are
// steady, and what is wrong with it beforehand.
func (e *Engine) Forecast(ctx context.Context, s ship.Start) (*ship.Driven, error) {
	g, err := e.group(ctx, s.Service)
	if fail.Is(err, "codedeploy.none") {
		f := fail.Of(err)
		return &ship.Driven{Strategy: "CodeDeploy's", Wrong: []ship.Wrong{{Code: f.Code, Text: f.Msg, Hint: f.Hint}}}, nil
	}
	if err != nil {
		return nil, err
	}
	out := &ship.Driven{By: nameOf(*g), Strategy: aws.ToString(g.DeploymentConfigName), Actions: slices.Clone(actions), Wrong: []ship.Wrong{}}
	out.Production, err = e.Route(ctx, s, false)
	if err != nil {
		return nil, err
	}
	config, err := e.CodeDeploy.GetDeploymentConfig(ctx, &codedeploy.GetDeploymentConfigInput{DeploymentConfigName: g.DeploymentConfigName})
	if err != nil {
		return nil, sdk.Explain(err, "read deployment configuration "+out.Strategy)
	}
	spec, err := Spec(s.Request.AppSpec, s.Service, s.Revision, s.Request.Functions)
	if err != nil {
		return nil, err
	}
	functions := functionsOf(spec)
	out.Steps = stepsOf(g, config.DeploymentConfigInfo, functions)
	if len(functions) > 0 {
		out.Actions = append(out.Actions, readsHookLogs)
	}
	if a := g.AlarmConfiguration; a != nil && a.Enabled {
		for _, one := range a.Alarms {
			out.Alarms = append(out.Alarms, aws.ToString(one.Name))
		}
	}
	if err := e.beforehand(ctx, g, out); err != nil {
		return nil, err
	}
	return out, nil
}

// stepsOf gives the steps of a deployment once the new task set is steady.
func stepsOf(g *types.DeploymentGroupInfo, c *types.DeploymentConfigInfo, functions map[string]string) (out []ship.Timed) {
	w := waitsOf(g.BlueGreenDeploymentConfiguration, g.LoadBalancerInfo)
	hook := func(event string) {
		if f := functions[event]; f != "" && (w.test || event != "AfterAllowTestTraffic") {
			out = append(out, ship.Timed{Name: "call " + functionName(f) + " at " + event, Most: int(callbacks / time.Second), Source: "CodeDeploy waits an hour for its callback"})
		}
	}
	hook("BeforeInstall")
	hook("AfterInstall")
	if w.test {
		out = append(out, ship.Timed{Name: "move test traffic", Most: int(moment / time.Second), Source: "the group has a test route"})
		hook("AfterAllowTestTraffic")
	}
	if w.answer {
		out = append(out, ship.Timed{Name: "wait for `slipway approve`, else it is stopped", Most: int(w.ready / time.Second), Source: "the group's deploymentReadyOption"})
	}
	hook("BeforeAllowTraffic")
	var routing *types.TrafficRoutingConfig
	if c != nil {
		routing = c.TrafficRoutingConfig
	}
	shares, every := steps(routing)
	shift := ship.Timed{Name: "move production traffic", Source: "all at once"}
	if len(shares) > 1 {
		shift.Source = fmt.Sprintf("%d %%, then %s every %s", shares[0], next(shares), short(every))
	}
	shift.Least = int(every/time.Second) * (len(shares) - 1)
	shift.Most = shift.Least + len(shares)*int(moment/time.Second)
	out = append(out, shift)
	hook("AfterAllowTraffic")
	if w.termination > 0 {
		n := int(w.termination / time.Second)
		out = append(out, ship.Timed{Name: "keep the old tasks, for an instant way back", Least: n, Most: n, Source: "the group's terminationWaitTimeInMinutes"})
	}
	return out
}

// next says how traffic grows after the first step.
func next(shares []int32) string {
	if len(shares) == 2 {
		return "all of it, after that,"
	}
	return fmt.Sprintf("%d %% more", shares[1]-shares[0])
}

func short(d time.Duration) string { return fmt.Sprintf("%d min", int(d/time.Minute)) }

// functionsOf gives the functions of an AppSpec by their events.
func functionsOf(spec []byte) map[string]string {
	out := map[string]string{}
	t, err := sdk.ReadTree(spec)
	if err != nil {
		return out
	}
	list, _ := at(t, "Hooks").([]any) // absent: none
	for _, h := range list {
		one, ok := h.(sdk.Tree)
		if !ok {
			continue
		}
		for _, e := range events {
			if f, ok := at(one, e.name).(string); ok {
				out[e.name] = f
			}
		}
	}
	return out
}

// actions are those of IAM that a deployment by CodeDeploy calls beside ECS's own. To create a deployment
// IAM asks for RegisterApplicationRevision and GetDeploymentConfig too.
var actions = []string{"codedeploy:BatchGetDeploymentGroups", "codedeploy:ContinueDeployment", "codedeploy:CreateDeployment", "codedeploy:GetApplicationRevision",
	"codedeploy:GetDeployment", "codedeploy:GetDeploymentConfig", "codedeploy:GetDeploymentGroup", "codedeploy:GetDeploymentTarget", "codedeploy:ListApplications",
	"codedeploy:ListDeploymentGroups", "codedeploy:ListDeployments", "codedeploy:RegisterApplicationRevision", "codedeploy:StopDeployment"}

// readsHookLogs is asked for where a function of a hook fails.
const readsHookLogs = "logs:FilterLogEvents"

// beforehand notes what is wrong beforehand, and how long the last deployments took.
func (e *Engine) beforehand(ctx context.Context, g *types.DeploymentGroupInfo, out *ship.Driven) error {
	add := func(code, hint, format string, args ...any) {
		out.Wrong = append(out.Wrong, ship.Wrong{Code: code, Hint: hint, Text: fmt.Sprintf(format, args...)})
	}
	active, err := e.active(ctx, g)
	if err != nil {
		return err
	}
	if active != nil {
		add("codedeploy.busy", "wait for it with `slipway wait`, or end it with `slipway abort`",
			"deployment %s is under way (%s), and CodeDeploy deploys one at a time", aws.ToString(active.DeploymentId), active.Status)
	}
	roll := g.AutoRollbackConfiguration
	on := func(event types.AutoRollbackEvent) bool {
		return roll != nil && roll.Enabled && slices.Contains(roll.Events, event)
	}
	if !on(types.AutoRollbackEventDeploymentFailure) {
		add("rollback.off", "give the group autoRollbackConfiguration with DEPLOYMENT_FAILURE", "deployment group %s rolls no failure back by itself: traffic stays where it is then", out.By)
	}
	switch {
	case len(out.Alarms) == 0:
		add("alarms.none", "give the group an alarmConfiguration", "no alarm guards the deployments of group %s", out.By)
	case !on(types.AutoRollbackEventDeploymentStopOnAlarm):
		add("rollback.off", "add DEPLOYMENT_STOP_ON_ALARM to the group's autoRollbackConfiguration", "an alarm stops a deployment of group %s and does not roll it back", out.By)
	}
	ids, err := e.list(ctx, g, types.DeploymentStatusSucceeded)
	if err != nil {
		return sdk.Explain(err, "list the deployments of "+out.By)
	}
	for some := range slices.Chunk(ids[:min(len(ids), mostBack)], describes) {
		list, err := e.CodeDeploy.BatchGetDeployments(ctx, &codedeploy.BatchGetDeploymentsInput{DeploymentIds: some})
		if err != nil {
			return sdk.Explain(err, "describe the deployments of "+out.By)
		}
		for _, d := range list.DeploymentsInfo {
			if d.StartTime != nil && d.CompleteTime != nil && rolledBy(&d) == "" {
				out.Took = append(out.Took, d.CompleteTime.Sub(*d.StartTime))
			}
		}
	}
	return nil
}
