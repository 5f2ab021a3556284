package ecs

import (
	"bytes"
	"context"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/slipway-ecs/slipway/internal/cloud"
	"github.com/slipway-ecs/slipway/internal/cloud/page"
	"github.com/slipway-ecs/slipway/internal/names"
	"github.com/slipway-ecs/slipway/internal/store"
)

// notTheSame is ECS's refusal to make a cluster that is there and differs from what is asked for.
const notTheSame = "Arguments on this idempotent request are inconsistent with arguments used in previous request(s)."

// CreateCluster makes a cluster; one that is ACTIVE already is answered as it is, unless the call
// asks for something else.
func (s *Service) CreateCluster(ctx context.Context, in *ecs.CreateClusterInput) (*ecs.CreateClusterOutput, error) {
	scope, name := scopeOf(ctx), text(in.ClusterName)
	if name == "" {
		name = "default"
	}
	if !nameRule.MatchString(name) {
		return nil, invalid("Invalid cluster name: %s", name)
	}
	tags, err := tagsIn(in.Tags)
	if err != nil {
		return nil, err
	}
	if err := checkClusterSettings(in.Settings); err != nil {
		return nil, err
	}
	var out *ecs.CreateClusterOutput
	err = s.o.Store.Update(func(tx *store.Tx) error {
		if err := s.checkProviders(tx, scope, in.CapacityProviders, in.DefaultCapacityProviderStrategy); err != nil {
			return err
		}
		c, ok := s.clusters.Get(tx, scope.Cluster(name))
		if !ok || c.Status != "ACTIVE" {
			c = Cluster{ARN: scope.Cluster(name), Name: name, Status: "ACTIVE", Providers: in.CapacityProviders, Tags: tags, Created: tx.Now()}
			c.Settings = cloud.Keep(withDefaults(in.Settings))
			c.Default = cloud.Keep(in.DefaultCapacityProviderStrategy)
			c.Extra = cloud.Keep(&types.Cluster{Configuration: in.Configuration, ServiceConnectDefaults: connectDefaults(in.ServiceConnectDefaults)})
			s.clusters.Put(tx, c)
			s.equip(tx, c.ARN)
		} else if !c.agrees(in, tags) {
			return invalid(notTheSame)
		}
		out = &ecs.CreateClusterOutput{Cluster: s.clusterView(tx, c, allOfACluster)}
		return nil
	})
	return out, err
}

// agrees reports whether a cluster is as a create asks for; what that leaves out may be anything.
func (c *Cluster) agrees(in *ecs.CreateClusterInput, tags []Tag) bool {
	more := cloud.Kept[types.Cluster](c.Extra)
	settings := cloud.Kept[[]types.ClusterSetting](c.Settings)
	has := func(ask types.ClusterSetting) bool {
		return slices.ContainsFunc(settings, func(x types.ClusterSetting) bool { return x.Name == ask.Name && text(x.Value) == text(ask.Value) })
	}
	sorted := func(tags []Tag) []Tag {
		return slices.SortedFunc(slices.Values(tags), func(a, b Tag) int { return strings.Compare(a.Key, b.Key) })
	}
	return (len(in.CapacityProviders) == 0 || slices.Equal(slices.Sorted(slices.Values(in.CapacityProviders)), slices.Sorted(slices.Values(c.Providers)))) &&
		(len(in.DefaultCapacityProviderStrategy) == 0 || same(cloud.Keep(in.DefaultCapacityProviderStrategy), c.Default)) &&
		(in.Configuration == nil || bytes.Equal(cloud.Keep(in.Configuration), cloud.Keep(more.Configuration))) &&
		(in.ServiceConnectDefaults == nil || bytes.Equal(cloud.Keep(connectDefaults(in.ServiceConnectDefaults)), cloud.Keep(more.ServiceConnectDefaults))) &&
		!slices.ContainsFunc(in.Settings, func(x types.ClusterSetting) bool { return !has(x) }) &&
		(len(tags) == 0 || slices.Equal(sorted(tags), sorted(c.Tags)))
}

