package e2e_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// sideBySide is how many deployments of the sweep go on at a time.
const sideBySide = 8

// leaseFor is how long a lease outlives its owner here.
const leaseFor = 2 * time.Second

// fleet has services that are all alike, each with a family of its own.
type fleet struct {
	*team
	cloud   *ecs.Client
	subnets []string
}

func newFleet(t *testing.T) *fleet {
	t.Helper()
	w := newTeam(t, images)
	cfg := aws.Config{Region: "us-east-1", BaseEndpoint: &w.endpoint,
		Credentials: credentials.NewStaticCredentialsProvider("123456789012", "local", "")}
	f := &fleet{team: w, cloud: ecs.NewFromConfig(cfg)}
	if _, err := f.cloud.CreateCluster(t.Context(), &ecs.CreateClusterInput{ClusterName: aws.String("main")}); err != nil {
		t.Fatal(err)
	}
	nets, err := ec2.NewFromConfig(cfg).DescribeSubnets(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range nets.Subnets {
		f.subnets = append(f.subnets, *n.SubnetId)
	}
	return f
}

// launch creates a service that runs web:v1 as NAME:1, and waits until it stands.
func (f *fleet) launch(ctx context.Context, name string) error {
	made, err := f.cloud.RegisterTaskDefinition(ctx, &ecs.RegisterTaskDefinitionInput{
		Family: &name, NetworkMode: types.NetworkModeAwsvpc, RequiresCompatibilities: []types.Compatibility{types.CompatibilityFargate},
		Cpu: aws.String("256"), Memory: aws.String("512"),
		ContainerDefinitions: []types.ContainerDefinition{{Name: aws.String("web"), Image: aws.String("web:v1"), StopTimeout: aws.Int32(2)}},
	})
	if err != nil {
		return err
	}
	_, err = f.cloud.CreateService(ctx, &ecs.CreateServiceInput{
		Cluster: aws.String("main"), ServiceName: &name, TaskDefinition: made.TaskDefinition.TaskDefinitionArn, DesiredCount: aws.Int32(1),
		LaunchType:              types.LaunchTypeFargate,
		NetworkConfiguration:    &types.NetworkConfiguration{AwsvpcConfiguration: &types.AwsVpcConfiguration{Subnets: f.subnets}},
		DeploymentConfiguration: &types.DeploymentConfiguration{DeploymentCircuitBreaker: &types.DeploymentCircuitBreaker{Enable: true, Rollback: true}},
	})
	if err != nil {
		return err
	}
	_, err = f.cli(ctx, f.endpoint, nil, "wait", name, "-c", "main")
	return err
}

// end takes a service away, so that its tasks do not stand in the way of others.
func (f *fleet) end(ctx context.Context, name string) {
	_, _ = f.cloud.DeleteService(ctx, &ecs.DeleteServiceInput{Cluster: aws.String("main"), Service: &name, Force: aws.Bool(true)}) // the cloud ends soon
}

// run is how a command ended.
type ran struct {
	out  string
	code int
}

// cli runs a command against an endpoint; started is told the process. An exit code is no error.
func (f *fleet) cli(ctx context.Context, endpoint string, started func(*os.Process), args ...string) (ran, error) {
	ctx, done := context.WithTimeout(ctx, deployPatience)
	defer done()
	cmd := exec.CommandContext(ctx, binary, args...)
	cmd.Dir, cmd.Env = f.dir, f.env(endpoint)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		return ran{}, err
	}
	if started != nil {
		started(cmd.Process)
	}
	_ = cmd.Wait() // its code says more
	if ctx.Err() != nil {
		return ran{out.String(), -1}, fmt.Errorf("slipway %s took longer than %s:\n%s", strings.Join(args, " "), deployPatience, out.String())
	}
	return ran{out.String(), cmd.ProcessState.ExitCode()}, nil
}

// deploy is the deployment of the sweep. A lease that outlives its owner by little keeps it short.
func (f *fleet) deploy(ctx context.Context, endpoint string, started func(*os.Process), name string) (ran, error) {
	return f.cli(ctx, endpoint, started, "deploy", name, "-c", "main", "--image", "web=web:v2", "--lease-for", leaseFor.String(), "--output", "json")
}

// followed gives the deployment that a run's verdict names.
func followed(out string) string {
	var end struct{ Deployment string }
	lines := strings.Split(strings.TrimSpace(out), "\n")
	if json.Unmarshal([]byte(lines[len(lines)-1]), &end) != nil {
		return ""
	}
	return end.Deployment
}

