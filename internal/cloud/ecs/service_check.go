package ecs

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/slipway-ecs/slipway/internal/cloud"
	"github.com/slipway-ecs/slipway/internal/names"
	"github.com/slipway-ecs/slipway/internal/store"
)

// mostGroups is how many target groups a service may have. Source: ecs.md 3.2.
const mostGroups = 5

// platformVersions are the Fargate platforms there are on Linux.
var platformVersions = []string{"LATEST", "1.4.0", "1.3.0", "1.2.0", "1.1.0", "1.0.0"}

// checkWorkload refuses a workload that its task definition, its cluster or its network does not
// allow, and fills in the platform version.
//
// Source: ecs.md 3.2. The wordings that are not in 2.5, 3.2 or 7.3 are from memory (unconfirmed).
func (s *Service) checkWorkload(tx *store.Tx, scope names.Scope, cluster Cluster, w *Workload) error {
	d, ok := s.definition(tx, w.TaskDefinition)
	if !ok {
		return refused("TaskDefinition not found.")
	}
	if err := s.checkStrategy(tx, scope, cloud.Kept[[]types.CapacityProviderStrategyItem](w.Providers)); err != nil {
		return err
	}
	if err := checkLaunch(cluster, d, w); err != nil {
		return err
	}
	if err := s.checkServiceNetwork(tx, scope, d, w); err != nil {
		return err
	}
	if n := len(cloud.Kept[[]types.ServiceRegistry](w.Registries)); n > 1 {
		return invalid("serviceRegistries can have at most 1 items.")
	}
	return s.checkLoadBalancers(tx, d, cloud.Kept[[]types.LoadBalancer](w.LoadBalancers))
}

// checkAssociated refuses target groups that no load balancer forwards to. A task set may have
// one: the traffic of services with task sets is somebody else's.
func (s *Service) checkAssociated(tx *store.Tx, all []types.LoadBalancer) error {
	for _, b := range all {
		if group, _ := s.o.Balancer.Group(tx, text(b.TargetGroupArn)); len(group.LoadBalancers) == 0 {
			return invalid("The target group with targetGroupArn %s does not have an associated load balancer.", text(b.TargetGroupArn))
		}
	}
	return nil
}

// checkLaunch refuses what a workload cannot run on.
func checkLaunch(cluster Cluster, d *types.TaskDefinition, w *Workload) error {
	switch types.LaunchType(w.LaunchType) {
	case "", types.LaunchTypeEc2, types.LaunchTypeExternal, types.LaunchTypeFargate:
	case types.LaunchTypeManagedInstances:
		return unsupported("The launch type %s is not served by this local cloud yet.", w.LaunchType)
	default:
		return invalid("Invalid launch type: %s", w.LaunchType)
	}
	for _, p := range cloud.Kept[[]types.CapacityProviderStrategyItem](w.Providers) {
		if !slices.Contains(cluster.Providers, text(p.CapacityProvider)) {
			return invalid("The specified capacity provider strategy cannot contain a capacity provider that is not associated with the cluster. Associate the capacity provider with the cluster and try again.")
		}
	}
	if !w.fargate() {
		if w.PlatformVersion != "" {
			return invalid("The platform version must be null when specifying an EC2 launch type.")
		}
		return nil
	}
	if !slices.Contains(d.Compatibilities, types.CompatibilityFargate) {
		return invalid("Task definition does not support launch_type FARGATE.")
	}
	if w.PlatformVersion == "" {
		w.PlatformVersion = "LATEST"
	}
	return checkPlatform(w.PlatformVersion)
}

// fargate reports whether a workload runs on Fargate, by launch type or by its providers.
func (w *Workload) fargate() bool {
	if w.LaunchType != "" {
		return w.LaunchType == string(types.LaunchTypeFargate)
	}
	providers := cloud.Kept[[]types.CapacityProviderStrategyItem](w.Providers)
	return len(providers) > 0 && strings.HasPrefix(text(providers[0].CapacityProvider), "FARGATE")
}

// launchType gives the launch type that a service shows: none where it has capacity providers, and EC2
// where it has no workload, as AWS's example of a service of EXTERNAL without a primary task set has it.
func (w *Workload) launchType() string {
	if w.LaunchType == "" && blank(w.Providers) == nil {
		return string(types.LaunchTypeEc2)
	}
	return w.LaunchType
}

