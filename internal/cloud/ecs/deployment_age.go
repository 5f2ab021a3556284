package ecs

import (
	"time"

	"github.com/slipway-ecs/slipway/internal/store"
)

// listedFor is how long service deployments are listed. Source: ecs.md 6.1.
const listedFor = 90 * 24 * time.Hour

// listed reports whether the service deployment can be listed and described.
func (d *Deployment) listed(now time.Time) bool {
	return !d.over() || now.Before(d.Created.Add(listedFor))
}

// knownAs gives what a service deployment is found by: its service and the last part of its ARN; "" of
// a task set.
func (d *Deployment) knownAs() string {
	if d.Set != nil {
		return ""
	}
	return deploymentKey(d.Service, d.DeploymentID)
}

// prune forgets what is listed no more, but what stands and the one that d could be rolled back to: a
// service that is deployed every minute for years takes the room of 90 days.
func (s *Service) prune(tx *store.Tx, d *Deployment) {
	to, _ := s.candidate(tx, d) // where there is none its key is no deployment's
	var past []string
	for old := range s.deployments.Up(tx, "service", d.Service) { // the oldest first
		if tx.Now().Before(old.Created.Add(listedFor)) {
			break
		}
		if old.Set == nil && old.over() && old.liveOf() == "" && old.Key != to.Key {
			past = append(past, old.Key)
		}
	}
	for _, key := range past {
		s.deployments.Delete(tx, key)
	}
}
