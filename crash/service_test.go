package crash_test

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	ecstypes "github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
)

// shop is a service of the sample web app behind a load balancer.
type shop struct {
	t        *testing.T
	cfg      aws.Config
	ecs      *ecs.Client
	elb      *elasticloadbalancingv2.Client
	subnets  []string
	vpc      *string
	balancer string // ARNs
	listener string
	group    string
	url      string
}

const (
	cluster = "shop"
	service = "web"
	port    = 8080
)

// newShop makes cluster, load balancer, listener and target group, and no service yet.
func newShop(t *testing.T, l *local) *shop {
	t.Helper()
	return newShopOf(t, l.config("123456789012"))
}

// newShopOf is newShop for a caller of one's own.
func newShopOf(t *testing.T, cfg aws.Config) *shop {
	t.Helper()
	s := &shop{t: t, cfg: cfg, ecs: ecs.NewFromConfig(cfg), elb: elasticloadbalancingv2.NewFromConfig(cfg)}
	ctx := t.Context()
	if _, err := s.ecs.CreateCluster(ctx, &ecs.CreateClusterInput{ClusterName: aws.String(cluster)}); err != nil {
		t.Fatal(err)
	}
	nets, err := ec2.NewFromConfig(cfg).DescribeSubnets(ctx, nil)
	if err != nil || len(nets.Subnets) < 2 {
		t.Fatalf("got subnets %v, %v; want two at least", nets, err)
	}
	s.vpc = nets.Subnets[0].VpcId
	for _, n := range nets.Subnets {
		s.subnets = append(s.subnets, *n.SubnetId)
	}
	lb, err := s.elb.CreateLoadBalancer(ctx, &elasticloadbalancingv2.CreateLoadBalancerInput{Name: aws.String(service), Subnets: s.subnets})
	if err != nil {
		t.Fatal(err)
	}
	s.balancer = *lb.LoadBalancers[0].LoadBalancerArn
	group, err := s.elb.CreateTargetGroup(ctx, &elasticloadbalancingv2.CreateTargetGroupInput{
		Name: aws.String(service), Protocol: elbtypes.ProtocolEnumHttp, Port: aws.Int32(port), VpcId: s.vpc, TargetType: elbtypes.TargetTypeEnumIp,
		HealthCheckPath: aws.String("/health"), HealthCheckIntervalSeconds: aws.Int32(10), HealthyThresholdCount: aws.Int32(2), UnhealthyThresholdCount: aws.Int32(2),
	})
	if err != nil {
		t.Fatal(err)
	}
	s.group = *group.TargetGroups[0].TargetGroupArn
	if _, err := s.elb.ModifyTargetGroupAttributes(ctx, &elasticloadbalancingv2.ModifyTargetGroupAttributesInput{
		TargetGroupArn: &s.group,
		Attributes:     []elbtypes.TargetGroupAttribute{{Key: aws.String("deregistration_delay.timeout_seconds"), Value: aws.String("30")}},
	}); err != nil {
		t.Fatal(err)
	}
	at := freePort(t)
	made, err := s.elb.CreateListener(ctx, &elasticloadbalancingv2.CreateListenerInput{
		LoadBalancerArn: &s.balancer, Protocol: elbtypes.ProtocolEnumHttp, Port: aws.Int32(int32(at)), //nolint:gosec // a port fits
		DefaultActions: []elbtypes.Action{{Type: elbtypes.ActionTypeEnumForward, TargetGroupArn: &s.group}},
	})
	if err != nil {
		t.Fatal(err)
	}
	s.listener = *made.Listeners[0].ListenerArn
	s.url = fmt.Sprintf("http://127.0.0.1:%d/", at)
	return s
}

