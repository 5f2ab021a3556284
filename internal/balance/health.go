package balance

import (
	"fmt"
	"strconv"
	"strings"
)

// State is a target's health in ELBv2's words.
type State string

// The states of DescribeTargetHealth.
const (
	Initial     State = "initial"
	Healthy     State = "healthy"
	Unhealthy   State = "unhealthy"
	Unused      State = "unused"
	Draining    State = "draining"
	Unavailable State = "unavailable"
)

// Why says how a probe failed.
type Why string

// The ways to fail a probe. The empty Why belongs to one that passed.
const (
	Mismatch Why = "mismatch" // answered, with a code outside the matcher
	Timeout  Why = "timeout"  // no whole answer in time
	Refused  Why = "refused"  // refused, reset, or no HTTP
)

// Probe is what one health check found.
type Probe struct {
	OK   bool
	Code int `json:",omitempty"` // the status, where there was one
	Why  Why `json:",omitempty"`
}

// Health is what the checks so far make of one target. It is plain data; After gives the next.
//
//	          first pass                 unhealthy-threshold failures in a row
//	initial ─────────────▶ healthy ◀────────────────────────────────▶ unhealthy
//	   └───────────────────────────────────────────────────────────────▶
//	                healthy-threshold passes in a row lead back
//
// Reason and Description are empty for a healthy target, as in DescribeTargetHealth.
type Health struct {
	State       State
	Reason      string `json:",omitempty"`
	Description string `json:",omitempty"`
	Passed      int    `json:",omitempty"` // passes in a row, in the end
	Failed      int    `json:",omitempty"` // failures in a row, in the end
}

// Registered is a target that was just registered with a group in use: no check was made yet.
func Registered() Health {
	return Health{State: Initial, Reason: "Elb.RegistrationInProgress", Description: "Target registration is in progress"}
}

// Checking is a registered target whose first check is under way.
func Checking() Health {
	return Health{State: Initial, Reason: "Elb.InitialHealthChecking", Description: "Initial health checks in progress"}
}

// NotInUse is a target of a group that no listener forwards to.
func NotInUse() Health {
	return Health{State: Unused, Reason: "Target.NotInUse", Description: "Target group is not configured to receive traffic from the load balancer"}
}

// NotRegistered is the answer for a target asked for by id that the group does not have.
func NotRegistered() Health {
	return Health{State: Unused, Reason: "Target.NotRegistered", Description: "Target is not registered to the target group"}
}

// Deregistering is a target that drains.
func Deregistering() Health {
	return Health{State: Draining, Reason: "Target.DeregistrationInProgress", Description: "Target deregistration is in progress"}
}

// Unchecked is a target of a group whose health checks are disabled.
func Unchecked() Health {
	return Health{State: Unavailable, Reason: "Target.HealthCheckDisabled", Description: "Health checks are disabled"}
}

// After gives the health after one more probe. One pass makes a new target healthy; afterwards
// it takes up or down in a row, 2 to 10 each, to change. A new target stays initial until down
// failures in a row (that part is unconfirmed; AWS promises the single pass only). States that
// are not about checks (unused, draining, unavailable) stay as they are.
//
// Source: ELBv2 guide, "Health checks for your target groups".
func (h Health) After(p Probe, up, down int) Health {
	switch h.State {
	case Initial, Healthy, Unhealthy:
	default:
		return h
	}
	if p.OK {
		h.Passed, h.Failed = h.Passed+1, 0
		if h.State == Initial || h.State == Unhealthy && h.Passed >= up {
			return Health{State: Healthy, Passed: h.Passed}
		}
		return h
	}
	h.Passed, h.Failed = 0, h.Failed+1
	if h.State == Unhealthy || h.Failed >= down {
		h.State = Unhealthy
		h.Reason, h.Description = reason(p)
		return h
	}
	if h.State == Initial {
		first := Checking()
		first.Failed = h.Failed
		return first
	}
	return h
}

func reason(p Probe) (code, text string) {
	switch p.Why {
	case Mismatch:
		return "Target.ResponseCodeMismatch", fmt.Sprintf("Health checks failed with these codes: [%d]", p.Code)
	case Timeout:
		return "Target.Timeout", "Request timed out"
	}
	return "Target.FailedHealthChecks", "Health checks failed"
}

// Match reports whether a status passes a matcher like "200", "200,202" or "200-299". An empty
// matcher means "200".
func Match(matcher string, code int) bool {
	if matcher == "" {
		matcher = "200"
	}
	for part := range strings.SplitSeq(matcher, ",") {
		low, high, ranged := strings.Cut(strings.TrimSpace(part), "-")
		lo, err := strconv.Atoi(strings.TrimSpace(low))
		if err != nil {
			continue
		}
		hi := lo
		if ranged {
			if hi, err = strconv.Atoi(strings.TrimSpace(high)); err != nil {
				continue
			}
		}
		if lo <= code && code <= hi {
			return true
		}
	}
	return false
}
