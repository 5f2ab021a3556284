package ecs

import (
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// The values ECS fills into a health check (ecs.md 2.4, 4.4).
const (
	checkInterval = 30
	checkTimeout  = 5
	checkRetries  = 3
)

// definitionFrom checks what is to be registered and fills in what ECS fills in (ecs.md 2.4). The
// request stays as it is.
func (s *Service) definitionFrom(in *ecs.RegisterTaskDefinitionInput) (*types.TaskDefinition, error) {
	d := &types.TaskDefinition{
		Family: in.Family, ContainerDefinitions: fillContainers(in), Cpu: in.Cpu, Memory: in.Memory,
		EnableFaultInjection: in.EnableFaultInjection, EphemeralStorage: in.EphemeralStorage,
		ExecutionRoleArn: in.ExecutionRoleArn, TaskRoleArn: in.TaskRoleArn,
		//lint:ignore SA1019 ECS still takes and echoes it
		InferenceAccelerators: in.InferenceAccelerators, IpcMode: in.IpcMode, PidMode: in.PidMode,
		NetworkMode: in.NetworkMode, ProxyConfiguration: in.ProxyConfiguration,
		PlacementConstraints:    append([]types.TaskDefinitionPlacementConstraint{}, in.PlacementConstraints...),
		RequiresCompatibilities: in.RequiresCompatibilities, RuntimePlatform: in.RuntimePlatform,
		Volumes: append([]types.Volume{}, in.Volumes...),
	}
	if err := checkDefinition(d); err != nil {
		return nil, err
	}
	fargate := fargateProblem(d)
	switch {
	case fargate == nil:
	case missingSurroundings(d) && s.lenient("accepted for Fargate: task definition %s: %v", text(d.Family), fargate):
		fargate = nil
	case slices.Contains(in.RequiresCompatibilities, types.CompatibilityFargate):
		return nil, fargate
	}
	d.Compatibilities = compatibilities(d, fargate == nil)
	d.RequiresAttributes = requiredAttributes(d)
	return d, nil
}

func fillContainers(in *ecs.RegisterTaskDefinitionInput) []types.ContainerDefinition {
	out := make([]types.ContainerDefinition, len(in.ContainerDefinitions))
	for i, c := range in.ContainerDefinitions {
		if c.Essential == nil {
			c.Essential = new(true)
		}
		c.Environment = append([]types.KeyValuePair{}, c.Environment...)
		c.MountPoints = append([]types.MountPoint{}, c.MountPoints...)
		c.VolumesFrom = append([]types.VolumeFrom{}, c.VolumesFrom...)
		c.SystemControls = append([]types.SystemControl{}, c.SystemControls...)
		ports := make([]types.PortMapping, len(c.PortMappings))
		for k, p := range c.PortMappings {
			if p.Protocol == "" {
				p.Protocol = types.TransportProtocolTcp
			}
			if p.HostPort == nil && p.ContainerPort != nil {
				p.HostPort = new(int32(0))
				if in.NetworkMode == types.NetworkModeAwsvpc || in.NetworkMode == types.NetworkModeHost {
					p.HostPort = new(*p.ContainerPort)
				}
			}
			ports[k] = p
		}
		c.PortMappings = ports
		if c.HealthCheck != nil {
			h := *c.HealthCheck
			h.Interval, h.Timeout, h.Retries = or(h.Interval, checkInterval), or(h.Timeout, checkTimeout), or(h.Retries, checkRetries)
			c.HealthCheck = &h
		}
		out[i] = c
	}
	return out
}

func or[T any](v *T, d T) *T {
	if v == nil {
		return new(d)
	}
	return v
}

// cpuUnits reads a task's cpu: "256", "1 vCPU", ".5 vcpu". 1024 units are one CPU.
func cpuUnits(s string) (units int, ok bool) { return size(s, "vcpu") }

// memoryMiB reads a task's memory: "512", "0.5GB", "1 GB".
func memoryMiB(s string) (mib int, ok bool) { return size(s, "gb") }

// size reads a number, or 1024 times a number with a unit.
func size(s, unit string) (int, bool) {
	s = strings.ToLower(strings.TrimSpace(s))
	if n, found := strings.CutSuffix(s, unit); found {
		f, err := strconv.ParseFloat(strings.TrimSpace(n), 64)
		if err != nil || f <= 0 || f > 1<<20 {
			return 0, false
		}
		return int(math.Round(f * 1024)), true
	}
	n, err := strconv.Atoi(s)
	return n, err == nil && n > 0
}

// compatibilities gives the launch types a definition can run with, in the order ECS lists them.
//
// Source: ecs.md 2.4; a bridge definition's list is a capture.
func compatibilities(d *types.TaskDefinition, fargate bool) []types.Compatibility {
	var out []types.Compatibility
	if d.NetworkMode != types.NetworkModeAwsvpc {
		out = append(out, types.CompatibilityExternal)
	}
	out = append(out, types.CompatibilityEc2)
	if fargate {
		out = append(out, types.CompatibilityFargate)
		if d.NetworkMode == types.NetworkModeAwsvpc {
			out = append(out, types.CompatibilityManagedInstances)
		}
	}
	return out
}

// requiredAttributes gives the agent's abilities a definition needs: those that follow from its
// network mode, roles, log drivers and health checks.
func requiredAttributes(d *types.TaskDefinition) []types.Attribute {
	need := []string{}
	add := func(when bool, name string) {
		if when && !slices.Contains(need, name) {
			need = append(need, name)
		}
	}
	for _, c := range d.ContainerDefinitions {
		if l := c.LogConfiguration; l != nil {
			add(true, "com.amazonaws.ecs.capability.logging-driver."+string(l.LogDriver))
			add(l.LogDriver == types.LogDriverAwslogs && d.ExecutionRoleArn != nil, "ecs.capability.execution-role-awslogs")
		}
		add(c.HealthCheck != nil, "ecs.capability.container-health-check")
		add(len(c.DependsOn) > 0, "ecs.capability.container-ordering")
		for _, x := range c.Secrets {
			asm := ofSecretsManager(text(x.ValueFrom))
			add(asm, "ecs.capability.secrets.asm.environment-variables")
			add(!asm, "ecs.capability.secrets.ssm.environment-variables")
		}
		add(strings.Contains(text(c.Image), ".dkr.ecr."), "com.amazonaws.ecs.capability.ecr-auth")
	}
	add(text(d.TaskRoleArn) != "", "com.amazonaws.ecs.capability.task-iam-role")
	add(d.NetworkMode == types.NetworkModeAwsvpc, "ecs.capability.task-eni")
	add(true, "com.amazonaws.ecs.capability.docker-remote-api.1.18")
	slices.Sort(need)
	out := make([]types.Attribute, len(need))
	for i, n := range need {
		out[i] = types.Attribute{Name: new(n)}
	}
	return out
}
