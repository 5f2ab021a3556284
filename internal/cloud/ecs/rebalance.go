package ecs

import (
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/slipway-ecs/slipway/internal/cloud"
)

// Why a service cannot be balanced anew across zones. The words are ours but for the first, which
// is from memory (unconfirmed).
const (
	wordRebalanceMost     = "Availability Zone Rebalancing does not support maximumPercent <= 100."
	wordRebalanceDaemon   = "Availability Zone Rebalancing does not support the DAEMON scheduling strategy."
	wordRebalanceStrategy = "Availability Zone Rebalancing needs a spread over attribute:ecs.availability-zone as the first placement strategy."
	wordRebalanceZone     = "Availability Zone Rebalancing does not support placement constraints on attribute:ecs.availability-zone."
)

const attributeOfZone = "attribute:ecs.availability-zone"

// fixed says why a service with these settings cannot be balanced anew across zones; "" if it can.
//
// Source: the developer guide's page on service rebalancing.
func (set *ServiceSettings) fixed() string {
	if set.daemon() {
		return wordRebalanceDaemon
	}
	if set.MaxPercent <= 100 {
		return wordRebalanceMost
	}
	if all := cloud.Kept[[]types.PlacementStrategy](set.Placement); len(all) > 0 &&
		(all[0].Type != types.PlacementStrategyTypeSpread || !strings.EqualFold(text(all[0].Field), attributeOfZone)) {
		return wordRebalanceStrategy
	}
	for _, c := range cloud.Kept[[]types.PlacementConstraint](set.PlacementConstraints) {
		if strings.Contains(strings.ToLower(text(c.Expression)), attributeOfZone) {
			return wordRebalanceZone
		}
	}
	return ""
}

// rebalance writes whether a service is balanced anew, which a new one is where nobody says otherwise
// and it can be, or refuses it.
func (set *ServiceSettings) rebalance(asked types.AvailabilityZoneRebalancing) error {
	why := set.fixed()
	switch {
	case asked == types.AvailabilityZoneRebalancingEnabled && why != "":
		return invalid("%s", why)
	case asked != "":
		set.ZoneRebalancing = string(asked)
	case why != "":
		set.ZoneRebalancing = string(types.AvailabilityZoneRebalancingDisabled)
	default:
		set.ZoneRebalancing = string(types.AvailabilityZoneRebalancingEnabled)
	}
	return nil
}
