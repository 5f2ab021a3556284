package crash_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	ecstypes "github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/slipway-ecs/slipway/internal/demo"
)

// The daemon is killed as soon as a stage is seen, and started again, at each stage of each of
// ECS's strategies that shift traffic: the deployment ends as it would have, and no request fails.
func TestADaemonKilledAtEachStageOfAShiftFinishesItWithoutLosingARequest(t *testing.T) {
	t.Parallel()
	for _, strategy := range []ecstypes.DeploymentStrategy{
		ecstypes.DeploymentStrategyBlueGreen, ecstypes.DeploymentStrategyCanary, ecstypes.DeploymentStrategyLinear,
	} {
		t.Run(string(strategy), func(t *testing.T) {
			t.Parallel()
			l := newLocal(t, "--speed", "10")
			s := newShop(t, l)
			s.create(s.register("v1"), 2)
			if status, reason := s.deployment(time.Minute); status != ecstypes.ServiceDeploymentStatusSuccessful {
				t.Fatalf("the first deployment ended as %s: %s", status, reason)
			}
			green := s.green()

			load := &demo.Load{URL: s.url, PerSec: 100}
			traffic, stop := context.WithCancel(t.Context())
			var going sync.WaitGroup
			going.Go(func() { load.Run(traffic) })
			defer going.Wait()
			defer stop()

			s.shift(strategy, s.register("v2"), green)
			kills, seen := 0, ""
			until(t, 3*time.Minute, "the deployment has ended", func() (bool, string) {
				d, err := s.newest()
				if err != nil {
					return false, err.Error()
				}
				if now := fmt.Sprint(d.LifecycleStage, aws.ToFloat64(d.TargetServiceRevision.RequestedProductionTrafficWeight)); now != seen {
					seen = now
					if kills++; l.kill() != nil || l.tryStart() != nil {
						t.Fatal("the daemon cannot be killed and started")
					}
				}
				return d.FinishedAt != nil, fmt.Sprint(d.Status, seen)
			})
			d, err := s.newest()
			if err != nil || d.Status != ecstypes.ServiceDeploymentStatusSuccessful || s.weightOf(green) != 100 || s.weightOf(s.group) != 0 {
				t.Errorf("after %d kills it ended as %s (%s), %v, with weights %d and %d", kills, d.Status, aws.ToString(d.StatusReason), err, s.weightOf(s.group), s.weightOf(green))
			}
			if kills < 4 {
				t.Errorf("%d stages were seen, too few to say anything", kills)
			}
			stop()
			going.Wait()
			if requests, failures := load.Sum(); failures > 0 || requests < 100 {
				t.Errorf("%d of %d requests failed over %d kills: %+v", failures, requests, kills, load.Results(nil))
			}
		})
	}
}

// green makes a second target group, to which the listener forwards with weight 0.
func (s *shop) green() string {
	s.t.Helper()
	group, err := s.elb.CreateTargetGroup(s.t.Context(), &elasticloadbalancingv2.CreateTargetGroupInput{
		Name: aws.String("green"), Protocol: elbtypes.ProtocolEnumHttp, Port: aws.Int32(port), VpcId: s.vpc, TargetType: elbtypes.TargetTypeEnumIp,
		HealthCheckPath: aws.String("/health"), HealthCheckIntervalSeconds: aws.Int32(10), HealthyThresholdCount: aws.Int32(2), UnhealthyThresholdCount: aws.Int32(2),
	})
	if err != nil {
		s.t.Fatal(err)
	}
	arn := *group.TargetGroups[0].TargetGroupArn
	s.weigh(arn, 0)
	return arn
}

// shift deploys a revision by a strategy, by weights of the listener's default rule. Without hooks
// the service keeps those it has.
func (s *shop) shift(strategy ecstypes.DeploymentStrategy, definition, green string, hooks ...ecstypes.DeploymentLifecycleHook) {
	s.t.Helper()
	rules, err := s.elb.DescribeRules(s.t.Context(), &elasticloadbalancingv2.DescribeRulesInput{ListenerArn: &s.listener})
	if err != nil {
		s.t.Fatal(err)
	}
	config := &ecstypes.DeploymentConfiguration{Strategy: strategy, BakeTimeInMinutes: aws.Int32(1), LifecycleHooks: hooks}
	switch strategy {
	case ecstypes.DeploymentStrategyCanary:
		config.CanaryConfiguration = &ecstypes.CanaryConfiguration{CanaryPercent: aws.Float64(20), CanaryBakeTimeInMinutes: aws.Int32(1)}
	case ecstypes.DeploymentStrategyLinear:
		config.LinearConfiguration = &ecstypes.LinearConfiguration{StepPercent: aws.Float64(40), StepBakeTimeInMinutes: aws.Int32(1)}
	}
	_, err = s.ecs.UpdateService(s.t.Context(), &ecs.UpdateServiceInput{
		Cluster: aws.String(cluster), Service: aws.String(service), TaskDefinition: &definition,
		LoadBalancers: []ecstypes.LoadBalancer{{
			TargetGroupArn: &s.group, ContainerName: aws.String("web"), ContainerPort: aws.Int32(port),
			AdvancedConfiguration: &ecstypes.AdvancedConfiguration{
				AlternateTargetGroupArn: &green, ProductionListenerRule: rules.Rules[0].RuleArn, RoleArn: aws.String("arn:aws:iam::123456789012:role/infrastructure"),
			},
		}},
		DeploymentConfiguration: config,
	})
	if err != nil {
		s.t.Fatal(err)
	}
}

// newest gives the newest service deployment in full.
func (s *shop) newest() (d ecstypes.ServiceDeployment, err error) {
	list, err := s.ecs.ListServiceDeployments(s.t.Context(), &ecs.ListServiceDeploymentsInput{Cluster: aws.String(cluster), Service: aws.String(service)})
	if err != nil || len(list.ServiceDeployments) == 0 {
		return d, fmt.Errorf("got deployments %v, %w", list, err)
	}
	out, err := s.ecs.DescribeServiceDeployments(s.t.Context(), &ecs.DescribeServiceDeploymentsInput{
		ServiceDeploymentArns: []string{*list.ServiceDeployments[0].ServiceDeploymentArn},
	})
	if err != nil || len(out.ServiceDeployments) != 1 {
		return d, fmt.Errorf("got %v, %w", out, err)
	}
	return out.ServiceDeployments[0], nil
}
