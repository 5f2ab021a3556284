package task

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/slipway-ecs/slipway/internal/fail"
	"github.com/slipway-ecs/slipway/internal/sdk"
)

// input puts together what to ask for.
func (w *work) input(ctx context.Context, q Request) (*ecs.RunTaskInput, error) {
	in := &ecs.RunTaskInput{Cluster: w.cluster, Count: aws.Int32(1), StartedBy: aws.String("slipway"), PropagateTags: types.PropagateTagsTaskDefinition}
	ref := q.Definition
	if q.Service != "" {
		s, err := w.service(ctx, q)
		if err != nil {
			return nil, err
		}
		in.NetworkConfiguration, in.PlatformVersion, in.EnableExecuteCommand = s.NetworkConfiguration, s.PlatformVersion, s.EnableExecuteCommand
		in.EnableECSManagedTags = s.EnableECSManagedTags
		if in.CapacityProviderStrategy = s.CapacityProviderStrategy; len(in.CapacityProviderStrategy) == 0 {
			in.LaunchType = s.LaunchType
		}
		if in.LaunchType != types.LaunchTypeFargate && len(s.CapacityProviderStrategy) == 0 {
			in.PlatformVersion = nil
		}
		if ref == "" {
			ref = aws.ToString(s.TaskDefinition)
		}
	}
	if ref == "" {
		return nil, fail.New("usage.task", "name a service, or a definition with --definition", "it is not said what to run")
	}
	d, err := w.ECS.DescribeTaskDefinition(ctx, &ecs.DescribeTaskDefinitionInput{TaskDefinition: &ref})
	if err != nil {
		return nil, sdk.Explain(err, "describe task definition "+id(ref))
	}
	in.TaskDefinition = d.TaskDefinition.TaskDefinitionArn
	w.out.Revision = id(aws.ToString(in.TaskDefinition))
	if w.out.Container, err = pick(d.TaskDefinition.ContainerDefinitions, q.Container); err != nil {
		return nil, err
	}
	w.streams = streamsOf(d.TaskDefinition)
	if len(q.Command) > 0 || len(q.Env) > 0 {
		o := types.ContainerOverride{Name: &w.out.Container, Command: q.Command}
		for _, k := range sorted(q.Env) {
			o.Environment = append(o.Environment, types.KeyValuePair{Name: aws.String(k), Value: aws.String(q.Env[k])})
		}
		in.Overrides = &types.TaskOverride{ContainerOverrides: []types.ContainerOverride{o}}
	}
	return in, nil
}

func (w *work) service(ctx context.Context, q Request) (*types.Service, error) {
	out, err := w.ECS.DescribeServices(ctx, &ecs.DescribeServicesInput{Cluster: w.cluster, Services: []string{q.Service}})
	if err != nil {
		return nil, sdk.Explain(err, fmt.Sprintf("describe service %q in cluster %q", q.Service, id(q.Cluster)))
	}
	if len(out.Services) == 0 || aws.ToString(out.Services[0].Status) == "INACTIVE" {
		return nil, fail.New("service.not_found", "check the names and the region", "service %q is not in cluster %q", q.Service, id(q.Cluster))
	}
	return &out.Services[0], nil
}

// pick gives the container that is meant: the one named, the only one, or the only essential one.
func pick(all []types.ContainerDefinition, name string) (string, error) {
	var names, essential []string
	for _, c := range all {
		names = append(names, aws.ToString(c.Name))
		if c.Essential == nil || *c.Essential {
			essential = append(essential, aws.ToString(c.Name))
		}
	}
	switch {
	case slices.Contains(names, name):
		return name, nil
	case name == "" && len(names) == 1:
		return names[0], nil
	case name == "" && len(essential) == 1:
		return essential[0], nil
	case name == "":
		return "", fail.New("usage.container", "name one with --container: "+strings.Join(names, ", "), "there are several essential containers")
	}
	return "", fail.New("container.not_found", "its containers are "+strings.Join(names, ", "), "there is no container %q in the task definition", name)
}
