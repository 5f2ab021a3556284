package ecs

import (
	sdk "github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/slipway-ecs/slipway/internal/cloud"
	"github.com/slipway-ecs/slipway/internal/rollout"
	"github.com/slipway-ecs/slipway/internal/store"
)

// What ECS says of members that a controller does not allow. Source: ecs.md 3.6; all but the
// first for a task definition are unconfirmed, as are those for EXTERNAL.
const (
	wordDriven    = "Unable to update %s on services with a %s deployment controller. %s"
	wordForce     = "Cannot force a new deployment on services with a %s deployment controller. %s"
	useCodeDeploy = "Use AWS CodeDeploy to trigger a new deployment."
	useTaskSet    = "Use CreateTaskSet to deploy a new task set."
	wordOneGroup  = "A service with a CODE_DEPLOY deployment controller must have exactly one load balancer target group."
	wordECSOnly   = "The %s can only be used with the ECS deployment controller."
	wordInTheSet  = "%s cannot be specified for a service with an EXTERNAL deployment controller. Specify it when you create a task set."
	wordRunning   = "The deployment controller cannot be changed while a deployment is in progress."
	wordNoChange  = "The deployment controller cannot be changed from %s to %s: %s."
)

// checkController refuses a controller there is not, and what it does not allow.
//
// Source: ecs.md 3.2 and 8; codedeploy.md 14.
func checkController(controller types.DeploymentControllerType, in *sdk.CreateServiceInput) error {
	switch controller {
	case types.DeploymentControllerTypeEcs:
		return nil
	case types.DeploymentControllerTypeCodeDeploy:
		if len(in.LoadBalancers) != 1 {
			return invalid("%s", wordOneGroup)
		}
	case types.DeploymentControllerTypeExternal:
		for _, m := range []struct {
			name  string
			given bool
		}{
			{"taskDefinition", in.TaskDefinition != nil}, {"loadBalancers", len(in.LoadBalancers) > 0},
			{"serviceRegistries", len(in.ServiceRegistries) > 0}, {"networkConfiguration", in.NetworkConfiguration != nil},
			{"platformVersion", in.PlatformVersion != nil}, {"capacityProviderStrategy", len(in.CapacityProviderStrategy) > 0},
		} {
			if m.given {
				return invalid(wordInTheSet, m.name)
			}
		}
	default:
		return invalid("Invalid deployment controller type: %s", controller)
	}
	if in.SchedulingStrategy == types.SchedulingStrategyDaemon {
		return invalid("The scheduling strategy DAEMON is not supported with the deployment controller %s.", controller)
	}
	return ecsOnly(in.DeploymentConfiguration)
}

// ecsOnly refuses what only ECS's own deployments have.
func ecsOnly(c *types.DeploymentConfiguration) error {
	switch {
	case c == nil:
		return nil
	case c.DeploymentCircuitBreaker != nil && c.DeploymentCircuitBreaker.Enable:
		return invalid(wordECSOnly, "deployment circuit breaker")
	case c.Alarms != nil && c.Alarms.Enable:
		return invalid(wordECSOnly, "deployment alarms")
	case c.Strategy != "" && c.Strategy != types.DeploymentStrategyRolling:
		return invalid(wordECSOnly, "deployment strategy "+string(c.Strategy))
	}
	return nil
}

// changeController makes another controller drive the service, where an update asks for one, and
// refuses what the service's controller does not let an update change. The caller puts the row.
//
// Source: ecs.md 3.6.
func (s *Service) changeController(tx *store.Tx, row *ServiceRow, in *sdk.UpdateServiceInput) error {
	if c := in.DeploymentController; c != nil && string(c.Type) != row.Settings.Controller {
		if err := s.handOver(tx, row, c.Type); err != nil {
			return err
		}
	}
	if row.Settings.driven() {
		return refuseDriven(row.Settings.Controller, in)
	}
	return nil
}

