package ecs

import (
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/slipway-ecs/slipway/internal/names"
	"github.com/slipway-ecs/slipway/internal/rollout"
	"github.com/slipway-ecs/slipway/internal/strategy"
)

// computedBake is the bake time of a deployment with alarms whose bakeTimeInMinutes was never set.
// ECS computes it from the alarms and says only that it is less than 5 minutes; that ours is the
// same for all alarms is our choice (unconfirmed).
//
// Source: ecs.md 5.7.
const computedBake = 2 * time.Minute

// mostBake is the longest bakeTimeInMinutes. Source: ecs.md 7.1.
const mostBake = 1440

// defaultConfiguration is what a service has that asks for nothing. Source: ecs.md 3.3, and 3.10 for
// daemons.
func defaultConfiguration(daemon bool) *types.DeploymentConfiguration {
	most, least := int32(200), int32(100)
	if daemon {
		most, least = 100, 0
	}
	return &types.DeploymentConfiguration{
		DeploymentCircuitBreaker: &types.DeploymentCircuitBreaker{
			ResetOnHealthyTask: aws.Bool(true),
			ThresholdConfiguration: &types.ThresholdConfiguration{
				Type: types.ThresholdTypeBoundedPercent, Value: rollout.ThresholdPercent,
			},
		},
		MaximumPercent:        &most,
		MinimumHealthyPercent: &least,
		Strategy:              types.DeploymentStrategyRolling,
		BakeTimeInMinutes:     aws.Int32(0),
	}
}

// mergeConfiguration puts what an update asks for over what a service has; members left out keep
// their value. have is not changed.
//
// Source: ecs.md 3.5, "Merging of a partial deploymentConfiguration".
func mergeConfiguration(have, ask *types.DeploymentConfiguration) *types.DeploymentConfiguration {
	c := *have
	if ask == nil {
		return &c
	}
	if b := ask.DeploymentCircuitBreaker; b != nil {
		merged := *b
		if old := have.DeploymentCircuitBreaker; old != nil {
			if merged.ResetOnHealthyTask == nil {
				merged.ResetOnHealthyTask = old.ResetOnHealthyTask
			}
			if merged.ThresholdConfiguration == nil {
				merged.ThresholdConfiguration = old.ThresholdConfiguration
			}
		}
		c.DeploymentCircuitBreaker = &merged
	}
	if ask.Alarms != nil {
		c.Alarms = ask.Alarms
	}
	if ask.MaximumPercent != nil {
		c.MaximumPercent = ask.MaximumPercent
	}
	if ask.MinimumHealthyPercent != nil {
		c.MinimumHealthyPercent = ask.MinimumHealthyPercent
	}
	if ask.Strategy != "" {
		c.Strategy = ask.Strategy
	}
	if ask.BakeTimeInMinutes != nil {
		c.BakeTimeInMinutes = ask.BakeTimeInMinutes
	}
	if ask.LifecycleHooks != nil {
		c.LifecycleHooks = ask.LifecycleHooks
	}
	mergeSteps(&c, ask)
	if ask.EarlySuccessCriteria != nil {
		c.EarlySuccessCriteria = ask.EarlySuccessCriteria
	}
	return &c
}

// checkConfiguration refuses a deployment configuration that ECS refuses, and what this cloud does
// not serve yet.
//
// Source: ecs.md 3.5, 5.5, 7.1. The wordings of bounds are ours (unconfirmed).
func checkConfiguration(c *types.DeploymentConfiguration, daemon bool) error {
	if err := checkShift(c); err != nil {
		return err
	}
	if err := checkHooks(c.LifecycleHooks); err != nil {
		return err
	}
	if err := checkEarly(c); err != nil {
		return err
	}
	lo, hi := aws.ToInt32(c.MinimumHealthyPercent), aws.ToInt32(c.MaximumPercent)
	switch {
	case lo < 0 || lo > 100:
		return invalid("The minimumHealthyPercent must be between 0 and 100.")
	case daemon && hi != 100:
		return invalid(wordDaemonMost)
	case hi < 100:
		return invalid("The maximumPercent must be at least 100 for a service with the REPLICA scheduling strategy.")
	case lo == 100 && hi == 100:
		return invalid("Both maximumPercent and minimumHealthyPercent cannot be 100 as this will block deployments.")
	}
	if bake := aws.ToInt32(c.BakeTimeInMinutes); bake < 0 || bake > mostBake {
		return invalid("The bakeTimeInMinutes must be between 0 and %d.", mostBake)
	}
	if a := c.Alarms; a != nil && a.Enable && len(a.AlarmNames) == 0 {
		return invalid("alarmNames cannot be empty when alarms are enabled.")
	}
	return checkThreshold(c.DeploymentCircuitBreaker)
}

// checkEarly refuses early success criteria that mean nothing.
//
// Source: ecs.md 5.9. The words are ours (unconfirmed).
func checkEarly(c *types.DeploymentConfiguration) error {
	e := c.EarlySuccessCriteria
	if e == nil || !e.Enable {
		return nil
	}
	least, most := aws.ToInt32(c.MinimumHealthyPercent), int32(100)
	switch n := aws.ToInt32(e.HealthyPercent); {
	case c.Strategy != types.DeploymentStrategyRolling:
		return invalid("earlySuccessCriteria is only supported with the ROLLING deployment strategy.")
	case e.HealthyPercent == nil:
		return invalid("healthyPercent must be specified when earlySuccessCriteria is enabled.")
	case n < 0 || n > most:
		return invalid("The healthyPercent must be between 0 and 100.")
	case n < least:
		return invalid("The healthyPercent must be greater than or equal to the minimumHealthyPercent.")
	case e.SourceServiceRevisionCleanup == "":
		return invalid("sourceServiceRevisionCleanup must be specified when earlySuccessCriteria is enabled.")
	case !slices.Contains(e.SourceServiceRevisionCleanup.Values(), e.SourceServiceRevisionCleanup):
		return invalid("Invalid value for sourceServiceRevisionCleanup: %s", e.SourceServiceRevisionCleanup)
	}
	return nil
}

