package ecs

import (
	"cmp"
	"context"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/slipway-ecs/slipway/internal/cloud"
	"github.com/slipway-ecs/slipway/internal/cloud/page"
	"github.com/slipway-ecs/slipway/internal/names"
	"github.com/slipway-ecs/slipway/internal/store"
)

// Capacity providers of Auto Scaling groups are records: nothing scales, and their tasks go to the
// instances that the cluster has.

// The statuses of a capacity provider.
const (
	providerActive   = string(types.CapacityProviderStatusActive)
	providerInactive = string(types.CapacityProviderStatusInactive)
)

// Provider is the row of a capacity provider that somebody made, by ARN.
type Provider struct {
	ARN, Name      string
	Status, Update string          // status and updateStatus
	Group          json.RawMessage // types.AutoScalingGroupProvider
	Tags           []Tag
	Created        time.Time
}

// The words of refusals, from memory (unconfirmed).
const (
	wordProviderName   = "The specified capacity provider name is invalid. Up to 255 characters are allowed, including letters (upper and lowercase), numbers, underscores, and hyphens. The name cannot be prefixed with \"aws\", \"ecs\", or \"fargate\". Specify a valid name and try again."
	wordProviderThere  = "The specified capacity provider already exists. To change the configuration of an existing capacity provider, update the capacity provider."
	wordGroupTaken     = "The specified Auto Scaling group ARN is already being used by another capacity provider. Specify a unique Auto Scaling group ARN and try again."
	wordProtection     = "The managed termination protection setting for the capacity provider is invalid. To enable managed termination protection for a capacity provider, enable managed scaling for the capacity provider and try again."
	wordProviderUsed   = "The capacity provider cannot be deleted because it is associated with cluster: %s. Remove the capacity provider from the cluster and try again."
	wordProviderInUse  = "The specified capacity provider is in use and cannot be removed."
	wordOwnedByFargate = "The specified capacity provider is reserved and cannot be changed."
)

// providerARN names a capacity provider by its name or ARN.
func providerARN(scope names.Scope, ref string) string {
	if strings.HasPrefix(ref, "arn:") {
		return ref
	}
	return scope.ARN("ecs", "capacity-provider/"+ref)
}

// CreateCapacityProvider makes a capacity provider of an Auto Scaling group, which nobody looks for.
func (s *Service) CreateCapacityProvider(ctx context.Context, in *ecs.CreateCapacityProviderInput) (*ecs.CreateCapacityProviderOutput, error) {
	name, lower := text(in.Name), strings.ToLower(text(in.Name))
	switch {
	case !nameRule.MatchString(name) || strings.HasPrefix(lower, "aws") || strings.HasPrefix(lower, "ecs") || strings.HasPrefix(lower, "fargate"):
		return nil, refused("%s", wordProviderName)
	case in.ManagedInstancesProvider != nil:
		return nil, unsupported("Managed instances are not served by this local cloud yet.")
	case in.AutoScalingGroupProvider == nil || text(in.AutoScalingGroupProvider.AutoScalingGroupArn) == "":
		return nil, invalid("The Auto Scaling group provider must be specified.")
	}
	tags, err := tagsIn(in.Tags)
	if err != nil {
		return nil, err
	}
	group := *in.AutoScalingGroupProvider
	if err := fillGroup(&group); err != nil {
		return nil, err
	}
	scope := scopeOf(ctx)
	out := &ecs.CreateCapacityProviderOutput{}
	err = s.o.Store.Update(func(tx *store.Tx) error {
		for p := range s.providers.Prefix(tx, providerARN(scope, "")) {
			switch {
			case p.Status != providerActive:
			case p.Name == name:
				return refused(wordProviderThere)
			case text(cloud.Kept[types.AutoScalingGroupProvider](p.Group).AutoScalingGroupArn) == *group.AutoScalingGroupArn:
				return refused(wordGroupTaken)
			}
		}
		p := Provider{ARN: providerARN(scope, name), Name: name, Status: providerActive, Group: cloud.Keep(&group), Tags: tags, Created: tx.Now()}
		s.providers.Put(tx, p)
		out.CapacityProvider = p.view(true)
		return nil
	})
	return out, err
}

