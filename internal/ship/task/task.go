// Package task runs one task by itself, with the network and the settings of a service, and
// follows it to its end: its containers' lines, and how they ended.
//
// It knows nothing of services' deployments. Read Runner.Run first.
package task

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/slipway-ecs/slipway/internal/clock"
	"github.com/slipway-ecs/slipway/internal/fail"
	"github.com/slipway-ecs/slipway/internal/sdk"
	"github.com/slipway-ecs/slipway/internal/ship/explain"
)

// ECS is what running a task needs of Amazon ECS; *sdk.ECS is it.
type ECS interface {
	DescribeServices(context.Context, *ecs.DescribeServicesInput, ...func(*ecs.Options)) (*ecs.DescribeServicesOutput, error)
	DescribeTaskDefinition(context.Context, *ecs.DescribeTaskDefinitionInput, ...func(*ecs.Options)) (*ecs.DescribeTaskDefinitionOutput, error)
	RunTask(context.Context, *ecs.RunTaskInput, ...func(*ecs.Options)) (*ecs.RunTaskOutput, error)
	StopTask(context.Context, *ecs.StopTaskInput, ...func(*ecs.Options)) (*ecs.StopTaskOutput, error)
	DescribeTasks(context.Context, *ecs.DescribeTasksInput, ...func(*ecs.Options)) (*ecs.DescribeTasksOutput, error)
}

// Logs is what running a task needs of CloudWatch Logs.
type Logs interface {
	GetLogEvents(context.Context, *cloudwatchlogs.GetLogEventsInput, ...func(*cloudwatchlogs.Options)) (*cloudwatchlogs.GetLogEventsOutput, error)
}

// Runner runs tasks.
type Runner struct {
	ECS   ECS
	Logs  Logs        // nil: lines are not read
	Clock clock.Clock // of real time; nil is the wall's
}

// Request says what to run.
type Request struct {
	Cluster    string
	Service    string            // whose definition, network and capacity to take; "" where Definition says enough
	Definition string            // family, family:revision or ARN; "" is what the service runs
	Container  string            // whose command and environment are changed and whose exit code counts; "" is the only essential one
	Command    []string          // nil: the definition's
	Env        map[string]string // besides the definition's
	Timeout    time.Duration     // after which the task is stopped; 0 is never
	Detach     bool              // do not follow
}

// Kind says what an event tells of.
type Kind string

// The kinds of events.
const (
	Started Kind = "started" // the task was accepted
	State   Kind = "state"   // its state moved
	Line    Kind = "line"    // a container wrote
	Warning Kind = "warning"
	Ended   Kind = "ended"
)

// Event is a fact of a running task.
type Event struct {
	At        time.Time `json:"at"`
	Kind      Kind      `json:"kind"`
	Text      string    `json:"text"`
	Task      string    `json:"task,omitempty"`
	Container string    `json:"container,omitempty"` // Line
	Result    *Result   `json:"result,omitempty"`    // Ended
}

// Result is how a task ended.
type Result struct {
	Task      string         `json:"task"` // ARN
	Revision  string         `json:"revision"`
	Container string         `json:"container"`
	Exit      *int           `json:"exitCode,omitempty"` // of the container; nil: it never ran, or the task was left
	StopCode  string         `json:"stopCode,omitempty"`
	Reason    string         `json:"reason,omitempty"`
	Cause     *explain.Cause `json:"cause,omitempty"` // where it did not end with 0
	Stopped   bool           `json:"stopped"`         // by us: interrupted, or out of time
	Left      bool           `json:"left"`            // not followed to its end
	Millis    int64          `json:"tookMillis"`
}

const (
	every    = time.Second
	stopping = 2 * time.Minute  // how long a task that we stop may take to end
	sending  = 20 * time.Second // how long one write may take, an interrupt notwithstanding
	patience = time.Minute      // how long no answer may come
)

// Run starts a task and follows it to its end. When ctx ends, or the time is over, the task is
// stopped and followed until it has. The error says why nothing ran; how it ended is the Result.
func (r *Runner) Run(ctx context.Context, q Request, tell func(Event)) (Result, error) {
	w := &work{Runner: r, clock: r.Clock, tell: tell}
	if w.clock == nil {
		w.clock = clock.Real{}
	}
	if q.Cluster != "" {
		w.cluster = &q.Cluster
	}
	began := w.clock.Now()
	in, err := w.input(ctx, q)
	if err != nil {
		return Result{}, err
	}
	if err := w.start(ctx, in); err != nil {
		return w.out, err
	}
	if q.Detach {
		w.out.Left = true
	} else if err := w.follow(ctx, q.Timeout); err != nil {
		return w.out, err
	}
	w.out.Millis = w.clock.Now().Sub(began).Milliseconds()
	out := w.out
	w.say(Event{Kind: Ended, Text: out.Line(), Result: &out})
	return out, nil
}

// work is one task under way.
type work struct {
	*Runner
	clock   clock.Clock
	tell    func(Event)
	cluster *string
	streams []*stream
	out     Result
	state   string
}

func (w *work) say(e Event) {
	e.At, e.Task = w.clock.Now(), id(w.out.Task)
	w.tell(e)
}