func checkThreshold(b *types.DeploymentCircuitBreaker) error {
	if b == nil || b.ThresholdConfiguration == nil {
		return nil
	}
	t := b.ThresholdConfiguration
	switch t.Type {
	case types.ThresholdTypeCount:
		if t.Value < 1 {
			return invalid("The circuit breaker threshold value must be at least 1 for the type COUNT.")
		}
	case types.ThresholdTypeBoundedPercent, types.ThresholdTypeUnboundedPercent:
		if t.Value < 1 || t.Value > 100 {
			return invalid("The circuit breaker threshold value must be between 1 and 100 for the type %s.", t.Type)
		}
	default:
		return invalid("Invalid circuit breaker threshold type: %s", t.Type)
	}
	return nil
}

// breakerOf gives the breaker a configuration asks for.
func breakerOf(c *types.DeploymentConfiguration) rollout.Breaker {
	b := c.DeploymentCircuitBreaker
	if b == nil {
		return rollout.Breaker{}
	}
	out := rollout.Breaker{Enabled: b.Enable}
	if t := b.ThresholdConfiguration; t != nil {
		out.Value = int(t.Value)
		switch t.Type {
		case types.ThresholdTypeCount:
			out.Kind = rollout.FixedCount
		case types.ThresholdTypeUnboundedPercent:
			out.Kind = rollout.UnboundedPercent
		}
	}
	return out
}

// guardsOf gives the names of the alarms that fail a deployment.
func guardsOf(c *types.DeploymentConfiguration) []string {
	if a := c.Alarms; a != nil && a.Enable {
		return a.AlarmNames
	}
	return nil
}

// planOf makes the plan of a deployment of a service; a plan's bounds follow the service
// afterwards, see bound.
func planOf(row *ServiceRow, d *Deployment, c *types.DeploymentConfiguration) rollout.Plan {
	common := strategy.Common{
		ID: d.Digits, Desired: row.Desired, Breaker: breakerOf(c), Guards: guardsOf(c),
		MinPercent: row.Settings.MinPercent, MaxPercent: row.Settings.MaxPercent,
		Bake: minutes(c.BakeTimeInMinutes),
	}
	if b := c.DeploymentCircuitBreaker; b == nil || !b.Rollback {
		common.OnFail.Breaker = rollout.Stop
	}
	if a := c.Alarms; a == nil || !a.Rollback {
		common.OnFail.Alarm = rollout.Stop
	}
	if len(common.Guards) > 0 && !row.Settings.BakeSet {
		common.Bake = computedBake
	}
	if d.AlarmsOff {
		common.Guards = nil
	}
	common.Hooked = hookedStages(c.LifecycleHooks)
	if !d.Shifting {
		rolling := strategy.Rolling{Common: common, Reconcile: len(d.Sources) > 1}
		if e := c.EarlySuccessCriteria; e != nil && e.Enable {
			rolling.Enough = max(strategy.Percent(float64(aws.ToInt32(e.HealthyPercent))), 1) // 0 % is one task
			rolling.LeaveOld = e.SourceServiceRevisionCleanup == types.ServiceRevisionCleanupDeferred
		}
		return *rolling.Plan()
	}
	common.Deadline = strategy.StageLimit
	traffic := strategy.Traffic{Common: common, Reconcile: len(d.Sources) > 1, Tick: stageTick}
	if slices.ContainsFunc(d.rules(rollout.Production), func(r rule) bool { return names.OfNetworkLoadBalancer(r.arn) }) {
		traffic.Settle = networkSettle
	}
	switch c.Strategy {
	case types.DeploymentStrategyCanary:
		return *strategy.Canary{
			Traffic: traffic, Share: strategy.Percent(aws.ToFloat64(c.CanaryConfiguration.CanaryPercent)),
			For: minutes(c.CanaryConfiguration.CanaryBakeTimeInMinutes),
		}.Plan()
	case types.DeploymentStrategyLinear:
		return *strategy.Linear{
			Traffic: traffic, Share: strategy.Percent(aws.ToFloat64(c.LinearConfiguration.StepPercent)),
			For: minutes(c.LinearConfiguration.StepBakeTimeInMinutes),
		}.Plan()
	}
	return *strategy.BlueGreen{Traffic: traffic}.Plan()
}

func minutes(n *int32) time.Duration { return time.Duration(aws.ToInt32(n)) * time.Minute }

// bound makes a plan follow its service: how many tasks it wants and within which bounds. The
// percents are the service's of now, so that an update of them alone frees a deployment that is
// stuck (our choice; unconfirmed).
//
// Source: ecs.md 5.3, "both bounds recompute at once"; 3.7, "Update the minimumHealthyPercent or
// maximumPercent value and try again".
func bound(p *rollout.Plan, row *ServiceRow) {
	p.Desired = row.Desired
	p.Min, p.Max = strategy.Bounds(row.Desired, row.Settings.MinPercent, row.Settings.MaxPercent)
}
