package ecs

import (
	"cmp"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/slipway-ecs/slipway/internal/names"
	"github.com/slipway-ecs/slipway/internal/place"
	"github.com/slipway-ecs/slipway/internal/store"
)

// Container instances are virtual: an instance is a row with resources that run out, and the tasks
// on it run as all tasks do. Its agent is this cloud, so it is always connected.

// The statuses of a container instance.
const (
	instanceActive   = "ACTIVE"
	instanceDraining = "DRAINING"
	instanceInactive = "INACTIVE"
)

// Instance is the row of a container instance, by ARN.
type Instance struct {
	ARN, Cluster string // ARNs
	EC2          string // ec2InstanceId
	Zone         string
	Status       string // ACTIVE, DRAINING, INACTIVE
	Own          bool   // made with its cluster, and gone with it; not registered by a call

	CPU, MemoryMiB int
	Ports, UDP     []int    // that the instance itself uses
	GPUs           []string // their ids
	Attributes     []Pair   // by name
	Agent, Docker  string   // versions
	Tags           []Tag
	Version        int

	Registered, Gone time.Time // Gone is when it became INACTIVE
}

// Pair is an attribute of an instance. Custom ones can be changed by PutAttributes.
type Pair struct {
	Name, Value string
	Custom      bool
}

// goneAfter is how long an INACTIVE instance can still be described. ECS says only that this may
// end (unconfirmed).
const goneAfter = time.Hour

// The versions that our instances report (unconfirmed: those of some day).
const (
	agentVersion  = "1.99.0"
	agentHash     = "4c5c3a2b"
	dockerVersion = "DockerVersion: 25.0.8"
)

// agentPorts are the ports that an instance with ECS's agent uses itself.
//
// Source: ECS Developer Guide, portMappings: reserved ports 22, 2375, 2376, 51678 to 51680; an
// agent registers the first five.
var agentPorts = []int{22, 2376, 2375, 51678, 51679}

// abilities are the attributes that ECS's agent registers for what it can do, of those that task
// definitions ask for. All of them are had by instances that come without any.
var abilities = []string{
	"com.amazonaws.ecs.capability.docker-remote-api.1.17", "com.amazonaws.ecs.capability.docker-remote-api.1.18",
	"com.amazonaws.ecs.capability.docker-remote-api.1.19", "com.amazonaws.ecs.capability.docker-remote-api.1.20",
	"com.amazonaws.ecs.capability.docker-remote-api.1.21", "com.amazonaws.ecs.capability.docker-remote-api.1.22",
	"com.amazonaws.ecs.capability.docker-remote-api.1.23", "com.amazonaws.ecs.capability.docker-remote-api.1.24",
	"com.amazonaws.ecs.capability.docker-remote-api.1.25", "com.amazonaws.ecs.capability.docker-remote-api.1.29",
	"com.amazonaws.ecs.capability.ecr-auth", "com.amazonaws.ecs.capability.logging-driver.awslogs",
	"com.amazonaws.ecs.capability.logging-driver.awsfirelens", "com.amazonaws.ecs.capability.logging-driver.gelf",
	"com.amazonaws.ecs.capability.logging-driver.journald", "com.amazonaws.ecs.capability.logging-driver.splunk",
	"com.amazonaws.ecs.capability.logging-driver.fluentd", "com.amazonaws.ecs.capability.logging-driver.json-file",
	"com.amazonaws.ecs.capability.logging-driver.none", "com.amazonaws.ecs.capability.logging-driver.syslog",
	"com.amazonaws.ecs.capability.privileged-container", "com.amazonaws.ecs.capability.task-iam-role",
	"com.amazonaws.ecs.capability.task-iam-role-network-host", "ecs.capability.container-health-check",
	"ecs.capability.container-ordering", "ecs.capability.execution-role-awslogs", "ecs.capability.execution-role-ecr-pull",
	"ecs.capability.secrets.asm.environment-variables", "ecs.capability.secrets.ssm.environment-variables",
	"ecs.capability.task-cpu-mem-limit", "ecs.capability.task-eni",
}

