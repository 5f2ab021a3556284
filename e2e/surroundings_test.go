package e2e_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	ssmtypes "github.com/aws/aws-sdk-go-v2/service/ssm/types"
)

// imagesOf serves a registry in which app:1 is for this machine's platform and app:arm for another.
func imagesOf(t *testing.T) (host string) {
	t.Helper()
	index := func(arch string) string {
		return fmt.Sprintf(`{"schemaVersion": 2, "manifests": [{"digest": "sha256:1", "platform": {"os": "linux", "architecture": %q}}]}`, arch)
	}
	other := map[string]string{"amd64": "arm64", "arm64": "amd64"}[runtime.GOARCH]
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/v2/app/manifests/1":
			fmt.Fprint(w, index(runtime.GOARCH))
		case "/v2/app/manifests/other":
			fmt.Fprint(w, index(other))
		default:
			w.WriteHeader(http.StatusNotFound)
		}
	}))
	t.Cleanup(server.Close)
	return strings.TrimPrefix(server.URL, "http://")
}

// made fails the test where something could not be made.
func made[T any](out T, err error) func(*testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
}

const trustsECS = `{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": "ecs-tasks.amazonaws.com"}, "Action": "sts:AssumeRole"}]}`

// finding is one line of verify as JSON.
type finding struct {
	What, Why, Hint string
	OK              bool
}

func (w *team) verify(file string) (all []finding, code int) {
	w.t.Helper()
	out, talk, code := w.slipway(nil, "verify", "--file", file, "-o", "json")
	var got struct{ Findings []finding }
	if err := json.Unmarshal([]byte(out), &got); err != nil {
		w.t.Fatalf("verify: %v\n%s%s", err, out, talk)
	}
	return got.Findings, code
}

// surroundings is a file whose service needs one of everything.
const surroundings = `version: 1
cluster: main
services:
  web:
    task:
      family: web
      networkMode: awsvpc
      requiresCompatibilities: [FARGATE]
      cpu: "256"
      memory: "512"
      %[2]s
      taskRoleArn: arn:aws:iam::123456789012:role/%[3]s
      runtimePlatform: {cpuArchitecture: %[1]s, operatingSystemFamily: LINUX}
      containerDefinitions:
        - name: web
          image: %[4]s
          portMappings: [{containerPort: %[5]d}]
          secrets: [{name: DB, valueFrom: "%[6]s"}, {name: URL, valueFrom: %[7]s}]
          logConfiguration: {logDriver: awslogs, options: {awslogs-group: %[8]s, awslogs-region: us-east-1, awslogs-stream-prefix: web}}
    service:
      desiredCount: 1
      launchType: FARGATE
      networkConfiguration: {awsvpcConfiguration: {subnets: [%[9]s], securityGroups: [%[10]s]}}
      loadBalancers: [{targetGroupArn: "%[11]s", containerName: web, containerPort: 8080}]
`

