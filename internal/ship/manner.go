package ship

import (
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/slipway-ecs/slipway/internal/fail"
	"github.com/slipway-ecs/slipway/internal/project"
	"github.com/slipway-ecs/slipway/internal/wire"
)

// Manner is how ECS is asked to carry a deployment out. Nil members are not sent: the service's own
// stay.
type Manner struct {
	Configuration *types.DeploymentConfiguration
	Balancers     []types.LoadBalancer
}

// What ECS takes where nothing is said.
//
// Source: the ECS model; bakeTimeInMinutes has no default there for blue/green, and 15 is what the
// CDK writes.
const (
	bakeMinutes       = 15
	canaryPercent     = 5.0
	canaryBakeMinutes = 10
	stepPercent       = 10.0
	stepBakeMinutes   = 6
	mostHooks         = 10 // of each kind, a service
)

// stages says at which of ECS's stages a function is called, or an answer is waited for, for each
// point that has one.
var stages = map[project.Point]types.DeploymentLifecycleHookStage{
	project.PointRegistered:  types.DeploymentLifecycleHookStagePreScaleUp,
	project.PointScaled:      types.DeploymentLifecycleHookStagePostScaleUp,
	project.PointTestTraffic: types.DeploymentLifecycleHookStagePostTestTrafficShift,
	project.PointBeforeShift: types.DeploymentLifecycleHookStagePreProductionTrafficShift,
	project.PointShifted:     types.DeploymentLifecycleHookStagePostProductionTrafficShift,
}

// strategies are ECS's words for ours.
var strategies = map[project.StrategyType]types.DeploymentStrategy{
	project.Rolling: types.DeploymentStrategyRolling, project.Recreate: types.DeploymentStrategyRolling,
	project.BlueGreen: types.DeploymentStrategyBlueGreen, project.Canary: types.DeploymentStrategyCanary,
	project.Linear: types.DeploymentStrategyLinear,
}

// MannerOf gives what to send for what a file says of a service, and refuses what ECS could not do
// to the service that runs, with an alternative; live is nil for a service that is to be created.
// balancers are those of the file, which the same deploy brings to the service; none leaves it those
// it has. Errors have the code "strategy.impossible". Hooks that slipway runs itself are not
// in it: who follows the deployment adds the pauses they need.
func MannerOf(s *project.Service, live *types.Service, balancers []types.LoadBalancer) (Manner, error) {
	var m Manner
	if live != nil && len(balancers) == 0 {
		balancers = live.LoadBalancers
	}
	if err := engineFits(s, live); err != nil {
		return m, err
	}
	if controllerFor(s, live) == types.DeploymentControllerTypeCodeDeploy {
		return m, functionsFit(s)
	}
	kind := strategyOf(s, live)
	if err := strategyFits(s, kind, live, balancers); err != nil {
		return m, err
	}
	hooks, err := hooksOf(s, live, balancers)
	if err != nil {
		return m, err
	}
	if s.Strategy == nil && hooks == nil {
		return m, nil
	}
	c := &types.DeploymentConfiguration{LifecycleHooks: hooks}
	if s.Strategy != nil {
		fillStrategy(c, s.Strategy, configurationOf(live))
		if err := fillFailure(c, s.Strategy, configurationOf(live)); err != nil {
			return m, err
		}
		if s.Strategy.TestRoute != "" {
			m.Balancers = withTestRoute(balancers, s.Strategy.TestRoute)
		}
	}
	m.Configuration = c
	return m, nil
}

// FunctionsOf gives the functions of a file's hooks by their points, as CodeDeploy calls them.
func FunctionsOf(s *project.Service) map[Point]string {
	out := map[Point]string{}
	for _, h := range s.Hooks {
		if h.Lambda != nil {
			out[Point(h.Point)] = h.Lambda.ARN
		}
	}
	return out
}

// functionsFit refuses hooks that CodeDeploy cannot do.
func functionsFit(s *project.Service) error {
	seen := map[project.Point]bool{}
	for i := range s.Hooks {
		h := &s.Hooks[i]
		switch {
		case h.Client():
		case h.Lambda == nil:
			return impossible("set the deployment group's deploymentReadyOption to STOP_DEPLOYMENT with a wait: `slipway approve` ends it",
				"CodeDeploy asks for no approval at %s of service %q: its deployment group says where it waits", h.Point, s.Name)
		case seen[h.Point]:
			return impossible("put both into one function", "service %q has two functions at %s, and CodeDeploy calls one", s.Name, h.Point)
		default:
			seen[h.Point] = true
		}
	}
	return nil
}

func impossible(hint, format string, args ...any) error {
	return fail.New("strategy.impossible", hint, format, args...)
}

func configurationOf(live *types.Service) *types.DeploymentConfiguration {
	if live == nil || live.DeploymentConfiguration == nil {
		return &types.DeploymentConfiguration{}
	}
	return live.DeploymentConfiguration
}

// controllerOf gives a service's deployment controller; one that says none has ECS.
func controllerOf(live *types.Service) types.DeploymentControllerType {
	if live == nil || live.DeploymentController == nil || live.DeploymentController.Type == "" {
		return types.DeploymentControllerTypeEcs
	}
	return live.DeploymentController.Type
}