// newInstance gives the row of a new instance of a type, in a zone, with what ECS itself says of it.
func (s *Service) newInstance(tx *store.Tx, cluster, kind, zone string) Instance {
	scope := names.ScopeOf(cluster)
	k := instanceTypes[kind]
	x := Instance{
		ARN: instanceARN(cluster, s.o.IDs.Hex(32)), Cluster: cluster, EC2: "i-0" + s.o.IDs.Hex(16), Zone: zone, Status: instanceActive,
		CPU: k.cpu, MemoryMiB: k.memory, Ports: agentPorts, UDP: []int{}, Agent: agentVersion, Docker: dockerVersion, Version: 1, Registered: tx.Now(),
	}
	for range k.gpus {
		x.GPUs = append(x.GPUs, "GPU-"+s.o.IDs.UUID())
	}
	x.Attributes = inborn(scope, kind, zone)
	return x
}

// inborn gives the attributes that ECS itself gives an instance.
//
// Source: ECS Developer Guide, "Container instance attributes".
func inborn(scope names.Scope, kind, zone string) []Pair {
	return []Pair{
		{Name: "ecs.ami-id", Value: "ami-0123456789abcdef0"}, {Name: "ecs.availability-zone", Value: zone},
		{Name: "ecs.cpu-architecture", Value: architectureOf(kind)}, {Name: "ecs.instance-type", Value: kind}, {Name: "ecs.os-type", Value: "linux"},
		{Name: "ecs.os-family", Value: "LINUX"},
	}
}

// set writes an attribute over what an instance has.
func (x *Instance) set(p Pair) {
	all := slices.Clone(x.Attributes)
	if i := slices.IndexFunc(all, func(h Pair) bool { return h.Name == p.Name }); i >= 0 {
		all[i] = p
	} else {
		all = append(all, p)
	}
	slices.SortFunc(all, func(a, b Pair) int { return cmp.Compare(a.Name, b.Name) })
	x.Attributes = all
}

// able gives an instance all of an agent's abilities.
func (x *Instance) able() {
	for _, name := range abilities {
		x.set(Pair{Name: name})
	}
}

// equip gives a cluster as many instances of its own as the cloud was asked to give each, spread
// over three zones. Those it has already count.
func (s *Service) equip(tx *store.Tx, cluster string) {
	have := 0
	for x := range s.instances.By(tx, "cluster", cluster) {
		if x.Own && x.Status != instanceInactive {
			have++
		}
	}
	for ; have < s.o.Instances; have++ {
		x := s.newInstance(tx, cluster, s.instanceType(), names.ScopeOf(cluster).Region+string(rune('a'+have%3)))
		x.Own = true
		x.able()
		s.instances.Put(tx, x)
	}
}

// EquipAll gives the clusters that are there their instances; see Options.Instances. Call it
// before the loop starts.
func (s *Service) EquipAll() error {
	if s.o.Instances == 0 {
		return nil
	}
	return s.o.Store.Update(func(tx *store.Tx) error {
		for c := range s.clusters.All(tx) {
			if c.Status == "ACTIVE" {
				s.equip(tx, c.ARN)
			}
		}
		return nil
	})
}

// retireOwn takes the instances out of a cluster that were made with it, before it is deleted.
//
// Errors: ClusterContainsContainerInstancesException where others are registered.
func (s *Service) retireOwn(tx *store.Tx, cluster string) error {
	for x := range s.instances.By(tx, "cluster", cluster) {
		switch {
		case x.Status == instanceInactive:
		case !x.Own:
			return &types.ClusterContainsContainerInstancesException{Message: new("The Cluster cannot be deleted while Container Instances are active or draining.")}
		default:
			x.retire(tx)
			s.instances.Put(tx, x)
		}
	}
	return nil
}

func (s *Service) instanceType() string { return cmp.Or(s.o.InstanceType, DefaultInstanceType) }

// fresh gives an instance as placement sees it, without any task.
func (x *Instance) fresh() place.Instance {
	p := place.Instance{
		ID: x.ARN, EC2: x.EC2, Zone: x.Zone, Draining: x.Status != instanceActive, Connected: true, Agent: x.Agent, Registered: x.Registered,
		CPU: x.CPU, MemoryMiB: x.MemoryMiB, GPUs: len(x.GPUs),
		Attributes: make(map[string]string, len(x.Attributes)), Groups: map[string]int{},
	}
	for _, n := range x.Ports {
		p.Taken = append(p.Taken, place.Port{Number: n})
	}
	for _, n := range x.UDP {
		p.Taken = append(p.Taken, place.Port{Number: n, UDP: true})
	}
	for _, a := range x.Attributes {
		p.Attributes[a.Name] = a.Value
	}
	p.Interfaces = interfacesOf(p.Attributes["ecs.instance-type"])
	return p
}