func TestVerifyLooksForAllThatAServiceNeeds(t *testing.T) {
	t.Parallel()
	w := newWard(t, "images: []\n")
	ctx, cfg, host := t.Context(), w.config(), imagesOf(t)
	roles, store, vault, net := iam.NewFromConfig(cfg), ssm.NewFromConfig(cfg), secretsmanager.NewFromConfig(cfg), ec2.NewFromConfig(cfg)
	for name, trust := range map[string]string{"exec": trustsECS, "app": trustsECS, "ops": strings.Replace(trustsECS, "ecs-tasks", "ec2", 1)} {
		made(roles.CreateRole(ctx, &iam.CreateRoleInput{RoleName: &name, AssumeRolePolicyDocument: &trust}))(t)
	}
	made(store.PutParameter(ctx, &ssm.PutParameterInput{Name: aws.String("/web/url"), Value: aws.String("x"), Type: ssmtypes.ParameterTypeString}))(t)
	db := *made(vault.CreateSecret(ctx, &secretsmanager.CreateSecretInput{Name: aws.String("db"), SecretString: aws.String(`{"password": "x"}`)}))(t).ARN
	leaving := *made(vault.CreateSecret(ctx, &secretsmanager.CreateSecretInput{Name: aws.String("leaving"), SecretString: aws.String("x")}))(t).ARN
	made(vault.DeleteSecret(ctx, &secretsmanager.DeleteSecretInput{SecretId: &leaving}))(t)
	made(cloudwatchlogs.NewFromConfig(cfg).CreateLogGroup(ctx, &cloudwatchlogs.CreateLogGroupInput{LogGroupName: aws.String("/web")}))(t)
	ours := *made(net.CreateSecurityGroup(ctx, &ec2.CreateSecurityGroupInput{GroupName: aws.String("web"), Description: aws.String("web"), VpcId: &w.vpc}))(t).GroupId
	vpc := *made(net.CreateVpc(ctx, &ec2.CreateVpcInput{CidrBlock: aws.String("10.9.0.0/16")}))(t).Vpc.VpcId
	theirs := *made(net.CreateSecurityGroup(ctx, &ec2.CreateSecurityGroupInput{GroupName: aws.String("web"), Description: aws.String("web"), VpcId: &vpc}))(t).GroupId
	group := func(name, vpc string, kind elbtypes.TargetTypeEnum) string {
		return *made(w.elb.CreateTargetGroup(ctx, &elb.CreateTargetGroupInput{Name: &name, Port: aws.Int32(80), Protocol: elbtypes.ProtocolEnumHttp, VpcId: &vpc, TargetType: kind}))(t).TargetGroups[0].TargetGroupArn
	}
	alone, byInstance := group("alone", w.vpc, elbtypes.TargetTypeEnumIp), group("instances", w.vpc, elbtypes.TargetTypeEnumInstance)
	made(w.elb.CreateListener(ctx, &elb.CreateListenerInput{LoadBalancerArn: &w.balancer, Port: aws.Int32(freePort(t)), Protocol: elbtypes.ProtocolEnumHttp,
		DefaultActions: []elbtypes.Action{{Type: elbtypes.ActionTypeEnumForward, TargetGroupArn: &byInstance}}}))(t)

	arch := map[string]string{"amd64": "X86_64", "arm64": "ARM64"}[runtime.GOARCH]
	good := []any{arch, "executionRoleArn: arn:aws:iam::123456789012:role/exec", "app", host + "/app:1", 8080, db + ":password::", "/web/url", "/web", w.subnets[0], ours, w.group("web", "/")}
	w.write("good.yaml", fmt.Sprintf(surroundings, good...))
	all, code := w.verify("good.yaml")
	if code != 0 || len(all) != 9 {
		t.Errorf("exit code %d, %d findings, want 9 and none missing: %+v", code, len(all), all)
	}

	for name, c := range map[string]struct {
		at           int // of good
		is           any
		what         string
		why, orThese string
		hint         string
	}{
		"an image that is gone":          {3, host + "/app:2", "image of web", "has no 2", "", "push it"},
		"an image for another platform":  {3, host + "/app:other", "image of web", "not for linux/" + runtime.GOARCH, "", "push it for linux/" + runtime.GOARCH},
		"a registry that is gone":        {3, closed + "/app:1", "image of web", "connection refused", "", "host's name and the network"},
		"no execution role":              {1, "ephemeralStorage: {sizeInGiB: 21}", "execution role", "reading its secrets needs one", "", "executionRoleArn"},
		"an execution role that is gone": {1, "executionRoleArn: arn:aws:iam::123456789012:role/gone", "execution role gone", "NoSuchEntity", "", "create it"},
		"a task role of somebody else's": {2, "ops", "task role ops", "does not trust ecs-tasks.amazonaws.com", "", "trust policy"},
		"a secret that is gone":          {5, "arn:aws:secretsmanager:us-east-1:123456789012:secret:none-AbCdEf", "secret web's DB", "ResourceNotFoundException", "", "create it"},
		"a secret that is going":         {5, leaving, "secret web's DB", "marked for deletion", "", "restore-secret"},
		"a parameter that is gone":       {6, "/web/none", "secret web's URL", "ParameterNotFound", "", "create it"},
		"a log group that is gone":       {7, "/gone", "log group /gone", "none of this name", "", "create-log-group"},
		"a subnet that is gone":          {8, "subnet-00000000", "subnet subnet-00000000", "InvalidSubnetID.NotFound", "", "VPC"},
		"a security group that is gone":  {9, "sg-00000000", "security group sg-00000000", "InvalidGroup.NotFound", "InvalidGroupId", "VPC"},
		"a security group far away":      {9, theirs, "security group " + theirs, "it is in " + vpc, "", "VPC"},
		"a target group that is gone":    {10, strings.Replace(alone, "alone", "gone", 1), "target group gone", "TargetGroupNotFound", "", "create it"},
		"a target group nobody reaches":  {10, alone, "target group alone", "no listener forwards to it", "", "listener"},
		"a target group for instances":   {10, byInstance, "target group instances", "of the type instance", "", "type ip"},
		"a port the container lacks":     {4, 9090, "target group web", "does not have port 8080 (it has: 9090)", "", "portMappings"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := w.of(t)
			bad := append([]any{}, good...)
			bad[c.at] = c.is
			file := strings.ReplaceAll(name, " ", "-") + ".yaml"
			w.write(file, fmt.Sprintf(surroundings, bad...))
			all, code := w.verify(file)
			var missed []finding
			for _, f := range all {
				if !f.OK {
					missed = append(missed, f)
				}
			}
			if code != 1 || len(missed) != 1 {
				t.Fatalf("exit code %d, missed %+v", code, missed)
			}
			m := missed[0]
			if !strings.HasPrefix(m.What, c.what) || !strings.Contains(m.Why, c.why) && (c.orThese == "" || !strings.Contains(m.Why, c.orThese)) || !strings.Contains(m.Hint, c.hint) {
				t.Errorf("missed %+v, want %q, %q, %q", m, c.what, c.why, c.hint)
			}
		})
	}
}

