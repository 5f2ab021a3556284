package codedeploy

import (
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/codedeploy"
	"github.com/aws/aws-sdk-go-v2/service/codedeploy/types"

	"github.com/slipway-ecs/slipway/internal/names"
)

// What CodeDeploy says of groups that cannot be. Source: codedeploy.md 4.3.
const (
	wordStyle     = "For ECS deployment, the deployment type must be BLUE_GREEN, and deployment option must be WITH_TRAFFIC_CONTROL."
	wordBlueGreen = "For ECS deployment group, blueGreenDeploymentConfiguration must be specified"
	wordBalancer  = "For ECS deployment group, loadBalancerInfo must be specified"
	wordELB       = "For ECS deployment group, loadBalancerInfo must not contain elbInfo list"
	wordGroups    = "For ECS deployment group, loadBalancerInfo must not contain targetGroupInfo list"
	wordDistinct  = "Target group pair must have distinct target groups."
	wordPair      = "A deployment group associated with an application that uses the ECS compute platform must contain a valid pair of target groups that identify a load balancer."
	wordGradual   = "Only ALB supports gradual traffic routing, use AllAtOnce Traffic routing instead when you create/update Deployment group"
	wordScaling   = "For ECS deployment group, autoScalingGroups can not be specified"
)

const (
	mostMinutes  = 2880 // of both waits
	mostAlarms   = 10   // the API's text; the quotas say 50
	mostTriggers = 10
)

// onlyServers refuses what only groups of the platform Server have.
func onlyServers(in *sdk.UpdateDeploymentGroupInput) error {
	switch {
	case len(in.AutoScalingGroups) > 0:
		return refuse("InvalidInputException", "%s", wordScaling)
	case len(in.Ec2TagFilters) > 0 || in.Ec2TagSet != nil && len(in.Ec2TagSet.Ec2TagSetList) > 0:
		return refuse("InvalidEC2TagException", "For ECS deployment group, ec2TagFilters can not be specified")
	case len(in.OnPremisesInstanceTagFilters) > 0 || in.OnPremisesTagSet != nil && len(in.OnPremisesTagSet.OnPremisesTagSetList) > 0:
		return refuse("InvalidTagException", "For ECS deployment group, onPremisesInstanceTagFilters can not be specified")
	}
	return nil
}

// checkGroup refuses settings that CodeDeploy refuses, and fills in what it adds.
func checkGroup(info *types.DeploymentGroupInfo) error {
	if text(info.ServiceRoleArn) == "" {
		return missingMember("", "serviceRoleArn")
	}
	if !strings.HasPrefix(*info.ServiceRoleArn, "arn:") || !strings.Contains(*info.ServiceRoleArn, ":role/") {
		return refuse("InvalidRoleException", "AWS CodeDeploy does not have the permissions required to assume the role %s", *info.ServiceRoleArn)
	}
	if s := info.DeploymentStyle; s == nil || s.DeploymentType != types.DeploymentTypeBlueGreen || s.DeploymentOption != types.DeploymentOptionWithTrafficControl {
		return refuse("InvalidDeploymentStyleException", "%s", wordStyle)
	}
	if err := checkWaits(info); err != nil {
		return err
	}
	if err := checkPair(info.LoadBalancerInfo); err != nil {
		return err
	}
	if len(info.EcsServices) != 1 || text(info.EcsServices[0].ServiceName) == "" || text(info.EcsServices[0].ClusterName) == "" {
		return refuse("InvalidECSServiceException", "For ECS deployment group, exactly one ECS service with its cluster must be specified")
	}
	if err := checkAlarms(info.AlarmConfiguration); err != nil {
		return err
	}
	if err := checkRollback(info.AutoRollbackConfiguration); err != nil {
		return err
	}
	return checkTriggers(info.TriggerConfigurations)
}

// checkWaits checks the blue/green options, and fills in the waits that clients count on.
//
// Source: codedeploy.md 0.1-18, 4.2, 9.2.
func checkWaits(info *types.DeploymentGroupInfo) error {
	b := info.BlueGreenDeploymentConfiguration
	bad := func(format string, args ...any) error {
		return refuse("InvalidBlueGreenDeploymentConfigurationException", format, args...)
	}
	if b == nil {
		return bad("%s", wordBlueGreen)
	}
	ready, end := types.DeploymentReadyOption{ActionOnTimeout: types.DeploymentReadyActionContinueDeployment}, types.BlueInstanceTerminationOption{Action: types.InstanceActionTerminate}
	if b.DeploymentReadyOption != nil {
		ready.WaitTimeInMinutes = b.DeploymentReadyOption.WaitTimeInMinutes
		if b.DeploymentReadyOption.ActionOnTimeout != "" {
			ready.ActionOnTimeout = b.DeploymentReadyOption.ActionOnTimeout
		}
	}
	if t := b.TerminateBlueInstancesOnDeploymentSuccess; t != nil {
		end.TerminationWaitTimeInMinutes = t.TerminationWaitTimeInMinutes
		if t.Action != "" {
			end.Action = t.Action
		}
	}
	switch {
	case !slices.Contains(ready.ActionOnTimeout.Values(), ready.ActionOnTimeout):
		return bad("The action on timeout is invalid: %s", ready.ActionOnTimeout)
	case end.Action == types.InstanceActionKeepAlive:
		return bad("For ECS deployment group, the action KEEP_ALIVE is not supported; use TERMINATE")
	case end.Action != types.InstanceActionTerminate:
		return bad("The action for the original instances is invalid: %s", end.Action)
	case ready.WaitTimeInMinutes < 0 || ready.WaitTimeInMinutes > mostMinutes || end.TerminationWaitTimeInMinutes < 0 || end.TerminationWaitTimeInMinutes > mostMinutes:
		return bad("The wait times must be between 0 and %d minutes", mostMinutes)
	}
	info.BlueGreenDeploymentConfiguration = &types.BlueGreenDeploymentConfiguration{
		DeploymentReadyOption: &ready, TerminateBlueInstancesOnDeploymentSuccess: &end,
	}
	return nil
}