// withDefaults gives a cluster's settings as they take effect.
func withDefaults(in []types.ClusterSetting) []types.ClusterSetting {
	for _, x := range in {
		if x.Name == types.ClusterSettingNameContainerInsights {
			return in
		}
	}
	return append(slices.Clone(in), types.ClusterSetting{Name: types.ClusterSettingNameContainerInsights, Value: new("disabled")})
}

func connectDefaults(in *types.ClusterServiceConnectDefaultsRequest) *types.ClusterServiceConnectDefaults {
	if in == nil || text(in.Namespace) == "" {
		return nil
	}
	return &types.ClusterServiceConnectDefaults{Namespace: in.Namespace}
}

// DescribeClusters describes up to 100 clusters, INACTIVE ones too; without any, "default".
func (s *Service) DescribeClusters(ctx context.Context, in *ecs.DescribeClustersInput) (*ecs.DescribeClustersOutput, error) {
	if len(in.Clusters) > 100 {
		return nil, invalid("Clusters can have at most 100 items.")
	}
	scope := scopeOf(ctx)
	refs := in.Clusters
	if len(refs) == 0 {
		refs = []string{"default"}
	}
	out := &ecs.DescribeClustersOutput{Clusters: []types.Cluster{}, Failures: []types.Failure{}}
	err := s.o.Store.View(func(tx *store.Tx) error {
		seen := map[string]bool{}
		for _, ref := range refs {
			arn := clusterARN(scope, &ref)
			c, ok := s.clusters.Get(tx, arn)
			if !ok || names.ScopeOf(arn) != scope {
				out.Failures = append(out.Failures, missing(arn))
				continue
			}
			if seen[arn] {
				continue
			}
			seen[arn] = true
			out.Clusters = append(out.Clusters, *s.clusterView(tx, c, in.Include))
		}
		return nil
	})
	return out, err
}

