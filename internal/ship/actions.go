package ship

import (
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/slipway-ecs/slipway/internal/sdk"
)

// What a deploy calls, as IAM names it, beside what each kind of deploy adds.
var (
	readsAll    = []string{"ecs:DescribeServices", "ecs:DescribeTaskDefinition"}
	leases      = []string{"ecs:TagResource", "ecs:UntagResource"}
	followsECS  = []string{"ecs:ListServiceDeployments", "ecs:DescribeServiceDeployments", "ecs:ListTasks", "ecs:DescribeTasks", "ecs:StopServiceDeployment"}
	runsTasks   = []string{"ecs:RunTask", "ecs:DescribeTasks", "ecs:StopTask", "logs:GetLogEvents"}
	timesGroups = []string{"elasticloadbalancing:DescribeTargetGroups", "elasticloadbalancing:DescribeTargetGroupAttributes"}
	seesHealth  = "elasticloadbalancing:DescribeTargetHealth"
	findsRoutes = []string{"elasticloadbalancing:DescribeRules", "elasticloadbalancing:DescribeListeners", "elasticloadbalancing:DescribeLoadBalancers"}
)

// actions lists the IAM actions that the deploy calls until its verdict, sorted, with those that IAM asks
// for beside a call. What this plan itself has read beside is not among them.
func (e *estimate) actions(balancers []types.LoadBalancer) []string {
	out := slices.Concat(readsAll, e.p.Reads)
	if e.p.Registers {
		out = append(out, "ecs:RegisterTaskDefinition", "ecs:TagResource")
		out = append(out, e.passes()...)
	}
	if e.p.Pins && slices.ContainsFunc(containersOf(e.p.Definition), func(c sdk.Tree) bool { return inECR(text(c["image"])) }) {
		out = append(out, "ecr:BatchGetImage")
	}
	ours := e.controller() == types.DeploymentControllerTypeEcs
	switch {
	case e.f.Driven != nil:
		out = append(out, e.f.Driven.Actions...)
		if e.p.Live.DesiredCount != int32(e.desired) { //nolint:gosec // a count of tasks fits
			out = append(out, "ecs:UpdateService")
		}
	case e.p.Creates:
		out = slices.Concat(out, leases, []string{"ecs:CreateService"})
	default:
		out = slices.Concat(out, leases, []string{"ecs:UpdateService"})
	}
	if ours {
		out = append(out, followsECS...)
	}
	if len(balancers) > 0 && e.f.Driven == nil {
		out = append(out, timesGroups...)
		if ours {
			out = append(out, seesHealth)
		}
	}
	for _, b := range balancers {
		if b.AdvancedConfiguration != nil && b.AdvancedConfiguration.RoleArn != nil {
			out = append(out, "iam:PassRole on "+*b.AdvancedConfiguration.RoleArn)
		}
	}
	for _, h := range e.c.LifecycleHooks {
		if h.TargetType == types.DeploymentLifecycleHookTargetTypePause {
			out = append(out, "ecs:ContinueServiceDeployment")
		} else if h.RoleArn != nil {
			out = append(out, "iam:PassRole on "+aws.ToString(h.RoleArn))
		}
	}
	out = append(out, e.hookActions(ours)...)
	slices.Sort(out)
	return slices.Compact(out)
}

// passes names the roles of the definition, which who registers or runs it hands on.
func (e *estimate) passes() (out []string) {
	for _, role := range []string{"executionRoleArn", "taskRoleArn"} {
		if arn := text(e.p.Definition[role]); arn != "" {
			out = append(out, "iam:PassRole on "+arn)
		}
	}
	return out
}

// hookActions gives what the hooks that we run ourselves call.
func (e *estimate) hookActions(ours bool) (out []string) {
	for _, h := range e.p.Hooks {
		switch {
		case h.Task != "":
			out = slices.Concat(out, runsTasks, e.passes())
		case h.Probe != nil && h.Probe.URL == "":
			out = append(out, findsRoutes...)
		}
	}
	if ours && len(PausesFor(e.p.Hooks, "")) > 0 {
		out = append(out, "ecs:ContinueServiceDeployment")
	}
	return out
}
