package ecs

import (
	"slices"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/slipway-ecs/slipway/internal/store"
)

// instanceView is an instance as the API shows it; tags and health only where asked for.
func (s *Service) instanceView(tx *store.Tx, x *Instance, include []types.ContainerInstanceField) types.ContainerInstance {
	v := types.ContainerInstance{
		ContainerInstanceArn: new(x.ARN), Ec2InstanceId: new(x.EC2), Status: new(x.Status), Version: int64(x.Version), RegisteredAt: at(x.Registered),
		AgentConnected: x.Status != instanceInactive,
		VersionInfo:    &types.VersionInfo{AgentVersion: new(x.Agent), AgentHash: new(agentHash), DockerVersion: new(x.Docker)},
		Attachments:    []types.Attachment{}, Attributes: []types.Attribute{}, Tags: []types.Tag{},
	}
	for _, a := range x.Attributes {
		v.Attributes = append(v.Attributes, types.Attribute{Name: new(a.Name), Value: orNil(a.Value)})
	}
	left := x.fresh()
	ports, udp, gpus := slices.Clone(x.Ports), slices.Clone(x.UDP), slices.Clone(x.GPUs)
	for t := range s.tasks.By(tx, "instance", x.ARN) {
		switch {
		case t.Last == "RUNNING":
			v.RunningTasksCount++
		case started(t.Last):
			v.PendingTasksCount++
		}
		left.Take(s.needOfTask(tx, &t))
		for _, p := range t.HostPorts {
			switch {
			case p.Dynamic:
			case p.UDP:
				udp = append(udp, p.Host)
			default:
				ports = append(ports, p.Host)
			}
		}
		gpus = slices.DeleteFunc(gpus, func(id string) bool { return slices.Contains(t.GPUs, id) })
	}
	v.RegisteredResources = resources(x.CPU, x.MemoryMiB, x.Ports, x.UDP, x.GPUs, len(x.GPUs) > 0)
	v.RemainingResources = resources(left.CPU, left.MemoryMiB, ports, udp, gpus, len(x.GPUs) > 0)
	if slices.Contains(include, types.ContainerInstanceFieldTags) {
		v.Tags = tagsOut(x.Tags)
	}
	if slices.Contains(include, types.ContainerInstanceFieldContainerInstanceHealth) {
		v.HealthStatus = &types.ContainerInstanceHealthStatus{
			OverallStatus: types.InstanceHealthCheckStateOk,
			Details: []types.InstanceHealthCheckResult{{
				Type: types.InstanceHealthCheckTypeContainerRuntime, Status: types.InstanceHealthCheckStateOk, LastUpdated: at(x.Registered), LastStatusChange: at(x.Registered),
			}},
		}
	}
	return v
}

// resources are an instance's resources, in ECS's order.
func resources(cpu, memory int, ports, udp []int, gpus []string, hasGPUs bool) []types.Resource {
	all := []types.Resource{
		{Name: new("CPU"), Type: new("INTEGER"), IntegerValue: int32(cpu)},
		{Name: new("MEMORY"), Type: new("INTEGER"), IntegerValue: int32(memory)},
		{Name: new("PORTS"), Type: new("STRINGSET"), StringSetValue: numerals(ports)},
		{Name: new("PORTS_UDP"), Type: new("STRINGSET"), StringSetValue: numerals(udp)},
	}
	if hasGPUs {
		all = append(all, types.Resource{Name: new("GPU"), Type: new("STRINGSET"), StringSetValue: append([]string{}, gpus...)})
	}
	return all
}

func numerals(all []int) []string {
	out := make([]string, len(all))
	for i, n := range all {
		out[i] = strconv.Itoa(n)
	}
	return out
}
