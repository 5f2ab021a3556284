package ecs

import (
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/slipway-ecs/slipway/internal/cloud"
	"github.com/slipway-ecs/slipway/internal/names"
	"github.com/slipway-ecs/slipway/internal/store"
)

// newTask is a task to be made: one of a service's deployment, or one somebody runs.
type newTask struct {
	Service    *ServiceRow // nil for a task somebody runs; then Cluster, Work and StartedBy say the rest
	Deployment *Deployment // of the service
	Definition *types.TaskDefinition
	ARN        string // of the definition; empty is the workload's
	Zone       string // where it shall be, if its subnets reach there; empty is the first subnet's

	Cluster       string // ARN
	Work          Workload
	Group         string
	StartedBy     string
	Overrides     *types.TaskOverride
	Tags          []Tag
	ManagedTags   bool
	ExecCommand   bool
	Provider      string // the one of Work.Providers this task is for; empty picks the first
	Berth         *berth // its place on an instance; nil on Fargate
	Token, Hashed string
}

// Fargate's platform versions: what LATEST means (ecs.md 3.3 shows 1.4.0 on a deployment).
const latestPlatform = "1.4.0"

// newTask inserts the row of a task, which the task keeper then brings to life. For a service's
// task it takes group, startedBy, targets, grace period and tags from service and deployment.
//
// Source: ecs.md 4.1 (startedBy, group), 9.1 (a new task's statuses).
func (s *Service) newTask(tx *store.Tx, n newTask) Task {
	if n.Service != nil {
		n.Cluster, n.Work = n.Service.Cluster, n.Deployment.Work
		n.Group, n.StartedBy = "service:"+n.Service.Name, names.DeploymentID(n.Deployment.Digits)
		n.ManagedTags, n.ExecCommand = n.Service.Settings.ManagedTags, n.Service.Settings.ExecuteCommand
	}
	if n.ARN == "" {
		n.ARN = n.Work.TaskDefinition
	}
	scope, d := names.ScopeOf(n.Cluster), n.Definition
	t := Task{
		ID: s.o.IDs.Hex(32), Cluster: n.Cluster, Group: n.Group, StartedBy: n.StartedBy, Definition: n.ARN,
		LaunchType: n.Work.LaunchType, Network: n.Work.Network, ManagedTags: n.ManagedTags, ExecuteCommand: n.ExecCommand,
		Token: n.Token, TokenHash: n.Hashed, Last: "PENDING", Desired: "RUNNING", Health: "UNKNOWN", Version: 1, Created: tx.Now(),
	}
	t.ARN = scope.Task(names.Last(n.Cluster), t.ID)
	if strategy := cloud.Kept[[]types.CapacityProviderStrategyItem](n.Work.Providers); len(strategy) > 0 && t.LaunchType == "" {
		if t.Provider = n.Provider; t.Provider == "" {
			t.Provider = providerOf(strategy, 0)
		}
		t.LaunchType, t.Last = "FARGATE", "PROVISIONING"
		if n.Berth != nil {
			t.LaunchType = "EC2"
		}
	}
	if t.LaunchType == "FARGATE" {
		t.Last, t.Platform = "PROVISIONING", latestPlatform
		if v := n.Work.PlatformVersion; v != "" && v != "LATEST" {
			t.Platform = v
		}
	}
	if d.NetworkMode == types.NetworkModeAwsvpc {
		t.Last, t.ENI = "PROVISIONING", s.o.IDs.UUID()
	}
	if b := n.Berth; b != nil {
		t.Instance, t.HostPorts, t.GPUs = b.instance, b.ports, b.gpus
		n.Zone = b.zone
	}
	s.place(tx, scope, &t, n.Zone)
	if n.Berth != nil {
		t.Zone = n.Berth.zone
	}
	if n.Overrides != nil {
		t.Overrides = cloud.Keep(n.Overrides)
		if e := n.Overrides.EphemeralStorage; e != nil {
			t.Ephemeral = int(e.SizeInGiB)
		}
	}
	if t.Ephemeral == 0 && d.EphemeralStorage != nil {
		t.Ephemeral = int(d.EphemeralStorage.SizeInGiB)
	}
	for _, c := range d.ContainerDefinitions {
		row := Container{
			Name: *c.Name, ARN: scope.Container(names.Last(n.Cluster), t.ID, s.o.IDs.UUID()), Image: *c.Image,
			Essential: c.Essential == nil || *c.Essential, Last: "PENDING", Token: t.ID + "-" + s.o.IDs.Digits(10),
		}
		if c.HealthCheck != nil {
			row.Health = "UNKNOWN"
		}
		if n.Deployment != nil && c.VersionConsistency != types.VersionConsistencyDisabled {
			row.Fixed = n.Deployment.digest(row.Name, row.Image)
		}
		t.Containers = append(t.Containers, row)
	}
	t.Tags = s.tagsOf(tx, &n, scope)
	if n.Service != nil {
		t.Service, t.Deployment = n.Service.ARN, n.Deployment.Digits
		t.GraceUntil = tx.Now().Add(n.Service.Settings.Grace)
		groups := n.Deployment.groups()
		for i, lb := range cloud.Kept[[]types.LoadBalancer](n.Deployment.Work.LoadBalancers) {
			if lb.TargetGroupArn != nil {
				target := Target{Group: groups[i], Container: text(lb.ContainerName), Port: int(*or(lb.ContainerPort, 0))}
				if g, ok := s.o.Balancer.Group(tx, target.Group); ok && g.TargetType == "instance" && n.Berth != nil {
					target.EC2, target.Host = n.Berth.ec2, t.hostPortOf(target.Container, types.PortMapping{ContainerPort: lb.ContainerPort})
				}
				t.Targets = append(t.Targets, target)
			}
		}
	}
	s.tasks.Put(tx, t)
	return t
}

