package ecs

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/slipway-ecs/slipway/internal/cloud"
	"github.com/slipway-ecs/slipway/internal/names"
	"github.com/slipway-ecs/slipway/internal/store"
	"github.com/slipway-ecs/slipway/internal/wire"
)

// serviceLinkedRole is the role of a service that names none. Source: ecs.md 3.3.
const serviceLinkedRole = "role/aws-service-role/ecs.amazonaws.com/AWSServiceRoleForECS"

// serviceView gives a service as DescribeServices shows it.
//
// Source: ecs.md 3.3.
func (s *Service) serviceView(tx *store.Tx, row *ServiceRow, tags bool) *types.Service {
	scope := names.ScopeOf(row.ARN)
	set, w := &row.Settings, &row.Work
	v := &types.Service{
		ServiceArn: new(row.ARN), ServiceName: new(row.Name), ClusterArn: new(row.Cluster), Status: new(row.Status),
		DesiredCount: int32(row.Desired), TaskDefinition: orNil(w.TaskDefinition),
		LaunchType: types.LaunchType(w.launchType()), CapacityProviderStrategy: cloud.Kept[[]types.CapacityProviderStrategyItem](w.Providers),
		PlatformVersion: orNil(w.PlatformVersion), PlatformFamily: s.platformFamily(tx, w),
		LoadBalancers: listed[types.LoadBalancer](w.LoadBalancers), ServiceRegistries: listed[types.ServiceRegistry](w.Registries),
		NetworkConfiguration:    cloud.Kept[*types.NetworkConfiguration](w.Network),
		DeploymentConfiguration: cloud.Kept[*types.DeploymentConfiguration](row.Config),
		DeploymentController:    &types.DeploymentController{Type: types.DeploymentControllerType(set.Controller)},
		SchedulingStrategy:      types.SchedulingStrategy(set.Scheduling),
		PlacementConstraints:    listed[types.PlacementConstraint](set.PlacementConstraints),
		PlacementStrategy:       listed[types.PlacementStrategy](set.Placement),
		EnableECSManagedTags:    set.ManagedTags, EnableExecuteCommand: set.ExecuteCommand,
		PropagateTags:               types.PropagateTags(set.PropagateTags),
		AvailabilityZoneRebalancing: types.AvailabilityZoneRebalancing(set.ZoneRebalancing),
		ResourceManagementType:      types.ResourceManagementTypeCustomer,
		CreatedAt:                   new(row.Created), CreatedBy: new(row.By), RoleArn: new(roleOf(scope, set.RoleARN)),
		Deployments: []types.Deployment{}, Events: []types.ServiceEvent{},
	}
	if set.GraceSet {
		v.HealthCheckGracePeriodSeconds = new(int32(set.Grace / time.Second))
	}
	if set.driven() {
		v.TaskSets = []types.TaskSet{}
	}
	tally := s.tally(tx, row.ARN)
	for _, n := range tally {
		v.RunningCount += int32(n.running)
		v.PendingCount += int32(n.pending)
	}
	live := s.live(tx, row.ARN)
	slices.Reverse(live)
	slices.SortStableFunc(live, func(a, b Deployment) int { return boolFirst(a.Key == row.Primary, b.Key == row.Primary) })
	for i := range live {
		d := &live[i]
		n := tally[d.Digits]
		if d.Set != nil {
			v.TaskSets = append(v.TaskSets, s.taskSetView(tx, row, d, n, tags))
			continue
		}
		v.Deployments = append(v.Deployments, s.deploymentView(tx, d, n))
		v.CurrentServiceRevisions = append(v.CurrentServiceRevisions, types.ServiceCurrentRevisionSummary{
			Arn: new(d.revisionARN(d.Digits)), RequestedTaskCount: int32(d.Want),
			RunningTaskCount: int32(n.running), PendingTaskCount: int32(n.pending),
		})
	}
	if d, ok := s.deployments.Get(tx, row.Newest); ok && d.Deploying != deployPending {
		v.CurrentServiceDeployment = new(d.arn())
	}
	for _, e := range s.eventsOf(tx, row.ARN) {
		v.Events = append(v.Events, types.ServiceEvent{Id: new(e.ID), CreatedAt: new(e.Created), Message: new(e.Message)})
	}
	if tags {
		v.Tags = tagsOut(row.Tags)
	}
	return v
}

