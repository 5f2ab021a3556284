package ecs

import (
	"context"
	"encoding/json"
	"slices"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/slipway-ecs/slipway/internal/cloud"
	"github.com/slipway-ecs/slipway/internal/names"
	"github.com/slipway-ecs/slipway/internal/store"
	"github.com/slipway-ecs/slipway/internal/wire"
)

// mustForce is ECS's refusal of another capacity provider strategy without a new deployment.
const mustForce = "When switching from launch type to capacity provider strategy on an existing service, or making a change to a capacity provider strategy on a service that is already using one, you must force a new deployment."

// UpdateService changes a service. Where that changes its workload, or forceNewDeployment is
// given, a new deployment begins and takes the place of one that is under way.
//
// Source: ecs.md 3.5 and 3.6.
func (s *Service) UpdateService(ctx context.Context, in *sdk.UpdateServiceInput) (*sdk.UpdateServiceOutput, error) {
	scope := scopeOf(ctx)
	var out *types.Service
	var extras []wire.Extra
	err := s.o.Store.Update(func(tx *store.Tx) error {
		cluster, err := s.clusterOf(tx, scope, in.Cluster)
		if err != nil {
			return err
		}
		row, err := s.serviceOf(tx, cluster, text(in.Service))
		if err != nil {
			return err
		}
		if row.Status != serviceActive {
			return &types.ServiceNotActiveException{Message: new("Service was not ACTIVE.")}
		}
		if err := s.changeController(tx, &row, in); err != nil {
			return err
		}
		was := row.Work
		if err := s.changeSettings(&row, in); err != nil {
			return err
		}
		if err := s.changeWorkload(tx, scope, cluster, &row, in); err != nil {
			return err
		}
		row.Extras = mergeExtras(row.Extras, wire.ExtrasOf(ctx))
		if !row.Settings.driven() && (in.ForceNewDeployment || row.Primary == "" || !was.equal(&row.Work)) {
			s.begin(tx, &row)
		}
		s.services.Put(tx, row)
		out, extras = s.serviceView(tx, &row, len(row.Tags) > 0), decodeExtras(row.Extras)
		return nil
	})
	if err != nil {
		return nil, err
	}
	wire.Echo(ctx, []string{"service"}, extras)
	return &sdk.UpdateServiceOutput{Service: out}, nil
}

// changeSettings writes into the row what an update changes without a deployment, or refuses it.
func (s *Service) changeSettings(row *ServiceRow, in *sdk.UpdateServiceInput) error {
	if in.DeploymentConfiguration != nil {
		config := mergeConfiguration(cloud.Kept[*types.DeploymentConfiguration](row.Config), in.DeploymentConfiguration)
		if err := checkConfiguration(config, row.Settings.daemon()); err != nil {
			return err
		}
		setConfiguration(row, config, in.DeploymentConfiguration)
	}
	if in.DesiredCount != nil {
		if *in.DesiredCount < 0 {
			return invalid("The desired count cannot be less than 0.")
		}
		if !row.Settings.daemon() { // a daemon's is the number of its instances
			row.Desired = int(*in.DesiredCount)
		}
	}
	set := &row.Settings
	if in.HealthCheckGracePeriodSeconds != nil {
		set.GraceSet, set.Grace = true, time.Duration(*in.HealthCheckGracePeriodSeconds)*time.Second
	}
	if in.PropagateTags != "" {
		set.PropagateTags = string(in.PropagateTags)
	}
	if in.EnableECSManagedTags != nil {
		set.ManagedTags = *in.EnableECSManagedTags
	}
	if in.EnableExecuteCommand != nil {
		set.ExecuteCommand = *in.EnableExecuteCommand
	}
	if in.PlacementConstraints != nil {
		set.PlacementConstraints = keepList(in.PlacementConstraints)
	}
	if in.PlacementStrategy != nil {
		set.Placement = keepList(in.PlacementStrategy)
	}
	if in.AvailabilityZoneRebalancing != "" {
		if err := set.rebalance(in.AvailabilityZoneRebalancing); err != nil {
			return err
		}
	}
	if err := checkSettings(set); err != nil {
		return err
	}
	return checkPlacement(row.Work.fargate(), in.PlacementConstraints, in.PlacementStrategy)
}

