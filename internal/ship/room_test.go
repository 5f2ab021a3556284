package ship_test

import (
	"context"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/slipway-ecs/slipway/internal/ship"
)

// yard has instances of which so much is left: CPU units, MiB, and ports that are taken.
type yard struct {
	past
	left []types.ContainerInstance
}

func (y yard) ListContainerInstances(_ context.Context, in *ecs.ListContainerInstancesInput, _ ...func(*ecs.Options)) (*ecs.ListContainerInstancesOutput, error) {
	out := &ecs.ListContainerInstancesOutput{}
	if in.NextToken == nil { // two pages
		return &ecs.ListContainerInstancesOutput{NextToken: aws.String("more")}, nil
	}
	for range y.left {
		out.ContainerInstanceArns = append(out.ContainerInstanceArns, "i")
	}
	return out, nil
}

func (y yard) DescribeContainerInstances(context.Context, *ecs.DescribeContainerInstancesInput, ...func(*ecs.Options)) (*ecs.DescribeContainerInstancesOutput, error) {
	return &ecs.DescribeContainerInstancesOutput{ContainerInstances: y.left}, nil
}

func instance(cpu, memory int32, ports ...string) types.ContainerInstance {
	return types.ContainerInstance{AgentConnected: true, RemainingResources: []types.Resource{
		{Name: aws.String("CPU"), IntegerValue: cpu}, {Name: aws.String("MEMORY"), IntegerValue: memory}, {Name: aws.String("PORTS"), StringSetValue: ports}}}
}

func TestAPlanSaysWhetherItsTasksFit(t *testing.T) {
	t.Parallel()
	gone := instance(4096, 8192)
	gone.AgentConnected = false
	port := func(f *fakeECS) {
		f.definitions[0]["containerDefinitions"].([]any)[0].(object)["portMappings"] = []any{object{"containerPort": 80, "hostPort": 8080}}
	}
	for name, c := range map[string]struct {
		change func(*fakeECS)
		left   []types.ContainerInstance
		says   string
		wrong  string
	}{
		"they fit":              {func(*fakeECS) {}, []types.ContainerInstance{instance(2048, 2048)}, "2 more than now; there is room for 4 more on the cluster's 1 instance", ""},
		"memory is short":       {func(*fakeECS) {}, []types.ContainerInstance{instance(2048, 512), instance(2048, 100)}, "room for 1 more on the cluster's 2 instances: they do not fit all at once, so that it takes longer", ""},
		"there is no room":      {func(*fakeECS) {}, []types.ContainerInstance{instance(255, 4096)}, "room for 0 more on the cluster's 1 instance, which is too little", "room.short"},
		"old ones may go first": {func(f *fakeECS) { f.service["deploymentConfiguration"].(object)["minimumHealthyPercent"] = 50 }, nil, "they do not fit all at once", ""},
		"blue/green needs all":  {func(f *fakeECS) { f.service["deploymentConfiguration"].(object)["strategy"] = "BLUE_GREEN" }, []types.ContainerInstance{instance(256, 512)}, "too little", "room.short"},
		"a lost agent":          {func(*fakeECS) {}, []types.ContainerInstance{gone}, "room for 0 more on", "room.short"},
		"a port is taken":       {port, []types.ContainerInstance{instance(2048, 2048, "22", "8080"), instance(2048, 2048, "22")}, "room for 1 more on", ""},
		"a provider adds some": {func(f *fakeECS) {
			f.service["launchType"], f.service["capacityProviderStrategy"] = "", []any{object{"capacityProvider": "spare", "weight": 1}}
		}, nil, "0 instances; capacity provider spare has to add some", ""},
		"on Fargate": {func(f *fakeECS) { f.service["launchType"] = "FARGATE" }, nil, "on Fargate, 1 vCPUs in all", ""},
	} {
		f := newFake()
		f.service["launchType"] = "EC2"
		f.service["deploymentConfiguration"] = object{"deploymentCircuitBreaker": object{"enable": true, "rollback": true}, "minimumHealthyPercent": 100, "maximumPercent": 200}
		f.definitions[0]["cpu"], f.definitions[0]["memory"] = "256", "512"
		c.change(f)
		p, err := ship.Propose(t.Context(), live(t, f), newImage, nil, false)
		if err != nil {
			t.Fatal(err)
		}
		facts := (ship.Around{ECS: yard{past{f.serve(t)}, c.left}, ELB: groups{}}).Look(t.Context(), p)
		plan := ship.NewPlan(p, facts)
		if !strings.Contains(plan.Room, c.says) || codes(plan) != c.wrong || len(plan.Missed) > 0 {
			t.Errorf("%s: says %q, wrong %q, missed %v; want %q, %q", name, plan.Room, codes(plan), plan.Missed, c.says, c.wrong)
		}
	}
}
