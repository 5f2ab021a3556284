package ecs

import (
	"context"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/slipway-ecs/slipway/internal/names"
)

// fargateProviders are the capacity providers there are without anybody making them.
var fargateProviders = []string{"FARGATE", "FARGATE_SPOT"}

// checkProviders refuses capacity providers that do not exist, and a strategy no launch can use.
func checkProviders(providers []string, strategy []types.CapacityProviderStrategyItem) error {
	for _, p := range providers {
		if !slices.Contains(fargateProviders, p) {
			return invalid("The specified capacity provider could not be found. Specify a valid name or ARN and try again.")
		}
	}
	return checkStrategy(strategy)
}

// checkStrategy refuses a capacity provider strategy that names unknown providers, has more than
// one base, or weights nothing.
func checkStrategy(strategy []types.CapacityProviderStrategyItem) error {
	bases, weight := 0, int32(0)
	for _, item := range strategy {
		if !slices.Contains(fargateProviders, text(item.CapacityProvider)) {
			return invalid("The specified capacity provider could not be found. Specify a valid name or ARN and try again.")
		}
		if item.Weight < 0 || item.Weight > 1000 || item.Base < 0 || item.Base > 100000 {
			return invalid("The capacity provider strategy has a weight or base out of range.")
		}
		if item.Base > 0 {
			bases++
		}
		weight += item.Weight
	}
	if bases > 1 {
		return invalid("The capacity provider strategy can only have one capacity provider with a base value.")
	}
	if len(strategy) > 0 && weight == 0 && bases == 0 {
		return invalid("The specified capacity provider strategy cannot contain only capacity providers with a weight of 0.")
	}
	return nil
}

// providerOf gives the provider of a strategy's i-th task, counting from 0: first the base, then
// by weight. It is "" for an empty strategy.
//
// Source: CreateService's documentation of base and weight: the base is met first, the rest is
// shared by weight.
func providerOf(strategy []types.CapacityProviderStrategyItem, i int) string {
	base := slices.IndexFunc(strategy, func(x types.CapacityProviderStrategyItem) bool { return x.Base > 0 })
	if base >= 0 {
		if i < int(strategy[base].Base) {
			return text(strategy[base].CapacityProvider)
		}
		i -= int(strategy[base].Base)
	}
	given := make([]int, len(strategy))
	pick := -1
	for range i + 1 {
		// The one furthest behind its weight comes next; the first of equals.
		pick = -1
		for k, item := range strategy {
			if item.Weight > 0 && (pick < 0 || (given[k]+1)*int(strategy[pick].Weight) < (given[pick]+1)*int(item.Weight)) {
				pick = k
			}
		}
		if pick < 0 {
			return ""
		}
		given[pick]++
	}
	return text(strategy[pick].CapacityProvider)
}

// DescribeCapacityProviders describes FARGATE and FARGATE_SPOT; there are no others yet.
func (s *Service) DescribeCapacityProviders(ctx context.Context, in *ecs.DescribeCapacityProvidersInput) (*ecs.DescribeCapacityProvidersOutput, error) {
	scope := scopeOf(ctx)
	wanted := in.CapacityProviders
	if len(wanted) == 0 {
		wanted = fargateProviders
	}
	out := &ecs.DescribeCapacityProvidersOutput{CapacityProviders: []types.CapacityProvider{}, Failures: []types.Failure{}}
	for _, ref := range wanted {
		name := ref
		if strings.HasPrefix(ref, "arn:") {
			name = names.Last(ref)
		}
		arn := scope.ARN("ecs", "capacity-provider/"+name)
		if !slices.Contains(fargateProviders, name) {
			out.Failures = append(out.Failures, missing(arn))
			continue
		}
		out.CapacityProviders = append(out.CapacityProviders, types.CapacityProvider{
			CapacityProviderArn: new(arn), Name: new(name), Status: types.CapacityProviderStatusActive,
			Type: types.CapacityProviderType(name), Tags: []types.Tag{},
		})
	}
	return out, nil
}