// refuseDriven refuses what an update may not change where somebody else drives.
func refuseDriven(controller string, in *sdk.UpdateServiceInput) error {
	instead := useCodeDeploy
	if controller == byExternal {
		instead = useTaskSet
	}
	for _, m := range []struct {
		name  string
		given bool
	}{
		{"task definition", in.TaskDefinition != nil}, {"network parameters", in.NetworkConfiguration != nil},
		{"platform version", in.PlatformVersion != nil}, {"load balancers", in.LoadBalancers != nil},
		{"service registries", in.ServiceRegistries != nil}, {"capacity provider strategy", in.CapacityProviderStrategy != nil},
		{"service connect configuration", in.ServiceConnectConfiguration != nil}, {"volume configurations", in.VolumeConfigurations != nil},
		{"VPC Lattice configurations", in.VpcLatticeConfigurations != nil},
	} {
		if m.given {
			return invalid(wordDriven, m.name, controller, instead)
		}
	}
	if in.ForceNewDeployment {
		return invalid(wordForce, controller, instead)
	}
	return ecsOnly(in.DeploymentConfiguration)
}

// handOver gives a service's deployments to another controller. What is PRIMARY stays, as a
// deployment that completed or as a task set; from ECS to EXTERNAL it is an ACTIVE task set, to be
// deleted by hand.
func (s *Service) handOver(tx *store.Tx, row *ServiceRow, to types.DeploymentControllerType) error {
	from := row.Settings.Controller
	refuse := func(why string) error { return invalid(wordNoChange, from, to, why) }
	next := ServiceSettings{Controller: string(to)}
	if !next.driven() && to != types.DeploymentControllerTypeEcs {
		return invalid("Invalid deployment controller type: %s", to)
	}
	live := s.live(tx, row.ARN)
	for _, d := range live {
		if d.Key != row.Primary && d.Want > 0 || !d.over() {
			return invalid("%s", wordRunning)
		}
	}
	primary, ok := s.deployments.Get(tx, row.Primary)
	switch {
	case !ok && to != types.DeploymentControllerTypeExternal:
		return refuse("it has no PRIMARY task set")
	case to == types.DeploymentControllerTypeCodeDeploy && len(cloud.Kept[[]types.LoadBalancer](row.Work.LoadBalancers)) != 1:
		return refuse("it has not exactly one load balancer target group")
	case from == string(types.DeploymentControllerTypeEcs):
		if ecsOnly(cloud.Kept[*types.DeploymentConfiguration](row.Config)) != nil {
			return refuse("it has a circuit breaker, alarms or a strategy that only the ECS controller has")
		}
		if !absent(row.Work.ServiceConnect) || !absent(row.Work.Lattices) {
			return refuse("it uses Service Connect or VPC Lattice")
		}
	}
	was := row.Settings.driven()
	row.Settings.Controller = string(to)
	for _, d := range live {
		switch {
		case was == next.driven():
			continue
		case next.driven() && d.Key == row.Primary:
			s.becomeSet(tx, &d)
		case next.driven():
			d.Status = deploymentInactive
		default:
			s.becomeDeployment(tx, row, &d)
		}
		d.Updated = tx.Now()
		s.deployments.Put(tx, d)
	}
	if !next.driven() {
		row.Newest = row.Primary
		return nil
	}
	row.Newest = ""
	if from == string(types.DeploymentControllerTypeEcs) && to == types.DeploymentControllerTypeExternal {
		primary, _ = s.deployments.Get(tx, row.Primary)
		primary.Status = deploymentActive
		s.deployments.Put(tx, primary)
		row.Primary, row.Work = "", Workload{}
	}
	return nil
}

// becomeSet makes a deployment a whole task set.
func (s *Service) becomeSet(tx *store.Tx, d *Deployment) {
	d.Set = &TaskSet{Scale: 100, Since: tx.Now()}
	d.Rollout, d.Reason, d.Deploying, d.DeployReason, d.DeploymentID = "", "", "", "", ""
	d.Plan, d.State, d.Commands = rollout.Plan{}, rollout.State{}, nil
}

// becomeDeployment makes a task set a deployment that completed.
func (s *Service) becomeDeployment(tx *store.Tx, row *ServiceRow, d *Deployment) {
	draining := d.Status == deploymentDraining
	d.Set, d.Config, d.Extras, d.DeploymentID = nil, row.Config, row.Extras, s.o.IDs.Nano(21)
	d.Rollout, d.Reason = rolloutCompleted, "ECS deployment "+d.id()+" completed."
	d.Deploying, d.Started, d.Finished = deploySuccessful, d.Created, tx.Now()
	d.State = rollout.State{Status: rollout.Succeeded, Entered: tx.Now()}
	d.Plan = planOf(row, d, cloud.Kept[*types.DeploymentConfiguration](row.Config))
	if draining {
		d.Status = deploymentActive
	}
	d.Final = []FinalCount{{Digits: d.Digits, Requested: d.Want, Running: d.Want}}
}
