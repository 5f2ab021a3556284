package host

import (
	"github.com/slipway-ecs/slipway/internal/cloud"
	"github.com/slipway-ecs/slipway/internal/cloud/codedeploy"
	"github.com/slipway-ecs/slipway/internal/cloud/ecs"
	"github.com/slipway-ecs/slipway/internal/names"
	"github.com/slipway-ecs/slipway/internal/store"
)

// fleet lets CodeDeploy use the task sets of ECS.
type fleet struct{ ecs *ecs.Service }

// Find finds a service with its task sets.
func (f fleet) Find(tx *store.Tx, scope names.Scope, cluster, service string) (codedeploy.FleetService, error) {
	s, err := f.ecs.FindService(tx, scope, cluster, service)
	found := codedeploy.FleetService{
		ARN: s.ARN, Name: s.Name, Cluster: s.Cluster, Controller: s.Controller, Status: s.Status, Desired: s.Desired,
	}
	for _, set := range s.Sets {
		found.Sets = append(found.Sets, codedeploy.FleetSet(set))
	}
	return found, err
}

// Make makes a task set.
func (f fleet) Make(tx *store.Tx, service string, ask codedeploy.FleetAsk) (id string, err error) {
	return f.ecs.MakeTaskSet(tx, service, ecs.TaskSetAsk(ask))
}

// Promote makes a task set the PRIMARY one.
func (f fleet) Promote(tx *store.Tx, service, id string) error {
	return f.ecs.Promote(tx, service, id)
}

// End takes a task set to zero.
func (f fleet) End(tx *store.Tx, service, id string) error {
	return f.ecs.EndTaskSet(tx, service, id)
}

// Watches give the services whose task sets changed.
func (f fleet) Watches() []cloud.Watch { return f.ecs.WatchTaskSets() }
