package ecs

import (
	"strings"
	"testing"

	sdk "github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

func TestZoneRebalancingIsOnWhereItCanBeAndRefusedWhereNot(t *testing.T) {
	percents := func(low, most int32) *types.DeploymentConfiguration {
		return &types.DeploymentConfiguration{MinimumHealthyPercent: &low, MaximumPercent: &most}
	}
	spread := func(field string) types.PlacementStrategy {
		return types.PlacementStrategy{Type: types.PlacementStrategyTypeSpread, Field: &field}
	}
	binpack := types.PlacementStrategy{Type: types.PlacementStrategyTypeBinpack, Field: new("cpu")}
	onDeck(t, 1, "t3.small", func(h *harbour) {
		definition := h.bridge("shop/web:1", 128, 128, 0)
		for _, c := range []struct {
			name, why string // why it cannot be; "" where it can
			change    func(in *sdk.CreateServiceInput)
		}{
			{"plain", "", func(*sdk.CreateServiceInput) {}},
			{"zones-first", "", func(in *sdk.CreateServiceInput) {
				in.PlacementStrategy = []types.PlacementStrategy{spread("attribute:ecs.availability-zone"), binpack}
			}},
			{"zones-later", wordRebalanceStrategy, func(in *sdk.CreateServiceInput) {
				in.PlacementStrategy = []types.PlacementStrategy{binpack, spread("attribute:ecs.availability-zone")}
			}},
			{"over-instances", wordRebalanceStrategy, func(in *sdk.CreateServiceInput) {
				in.PlacementStrategy = []types.PlacementStrategy{spread("instanceId")}
			}},
			{"one-zone", wordRebalanceZone, func(in *sdk.CreateServiceInput) {
				in.PlacementConstraints = []types.PlacementConstraint{{Type: types.PlacementConstraintTypeMemberOf, Expression: new("attribute:ecs.availability-zone == eu-west-1a")}}
			}},
			{"no-more", wordRebalanceMost, func(in *sdk.CreateServiceInput) { in.DeploymentConfiguration = percents(0, 100) }},
			{"daemon", wordRebalanceDaemon, func(in *sdk.CreateServiceInput) {
				in.SchedulingStrategy, in.DesiredCount = types.SchedulingStrategyDaemon, nil
			}},
		} {
			in := onInstances(definition, 0, c.change)
			in.ServiceName = new(c.name)
			want := types.AvailabilityZoneRebalancingEnabled
			if c.why != "" {
				want = types.AvailabilityZoneRebalancingDisabled
			}
			if got := h.create(in).AvailabilityZoneRebalancing; got != want {
				t.Errorf("%s: by default it is %s, want %s", c.name, got, want)
			}
			_, err := h.room.UpdateService(h.ctx, &sdk.UpdateServiceInput{Cluster: in.Cluster, Service: in.ServiceName, AvailabilityZoneRebalancing: types.AvailabilityZoneRebalancingEnabled})
			if got := refusal(err); !strings.HasSuffix(got, c.why) || (err == nil) != (c.why == "") {
				t.Errorf("%s: an update to ENABLED is refused with %q, want %q", c.name, got, c.why)
			}
			in.ServiceName, in.AvailabilityZoneRebalancing = new(c.name+"-asked"), types.AvailabilityZoneRebalancingEnabled
			_, err = h.room.CreateService(h.ctx, in)
			if got := refusal(err); !strings.HasSuffix(got, c.why) || (err == nil) != (c.why == "") {
				t.Errorf("%s: ENABLED is refused with %q, want %q", c.name, got, c.why)
			}
		}
	})
}
