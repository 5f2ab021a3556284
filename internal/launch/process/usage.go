package process

import (
	"context"

	"github.com/slipway-ecs/slipway/internal/launch"
	"github.com/slipway-ecs/slipway/internal/proc"
)

var _ launch.Meter = (*Runtime)(nil)

// Usages gives what the containers' programs use with all they started, as /proc tells.
func (r *Runtime) Usages(ctx context.Context, handles []launch.Handle) (map[string]launch.Usage, error) {
	var dirs []string
	byDir := map[string]string{}
	for _, h := range handles {
		dir, err := r.shimDir(h)
		if err != nil {
			continue // nothing of that name was ever started
		}
		dirs, byDir[dir] = append(dirs, dir), h.ID
	}
	used, err := proc.Usages(ctx, dirs)
	if err != nil {
		return nil, err
	}
	found := map[string]launch.Usage{}
	for dir, u := range used {
		found[byDir[dir]] = launch.Usage{CPU: u.CPU, Memory: u.Memory}
	}
	return found, nil
}
