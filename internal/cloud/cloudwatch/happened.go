package cloudwatch

import (
	"time"

	"github.com/slipway-ecs/slipway/internal/cloud"
	"github.com/slipway-ecs/slipway/internal/store"
)

// Happened gives what happened to alarms after a time, in no order.
func (s *Service) Happened(tx *store.Tx, since time.Time) (all []cloud.Happening) {
	for h := range s.history.All(tx) {
		if h.At.After(since) {
			all = append(all, cloud.Happening{At: h.At, Room: "cloudwatch", About: "alarm " + h.Name, Text: h.Summary})
		}
	}
	return all
}

// Forget drops all metric points, as their alarms' rows are dropped.
func (s *Service) Forget() error {
	s.metrics.clear()
	return s.save()
}

func (m *metrics) clear() {
	m.mu.Lock()
	defer m.mu.Unlock()
	clear(m.all)
	m.dirty = true
}