// controllerFor gives who deploys a service, or will once it is made as the file says.
func controllerFor(s *project.Service, live *types.Service) types.DeploymentControllerType {
	if live != nil || s.Service == nil {
		return controllerOf(live)
	}
	in := &ecs.CreateServiceInput{}
	if wire.Unmarshal(s.Service, in) != nil || in.DeploymentController == nil {
		return controllerOf(nil) // what is wrong with the file is said where it is sent
	}
	return controllerOf(&types.Service{DeploymentController: in.DeploymentController})
}

func engineFits(s *project.Service, live *types.Service) error {
	controller := controllerFor(s, live)
	switch {
	case s.Engine == project.EngineECS && controller != types.DeploymentControllerTypeEcs:
		return impossible("write 'engine: auto', or make the service's deployment controller ECS",
			"engine ecs cannot deploy service %q: its deployment controller is %s", s.Name, controller)
	case s.Engine == project.EngineCodeDeploy && controller != types.DeploymentControllerTypeCodeDeploy:
		return impossible("write 'engine: auto', or create the service with deploymentController: {type: CODE_DEPLOY}",
			"engine codedeploy cannot deploy service %q: its deployment controller is %s", s.Name, controller)
	case s.Strategy != nil && controller == types.DeploymentControllerTypeCodeDeploy:
		return impossible("leave 'strategy' out: the deployment group's configuration says how traffic moves; or make the deployment controller ECS",
			"strategy %s is ECS's own, and CodeDeploy deploys service %q", s.Strategy.Type, s.Name)
	}
	return nil
}

// strategyOf gives the strategy a deployment will have: the file's, or the service's.
func strategyOf(s *project.Service, live *types.Service) project.StrategyType {
	if s.Strategy != nil {
		return s.Strategy.Type
	}
	for _, kind := range []project.StrategyType{project.BlueGreen, project.Canary, project.Linear} {
		if strategies[kind] == configurationOf(live).Strategy {
			return kind
		}
	}
	return project.Rolling
}

func strategyFits(s *project.Service, kind project.StrategyType, live *types.Service, balancers []types.LoadBalancer) error {
	daemon := live != nil && live.SchedulingStrategy == types.SchedulingStrategyDaemon
	if !kind.Shifts() {
		for _, h := range s.Hooks {
			switch h.Point {
			case project.PointTestTraffic, project.PointBeforeShift, project.PointShifted:
				return impossible("put it at scaled, or use blue-green, canary or linear",
					"a %s deployment of service %q does not pass %q: it moves no traffic between two sides", kind, s.Name, h.Point)
			}
		}
		if daemon && s.Strategy != nil && s.Strategy.Max != nil && *s.Strategy.Max > 100 {
			return impossible("leave max-percent out, or write 100", "service %q is a DAEMON: it has one task a machine, and no room for %d %%", s.Name, *s.Strategy.Max)
		}
		return nil
	}
	if daemon {
		return impossible("use rolling", "service %q is a DAEMON, which ECS deploys by rolling alone", s.Name)
	}
	advanced := 0
	for _, b := range balancers {
		if b.LoadBalancerName != nil {
			return impossible("use rolling, or move the service to a target group", "a %s deployment needs target groups, and service %q has a Classic Load Balancer", kind, s.Name)
		}
		if b.AdvancedConfiguration != nil {
			advanced++
		}
	}
	if advanced < len(balancers) {
		return impossible("give each load balancer an 'advancedConfiguration' (alternate target group, listener rule, role) by one deployment with strategy rolling, or stay with rolling",
			"a %s deployment moves traffic between two target groups, and service %q has a load balancer without advancedConfiguration", kind, s.Name)
	}
	if len(balancers) == 0 && kind != project.BlueGreen && !connected(live) {
		return impossible("use blue-green, which ECS carries out without traffic to move, or rolling",
			"a %s deployment moves traffic in parts, and service %q has neither a load balancer nor Service Connect", kind, s.Name)
	}
	if s.Strategy != nil && s.Strategy.TestRoute != "" && len(balancers) == 0 {
		return impossible("take 'test-route' away", "service %q has no load balancer that could have a test route", s.Name)
	}
	return probesFit(s, balancers)
}

// probesFit refuses probes through a test route there is none of.
func probesFit(s *project.Service, balancers []types.LoadBalancer) error {
	if s.Strategy != nil && s.Strategy.TestRoute != "" {
		return nil
	}
	for _, b := range balancers {
		if b.AdvancedConfiguration != nil && b.AdvancedConfiguration.TestListenerRule != nil {
			return nil
		}
	}
	for _, h := range s.Hooks {
		if h.Probe != nil && h.Probe.Route == "test" && h.Probe.URL == "" {
			return impossible("add 'test-route' to the strategy, or give the probe a 'url'",
				"a probe goes through the test route, and service %q has none", s.Name)
		}
	}
	return nil
}

func connected(live *types.Service) bool {
	d := primary(live)
	return d != nil && d.ServiceConnectConfiguration != nil && d.ServiceConnectConfiguration.Enabled
}