// ListClusters lists the ACTIVE clusters, 100 a page unless asked for fewer.
func (s *Service) ListClusters(ctx context.Context, in *ecs.ListClustersInput) (*ecs.ListClustersOutput, error) {
	var arns []string
	err := s.o.Store.View(func(tx *store.Tx) error {
		for c := range s.clusters.Prefix(tx, scopeOf(ctx).Cluster("")) {
			if c.Status == "ACTIVE" {
				arns = append(arns, c.ARN)
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	arns, next, err := pageOf(arns, in.NextToken, in.MaxResults)
	return &ecs.ListClustersOutput{ClusterArns: arns, NextToken: next}, err
}

// pageOf cuts ARNs in rising order into pages of 1 to 100, 100 by default (ecs.md 9.4).
func pageOf(arns []string, token *string, max *int32) ([]string, *string, error) {
	n, err := pageSize(max, 100)
	if err != nil {
		return nil, nil, err
	}
	from, to, next, err := page.Of(arns, text(token), n)
	if err != nil {
		return nil, nil, badToken()
	}
	return append([]string{}, arns[from:to]...), orNil(next), nil
}

// pageSize checks maxResults: 1 to 100, with the operation's own default.
func pageSize(max *int32, or int) (int, error) {
	if max == nil {
		return or, nil
	}
	if *max < 1 || *max > 100 {
		return 0, invalid("Invalid maxResults. Must be between 1 and 100, inclusive.")
	}
	return int(*max), nil
}

// checkClusterSettings refuses values that the one setting there is does not have.
//
// Source: the API model's ClusterSetting. The words are ours (unconfirmed).
func checkClusterSettings(all []types.ClusterSetting) error {
	for _, x := range all {
		if !slices.Contains([]string{"enabled", "disabled", "enhanced"}, text(x.Value)) {
			return invalid("Invalid setting value: %s", text(x.Value))
		}
	}
	return nil
}

// UpdateCluster changes configuration, settings and Service Connect's default of a cluster.
func (s *Service) UpdateCluster(ctx context.Context, in *ecs.UpdateClusterInput) (*ecs.UpdateClusterOutput, error) {
	c, err := s.changeCluster(ctx, in.Cluster, func(tx *store.Tx, c *Cluster) error {
		more := cloud.Kept[types.Cluster](c.Extra)
		if in.Configuration != nil {
			more.Configuration = in.Configuration
		}
		if in.ServiceConnectDefaults != nil {
			more.ServiceConnectDefaults = connectDefaults(in.ServiceConnectDefaults)
		}
		c.Extra = cloud.Keep(&more)
		c.Settings = cloud.Keep(mergeSettings(cloud.Kept[[]types.ClusterSetting](c.Settings), in.Settings))
		return checkClusterSettings(in.Settings)
	})
	return &ecs.UpdateClusterOutput{Cluster: c}, err
}

// UpdateClusterSettings changes settings of a cluster.
func (s *Service) UpdateClusterSettings(ctx context.Context, in *ecs.UpdateClusterSettingsInput) (*ecs.UpdateClusterSettingsOutput, error) {
	c, err := s.changeCluster(ctx, in.Cluster, func(tx *store.Tx, c *Cluster) error {
		c.Settings = cloud.Keep(mergeSettings(cloud.Kept[[]types.ClusterSetting](c.Settings), in.Settings))
		return checkClusterSettings(in.Settings)
	})
	return &ecs.UpdateClusterSettingsOutput{Cluster: c}, err
}

func mergeSettings(have, change []types.ClusterSetting) []types.ClusterSetting {
	out := slices.Clone(have)
	for _, x := range change {
		if i := slices.IndexFunc(out, func(h types.ClusterSetting) bool { return h.Name == x.Name }); i >= 0 {
			out[i] = x
		} else {
			out = append(out, x)
		}
	}
	return out
}

// PutClusterCapacityProviders sets a cluster's capacity providers and its default strategy.
func (s *Service) PutClusterCapacityProviders(ctx context.Context, in *ecs.PutClusterCapacityProvidersInput) (*ecs.PutClusterCapacityProvidersOutput, error) {
	for _, item := range in.DefaultCapacityProviderStrategy {
		if !slices.Contains(in.CapacityProviders, text(item.CapacityProvider)) {
			return nil, invalid("The specified capacity provider strategy cannot contain a capacity provider that is not associated with the cluster. Associate the capacity provider with the cluster and try again.")
		}
	}
	c, err := s.changeCluster(ctx, in.Cluster, func(tx *store.Tx, c *Cluster) error {
		if err := s.checkProviders(tx, names.ScopeOf(c.ARN), in.CapacityProviders, in.DefaultCapacityProviderStrategy); err != nil {
			return err
		}
		if err := s.checkUnused(tx, c, in.CapacityProviders); err != nil {
			return err
		}
		c.Providers = slices.Clone(in.CapacityProviders)
		c.Default = cloud.Keep(in.DefaultCapacityProviderStrategy)
		return nil
	})
	return &ecs.PutClusterCapacityProvidersOutput{Cluster: c}, err
}

func (s *Service) changeCluster(ctx context.Context, ref *string, change func(*store.Tx, *Cluster) error) (view *types.Cluster, err error) {
	err = s.o.Store.Update(func(tx *store.Tx) error {
		c, err := s.clusterOf(tx, scopeOf(ctx), ref)
		if err != nil {
			return err
		}
		if err := change(tx, &c); err != nil {
			return err
		}
		s.clusters.Put(tx, c)
		view = s.clusterView(tx, c, allOfACluster)
		return nil
	})
	return view, err
}

// DeleteCluster makes a cluster INACTIVE, unless services or tasks are in it (ecs.md 9.5).
func (s *Service) DeleteCluster(ctx context.Context, in *ecs.DeleteClusterInput) (*ecs.DeleteClusterOutput, error) {
	c, err := s.changeCluster(ctx, in.Cluster, func(tx *store.Tx, c *Cluster) error {
		for x := range s.services.By(tx, "cluster", c.ARN) {
			if x.Status != "INACTIVE" {
				return &types.ClusterContainsServicesException{Message: new("The Cluster cannot be deleted while Services are active.")}
			}
		}
		for t := range s.tasks.By(tx, "cluster", c.ARN) {
			if t.Last != "STOPPED" {
				return &types.ClusterContainsTasksException{Message: new("The Cluster cannot be deleted while Tasks are active.")}
			}
		}
		if err := s.retireOwn(tx, c.ARN); err != nil {
			return err
		}
		c.Status = "INACTIVE"
		return nil
	})
	return &ecs.DeleteClusterOutput{Cluster: c}, err
}

var allOfACluster = []types.ClusterField{types.ClusterFieldAttachments, types.ClusterFieldConfigurations, types.ClusterFieldSettings, types.ClusterFieldTags}

// clusterView is a cluster as the API shows it; counts are taken from the rows.
func (s *Service) clusterView(tx *store.Tx, c Cluster, include []types.ClusterField) *types.Cluster {
	more := cloud.Kept[types.Cluster](c.Extra)
	v := &types.Cluster{
		ClusterArn: new(c.ARN), ClusterName: new(c.Name), Status: new(c.Status),
		CapacityProviders:               append([]string{}, c.Providers...),
		DefaultCapacityProviderStrategy: append([]types.CapacityProviderStrategyItem{}, cloud.Kept[[]types.CapacityProviderStrategyItem](c.Default)...),
		ServiceConnectDefaults:          more.ServiceConnectDefaults,
		Settings:                        []types.ClusterSetting{}, Statistics: []types.KeyValuePair{}, Tags: []types.Tag{},
	}
	for x := range s.instances.By(tx, "cluster", c.ARN) {
		if x.Status != instanceInactive {
			v.RegisteredContainerInstancesCount++
		}
	}
	var n counts
	for t := range s.tasks.By(tx, "cluster", c.ARN) {
		switch {
		case t.Last == "RUNNING":
			v.RunningTasksCount++
			n.add("running", t.LaunchType, "TasksCount")
		case started(t.Last):
			v.PendingTasksCount++
			n.add("pending", t.LaunchType, "TasksCount")
		}
	}
	for x := range s.services.By(tx, "cluster", c.ARN) {
		launchType := x.Work.launchType()
		if x.Work.fargate() {
			launchType = "FARGATE"
		}
		switch x.Status {
		case "ACTIVE":
			v.ActiveServicesCount++
			n.add("active", launchType, "ServiceCount")
		case "DRAINING":
			n.add("draining", launchType, "ServiceCount")
		}
	}
	for _, f := range include {
		switch f {
		case types.ClusterFieldSettings:
			v.Settings = append(v.Settings, cloud.Kept[[]types.ClusterSetting](c.Settings)...)
		case types.ClusterFieldTags:
			v.Tags = tagsOut(c.Tags)
		case types.ClusterFieldConfigurations:
			v.Configuration = more.Configuration
		case types.ClusterFieldStatistics:
			v.Statistics = n.list()
		}
	}
	return v
}

// started says that a task is on its way to RUNNING: what ECS counts as pending (ecs.md 4.1).
func started(last string) bool {
	return last == "PROVISIONING" || last == "PENDING" || last == "ACTIVATING"
}

// counts are a cluster's statistics by launch type.
type counts map[string]int

func (n *counts) add(what, launchType, of string) {
	if *n == nil {
		*n = counts{}
	}
	word := map[string]string{"FARGATE": "Fargate", "EXTERNAL": "External"}[launchType]
	if word == "" {
		word = "EC2"
	}
	(*n)[what+word+of]++
}

// list gives all statistics ECS shows, in its order.
func (n counts) list() []types.KeyValuePair {
	out := []types.KeyValuePair{}
	for _, part := range [][2]string{{"running", "TasksCount"}, {"pending", "TasksCount"}, {"active", "ServiceCount"}, {"draining", "ServiceCount"}} {
		for _, kind := range []string{"EC2", "Fargate", "External"} {
			name := part[0] + kind + part[1]
			out = append(out, types.KeyValuePair{Name: new(name), Value: new(strconv.Itoa(n[name]))})
		}
	}
	return out
}
