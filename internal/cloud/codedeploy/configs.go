package codedeploy

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/codedeploy"
	"github.com/aws/aws-sdk-go-v2/service/codedeploy/types"

	"github.com/slipway-ecs/slipway/internal/cloud"
	"github.com/slipway-ecs/slipway/internal/names"
	"github.com/slipway-ecs/slipway/internal/rollout"
	"github.com/slipway-ecs/slipway/internal/store"
	"github.com/slipway-ecs/slipway/internal/strategy"
)

const (
	builtIn     = "CodeDeployDefault."
	allAtOnce   = builtIn + "ECSAllAtOnce"
	mostConfigs = 50
	// mostShift is the longest that a shift may take in all. Source: codedeploy.md 3.2.
	mostShift = 2880

	wordConfigName = "The deployment configuration name is invalid: %s" // unconfirmed
)

// others are CodeDeploy's own configurations of the platforms Server and Lambda, which are listed
// and described, and deploy nothing here. The numbers of Server are unconfirmed.
var others = []types.DeploymentConfigInfo{
	server("OneAtATime", types.MinimumHealthyHostsTypeFleetPercent, 99),
	server("HalfAtATime", types.MinimumHealthyHostsTypeFleetPercent, 50),
	server("AllAtOnce", types.MinimumHealthyHostsTypeHostCount, 0),
	lambda("LambdaAllAtOnce", nil, nil),
	lambda("LambdaCanary10Percent5Minutes", canary(10, 5), nil),
	lambda("LambdaCanary10Percent10Minutes", canary(10, 10), nil),
	lambda("LambdaCanary10Percent15Minutes", canary(10, 15), nil),
	lambda("LambdaCanary10Percent30Minutes", canary(10, 30), nil),
	lambda("LambdaLinear10PercentEvery1Minute", nil, linear(10, 1)),
	lambda("LambdaLinear10PercentEvery2Minutes", nil, linear(10, 2)),
	lambda("LambdaLinear10PercentEvery3Minutes", nil, linear(10, 3)),
	lambda("LambdaLinear10PercentEvery10Minutes", nil, linear(10, 10)),
}

func server(name string, kind types.MinimumHealthyHostsType, value int32) types.DeploymentConfigInfo {
	return types.DeploymentConfigInfo{
		DeploymentConfigName: aws.String(builtIn + name), ComputePlatform: types.ComputePlatformServer,
		MinimumHealthyHosts: &types.MinimumHealthyHosts{Type: kind, Value: value},
	}
}

func lambda(name string, c *types.TimeBasedCanary, l *types.TimeBasedLinear) types.DeploymentConfigInfo {
	return types.DeploymentConfigInfo{
		DeploymentConfigName: aws.String(builtIn + name), ComputePlatform: types.ComputePlatformLambda, TrafficRoutingConfig: routing(c, l),
	}
}

func canary(percent, minutes int32) *types.TimeBasedCanary {
	return &types.TimeBasedCanary{CanaryPercentage: percent, CanaryInterval: minutes}
}

func linear(percent, minutes int32) *types.TimeBasedLinear {
	return &types.TimeBasedLinear{LinearPercentage: percent, LinearInterval: minutes}
}

func routing(c *types.TimeBasedCanary, l *types.TimeBasedLinear) *types.TrafficRoutingConfig {
	switch {
	case c != nil:
		return &types.TrafficRoutingConfig{Type: types.TrafficRoutingTypeTimeBasedCanary, TimeBasedCanary: c}
	case l != nil:
		return &types.TrafficRoutingConfig{Type: types.TrafficRoutingTypeTimeBasedLinear, TimeBasedLinear: l}
	}
	return &types.TrafficRoutingConfig{Type: types.TrafficRoutingTypeAllAtOnce}
}

// builtIns are all of CodeDeploy's own configurations. The last digits of their ids are AWS's for
// the linear one of every minute; the others are unconfirmed.
//
// Source: codedeploy.md 3.1.
func builtIns() []types.DeploymentConfigInfo {
	var all []types.DeploymentConfigInfo
	for _, name := range strategy.Presets() {
		p, _ := strategy.Preset(name)
		percent, minutes := int32(p.Share/100), int32(p.Every/time.Minute)
		info := types.DeploymentConfigInfo{DeploymentConfigName: aws.String(name), ComputePlatform: types.ComputePlatformEcs}
		switch {
		case p.Linear:
			info.TrafficRoutingConfig = routing(nil, linear(percent, minutes))
		case p.Share > 0:
			info.TrafficRoutingConfig = routing(canary(percent, minutes), nil)
		default:
			info.TrafficRoutingConfig = routing(nil, nil)
		}
		all = append(all, info)
	}
	all = append(all, others...)
	for i := range all {
		n := 12 + i
		if i >= len(strategy.Presets()) {
			n = 20 + i
		}
		all[i].DeploymentConfigId = aws.String(fmt.Sprintf("00000000-0000-0000-0000-0000000000%02d", n))
	}
	return all
}

