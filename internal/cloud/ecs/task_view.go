package ecs

import (
	"fmt"
	"hash/fnv"
	"slices"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/slipway-ecs/slipway/internal/cloud"
	"github.com/slipway-ecs/slipway/internal/launch"
	"github.com/slipway-ecs/slipway/internal/store"
)

// taskView is a task as the API shows it; tags only where asked for.
func (s *Service) taskView(tx *store.Tx, t *Task, tags bool) types.Task {
	d, ok := s.definition(tx, t.Definition)
	if !ok {
		panic("ecs: task " + t.ARN + " has a definition that is not there")
	}
	overrides := cloud.Kept[types.TaskOverride](t.Overrides)
	v := types.Task{
		TaskArn: new(t.ARN), ClusterArn: new(t.Cluster), TaskDefinitionArn: new(t.Definition), Group: orNil(t.Group),
		StartedBy: orNil(t.StartedBy), LaunchType: types.LaunchType(t.LaunchType), CapacityProviderName: orNil(t.Provider),
		PlatformVersion: orNil(t.Platform), AvailabilityZone: orNil(t.Zone), ContainerInstanceArn: orNil(t.Instance),
		LastStatus: new(t.Last), DesiredStatus: new(t.Desired), HealthStatus: types.HealthStatus(t.Health),
		StopCode: types.TaskStopCode(t.StopCode), StoppedReason: orNil(t.StopReason), Version: int64(t.Version),
		EnableExecuteCommand: t.ExecuteCommand, Cpu: d.Cpu, Memory: d.Memory,
		CreatedAt: at(t.Created), PullStartedAt: at(t.PullStarted), PullStoppedAt: at(t.PullStopped), StartedAt: at(t.Started),
		StoppingAt: at(t.Stopping), ExecutionStoppedAt: at(t.ExecutionStopped), StoppedAt: at(t.Stopped), ConnectivityAt: at(t.Connected),
		//lint:ignore SA1019 ECS still answers with the empty list
		Attachments: []types.Attachment{}, InferenceAccelerators: []types.InferenceAccelerator{}, Tags: []types.Tag{},
		Attributes: []types.Attribute{{Name: new("ecs.cpu-architecture"), Value: new(architecture(d))}},
		//lint:ignore SA1019 likewise
		Overrides: &types.TaskOverride{ContainerOverrides: []types.ContainerOverride{}, InferenceAcceleratorOverrides: []types.InferenceAcceleratorOverride{}},
	}
	if !t.Connected.IsZero() {
		v.Connectivity = types.ConnectivityConnected
	}
	if tags {
		v.Tags = tagsOut(t.Tags)
	}
	if t.LaunchType == "FARGATE" {
		v.PlatformFamily = new(familyOf(d))
		size := int32(20)
		if t.Ephemeral > 0 {
			size = int32(t.Ephemeral)
		}
		v.EphemeralStorage = &types.EphemeralStorage{SizeInGiB: size}
		v.FargateEphemeralStorage = &types.TaskEphemeralStorage{SizeInGiB: size}
	}
	if t.ENI != "" {
		v.Attachments = append(v.Attachments, t.attachment())
	}
	if overrides.Cpu != nil {
		v.Cpu = normal(*overrides.Cpu, cpuUnits)
	}
	if overrides.Memory != nil {
		v.Memory = normal(*overrides.Memory, memoryMiB)
	}
	v.Overrides.Cpu, v.Overrides.Memory = overrides.Cpu, overrides.Memory
	v.Overrides.ExecutionRoleArn, v.Overrides.TaskRoleArn = overrides.ExecutionRoleArn, overrides.TaskRoleArn
	v.Overrides.EphemeralStorage = overrides.EphemeralStorage
	if t.Instance != "" { // without a size of its own a task shows its containers' (unconfirmed)
		need := needOf(d, &overrides)
		v.Cpu, v.Memory = new(strconv.Itoa(need.CPU)), new(strconv.Itoa(need.MemoryMiB))
	}
	gpus := t.GPUs
	for i := range t.Containers {
		x := &t.Containers[i]
		o := overrideOf(overrides, x.Name)
		c := t.containerView(x, d, o)
		n := min(gpusOf(definitionOf(d, x.Name), &o), len(gpus))
		c.GpuIds, gpus = gpus[:n:n], gpus[n:]
		o.Name = new(x.Name)
		v.Overrides.ContainerOverrides = append(v.Overrides.ContainerOverrides, o)
		v.Containers = append(v.Containers, c)
	}
	return v
}

func normal(s string, read func(string) (int, bool)) *string {
	if n, ok := read(s); ok {
		return new(strconv.Itoa(n))
	}
	return new(s)
}

