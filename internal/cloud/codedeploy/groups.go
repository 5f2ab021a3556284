package codedeploy

import (
	"context"
	"errors"
	"slices"

	sdk "github.com/aws/aws-sdk-go-v2/service/codedeploy"
	"github.com/aws/aws-sdk-go-v2/service/codedeploy/types"

	"github.com/slipway-ecs/slipway/internal/cloud"
	"github.com/slipway-ecs/slipway/internal/names"
	"github.com/slipway-ecs/slipway/internal/store"
	"github.com/slipway-ecs/slipway/internal/wire"
)

// mostGroups is how many groups an application may have. Source: codedeploy.md 16.
const mostGroups = 1000

// groupOf finds a deployment group by the names of its application and its own.
//
// Errors: those of applicationOf; DeploymentGroupNameRequiredException,
// InvalidDeploymentGroupNameException, DeploymentGroupDoesNotExistException.
func (s *Service) groupOf(tx *store.Tx, scope names.Scope, application, name *string) (Group, error) {
	a, err := s.applicationOf(tx, scope, application)
	switch {
	case err != nil:
		return Group{}, err
	case text(name) == "":
		return Group{}, missingMember("", "deploymentGroupName")
	case !nameRule.MatchString(*name):
		return Group{}, refuse("InvalidDeploymentGroupNameException", "The deployment group name is invalid: %s", *name)
	}
	for g := range s.groups.By(tx, "name", a.ID+"/"+*name) {
		return g, nil
	}
	return Group{}, refuse("DeploymentGroupDoesNotExistException", "No Deployment Group found for name: %s", *name)
}

// groupInfo gives a group as GetDeploymentGroup shows it. Source: codedeploy.md 4.6.
func (s *Service) groupInfo(tx *store.Tx, g *Group) types.DeploymentGroupInfo {
	a, _ := s.applications.Get(tx, g.Application)
	info := cloud.Kept[types.DeploymentGroupInfo](g.Info)
	info.ApplicationName, info.DeploymentGroupName, info.DeploymentGroupId = new(a.Name), new(g.Name), new(g.ID)
	info.ComputePlatform, info.OutdatedInstancesStrategy = types.ComputePlatformEcs, types.OutdatedInstancesStrategyUpdate
	info.Ec2TagFilters, info.OnPremisesInstanceTagFilters = []types.EC2TagFilter{}, []types.TagFilter{}
	info.AutoScalingGroups = []types.AutoScalingGroup{}
	if info.TriggerConfigurations == nil {
		info.TriggerConfigurations = []types.TriggerConfig{}
	}
	info.TargetRevision = cloud.Kept[*types.RevisionLocation](g.Revision)
	info.LastAttemptedDeployment = s.last(tx, g.Scope, g.Attempted)
	info.LastSuccessfulDeployment = s.last(tx, g.Scope, g.Successful)
	return info
}

func (s *Service) last(tx *store.Tx, scope names.Scope, id string) *types.LastDeploymentInfo {
	d, ok := s.deployments.Get(tx, scoped(scope, id))
	if !ok {
		return nil
	}
	last := &types.LastDeploymentInfo{DeploymentId: new(d.ID), Status: types.DeploymentStatus(d.Status), CreateTime: new(d.Created)}
	if !d.Completed.IsZero() {
		last.EndTime = new(d.Completed)
	}
	return last
}

// CreateDeploymentGroup makes a deployment group of one ECS service.
//
// Source: codedeploy.md 4.
func (s *Service) CreateDeploymentGroup(ctx context.Context, in *sdk.CreateDeploymentGroupInput) (*sdk.CreateDeploymentGroupOutput, error) {
	scope := scopeOf(ctx)
	g := Group{Scope: scope, ID: s.o.IDs.UUID(), Name: text(in.DeploymentGroupName)}
	err := s.store.Update(func(tx *store.Tx) error {
		_, err := s.groupOf(tx, scope, in.ApplicationName, in.DeploymentGroupName)
		switch {
		case err == nil:
			return refuse("DeploymentGroupAlreadyExistsException", "Deployment group already exists: %s", g.Name)
		case !isCode(err, "DeploymentGroupDoesNotExistException"):
			return err
		}
		a, err := s.applicationOf(tx, scope, in.ApplicationName)
		if err != nil {
			return err
		}
		g.Application = a.ID
		n := 0
		for range s.groups.By(tx, "application", a.ID) {
			n++
		}
		if n >= mostGroups {
			return refuse("DeploymentGroupLimitExceededException", "The limit of %d deployment groups was exceeded", mostGroups)
		}
		if g.Tags, err = tagsIn(nil, in.Tags); err != nil {
			return err
		}
		return s.settle(tx, &g, types.DeploymentGroupInfo{}, sdk.UpdateDeploymentGroupInput{
			AlarmConfiguration: in.AlarmConfiguration, AutoRollbackConfiguration: in.AutoRollbackConfiguration, AutoScalingGroups: in.AutoScalingGroups,
			BlueGreenDeploymentConfiguration: in.BlueGreenDeploymentConfiguration, DeploymentConfigName: in.DeploymentConfigName,
			DeploymentStyle: in.DeploymentStyle, Ec2TagFilters: in.Ec2TagFilters, Ec2TagSet: in.Ec2TagSet, EcsServices: in.EcsServices,
			LoadBalancerInfo: in.LoadBalancerInfo, OnPremisesInstanceTagFilters: in.OnPremisesInstanceTagFilters, OnPremisesTagSet: in.OnPremisesTagSet,
			ServiceRoleArn: in.ServiceRoleArn, TriggerConfigurations: in.TriggerConfigurations,
		})
	})
	return &sdk.CreateDeploymentGroupOutput{DeploymentGroupId: new(g.ID)}, err
}

