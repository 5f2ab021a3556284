package ecs

import (
	"encoding/json"
	"time"

	"github.com/slipway-ecs/slipway/internal/launch"
	"github.com/slipway-ecs/slipway/internal/reconcile"
	"github.com/slipway-ecs/slipway/internal/rollout"
)

// Tag is a tag as a row keeps it, in the order the caller gave.
type Tag struct{ Key, Value string }

// Cluster is the row of a cluster, by ARN.
type Cluster struct {
	ARN, Name, Status string // ACTIVE or INACTIVE
	Settings          json.RawMessage
	Providers         []string        // capacity providers
	Default           json.RawMessage // the default capacity provider strategy
	Extra             json.RawMessage // other members to echo: configuration, serviceConnectDefaults
	Tags              []Tag
	Created           time.Time
}

// Family is the row of a task definition family, by the ARN of a task definition without its
// revision. It outlives its revisions, so that no number is ever used twice.
type Family struct {
	ARN  string
	Name string
	Last int // the newest revision there ever was
}

// TaskDefinition is the row of one revision, by ARN. Its content never changes.
type TaskDefinition struct {
	ARN, Family string
	Revision    int
	Status      string          // ACTIVE, INACTIVE, DELETE_IN_PROGRESS
	Body        json.RawMessage // wire.Marshal of the types.TaskDefinition as registered and filled in, without status and times
	Extras      json.RawMessage // members we do not know, to echo
	By          string          // registeredBy
	Tags        []Tag

	Registered, Deregistered, DeleteRequested time.Time
}

// ServiceRow is the row of a service, by ARN.
type ServiceRow struct {
	ARN, Name string
	Cluster   string // ARN
	Status    string // ACTIVE, DRAINING, INACTIVE
	Desired   int
	Primary   string // key of the PRIMARY deployment
	Newest    string // key of the deployment begun last, which differs from Primary after a rollback
	Work      Workload
	Config    json.RawMessage // wire.Marshal of types.DeploymentConfiguration, with defaults
	Extras    json.RawMessage // members of the request we do not know, to echo
	Settings  ServiceSettings
	Tags      []Tag
	Token     string // clientToken of the create, and the hash of what it asked for
	TokenHash string
	By        string // createdBy
	Created   time.Time
	Deleted   time.Time // when it became INACTIVE

	Events int       // how many events there have been: the number of the next
	Steady time.Time // when it was last said to have reached a steady state; zero while it is not steady
	Said   []Said    // messages that are not repeated while their cause lasts

	Unplaced bool   // a task of it found no instance at the last look
	Saw      uint64 // a mark of the instances as they were when it last looked; see instanceKeeper
}

// ServiceSettings are what an update changes without a deployment.
type ServiceSettings struct {
	Grace                           time.Duration // healthCheckGracePeriodSeconds
	GraceSet                        bool
	MinPercent, MaxPercent          int    // of the deployment configuration, which bound tasks at any time
	BakeSet                         bool   // bakeTimeInMinutes was given once: the computed default is gone for good
	Controller                      string // ECS, CODE_DEPLOY, EXTERNAL
	Scheduling                      string // REPLICA, DAEMON
	PropagateTags                   string
	ManagedTags, ExecuteCommand     bool
	ZoneRebalancing                 string
	PlacementConstraints, Placement json.RawMessage
	RoleARN                         string
}

// Workload is what a service revision fixes: the members whose change starts a deployment.
type Workload struct {
	TaskDefinition  string // ARN with revision
	LaunchType      string // empty where Providers is set
	Providers       json.RawMessage
	PlatformVersion string // as asked for: LATEST
	Network         json.RawMessage
	LoadBalancers   json.RawMessage // wire.Marshal of []types.LoadBalancer
	Registries      json.RawMessage
	ServiceConnect  json.RawMessage
	Volumes         json.RawMessage
	Lattices        json.RawMessage
	Monitoring      json.RawMessage
	Gateways        json.RawMessage
}