func at(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

func architecture(d *types.TaskDefinition) string {
	if d.RuntimePlatform != nil && d.RuntimePlatform.CpuArchitecture == types.CPUArchitectureArm64 {
		return "arm64"
	}
	return "x86_64"
}

// mostReason is how many characters a container's reason shows. Source: ecs.md 4.2.
const mostReason = 1024

func clipped(reason string) string {
	if r := []rune(reason); len(r) > mostReason {
		return string(r[:mostReason])
	}
	return reason
}

// containerView is a container as the API shows it: exitCode only once it has ended by itself.
func (t *Task) containerView(x *Container, d *types.TaskDefinition, o types.ContainerOverride) types.Container {
	def := definitionOf(d, x.Name)
	v := types.Container{
		ContainerArn: new(x.ARN), TaskArn: new(t.ARN), Name: new(x.Name), Image: new(x.Image), ImageDigest: orNil(x.Digest),
		RuntimeId: orNil(x.RuntimeID), LastStatus: new(x.Last), HealthStatus: types.HealthStatusUnknown, Reason: orNil(clipped(x.Reason)),
		NetworkBindings: []types.NetworkBinding{}, NetworkInterfaces: []types.NetworkInterface{},
		Cpu: new(strconv.Itoa(int(def.Cpu))), Memory: number(def.Memory), MemoryReservation: number(def.MemoryReservation),
	}
	if x.Health != "" {
		v.HealthStatus = types.HealthStatus(x.Health)
	}
	if x.Exit != nil {
		v.ExitCode = new(int32(*x.Exit))
	}
	if o.Cpu != nil {
		v.Cpu = number(o.Cpu)
	}
	if o.Memory != nil {
		v.Memory = number(o.Memory)
	}
	if o.MemoryReservation != nil {
		v.MemoryReservation = number(o.MemoryReservation)
	}
	switch {
	case t.Place.Address == "":
	case t.ENI != "":
		v.NetworkInterfaces = append(v.NetworkInterfaces, types.NetworkInterface{AttachmentId: new(t.ENI), PrivateIpv4Address: new(t.Place.Address)})
	case x.started():
		for _, p := range def.PortMappings {
			if p.ContainerPort == nil {
				continue
			}
			b := types.NetworkBinding{BindIP: new(t.Place.Address), ContainerPort: p.ContainerPort, HostPort: p.ContainerPort, Protocol: p.Protocol}
			if t.Instance != "" { // of its instance; where the runtime publishes ports, there
				b.HostPort = new(int32(t.hostPortOf(x.Name, p)))
			}
			if i := slices.IndexFunc(t.Place.Ports, func(e launch.PortAt) bool { return e.Container == int(*p.ContainerPort) }); i >= 0 {
				b.BindIP, b.HostPort = new(t.Place.Ports[i].Host), new(int32(t.Place.Ports[i].Port))
			}
			v.NetworkBindings = append(v.NetworkBindings, b)
		}
	}
	return v
}

// hostPortOf gives the port of its instance that a port mapping has.
func (t *Task) hostPortOf(container string, m types.PortMapping) int {
	for _, p := range t.HostPorts {
		if p.Container == container && p.Port == int(*m.ContainerPort) && p.UDP == (m.Protocol == types.TransportProtocolUdp) {
			return p.Host
		}
	}
	return int(*m.ContainerPort)
}

func number(n *int32) *string {
	if n == nil {
		return nil
	}
	return new(strconv.Itoa(int(*n)))
}

// attachment is the task's elastic network interface: a record alone, whose names follow from its
// id (ecs.md 10).
func (t *Task) attachment() types.Attachment {
	status := "PRECREATED"
	switch {
	case t.Last == "STOPPED":
		status = "DELETED"
	case t.Prepared:
		status = "ATTACHED"
	}
	h := fnv.New64a()
	h.Write([]byte(t.ENI)) // a hash never fails
	n := h.Sum64()
	a := types.Attachment{Id: new(t.ENI), Type: new("ElasticNetworkInterface"), Status: new(status), Details: []types.KeyValuePair{}}
	detail := func(name, value string) {
		if value != "" {
			a.Details = append(a.Details, types.KeyValuePair{Name: new(name), Value: new(value)})
		}
	}
	detail("subnetId", t.Subnet)
	if t.Place.Address != "" {
		detail("networkInterfaceId", fmt.Sprintf("eni-0%016x", n))
		detail("macAddress", fmt.Sprintf("0a:%02x:%02x:%02x:%02x:%02x", byte(n>>32), byte(n>>24), byte(n>>16), byte(n>>8), byte(n)))
		detail("privateIPv4Address", t.Place.Address)
	}
	return a
}
