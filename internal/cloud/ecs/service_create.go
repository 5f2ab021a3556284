package ecs

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/slipway-ecs/slipway/internal/cloud"
	"github.com/slipway-ecs/slipway/internal/names"
	"github.com/slipway-ecs/slipway/internal/store"
	"github.com/slipway-ecs/slipway/internal/wire"
)

// The statuses of a service. Source: ecs.md 3.1.
const (
	serviceActive   = "ACTIVE"
	serviceDraining = "DRAINING"
	serviceInactive = "INACTIVE"
)

// What ECS says of a name that is taken. The second wording is unconfirmed. Source: ecs.md 3.2.
const (
	notIdempotent = "Creation of service was not idempotent."
	stillDraining = "Unable to Start a service that is still Draining."
)

// CreateService makes a service and its first deployment. With the clientToken and the arguments
// of the call that made an ACTIVE service of the name, it answers with that service.
//
// Source: ecs.md 3.2.
func (s *Service) CreateService(ctx context.Context, in *sdk.CreateServiceInput) (*sdk.CreateServiceOutput, error) {
	scope := scopeOf(ctx)
	extras := encodeExtras(wire.ExtrasOf(ctx))
	var out *types.Service
	err := s.o.Store.Update(func(tx *store.Tx) error {
		cluster, err := s.clusterOf(tx, scope, in.Cluster)
		if err != nil {
			return err
		}
		name := text(in.ServiceName)
		if !nameRule.MatchString(name) {
			return invalid("Invalid service name: it must be 1 to 255 letters, numbers, underscores and hyphens.")
		}
		if !validToken(text(in.ClientToken), 36) {
			return invalid("Invalid clientToken: it must be up to 36 ASCII characters.")
		}
		hash := hashOf(in)
		arn := scope.Service(cluster.Name, name)
		old, exists := s.services.Get(tx, arn)
		switch {
		case exists && old.Status == serviceActive:
			if old.Token == "" || old.Token != text(in.ClientToken) || old.TokenHash != hash {
				return invalid("%s", notIdempotent)
			}
			out = s.serviceView(tx, &old, len(old.Tags) > 0)
			return nil
		case exists && old.Status == serviceDraining:
			return invalid("%s", stillDraining)
		}
		row := ServiceRow{
			ARN: arn, Name: name, Cluster: cluster.ARN, Status: serviceActive,
			Token: text(in.ClientToken), TokenHash: hash, Extras: extras,
			By: rootARN(scope), Created: tx.Now(),
		}
		if err := s.fill(tx, scope, cluster, &row, in); err != nil {
			return err
		}
		s.forget(tx, arn)
		if row.Settings.daemon() {
			row.Desired = s.matching(tx, &row)
		}
		if row.Settings.driven() {
			s.firstSet(tx, &row)
		} else {
			s.begin(tx, &row)
		}
		s.services.Put(tx, row)
		out = s.serviceView(tx, &row, len(row.Tags) > 0)
		return nil
	})
	if err != nil {
		return nil, err
	}
	wire.Echo(ctx, []string{"service"}, wire.ExtrasOf(ctx))
	return &sdk.CreateServiceOutput{Service: out}, nil
}

// fill writes what a create asks for into the row of the service, or refuses it.
func (s *Service) fill(tx *store.Tx, scope names.Scope, cluster Cluster, row *ServiceRow, in *sdk.CreateServiceInput) error {
	controller := types.DeploymentControllerTypeEcs
	if in.DeploymentController != nil {
		controller = in.DeploymentController.Type
	}
	if err := checkController(controller, in); err != nil {
		return err
	}
	daemon := in.SchedulingStrategy == types.SchedulingStrategyDaemon
	if in.DesiredCount == nil && !daemon && controller != types.DeploymentControllerTypeExternal {
		return invalid("The desired count must be specified for a service with the REPLICA scheduling strategy.")
	}
	if aws.ToInt32(in.DesiredCount) < 0 {
		return invalid("The desired count cannot be less than 0.")
	}
	config := mergeConfiguration(defaultConfiguration(daemon), in.DeploymentConfiguration)
	if err := checkConfiguration(config, daemon); err != nil {
		return err
	}
	if daemon {
		if err := checkDaemon(in); err != nil {
			return err
		}
	}
	if controller != types.DeploymentControllerTypeExternal {
		if err := checkForm(config.Strategy, in.LoadBalancers); err != nil {
			return err
		}
		if err := s.fillWork(tx, scope, cluster, row, in); err != nil {
			return err
		}
		if err := s.checkAdvanced(tx, in.LoadBalancers); err != nil {
			return err
		}
	}
	row.Desired = int(aws.ToInt32(in.DesiredCount))
	scheduling := types.SchedulingStrategyReplica
	if daemon {
		scheduling, row.Desired = types.SchedulingStrategyDaemon, 0
	}
	row.Settings = ServiceSettings{
		Controller: string(controller), Scheduling: string(scheduling),
		PropagateTags: string(in.PropagateTags), ManagedTags: in.EnableECSManagedTags, ExecuteCommand: in.EnableExecuteCommand,
		RoleARN:              text(in.Role),
		PlacementConstraints: keepList(in.PlacementConstraints), Placement: keepList(in.PlacementStrategy),
	}
	setConfiguration(row, config, in.DeploymentConfiguration)
	if row.Settings.PropagateTags == "" {
		row.Settings.PropagateTags = string(types.PropagateTagsNone)
	}
	if err := row.Settings.rebalance(in.AvailabilityZoneRebalancing); err != nil {
		return err
	}
	if in.HealthCheckGracePeriodSeconds != nil {
		row.Settings.GraceSet, row.Settings.Grace = true, time.Duration(*in.HealthCheckGracePeriodSeconds)*time.Second
	}
	if err := checkSettings(&row.Settings); err != nil {
		return err
	}
	if err := checkPlacement(row.Work.fargate(), in.PlacementConstraints, in.PlacementStrategy); err != nil {
		return err
	}
	var err error
	row.Tags, err = tagsIn(in.Tags)
	return err
}

