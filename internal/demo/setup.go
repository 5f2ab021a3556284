package demo

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	cwtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/aws-sdk-go-v2/service/codedeploy"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	ecstypes "github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"

	"github.com/slipway-ecs/slipway/internal/names"
	"github.com/slipway-ecs/slipway/internal/ship"
)

// What the demo makes, by name.
const (
	cluster   = "demo"
	service   = "web"
	container = "web"
	image     = "sample"
	alarm     = "web-5xx"
	port      = 8080
	desired   = 4
)

// stage is what the story plays on: the AWS resources a team would have.
type stage struct {
	ecs *ecs.Client
	elb *elasticloadbalancingv2.Client
	cw  *cloudwatch.Client
	ec2 *ec2.Client
	cd  *codedeploy.Client

	story    Story
	balancer string   // load balancer ARN
	groups   []string // target group ARNs: one, or two where traffic shifts
	ports    [2]int32 // of the production listener and, where traffic shifts, of the test listener
	url      string   // where the production listener is reached
	test     string   // where the test listener is reached

	production, testing string // ARNs of the listeners' rules, where traffic shifts

	mu  sync.Mutex // guards new
	new string     // the target group that had no traffic when the act began
}

func newStage(cfg aws.Config, story Story) *stage {
	return &stage{
		story: story,
		ecs:   ecs.NewFromConfig(cfg), elb: elasticloadbalancingv2.NewFromConfig(cfg),
		cw: cloudwatch.NewFromConfig(cfg), ec2: ec2.NewFromConfig(cfg), cd: codedeploy.NewFromConfig(cfg),
	}
}

// place finds ports for the listeners.
func (s *stage) place() error {
	for i := range s.ports {
		port, err := freePort()
		if err != nil {
			return err
		}
		s.ports[i] = port
	}
	s.url, s.test = fmt.Sprintf("http://127.0.0.1:%d/", s.ports[0]), fmt.Sprintf("http://127.0.0.1:%d/", s.ports[1])
	return nil
}

// build makes cluster, load balancer, alarm and a service of the first version.
func (s *stage) build(ctx context.Context) error {
	if _, err := s.ecs.CreateCluster(ctx, &ecs.CreateClusterInput{ClusterName: aws.String(cluster)}); err != nil {
		return fmt.Errorf("create the cluster: %w", err)
	}
	subnets, err := s.ec2.DescribeSubnets(ctx, nil)
	if err != nil {
		return fmt.Errorf("look for subnets: %w", err)
	}
	var ids []string
	for _, n := range subnets.Subnets {
		ids = append(ids, *n.SubnetId)
	}
	if err := s.balance(ctx, ids, aws.ToString(subnets.Subnets[0].VpcId)); err != nil {
		return err
	}
	if err := s.watch(ctx); err != nil {
		return err
	}
	if err := s.start(ctx, ids); err != nil || !s.story.driven() {
		return err
	}
	return s.drive(ctx)
}

// watch makes the alarm that deployments listen to: errors that targets answered, in a minute.
func (s *stage) watch(ctx context.Context) error {
	_, err := s.cw.PutMetricAlarm(ctx, &cloudwatch.PutMetricAlarmInput{
		AlarmName: aws.String(alarm), Namespace: aws.String("AWS/ApplicationELB"), MetricName: aws.String("HTTPCode_Target_5XX_Count"),
		Dimensions: []cwtypes.Dimension{{Name: aws.String("LoadBalancer"), Value: aws.String(names.LoadBalancerDimension(s.balancer))}},
		Statistic:  cwtypes.StatisticSum, Period: aws.Int32(60), EvaluationPeriods: aws.Int32(1), Threshold: aws.Float64(5),
		ComparisonOperator: cwtypes.ComparisonOperatorGreaterThanOrEqualToThreshold, TreatMissingData: aws.String("notBreaching"),
	})
	if err != nil {
		return fmt.Errorf("create the alarm: %w", err)
	}
	return nil
}

