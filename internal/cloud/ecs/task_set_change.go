package ecs

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"slices"

	sdk "github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/slipway-ecs/slipway/internal/cloud"
	"github.com/slipway-ecs/slipway/internal/names"
	"github.com/slipway-ecs/slipway/internal/store"
)

// mostSets is how many task sets a service may have; ECS's number is unconfirmed. Source: ecs.md 8.
const mostSets = 5

// What ECS says where a task set operation does not fit. All are unconfirmed.
const (
	wordNoSets      = "Task sets are only supported for services with a CODE_DEPLOY or EXTERNAL deployment controller."
	wordTooManySets = "The service has reached the maximum number of task sets."
	wordScaled      = "The task set cannot be deleted while it is scaled above 0. Scale it to 0 or use force."
	wordPrimary     = "The primary task set cannot be deleted. Make another task set primary first or use force."
	wordDraining    = "The task set is draining."
)

// onSets runs f on a service that has task sets, in one transaction.
//
// Errors: ClusterNotFoundException, ServiceNotFoundException, ServiceNotActiveException, and
// InvalidParameterException for a service of controller ECS.
func (s *Service) onSets(ctx context.Context, cluster, service *string, f func(tx *store.Tx, cluster Cluster, row *ServiceRow) error) error {
	return s.o.Store.Update(func(tx *store.Tx) error {
		c, err := s.clusterOf(tx, scopeOf(ctx), cluster)
		if err != nil {
			return err
		}
		row, err := s.serviceOf(tx, c, text(service))
		switch {
		case err != nil:
			return err
		case row.Status != serviceActive:
			return &types.ServiceNotActiveException{Message: new("Service was not ACTIVE.")}
		case !row.Settings.driven():
			return invalid("%s", wordNoSets)
		}
		return f(tx, c, &row)
	})
}

