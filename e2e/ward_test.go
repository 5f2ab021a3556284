package e2e_test

import (
	"fmt"
	"net"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	cwtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
)

// ward is a team whose services are made by the SDK, many in one cluster, with a load balancer.
type ward struct {
	*team
	ecs      *ecs.Client
	elb      *elb.Client
	alarms   *cloudwatch.Client
	subnets  []string
	vpc      string
	balancer string
	cluster  string
}

func newWard(t *testing.T, images string, flags ...string) *ward {
	t.Helper()
	w := &ward{team: newTeam(t, images, flags...), cluster: "main"}
	cfg := aws.Config{
		Region: "us-east-1", BaseEndpoint: &w.endpoint,
		Credentials: credentials.NewStaticCredentialsProvider("123456789012", "local", ""),
	}
	w.ecs, w.elb, w.alarms = ecs.NewFromConfig(cfg), elb.NewFromConfig(cfg), cloudwatch.NewFromConfig(cfg)
	w.found("main")
	nets, err := ec2.NewFromConfig(cfg).DescribeSubnets(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range nets.Subnets {
		w.subnets, w.vpc = append(w.subnets, *n.SubnetId), *n.VpcId
	}
	made, err := w.elb.CreateLoadBalancer(t.Context(), &elb.CreateLoadBalancerInput{Name: aws.String("main"), Subnets: w.subnets})
	if err != nil {
		t.Fatal(err)
	}
	w.balancer = *made.LoadBalancers[0].LoadBalancerArn
	_, err = w.alarms.PutMetricAlarm(t.Context(), &cloudwatch.PutMetricAlarmInput{AlarmName: aws.String("explain-alarm"), Namespace: aws.String("x"), MetricName: aws.String("y"),
		Statistic: cwtypes.StatisticSum, Period: aws.Int32(60), EvaluationPeriods: aws.Int32(1), Threshold: aws.Float64(1), ComparisonOperator: cwtypes.ComparisonOperatorGreaterThanThreshold})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// of is the same ward for a subtest.
func (w *ward) of(t *testing.T) *ward {
	mine, crew := *w, *w.team
	crew.t, mine.team = t, &crew
	return &mine
}

// found makes a cluster with Fargate's capacity providers, and has the ward work there.
func (w *ward) found(cluster string) {
	w.t.Helper()
	w.cluster = cluster
	if _, err := w.ecs.CreateCluster(w.t.Context(), &ecs.CreateClusterInput{ClusterName: &cluster, CapacityProviders: []string{"FARGATE", "FARGATE_SPOT"}}); err != nil {
		w.t.Fatal(err)
	}
}

// define registers a patient's definition and gives its ARN.
func (w *ward) define(family string, p patient) string {
	w.t.Helper()
	in := &ecs.RegisterTaskDefinitionInput{Family: &family, NetworkMode: types.NetworkModeAwsvpc, Cpu: aws.String("256"), Memory: aws.String("512"),
		ExecutionRoleArn: aws.String("arn:aws:iam::123456789012:role/exec"),
		ContainerDefinitions: []types.ContainerDefinition{{
			Name: aws.String("app"), Image: &p.image, StopTimeout: aws.Int32(2), PortMappings: []types.PortMapping{{ContainerPort: aws.Int32(8080)}},
		}}}
	if p.define != nil {
		p.define(in)
	}
	out, err := w.ecs.RegisterTaskDefinition(w.t.Context(), in)
	if err != nil {
		w.t.Fatal(err)
	}
	return *out.TaskDefinition.TaskDefinitionArn
}

// create makes a service of one task, behind a listener of its own where a health check is asked
// for.
func (w *ward) create(name string, p patient) {
	w.t.Helper()
	in := &ecs.CreateServiceInput{Cluster: &w.cluster, ServiceName: &name, TaskDefinition: aws.String(w.define(name, p)), DesiredCount: aws.Int32(1),
		LaunchType:           types.LaunchTypeFargate,
		NetworkConfiguration: &types.NetworkConfiguration{AwsvpcConfiguration: &types.AwsVpcConfiguration{Subnets: w.subnets}}}
	if p.health != "" {
		in.LoadBalancers = []types.LoadBalancer{{TargetGroupArn: aws.String(w.group(name, p.health)), ContainerName: aws.String("app"), ContainerPort: aws.Int32(8080)}}
	}
	if p.service != nil {
		p.service(in)
	}
	if _, err := w.ecs.CreateService(w.t.Context(), in); err != nil {
		w.t.Fatal(err)
	}
}

// group makes a target group with a listener that forwards to it.
func (w *ward) group(name, path string) string {
	w.t.Helper()
	made, err := w.elb.CreateTargetGroup(w.t.Context(), &elb.CreateTargetGroupInput{
		Name: &name, Port: aws.Int32(80), Protocol: elbtypes.ProtocolEnumHttp, VpcId: &w.vpc, TargetType: elbtypes.TargetTypeEnumIp, HealthCheckPath: &path,
		HealthCheckIntervalSeconds: aws.Int32(5), HealthCheckTimeoutSeconds: aws.Int32(2), HealthyThresholdCount: aws.Int32(2), UnhealthyThresholdCount: aws.Int32(2)})
	if err != nil {
		w.t.Fatal(err)
	}
	arn := *made.TargetGroups[0].TargetGroupArn
	_, err = w.elb.ModifyTargetGroupAttributes(w.t.Context(), &elb.ModifyTargetGroupAttributesInput{TargetGroupArn: &arn,
		Attributes: []elbtypes.TargetGroupAttribute{{Key: aws.String("deregistration_delay.timeout_seconds"), Value: aws.String("0")}}})
	if err != nil {
		w.t.Fatal(err)
	}
	_, err = w.elb.CreateListener(w.t.Context(), &elb.CreateListenerInput{LoadBalancerArn: &w.balancer, Port: aws.Int32(freePort(w.t)), Protocol: elbtypes.ProtocolEnumHttp,
		DefaultActions: []elbtypes.Action{{Type: elbtypes.ActionTypeEnumForward, TargetGroupArn: &arn}}})
	if err != nil {
		w.t.Fatal(err)
	}
	return arn
}

func freePort(t *testing.T) int32 {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close() //nolint:errcheck // it only found a free port
	var port int32
	if _, err := fmt.Sscanf(l.Addr().String(), "127.0.0.1:%d", &port); err != nil {
		t.Fatal(err)
	}
	return port
}

func (w *ward) describe(name string) types.Service {
	w.t.Helper()
	out, err := w.ecs.DescribeServices(w.t.Context(), &ecs.DescribeServicesInput{Cluster: &w.cluster, Services: []string{name}})
	if err != nil || len(out.Services) != 1 {
		w.t.Fatalf("describe service %s: %v", name, err)
	}
	return out.Services[0]
}

// steady waits until a service's one deployment is done.
func (w *ward) steady(name string) {
	w.t.Helper()
	w.until(name+" is steady", func() bool {
		s := w.describe(name)
		return len(s.Deployments) == 1 && s.Deployments[0].RolloutState == types.DeploymentRolloutStateCompleted
	})
}

func (w *ward) update(name string, in *ecs.UpdateServiceInput) {
	w.t.Helper()
	in.Cluster, in.Service = &w.cluster, &name
	if _, err := w.ecs.UpdateService(w.t.Context(), in); err != nil {
		w.t.Fatal(err)
	}
}
