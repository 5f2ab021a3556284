package ecs

import (
	"fmt"
	"strings"
	"time"

	"github.com/slipway-ecs/slipway/internal/cloud"
	"github.com/slipway-ecs/slipway/internal/names"
	"github.com/slipway-ecs/slipway/internal/store"
)

// Happened gives what happened after a time, in no order: service events, and tasks that came to
// run and ended. A task that is forgotten is no longer told of.
func (s *Service) Happened(tx *store.Tx, since time.Time) (all []cloud.Happening) {
	for e := range s.events.All(tx) {
		if e.Created.After(since) {
			all = append(all, cloud.Happening{At: e.Created, Room: "ecs", About: "service " + serviceName(e.Service), Text: e.Message})
		}
	}
	for t := range s.tasks.All(tx) {
		about := "task " + names.Last(t.Cluster) + "/" + t.ID
		if t.Started.After(since) {
			all = append(all, cloud.Happening{At: t.Started, Room: "ecs", About: about, Text: names.Last(t.Definition) + " runs"})
		}
		if t.Last == "STOPPED" && t.Stopped.After(since) {
			all = append(all, cloud.Happening{At: t.Stopped, Room: "ecs", About: about, Text: names.Last(t.Definition) + " stopped: " + t.StopReason + exits(&t)})
		}
	}
	return all
}

// serviceName gives cluster and name of a service's ARN: main/web.
func serviceName(arn string) string {
	a, _ := names.ParseARN(arn) // a service's ARN is always one
	return strings.Join(a.Path(), "/")
}

// exits tells how a task's containers ended, where that says something.
func exits(t *Task) string {
	var parts []string
	for _, c := range t.Containers {
		switch {
		case c.Reason != "":
			parts = append(parts, c.Name+": "+c.Reason)
		case c.Exit != nil && *c.Exit != 0:
			parts = append(parts, fmt.Sprintf("%s: exit code %d", c.Name, *c.Exit))
		}
	}
	if len(parts) == 0 {
		return ""
	}
	return " (" + strings.Join(parts, ", ") + ")"
}

// Output is a container of a service whose output the runtime has.
type Output struct {
	Task      string // id
	Container string
	Started   Container // as the row is
}

// Outputs gives the containers of a service that were started, of tasks that are still there.
// ok is false where no service has that name.
func (s *Service) Outputs(tx *store.Tx, cluster, service string) (all []Output, ok bool) {
	for row := range s.services.All(tx) {
		if row.Name != service || names.Last(row.Cluster) != cluster || row.Status == "INACTIVE" {
			continue
		}
		ok = true
		for t := range s.tasks.By(tx, "service", row.ARN) {
			for _, c := range t.Containers {
				if c.Handle != nil && !t.Dead {
					all = append(all, Output{Task: t.ID, Container: c.Name, Started: c})
				}
			}
		}
	}
	return all, ok
}

// Forget drops what is remembered of task definitions: after a reset their names are used again.
func (s *Service) Forget() error {
	s.parsed.Clear()
	return nil
}