func TestValuesOfTheFileComeFromParametersAndFromTerraformsState(t *testing.T) {
	t.Parallel()
	w := newTeam(t, images)
	ctx, cfg := t.Context(), w.config()
	store := ssm.NewFromConfig(cfg)
	made(store.PutParameter(ctx, &ssm.PutParameterInput{Name: aws.String("/web/image"), Value: aws.String("web:v2"), Type: ssmtypes.ParameterTypeSecureString}))(t)
	buckets := s3.NewFromConfig(cfg, func(o *s3.Options) { o.UsePathStyle = true })
	made(buckets.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: aws.String("states")}))(t)
	state := `{"version": 4, "outputs": {"cluster": {"value": "main"}}, "resources": [{"mode": "managed", "type": "aws_subnet", "name": "a", "instances": [{"index_key": 0, "attributes": {"id": "subnet-7"}}]}]}`
	made(buckets.PutObject(ctx, &s3.PutObjectInput{Bucket: aws.String("states"), Key: aws.String("prod/net.tfstate"), Body: strings.NewReader(state)}))(t)

	const file = "version: 1\ntfstate: s3://states/prod/net.tfstate\ncluster: ${tfstate:output.cluster}\nservices:\n  web:\n    images: {web: \"${ssm:/web/image}\"}\n    env: {web: {SUBNET: \"${tfstate:aws_subnet.a[0].id}\"}}\n"
	w.write("slipway.yaml", file)
	out, _, code := w.slipway(nil, "config")
	for _, want := range []string{"cluster: main", "web: web:v2", "SUBNET: subnet-7"} {
		if code != 0 || !strings.Contains(out, want) {
			t.Errorf("exit code %d, no %q in\n%s", code, want, out)
		}
	}
	out, _, _ = w.slipway(nil, "config", "--explain")
	if !strings.Contains(out, "${ssm:/web/image}") || !strings.Contains(out, "${tfstate:output.cluster}") {
		t.Errorf("does not say where values come from:\n%s", out)
	}
	w.write("slipway.yaml", strings.NewReplacer("/web/image", "/web/none", "net.tfstate", "gone.tfstate").Replace(file))
	_, talk, code := w.slipway(nil, "config")
	for _, want := range []string{`there is no parameter "/web/none"`, "slipway.yaml:6:19", "there is no s3://states/prod/gone.tfstate", "slipway.yaml:3:10"} {
		if code != 2 || !strings.Contains(talk, want) {
			t.Errorf("exit code %d, no %q in\n%s", code, want, talk)
		}
	}
}
