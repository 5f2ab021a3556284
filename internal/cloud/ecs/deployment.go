package ecs

import (
	"cmp"
	"slices"

	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/slipway-ecs/slipway/internal/cloud"
	"github.com/slipway-ecs/slipway/internal/names"
	"github.com/slipway-ecs/slipway/internal/rollout"
	"github.com/slipway-ecs/slipway/internal/store"
)

// The statuses of a deployment in deployments[]. Source: ecs.md 3.4.
const (
	deploymentPrimary  = "PRIMARY"
	deploymentActive   = "ACTIVE"
	deploymentInactive = "INACTIVE"
	deploymentDraining = "DRAINING" // task sets alone
)

// The rollout states of a deployment. Source: ecs.md 3.4.
const (
	rolloutInProgress = string(types.DeploymentRolloutStateInProgress)
	rolloutCompleted  = string(types.DeploymentRolloutStateCompleted)
	rolloutFailed     = string(types.DeploymentRolloutStateFailed)
)

// The statuses of a service deployment. Source: ecs.md 6.2.
//
//	PENDING ─► IN_PROGRESS ─► SUCCESSFUL
//	   │            ├─ failure with rollback ─► ROLLBACK_IN_PROGRESS ─► ROLLBACK_SUCCESSFUL | ROLLBACK_FAILED
//	   │            ├─ StopServiceDeployment ─► ROLLBACK_REQUESTED ──┘
//	   └────────────┴─ superseded, or failure without rollback ─► STOP_REQUESTED ─► STOPPED
const (
	deployPending            = string(types.ServiceDeploymentStatusPending)
	deployInProgress         = string(types.ServiceDeploymentStatusInProgress)
	deploySuccessful         = string(types.ServiceDeploymentStatusSuccessful)
	deployStopRequested      = string(types.ServiceDeploymentStatusStopRequested)
	deployStopped            = string(types.ServiceDeploymentStatusStopped)
	deployRollbackRequested  = string(types.ServiceDeploymentStatusRollbackRequested)
	deployRollbackInProgress = string(types.ServiceDeploymentStatusRollbackInProgress)
	deployRollbackSuccessful = string(types.ServiceDeploymentStatusRollbackSuccessful)
	deployRollbackFailed     = string(types.ServiceDeploymentStatusRollbackFailed)
)

// supersededReason is the statusReason of a service deployment that a newer one took the place of.
// ECS's words are unconfirmed.
const supersededReason = "Service deployment stopped because a new service deployment was started."

// underWay reports whether the service deployment is one whose rollout goes on.
func (d *Deployment) underWay() bool {
	switch d.Deploying {
	case deployPending, deployInProgress, deployRollbackRequested, deployRollbackInProgress:
		return true
	}
	return false
}

// over reports whether the service deployment has ended. Source: ecs.md 6.2, the terminal set.
func (d *Deployment) over() bool { return !d.underWay() && d.Deploying != deployStopRequested }

// liveOf gives the service whose deployments[] has d; "" where none has.
func (d *Deployment) liveOf() string {
	if d.Status == deploymentPrimary || d.Status == deploymentActive || d.Status == deploymentDraining {
		return d.Service
	}
	return ""
}

// alarmARNs gives the alarms that can fail d now.
func (d *Deployment) alarmARNs() []string {
	if !d.underWay() || len(d.Plan.Guards) == 0 {
		return nil
	}
	scope := names.ScopeOf(d.Service)
	arns := make([]string, len(d.Plan.Guards))
	for i, name := range d.Plan.Guards {
		arns[i] = scope.ARN("cloudwatch", "alarm:"+name)
	}
	return arns
}

// digest gives what a container's image was resolved to by the deployment's first task; "" while
// none has.
//
// Source: ecs.md 2.8, "version consistency".
func (d *Deployment) digest(container, image string) string {
	for _, i := range d.Images {
		if i.Container == container && i.Image == image {
			return i.Digest
		}
	}
	return ""
}

// id gives the deployment's id: ecs-svc/ and its digits.
func (d *Deployment) id() string { return names.DeploymentID(d.Digits) }

