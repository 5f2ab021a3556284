package ecs

import (
	"cmp"
	"maps"
	"slices"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/slipway-ecs/slipway/internal/cloud"
	"github.com/slipway-ecs/slipway/internal/launch"
	"github.com/slipway-ecs/slipway/internal/names"
)

// launchTask gives the task as a runtime must know it: the definition with the overrides applied.
func (c *care) launchTask() launch.Task { return c.launchOf(c.t, c.d) }

func (s *Service) launchOf(t *Task, d *types.TaskDefinition) launch.Task {
	lt := launch.Task{
		ID: t.ID, Name: names.Last(t.Cluster) + "/" + names.Last(t.Definition), NetworkMode: string(d.NetworkMode),
		CPU: whole(text(d.Cpu)), MemoryMiB: whole(text(d.Memory)),
	}
	overrides := cloud.Kept[types.TaskOverride](t.Overrides)
	for _, row := range t.Containers {
		def := definitionOf(d, row.Name)
		o := overrideOf(overrides, row.Name)
		x := launch.Container{
			Name: row.Name, Image: row.Image, EntryPoint: def.EntryPoint, Command: def.Command,
			Env: s.environment(t, &row, d, o), WorkingDir: text(def.WorkingDirectory), CPU: int(def.Cpu),
			MemoryMiB: int(*or(def.Memory, 0)), Digest: cmp.Or(row.Digest, row.Fixed), User: text(def.User), ReadOnly: *or(def.ReadonlyRootFilesystem, false),
			Mounts: mountsOf(d, def),
		}
		if l := def.LinuxParameters; l != nil {
			x.Init = *or(l.InitProcessEnabled, false)
		}
		for _, k := range slices.Sorted(maps.Keys(def.DockerLabels)) {
			x.Labels = append(x.Labels, launch.KeyValue{Key: k, Value: def.DockerLabels[k]})
		}
		if len(o.Command) > 0 {
			x.Command = o.Command
		}
		if o.Cpu != nil {
			x.CPU = int(*o.Cpu)
		}
		if o.Memory != nil {
			x.MemoryMiB = int(*o.Memory)
		}
		for _, p := range def.PortMappings {
			if p.ContainerPort != nil {
				x.Ports = append(x.Ports, launch.Port{Container: int(*p.ContainerPort), Host: int(*or(p.HostPort, 0)), Protocol: string(p.Protocol)})
			}
		}
		lt.Containers = append(lt.Containers, x)
	}
	return lt
}

// whole reads a size of a task definition; 0 where there is none. What is no number was refused
// when it was registered.
func whole(s string) int {
	n, _ := strconv.Atoi(s)
	return n
}

// mountsOf gives a container's volumes: paths of the host, or volumes of the task's own.
func mountsOf(d *types.TaskDefinition, c *types.ContainerDefinition) []launch.Mount {
	var all []launch.Mount
	for _, m := range c.MountPoints {
		x := launch.Mount{Volume: text(m.SourceVolume), Path: text(m.ContainerPath), ReadOnly: *or(m.ReadOnly, false)}
		for _, v := range d.Volumes {
			if v.Host != nil && text(v.Name) == x.Volume {
				x.Host = text(v.Host.SourcePath)
			}
		}
		all = append(all, x)
	}
	return all
}

// overrideOf gives what a task overrides of a container; the zero value where nothing.
func overrideOf(o types.TaskOverride, name string) types.ContainerOverride {
	if i := slices.IndexFunc(o.ContainerOverrides, func(x types.ContainerOverride) bool { return text(x.Name) == name }); i >= 0 {
		return o.ContainerOverrides[i]
	}
	return types.ContainerOverride{}
}

// environment gives a container's variables in the order in which later ones win: AWS's own, then
// the definition's, then the override's. The runtime puts PATH and its like before them.
func (s *Service) environment(t *Task, row *Container, d *types.TaskDefinition, o types.ContainerOverride) []launch.KeyValue {
	scope := names.ScopeOf(t.ARN)
	id, secret := s.o.Credentials(scope, t.ARN)
	endpoint := s.o.TaskEndpoint()
	where := "AWS_ECS_EC2"
	if t.LaunchType == "FARGATE" {
		where = "AWS_ECS_FARGATE"
	}
	env := []launch.KeyValue{
		{Key: "ECS_CONTAINER_METADATA_URI_V4", Value: endpoint + MetadataPath + metadataV4 + row.Token},
		{Key: "AWS_REGION", Value: scope.Region},
		{Key: "AWS_DEFAULT_REGION", Value: scope.Region},
		{Key: "AWS_ACCESS_KEY_ID", Value: id},
		{Key: "AWS_SECRET_ACCESS_KEY", Value: secret},
		{Key: "AWS_ENDPOINT_URL", Value: endpoint},
		{Key: "AWS_EXECUTION_ENV", Value: where},
	}
	for _, list := range [][]types.KeyValuePair{definitionOf(d, row.Name).Environment, o.Environment} {
		for _, kv := range list {
			env = append(env, launch.KeyValue{Key: text(kv.Name), Value: text(kv.Value)})
		}
	}
	return env
}

// unserved says what a task needs that this cloud does not serve yet, as ECS says that a task's
// resources cannot be had; empty where there is nothing.
func unserved(d *types.TaskDefinition) string {
	const words = "ResourceInitializationError: unable to pull secrets or registry auth: "
	for _, c := range d.ContainerDefinitions {
		if len(c.EnvironmentFiles) > 0 {
			return words + "environment files are not served by this local cloud yet: container " + strconv.Quote(text(c.Name)) + " asks for " + text(c.EnvironmentFiles[0].Value)
		}
	}
	return ""
}
