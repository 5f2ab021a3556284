package demo

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codedeploy"
	cdtypes "github.com/aws/aws-sdk-go-v2/service/codedeploy/types"

	"github.com/slipway-ecs/slipway/internal/names"
)

const (
	application = "shop"
	// deploys is what CodeDeploy works with.
	deploys = "arn:aws:iam::123456789012:role/codeDeployECSRole"
	// keeps is how long the old tasks stay once the new ones have all traffic, in minutes.
	keeps = 2
	// answerWithin is how long a deployment waits for an answer before traffic moves, in minutes.
	answerWithin = 60
)

// drive makes CodeDeploy's application and deployment group: test traffic first, then a wait in which
// the new version is tested, then production traffic by the story's configuration; an alarm, or a
// stop, brings everything back.
func (s *stage) drive(ctx context.Context) error {
	if _, err := s.cd.CreateApplication(ctx, &codedeploy.CreateApplicationInput{
		ApplicationName: aws.String(application), ComputePlatform: cdtypes.ComputePlatformEcs}); err != nil {
		return fmt.Errorf("create the application: %w", err)
	}
	var groups []cdtypes.TargetGroupInfo
	for _, name := range s.story.groups() {
		groups = append(groups, cdtypes.TargetGroupInfo{Name: &name})
	}
	route := func(rule string) *cdtypes.TrafficRoute {
		return &cdtypes.TrafficRoute{ListenerArns: []string{names.ListenerOfRule(rule)}}
	}
	_, err := s.cd.CreateDeploymentGroup(ctx, &codedeploy.CreateDeploymentGroupInput{
		ApplicationName: aws.String(application), DeploymentGroupName: aws.String(service), ServiceRoleArn: aws.String(deploys),
		DeploymentConfigName: &s.story.config,
		DeploymentStyle:      &cdtypes.DeploymentStyle{DeploymentType: cdtypes.DeploymentTypeBlueGreen, DeploymentOption: cdtypes.DeploymentOptionWithTrafficControl},
		EcsServices:          []cdtypes.ECSService{{ClusterName: aws.String(cluster), ServiceName: aws.String(service)}},
		LoadBalancerInfo: &cdtypes.LoadBalancerInfo{TargetGroupPairInfoList: []cdtypes.TargetGroupPairInfo{{
			TargetGroups: groups, ProdTrafficRoute: route(s.production), TestTrafficRoute: route(s.testing)}}},
		BlueGreenDeploymentConfiguration: &cdtypes.BlueGreenDeploymentConfiguration{
			TerminateBlueInstancesOnDeploymentSuccess: &cdtypes.BlueInstanceTerminationOption{
				Action: cdtypes.InstanceActionTerminate, TerminationWaitTimeInMinutes: keeps},
			DeploymentReadyOption: &cdtypes.DeploymentReadyOption{
				ActionOnTimeout: cdtypes.DeploymentReadyActionStopDeployment, WaitTimeInMinutes: answerWithin}},
		AlarmConfiguration: &cdtypes.AlarmConfiguration{Enabled: true, Alarms: []cdtypes.Alarm{{Name: aws.String(alarm)}}},
		AutoRollbackConfiguration: &cdtypes.AutoRollbackConfiguration{Enabled: true, Events: []cdtypes.AutoRollbackEvent{
			cdtypes.AutoRollbackEventDeploymentFailure, cdtypes.AutoRollbackEventDeploymentStopOnAlarm, cdtypes.AutoRollbackEventDeploymentStopOnRequest}},
	})
	if err != nil {
		return fmt.Errorf("create the deployment group: %w", err)
	}
	return nil
}