// register registers a revision that runs an image of the sample and gives its ARN.
func (s *shop) register(image string) string {
	s.t.Helper()
	out, err := s.ecs.RegisterTaskDefinition(s.t.Context(), &ecs.RegisterTaskDefinitionInput{
		Family: aws.String(service), NetworkMode: ecstypes.NetworkModeAwsvpc, RequiresCompatibilities: []ecstypes.Compatibility{ecstypes.CompatibilityFargate},
		Cpu: aws.String("256"), Memory: aws.String("512"),
		ContainerDefinitions: []ecstypes.ContainerDefinition{{
			Name: aws.String("web"), Image: aws.String("sample:" + image), StopTimeout: aws.Int32(5),
			PortMappings: []ecstypes.PortMapping{{ContainerPort: aws.Int32(port)}},
		}},
	})
	if err != nil {
		s.t.Fatal(err)
	}
	return *out.TaskDefinition.TaskDefinitionArn
}

// create makes the service.
func (s *shop) create(definition string, desired int32) {
	s.t.Helper()
	_, err := s.ecs.CreateService(s.t.Context(), &ecs.CreateServiceInput{
		Cluster: aws.String(cluster), ServiceName: aws.String(service), TaskDefinition: &definition, DesiredCount: &desired,
		// Beside other tests a program may take seconds of the wall to listen, 20 of the cloud each.
		HealthCheckGracePeriodSeconds: aws.Int32(120),
		ClientToken:                   aws.String("once"), LaunchType: ecstypes.LaunchTypeFargate,
		NetworkConfiguration: &ecstypes.NetworkConfiguration{AwsvpcConfiguration: &ecstypes.AwsVpcConfiguration{Subnets: s.subnets}},
		LoadBalancers:        []ecstypes.LoadBalancer{{TargetGroupArn: &s.group, ContainerName: aws.String("web"), ContainerPort: aws.Int32(port)}},
		DeploymentConfiguration: &ecstypes.DeploymentConfiguration{
			MinimumHealthyPercent: aws.Int32(100), MaximumPercent: aws.Int32(200),
			DeploymentCircuitBreaker: &ecstypes.DeploymentCircuitBreaker{Enable: true, Rollback: true},
		},
	})
	if err != nil {
		s.t.Fatal(err)
	}
}

// update deploys a revision.
func (s *shop) update(definition string) {
	s.t.Helper()
	if _, err := s.ecs.UpdateService(s.t.Context(), &ecs.UpdateServiceInput{Cluster: aws.String(cluster), Service: aws.String(service), TaskDefinition: &definition}); err != nil {
		s.t.Fatal(err)
	}
}

// scale sets the desired count.
func (s *shop) scale(desired int32) {
	s.t.Helper()
	if _, err := s.ecs.UpdateService(s.t.Context(), &ecs.UpdateServiceInput{Cluster: aws.String(cluster), Service: aws.String(service), DesiredCount: &desired}); err != nil {
		s.t.Fatal(err)
	}
}

// weigh sends a part of the traffic, in percent, to another group.
func (s *shop) weigh(other string, percent int32) {
	s.t.Helper()
	if _, err := s.elb.ModifyListener(s.t.Context(), &elasticloadbalancingv2.ModifyListenerInput{
		ListenerArn: &s.listener,
		DefaultActions: []elbtypes.Action{{Type: elbtypes.ActionTypeEnumForward, ForwardConfig: &elbtypes.ForwardActionConfig{TargetGroups: []elbtypes.TargetGroupTuple{
			{TargetGroupArn: &s.group, Weight: aws.Int32(100 - percent)}, {TargetGroupArn: &other, Weight: &percent},
		}}}},
	}); err != nil {
		s.t.Fatal(err)
	}
}

// weightOf gives a group's weight, -1 where the listener does not name it.
func (s *shop) weightOf(group string) int32 {
	s.t.Helper()
	out, err := s.elb.DescribeListeners(s.t.Context(), &elasticloadbalancingv2.DescribeListenersInput{ListenerArns: []string{s.listener}})
	if err != nil {
		s.t.Fatal(err)
	}
	for _, g := range out.Listeners[0].DefaultActions[0].ForwardConfig.TargetGroups {
		if *g.TargetGroupArn == group {
			return aws.ToInt32(g.Weight)
		}
	}
	return -1
}

