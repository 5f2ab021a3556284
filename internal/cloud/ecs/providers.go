package ecs

import (
	"slices"

	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/slipway-ecs/slipway/internal/names"
	"github.com/slipway-ecs/slipway/internal/store"
)

// fargateProviders are the capacity providers there are without anybody making them.
var fargateProviders = []string{"FARGATE", "FARGATE_SPOT"}

// mostProviders is how many capacity providers a strategy may have. Source: the API model's CreateService.
const mostProviders = 20

// The words of what a strategy cannot be; that of too many is ours (unconfirmed).
const (
	wordNoProvider = "The specified capacity provider could not be found. Specify a valid name or ARN and try again."
	// wordMixed is unconfirmed.
	wordMixed = "The capacity provider strategy cannot contain a mix of capacity providers using Auto Scaling groups and Fargate providers."
)

// checkProviders refuses capacity providers that do not exist, and a strategy no launch can use.
func (s *Service) checkProviders(tx *store.Tx, scope names.Scope, providers []string, strategy []types.CapacityProviderStrategyItem) error {
	for _, p := range providers {
		if !s.provides(tx, scope, p) {
			return invalid(wordNoProvider)
		}
	}
	return s.checkStrategy(tx, scope, strategy)
}

// provides reports whether there is an ACTIVE capacity provider of a name.
func (s *Service) provides(tx *store.Tx, scope names.Scope, name string) bool {
	if slices.Contains(fargateProviders, name) {
		return true
	}
	p, ok := s.providers.Get(tx, providerARN(scope, name))
	return ok && p.Status == providerActive
}

// checkStrategy refuses a capacity provider strategy that names unknown providers, mixes kinds, has
// more than one base, or weights nothing.
func (s *Service) checkStrategy(tx *store.Tx, scope names.Scope, strategy []types.CapacityProviderStrategyItem) error {
	for i, item := range strategy {
		if !s.provides(tx, scope, text(item.CapacityProvider)) {
			return invalid(wordNoProvider)
		}
		if onFargate(item) != onFargate(strategy[0]) && i > 0 {
			return invalid(wordMixed)
		}
	}
	if len(strategy) > mostProviders {
		return invalid("The capacity provider strategy can have at most %d capacity providers.", mostProviders)
	}
	bases, weight := 0, int32(0)
	for _, item := range strategy {
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

func onFargate(item types.CapacityProviderStrategyItem) bool {
	return slices.Contains(fargateProviders, text(item.CapacityProvider))
}