// fillGroup writes the defaults of a group's settings, or refuses them.
//
// Source: the API model's AutoScalingGroupProvider and ManagedScaling.
func fillGroup(g *types.AutoScalingGroupProvider) error {
	scaling := types.ManagedScaling{Status: types.ManagedScalingStatusDisabled}
	if g.ManagedScaling != nil {
		scaling = *g.ManagedScaling
	}
	scaling.Status = cmp.Or(scaling.Status, types.ManagedScalingStatusDisabled)
	scaling.TargetCapacity, scaling.InstanceWarmupPeriod = or(scaling.TargetCapacity, 100), or(scaling.InstanceWarmupPeriod, 300)
	scaling.MinimumScalingStepSize, scaling.MaximumScalingStepSize = or(scaling.MinimumScalingStepSize, 1), or(scaling.MaximumScalingStepSize, 10000)
	g.ManagedScaling = &scaling
	g.ManagedTerminationProtection = cmp.Or(g.ManagedTerminationProtection, types.ManagedTerminationProtectionDisabled)
	g.ManagedDraining = cmp.Or(g.ManagedDraining, types.ManagedDrainingEnabled)
	switch {
	case *scaling.TargetCapacity < 1 || *scaling.TargetCapacity > 100:
		return invalid("The target capacity must be between 1 and 100.")
	case *scaling.MinimumScalingStepSize < 1 || *scaling.MaximumScalingStepSize > 10000 || *scaling.MinimumScalingStepSize > *scaling.MaximumScalingStepSize:
		return invalid("The scaling step sizes must be between 1 and 10000, the minimum not above the maximum.")
	case *scaling.InstanceWarmupPeriod < 0 || *scaling.InstanceWarmupPeriod > 10000:
		return invalid("The instance warmup period must be between 0 and 10000.")
	case g.ManagedTerminationProtection == types.ManagedTerminationProtectionEnabled && scaling.Status != types.ManagedScalingStatusEnabled:
		return refused(wordProtection)
	}
	return nil
}

// UpdateCapacityProvider changes the settings that are given.
func (s *Service) UpdateCapacityProvider(ctx context.Context, in *ecs.UpdateCapacityProviderInput) (*ecs.UpdateCapacityProviderOutput, error) {
	out := &ecs.UpdateCapacityProviderOutput{}
	err := s.onProvider(ctx, text(in.Name), func(tx *store.Tx, p *Provider) error {
		group := cloud.Kept[types.AutoScalingGroupProvider](p.Group)
		if ask := in.AutoScalingGroupProvider; ask != nil {
			if m := ask.ManagedScaling; m != nil {
				was := *group.ManagedScaling
				group.ManagedScaling = &types.ManagedScaling{
					Status: cmp.Or(m.Status, was.Status), TargetCapacity: cmp.Or(m.TargetCapacity, was.TargetCapacity),
					MinimumScalingStepSize: cmp.Or(m.MinimumScalingStepSize, was.MinimumScalingStepSize),
					MaximumScalingStepSize: cmp.Or(m.MaximumScalingStepSize, was.MaximumScalingStepSize),
					InstanceWarmupPeriod:   cmp.Or(m.InstanceWarmupPeriod, was.InstanceWarmupPeriod),
				}
			}
			group.ManagedTerminationProtection = cmp.Or(ask.ManagedTerminationProtection, group.ManagedTerminationProtection)
			group.ManagedDraining = cmp.Or(ask.ManagedDraining, group.ManagedDraining)
		}
		if err := fillGroup(&group); err != nil {
			return err
		}
		p.Group, p.Update = cloud.Keep(&group), string(types.CapacityProviderUpdateStatusUpdateComplete)
		out.CapacityProvider = p.view(true)
		return nil
	})
	return out, err
}

// DeleteCapacityProvider deletes a capacity provider that no cluster has. It can be described as
// INACTIVE until another of its name is made.
func (s *Service) DeleteCapacityProvider(ctx context.Context, in *ecs.DeleteCapacityProviderInput) (*ecs.DeleteCapacityProviderOutput, error) {
	out := &ecs.DeleteCapacityProviderOutput{}
	err := s.onProvider(ctx, text(in.CapacityProvider), func(tx *store.Tx, p *Provider) error {
		for c := range s.clusters.Prefix(tx, scopeOf(ctx).Cluster("")) {
			if c.Status == "ACTIVE" && slices.Contains(c.Providers, p.Name) {
				return refused(wordProviderUsed, c.Name)
			}
		}
		p.Update = string(types.CapacityProviderUpdateStatusDeleteInProgress)
		out.CapacityProvider = p.view(true)
		p.Status, p.Update = providerInactive, string(types.CapacityProviderUpdateStatusDeleteComplete)
		return nil
	})
	return out, err
}