// configOf finds a configuration by name.
//
// Errors: those of checkConfigName; DeploymentConfigDoesNotExistException.
func (s *Service) configOf(tx *store.Tx, scope names.Scope, name string) (types.DeploymentConfigInfo, error) {
	if err := checkConfigName(name); err != nil {
		return types.DeploymentConfigInfo{}, err
	}
	for _, c := range builtIns() {
		if *c.DeploymentConfigName == name {
			return c, nil
		}
	}
	if c, ok := s.configs.Get(tx, scoped(scope, name)); ok {
		info := cloud.Kept[types.DeploymentConfigInfo](c.Info)
		info.CreateTime = new(c.Created)
		return info, nil
	}
	return types.DeploymentConfigInfo{}, refuse("DeploymentConfigDoesNotExistException", "No deployment configuration found for name: %s", name)
}

// checkConfigName refuses what is no configuration's name.
//
// Errors: DeploymentConfigNameRequiredException, InvalidDeploymentConfigNameException.
func checkConfigName(name string) error {
	switch {
	case name == "":
		return missingMember("", "deploymentConfigName")
	case !nameRule.MatchString(name):
		return refuse("InvalidDeploymentConfigNameException", wordConfigName, name)
	}
	return nil
}

// ecsConfig finds a configuration that may deploy to ECS. That one of another platform is refused
// as an invalid name is unconfirmed.
func (s *Service) ecsConfig(tx *store.Tx, scope names.Scope, name string) (types.DeploymentConfigInfo, error) {
	info, err := s.configOf(tx, scope, name)
	if err == nil && info.ComputePlatform != types.ComputePlatformEcs {
		err = refuse("InvalidDeploymentConfigNameException", "The deployment configuration %s is for the compute platform %s, not for ECS", name, info.ComputePlatform)
	}
	return info, err
}

// shiftOf gives a configuration as strategy has it.
func shiftOf(info types.DeploymentConfigInfo) strategy.Config {
	r := info.TrafficRoutingConfig
	switch {
	case r == nil:
		return strategy.Config{}
	case r.TimeBasedCanary != nil:
		return strategy.Config{Share: rollout.Share(r.TimeBasedCanary.CanaryPercentage) * 100, Every: time.Duration(r.TimeBasedCanary.CanaryInterval) * time.Minute}
	case r.TimeBasedLinear != nil:
		return strategy.Config{Share: rollout.Share(r.TimeBasedLinear.LinearPercentage) * 100, Every: time.Duration(r.TimeBasedLinear.LinearInterval) * time.Minute, Linear: true}
	}
	return strategy.Config{}
}

// CreateDeploymentConfig makes a configuration for ECS.
//
// Source: codedeploy.md 3.2; the words are unconfirmed.
func (s *Service) CreateDeploymentConfig(ctx context.Context, in *sdk.CreateDeploymentConfigInput) (*sdk.CreateDeploymentConfigOutput, error) {
	name, scope := text(in.DeploymentConfigName), scopeOf(ctx)
	if err := checkConfigName(name); err != nil {
		return nil, err
	}
	if strings.HasPrefix(name, builtIn) {
		return nil, refuse("InvalidDeploymentConfigNameException", wordConfigName, name)
	}
	if err := onlyECS(in.ComputePlatform); err != nil {
		return nil, err
	}
	if in.MinimumHealthyHosts != nil {
		return nil, refuse("InvalidMinimumHealthyHostValueException", "Minimum healthy hosts cannot be specified for the compute platform ECS")
	}
	if in.ZonalConfig != nil {
		return nil, refuse("InvalidZonalDeploymentConfigurationException", "A zonal configuration cannot be specified for the compute platform ECS")
	}
	if err := checkRouting(in.TrafficRoutingConfig); err != nil {
		return nil, err
	}
	c := Config{Scope: scope, Name: name, ID: s.o.IDs.UUID()}
	c.Info = cloud.Keep(&types.DeploymentConfigInfo{
		DeploymentConfigId: new(c.ID), DeploymentConfigName: new(name), ComputePlatform: types.ComputePlatformEcs, TrafficRoutingConfig: in.TrafficRoutingConfig,
	})
	err := s.store.Update(func(tx *store.Tx) error {
		if _, taken := s.configs.Get(tx, scoped(scope, name)); taken {
			return refuse("DeploymentConfigAlreadyExistsException", "Deployment configuration already exists: %s", name)
		}
		n := 0
		for range s.configs.Prefix(tx, scoped(scope, "")) {
			n++
		}
		if n >= mostConfigs {
			return refuse("DeploymentConfigLimitExceededException", "The limit of %d deployment configurations was exceeded", mostConfigs)
		}
		c.Created = tx.Now()
		s.configs.Put(tx, c)
		return nil
	})
	return &sdk.CreateDeploymentConfigOutput{DeploymentConfigId: new(c.ID)}, err
}

