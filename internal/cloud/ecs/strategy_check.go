package ecs

import (
	"math"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// stageTick is how long a stage lasts at least in which no hook is asked, so that it can be seen.
// ECS's scheduler takes some seconds for its looks; their distance is not published (unconfirmed).
const stageTick = 2 * time.Second

// networkSettle is what ECS adds to TEST_TRAFFIC_SHIFT and PRODUCTION_TRAFFIC_SHIFT where a network load
// balancer routes: its nodes may go by old weights for a while. That each step of a canary and of a
// linear shift waits so long, and a rollback does not, is unconfirmed.
//
// Source: ECS developer guide, "Network Load Balancer resources for Amazon ECS blue/green, linear and
// canary deployments"; ecs.md 7.2.
const networkSettle = 10 * time.Minute

// What LINEAR and CANARY do where they are not told. Source: ecs.md 7.1.
const (
	linearStep, linearBake   = 10.0, 6
	canaryShare, canaryBake  = 5.0, 10
	leastStep, leastCanary   = 3.0, 0.1
	mostPercent, mostStepMin = 100.0, 1440
)

// mergeSteps puts what an update asks for of the steps of a shift over what a service has, and
// fills in the defaults of its strategy. The steps of another strategy are forgotten, unless the
// update asks for them: then it is refused, see checkShift.
func mergeSteps(c, ask *types.DeploymentConfiguration) {
	linear, canary := types.LinearConfiguration{}, types.CanaryConfiguration{}
	if c.LinearConfiguration != nil {
		linear = *c.LinearConfiguration
	}
	if c.CanaryConfiguration != nil {
		canary = *c.CanaryConfiguration
	}
	if a := ask.LinearConfiguration; a != nil {
		linear.StepPercent = over(a.StepPercent, linear.StepPercent)
		linear.StepBakeTimeInMinutes = over(a.StepBakeTimeInMinutes, linear.StepBakeTimeInMinutes)
	}
	if a := ask.CanaryConfiguration; a != nil {
		canary.CanaryPercent = over(a.CanaryPercent, canary.CanaryPercent)
		canary.CanaryBakeTimeInMinutes = over(a.CanaryBakeTimeInMinutes, canary.CanaryBakeTimeInMinutes)
	}
	c.LinearConfiguration, c.CanaryConfiguration = nil, nil
	if c.Strategy == types.DeploymentStrategyLinear || ask.LinearConfiguration != nil {
		linear.StepPercent = over(linear.StepPercent, aws.Float64(linearStep))
		linear.StepBakeTimeInMinutes = over(linear.StepBakeTimeInMinutes, aws.Int32(linearBake))
		c.LinearConfiguration = &linear
	}
	if c.Strategy == types.DeploymentStrategyCanary || ask.CanaryConfiguration != nil {
		canary.CanaryPercent = over(canary.CanaryPercent, aws.Float64(canaryShare))
		canary.CanaryBakeTimeInMinutes = over(canary.CanaryBakeTimeInMinutes, aws.Int32(canaryBake))
		c.CanaryConfiguration = &canary
	}
}

// over gives the value asked for, or the one there is.
func over[T any](ask, have *T) *T {
	if ask != nil {
		return ask
	}
	return have
}

// checkShift refuses a strategy there is not, and steps out of their bounds.
//
// Source: ecs.md 7.1. The wordings are ours (unconfirmed).
func checkShift(c *types.DeploymentConfiguration) error {
	switch c.Strategy {
	case types.DeploymentStrategyRolling, types.DeploymentStrategyBlueGreen, types.DeploymentStrategyLinear, types.DeploymentStrategyCanary:
	default:
		return invalid("Invalid deployment strategy: %s", c.Strategy)
	}
	if l := c.LinearConfiguration; l != nil {
		if c.Strategy != types.DeploymentStrategyLinear {
			return invalid("linearConfiguration is only allowed with the LINEAR deployment strategy")
		}
		if !tenths(*l.StepPercent, leastStep) {
			return invalid("stepPercent must be between %.1f and %.1f in multiples of 0.1", leastStep, mostPercent)
		}
		if bake := *l.StepBakeTimeInMinutes; bake < 0 || bake > mostStepMin {
			return invalid("stepBakeTimeInMinutes must be between 0 and %d", mostStepMin)
		}
	}
	if a := c.CanaryConfiguration; a != nil {
		if c.Strategy != types.DeploymentStrategyCanary {
			return invalid("canaryConfiguration is only allowed with the CANARY deployment strategy")
		}
		if !tenths(*a.CanaryPercent, leastCanary) {
			return invalid("canaryPercent must be between %.1f and %.1f in multiples of 0.1", leastCanary, mostPercent)
		}
		if bake := *a.CanaryBakeTimeInMinutes; bake < 0 || bake > mostStepMin {
			return invalid("canaryBakeTimeInMinutes must be between 0 and %d", mostStepMin)
		}
	}
	return nil
}

// tenths reports whether a percentage is a multiple of 0.1 from least to 100.
func tenths(p, least float64) bool {
	return p >= least && p <= mostPercent && math.Abs(math.Round(p*10)-p*10) < 1e-6
}
