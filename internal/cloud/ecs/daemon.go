package ecs

import (
	"slices"

	sdk "github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/slipway-ecs/slipway/internal/cloud"
	"github.com/slipway-ecs/slipway/internal/place"
	"github.com/slipway-ecs/slipway/internal/reconcile"
	"github.com/slipway-ecs/slipway/internal/store"
)

// A DAEMON service has one task on each instance that keeps its constraints. Its desired count is
// the number of those instances, and no two of its tasks are on one.
//
// Source: ecs.md 3.10.

// The words of what daemons cannot be are ours (unconfirmed).
const (
	wordDaemonMost      = "The maximumPercent must be 100 for a service with the DAEMON scheduling strategy."
	wordDaemonFargate   = "The DAEMON scheduling strategy is not supported with FARGATE launch type."
	wordDaemonStrategy  = "The DAEMON scheduling strategy does not support a capacity provider strategy."
	wordDaemonPlacement = "The DAEMON scheduling strategy does not support placement strategies."
)

// daemon reports whether the service has one task on each instance.
func (set *ServiceSettings) daemon() bool {
	return set.Scheduling == string(types.SchedulingStrategyDaemon)
}

// checkDaemon refuses what a daemon cannot be; checkController does so for its controller.
func checkDaemon(in *sdk.CreateServiceInput) error {
	switch {
	case in.LaunchType == types.LaunchTypeFargate:
		return invalid(wordDaemonFargate)
	case len(in.CapacityProviderStrategy) > 0:
		return invalid(wordDaemonStrategy)
	case len(in.PlacementStrategy) > 0:
		return invalid(wordDaemonPlacement)
	}
	return nil
}

// daemon counts the instances that a daemon service belongs on.
func (g *keeping) daemon() {
	if g.row.Settings.daemon() {
		g.row.Desired = g.s.matchingIn(g.tx, &g.row, g.instances())
	}
}

// matching counts the instances a daemon belongs on.
func (s *Service) matching(tx *store.Tx, row *ServiceRow) int {
	return s.matchingIn(tx, row, s.standing(tx, row.Cluster))
}

func (s *Service) matchingIn(tx *store.Tx, row *ServiceRow, st *standing) (n int) {
	for i := range st.all {
		if s.belongs(tx, row, st, i) {
			n++
		}
	}
	return n
}

// belongs reports whether a daemon belongs on an instance. On one that drains it stays as long as
// tasks of replica services do: daemons start first and stop last. It starts on none that drains.
func (s *Service) belongs(tx *store.Tx, row *ServiceRow, st *standing, i int) bool {
	d, ok := s.definition(tx, row.Work.TaskDefinition)
	if !ok {
		return false
	}
	if st.all[i].Draining && !s.outlasts(tx, row, st.rows[i].ARN) {
		return false
	}
	rules := rulesOf(d, cloud.Kept[[]types.PlacementConstraint](row.Settings.PlacementConstraints), nil, overZones)
	return place.Matches(st.all[i], needOf(d, nil), rules.Where)
}

// outlasts reports whether an instance has a task of this daemon, and tasks of services that are no
// daemons.
func (s *Service) outlasts(tx *store.Tx, row *ServiceRow, instance string) bool {
	own, others := false, false
	for t := range s.tasks.By(tx, "instance", instance) {
		if t.Service == row.ARN {
			own = own || t.Desired != taskStopped
		} else if x, ok := s.services.Get(tx, t.Service); ok {
			others = others || !x.Settings.daemon()
		}
	}
	return own && others
}

// observed gives a task as reconcile sees it: one whose instance drains, or that its daemon does not
// belong on any more, is to move.
func (g *keeping) observed(t *Task) reconcile.Task {
	o := t.observed()
	if t.Instance == "" || !o.Wanted {
		return o
	}
	st := g.instances()
	switch i := slices.IndexFunc(st.rows, func(x Instance) bool { return x.ARN == t.Instance }); {
	case i < 0:
	case g.row.Settings.daemon():
		o.Moving = !g.s.belongs(g.tx, &g.row, st, i)
	default:
		o.Moving = st.all[i].Draining
	}
	return o
}