// changeWorkload writes into the row what starts a deployment, or refuses it. What is left out
// stays, an empty list removes.
func (s *Service) changeWorkload(tx *store.Tx, scope names.Scope, cluster Cluster, row *ServiceRow, in *sdk.UpdateServiceInput) error {
	w := row.Work
	if in.TaskDefinition != nil {
		d, err := s.definitionRef(tx, scope, *in.TaskDefinition)
		if err != nil {
			return err
		}
		w.TaskDefinition = d.ARN
	}
	if in.CapacityProviderStrategy != nil {
		if err := changeProviders(&w, in); err != nil {
			return err
		}
	}
	if in.PlatformVersion != nil {
		w.PlatformVersion = *in.PlatformVersion
	}
	if in.NetworkConfiguration != nil {
		w.Network = keepNetwork(in.NetworkConfiguration)
	}
	if in.ServiceConnectConfiguration != nil {
		w.ServiceConnect = cloud.Keep(in.ServiceConnectConfiguration)
	}
	if in.Monitoring != nil {
		w.Monitoring = cloud.Keep(in.Monitoring)
	}
	replace(&w.LoadBalancers, in.LoadBalancers)
	replace(&w.Registries, in.ServiceRegistries)
	replace(&w.Volumes, in.VolumeConfigurations)
	replace(&w.Lattices, in.VpcLatticeConfigurations)
	replace(&w.Gateways, in.GatewayConnectors)
	balancers := cloud.Kept[[]types.LoadBalancer](w.LoadBalancers)
	if err := checkForm(cloud.Kept[*types.DeploymentConfiguration](row.Config).Strategy, balancers); err != nil {
		return err
	}
	if err := s.checkAdvanced(tx, balancers); err != nil {
		return err
	}
	if !in.ForceNewDeployment && w.equal(&row.Work) {
		return nil
	}
	if err := s.checkWorkload(tx, scope, cluster, &w); err != nil {
		return err
	}
	if err := s.checkAssociated(tx, balancers); err != nil {
		return err
	}
	row.Work = w
	return nil
}

// replace writes a list that was given over what a row keeps of it.
func replace[T any](kept *json.RawMessage, given []T) {
	if given != nil {
		*kept = keepList(given)
	}
}

// changeProviders moves a workload to another capacity provider strategy, or with an empty one
// back to the launch type that its providers stood for.
func changeProviders(w *Workload, in *sdk.UpdateServiceInput) error {
	next := keepList(in.CapacityProviderStrategy)
	if same(next, w.Providers) {
		return nil
	}
	if !in.ForceNewDeployment {
		return invalid("%s", mustForce)
	}
	fargate := w.fargate()
	w.Providers, w.LaunchType = next, ""
	if next == nil {
		w.LaunchType = string(types.LaunchTypeEc2)
		if fargate {
			w.LaunchType = string(types.LaunchTypeFargate)
		}
	}
	return nil
}

// equal reports whether two workloads are the same revision's.
func (w *Workload) equal(o *Workload) bool {
	return w.TaskDefinition == o.TaskDefinition && w.LaunchType == o.LaunchType && w.PlatformVersion == o.PlatformVersion &&
		slices.EqualFunc(w.parts(), o.parts(), func(a, b json.RawMessage) bool { return same(a, b) })
}

func (w *Workload) parts() []json.RawMessage {
	return []json.RawMessage{
		w.Providers, w.Network, w.LoadBalancers, w.Registries, w.ServiceConnect,
		w.Volumes, w.Lattices, w.Monitoring, w.Gateways,
	}
}
