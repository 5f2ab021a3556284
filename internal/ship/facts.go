package ship

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	cwtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/slipway-ecs/slipway/internal/clock"
	"github.com/slipway-ecs/slipway/internal/names"
	"github.com/slipway-ecs/slipway/internal/sdk"
)

// Around is what a plan reads beside the service; SDK clients are it.
type Around struct {
	ECS interface {
		ListServiceDeployments(context.Context, *ecs.ListServiceDeploymentsInput, ...func(*ecs.Options)) (*ecs.ListServiceDeploymentsOutput, error)
		ListTasks(context.Context, *ecs.ListTasksInput, ...func(*ecs.Options)) (*ecs.ListTasksOutput, error)
		ListContainerInstances(context.Context, *ecs.ListContainerInstancesInput, ...func(*ecs.Options)) (*ecs.ListContainerInstancesOutput, error)
		DescribeContainerInstances(context.Context, *ecs.DescribeContainerInstancesInput, ...func(*ecs.Options)) (*ecs.DescribeContainerInstancesOutput, error)
		GetTaskProtection(context.Context, *ecs.GetTaskProtectionInput, ...func(*ecs.Options)) (*ecs.GetTaskProtectionOutput, error)
	}
	ELB interface {
		DescribeTargetGroups(context.Context, *elb.DescribeTargetGroupsInput, ...func(*elb.Options)) (*elb.DescribeTargetGroupsOutput, error)
		DescribeTargetGroupAttributes(context.Context, *elb.DescribeTargetGroupAttributesInput, ...func(*elb.Options)) (*elb.DescribeTargetGroupAttributesOutput, error)
		DescribeTargetHealth(context.Context, *elb.DescribeTargetHealthInput, ...func(*elb.Options)) (*elb.DescribeTargetHealthOutput, error)
		DescribeRules(context.Context, *elb.DescribeRulesInput, ...func(*elb.Options)) (*elb.DescribeRulesOutput, error)
		DescribeListeners(context.Context, *elb.DescribeListenersInput, ...func(*elb.Options)) (*elb.DescribeListenersOutput, error)
	}
	Alarms interface {
		DescribeAlarms(context.Context, *cloudwatch.DescribeAlarmsInput, ...func(*cloudwatch.Options)) (*cloudwatch.DescribeAlarmsOutput, error)
	}
	Engines map[types.DeploymentControllerType]Engine // of controllers other than ECS
	Request Request                                   // what is to be deployed
}

// Driven is what an engine says beforehand of a deployment that it would begin.
type Driven struct {
	By         string // what drives it there: application/group
	Strategy   string
	Steps      []Timed // once the new tasks are healthy
	Took       []time.Duration
	Alarms     []string
	Actions    []string // of IAM
	Wrong      []Wrong
	Production string // listener, or its rule, of production traffic; "" where that is not known
}

// Facts are what a plan knows beside the proposal.
type Facts struct {
	Groups    []GroupFacts
	Took      []time.Duration // the service's last successful deployments, newest first
	Alarming  []string        // alarms of the deployment that are in ALARM now
	Protected int             // tasks that scale-in protection keeps
	EmptyRule string          // a production rule that sends traffic to a target group without a target; "" none
	Room      *Room           // on the cluster's instances; nil: not looked at, or on Fargate
	Missed    []string        // what could not be read, and why
	Driven    *Driven         // of a service that ECS does not deploy itself; nil: it does
}

// GroupFacts are of a target group, as far as it makes a deployment wait.
type GroupFacts struct {
	ARN      string
	Interval time.Duration // of health checks
	Timeout  time.Duration
	Delay    time.Duration // of deregistration
}

