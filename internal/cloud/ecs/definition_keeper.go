package ecs

import (
	"time"

	"github.com/slipway-ecs/slipway/internal/cloud"
	"github.com/slipway-ecs/slipway/internal/names"
	"github.com/slipway-ecs/slipway/internal/store"
)

// deletionPause is how long a deleted task definition stays DELETE_IN_PROGRESS at least, and how
// often it is looked at whether something still refers to it. ECS's own is unconfirmed.
const deletionPause = time.Hour

// definitionKeeper removes deleted task definitions once nothing refers to them (ecs.md 2.2).
// Keys are their ARNs.
type definitionKeeper struct{ *Service }

func (k *definitionKeeper) Name() string { return "ecs.definition" }

func (k *definitionKeeper) Watches() []cloud.Watch {
	return []cloud.Watch{cloud.On(k.definitions, func(d *TaskDefinition) string {
		if d.Status != "DELETE_IN_PROGRESS" {
			return ""
		}
		return d.ARN
	})}
}

// Keep removes a deleted definition, or looks again later.
func (k *definitionKeeper) Keep(tx *store.Tx, key string) (cloud.Result, error) {
	d, ok := k.definitions.Get(tx, key)
	if !ok || d.Status != "DELETE_IN_PROGRESS" {
		return cloud.Result{}, nil
	}
	if at := d.DeleteRequested.Add(deletionPause); tx.Now().Before(at) {
		return cloud.Result{Wake: at}, nil
	}
	if k.refersTo(tx, key) {
		return cloud.Result{Wake: tx.Now().Add(deletionPause)}, nil
	}
	k.definitions.Delete(tx, key)
	k.parsed.Delete(key)
	return cloud.Result{}, nil
}

// refersTo says whether a task or a deployment of a service that is there is of a definition.
func (s *Service) refersTo(tx *store.Tx, definition string) bool {
	scope := names.ScopeOf(definition)
	for c := range s.clusters.Prefix(tx, scope.Cluster("")) {
		for t := range s.tasks.By(tx, "cluster", c.ARN) {
			if t.Definition == definition {
				return true
			}
		}
	}
	for d := range s.deployments.Down(tx, "definition", definition) {
		if row, ok := s.services.Get(tx, d.Service); ok && row.Status != "INACTIVE" {
			return true
		}
	}
	return false
}