// onProvider changes a capacity provider by its name or ARN.
func (s *Service) onProvider(ctx context.Context, ref string, f func(*store.Tx, *Provider) error) error {
	return s.o.Store.Update(func(tx *store.Tx) error {
		arn := providerARN(scopeOf(ctx), ref)
		if slices.Contains(fargateProviders, names.Last(arn)) {
			return invalid(wordOwnedByFargate)
		}
		p, ok := s.providers.Get(tx, arn)
		if !ok || p.Status != providerActive {
			return invalid(wordNoProvider)
		}
		if err := f(tx, &p); err != nil {
			return err
		}
		s.providers.Put(tx, p)
		return nil
	})
}

// checkUnused refuses to take capacity providers from a cluster that its services or tasks use.
//
// Errors: ResourceInUseException.
func (s *Service) checkUnused(tx *store.Tx, c *Cluster, stay []string) error {
	inUse := func(name string) bool { return slices.Contains(c.Providers, name) && !slices.Contains(stay, name) }
	for row := range s.services.By(tx, "cluster", c.ARN) {
		for _, item := range cloud.Kept[[]types.CapacityProviderStrategyItem](row.Work.Providers) {
			if row.Status != serviceInactive && inUse(text(item.CapacityProvider)) {
				return &types.ResourceInUseException{Message: new(wordProviderInUse)}
			}
		}
	}
	for t := range s.tasks.By(tx, "cluster", c.ARN) {
		if t.Last != taskStopped && inUse(t.Provider) {
			return &types.ResourceInUseException{Message: new(wordProviderInUse)}
		}
	}
	return nil
}

// view is a capacity provider as the API shows it.
func (p *Provider) view(tags bool) *types.CapacityProvider {
	v := &types.CapacityProvider{
		CapacityProviderArn: new(p.ARN), Name: new(p.Name), Status: types.CapacityProviderStatus(p.Status), Tags: []types.Tag{},
		Type: types.CapacityProviderTypeEc2Autoscaling, UpdateStatus: types.CapacityProviderUpdateStatus(p.Update),
		AutoScalingGroupProvider: cloud.Kept[*types.AutoScalingGroupProvider](p.Group),
	}
	if tags {
		v.Tags = tagsOut(p.Tags)
	}
	return v
}

// DescribeCapacityProviders describes capacity providers by name or ARN, or all that are ACTIVE,
// those of a cluster where that is given: 10 a page.
func (s *Service) DescribeCapacityProviders(ctx context.Context, in *ecs.DescribeCapacityProvidersInput) (*ecs.DescribeCapacityProvidersOutput, error) {
	if in.MaxResults != nil && (*in.MaxResults < 1 || *in.MaxResults > 10) {
		return nil, invalid("Invalid maxResults. Must be between 1 and 10, inclusive.")
	}
	if len(in.CapacityProviders) > 100 {
		return nil, invalid("Capacity providers can have at most 100 items.")
	}
	scope, tags := scopeOf(ctx), slices.Contains(in.Include, types.CapacityProviderFieldTags)
	out := &ecs.DescribeCapacityProvidersOutput{CapacityProviders: []types.CapacityProvider{}, Failures: []types.Failure{}}
	err := s.o.Store.View(func(tx *store.Tx) error {
		wanted := in.CapacityProviders
		if len(wanted) == 0 {
			wanted = slices.Clone(fargateProviders)
			for p := range s.providers.Prefix(tx, providerARN(scope, "")) {
				if p.Status == providerActive {
					wanted = append(wanted, p.Name)
				}
			}
			if in.Cluster != nil {
				c, err := s.clusterOf(tx, scope, in.Cluster)
				if err != nil {
					return err
				}
				wanted = slices.DeleteFunc(wanted, func(name string) bool { return !slices.Contains(c.Providers, name) })
			}
			slices.Sort(wanted)
			from, to, next, err := page.Of(wanted, text(in.NextToken), int(*or(in.MaxResults, 10)))
			if err != nil {
				return badToken()
			}
			wanted, out.NextToken = wanted[from:to], orNil(next)
		}
		for _, ref := range wanted {
			arn := providerARN(scope, ref)
			if name := names.Last(arn); slices.Contains(fargateProviders, name) {
				out.CapacityProviders = append(out.CapacityProviders, types.CapacityProvider{
					CapacityProviderArn: new(arn), Name: new(name), Status: types.CapacityProviderStatusActive, Type: types.CapacityProviderType(name), Tags: []types.Tag{},
				})
				continue
			}
			if p, ok := s.providers.Get(tx, arn); ok {
				out.CapacityProviders = append(out.CapacityProviders, *p.view(tags))
			} else {
				out.Failures = append(out.Failures, missing(arn))
			}
		}
		return nil
	})
	return out, err
}
