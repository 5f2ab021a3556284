package ecs

import (
	"time"

	"github.com/slipway-ecs/slipway/internal/names"
	"github.com/slipway-ecs/slipway/internal/store"
)

// ClusterStatus is a cluster as `slipway local status` draws it.
type ClusterStatus struct {
	ARN, Name string
	Services  []ServiceStatus
	Instances []InstanceStatus
	Tasks     []TaskStatus // those of no service
}

// InstanceStatus is a container instance of a ClusterStatus.
type InstanceStatus struct {
	ID, EC2, Type, Zone, Status string
	Tasks                       int // that are not stopped
	CPU, MemoryMiB              int // it has in all
	LeftCPU, LeftMemoryMiB      int
}

// ServiceStatus is a service of a ClusterStatus.
type ServiceStatus struct {
	Name, Status     string
	Desired          int
	Running, Pending int
	Deployments      []DeploymentStatus // the PRIMARY first
	Tasks            []TaskStatus
	LastEvent        string
}

// DeploymentStatus is an entry of a service's deployments.
type DeploymentStatus struct {
	ID, Status, Rollout, Reason string
	Definition                  string // family:revision
	Want, Running               int
}

// TaskStatus is a task that is not stopped.
type TaskStatus struct {
	ID, Definition string
	Last, Health   string
	Address        string    // where it listens; empty before it is prepared
	Started        time.Time // internal; zero before RUNNING
}

// Status gives all clusters of all accounts with what is in them, by ARN.
func (s *Service) Status(tx *store.Tx) (all []ClusterStatus) {
	for c := range s.clusters.All(tx) {
		if c.Status != "ACTIVE" {
			continue
		}
		status := ClusterStatus{ARN: c.ARN, Name: c.Name}
		for service := range s.services.By(tx, "cluster", c.ARN) {
			if service.Status != "INACTIVE" {
				status.Services = append(status.Services, s.serviceStatus(tx, service))
			}
		}
		status.Instances = s.instancesStatus(tx, c.ARN)
		for t := range s.tasks.By(tx, "cluster", c.ARN) {
			if t.Service == "" && t.Last != "STOPPED" {
				status.Tasks = append(status.Tasks, taskStatus(t))
			}
		}
		all = append(all, status)
	}
	return all
}

func (s *Service) instancesStatus(tx *store.Tx, cluster string) (all []InstanceStatus) {
	st := s.standing(tx, cluster)
	for i := range st.rows {
		x, left := &st.rows[i], &st.all[i]
		n := 0
		for range s.tasks.By(tx, "instance", x.ARN) {
			n++
		}
		all = append(all, InstanceStatus{
			ID: names.Last(x.ARN), EC2: x.EC2, Type: left.Attributes["ecs.instance-type"], Zone: x.Zone, Status: x.Status, Tasks: n,
			CPU: x.CPU, MemoryMiB: x.MemoryMiB, LeftCPU: left.CPU, LeftMemoryMiB: left.MemoryMiB,
		})
	}
	return all
}

func (s *Service) serviceStatus(tx *store.Tx, row ServiceRow) ServiceStatus {
	status := ServiceStatus{Name: row.Name, Status: row.Status, Desired: row.Desired}
	running := map[string]int{} // by deployment's digits
	for t := range s.tasks.By(tx, "service", row.ARN) {
		if t.Last == "STOPPED" {
			continue
		}
		status.Tasks = append(status.Tasks, taskStatus(t))
		switch {
		case t.Last == "RUNNING":
			status.Running++
			running[t.Deployment]++
		case t.Desired == "RUNNING":
			status.Pending++
		}
	}
	for _, d := range s.live(tx, row.ARN) {
		if d.Status != deploymentPrimary && d.Status != deploymentActive {
			continue
		}
		entry := DeploymentStatus{
			ID: names.DeploymentID(d.Digits), Status: d.Status, Rollout: d.Rollout, Reason: d.Reason,
			Definition: names.Last(d.Work.TaskDefinition), Want: d.Want, Running: running[d.Digits],
		}
		if d.Status == "PRIMARY" {
			status.Deployments = append([]DeploymentStatus{entry}, status.Deployments...)
			continue
		}
		status.Deployments = append(status.Deployments, entry)
	}
	for e := range s.events.By(tx, "service", row.ARN) {
		status.LastEvent = e.Message
	}
	return status
}

func taskStatus(t Task) TaskStatus {
	return TaskStatus{ID: t.ID, Definition: names.Last(t.Definition), Last: t.Last, Health: t.Health, Address: t.Place.Address, Started: t.Started}
}