// once says what is wrong with a service that was to be brought to NAME:2 by one deployment.
func (f *fleet) once(ctx context.Context, name string) error {
	defs, err := f.cloud.ListTaskDefinitions(ctx, &ecs.ListTaskDefinitionsInput{FamilyPrefix: &name})
	if err != nil {
		return err
	}
	if n := len(defs.TaskDefinitionArns); n != 2 {
		return fmt.Errorf("%d revisions are registered, want 2", n)
	}
	all, err := f.cloud.ListServiceDeployments(ctx, &ecs.ListServiceDeploymentsInput{Cluster: aws.String("main"), Service: &name})
	if err != nil {
		return err
	}
	if n := len(all.ServiceDeployments); n != 2 {
		return fmt.Errorf("%d deployments were made, want the first and ours", n)
	}
	out, err := f.cloud.DescribeServices(ctx, &ecs.DescribeServicesInput{Cluster: aws.String("main"), Services: []string{name}, Include: []types.ServiceField{types.ServiceFieldTags}})
	if err != nil || len(out.Services) != 1 {
		return fmt.Errorf("describe the service: %v", err)
	}
	s := out.Services[0]
	if got := (*s.TaskDefinition)[strings.LastIndexByte(*s.TaskDefinition, '/')+1:]; got != name+":2" || len(s.Deployments) != 1 {
		return fmt.Errorf("it runs %s in %d deployments, want %s:2 in one", got, len(s.Deployments), name)
	}
	for _, tag := range s.Tags { // one whose owner was killed may be there still, and is about to expire
		if until, err := time.Parse(time.RFC3339, *tag.Value); *tag.Key == "slipway:lease-until" && (err != nil || until.After(time.Now().Add(leaseFor))) {
			return fmt.Errorf("the lease is there until %s", *tag.Value)
		}
	}
	return nil
}

// sweep deploys a service of its own with a fault at a call, then again without, and says what
// is wrong afterwards.
func (f *fleet) sweep(t *testing.T, what fault, at int) {
	name := fmt.Sprintf("s%d-%s", at, strings.ReplaceAll(string(what), " ", "-"))
	ctx := t.Context()
	complain := func(format string, args ...any) {
		t.Errorf("%s, at call %d: %s", what, at, fmt.Sprintf(format, args...))
	}
	if err := f.launch(ctx, name); err != nil {
		complain("create the service: %v", err)
		return
	}
	defer f.end(ctx, name)
	p, url := newProxy(t, f.endpoint)
	p.what, p.at = what, at
	first, err := f.deploy(ctx, url, func(process *os.Process) { p.kill = func() { _ = process.Kill() } }, name)
	switch {
	case err != nil:
		complain("%v", err)
	case what != kill && first.code != 0:
		complain("the first run ends with %d:\n%s", first.code, first.out)
	}
	second, err := f.deploy(ctx, f.endpoint, nil, name)
	if err != nil || second.code != 0 {
		complain("the second run ends with %d (%v):\n%s\nafter\n%s", second.code, err, second.out, first.out)
		return
	}
	if err := f.once(ctx, name); err != nil {
		complain("%v\nfirst run:\n%s\nsecond run:\n%s\ncalls %v", err, first.out, second.out, p.made())
	}
	if began := followed(first.out); what != kill && began != "" && !strings.Contains(second.out, "already") {
		complain("the second run began anew:\n%s", second.out)
	}
}

// TestADeployerThatDiesOrIsCutOffAnywhereEndsInOneGoodRevision goes through every call of one
// deployment: the deployer is killed after it, its request or its answer is lost; and through one of
// which every second call is throttled. The counts of calls are the budget of one rolling deploy.
func TestADeployerThatDiesOrIsCutOffAnywhereEndsInOneGoodRevision(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	if err := f.launch(t.Context(), "clean"); err != nil {
		t.Fatal(err)
	}
	actions := f.foreseen(nil, "deploy", "clean", "-c", "main", "--image", "web=web:v2")
	p, url := newProxy(t, f.endpoint)
	clean, err := f.deploy(t.Context(), url, nil, "clean")
	if err != nil || clean.code != 0 {
		t.Fatalf("a deployment without faults ends with %d (%v):\n%s", clean.code, err, clean.out)
	}
	if more := p.unforeseen(actions); len(more) > 0 {
		t.Errorf("the deployment called %v, which its plan does not name: %v", more, actions)
	}
	calls := p.made()
	t.Logf("%d calls: %v", len(calls), calls)
	budget(t, calls)

	type one struct {
		what fault
		at   int
	}
	todo := []one{{late, 0}, {duplicate, 0}, {throttle, 0}}
	for at := range calls {
		todo = append(todo, one{kill, at + 1}, one{mute, at + 1}, one{deaf, at + 1})
	}
	work := make(chan one)
	var all sync.WaitGroup
	for range sideBySide {
		all.Go(func() {
			for o := range work {
				f.sweep(t, o.what, o.at)
			}
		})
	}
	for _, o := range todo {
		work <- o
	}
	close(work)
	all.Wait()
}

// budget holds a deployment's calls against what one may cost.
func budget(t *testing.T, calls []string) {
	t.Helper()
	update := slices.Index(calls, "UpdateService")
	if update < 0 || update > 12+2 { // the lease's write and the registration are among those before
		t.Errorf("%d calls before the update, want at most 12 reads and 2 writes", update)
	}
	count := map[string]int{}
	for _, c := range calls {
		count[c]++
	}
	for op, most := range map[string]int{"RegisterTaskDefinition": 1, "UpdateService": 1, "UntagResource": 1, "CreateService": 0, "StopServiceDeployment": 0} {
		if count[op] > most {
			t.Errorf("%s was called %d times, want at most %d", op, count[op], most)
		}
	}
}
