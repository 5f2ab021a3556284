package ecs

import (
	"errors"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/slipway-ecs/slipway/internal/cloud"
	"github.com/slipway-ecs/slipway/internal/names"
	"github.com/slipway-ecs/slipway/internal/reconcile"
	"github.com/slipway-ecs/slipway/internal/store"
)

// What a room that drives services sees and does of their task sets, in transactions of its own.

// ServiceInfo is a service whose deployments somebody else may drive.
type ServiceInfo struct {
	ARN, Name, Cluster string // Cluster is a name
	Controller, Status string
	Desired            int
	Sets               []TaskSetInfo // oldest first
}

// TaskSetInfo is a task set as it stands.
type TaskSetInfo struct {
	ID, ExternalID, Status string
	Definition, Group      string // ARNs; Group is the target group's, "" without one
	Want, Running, Pending int
	Up, Healthy, Leaving   int // of those wanted: at RUNNING, healthy; and those on their way out
	Stable                 bool
	Created                time.Time
}

// TaskSetAsk is a task set that a room asks for. What it leaves out is the PRIMARY set's.
type TaskSetAsk struct {
	ExternalID, StartedBy string
	Definition            string // family, family:revision or ARN
	Group, Container      string
	Port                  int
	PlatformVersion       string
	Network               *types.AwsVpcConfiguration
	Providers             []types.CapacityProviderStrategyItem
}

// FindService finds a service by names or ARNs of cluster and service. An empty cluster is the
// default one.
func (s *Service) FindService(tx *store.Tx, scope names.Scope, cluster, service string) (ServiceInfo, error) {
	c, err := s.clusterOf(tx, scope, &cluster)
	if err != nil {
		return ServiceInfo{}, err
	}
	row, err := s.serviceOf(tx, c, service)
	if err != nil {
		return ServiceInfo{}, err
	}
	info := ServiceInfo{
		ARN: row.ARN, Name: row.Name, Cluster: c.Name, Controller: row.Settings.Controller, Status: row.Status, Desired: row.Desired,
	}
	tally := s.tally(tx, row.ARN)
	var tasks []reconcile.Task
	for t := range s.tasks.By(tx, "service", row.ARN) {
		tasks = append(tasks, t.observed())
	}
	for _, d := range s.setsOf(tx, row.ARN) {
		n := reconcile.Count(0, tasks, func(digits string) bool { return digits == d.Digits }, tx.Now())
		set := TaskSetInfo{
			ID: d.id(), ExternalID: d.Set.ExternalID, Status: d.Status, Definition: d.Work.TaskDefinition, Want: d.Want,
			Running: tally[d.Digits].running, Pending: tally[d.Digits].pending,
			Up: n.Running, Healthy: n.Healthy, Leaving: n.Leaving, Stable: d.Set.Stable, Created: d.Created,
		}
		for _, b := range cloud.Kept[[]types.LoadBalancer](d.Work.LoadBalancers) {
			set.Group = text(b.TargetGroupArn)
		}
		info.Sets = append(info.Sets, set)
	}
	return info, nil
}

// MakeTaskSet makes a whole task set of a service like its PRIMARY one but for what is asked for,
// and gives its id.
//
// Errors: those of CreateTaskSet.
func (s *Service) MakeTaskSet(tx *store.Tx, service string, ask TaskSetAsk) (id string, err error) {
	row, ok := s.services.Get(tx, service)
	cluster, there := s.clusters.Get(tx, row.Cluster)
	if !ok || !there || row.Status != serviceActive {
		return "", &types.ServiceNotActiveException{Message: new("Service was not ACTIVE.")}
	}
	w := Workload{LaunchType: row.Work.LaunchType, Providers: row.Work.Providers, Network: row.Work.Network, Registries: row.Work.Registries}
	if ask.Network != nil {
		w.Network = keepNetwork(&types.NetworkConfiguration{AwsvpcConfiguration: ask.Network})
	}
	if len(ask.Providers) > 0 {
		w.LaunchType, w.Providers = "", keepList(ask.Providers)
	}
	if w.fargate() {
		w.PlatformVersion = ask.PlatformVersion
	}
	w.LoadBalancers = keepList([]types.LoadBalancer{{
		TargetGroupArn: new(ask.Group), ContainerName: new(ask.Container), ContainerPort: new(int32(ask.Port)),
	}})
	d, err := s.addSet(tx, cluster, &row, ask.Definition, w, TaskSet{Scale: 100, ExternalID: ask.ExternalID, StartedBy: ask.StartedBy})
	if err != nil {
		return "", err
	}
	return d.id(), nil
}

// Promote makes a task set the PRIMARY one of its service; again is harmless.
//
// Errors: those of UpdateServicePrimaryTaskSet.
func (s *Service) Promote(tx *store.Tx, service, id string) error {
	return s.onSet(tx, service, id, s.promote)
}

// EndTaskSet takes a task set to zero, after which it vanishes; again, or for one that is gone,
// is harmless.
func (s *Service) EndTaskSet(tx *store.Tx, service, id string) error {
	err := s.onSet(tx, service, id, func(tx *store.Tx, row *ServiceRow, d *Deployment) error {
		if d.Status != deploymentDraining {
			s.endSet(tx, row, d)
		}
		return nil
	})
	if _, gone := errors.AsType[*types.TaskSetNotFoundException](err); gone {
		return nil
	}
	return err
}

func (s *Service) onSet(tx *store.Tx, service, id string, f func(*store.Tx, *ServiceRow, *Deployment) error) error {
	row, ok := s.services.Get(tx, service)
	if !ok || row.Status != serviceActive {
		return &types.ServiceNotActiveException{Message: new("Service was not ACTIVE.")}
	}
	d, err := s.setOf(tx, &row, id)
	if err != nil {
		return err
	}
	return f(tx, &row, &d)
}

// WatchTaskSets gives the ARNs of services whose task sets changed, or that themselves did.
func (s *Service) WatchTaskSets() []cloud.Watch {
	return []cloud.Watch{
		cloud.On(s.deployments, func(d *Deployment) string {
			if d.Set == nil {
				return ""
			}
			return d.Service
		}),
		cloud.On(s.services, func(r *ServiceRow) string { return r.ARN }),
	}
}