func checkPair(b *types.LoadBalancerInfo) error {
	switch {
	case b == nil:
		return refuse("InvalidLoadBalancerInfoException", "%s", wordBalancer)
	case len(b.ElbInfoList) > 0:
		return refuse("InvalidLoadBalancerInfoException", "%s", wordELB)
	case len(b.TargetGroupInfoList) > 0:
		return refuse("InvalidLoadBalancerInfoException", "%s", wordGroups)
	case len(b.TargetGroupPairInfoList) != 1:
		return refuse("InvalidTargetGroupPairException", "%s", wordPair)
	}
	p := b.TargetGroupPairInfoList[0]
	if len(p.TargetGroups) != 2 || text(p.TargetGroups[0].Name) == "" || text(p.TargetGroups[1].Name) == "" {
		return refuse("InvalidTargetGroupPairException", "%s", wordPair)
	}
	if *p.TargetGroups[0].Name == *p.TargetGroups[1].Name {
		return refuse("InvalidTargetGroupPairException", "%s", wordDistinct)
	}
	if p.ProdTrafficRoute == nil || !oneRoute(p.ProdTrafficRoute) || p.TestTrafficRoute != nil && len(p.TestTrafficRoute.ListenerArns) > 0 && !oneRoute(p.TestTrafficRoute) {
		return refuse("InvalidTargetGroupPairException", "%s", wordPair)
	}
	return nil
}

// checkGradual refuses a configuration that moves traffic by steps at a network load balancer. The
// type of the refusal is unconfirmed.
//
// Source: codedeploy.md 4.3.
func checkGradual(config types.DeploymentConfigInfo, b *types.LoadBalancerInfo) error {
	_, production, _ := pairOf(b)
	if steps := shiftOf(config); steps.Share > 0 && names.OfNetworkLoadBalancer(production) {
		return refuse("InvalidTrafficRoutingConfigurationException", "%s", wordGradual)
	}
	return nil
}

// oneRoute reports whether a route names one listener, or one rule.
func oneRoute(r *types.TrafficRoute) bool {
	return len(r.ListenerArns) == 1 && strings.HasPrefix(r.ListenerArns[0], "arn:") && strings.Contains(r.ListenerArns[0], ":listener")
}

func checkAlarms(a *types.AlarmConfiguration) error {
	if a == nil {
		return nil
	}
	if len(a.Alarms) > mostAlarms {
		return refuse("AlarmsLimitExceededException", "The maximum number of alarms for a deployment group (%d) was exceeded.", mostAlarms)
	}
	seen := map[string]bool{}
	for _, alarm := range a.Alarms {
		name := text(alarm.Name)
		if name == "" || len(name) > 255 || seen[name] {
			return refuse("InvalidAlarmConfigException", "The alarm configuration is invalid: alarm names must be unique and have 1 to 255 characters.")
		}
		seen[name] = true
	}
	if a.Enabled && len(a.Alarms) == 0 {
		return refuse("InvalidAlarmConfigException", "The alarm configuration is invalid: it is enabled, but the list of alarms is empty.")
	}
	return nil
}

func checkRollback(r *types.AutoRollbackConfiguration) error {
	if r == nil {
		return nil
	}
	for _, e := range r.Events {
		if !slices.Contains(e.Values(), e) {
			return refuse("InvalidAutoRollbackConfigException", "The automatic rollback event is invalid: %s", e)
		}
	}
	if r.Enabled && len(r.Events) == 0 {
		return refuse("InvalidAutoRollbackConfigException", "The automatic rollback configuration was specified in an invalid format: it is enabled, but no event type is listed.")
	}
	return nil
}

func checkTriggers(all []types.TriggerConfig) error {
	if len(all) > mostTriggers {
		return refuse("TriggerTargetsLimitExceededException", "The maximum allowed number of triggers (%d) was exceeded.", mostTriggers)
	}
	for _, t := range all {
		if text(t.TriggerName) == "" || !strings.HasPrefix(text(t.TriggerTargetArn), "arn:") || len(t.TriggerEvents) == 0 {
			return refuse("InvalidTriggerConfigException", "The trigger was specified in an invalid format: %s", text(t.TriggerName))
		}
		for _, e := range t.TriggerEvents {
			if !slices.Contains(e.Values(), e) {
				return refuse("InvalidTriggerConfigException", "The trigger event is invalid: %s", e)
			}
		}
	}
	return nil
}

// pairOf gives what a group's load balancer settings name.
func pairOf(info *types.LoadBalancerInfo) (groups [2]string, production, test string) {
	p := info.TargetGroupPairInfoList[0]
	groups = [2]string{aws.ToString(p.TargetGroups[0].Name), aws.ToString(p.TargetGroups[1].Name)}
	if r := p.TestTrafficRoute; r != nil && len(r.ListenerArns) > 0 {
		test = r.ListenerArns[0]
	}
	return groups, p.ProdTrafficRoute.ListenerArns[0], test
}