// fillWork writes the workload that a create asks for, or refuses it.
func (s *Service) fillWork(tx *store.Tx, scope names.Scope, cluster Cluster, row *ServiceRow, in *sdk.CreateServiceInput) error {
	if text(in.TaskDefinition) == "" {
		return invalid("TaskDefinition can not be blank.")
	}
	definition, err := s.definitionRef(tx, scope, text(in.TaskDefinition))
	if err != nil {
		return err
	}
	row.Work = Workload{
		TaskDefinition: definition.ARN, LaunchType: string(in.LaunchType),
		Providers: keepList(in.CapacityProviderStrategy), PlatformVersion: text(in.PlatformVersion),
		Network: keepNetwork(in.NetworkConfiguration), LoadBalancers: keepList(in.LoadBalancers),
		Registries: keepList(in.ServiceRegistries), ServiceConnect: cloud.Keep(in.ServiceConnectConfiguration),
		Volumes: keepList(in.VolumeConfigurations), Lattices: keepList(in.VpcLatticeConfigurations),
		Monitoring: cloud.Keep(in.Monitoring), Gateways: keepList(in.GatewayConnectors),
	}
	if in.LaunchType != "" && len(in.CapacityProviderStrategy) > 0 {
		return invalid("Specifying both a launch type and capacity provider strategy is not supported. Remove one and try again.")
	}
	if in.LaunchType == "" && len(in.CapacityProviderStrategy) == 0 {
		if row.Work.Providers = blank(cluster.Default); row.Work.Providers == nil || in.SchedulingStrategy == types.SchedulingStrategyDaemon {
			row.Work.Providers = nil
			row.Work.LaunchType = string(types.LaunchTypeEc2)
		}
	}
	if err := s.checkWorkload(tx, scope, cluster, &row.Work); err != nil {
		return err
	}
	return s.checkAssociated(tx, in.LoadBalancers)
}

// setConfiguration keeps a checked deployment configuration and what follows from it; ask is what
// the caller gave of it.
func setConfiguration(row *ServiceRow, c, ask *types.DeploymentConfiguration) {
	row.Config = cloud.Keep(c)
	row.Settings.MinPercent, row.Settings.MaxPercent = int(aws.ToInt32(c.MinimumHealthyPercent)), int(aws.ToInt32(c.MaximumPercent))
	if ask != nil && ask.BakeTimeInMinutes != nil {
		row.Settings.BakeSet = true
	}
}

// checkSettings refuses settings out of AWS's ranges. The wordings are ours (unconfirmed).
func checkSettings(set *ServiceSettings) error {
	switch types.PropagateTags(set.PropagateTags) {
	case types.PropagateTagsNone, types.PropagateTagsService, types.PropagateTagsTaskDefinition:
	default:
		return invalid("Invalid value for propagateTags: %s", set.PropagateTags)
	}
	switch types.AvailabilityZoneRebalancing(set.ZoneRebalancing) {
	case types.AvailabilityZoneRebalancingEnabled, types.AvailabilityZoneRebalancingDisabled:
	default:
		return invalid("Invalid value for availabilityZoneRebalancing: %s", set.ZoneRebalancing)
	}
	if set.Grace < 0 {
		return invalid("The health check grace period must be between 0 and 2147483647 seconds.")
	}
	return nil
}

// hashOf tells two requests to create a service apart, their tokens aside.
func hashOf(in *sdk.CreateServiceInput) string {
	ask := *in
	ask.ClientToken = nil
	sum := sha256.Sum256(cloud.Keep(&ask))
	return hex.EncodeToString(sum[:])
}

// validToken reports whether an idempotency token has only characters 33–126, most at the most.
func validToken(token string, most int) bool {
	for i := range len(token) {
		if token[i] < 33 || token[i] > 126 {
			return false
		}
	}
	return len(token) <= most
}
