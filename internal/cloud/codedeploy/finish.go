package codedeploy

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/codedeploy/types"

	"github.com/slipway-ecs/slipway/internal/cloud"
	"github.com/slipway-ecs/slipway/internal/rollout"
)

// The statuses of a life-cycle event.
const (
	eventPending    = string(types.LifecycleEventStatusPending)
	eventInProgress = string(types.LifecycleEventStatusInProgress)
	eventSucceeded  = string(types.LifecycleEventStatusSucceeded)
	eventFailed     = string(types.LifecycleEventStatusFailed)
	eventSkipped    = string(types.LifecycleEventStatusSkipped)
)

// What CodeDeploy says of deployments that end early. Source: codedeploy.md 10.2, 10.4, 12.4. The
// words for a stop and for alarms that cannot be read are unconfirmed.
const (
	wordAlarm      = "One or more alarms have been activated according to the Amazon CloudWatch metrics you selected, and the affected deployments have been stopped. Activated alarms: <%s>"
	wordUnreadable = "The deployment was stopped because CodeDeploy could not retrieve information about the following alarms from Amazon CloudWatch: <%s>"
	wordStopped    = "The deployment was stopped by the user."
	wordInstall    = "The deployment timed out while waiting for the replacement task set to become healthy. This time out period is 60 minutes."
	wordReady      = "The deployment timed out while waiting for a notification to continue. This time out period is %d minutes."
	wordUndone     = "Deployment %s terminated. Automatic rollback is triggered with a DeploymentId %s."
	wordUndoes     = "Deployment %s is triggered to roll back deployment %s."
)

func readyTimedOut(wait time.Duration) error {
	return &Trouble{Code: "TIMEOUT", Message: fmt.Sprintf(wordReady, wait/time.Minute), Stopped: true}
}

func unreadable(alarms []string) error {
	return &Trouble{Code: "ALARM_ACTIVE", Message: fmt.Sprintf(wordUnreadable, strings.Join(alarms, "> <")), Stopped: true, ByAlarm: true}
}

// end ends the deployment as its rollout did.
func (n *driving) end() {
	d := &n.d
	d.Completed = n.now
	if d.State.Status == rollout.Succeeded || d.State.Status == rollout.RolledBack {
		d.Status = succeeded
		for i := range d.Events {
			e := &d.Events[i]
			if e.Start.IsZero() {
				e.Start = d.Started
			}
			if e.Status != eventSucceeded {
				e.Status, e.End = eventSucceeded, n.now
			}
		}
		if g, ok := n.s.groups.Get(n.tx, d.Group); ok {
			g.Successful = d.ID
			n.s.groups.Put(n.tx, g)
		}
		return
	}
	if d.Trouble == nil {
		d.Trouble = n.cause()
	}
	if d.Status = failed; d.Trouble.Stopped {
		d.Status = stopped
	}
	for i := range d.Events {
		e := &d.Events[i]
		switch e.Status {
		case eventInProgress:
			e.Status, e.End, e.Trouble = eventFailed, n.now, d.Trouble
		case eventPending:
			e.Status = eventSkipped
		}
	}
	if n.undoable() {
		n.undo()
	}
}

// cause says why the core ended the deployment.
func (n *driving) cause() *Trouble {
	d := &n.d
	switch d.State.Cause {
	case rollout.ByAlarm:
		return &Trouble{Code: "ALARM_ACTIVE", Message: fmt.Sprintf(wordAlarm, strings.Join(d.Firing, "> <")), Stopped: true, ByAlarm: true}
	case rollout.ByHalt:
		return &Trouble{Code: "MANUAL_STOP", Message: wordStopped, Stopped: true}
	case rollout.ByDeadline:
		return &Trouble{Code: "TIMEOUT", Message: wordInstall}
	}
	return &Trouble{Code: "INTERNAL_ERROR", Message: "The deployment failed: " + d.State.Reason}
}

// undoable reports whether a rollback follows: there is something to undo, and what ended the
// deployment is one of the reasons it is to be rolled back for.
//
// Source: codedeploy.md 10.1, 10.3. A ready wait that ran out counts as a failure (unconfirmed).
func (n *driving) undoable() bool {
	d := &n.d
	if d.Undoes != "" || d.Green == "" {
		return false
	}
	event := types.AutoRollbackEventDeploymentFailure
	switch {
	case d.Trouble.ByAlarm:
		event = types.AutoRollbackEventDeploymentStopOnAlarm
	case d.State.Cause == rollout.ByHalt:
		if d.Asked != nil && *d.Asked {
			return true
		}
		event = types.AutoRollbackEventDeploymentStopOnRequest
	}
	return d.Rollback.Enabled && slices.Contains(d.Rollback.Events, event)
}

// undo begins the deployment that takes this one back: traffic to the original task set, which is
// PRIMARY again, and the replacement to zero. Its way is the core's way back through the same
// plan, from where that ended. It calls no hooks.
//
// Source: codedeploy.md 10.4. The revision where none has succeeded yet is unconfirmed.
func (n *driving) undo() {
	d := &n.d
	back := Deployment{
		Scope: d.Scope, ID: n.s.newID(), Application: d.Application, ApplicationName: d.ApplicationName, Group: d.Group, GroupName: d.GroupName,
		Service: d.Service, Cluster: d.Cluster, ServiceName: d.ServiceName, ConfigName: allAtOnce, Status: created,
		Plan: d.Plan, State: rollout.State{Status: rollout.RollingBack, Stage: d.State.Stage, Entered: n.now},
		Blue: d.Blue, Green: d.Green, Pair: d.Pair, From: d.From, To: d.To, Production: d.Production, Test: d.Test,
		TestBefore: d.TestBefore, Sets: slices.Clone(d.Sets), Undoes: d.ID, Was: d.Was, Created: n.now, Updated: n.now,
	}
	for _, e := range d.Events {
		back.Events = append(back.Events, Event{Name: e.Name, Status: eventPending})
	}
	d.UndoneBy = back.ID
	d.Message, back.Message = fmt.Sprintf(wordUndone, d.ID, back.ID), fmt.Sprintf(wordUndoes, back.ID, d.ID)
	info := cloud.Kept[types.DeploymentInfo](d.Info)
	shown := types.DeploymentInfo{
		DeploymentConfigName: new(allAtOnce), Creator: types.DeploymentCreatorCodeDeployRollback, Revision: info.Revision, PreviousRevision: info.Revision,
		DeploymentStyle: info.DeploymentStyle, BlueGreenDeploymentConfiguration: info.BlueGreenDeploymentConfiguration,
		LoadBalancerInfo: info.LoadBalancerInfo, FileExistsBehavior: info.FileExistsBehavior, ComputePlatform: info.ComputePlatform,
		AutoRollbackConfiguration: &types.AutoRollbackConfiguration{Events: []types.AutoRollbackEvent{}},
	}
	if info.PreviousRevision != nil {
		shown.Revision = info.PreviousRevision
	}
	back.Info = cloud.Keep(&shown)
	n.s.deployments.Put(n.tx, back)
	if g, ok := n.s.groups.Get(n.tx, d.Group); ok {
		g.Attempted, g.Revision = back.ID, cloud.Keep(shown.Revision)
		n.s.groups.Put(n.tx, g)
	}
}
