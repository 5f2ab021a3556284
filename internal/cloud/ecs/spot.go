package ecs

import (
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/slipway-ecs/slipway/internal/fail"
	"github.com/slipway-ecs/slipway/internal/store"
)

// How a task on Spot capacity ends when that is taken away. Source: ecs.md 4.2.
const (
	spotInterruption = string(types.TaskStopCodeSpotInterruption)
	spotReason       = "Your Spot Task was interrupted."
)

// Interrupt takes the capacity of a task on FARGATE_SPOT, given by its id or ARN: it is taken from
// its targets and gets its stop signal at once, of which AWS warns two minutes ahead of the end. A
// task that is stopping already stays as it is.
//
// Errors: task.not_found; task.not_spot for one that is not on Spot capacity.
//
// Source: ECS Developer Guide, "Fargate capacity providers": SIGTERM with the two-minute warning.
func (s *Service) Interrupt(ref string) error {
	return s.o.Store.Update(func(tx *store.Tx) error {
		for t := range s.tasks.All(tx) {
			if t.ID != ref && t.ARN != ref || t.Last == taskStopped {
				continue
			}
			if t.Provider != "FARGATE_SPOT" {
				on := t.Provider
				if on == "" {
					on = "the launch type " + strings.ToUpper(t.LaunchType)
				}
				return fail.New("task.not_spot", "run it with a capacityProviderStrategy of FARGATE_SPOT", "task %s is not on FARGATE_SPOT but on %s", t.ID, on)
			}
			s.stopTask(tx, t, spotInterruption, spotReason)
			return nil
		}
		return fail.New("task.not_found", "see the tasks with `slipway local status`", "there is no task %q that runs", ref)
	})
}
