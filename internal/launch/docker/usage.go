package docker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"

	"github.com/slipway-ecs/slipway/internal/launch"
)

var _ launch.Meter = (*Runtime)(nil)

// Usages asks the engine for each container's statistics.
func (r *Runtime) Usages(ctx context.Context, handles []launch.Handle) (map[string]launch.Usage, error) {
	found := map[string]launch.Usage{}
	for _, h := range handles {
		s, err := r.stats(ctx, h)
		if errors.Is(err, launch.ErrGone) || errors.Is(err, io.EOF) { // nothing is what Podman tells of one that has ended
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("statistics of container %q of task %s: %w", h.Container, h.Task, err)
		}
		if s.CPUStats.CPUUsage.TotalUsage == 0 {
			continue // it has ended
		}
		found[h.ID] = launch.Usage{CPU: time.Duration(s.CPUStats.CPUUsage.TotalUsage), Memory: used(s.MemoryStats)}
	}
	return found, nil
}

func (r *Runtime) stats(ctx context.Context, h launch.Handle) (s container.StatsResponse, err error) {
	answer, err := r.engine.ContainerStats(ctx, h.ID, client.ContainerStatsOptions{})
	if err != nil {
		return s, gone(h.Task, h.Container, err)
	}
	defer answer.Body.Close() //nolint:errcheck // it was read only
	return s, json.NewDecoder(answer.Body).Decode(&s)
}

// used leaves out cached files that the system takes back when it likes, as ECS does. What they
// are called depends on the version of control groups.
func used(m container.MemoryStats) int64 {
	for _, name := range []string{"total_inactive_file", "inactive_file"} {
		if cached, ok := m.Stats[name]; ok && cached < m.Usage {
			return int64(m.Usage - cached)
		}
	}
	return int64(m.Usage)
}