// Look gathers facts about a proposal. What cannot be read is noted, not an error.
func (a Around) Look(ctx context.Context, p *Proposal) Facts {
	var f Facts
	note := func(what string, err error) {
		if err != nil {
			f.Missed = append(f.Missed, fmt.Sprintf("%s: %v", what, sdk.Explain(err, "look")))
		}
	}
	balancers, c := p.settings()
	engine := a.Engines[controllerOf(p.Live)]
	if p.Live != nil && engine != nil {
		driven, err := engine.Forecast(ctx, Start{Request: a.Request, Service: p.Live, Revision: p.Current, Tell: func(Event) {}, Clock: clock.Real{}})
		note("CodeDeploy", err)
		if err == nil {
			f.Driven, f.Took = driven, driven.Took
			c.Alarms = &types.DeploymentAlarms{AlarmNames: driven.Alarms, Enable: true}
			note("listener rules", a.behind(ctx, p.Live, &f))
		}
	}
	note("target groups", a.groups(ctx, balancers, &f))
	note("container instances", a.room(ctx, p, &f))
	if p.Live != nil {
		if engine == nil {
			note("history", a.history(ctx, p, &f))
			note("listener rules", a.rules(ctx, balancers, &f))
		}
		note("task protection", a.protection(ctx, p, &f))
	}
	if c.Alarms != nil && c.Alarms.Enable && len(c.Alarms.AlarmNames) > 0 {
		out, err := a.Alarms.DescribeAlarms(ctx, &cloudwatch.DescribeAlarmsInput{AlarmNames: c.Alarms.AlarmNames, StateValue: cwtypes.StateValueAlarm,
			AlarmTypes: []cwtypes.AlarmType{cwtypes.AlarmTypeMetricAlarm, cwtypes.AlarmTypeCompositeAlarm}})
		note("alarms", err)
		if err == nil {
			for _, m := range out.MetricAlarms {
				f.Alarming = append(f.Alarming, aws.ToString(m.AlarmName))
			}
			for _, m := range out.CompositeAlarms {
				f.Alarming = append(f.Alarming, aws.ToString(m.AlarmName))
			}
		}
	}
	return f
}

func (a Around) groups(ctx context.Context, balancers []types.LoadBalancer, f *Facts) error {
	arns := groupsOf(balancers)
	if len(arns) == 0 {
		return nil
	}
	out, err := a.ELB.DescribeTargetGroups(ctx, &elb.DescribeTargetGroupsInput{TargetGroupArns: arns})
	if err != nil {
		return err
	}
	for _, g := range out.TargetGroups {
		attributes, err := a.ELB.DescribeTargetGroupAttributes(ctx, &elb.DescribeTargetGroupAttributesInput{TargetGroupArn: g.TargetGroupArn})
		if err != nil {
			return err
		}
		one := GroupFacts{ARN: aws.ToString(g.TargetGroupArn), Interval: seconds(g.HealthCheckIntervalSeconds), Timeout: seconds(g.HealthCheckTimeoutSeconds),
			Delay: deregistrationDelay}
		for _, at := range attributes.Attributes {
			if aws.ToString(at.Key) == "deregistration_delay.timeout_seconds" {
				if d, err := time.ParseDuration(aws.ToString(at.Value) + "s"); err == nil {
					one.Delay = d
				}
			}
		}
		f.Groups = append(f.Groups, one)
	}
	return nil
}

func seconds(n *int32) time.Duration { return time.Duration(aws.ToInt32(n)) * time.Second }

// historyCount is how many deployments a plan looks back on.
const historyCount = 20

func (a Around) history(ctx context.Context, p *Proposal, f *Facts) error {
	out, err := a.ECS.ListServiceDeployments(ctx, &ecs.ListServiceDeploymentsInput{Cluster: &p.Cluster, Service: p.Live.ServiceArn,
		Status: []types.ServiceDeploymentStatus{types.ServiceDeploymentStatusSuccessful}, MaxResults: aws.Int32(historyCount)})
	if err != nil {
		return err
	}
	for _, d := range out.ServiceDeployments {
		if d.StartedAt != nil && d.FinishedAt != nil {
			f.Took = append(f.Took, d.FinishedAt.Sub(*d.StartedAt))
		}
	}
	return nil
}

