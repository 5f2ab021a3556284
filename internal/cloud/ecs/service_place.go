package ecs

import (
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/slipway-ecs/slipway/internal/cloud"
	"github.com/slipway-ecs/slipway/internal/names"
	"github.com/slipway-ecs/slipway/internal/reconcile"
)

// What a task that finds no place counts for. ECS tries again and again, and each time is a
// failed launch; how far apart is not published (unconfirmed).
//
// Source: ecs.md 5.5, "this includes scheduler could not launch it"; the API model's failedTasks.
const (
	placeFirst = 10 * time.Second // after the first time, doubled with each
	placeMost  = 5 * time.Minute
)

// berth takes a place on an instance for the service's next task of a definition. Where there is
// none it says why, as the service event does.
func (g *keeping) berth(d *types.TaskDefinition) (b *berth, why string) {
	st := g.instances()
	need := needOf(d, nil)
	need.Group = "service:" + g.row.Name
	set := &g.row.Settings
	rules := rulesOf(d, cloud.Kept[[]types.PlacementConstraint](set.PlacementConstraints), cloud.Kept[[]types.PlacementStrategy](set.Placement), overZones)
	rules.Distinct = rules.Distinct || set.daemon()
	res, waits := st.pick(need, rules, g.s.chance)
	switch {
	case res.At >= 0:
		return g.s.berth(g.tx, st, res.At, d, need), ""
	case waits:
		return nil, waitsForRoom
	case res.Closest < 0:
		return nil, noInstance + " Reason: " + noInstances
	}
	return nil, noInstance + " The closest matching container-instance " + names.Last(st.rows[res.Closest].ARN) + " " + res.Lack.Sentence()
}

// waitsForRoom stands for a task that an instance takes once another that is leaving has left:
// nothing to tell of. ECS gives such a task to the instance at once, where it waits as PENDING.
const waitsForRoom = "waits for room"

// instances looks at the cluster's instances, once in a look at the service.
func (g *keeping) instances() *standing {
	if g.yard == nil {
		g.yard = g.s.standing(g.tx, g.row.Cluster)
	}
	return g.yard
}

// unplaced tells of tasks that found no place at this look, and counts them as failed
// launches.
func (g *keeping) unplaced() {
	g.row.Unplaced = false
	said := ""
	for _, d := range g.live {
		why := g.trouble[d.Digits]
		if why == "" {
			if slices.ContainsFunc(g.seen, func(t reconcile.Task) bool { return t.Wanted && t.Revision == d.Digits }) || d.Want == 0 {
				d.Unplaced, d.PlaceAgain = 0, time.Time{}
			}
			continue
		}
		if g.row.Unplaced = true; why == waitsForRoom {
			continue
		}
		said = why
		if !g.now.Before(d.PlaceAgain) {
			pause := placeMost
			if d.Unplaced < 5 {
				pause = min(placeFirst<<d.Unplaced, placeMost)
			}
			d.Unplaced, d.PlaceAgain = d.Unplaced+1, g.now.Add(pause)
			d.Failures, d.FailedTasks = d.Failures.Unplaced(), d.FailedTasks+1
		}
		g.res.Sooner(d.PlaceAgain)
	}
	g.row.calmBut(unableToPlace, said)
	if g.row.Unplaced {
		g.row.Saw = g.instances().mark(true)
	}
	if said != "" && g.s.warn(g.tx, &g.row, said) && g.s.o.Warn != nil {
		hint := instancesHint
		if said == noVCPUs {
			hint = vcpuHint
		}
		g.s.o.Warn("service " + names.Last(g.row.Cluster) + "/" + g.row.Name + " " + said + hint)
	}
}

// instancesHint is what a line about an unplaced task says to do.
const instancesHint = " Give clusters instances with `slipway local --instances N` (--instance-type for larger ones), or use the launch type FARGATE."

// calmBut forgets the messages that begin so, but for one.
func (row *ServiceRow) calmBut(start, but string) {
	if slices.ContainsFunc(row.Said, func(said Said) bool { return strings.HasPrefix(said.Text, start) && said.Text != but }) {
		row.Said = slices.DeleteFunc(slices.Clone(row.Said), func(said Said) bool { return strings.HasPrefix(said.Text, start) && said.Text != but })
	}
}