// start registers the first version and makes the service.
func (s *stage) start(ctx context.Context, subnets []string) error {
	var controller *ecstypes.DeploymentController
	configuration, err := s.configuration()
	if err != nil {
		return err
	}
	if s.story.driven() {
		controller = &ecstypes.DeploymentController{Type: ecstypes.DeploymentControllerTypeCodeDeploy}
	}
	definition, err := s.register(ctx, "v1")
	if err != nil {
		return err
	}
	if _, err := s.ecs.CreateService(ctx, &ecs.CreateServiceInput{
		Cluster: aws.String(cluster), ServiceName: aws.String(service), TaskDefinition: &definition,
		HealthCheckGracePeriodSeconds: aws.Int32(int32(grace.Seconds())),
		DesiredCount:                  aws.Int32(desired), LaunchType: ecstypes.LaunchTypeFargate,
		NetworkConfiguration: &ecstypes.NetworkConfiguration{AwsvpcConfiguration: &ecstypes.AwsVpcConfiguration{Subnets: subnets}},
		LoadBalancers:        s.attached(), DeploymentConfiguration: configuration, DeploymentController: controller,
	}); err != nil {
		return fmt.Errorf("create the service: %w", err)
	}
	return nil
}

// register registers a version and gives the ARN of its task definition.
func (s *stage) register(ctx context.Context, version string) (arn string, err error) {
	out, err := s.ecs.RegisterTaskDefinition(ctx, &ecs.RegisterTaskDefinitionInput{
		Family: aws.String(service), NetworkMode: ecstypes.NetworkModeAwsvpc, RequiresCompatibilities: []ecstypes.Compatibility{ecstypes.CompatibilityFargate},
		Cpu: aws.String("256"), Memory: aws.String("512"),
		ContainerDefinitions: []ecstypes.ContainerDefinition{{
			Name: aws.String(container), Image: aws.String(image + ":" + version), StopTimeout: aws.Int32(5),
			PortMappings: []ecstypes.PortMapping{{ContainerPort: aws.Int32(port)}},
		}},
	})
	if err != nil {
		return "", fmt.Errorf("register the task definition: %w", err)
	}
	return *out.TaskDefinition.TaskDefinitionArn, nil
}

// configuration says how the service takes new versions over.
func (s *stage) configuration() (*ecstypes.DeploymentConfiguration, error) {
	if s.story.driven() {
		return nil, nil //nolint:nilnil // CodeDeploy's group says it
	}
	if !s.story.shifts() {
		return &ecstypes.DeploymentConfiguration{
			MinimumHealthyPercent: aws.Int32(100), MaximumPercent: aws.Int32(200), BakeTimeInMinutes: aws.Int32(3),
			DeploymentCircuitBreaker: &ecstypes.DeploymentCircuitBreaker{Enable: true, Rollback: true},
			Alarms:                   &ecstypes.DeploymentAlarms{AlarmNames: []string{alarm}, Enable: true, Rollback: true},
		}, nil
	}
	c, err := s.shifting()
	if err != nil {
		return nil, err
	}
	// Nothing is replaced yet, so nothing is waited for; each deployment brings its own times.
	c.BakeTimeInMinutes = aws.Int32(0)
	if c.CanaryConfiguration != nil {
		c.CanaryConfiguration.CanaryBakeTimeInMinutes = aws.Int32(0)
	}
	if c.LinearConfiguration != nil {
		c.LinearConfiguration.StepBakeTimeInMinutes = aws.Int32(0)
	}
	return c, nil
}

// shifting gives the story's strategy as ECS takes it.
func (s *stage) shifting() (*ecstypes.DeploymentConfiguration, error) {
	m, err := ship.MannerOf(s.story.entry(), nil, s.attached())
	return m.Configuration, err
}

// steady waits until the service has all its tasks and no deployment goes on.
func (s *stage) steady(ctx context.Context, patience time.Duration) error {
	ctx, done := context.WithTimeout(ctx, patience)
	defer done()
	tick := time.NewTicker(lookEvery / 5)
	defer tick.Stop()
	for {
		out, err := s.ecs.DescribeServices(ctx, &ecs.DescribeServicesInput{Cluster: aws.String(cluster), Services: []string{service}})
		if err != nil {
			return fmt.Errorf("wait for the service: %w", err)
		}
		done, why := standing(out.Services[0])
		if done {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("the service is not steady after %s: %s", patience, why)
		case <-tick.C:
		}
	}
}

// standing reports whether a service has all its tasks and nothing replaces them.
func standing(s ecstypes.Service) (done bool, why string) {
	switch {
	case len(s.TaskSets) == 1:
		return s.TaskSets[0].StabilityStatus == ecstypes.StabilityStatusSteadyState, "its task set is " + string(s.TaskSets[0].StabilityStatus)
	case len(s.Deployments) == 1:
		d := s.Deployments[0]
		return d.RolloutState == ecstypes.DeploymentRolloutStateCompleted, aws.ToString(d.RolloutStateReason)
	}
	return false, fmt.Sprintf("it has %d deployments and %d task sets", len(s.Deployments), len(s.TaskSets))
}
