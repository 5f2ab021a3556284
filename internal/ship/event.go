// Package ship has the deployer's use cases: structs of narrow dependencies whose one method
// reports each thing that happens and returns how it ended.
//
// It meets the cloud only at the AWS wire and must not know which side of it is real. What
// decides (judge, byService, edit, same) is a function of plain data; Deployer acts. Read
// Deployer.Deploy first.
package ship

import (
	"time"

	"github.com/slipway-ecs/slipway/internal/ship/explain"
)

// Kind says what an event tells of. Kinds are stable.
type Kind string

// The kinds of events, in the order in which a deployment first shows them.
const (
	KindFound      Kind = "found"      // what runs now
	KindChange     Kind = "change"     // one thing that will be different
	KindRegistered Kind = "registered" // a task definition revision was made
	KindUnchanged  Kind = "unchanged"  // the definition needs no new revision, or the service no deployment
	KindUpdated    Kind = "updated"    // UpdateService was obeyed
	KindCreated    Kind = "created"    // CreateService was obeyed
	KindExpected   Kind = "expected"   // how long it should take
	KindFollowing  Kind = "following"  // the deployment we made is known, and followed to its end
	KindProgress   Kind = "progress"   // counts or states moved
	KindService    Kind = "service"    // the service said something (its own event)
	KindTask       Kind = "task"       // a task of the new revision stopped
	KindPause      Kind = "pause"      // the rollout waits for somebody
	KindAnswer     Kind = "answer"     // a pause was answered
	KindHook       Kind = "hook"       // one of our hooks began, said something or ended
	KindLease      Kind = "lease"      // the lease on the service was taken, waited for or lost
	KindStopping   Kind = "stopping"   // the engine was asked to roll back
	KindWarning    Kind = "warning"    // something a person should know that stops nothing
	KindVerdict    Kind = "verdict"    // the end
	KindError      Kind = "error"      // the end of a run that came to no verdict
)

// Event is a fact with a stable JSON form: a line of plain output and a line of JSON.
type Event struct {
	At         time.Time `json:"at"`
	Kind       Kind      `json:"kind"`
	Text       string    `json:"text"`                 // one line for people
	Revision   string    `json:"revision,omitempty"`   // family:revision
	Deployment string    `json:"deployment,omitempty"` // service deployment ARN, or ecs-svc/… where there is no ARN
	Progress   *Progress `json:"progress,omitempty"`   // KindProgress
	Task       *Task     `json:"task,omitempty"`       // KindTask
	Pause      *Pause    `json:"pause,omitempty"`      // KindPause, KindAnswer
	Expected   *Timed    `json:"expected,omitempty"`   // KindExpected
	Outcome    *Outcome  `json:"outcome,omitempty"`    // KindVerdict
	Error      *Problem  `json:"error,omitempty"`      // KindError
}

// Problem is why a run came to no verdict.
type Problem struct {
	Code     string  `json:"code,omitempty"`   // stable and dotted: service.not_found
	Message  string  `json:"message"`          // with its causes
	Place    *Place  `json:"place,omitempty"`  // of a file: the first that is wrong
	Places   []Place `json:"places,omitempty"` // all of them, where there are several
	Next     string  `json:"next,omitempty"`   // what to do
	ExitCode int     `json:"exitCode"`
}

// Place is where something is wrong in a file.
type Place struct {
	File    string `json:"file"`
	Line    int    `json:"line,omitempty"` // from 1; 0 where it is the whole file
	Column  int    `json:"column,omitempty"`
	Message string `json:"message"`
	Next    string `json:"next,omitempty"`
}

// Progress is how far a deployment is.
type Progress struct {
	Status  string  `json:"status"`                 // the service deployment's, or the rollout state where there is none
	Stage   string  `json:"stage,omitempty"`        // the life-cycle stage
	Desired int     `json:"desired"`                // tasks the service wants
	Sides   []Side  `json:"sides"`                  // newest first
	Groups  []Group `json:"targetGroups,omitempty"` // health of the service's targets, as last asked for
}

// Group is the health of a target group.
type Group struct {
	Name    string `json:"name"`
	Healthy int    `json:"healthy"`
	Targets int    `json:"targets"`       // draining ones left out
	Why     string `json:"why,omitempty"` // of the first that is not healthy
}

// Side is a revision with its tasks.
type Side struct {
	Revision string `json:"revision"` // family:revision
	Status   string `json:"status"`   // PRIMARY, ACTIVE, …
	Ours     bool   `json:"ours"`
	Desired  int    `json:"desired"`
	Running  int    `json:"running"`
	Pending  int    `json:"pending"`
	Failed   int    `json:"failed"`       // failed launches in a row
	ID       string `json:"id,omitempty"` // ecs-svc/…
	// Production and Test are shares of traffic in percent that the engine asks for; nil where
	// it shifts none.
	Production *float64 `json:"productionPercent,omitempty"`
	Test       *float64 `json:"testPercent,omitempty"`
}

// Task is a task that stopped.
type Task struct {
	ID         string      `json:"id"`
	StopCode   string      `json:"stopCode,omitempty"`
	Reason     string      `json:"reason,omitempty"`
	Containers []Container `json:"containers,omitempty"`
}

// Container is how a container of a stopped task ended.
type Container struct {
	Name     string `json:"name"`
	ExitCode *int   `json:"exitCode,omitempty"` // nil: it never ran
	Reason   string `json:"reason,omitempty"`
}

// Verdict is how a deployment ended.
type Verdict string

// The verdicts.
const (
	Succeeded   Verdict = "succeeded"
	Failed      Verdict = "failed"      // it failed and so did its rollback
	RolledBack  Verdict = "rolled back" // an earlier revision serves again
	Superseded  Verdict = "superseded"  // a newer deployment took its place
	Stopped     Verdict = "stopped"     // it ended early and nothing was rolled back
	Unknown     Verdict = "unknown"     // connection lost, or watched for long enough
	Interrupted Verdict = "interrupted" // we were told to leave; it goes on
	Waiting     Verdict = "waiting for approval"
	Reached     Verdict = "reached" // as far as was asked for; it waits there or goes on
	Detached    Verdict = "started" // it goes on by itself, as was asked for
)

// Outcome is the whole end.
type Outcome struct {
	Verdict    Verdict        `json:"verdict"`
	Cause      string         `json:"cause,omitempty"`   // one line; empty for succeeded
	Details    []string       `json:"details,omitempty"` // what was seen that goes with the cause, first things first
	Why        *explain.Cause `json:"why,omitempty"`     // the cause as a tree, with what to do
	Next       string         `json:"next,omitempty"`    // what to do or to run next
	Cluster    string         `json:"cluster"`
	Service    string         `json:"service"`
	Revision   string         `json:"revision"`             // task definition ARN that was to be deployed
	Previous   string         `json:"previous,omitempty"`   // task definition ARN that served before
	Serves     string         `json:"serves,omitempty"`     // RolledBack: task definition ARN that serves again, where that is known
	Deployment string         `json:"deployment,omitempty"` // service deployment ARN, or ecs-svc/… where there is no ARN
	Point      Point          `json:"point,omitempty"`      // Reached: which
	Pauses     []Pause        `json:"pauses,omitempty"`     // Waiting, Reached: what waits for an answer
	Millis     int64          `json:"tookMillis"`
	Expected   *Timed         `json:"expected,omitempty"` // how long it should have taken

	first string // the end of Cause that tells of the first task that failed
	past  bool   // it succeeded some time ago, and another was deployed since
}