// Said is a message that was sent and is not sent again while its cause lasts, for 6 hours.
type Said struct {
	Text string
	At   time.Time
}

// Deployment is the row of one deployment, by service ARN + "/" + digits: ECS's entry in
// deployments[], its service deployment and its service revision are views of it, and share the
// digits (ecs.md 1.2). It is kept for 90 days, or as long as it stands or can be gone back to; see prune.
type Deployment struct {
	Key, Service string
	Digits       string // 19
	DeploymentID string // the last part of the service deployment's ARN
	Work         Workload
	Config       json.RawMessage // the service's at the start; types.DeploymentConfiguration
	Extras       json.RawMessage // the service's at the start
	Images       []Image         // digests, once the first task resolved them
	Served       bool            // a task of it was healthy once

	Status      string // PRIMARY, ACTIVE, INACTIVE
	Rollout     string // IN_PROGRESS, COMPLETED, FAILED
	Reason      string // rolloutStateReason
	Want        int    // tasks it shall have now: its desiredCount
	Failures    reconcile.Failures
	Lasting     bool      // resetOnHealthyTask is false: a healthy task does not end the count of failures
	FailedTasks int       // as deployments[].failedTasks shows it
	Pause       time.Time // no task is started before, since others have failed
	Impaired    bool      // it was said that tasks cannot be started consistently
	Unplaced    int       // times in a row that a task of it found no instance, as counted
	PlaceAgain  time.Time // when the next such time counts
	Gathering   time.Time // since when tasks that may go wait for others; zero where none do

	// The service deployment that brings the service to this revision.
	Deploying     string   // its status: PENDING, IN_PROGRESS, SUCCESSFUL, …
	DeployReason  string   // statusReason
	Sources       []string // digits of the source revisions
	Plan          rollout.Plan
	State         rollout.State
	Commands      []rollout.Command
	AlarmsOff     bool     // an alarm was in ALARM at the start: alarms are ignored for all of it
	Firing        []string // alarm names in ALARM now, kept by the alarm keeper
	Triggered     []string // alarm names that failed it
	BackTo        string   // digits of the revision it rolls back to
	BackReason    string
	RollbackBegan time.Time

	// What the strategies that shift traffic remember.
	Shifting bool
	Groups   []string         // the target group of each of Work.LoadBalancers that this revision uses
	Base     string           // digits of the source revision that serves when it begins; "" where there is none
	Shares   [2]rollout.Share // by route: the part of the traffic this revision was given last
	Fault    string           // what is wrong with the listener rules; it failed the deployment
	Hooks    []Hook           // asked in its present stage, and in its rollback

	// Counts as they were at the end, for describing it afterwards.
	Final []FinalCount

	// Set is there where this is a task set: an entry of taskSets[] of a service whose deployments
	// somebody else drives. It is then no service deployment; see task_set.go.
	Set *TaskSet `json:",omitempty"`

	Created, Updated, Started, Finished, Stopped time.Time
}

// FinalCount is a revision's part in a deployment when it ended.
type FinalCount struct {
	Digits                      string
	Requested, Running, Pending int
	Test, Production            rollout.Share // of deployments that shift traffic
}

// Hook is a lifecycle hook that a stage waits for, or waited for. It resumes after a crash from
// what is here: a call whose answer was not kept is made again.
type Hook struct {
	ID        string // hookId
	Gate      string // what the plan calls it, which tells the steps of a shift apart
	Stage     string
	Target    string // AWS_LAMBDA or PAUSE
	Function  string // ARN
	Status    string
	Why       string          // why it failed, as the statusReason of its deployment says it
	Action    string          // what a time-out does: ROLLBACK or CONTINUE
	Execution string          // executionId
	Details   json.RawMessage // hookDetails, with what its answers put over it
	Calls     int             // answers so far: the number of the next call
	Refused   int             // times in a row that it could not be invoked
	Next      time.Time       // when it is called again
	Expires   time.Time
}

