package ecs

import (
	"github.com/slipway-ecs/slipway/internal/cloud"
	"github.com/slipway-ecs/slipway/internal/store"
)

// instanceKeeper has services look again at a cluster's instances when those have changed, and
// forgets instances that went long ago. Keys are cluster ARNs.
//
// A service row says which instances it saw: where they differ now in what matters to it, the new
// mark is written, and the service keeper looks.
type instanceKeeper struct{ *Service }

// Name gives the keeper's name in the log.
func (k *instanceKeeper) Name() string { return "ecs.instance" }

// Watches tells which rows, once changed, have a key kept again.
func (k *instanceKeeper) Watches() []cloud.Watch {
	return []cloud.Watch{
		cloud.On(k.instances, func(x *Instance) string { return x.Cluster }),
		cloud.On(k.tasks, func(t *Task) string {
			if t.Instance == "" {
				return ""
			}
			return t.Cluster
		}),
	}
}

// Keep looks after the container instances of one cluster.
func (k *instanceKeeper) Keep(tx *store.Tx, cluster string) (res cloud.Result, err error) {
	for x := range k.instances.By(tx, "cluster", cluster) {
		if x.Status != instanceInactive {
			continue
		}
		if end := x.Gone.Add(goneAfter); tx.Now().Before(end) {
			res.Sooner(end)
		} else {
			k.instances.Delete(tx, x.ARN)
		}
	}
	var st *standing
	for row := range k.services.By(tx, "cluster", cluster) {
		if row.Status != serviceActive || row.Work.fargate() && !row.Unplaced {
			continue
		}
		if st == nil {
			st = k.standing(tx, cluster)
		}
		if mark := st.mark(row.Unplaced || row.Settings.daemon() && st.drains()); mark != row.Saw {
			row.Saw = mark
			k.services.Put(tx, row)
		}
	}
	return res, nil
}