// place gives a task its subnet and zone: the first of its subnets that lies in the zone wished
// for, else its first.
func (s *Service) place(tx *store.Tx, scope names.Scope, t *Task, zone string) {
	t.Zone = zone
	network := cloud.Kept[types.NetworkConfiguration](t.Network)
	if network.AwsvpcConfiguration == nil {
		return
	}
	for i, id := range network.AwsvpcConfiguration.Subnets {
		_, z, _ := s.o.Networks.Subnet(tx, scope, id)
		if i == 0 || zone != "" && z == zone {
			t.Subnet, t.Zone = id, z
		}
		if zone != "" && z == zone {
			return
		}
	}
}

// tagsOf gives a new task's tags: its own, those propagated, those ECS manages.
//
// Source: ecs.md 3.5 and the API model's propagateTags; managed tags are aws:ecs:clusterName and
// aws:ecs:serviceName.
func (s *Service) tagsOf(tx *store.Tx, n *newTask, scope names.Scope) []Tag {
	tags := slices.Clone(n.Tags)
	add := func(more []Tag) {
		for _, t := range more {
			if !slices.ContainsFunc(tags, func(h Tag) bool { return h.Key == t.Key }) {
				tags = append(tags, t)
			}
		}
	}
	if n.Service != nil {
		switch n.Service.Settings.PropagateTags {
		case "SERVICE":
			add(n.Service.Tags)
		case "TASK_DEFINITION":
			d, _ := s.definitions.Get(tx, n.ARN)
			add(d.Tags)
		}
	}
	if n.ManagedTags {
		add([]Tag{{"aws:ecs:clusterName", names.Last(n.Cluster)}})
		if n.Service != nil {
			add([]Tag{{"aws:ecs:serviceName", n.Service.Name}})
		}
	}
	return tags
}

// stopTask decides the end of a task: it will be taken from its targets and stopped. A task that
// is to stop already keeps its first reason. It gives the row as it is then.
//
// Source: ecs.md 4.1: stoppingAt, stopCode and stoppedReason are set when the stop is decided.
func (s *Service) stopTask(tx *store.Tx, t Task, code, reason string) Task {
	if t.Desired == "STOPPED" {
		return t
	}
	t.end(tx.Now(), code, reason)
	t.Version++
	s.tasks.Put(tx, t)
	return t
}

// end writes the decision to stop into a row.
func (t *Task) end(now time.Time, code, reason string) {
	t.Desired, t.StopCode, t.StopReason, t.Stopping = "STOPPED", code, reason, now
}
