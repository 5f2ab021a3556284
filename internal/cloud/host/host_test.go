package host_test

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	cwtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	ecstypes "github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/slipway-ecs/slipway/internal/cloud/host"
	"github.com/slipway-ecs/slipway/internal/fail"
)

func TestAccountsAndRegionsSeeNothingOfEachOther(t *testing.T) {
	t.Parallel()
	c := serve(t, nil)
	type place struct{ key, account, region string }
	places := []place{
		{"111111111111", "111111111111", "eu-central-1"},
		{"111111111111", "111111111111", "us-west-2"},
		{"222222222222", "222222222222", "eu-central-1"},
		{"AKIAANYKEY", "123456789012", "eu-central-1"},
	}
	vpcs := map[string]place{}
	for i, p := range places {
		cfg := c.as(p.key, p.region)
		who, err := sts.NewFromConfig(cfg).GetCallerIdentity(t.Context(), nil)
		if err != nil || *who.Account != p.account {
			t.Fatalf("%v: got account %v, %v", p, who, err)
		}
		nets, err := ec2.NewFromConfig(cfg).DescribeVpcs(t.Context(), nil)
		if err != nil || len(nets.Vpcs) != 1 || !aws.ToBool(nets.Vpcs[0].IsDefault) {
			t.Fatalf("%v: got VPCs %v, %v; want the default one alone", p, nets, err)
		}
		if other, there := vpcs[*nets.Vpcs[0].VpcId]; there {
			t.Errorf("%v and %v have the same VPC", p, other)
		}
		vpcs[*nets.Vpcs[0].VpcId] = p
		zones := map[string]bool{}
		subnets, err := ec2.NewFromConfig(cfg).DescribeSubnets(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range subnets.Subnets {
			if !strings.HasPrefix(*s.AvailabilityZone, p.region) || *s.VpcId != *nets.Vpcs[0].VpcId {
				t.Errorf("%v: subnet %s is in zone %s of %s", p, *s.SubnetId, *s.AvailabilityZone, *s.VpcId)
			}
			zones[*s.AvailabilityZone] = true
		}
		if len(zones) != 3 {
			t.Errorf("%v: subnets in zones %v, want three", p, zones)
		}
		if seen := everything(t, cfg); len(seen) > 0 {
			t.Errorf("%v sees %v before it made anything", p, seen)
		}
		make1(t, cfg, fmt.Sprint("of", i))
	}
	for i, p := range places {
		for _, arn := range everything(t, c.as(p.key, p.region)) {
			if !strings.Contains(arn, p.region+":"+p.account+":") || !strings.Contains(arn, fmt.Sprint("of", i)) {
				t.Errorf("%v sees %s, which is not its own", p, arn)
			}
		}
		if n := len(everything(t, c.as(p.key, p.region))); n != 4 {
			t.Errorf("%v sees %d things, want the four it made", p, n)
		}
	}
}

// make1 makes one thing in each of four rooms.
func make1(t *testing.T, cfg aws.Config, name string) {
	t.Helper()
	_, err1 := ecs.NewFromConfig(cfg).CreateCluster(t.Context(), &ecs.CreateClusterInput{ClusterName: &name})
	_, err2 := elasticloadbalancingv2.NewFromConfig(cfg).CreateTargetGroup(t.Context(), &elasticloadbalancingv2.CreateTargetGroupInput{Name: &name, TargetType: "ip", Protocol: "HTTP", Port: aws.Int32(80), VpcId: defaultVPC(t, cfg)})
	_, err3 := cloudwatch.NewFromConfig(cfg).PutMetricAlarm(t.Context(), &cloudwatch.PutMetricAlarmInput{
		AlarmName: &name, Namespace: aws.String("N"), MetricName: aws.String("M"), Statistic: cwtypes.StatisticSum, Period: aws.Int32(60),
		EvaluationPeriods: aws.Int32(1), Threshold: aws.Float64(1), ComparisonOperator: cwtypes.ComparisonOperatorGreaterThanThreshold,
	})
	_, err4 := cloudwatchlogs.NewFromConfig(cfg).CreateLogGroup(t.Context(), &cloudwatchlogs.CreateLogGroupInput{LogGroupName: &name})
	if err := errors.Join(err1, err2, err3, err4); err != nil {
		t.Fatal(err)
	}
}

func defaultVPC(t *testing.T, cfg aws.Config) *string {
	t.Helper()
	out, err := ec2.NewFromConfig(cfg).DescribeVpcs(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	return out.Vpcs[0].VpcId
}

// everything lists what make1 makes, by ARN.
func everything(t *testing.T, cfg aws.Config) (arns []string) {
	t.Helper()
	clusters, err1 := ecs.NewFromConfig(cfg).ListClusters(t.Context(), nil)
	groups, err2 := elasticloadbalancingv2.NewFromConfig(cfg).DescribeTargetGroups(t.Context(), nil)
	alarms, err3 := cloudwatch.NewFromConfig(cfg).DescribeAlarms(t.Context(), nil)
	logs, err4 := cloudwatchlogs.NewFromConfig(cfg).DescribeLogGroups(t.Context(), nil)
	if err := errors.Join(err1, err2, err3, err4); err != nil {
		t.Fatal(err)
	}
	arns = append(arns, clusters.ClusterArns...)
	for _, g := range groups.TargetGroups {
		arns = append(arns, *g.TargetGroupArn)
	}
	for _, a := range alarms.MetricAlarms {
		arns = append(arns, *a.AlarmArn)
	}
	for _, g := range logs.LogGroups {
		arns = append(arns, *g.Arn)
	}
	return arns
}

func TestTimesOnTheWireAreTheWallsHoweverFastTheCloudIs(t *testing.T) {
	t.Parallel()
	// What the wire tells in whole seconds or milliseconds may be that much before its time.
	before := time.Now().Add(-time.Second)
	c := serve(t, func(o *host.Options) { o.Speed = 60 })
	cfg := c.as("123456789012", "us-east-1")
	check := func(what string, at *time.Time) {
		t.Helper()
		if at == nil {
			t.Errorf("%s is missing", what)
			return
		}
		if now := time.Now(); at.After(now) || at.Before(before) {
			t.Errorf("%s is %s: %s before now, and the test began %s before now", what, at, now.Sub(*at), now.Sub(before))
		}
	}
	client := ecs.NewFromConfig(cfg)
	if _, err := client.CreateCluster(t.Context(), &ecs.CreateClusterInput{ClusterName: aws.String("fast")}); err != nil {
		t.Fatal(err)
	}
	definition, err := client.RegisterTaskDefinition(t.Context(), &ecs.RegisterTaskDefinitionInput{
		Family: aws.String("job"), NetworkMode: ecstypes.NetworkModeAwsvpc, RequiresCompatibilities: []ecstypes.Compatibility{ecstypes.CompatibilityFargate},
		Cpu: aws.String("256"), Memory: aws.String("512"),
		ContainerDefinitions: []ecstypes.ContainerDefinition{{Name: aws.String("job"), Image: aws.String("none"), Command: []string{"/bin/sleep", "1000"}, StopTimeout: aws.Int32(2)}},
	})
	if err != nil {
		t.Fatal(err)
	}
	check("registeredAt", definition.TaskDefinition.RegisteredAt)
	subnets, err := ec2.NewFromConfig(cfg).DescribeSubnets(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	made, err := client.CreateService(t.Context(), &ecs.CreateServiceInput{
		Cluster: aws.String("fast"), ServiceName: aws.String("job"), TaskDefinition: definition.TaskDefinition.TaskDefinitionArn,
		DesiredCount: aws.Int32(1), LaunchType: ecstypes.LaunchTypeFargate,
		NetworkConfiguration: &ecstypes.NetworkConfiguration{AwsvpcConfiguration: &ecstypes.AwsVpcConfiguration{Subnets: []string{*subnets.Subnets[0].SubnetId}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	check("the service's createdAt", made.Service.CreatedAt)

	deadline := time.Now().Add(patience)
	for {
		out, err := client.DescribeServices(t.Context(), &ecs.DescribeServicesInput{Cluster: aws.String("fast"), Services: []string{"job"}})
		if err != nil {
			t.Fatal(err)
		}
		svc := out.Services[0]
		for _, d := range svc.Deployments {
			check("the deployment's createdAt", d.CreatedAt)
			check("the deployment's updatedAt", d.UpdatedAt)
		}
		for _, e := range svc.Events {
			check(fmt.Sprintf("the time of %q", *e.Message), e.CreatedAt)
		}
		if svc.Deployments[0].RolloutState == ecstypes.DeploymentRolloutStateCompleted {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("the service is not steady: %+v", svc.Deployments)
		}
		time.Sleep(20 * time.Millisecond)
	}
	tasks, err := client.ListTasks(t.Context(), &ecs.ListTasksInput{Cluster: aws.String("fast")})
	if err != nil || len(tasks.TaskArns) != 1 {
		t.Fatalf("got %v, %v; want one task", tasks, err)
	}
	described, err := client.DescribeTasks(t.Context(), &ecs.DescribeTasksInput{Cluster: aws.String("fast"), Tasks: tasks.TaskArns})
	if err != nil {
		t.Fatal(err)
	}
	check("the task's createdAt", described.Tasks[0].CreatedAt)
	check("the task's startedAt", described.Tasks[0].StartedAt)
	check("the task's pullStartedAt", described.Tasks[0].PullStartedAt)
}

func TestAnOperationNobodyBuiltIsRefusedAndLogsOneLine(t *testing.T) {
	t.Parallel()
	c := serve(t, nil)
	const form = "application/x-www-form-urlencoded"
	for _, o := range []struct{ service, operation, kind, target, path, body string }{
		{"ecs", "DiscoverPollEndpoint", "application/x-amz-json-1.1", "AmazonEC2ContainerServiceV20141113.DiscoverPollEndpoint", "/", "{}"},
		{"monitoring", "PutDashboard", "application/x-amz-json-1.0", "GraniteServiceVersion20100801.PutDashboard", "/", "{}"},
		{"monitoring", "DeleteDashboards", "application/cbor", "", "/service/GraniteServiceVersion20100801/operation/DeleteDashboards", "\xa0"},
		{"iam", "CreateUser", form, "", "/", "Action=CreateUser&Version=2010-05-08"},
		{"iam", "CreateUser", form, "", "/", "Action=CreateUser&Version=2010-05-08"}, // told once
		{"ec2", "RunInstances", form, "", "/", "Action=RunInstances&Version=2016-11-15"},
	} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, c.Endpoint()+o.path, strings.NewReader(o.body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", o.kind)
		switch {
		case o.target != "":
			req.Header.Set("X-Amz-Target", o.target)
		case o.path != "/":
			req.Header.Set("Smithy-Protocol", "rpc-v2-cbor")
		}
		req.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=123456789012/20260101/us-east-1/"+o.service+"/aws4_request, SignedHeaders=host, Signature=00")
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close() //nolint:errcheck // nothing is read from it
		if res.StatusCode < 400 || res.StatusCode > 499 {
			t.Errorf("%s %s: got %d, want a refusal", o.service, o.operation, res.StatusCode)
		}
		if got := c.log.with("not built", o.operation); len(got) != 1 {
			t.Errorf("%s %s: got %d lines, want one: %v", o.service, o.operation, len(got), got)
		}
	}
}

func TestAWrongStartIsRefusedWithAWayOut(t *testing.T) {
	t.Parallel()
	taken, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	for _, c := range []struct {
		code   string
		change func(*host.Options)
	}{
		{"host.exposed", func(o *host.Options) { o.Listen = "0.0.0.0:0" }},
		{"host.exposed", func(o *host.Options) { o.Listen = ":0" }},
		{"host.bad_listen", func(o *host.Options) { o.Listen = "4566" }},
		{"host.bad_account", func(o *host.Options) { o.Account = "me" }},
		{"host.taken", func(o *host.Options) { o.Listen = taken.Addr().String() }},
		{"keys.unreadable", func(o *host.Options) { o.Keys = o.Dir + "/none" }},
		{"keys.bad_seed", func(o *host.Options) {
			if err := os.WriteFile(filepath.Join(o.Dir, "seed"), nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}},
	} {
		o := options(t, &lines{})
		c.change(&o)
		_, err := host.Open(t.Context(), o)
		var f *fail.Error
		if !errors.As(err, &f) || f.Code != c.code || f.Hint == "" {
			t.Errorf("got %v, want %s with a hint", err, c.code)
		}
	}
}
