package ecs

import (
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/slipway-ecs/slipway/internal/launch"
	"github.com/slipway-ecs/slipway/internal/names"
	"github.com/slipway-ecs/slipway/internal/store"
)

// Load is a running task of a service: what it may use, and where to look for what it uses.
type Load struct {
	Scope            names.Scope
	Cluster, Service string // names
	Task             string // ARN
	CPU              int    // reserved; 1024 is one CPU; 0 where nothing is
	MemoryMiB        int    // reserved; 0 where nothing is
	Containers       []launch.Handle
}

// Loads gives the running tasks of all services, by ARN.
func (s *Service) Loads(tx *store.Tx) (all []Load) {
	for t := range s.tasks.All(tx) {
		if t.Service == "" || t.Last != "RUNNING" || t.Dead {
			continue
		}
		d, ok := s.definition(tx, t.Definition)
		if !ok {
			continue
		}
		l := Load{Scope: names.ScopeOf(t.ARN), Cluster: names.Last(t.Cluster), Service: names.Last(t.Service), Task: t.ARN}
		l.CPU, l.MemoryMiB = reserved(d)
		for i := range t.Containers {
			if x := &t.Containers[i]; x.running() && x.Handle != nil {
				l.Containers = append(l.Containers, *x.Handle)
			}
		}
		if len(l.Containers) > 0 {
			all = append(all, l)
		}
	}
	return all
}

// reserved gives what a task's utilization is measured against: its own size, else that of its
// containers, of which the soft limit of memory counts before the hard one.
//
// Source: CloudWatch metrics of ECS, "service utilization".
func reserved(d *types.TaskDefinition) (cpu, memoryMiB int) {
	cpu, memoryMiB = whole(text(d.Cpu)), whole(text(d.Memory))
	sumCPU, sumMemory := 0, 0
	for _, c := range d.ContainerDefinitions {
		sumCPU += int(c.Cpu)
		sumMemory += int(*or(c.MemoryReservation, *or(c.Memory, 0)))
	}
	if cpu == 0 {
		cpu = sumCPU
	}
	if memoryMiB == 0 {
		memoryMiB = sumMemory
	}
	return cpu, memoryMiB
}
