package codedeploy

import (
	"encoding/json"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/codedeploy/types"

	"github.com/slipway-ecs/slipway/internal/balance"
	"github.com/slipway-ecs/slipway/internal/names"
	"github.com/slipway-ecs/slipway/internal/rollout"
)

// Tag is a tag as a row keeps it.
type Tag struct{ Key, Value string }

// Application is the row of an application, by its id: a UUID.
type Application struct {
	Scope    names.Scope
	ID, Name string
	Tags     []Tag `json:",omitempty"`
	Created  time.Time
}

// Group is the row of a deployment group, by its id: a UUID.
type Group struct {
	Scope       names.Scope
	ID, Name    string
	Application string // id
	Service     string // ARN of the one service it deploys
	Config      string // name
	// Info is wire.Marshal of what GetDeploymentGroup gives of its settings.
	Info json.RawMessage
	Tags []Tag `json:",omitempty"`

	Attempted, Successful string // ids of the last deployment, and of the last that succeeded
	Revision              json.RawMessage
}

// Config is the row of a deployment configuration somebody made.
type Config struct {
	Scope   names.Scope
	Name    string
	ID      string
	Info    json.RawMessage // types.DeploymentConfigInfo, without time
	Created time.Time
}

// Revision is the row of a registered revision, by application and what tells it from others.
type Revision struct {
	Key, Application string
	Location         json.RawMessage // types.RevisionLocation, with content
	Description      string
	Groups           []string // names of the groups it was deployed to
	First, Last      time.Time
	Registered       time.Time
}

// Deployment is the row of a deployment, by scope and id.
type Deployment struct {
	Scope                      names.Scope
	ID                         string
	Application, Group         string // ids
	ApplicationName, GroupName string
	Service                    string // ARN
	Cluster, ServiceName       string // names, of which the target's id is made
	ConfigName                 string
	// Info is wire.Marshal of what GetDeployment gives that does not change.
	Info json.RawMessage
	Spec Spec

	Status  string
	Plan    rollout.Plan
	State   rollout.State
	Orders  []rollout.Command
	Events  []Event
	Hooks   []HookRun
	Wait    time.Duration // of the ready option: how long a notification to continue is waited for
	Until   time.Time     // when that wait ends; zero before it has begun
	Go      bool          // the notification to continue has come
	Trouble *Trouble      `json:",omitempty"` // why it fails, once it does

	Alarms  []string // that stop it
	Strict  bool     // an alarm that cannot be read stops it too
	Firing  []string // of Alarms, kept by the alarm keeper
	Unknown []string // of Alarms, likewise

	Rollback types.AutoRollbackConfiguration // the effective one
	Asked    *bool                           `json:",omitempty"` // autoRollbackEnabled of StopDeployment

	// The two sides, and where traffic goes.
	Blue, Green           string   // ids of the original and the replacement task set
	Pair                  []string // ARNs of both target groups, in the group's order
	From, To              string   // ARN of the original's target group, and of the other
	Production, Test      string   // ARNs of listeners or rules; Test may be empty
	TestBefore            []Route  // what the test route was when the deployment touched it
	Sets                  []SetView
	Undoes, UndoneBy, Was string // ids of the deployment it rolls back, of the one that rolls it back
	Message               string // of rollbackInfo

	Created, Started, Completed, Updated time.Time
}

// Route is where a rule forwards to.
type Route struct {
	Rule    string
	Weights []balance.Weighted
}

// Event is a life-cycle event.
type Event struct {
	Name, Status string
	Start, End   time.Time
	Trouble      *Trouble `json:",omitempty"` // its diagnostics
}

// HookRun is the run of a hook, or of the place for one.
type HookRun struct {
	Event, Function string // Function is empty where the file names none
	ID              string // the execution's
	Asked           time.Time
	Called          bool // the function has ended
	Verdict         rollout.Verdict
}

// Trouble is why a deployment or an event failed.
type Trouble struct {
	Code, Message string
	Stopped       bool // the deployment ends as Stopped rather than Failed
	ByAlarm       bool
	Script, Log   string // diagnostics of a hook: its function and what that answered
	Raised        string `json:",omitempty"` // the error in that answer, which the diagnostics tell in place of Message
}

// SetView is a task set as a deployment's target shows it.
type SetView struct {
	ID, Status, Group      string // Group is a name
	Want, Running, Pending int
	Share                  rollout.Share
	Green                  bool
}

// The statuses of a deployment.
const (
	created    = string(types.DeploymentStatusCreated)
	inProgress = string(types.DeploymentStatusInProgress)
	ready      = string(types.DeploymentStatusReady)
	succeeded  = string(types.DeploymentStatusSucceeded)
	failed     = string(types.DeploymentStatusFailed)
	stopped    = string(types.DeploymentStatusStopped)
)

// active reports whether the deployment goes on. Source: codedeploy.md 7.
func (d *Deployment) active() bool {
	return slices.Contains([]string{created, inProgress, ready}, d.Status)
}

// activeOn gives the service that an active deployment works on.
func (d *Deployment) activeOn() string {
	if !d.active() {
		return ""
	}
	return d.Service
}

// alarmARNs gives the alarms that can stop the deployment now.
func (d *Deployment) alarmARNs() (arns []string) {
	if !d.active() {
		return nil
	}
	for _, name := range d.Alarms {
		arns = append(arns, d.Scope.ARN("cloudwatch", "alarm:"+name))
	}
	return arns
}

// targetID names the one target of a deployment. Source: codedeploy.md 1.
func (d *Deployment) targetID() string { return d.Cluster + ":" + d.ServiceName }
