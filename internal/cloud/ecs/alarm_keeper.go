package ecs

import (
	"slices"

	"github.com/slipway-ecs/slipway/internal/cloud"
	"github.com/slipway-ecs/slipway/internal/names"
	"github.com/slipway-ecs/slipway/internal/store"
)

// alarmKeeper tells deployments under way which of their alarms are in ALARM, in the drain in
// which an alarm changes. Its keys are ARNs of alarms.
//
// Source: ecs.md 5.7. ECS polls; that we do not is the better emulation of its intent.
type alarmKeeper struct{ s *Service }

func (k *alarmKeeper) Name() string { return "ecs.alarm" }

func (k *alarmKeeper) Watches() []cloud.Watch { return []cloud.Watch{k.s.o.Alarms.Watch()} }

func (k *alarmKeeper) Keep(tx *store.Tx, arn string) (cloud.Result, error) {
	for d := range k.s.deployments.By(tx, "alarm", arn) {
		firing := k.s.o.Alarms.Firing(tx, names.ScopeOf(d.Service), d.Plan.Guards)
		if !slices.Equal(firing, d.Firing) {
			d.Firing = firing
			k.s.deployments.Put(tx, d)
		}
	}
	return cloud.Result{}, nil
}