// CreateTaskSet makes a task set, of no tasks unless a scale is given. With the clientToken and
// the arguments of an earlier call it answers with the set of then.
//
// Source: ecs.md 8.
func (s *Service) CreateTaskSet(ctx context.Context, in *sdk.CreateTaskSetInput) (*sdk.CreateTaskSetOutput, error) {
	if !validToken(text(in.ClientToken), 36) {
		return nil, invalid("Invalid clientToken: it must be up to 36 ASCII characters.")
	}
	scale, err := scaleOf(in.Scale)
	if err != nil {
		return nil, err
	}
	tags, err := tagsIn(in.Tags)
	if err != nil {
		return nil, err
	}
	ask := *in
	ask.ClientToken = nil
	sum := sha256.Sum256(cloud.Keep(&ask))
	set := TaskSet{Scale: scale, ExternalID: text(in.ExternalId), Tags: tags, Token: text(in.ClientToken), Hashed: hex.EncodeToString(sum[:])}
	var out *types.TaskSet
	err = s.onSets(ctx, in.Cluster, in.Service, func(tx *store.Tx, cluster Cluster, row *ServiceRow) error {
		if had := s.madeBefore(tx, row, set.Token); had != nil {
			if had.Set.Hashed != set.Hashed {
				return invalid("Creation of task set was not idempotent.")
			}
			out = s.setView(tx, row, had)
			return nil
		}
		d, err := s.addSet(tx, cluster, row, text(in.TaskDefinition), Workload{
			LaunchType: string(in.LaunchType), Providers: keepList(in.CapacityProviderStrategy), PlatformVersion: text(in.PlatformVersion),
			Network: keepNetwork(in.NetworkConfiguration), LoadBalancers: keepList(in.LoadBalancers), Registries: keepList(in.ServiceRegistries),
		}, set)
		if err == nil {
			out = s.setView(tx, row, &d)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return &sdk.CreateTaskSetOutput{TaskSet: out}, nil
}

// madeBefore gives the set that a clientToken made, or nil.
func (s *Service) madeBefore(tx *store.Tx, row *ServiceRow, token string) *Deployment {
	sets := s.setsOf(tx, row.ARN)
	i := slices.IndexFunc(sets, func(d Deployment) bool { return token != "" && d.Set.Token == token })
	if i < 0 {
		return nil
	}
	return &sets[i]
}

// addSet checks what a task set is to be made of and makes it.
func (s *Service) addSet(tx *store.Tx, cluster Cluster, row *ServiceRow, definition string, w Workload, set TaskSet) (Deployment, error) {
	d, err := s.definitionRef(tx, names.ScopeOf(row.ARN), definition)
	if err != nil {
		return Deployment{}, err
	}
	w.TaskDefinition = d.ARN
	w.Providers = blank(w.Providers) // nothing is null once it was stored
	switch {
	case w.LaunchType != "" && w.Providers != nil:
		return Deployment{}, invalid("Specifying both a launch type and capacity provider strategy is not supported. Remove one and try again.")
	case w.LaunchType == "" && w.Providers == nil:
		if w.Providers = blank(cluster.Default); w.Providers == nil {
			w.LaunchType = string(types.LaunchTypeEc2)
		}
	}
	balancers := cloud.Kept[[]types.LoadBalancer](w.LoadBalancers)
	if len(balancers) > 1 {
		return Deployment{}, invalid("load balancers can have at most 1 items.")
	}
	if err := checkForm(types.DeploymentStrategyRolling, balancers); err != nil {
		return Deployment{}, err
	}
	if err := s.checkWorkload(tx, names.ScopeOf(row.ARN), cluster, &w); err != nil {
		return Deployment{}, err
	}
	if len(s.setsOf(tx, row.ARN)) >= mostSets {
		return Deployment{}, &types.LimitExceededException{Message: new(wordTooManySets)}
	}
	made := s.newSet(tx, row, w, set)
	s.deployments.Put(tx, made)
	return made, nil
}

// scaleOf reads a scale; nothing is 0 percent.
func scaleOf(in *types.Scale) (float64, error) {
	switch {
	case in == nil:
		return 0, nil
	case in.Unit != "" && in.Unit != types.ScaleUnitPercent:
		return 0, invalid("Invalid scale unit: %s. The valid value is PERCENT.", in.Unit)
	case !(in.Value >= 0 && in.Value <= 100):
		return 0, invalid("The scale value must be between 0 and 100.")
	}
	return in.Value, nil
}

// UpdateTaskSet changes a task set's scale. Source: ecs.md 8.
func (s *Service) UpdateTaskSet(ctx context.Context, in *sdk.UpdateTaskSetInput) (*sdk.UpdateTaskSetOutput, error) {
	scale, err := scaleOf(in.Scale)
	if err != nil {
		return nil, err
	}
	var out *types.TaskSet
	err = s.onSets(ctx, in.Cluster, in.Service, func(tx *store.Tx, _ Cluster, row *ServiceRow) error {
		d, err := s.setOf(tx, row, text(in.TaskSet))
		switch {
		case err != nil:
			return err
		case d.Status == deploymentDraining:
			return invalid("%s", wordDraining)
		}
		s.rescale(tx, row, &d, scale)
		out = s.setView(tx, row, &d)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &sdk.UpdateTaskSetOutput{TaskSet: out}, nil
}

// rescale gives a set another scale; it is stabilizing until the keeper finds otherwise.
func (s *Service) rescale(tx *store.Tx, row *ServiceRow, d *Deployment, scale float64) {
	set := *d.Set
	set.Scale, d.Set, d.Updated = scale, &set, tx.Now()
	if want := set.scaled(row.Desired); want != d.Want {
		d.Want, set.Stable, set.Since = want, false, tx.Now()
		s.tell(tx, row, "", recounted(d))
		s.services.Put(tx, *row)
	}
	s.deployments.Put(tx, *d)
}

// UpdateServicePrimaryTaskSet makes a task set the PRIMARY one, which the service then shows as
// its own. Source: ecs.md 8.
func (s *Service) UpdateServicePrimaryTaskSet(ctx context.Context, in *sdk.UpdateServicePrimaryTaskSetInput) (*sdk.UpdateServicePrimaryTaskSetOutput, error) {
	var out *types.TaskSet
	err := s.onSets(ctx, in.Cluster, in.Service, func(tx *store.Tx, _ Cluster, row *ServiceRow) error {
		d, err := s.setOf(tx, row, text(in.PrimaryTaskSet))
		if err != nil {
			return err
		}
		if err := s.promote(tx, row, &d); err != nil {
			return err
		}
		out = s.setView(tx, row, &d)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &sdk.UpdateServicePrimaryTaskSetOutput{TaskSet: out}, nil
}

// promote makes d PRIMARY and what was PRIMARY before ACTIVE.
func (s *Service) promote(tx *store.Tx, row *ServiceRow, d *Deployment) error {
	if d.Status == deploymentDraining {
		return invalid("%s", wordDraining)
	}
	if d.Key == row.Primary {
		return nil
	}
	if old, ok := s.deployments.Get(tx, row.Primary); ok {
		old.Status, old.Updated = deploymentActive, tx.Now()
		s.deployments.Put(tx, old)
	}
	d.Status, d.Updated = deploymentPrimary, tx.Now()
	s.deployments.Put(tx, *d)
	row.Primary, row.Work = d.Key, d.Work
	s.services.Put(tx, *row)
	return nil
}

// DeleteTaskSet ends a task set: it is DRAINING until its tasks are gone, and then vanishes.
//
// Source: ecs.md 8; that the PRIMARY needs force is unconfirmed there.
func (s *Service) DeleteTaskSet(ctx context.Context, in *sdk.DeleteTaskSetInput) (*sdk.DeleteTaskSetOutput, error) {
	var out *types.TaskSet
	err := s.onSets(ctx, in.Cluster, in.Service, func(tx *store.Tx, _ Cluster, row *ServiceRow) error {
		d, err := s.setOf(tx, row, text(in.TaskSet))
		if err != nil {
			return err
		}
		if in.Force == nil || !*in.Force {
			switch {
			case d.Key == row.Primary:
				return invalid("%s", wordPrimary)
			case d.Set.Scale > 0:
				return invalid("%s", wordScaled)
			}
		}
		s.endSet(tx, row, &d)
		out = s.setView(tx, row, &d)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &sdk.DeleteTaskSetOutput{TaskSet: out}, nil
}

// endSet makes a set DRAINING. A service whose PRIMARY that was has none then.
func (s *Service) endSet(tx *store.Tx, row *ServiceRow, d *Deployment) {
	d.Status = deploymentDraining
	s.rescale(tx, row, d, 0)
	if d.Key == row.Primary {
		row.Primary, row.Work = "", Workload{}
		s.services.Put(tx, *row)
	}
}

// DescribeTaskSets describes a service's task sets, or those asked for; those that are not there
// come back in failures. Source: ecs.md 8.
func (s *Service) DescribeTaskSets(ctx context.Context, in *sdk.DescribeTaskSetsInput) (*sdk.DescribeTaskSetsOutput, error) {
	out := &sdk.DescribeTaskSetsOutput{TaskSets: []types.TaskSet{}, Failures: []types.Failure{}}
	tags := slices.Contains(in.Include, types.TaskSetFieldTags)
	err := s.onSets(ctx, in.Cluster, in.Service, func(tx *store.Tx, _ Cluster, row *ServiceRow) error {
		sets := s.setsOf(tx, row.ARN)
		if len(in.TaskSets) > 0 {
			sets = nil
			for _, ref := range in.TaskSets {
				d, err := s.setOf(tx, row, ref)
				if err != nil {
					out.Failures = append(out.Failures, missing(setARN(row.ARN, ref)))
					continue
				}
				sets = append(sets, d)
			}
		}
		tally := s.tally(tx, row.ARN)
		for i := range sets {
			out.TaskSets = append(out.TaskSets, s.taskSetView(tx, row, &sets[i], tally[sets[i].Digits], tags))
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}
