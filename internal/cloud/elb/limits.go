package elb

import (
	"context"
	"reflect"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	elbv2 "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/slipway-ecs/slipway/internal/wire"
)

// Default quotas of an account in a region. Source: elbv2.md 8.
const (
	maxBalancers         = 50
	maxGroups            = 3000
	maxListeners         = 50  // a balancer
	maxRules             = 100 // a balancer, default rules not counted
	maxGroupsOfBalancer  = 100
	maxGroupsOfAction    = 5
	maxTargetsOfBalancer = 1000
	maxTargetsOfNetwork  = 3000
	maxTargetsOfZone     = 500 // of a network load balancer; shown, and not kept to
	maxTargetsOfGroup    = 1000
	maxTimesOfTarget     = 100 // the same target, on an application load balancer
	maxConditionValues   = 5   // a rule
	maxWildcards         = 6   // a rule; the guide says 5, the quota page 6
	maxTags              = 50
)

// DescribeAccountLimits gives the default quotas.
func (s *Service) DescribeAccountLimits(_ context.Context, in *elbv2.DescribeAccountLimitsInput) (*elbv2.DescribeAccountLimitsOutput, error) {
	all := []types.Limit{
		limit("target-groups", maxGroups),
		limit("targets-per-application-load-balancer", maxTargetsOfBalancer),
		limit("listeners-per-application-load-balancer", maxListeners),
		limit("rules-per-application-load-balancer", maxRules),
		limit("network-load-balancers", maxBalancers),
		limit("gateway-load-balancers", 0),
		limit("targets-per-network-load-balancer", maxTargetsOfNetwork),
		limit("targets-per-availability-zone-per-network-load-balancer", maxTargetsOfZone),
		limit("listeners-per-network-load-balancer", maxListeners),
		limit("application-load-balancers", maxBalancers),
		limit("certificates-per-application-load-balancer", maxCertificates),
		limit("condition-values-per-alb-rule", maxConditionValues),
		limit("condition-wildcards-per-alb-rule", maxWildcards),
		limit("target-groups-per-application-load-balancer", maxGroupsOfBalancer),
		limit("target-groups-per-action-on-application-load-balancer", maxGroupsOfAction),
		limit("targets-per-target-group", maxTargetsOfGroup),
	}
	got, next, err := cut(all, func(l *types.Limit) string { return *l.Name }, in.Marker, in.PageSize)
	return answer(&elbv2.DescribeAccountLimitsOutput{Limits: got, NextMarker: next}, err)
}

func limit(name string, max int) types.Limit {
	return types.Limit{Name: aws.String(name), Max: aws.String(strconv.Itoa(max))}
}

// refuse answers an operation that this cloud has no use for, and says so to the operator: trust
// stores, capacity units, address pools.
func refuse[In, Out any](warn func(string)) func(context.Context, *In) (*Out, error) {
	name := strings.TrimSuffix(reflect.TypeFor[In]().Name(), "Input")
	return func(context.Context, *In) (*Out, error) {
		warn("not built: elasticloadbalancing " + name + ", answered with OperationNotPermitted")
		return nil, notPermitted("This operation is not supported by this local cloud")
	}
}

func declareRefused(w *wire.Service, warn func(string)) {
	wire.Op(w, refuse[elbv2.CreateTrustStoreInput, elbv2.CreateTrustStoreOutput](warn))
	wire.Op(w, refuse[elbv2.ModifyTrustStoreInput, elbv2.ModifyTrustStoreOutput](warn))
	wire.Op(w, refuse[elbv2.DeleteTrustStoreInput, elbv2.DeleteTrustStoreOutput](warn))
	wire.Op(w, refuse[elbv2.AddTrustStoreRevocationsInput, elbv2.AddTrustStoreRevocationsOutput](warn))
	wire.Op(w, refuse[elbv2.RemoveTrustStoreRevocationsInput, elbv2.RemoveTrustStoreRevocationsOutput](warn))
	wire.Op(w, refuse[elbv2.DeleteSharedTrustStoreAssociationInput, elbv2.DeleteSharedTrustStoreAssociationOutput](warn))
	wire.Op(w, refuse[elbv2.DescribeTrustStoresInput, elbv2.DescribeTrustStoresOutput](warn))
	wire.Op(w, refuse[elbv2.DescribeTrustStoreAssociationsInput, elbv2.DescribeTrustStoreAssociationsOutput](warn))
	wire.Op(w, refuse[elbv2.DescribeTrustStoreRevocationsInput, elbv2.DescribeTrustStoreRevocationsOutput](warn))
	wire.Op(w, refuse[elbv2.GetTrustStoreCaCertificatesBundleInput, elbv2.GetTrustStoreCaCertificatesBundleOutput](warn))
	wire.Op(w, refuse[elbv2.GetTrustStoreRevocationContentInput, elbv2.GetTrustStoreRevocationContentOutput](warn))
	wire.Op(w, refuse[elbv2.GetResourcePolicyInput, elbv2.GetResourcePolicyOutput](warn))
	wire.Op(w, refuse[elbv2.ModifyIpPoolsInput, elbv2.ModifyIpPoolsOutput](warn))
	wire.Op(w, refuse[elbv2.ModifyCapacityReservationInput, elbv2.ModifyCapacityReservationOutput](warn))
}