// deploymentView gives an entry of deployments[]. Source: ecs.md 3.3, 3.4.
func (s *Service) deploymentView(tx *store.Tx, d *Deployment, n tallied) types.Deployment {
	w := &d.Work
	v := types.Deployment{
		Id: new(d.id()), Status: new(d.Status), TaskDefinition: new(w.TaskDefinition),
		DesiredCount: int32(d.Want), RunningCount: int32(n.running), PendingCount: int32(n.pending), FailedTasks: int32(d.FailedTasks),
		CreatedAt: new(d.Created), UpdatedAt: new(d.Updated),
		LaunchType: types.LaunchType(w.LaunchType), CapacityProviderStrategy: cloud.Kept[[]types.CapacityProviderStrategyItem](w.Providers),
		PlatformVersion: platformOf(w), PlatformFamily: s.platformFamily(tx, w),
		NetworkConfiguration: cloud.Kept[*types.NetworkConfiguration](w.Network),
		RolloutState:         types.DeploymentRolloutState(d.Rollout), RolloutStateReason: new(d.Reason),
		ServiceConnectConfiguration: cloud.Kept[*types.ServiceConnectConfiguration](w.ServiceConnect),
		VolumeConfigurations:        cloud.Kept[[]types.ServiceVolumeConfiguration](w.Volumes),
		VpcLatticeConfigurations:    cloud.Kept[[]types.VpcLatticeConfiguration](w.Lattices),
	}
	return v
}

// roleOf gives the ARN of a service's role, which may be given by name.
func roleOf(scope names.Scope, role string) string {
	if strings.HasPrefix(role, "arn:") {
		return role
	}
	resource := serviceLinkedRole
	if role != "" {
		resource = "role/" + role
	}
	return names.ARN{Partition: scope.Partition(), Service: "iam", Account: scope.Account, Resource: resource}.String()
}

// platformOf gives the platform version a revision runs on; nil where it is not on Fargate.
func platformOf(w *Workload) *string {
	if w.PlatformVersion == "LATEST" {
		return new(latestPlatform)
	}
	return orNil(w.PlatformVersion)
}

// platformFamily gives the operating system a Fargate workload runs on; nil elsewhere.
//
// Source: ecs.md 10, "Linux" or WINDOWS_…, Fargate only.
func (s *Service) platformFamily(tx *store.Tx, w *Workload) *string {
	if w.PlatformVersion == "" {
		return nil
	}
	d, _ := s.definition(tx, w.TaskDefinition) // nil where it is gone: any of Linux
	return new(familyOf(d))
}

// familyOf gives the platform family of a definition on Fargate; nil is any of Linux.
func familyOf(d *types.TaskDefinition) string {
	if d == nil || d.RuntimePlatform == nil || d.RuntimePlatform.OperatingSystemFamily == "" || d.RuntimePlatform.OperatingSystemFamily == types.OSFamilyLinux {
		return "Linux"
	}
	return string(d.RuntimePlatform.OperatingSystemFamily)
}

// listed gives a list AWS always writes.
func listed[T any](raw []byte) []T {
	if list := cloud.Kept[[]T](raw); list != nil {
		return list
	}
	return []T{}
}

func boolFirst(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return -1
	}
	return 1
}

// echoAll writes the unknown members that rows keep into the answer's list of that name.
func echoAll(ctx context.Context, list string, extras [][]wire.Extra) {
	for i, all := range extras {
		wire.Echo(ctx, []string{list, strconv.Itoa(i)}, all)
	}
}