// describe gives the service.
func (s *shop) describe() (ecstypes.Service, error) {
	out, err := s.ecs.DescribeServices(s.t.Context(), &ecs.DescribeServicesInput{Cluster: aws.String(cluster), Services: []string{service}})
	if err != nil {
		return ecstypes.Service{}, err
	}
	if len(out.Services) != 1 {
		return ecstypes.Service{}, fmt.Errorf("got %d services and failures %v", len(out.Services), out.Failures)
	}
	return out.Services[0], nil
}

// steady waits until the service runs a revision alone, as many tasks as wanted, all healthy.
func (s *shop) steady(within time.Duration, definition string, desired int32) {
	s.t.Helper()
	until(s.t, within, "the service is steady", func() (bool, string) {
		svc, err := s.describe()
		if err != nil {
			return false, err.Error()
		}
		d := svc.Deployments[0]
		seen := ""
		for _, d := range svc.Deployments {
			seen += fmt.Sprintf("[%s %s %s: %d pending, %d running of %d, %d failed] ", *d.TaskDefinition, *d.Status, d.RolloutState, d.PendingCount, d.RunningCount, d.DesiredCount, d.FailedTasks)
		}
		healthy, err := s.healthy()
		if err != nil {
			return false, err.Error()
		}
		ok := len(svc.Deployments) == 1 && *d.TaskDefinition == definition && d.RolloutState == ecstypes.DeploymentRolloutStateCompleted &&
			svc.RunningCount == desired && svc.PendingCount == 0 && svc.DesiredCount == desired && healthy == int(desired)
		return ok, fmt.Sprintf("%s%d healthy targets", seen, healthy)
	})
}

// healthy counts the healthy targets.
func (s *shop) healthy() (n int, err error) {
	out, err := s.elb.DescribeTargetHealth(s.t.Context(), &elasticloadbalancingv2.DescribeTargetHealthInput{TargetGroupArn: &s.group})
	if err != nil {
		return 0, err
	}
	for _, d := range out.TargetHealthDescriptions {
		if d.TargetHealth.State == elbtypes.TargetHealthStateEnumHealthy {
			n++
		}
	}
	return n, nil
}

// deployment waits for the newest service deployment to end and gives its status and reason.
func (s *shop) deployment(within time.Duration) (status ecstypes.ServiceDeploymentStatus, reason string) {
	s.t.Helper()
	until(s.t, within, "the deployment has ended", func() (bool, string) {
		out, err := s.ecs.ListServiceDeployments(s.t.Context(), &ecs.ListServiceDeploymentsInput{Cluster: aws.String(cluster), Service: aws.String(service)})
		if err != nil || len(out.ServiceDeployments) == 0 {
			return false, fmt.Sprint(out, err)
		}
		status, reason = out.ServiceDeployments[0].Status, aws.ToString(out.ServiceDeployments[0].StatusReason)
		switch status {
		case ecstypes.ServiceDeploymentStatusPending, ecstypes.ServiceDeploymentStatusInProgress, ecstypes.ServiceDeploymentStatusRollbackInProgress,
			ecstypes.ServiceDeploymentStatusRollbackRequested, ecstypes.ServiceDeploymentStatusStopRequested:
			return false, string(status)
		}
		return true, ""
	})
	return status, reason
}

// answer asks the listener once and gives the status and who answered.
func (s *shop) answer(ctx context.Context) (status int, version string, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url, nil)
	if err != nil {
		return 0, "", err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, "", err
	}
	defer res.Body.Close() //nolint:errcheck // nothing is read from it
	return res.StatusCode, res.Header.Get("X-Sample-Version"), nil
}

// tasks gives the ids of the service's tasks that run, in order.
func (s *shop) tasks() string {
	s.t.Helper()
	out, err := s.ecs.ListTasks(s.t.Context(), &ecs.ListTasksInput{Cluster: aws.String(cluster), ServiceName: aws.String(service)})
	if err != nil {
		s.t.Fatal(err)
	}
	slices.Sort(out.TaskArns)
	return strings.Join(out.TaskArns, " ")
}