// UpdateDeploymentGroup changes a group: what is left out keeps its value, what is given replaces
// it. A deployment under way keeps the settings of its start (unconfirmed).
//
// Source: codedeploy.md 4.5.
func (s *Service) UpdateDeploymentGroup(ctx context.Context, in *sdk.UpdateDeploymentGroupInput) (*sdk.UpdateDeploymentGroupOutput, error) {
	err := s.store.Update(func(tx *store.Tx) error {
		g, err := s.groupOf(tx, scopeOf(ctx), in.ApplicationName, in.CurrentDeploymentGroupName)
		if err != nil {
			return err
		}
		if name := text(in.NewDeploymentGroupName); name != "" && name != g.Name {
			_, err := s.groupOf(tx, g.Scope, in.ApplicationName, &name)
			switch {
			case err == nil:
				return refuse("DeploymentGroupAlreadyExistsException", "Deployment group already exists: %s", name)
			case !isCode(err, "DeploymentGroupDoesNotExistException"):
				return err
			}
			g.Name = name
			for d := range s.deployments.By(tx, "group", g.ID) {
				d.GroupName = name
				s.deployments.Put(tx, d)
			}
		}
		return s.settle(tx, &g, cloud.Kept[types.DeploymentGroupInfo](g.Info), *in)
	})
	return &sdk.UpdateDeploymentGroupOutput{HooksNotCleanedUp: []types.AutoScalingGroup{}}, err
}

// settle puts what is asked for over a group's settings, checks all of them, and puts the row.
func (s *Service) settle(tx *store.Tx, g *Group, info types.DeploymentGroupInfo, ask sdk.UpdateDeploymentGroupInput) error {
	if err := onlyServers(&ask); err != nil {
		return err
	}
	replace(&info.ServiceRoleArn, ask.ServiceRoleArn)
	if text(ask.DeploymentConfigName) != "" {
		info.DeploymentConfigName = ask.DeploymentConfigName
	}
	replace(&info.DeploymentStyle, ask.DeploymentStyle)
	replace(&info.BlueGreenDeploymentConfiguration, ask.BlueGreenDeploymentConfiguration)
	replace(&info.LoadBalancerInfo, ask.LoadBalancerInfo)
	replace(&info.AlarmConfiguration, ask.AlarmConfiguration)
	replace(&info.AutoRollbackConfiguration, ask.AutoRollbackConfiguration)
	if ask.TriggerConfigurations != nil {
		info.TriggerConfigurations = ask.TriggerConfigurations
	}
	if ask.EcsServices != nil {
		info.EcsServices = ask.EcsServices
	}
	if info.DeploymentConfigName == nil {
		info.DeploymentConfigName = new(allAtOnce) // the console's; the API's default is unconfirmed
	}
	config, err := s.ecsConfig(tx, g.Scope, *info.DeploymentConfigName)
	if err != nil {
		return err
	}
	if err := checkGroup(&info); err != nil {
		return err
	}
	if err := checkGradual(config, info.LoadBalancerInfo); err != nil {
		return err
	}
	service, err := s.checkService(tx, g, &info)
	if err != nil {
		return err
	}
	g.Service, g.Config, g.Info = service.ARN, *info.DeploymentConfigName, cloud.Keep(&info)
	s.groups.Put(tx, *g)
	if shiftOf(config).Share > 0 {
		s.attach(tx, g.Scope, &info, service)
	}
	return nil
}

func replace[T any](have **T, given *T) {
	if given != nil {
		*have = given
	}
}

