package elb

import (
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/slipway-ecs/slipway/internal/wire"
)

// Sources: elbv2.md 1.2 (texts seen on AWS or copied from it); the wordings of the others are
// ours (unconfirmed), each written once, here or where it is refused.

func sentence(format string, args []any) *string { return aws.String(fmt.Sprintf(format, args...)) }

// invalid is a malformed parameter; its code is in no model and on every operation.
func invalid(format string, args ...any) error {
	return &wire.Error{Code: "ValidationError", Message: fmt.Sprintf(format, args...), Status: 400}
}

// constraint is what AWS's framework says of a value before the service looks at it.
func constraint(value any, member, must string) error {
	return invalid("1 validation error detected: Value '%v' at '%s' failed to satisfy constraint: Member must %s", value, member, must)
}

// misconfigured is a setting that does not go with the others.
func misconfigured(format string, args ...any) error {
	return &types.InvalidConfigurationRequestException{Message: sentence(format, args)}
}

// unbuilt refuses what AWS has and this cloud has not, and says so to the operator.
func (s *Service) unbuilt(format string, args ...any) error {
	what := fmt.Sprintf(format, args...)
	s.o.Warn("not built: elasticloadbalancing: " + what + ", answered with InvalidConfigurationRequest")
	return misconfigured("%s are not supported by this local cloud", what)
}

func badAction(format string, args ...any) error {
	return &types.InvalidLoadBalancerActionException{Message: sentence(format, args)}
}

func notPermitted(format string, args ...any) error {
	return &types.OperationNotPermittedException{Message: sentence(format, args)}
}

func noBalancer(arn string) error {
	return &types.LoadBalancerNotFoundException{Message: sentence("Load balancer '%s' not found", []any{arn})}
}

func noBalancersNamed(names []string) error {
	return &types.LoadBalancerNotFoundException{Message: sentence("Load balancers '[%s]' not found", []any{strings.Join(names, ", ")})}
}

func noGroup(arn string) error {
	return &types.TargetGroupNotFoundException{Message: sentence("Target groups '%s' not found", []any{arn})}
}

func noGroupNamed() error {
	return &types.TargetGroupNotFoundException{Message: aws.String("One or more target groups not found")}
}

func noListener() error {
	return &types.ListenerNotFoundException{Message: aws.String("One or more listeners not found")}
}

func noRule() error {
	return &types.RuleNotFoundException{Message: aws.String("One or more rules not found")}
}

func priorityInUse(priority int) error {
	return &types.PriorityInUseException{Message: sentence("Priority '%d' is currently in use", []any{priority})}
}

// between refuses a number that is given and out of range.
func between(value *int32, member string, low, high int32) error {
	switch {
	case value == nil:
		return nil
	case *value < low:
		return constraint(*value, member, fmt.Sprintf("have value greater than or equal to %d", low))
	case *value > high:
		return constraint(*value, member, fmt.Sprintf("have value less than or equal to %d", high))
	}
	return nil
}