func (a Around) protection(ctx context.Context, p *Proposal, f *Facts) error {
	tasks, err := a.ECS.ListTasks(ctx, &ecs.ListTasksInput{Cluster: &p.Cluster, ServiceName: &p.Service})
	if err != nil || len(tasks.TaskArns) == 0 {
		return err
	}
	for some := range slices.Chunk(tasks.TaskArns, 10) {
		out, err := a.ECS.GetTaskProtection(ctx, &ecs.GetTaskProtectionInput{Cluster: &p.Cluster, Tasks: some})
		if sdk.Unsupported(err) {
			return nil
		}
		if err != nil {
			return err
		}
		for _, t := range out.ProtectedTasks {
			if t.ProtectionEnabled {
				f.Protected++
			}
		}
	}
	return nil
}

// rules looks whether a production rule sends traffic to a group that has no target.
func (a Around) rules(ctx context.Context, balancers []types.LoadBalancer, f *Facts) error {
	for _, b := range balancers {
		if b.AdvancedConfiguration == nil || b.AdvancedConfiguration.ProductionListenerRule == nil {
			continue
		}
		rule := *b.AdvancedConfiguration.ProductionListenerRule
		actions, err := a.actions(ctx, rule)
		if err != nil {
			return err
		}
		for _, group := range serving(actions) {
			health, err := a.ELB.DescribeTargetHealth(ctx, &elb.DescribeTargetHealthInput{TargetGroupArn: &group})
			if err != nil {
				return err
			}
			if len(health.TargetHealthDescriptions) == 0 {
				f.EmptyRule = fmt.Sprintf("rule %s sends traffic to target group %s, which has no target", last(rule), last(group))
			}
		}
	}
	return nil
}

// behind looks whether production traffic goes where the engine expects it before a deployment: to the
// target group of the task set that serves.
func (a Around) behind(ctx context.Context, live *types.Service, f *Facts) error {
	group := ""
	for _, t := range live.TaskSets {
		if aws.ToString(t.Status) == "PRIMARY" && len(t.LoadBalancers) > 0 {
			group = aws.ToString(t.LoadBalancers[0].TargetGroupArn)
		}
	}
	if group == "" || f.Driven.Production == "" {
		return nil
	}
	actions, err := a.actions(ctx, f.Driven.Production)
	if err != nil {
		return err
	}
	if !slices.Contains(serving(actions), group) {
		f.Driven.Wrong = append([]Wrong{{Code: "codedeploy.listener", Hint: "let the listener forward to that target group, and have infrastructure code ignore its actions from then on",
			Text: fmt.Sprintf("the production listener sends nothing to target group %s of the PRIMARY task set: CodeDeploy refuses to deploy", groupOf(group, nil).Name)}}, f.Driven.Wrong...)
	}
	return nil
}

// actions gives what a rule does, or all rules of a listener, or a network load balancer's listener,
// which has no rules.
func (a Around) actions(ctx context.Context, arn string) (all []elbtypes.Action, err error) {
	if names.OfNetworkLoadBalancer(arn) {
		out, err := a.ELB.DescribeListeners(ctx, &elb.DescribeListenersInput{ListenerArns: []string{arn}})
		if err != nil {
			return nil, err
		}
		for _, l := range out.Listeners {
			all = append(all, l.DefaultActions...)
		}
		return all, nil
	}
	in := &elb.DescribeRulesInput{ListenerArn: &arn}
	if strings.Contains(arn, ":listener-rule/") {
		in = &elb.DescribeRulesInput{RuleArns: []string{arn}}
	}
	out, err := a.ELB.DescribeRules(ctx, in)
	if err != nil {
		return nil, err
	}
	for _, r := range out.Rules {
		all = append(all, r.Actions...)
	}
	return all, nil
}

// serving gives the target groups that actions send traffic to.
func serving(actions []elbtypes.Action) []string {
	var out []string
	for _, action := range actions {
		if action.ForwardConfig == nil {
			if action.TargetGroupArn != nil {
				out = append(out, *action.TargetGroupArn)
			}
			continue
		}
		for _, g := range action.ForwardConfig.TargetGroups {
			if aws.ToInt32(g.Weight) > 0 || len(action.ForwardConfig.TargetGroups) == 1 {
				out = append(out, aws.ToString(g.TargetGroupArn))
			}
		}
	}
	return out
}