// Image is a container's image as a deployment resolved it.
type Image struct{ Container, Image, Digest string }

// Task is the row of a task, by ARN.
type Task struct {
	ARN, ID, Cluster string // Cluster is an ARN
	Service          string // ARN; empty for a task somebody ran
	Deployment       string // digits; empty likewise
	Group            string // service:web, family:web
	StartedBy        string
	Definition       string // task definition ARN
	LaunchType       string
	Provider         string // capacityProviderName
	Platform         string // platformVersion
	Zone             string
	Instance         string          // container instance ARN; empty on Fargate
	HostPorts        []HostPort      // of its instance
	GPUs             []string        // of its instance
	Network          json.RawMessage // types.NetworkConfiguration
	Subnet           string
	ENI              string          // attachment id; empty without awsvpc
	Overrides        json.RawMessage // types.TaskOverride
	Tags             []Tag
	ManagedTags      bool
	ExecuteCommand   bool
	Ephemeral        int    // GiB; 0 is the default
	Token            string // clientToken and the hash of its request, for RunTask
	TokenHash        string

	Last       string // lastStatus
	Desired    string // desiredStatus: RUNNING or STOPPED
	Health     string // HEALTHY, UNHEALTHY, UNKNOWN
	EverWell   bool   // was healthy once, as its deployment counts it
	EverRan    bool   // its RUNNING was counted by its deployment
	Counted    bool   // its end was counted by its deployment
	ToldIll    bool   // the service event of its failing health was written
	StopCode   string
	StopReason string
	Version    int
	Containers []Container
	Targets    []Target
	Place      launch.Network
	Prepared   bool // Place was given
	Ready      bool // its log streams are there, and nothing it needs is missing
	Pulled     bool
	Dead       bool // all containers have ended and its place was given back

	GraceUntil time.Time
	Protected  bool
	ProtectEnd time.Time // zero where it is protected without end, or not at all

	Created, PullStarted, PullStopped, Started, Connected time.Time
	Stopping, ExecutionStopped, Stopped                   time.Time
}

// HostPort is a port of an instance that one of a task's containers has.
type HostPort struct {
	Container string
	Port      int // the container's
	Host      int // the instance's
	UDP       bool
	Dynamic   bool // it was chosen by us
}

// Container is a container of a task.
type Container struct {
	Name, ARN, Image, Digest, RuntimeID string
	Fixed                               string // the digest its deployment resolved the image to
	Essential                           bool
	Last                                string // PENDING, RUNNING, STOPPED
	Exit                                *int
	Reason                              string
	Attempt                             int // restarts in place
	Handle                              *launch.Handle
	Started, Ended                      time.Time

	Health      string // HEALTHY, UNHEALTHY, UNKNOWN; empty where it has no health check
	Failing     int    // health checks failed in a row
	CheckedAt   time.Time
	HealthSince time.Time // when Health last changed
	WasWell     bool      // was HEALTHY once: dependsOn HEALTHY looks no further

	Token    string // the path its metadata is served at, unguessable
	Starting bool   // a hand was asked to start this attempt and has not told the end of it
	Logged   bool   // all its attempt wrote has reached the log group, where it has one
}

// Target is a task's place in a target group.
type Target struct {
	Group      string // ARN
	Container  string
	Port       int
	EC2        string // in a group of instances: the instance's EC2 id
	Host       int    // and its host port
	Registered bool
	Refused    bool   // the load balancer would not have it; it is tried again
	Gone       bool   // was registered and no longer is: its deregistration delay has passed
	State      string // as the load balancer reports it: initial, healthy, unhealthy, draining, unused
	Reason     string // why it is unhealthy, in the load balancer's words
}

// Event is the row of a service event, by service ARN + "#" + a rising number.
type Event struct {
	Key, Service, ID, Message string
	Created                   time.Time
}

// Setting is an account setting, by scope, name and principal.
type Setting struct{ Key, Name, Value, Principal string }