// checkServiceNetwork refuses a network configuration that is missing, superfluous or names what
// does not exist.
func (s *Service) checkServiceNetwork(tx *store.Tx, scope names.Scope, d *types.TaskDefinition, w *Workload) error {
	config := cloud.Kept[types.NetworkConfiguration](w.Network)
	vpc := config.AwsvpcConfiguration
	if d.NetworkMode != types.NetworkModeAwsvpc {
		if vpc != nil && !s.lenient("task definition %s has a network configuration though its network mode is not awsvpc; ECS refuses that", w.TaskDefinition) {
			return invalid("Network Configuration is not valid for the given networkMode of this task definition.")
		}
		return nil
	}
	if vpc == nil || len(vpc.Subnets) == 0 {
		if s.lenient("task definition %s is to run without network configuration; ECS refuses that", w.TaskDefinition) {
			return nil
		}
		if vpc == nil {
			return invalid("Network Configuration must be provided when networkMode 'awsvpc' is specified.")
		}
		return invalid("subnets can not be empty.")
	}
	home := ""
	for _, id := range vpc.Subnets {
		at, _, ok := s.o.Networks.Subnet(tx, scope, id)
		if !ok {
			return invalid("Error retrieving subnet information for [%s]: The subnet ID '%s' does not exist (ErrorCode: InvalidSubnetID.NotFound)",
				strings.Join(vpc.Subnets, ", "), id)
		}
		if home == "" {
			home = at
		}
	}
	for _, id := range vpc.SecurityGroups {
		at, ok := s.o.Networks.SecurityGroup(tx, scope, id)
		switch {
		case !ok:
			return invalid("Error retrieving security group information for [%s]: The security group '%s' does not exist (ErrorCode: InvalidGroup.NotFound)",
				strings.Join(vpc.SecurityGroups, ", "), id)
		case at != home && !s.lenient("security group %s is not in the VPC of the subnets; ECS refuses that", id):
			return invalid("Security group %s does not appear to belong to the same VPC as the input subnets.", id)
		}
	}
	return nil
}

// keepNetwork gives what a row keeps of a network configuration, with ECS's defaults filled in.
func keepNetwork(c *types.NetworkConfiguration) json.RawMessage {
	if c == nil || c.AwsvpcConfiguration == nil {
		return nil
	}
	filled := *c.AwsvpcConfiguration
	if filled.AssignPublicIp == "" {
		filled.AssignPublicIp = types.AssignPublicIpDisabled
	}
	if filled.SecurityGroups == nil {
		filled.SecurityGroups = []string{}
	}
	return cloud.Keep(&types.NetworkConfiguration{AwsvpcConfiguration: &filled})
}

// checkLoadBalancers refuses load balancers, whose form was checked, that do not fit the task
// definition or do not exist.
func (s *Service) checkLoadBalancers(tx *store.Tx, d *types.TaskDefinition, all []types.LoadBalancer) error {
	if len(all) > mostGroups {
		return invalid("load balancers can have at most %d items.", mostGroups)
	}
	for _, b := range all {
		arn := text(b.TargetGroupArn)
		if text(b.LoadBalancerName) != "" {
			return unsupported("Classic Load Balancers are not served by this local cloud.")
		}
		if arn == "" {
			return invalid("Either targetGroupArn or loadBalancerName must be specified.")
		}
		if err := checkPort(d, text(b.ContainerName), b.ContainerPort); err != nil {
			return err
		}
		group, ok := s.o.Balancer.Group(tx, arn)
		if !ok {
			return invalid("The specified target group does not exist. (targetGroupArn: %s)", arn)
		}
		if d.NetworkMode == types.NetworkModeAwsvpc && group.TargetType != "ip" {
			return invalid("The provided target group %s has target type %s, which is incompatible with the awsvpc network mode specified in the task definition.",
				arn, group.TargetType)
		}
	}
	return nil
}

// checkPort refuses a load balancer's container or port that a task definition does not have.
func checkPort(d *types.TaskDefinition, container string, port *int32) error {
	i := slices.IndexFunc(d.ContainerDefinitions, func(c types.ContainerDefinition) bool { return text(c.Name) == container })
	if i < 0 {
		return invalid("The container %s does not exist in the task definition.", container)
	}
	for _, m := range d.ContainerDefinitions[i].PortMappings {
		if aws.ToInt32(m.ContainerPort) == aws.ToInt32(port) {
			return nil
		}
	}
	return invalid("The container %s did not have a container port %d defined.", container, aws.ToInt32(port))
}
