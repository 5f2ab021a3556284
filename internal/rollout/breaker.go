package rollout

// Breaker ends a rollout whose new tasks keep failing. The zero value is off.
type Breaker struct {
	Enabled bool
	Kind    Threshold
	Value   int // percent of desired, 1–100, or for FixedCount the number itself; 0 means 50 % (FixedCount: 1)
}

// Threshold is how a breaker's limit is computed.
type Threshold int

// The kinds of thresholds, ECS's BOUNDED_PERCENT, UNBOUNDED_PERCENT and COUNT.
const (
	BoundedPercent Threshold = iota
	UnboundedPercent
	FixedCount
)

// Bounds of a BoundedPercent threshold, and the percentage where none is set.
//
// Source: ecs.md 5.5. Before 2024 the lower bound was 10.
const (
	LeastThreshold   = 3
	MostThreshold    = 200
	ThresholdPercent = 50
)

// Limit gives the number of failures that trips the breaker of a service that wants desired
// tasks now. It is at least 1: ECS's documents leave open what an unbounded percentage of
// nothing is (unconfirmed).
func (b Breaker) Limit(desired int) int {
	value := b.Value
	if value <= 0 {
		value = ThresholdPercent
		if b.Kind == FixedCount {
			value = 1
		}
	}
	if b.Kind == FixedCount {
		return value
	}
	limit := (max(desired, 0)*value + 99) / 100
	if b.Kind == BoundedPercent {
		return min(max(limit, LeastThreshold), MostThreshold)
	}
	return max(limit, 1)
}

// Tripped reports whether failed tasks in a row end the rollout of a service that wants
// desired tasks. A breaker that is off never trips.
func (b Breaker) Tripped(desired, failed int) bool {
	return b.Enabled && failed >= b.Limit(desired)
}