// setID gives the id of a task set, and "" of a deployment.
func (d *Deployment) setID() string {
	if d.Set == nil {
		return ""
	}
	return d.id()
}

// serviceParts gives what the names of a service's deployments are made of.
func (d *Deployment) serviceParts() (scope names.Scope, cluster, service string) {
	arn, _ := names.ParseARN(d.Service) // a service's ARN is always one
	path := arn.Path()
	return arn.Scope(), path[0], path[len(path)-1]
}

// arn names the service deployment.
func (d *Deployment) arn() string {
	scope, cluster, service := d.serviceParts()
	return scope.ServiceDeployment(cluster, service, d.DeploymentID)
}

// revisionARN names the service revision of these digits that belongs to d's service.
func (d *Deployment) revisionARN(digits string) string {
	scope, cluster, service := d.serviceParts()
	return scope.ServiceRevision(cluster, service, digits)
}

func deploymentKey(service, digits string) string { return service + "/" + digits }

// live gives the deployments in deployments[], oldest first.
func (s *Service) live(tx *store.Tx, service string) []Deployment {
	all := slices.Collect(s.deployments.By(tx, "live", service))
	slices.SortFunc(all, oldest)
	return all
}

// oldest orders deployments by their making.
func oldest(a, b Deployment) int {
	return cmp.Or(a.Created.Compare(b.Created), cmp.Compare(a.Digits, b.Digits))
}

// begin starts a deployment of the service's workload: it becomes PRIMARY, and a deployment that
// was under way ends. The caller puts the row.
//
// Source: ecs.md 6.1, 6.2 and 7.5, "A new UpdateService while one is running".
func (s *Service) begin(tx *store.Tx, row *ServiceRow) {
	config := cloud.Kept[*types.DeploymentConfiguration](row.Config)
	d := Deployment{
		Service: row.ARN, Digits: s.o.IDs.Digits(19), DeploymentID: s.o.IDs.Nano(21),
		Work: row.Work, Config: row.Config, Extras: row.Extras,
		Status: deploymentPrimary, Rollout: rolloutInProgress,
		Deploying: deployPending, Created: tx.Now(), Updated: tx.Now(),
	}
	d.Key = deploymentKey(row.ARN, d.Digits)
	d.Reason = "ECS deployment " + d.id() + " in progress."
	if b := config.DeploymentCircuitBreaker; b != nil && b.ResetOnHealthyTask != nil {
		d.Lasting = !*b.ResetOnHealthyTask
	}
	if guards := guardsOf(config); len(guards) > 0 {
		d.AlarmsOff = len(s.o.Alarms.Firing(tx, names.ScopeOf(row.ARN), guards)) > 0
	}
	d.Shifting = config.Strategy != types.DeploymentStrategyRolling
	live := s.live(tx, row.ARN)
	base := s.baseOf(tx, row, &d, live)
	s.clear(tx, &d, live)
	s.prune(tx, &d)
	for _, old := range live {
		if old.Status == deploymentInactive {
			continue
		}
		d.Sources = append(d.Sources, old.Digits)
		if old.Created.Equal(d.Created) || old.Created.After(d.Created) {
			d.Created = old.Created.Add(1) // the order of making holds within one moment too
		}
		old.Status = deploymentActive
		if old.underWay() {
			s.supersede(tx, &old)
		}
		s.deployments.Put(tx, old)
	}
	d.Groups = s.groupsFor(tx, &d, base)
	d.Plan = planOf(row, &d, config)
	s.deployments.Put(tx, d)
	row.Primary, row.Newest = d.Key, d.Key
}

// clear takes deployments off the list that were replaced without any completing since: older ones
// that have no tasks and that nothing goes back to. The PRIMARY of before stays, and the one that
// serves.
//
// Source: ecs.md 3.4: ACTIVE is an older deployment that still has tasks.
func (s *Service) clear(tx *store.Tx, d *Deployment, live []Deployment) {
	tasks := map[string]bool{}
	for t := range s.tasks.By(tx, "service", d.Service) {
		tasks[t.Deployment] = tasks[t.Deployment] || t.Last != taskStopped
	}
	to, _ := s.candidate(tx, d)
	for i := range live {
		old := &live[i]
		if old.Set == nil && old.Status == deploymentActive && old.Want == 0 && old.over() && !tasks[old.Digits] && old.Digits != d.Base && old.Key != to.Key {
			old.Status = deploymentInactive
			s.deployments.Put(tx, *old)
		}
	}
}

