package ship

// The PAUSE hooks at which our own hooks run, and where a deploy stops.

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/slipway-ecs/slipway/internal/fail"
)

// configuration gives how the new revision is to take over: the request's word, or the
// service's own, with the PAUSE hooks that our hooks and the point to stop at need, and without
// those that an earlier deploy added for itself. It is nil where the service's own settings stay
// as they are.
func (w *work) configuration() *types.DeploymentConfiguration {
	var own types.DeploymentConfiguration
	if w.live != nil && w.live.DeploymentConfiguration != nil {
		own = *w.live.DeploymentConfiguration
	}
	c, hooks := own, []types.DeploymentLifecycleHook(nil)
	if w.r.Deployment != nil {
		c = *w.r.Deployment
		hooks = slices.Clone(c.LifecycleHooks)
	}
	added := stagesOf(PausesFor(w.r.Hooks, w.r.Until))
	w.pauses = 0
	if hooks == nil {
		hooks = withoutPauses(own.LifecycleHooks, w.tags)
		if len(hooks) == len(own.LifecycleHooks) && len(added) == 0 {
			return w.r.Deployment
		}
		if hooks == nil {
			hooks = []types.DeploymentLifecycleHook{} // none, rather than as it was
		}
	}
	for _, stage := range added {
		if w.held.token == "" && slices.ContainsFunc(hooks, func(h types.DeploymentLifecycleHook) bool { return onlyPause(h, stage) }) {
			continue // without tags nobody knows whose it is: one is enough to hold ECS
		}
		hooks = append(hooks, types.DeploymentLifecycleHook{
			TargetType:      types.DeploymentLifecycleHookTargetTypePause,
			LifecycleStages: []types.DeploymentLifecycleHookStage{types.DeploymentLifecycleHookStage(stage)},
		})
		w.pauses++
	}
	c.LifecycleHooks = hooks
	return &c
}

// withoutPauses gives a service's hooks without those that an earlier deploy added for itself, as the
// service's tags tell.
func withoutPauses(hooks []types.DeploymentLifecycleHook, tags map[string]string) []types.DeploymentLifecycleHook {
	left := strings.Fields(tags[tagPauses])
	return slices.DeleteFunc(slices.Clone(hooks), func(h types.DeploymentLifecycleHook) bool {
		return slices.ContainsFunc(left, func(stage string) bool { return onlyPause(h, stage) })
	})
}

// onlyPause reports whether a hook is a pause at a stage and at no other.
func onlyPause(h types.DeploymentLifecycleHook, stage string) bool {
	return h.TargetType == types.DeploymentLifecycleHookTargetTypePause && len(h.LifecycleStages) == 1 && string(h.LifecycleStages[0]) == stage
}

// stops refuses to stop at a point that the deployment will not pass.
func (w *work) stops() error {
	c := *configurationOf(w.live)
	if w.r.Deployment != nil {
		c = over(c, *w.r.Deployment)
	}
	shifts := c.Strategy != "" && c.Strategy != types.DeploymentStrategyRolling
	switch w.r.Until {
	case PointTestTraffic, PointBeforeShift, PointShifted:
		if !shifts && w.engine == nil {
			return fail.New("usage.until", "use --until scaled, or a strategy that shifts traffic: blue-green, canary or linear",
				"a rolling deployment does not pass %q", w.r.Until)
		}
	}
	return nil
}

func stagesOf(points []Point) []string {
	var out []string
	for _, p := range points {
		out = append(out, string(holds[p]))
	}
	return out
}

// refusal gives who had a rollout rolled back at a pause, and why, where that was noted.
func (w *work) refusal(ctx context.Context, pauses map[string]bool) string {
	if len(pauses) == 0 {
		return ""
	}
	sent, done := finish(ctx)
	defer done()
	s, err := describe(sent, w.api, w.r.Cluster, w.r.Service)
	if err != nil || s == nil {
		return ""
	}
	words := strings.SplitN(tagsOf(s)[tagAnswer], " ", 3)
	if len(words) < 3 || words[0] != "reject" || !slices.Contains(slices.Collect(maps.Keys(pauses)), words[1]) {
		return ""
	}
	return "rejected " + words[2]
}