// checkRouting refuses ways to shift traffic that CodeDeploy has not.
func checkRouting(r *types.TrafficRoutingConfig) error {
	bad := func(format string, args ...any) error {
		return refuse("InvalidTrafficRoutingConfigurationException", format, args...)
	}
	if r == nil {
		return bad("For the compute platform ECS, trafficRoutingConfig must be specified")
	}
	c, l := r.TimeBasedCanary, r.TimeBasedLinear
	percent, interval, steps := int32(1), int32(1), int32(0)
	switch {
	case r.Type == types.TrafficRoutingTypeAllAtOnce && c == nil && l == nil:
		return nil
	case r.Type == types.TrafficRoutingTypeTimeBasedCanary && c != nil && l == nil:
		percent, interval, steps = c.CanaryPercentage, c.CanaryInterval, 1
	case r.Type == types.TrafficRoutingTypeTimeBasedLinear && l != nil && c == nil:
		percent, interval = l.LinearPercentage, l.LinearInterval
		if percent > 0 {
			steps = (100+percent-1)/percent - 1
		}
	default:
		return bad("The traffic routing configuration does not match its type %s", r.Type)
	}
	switch {
	case percent < 1 || percent > 99:
		return bad("The percentage of traffic must be between 1 and 99, and is %d", percent)
	case interval < 1:
		return bad("The interval must be at least 1 minute, and is %d", interval)
	case int64(interval)*int64(steps) > mostShift:
		return bad("The shift of traffic must not take more than %d minutes", mostShift)
	}
	return nil
}

// GetDeploymentConfig describes a configuration.
func (s *Service) GetDeploymentConfig(ctx context.Context, in *sdk.GetDeploymentConfigInput) (*sdk.GetDeploymentConfigOutput, error) {
	out := &sdk.GetDeploymentConfigOutput{}
	err := s.store.View(func(tx *store.Tx) error {
		info, err := s.configOf(tx, scopeOf(ctx), text(in.DeploymentConfigName))
		out.DeploymentConfigInfo = &info
		return err
	})
	return out, err
}

// ListDeploymentConfigs gives the names of all configurations, CodeDeploy's own among them.
func (s *Service) ListDeploymentConfigs(ctx context.Context, in *sdk.ListDeploymentConfigsInput) (*sdk.ListDeploymentConfigsOutput, error) {
	out := &sdk.ListDeploymentConfigsOutput{}
	err := s.store.View(func(tx *store.Tx) (err error) {
		var all []string
		for _, c := range builtIns() {
			all = append(all, *c.DeploymentConfigName)
		}
		for c := range s.configs.Prefix(tx, scoped(scopeOf(ctx), "")) {
			all = append(all, c.Name)
		}
		slices.Sort(all)
		out.DeploymentConfigsList, out.NextToken, err = paged(all, in.NextToken)
		return err
	})
	return out, err
}

// DeleteDeploymentConfig removes a configuration that no group uses; one that does not exist is
// no error. Source: codedeploy.md 3.2.
func (s *Service) DeleteDeploymentConfig(ctx context.Context, in *sdk.DeleteDeploymentConfigInput) (*sdk.DeleteDeploymentConfigOutput, error) {
	name, scope := text(in.DeploymentConfigName), scopeOf(ctx)
	if err := checkConfigName(name); err != nil {
		return nil, err
	}
	if strings.HasPrefix(name, builtIn) {
		return nil, refuse("InvalidOperationException", "Cannot delete the default deployment configuration %s", name)
	}
	err := s.store.Update(func(tx *store.Tx) error {
		for g := range s.groups.All(tx) {
			if g.Scope == scope && g.Config == name {
				return refuse("DeploymentConfigInUseException", "Deployment configuration is in use: %s", name)
			}
		}
		s.configs.Delete(tx, scoped(scope, name))
		return nil
	})
	return &sdk.DeleteDeploymentConfigOutput{}, err
}