// supersede ends a deployment under way for another's sake. One that was rolling back has failed
// at that, since ECS knows no way from there to STOPPED.
func (s *Service) supersede(tx *store.Tx, d *Deployment) {
	d.Updated = tx.Now()
	d.Hooks = withoutOpen(d.Hooks)
	if d.Deploying == deployRollbackInProgress {
		s.finish(tx, d, deployRollbackFailed, supersededReason)
		return
	}
	d.Deploying, d.DeployReason = deployStopRequested, supersededReason
}

// finish ends a service deployment and keeps its counts.
func (s *Service) finish(tx *store.Tx, d *Deployment, status, reason string) {
	d.Final, d.Hooks = s.counts(tx, d), withoutOpen(d.Hooks)
	d.Deploying, d.DeployReason, d.Finished, d.Updated = status, reason, tx.Now(), tx.Now()
	if status == deployStopped {
		d.Stopped = tx.Now()
	}
}

// counts gives the part that each revision of a deployment has in it now: first its target, then
// its sources, and the revision it returns to if that is neither.
func (s *Service) counts(tx *store.Tx, d *Deployment) []FinalCount {
	all := []FinalCount{{Digits: d.Digits}}
	for _, digits := range append(slices.Clone(d.Sources), d.BackTo) {
		if digits != "" && !slices.ContainsFunc(all, func(c FinalCount) bool { return c.Digits == digits }) {
			all = append(all, FinalCount{Digits: digits})
		}
	}
	tally := s.tally(tx, d.Service)
	for i := range all {
		c := &all[i]
		if row, ok := s.deployments.Get(tx, deploymentKey(d.Service, c.Digits)); ok {
			c.Requested = row.Want
		}
		if c.Digits == d.Digits {
			c.Requested = d.Want // the row may not be put yet
		}
		c.Running, c.Pending = tally[c.Digits].running, tally[c.Digits].pending
		c.Test, c.Production = d.partOf(c.Digits, rollout.Test), d.partOf(c.Digits, rollout.Production)
	}
	return all
}

// candidate gives the newest deployment a service can be rolled back to; d is the one that failed.
//
// Source: ecs.md 5.6: the newest whose state is COMPLETED. One that was superseded in CLEAN_UP had
// all traffic and had passed all it had to (our choice; unconfirmed).
func (s *Service) candidate(tx *store.Tx, d *Deployment) (best Deployment, ok bool) {
	for other := range s.deployments.Down(tx, "stood", d.Service) {
		if other.Key != d.Key {
			return other, true
		}
	}
	return Deployment{}, false
}

// stoodIn gives the service that a deployment can be gone back to in; none where it cannot.
func stoodIn(d *Deployment) []string {
	if d.Rollout != rolloutCompleted && !d.proven() {
		return nil
	}
	return []string{d.Service}
}

// byAge orders deployments as oldest does.
func byAge(d *Deployment) string {
	return d.Created.UTC().Format("20060102150405.000000000") + d.Digits
}

// tally counts a service's tasks as deployments show them, by digits.
//
// Source: ecs.md 4.1: pending is everything before RUNNING (unconfirmed), and tasks that are to stop
// count no more, also where they have not begun to: no look sees more of them than the percents allow.
func (s *Service) tally(tx *store.Tx, service string) map[string]tallied {
	all := map[string]tallied{}
	for t := range s.tasks.By(tx, "service", service) {
		if t.Desired != string(types.DesiredStatusRunning) {
			continue
		}
		n := all[t.Deployment]
		switch t.Last {
		case "RUNNING":
			n.running++
		case "PROVISIONING", "PENDING", "ACTIVATING":
			n.pending++
		}
		all[t.Deployment] = n
	}
	return all
}

type tallied struct{ running, pending int }
