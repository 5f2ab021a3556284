package ecs

import (
	"math"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/slipway-ecs/slipway/internal/cloud"
	"github.com/slipway-ecs/slipway/internal/names"
	"github.com/slipway-ecs/slipway/internal/store"
)

// Task sets are what services of the controllers CODE_DEPLOY and EXTERNAL have in place of
// deployments: each has its own definition, target group and share of the desired count, and
// somebody else decides about all of them. ECS keeps their tasks, says when they are stable, and
// touches no listener.
//
// Source: ecs.md 8.

// TaskSet is what a task set has besides what it shares with a deployment.
type TaskSet struct {
	Scale         float64 // percent of the service's desired count, 0 to 100
	ExternalID    string
	StartedBy     string // CODE_DEPLOY where CodeDeploy made it
	Tags          []Tag
	Token, Hashed string // clientToken of its making, and the hash of what that asked for

	Stable bool      // stabilityStatus is STEADY_STATE
	Since  time.Time // stabilityStatusAt: when that was found
}

// controllers that leave deployments to somebody else.
const (
	byCodeDeploy = string(types.DeploymentControllerTypeCodeDeploy)
	byExternal   = string(types.DeploymentControllerTypeExternal)
)

// driven reports whether somebody else drives the service's deployments: it has task sets.
func (set *ServiceSettings) driven() bool {
	return set.Controller == byCodeDeploy || set.Controller == byExternal
}

// scaled gives how many tasks a set wants of a service that wants desired.
//
// Source: ecs.md 8: computedDesiredCount is rounded up.
func (set *TaskSet) scaled(desired int) int {
	return int(math.Ceil(float64(desired)*set.Scale/100 - 1e-9))
}

// taskSetARN names a task set.
func (d *Deployment) taskSetARN() string {
	scope, cluster, service := d.serviceParts()
	return scope.ARN("ecs", "task-set/"+cluster+"/"+service+"/"+d.id())
}

// firstSet makes the task set that ECS itself makes for a new service of CODE_DEPLOY: PRIMARY,
// whole, and without an externalId. A service of EXTERNAL begins without any. The caller puts
// the row.
//
// Source: codedeploy.md 14.
func (s *Service) firstSet(tx *store.Tx, row *ServiceRow) {
	if row.Settings.Controller == byCodeDeploy {
		d := s.newSet(tx, row, row.Work, TaskSet{Scale: 100})
		d.Status, row.Primary = deploymentPrimary, d.Key
		s.deployments.Put(tx, d)
	}
}

// newSet makes a task set's row, ACTIVE and not stable yet, and does not put it.
func (s *Service) newSet(tx *store.Tx, row *ServiceRow, w Workload, set TaskSet) Deployment {
	d := Deployment{
		Service: row.ARN, Digits: s.o.IDs.Digits(19), Work: w, Status: deploymentActive,
		Created: tx.Now(), Updated: tx.Now(),
	}
	for _, old := range s.live(tx, row.ARN) {
		if !old.Created.Before(d.Created) {
			d.Created = old.Created.Add(1) // the order of making holds within one moment too
		}
	}
	d.Key, set.Since = deploymentKey(row.ARN, d.Digits), tx.Now()
	d.Set, d.Want = &set, set.scaled(row.Desired)
	return d
}

// setOf finds a task set of a service by its id or ARN.
//
// Errors: TaskSetNotFoundException.
func (s *Service) setOf(tx *store.Tx, row *ServiceRow, ref string) (Deployment, error) {
	if a, ok := names.ParseARN(ref); ok {
		if i := strings.Index(a.Resource, "ecs-svc/"); i >= 0 {
			ref = a.Resource[i:]
		}
	}
	d, ok := s.deployments.Get(tx, deploymentKey(row.ARN, names.Digits(ref)))
	if !ok || d.Set == nil {
		return Deployment{}, &types.TaskSetNotFoundException{Message: new("The specified task set does not exist.")}
	}
	return d, nil
}

// setARN gives the ARN that a reference to a task set of a service means.
func setARN(service, ref string) string {
	if strings.HasPrefix(ref, "arn:") {
		return ref
	}
	a, _ := names.ParseARN(service) // a service's ARN is always one
	return a.Scope().ARN("ecs", "task-set/"+strings.Join(a.Path(), "/")+"/"+ref)
}

// setsOf gives a service's task sets, oldest first.
func (s *Service) setsOf(tx *store.Tx, service string) (sets []Deployment) {
	for _, d := range s.live(tx, service) {
		if d.Set != nil {
			sets = append(sets, d)
		}
	}
	return sets
}

// taskSetView gives an entry of taskSets[]. Source: ecs.md 8.
func (s *Service) taskSetView(tx *store.Tx, row *ServiceRow, d *Deployment, n tallied, tags bool) types.TaskSet {
	w := &d.Work
	v := types.TaskSet{
		Id: new(d.id()), TaskSetArn: new(d.taskSetARN()), ServiceArn: new(row.ARN), ClusterArn: new(row.Cluster),
		Status: new(d.Status), TaskDefinition: new(w.TaskDefinition),
		ComputedDesiredCount: int32(d.Want), RunningCount: int32(n.running), PendingCount: int32(n.pending),
		Scale:      &types.Scale{Value: d.Set.Scale, Unit: types.ScaleUnitPercent},
		ExternalId: orNil(d.Set.ExternalID), StartedBy: orNil(d.Set.StartedBy),
		CreatedAt: new(d.Created), UpdatedAt: new(d.Updated),
		LaunchType: types.LaunchType(w.LaunchType), CapacityProviderStrategy: cloud.Kept[[]types.CapacityProviderStrategyItem](w.Providers),
		PlatformVersion: platformOf(w), PlatformFamily: s.platformFamily(tx, w),
		NetworkConfiguration: cloud.Kept[*types.NetworkConfiguration](w.Network),
		LoadBalancers:        listed[types.LoadBalancer](w.LoadBalancers), ServiceRegistries: listed[types.ServiceRegistry](w.Registries),
		StabilityStatus: types.StabilityStatusStabilizing, StabilityStatusAt: new(d.Set.Since),
	}
	if d.Set.Stable {
		v.StabilityStatus = types.StabilityStatusSteadyState
	}
	if tags {
		v.Tags = tagsOut(d.Set.Tags)
	}
	return v
}

// setView is taskSetView with counts of now.
func (s *Service) setView(tx *store.Tx, row *ServiceRow, d *Deployment) *types.TaskSet {
	v := s.taskSetView(tx, row, d, s.tally(tx, row.ARN)[d.Digits], len(d.Set.Tags) > 0)
	return &v
}

// retagSet changes the tags of a task set.
func (s *Service) retagSet(tx *store.Tx, arn string, apply func([]Tag, func([]Tag)) error) error {
	a, _ := names.ParseARN(arn)
	if path := a.Path(); len(path) == 4 {
		row := ServiceRow{ARN: a.Scope().Service(path[0], path[1])}
		d, err := s.setOf(tx, &row, arn)
		if err != nil {
			return err
		}
		return apply(d.Set.Tags, func(t []Tag) {
			set := *d.Set
			set.Tags, d.Set = t, &set
			s.deployments.Put(tx, d)
		})
	}
	return &types.TaskSetNotFoundException{Message: new("The specified task set does not exist.")}
}