// checkService refuses a service that is not there, is another's to deploy, or already belongs
// to another group.
func (s *Service) checkService(tx *store.Tx, g *Group, info *types.DeploymentGroupInfo) (FleetService, error) {
	e := info.EcsServices[0]
	service, err := s.o.Fleet.Find(tx, g.Scope, text(e.ClusterName), text(e.ServiceName))
	if err == nil && service.Status != "ACTIVE" {
		err = errors.New("the service is " + service.Status)
	}
	if err != nil {
		return service, refuse("InvalidECSServiceException", "Could not load ECS service information for cluster: %s, service: %s. Cause: %s",
			text(e.ClusterName), text(e.ServiceName), causeOf(err))
	}
	if service.Controller != "CODE_DEPLOY" {
		return service, refuse("InvalidECSServiceException", "Deployment group's ECS service must be configured for a CODE_DEPLOY deployment controller.")
	}
	for other := range s.groups.By(tx, "service", service.ARN) {
		if other.ID != g.ID {
			return service, refuse("ECSServiceMappingLimitExceededException",
				"The Amazon ECS service is associated with more than one deployment groups. An Amazon ECS service can be associated with only one deployment group: %s", other.Name)
		}
	}
	return service, nil
}

// causeOf gives what another service said.
func causeOf(err error) string {
	if api, ok := errors.AsType[interface {
		error
		ErrorMessage() string
	}](err); ok {
		return api.ErrorMessage()
	}
	return err.Error()
}

// GetDeploymentGroup describes a group.
func (s *Service) GetDeploymentGroup(ctx context.Context, in *sdk.GetDeploymentGroupInput) (*sdk.GetDeploymentGroupOutput, error) {
	out := &sdk.GetDeploymentGroupOutput{}
	err := s.store.View(func(tx *store.Tx) error {
		g, err := s.groupOf(tx, scopeOf(ctx), in.ApplicationName, in.DeploymentGroupName)
		if err == nil {
			out.DeploymentGroupInfo = new(s.groupInfo(tx, &g))
		}
		return err
	})
	return out, err
}

// BatchGetDeploymentGroups describes up to 100 groups of an application; what was not found is in
// the error message.
func (s *Service) BatchGetDeploymentGroups(ctx context.Context, in *sdk.BatchGetDeploymentGroupsInput) (*sdk.BatchGetDeploymentGroupsOutput, error) {
	if len(in.DeploymentGroupNames) > mostBatch {
		return nil, refuse("BatchLimitExceededException", "The maximum number of names or IDs allowed for this request (%d) was exceeded.", mostBatch)
	}
	out := &sdk.BatchGetDeploymentGroupsOutput{DeploymentGroupsInfo: []types.DeploymentGroupInfo{}}
	err := s.store.View(func(tx *store.Tx) error {
		if _, err := s.applicationOf(tx, scopeOf(ctx), in.ApplicationName); err != nil {
			return err
		}
		for _, name := range in.DeploymentGroupNames {
			g, err := s.groupOf(tx, scopeOf(ctx), in.ApplicationName, &name)
			switch {
			case err == nil:
				out.DeploymentGroupsInfo = append(out.DeploymentGroupsInfo, s.groupInfo(tx, &g))
			case !isCode(err, "DeploymentGroupDoesNotExistException"):
				return err
			case out.ErrorMessage == nil:
				out.ErrorMessage = new(causeOf(err))
			}
		}
		return nil
	})
	return out, err
}

// ListDeploymentGroups gives the names of an application's groups, in order.
func (s *Service) ListDeploymentGroups(ctx context.Context, in *sdk.ListDeploymentGroupsInput) (*sdk.ListDeploymentGroupsOutput, error) {
	out := &sdk.ListDeploymentGroupsOutput{}
	err := s.store.View(func(tx *store.Tx) error {
		a, err := s.applicationOf(tx, scopeOf(ctx), in.ApplicationName)
		if err != nil {
			return err
		}
		var all []string
		for g := range s.groups.By(tx, "application", a.ID) {
			all = append(all, g.Name)
		}
		slices.Sort(all)
		out.ApplicationName = new(a.Name)
		out.DeploymentGroups, out.NextToken, err = paged(all, in.NextToken)
		return err
	})
	return out, err
}

// DeleteDeploymentGroup removes a group; one that does not exist is no error. A deployment under
// way goes on to its end (unconfirmed).
func (s *Service) DeleteDeploymentGroup(ctx context.Context, in *sdk.DeleteDeploymentGroupInput) (*sdk.DeleteDeploymentGroupOutput, error) {
	err := s.store.Update(func(tx *store.Tx) error {
		g, err := s.groupOf(tx, scopeOf(ctx), in.ApplicationName, in.DeploymentGroupName)
		if e, ok := errors.AsType[*wire.Error](err); ok && (e.Code == "DeploymentGroupDoesNotExistException" || e.Code == "ApplicationDoesNotExistException") {
			return nil
		}
		if err == nil {
			s.groups.Delete(tx, g.ID)
		}
		return err
	})
	return &sdk.DeleteDeploymentGroupOutput{HooksNotCleanedUp: []types.AutoScalingGroup{}}, err
}