// start asks for the task. Asking again after a lost answer is harmless: the SDK sends the same
// client token each time. An interrupt leaves the question some time yet: ECS may have started the
// task, which then has to be stopped.
func (w *work) start(ctx context.Context, in *ecs.RunTaskInput) error {
	if err := ctx.Err(); err != nil {
		return sdk.Explain(err, "run a task of "+w.out.Revision)
	}
	sent, done := context.WithCancel(context.WithoutCancel(ctx))
	defer done()
	defer context.AfterFunc(ctx, func() {
		t := w.clock.NewTimer(sending)
		defer t.Stop()
		select {
		case <-t.C():
			done()
		case <-sent.Done():
		}
	})()
	out, err := w.ECS.RunTask(sent, in)
	if err != nil {
		return sdk.Explain(err, "run a task of "+w.out.Revision)
	}
	for _, f := range out.Failures {
		return fail.New("task.not_placed", "see `slipway explain` for what the words mean", "a task of %s was not placed: %s %s", w.out.Revision, aws.ToString(f.Reason), aws.ToString(f.Detail))
	}
	if len(out.Tasks) == 0 {
		return fail.New("task.not_placed", "try again", "ECS started no task of %s and does not say why", w.out.Revision)
	}
	w.out.Task = aws.ToString(out.Tasks[0].TaskArn)
	w.say(Event{Kind: Started, Text: fmt.Sprintf("task %s of %s", id(w.out.Task), w.out.Revision)})
	return nil
}

// follow reads states and lines until the task has ended. An interrupt or the end of its time
// stops the task; following goes on, within limits, so that its last lines are seen.
func (w *work) follow(ctx context.Context, limit time.Duration) error {
	began := w.clock.Now()
	heard := began
	alive := context.WithoutCancel(ctx)
	var stopped time.Time
	for {
		one, done := context.WithTimeout(alive, sending)
		t, err := w.look(one)
		ended := t != nil && aws.ToString(t.LastStatus) == "STOPPED"
		if err == nil {
			w.read(one, ended)
			w.tellState(aws.ToString(t.LastStatus))
		}
		if ended {
			w.end(*t)
		}
		done()
		now := w.clock.Now()
		switch {
		case ended:
			return nil
		case err == nil:
			heard = now
		case sdk.Denied(err) || now.Sub(heard) > patience:
			return fail.Wrap(err, "unknown.connection", "it goes on in ECS: `aws ecs describe-tasks --tasks "+w.out.Task+"`", "follow task %s", id(w.out.Task))
		}
		switch {
		case !stopped.IsZero() && now.Sub(stopped) > stopping:
			w.out.Left = true
			return nil
		case stopped.IsZero() && ctx.Err() != nil:
			stopped = now
			w.stop(alive, "interrupted")
		case stopped.IsZero() && limit > 0 && now.Sub(began) > limit:
			stopped = now
			w.stop(alive, fmt.Sprintf("it did not end within %s", limit))
		}
		w.pause(ctx, !stopped.IsZero())
	}
}

// pause waits until the next look; an interrupt ends it early, once.
func (w *work) pause(ctx context.Context, told bool) {
	t := w.clock.NewTimer(every)
	defer t.Stop()
	if told {
		<-t.C()
		return
	}
	select {
	case <-ctx.Done():
	case <-t.C():
	}
}

func (w *work) stop(ctx context.Context, why string) {
	w.out.Stopped = true
	w.say(Event{Kind: Warning, Text: "stopping the task: " + why})
	one, done := context.WithTimeout(ctx, sending)
	defer done()
	if _, err := w.ECS.StopTask(one, &ecs.StopTaskInput{Cluster: w.cluster, Task: &w.out.Task, Reason: aws.String("slipway run: " + why)}); err != nil {
		w.say(Event{Kind: Warning, Text: sdk.Explain(err, "stop the task").Error()})
	}
}

// tellState tells the task's state where that moved.
func (w *work) tellState(s string) {
	if s != w.state {
		w.state = s
		w.say(Event{Kind: State, Text: s})
	}
}

// look describes the task.
func (w *work) look(ctx context.Context) (*types.Task, error) {
	out, err := w.ECS.DescribeTasks(ctx, &ecs.DescribeTasksInput{Cluster: w.cluster, Tasks: []string{w.out.Task}})
	if err != nil {
		return nil, err
	}
	if len(out.Tasks) == 0 { // ECS may show it a moment late
		return nil, errors.New("ECS does not list the task")
	}
	return &out.Tasks[0], nil
}

// end takes from the stopped task how it ended.
func (w *work) end(t types.Task) {
	w.out.StopCode, w.out.Reason = string(t.StopCode), aws.ToString(t.StoppedReason)
	f := explain.FromTask(t)
	for i, c := range f.Containers {
		if c.Name == w.out.Container {
			w.out.Exit = c.Exit
		}
		for _, s := range w.streams {
			if s.container == c.Name {
				f.Containers[i].Log = s.last
			}
		}
	}
	if w.out.Exit != nil && *w.out.Exit == 0 || w.out.Stopped {
		return
	}
	cause := explain.Of(explain.Facts{Deployment: &explain.Deployment{}, Tasks: []explain.Task{f}})
	w.out.Cause = &cause
}

// Line gives the result in one line.
func (r Result) Line() string {
	name := fmt.Sprintf("task %s", id(r.Task))
	switch {
	case r.Left:
		return name + " goes on"
	case r.Exit != nil && *r.Exit == 0:
		return name + " succeeded"
	case r.Stopped:
		return name + " was stopped"
	case r.Exit == nil:
		return name + " never ran: " + r.Reason
	}
	return fmt.Sprintf("%s: container %s ended with exit code %d", name, r.Container, *r.Exit)
}

func id(arn string) string { return arn[strings.LastIndexByte(arn, '/')+1:] }

// sorted gives a map's keys in order.
func sorted(m map[string]string) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
