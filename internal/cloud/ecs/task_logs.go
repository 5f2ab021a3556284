package ecs

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/aws/smithy-go"

	"github.com/slipway-ecs/slipway/internal/cloud"
	"github.com/slipway-ecs/slipway/internal/launch"
	"github.com/slipway-ecs/slipway/internal/names"
	"github.com/slipway-ecs/slipway/internal/store"
)

// The awslogs driver: what a container writes goes to a log stream named prefix/container/task.

// mostLines is how many lines go into a stream at once.
const mostLines = 1000

// logTo is where a container's output goes.
type logTo struct {
	scope         names.Scope
	group, stream string
	start         string // names one start of the container, for going on where it was left
	create        bool
}

// logsOf says where a container's output goes; ok is false where it has no awslogs driver.
func logsOf(t *Task, d *types.TaskDefinition, x *Container) (to logTo, ok bool) {
	l := definitionOf(d, x.Name).LogConfiguration
	if l == nil || l.LogDriver != types.LogDriverAwslogs {
		return logTo{}, false
	}
	to = logTo{
		scope: names.ScopeOf(t.ARN), group: l.Options["awslogs-group"], start: fmt.Sprintf("%s#%d", x.ARN, x.Attempt),
		create: l.Options["awslogs-create-group"] == "true",
	}
	if r := l.Options["awslogs-region"]; r != "" {
		to.scope.Region = r
	}
	to.stream = x.Name + "/" + t.ID
	if p := l.Options["awslogs-stream-prefix"]; p != "" {
		to.stream = p + "/" + to.stream
	}
	return to, true
}

// initialise sees to it that everything the task's containers need besides their images is there;
// it is true once that is so.
func (c *care) initialise() bool {
	if why := unserved(c.d); why != "" {
		c.t.end(c.tx.Now(), "TaskFailedToStart", why)
		return false
	}
	var all []logTo
	for i := range c.t.Containers {
		if to, ok := logsOf(c.t, c.d, &c.t.Containers[i]); ok {
			all = append(all, to)
		}
	}
	if len(all) == 0 && !hasSecrets(c.d) {
		c.t.Ready = true
		return true
	}
	arn := c.t.ARN
	c.ask(cloud.Job{Key: "initialise " + arn, Do: func(ctx context.Context) (cloud.Fact, error) {
		if _, err := c.secrets(names.ScopeOf(arn), c.d.ContainerDefinitions...); err != nil {
			return c.change(arn, func(tx *store.Tx, t *Task) {
				if t.Desired == "RUNNING" {
					t.end(tx.Now(), "TaskFailedToStart", err.Error())
				}
			}), nil
		}
		for _, to := range all {
			_, err := c.o.Logs.Resume(ctx, to.scope, to.group, to.stream, to.start, to.create)
			if interrupted(ctx, err) {
				return nil, err
			}
			if err != nil {
				return c.change(arn, func(tx *store.Tx, t *Task) {
					if t.Desired == "RUNNING" {
						t.end(tx.Now(), "TaskFailedToStart", noLogGroup+err.Error())
					}
				}), nil
			}
		}
		return c.change(arn, func(_ *store.Tx, t *Task) { t.Ready = true }), nil
	}})
	return false
}

// noLogGroup comes before the reason why a log stream cannot be made, as Fargate words it.
const noLogGroup = "ResourceInitializationError: failed to validate logger args: create stream has been retried 1 times: failed to create Cloudwatch log stream: "

// collects says that a container has written, or may have, what its log group does not have yet.
func (c *care) collects(x *Container) bool {
	_, ok := logsOf(c.t, c.d, x)
	return ok && x.started() && !x.Logged
}

// collect carries what a container writes into its stream until it has ended and everything is
// there. After a crash it goes on behind the last line the stream has. Where the group or stream
// was deleted meanwhile, the rest of the output is dropped, as the awslogs driver does.
func (c *care) collect(x *Container) cloud.Job {
	to, _ := logsOf(c.t, c.d, x)
	arn, row := c.t.ARN, *x
	return cloud.Job{Key: job("logs", x), Do: func(ctx context.Context) (cloud.Fact, error) {
		if err := c.carry(ctx, to, *row.Handle); err != nil && !deleted(err) {
			return nil, fmt.Errorf("collect the output of %s: %w", row.ARN, err)
		}
		return c.changeContainer(arn, &row, func(_ *store.Tx, _ *Task, x *Container) { x.Logged = true }), nil
	}}
}

// deleted says that a log group or stream is gone.
func deleted(err error) bool {
	api, ok := errors.AsType[smithy.APIError](err)
	return ok && api.ErrorCode() == "ResourceNotFoundException"
}

// carry reads in one goroutine and writes in another, so that lines that come quickly go into the
// stream together, and a single line at once.
func (s *Service) carry(ctx context.Context, to logTo, h launch.Handle) error {
	mark, err := s.o.Logs.Resume(ctx, to.scope, to.group, to.stream, to.start, to.create)
	if err != nil {
		return err
	}
	reading, stop := context.WithCancel(ctx)
	lines, ended := make(chan launch.Line, mostLines), make(chan error, 1)
	go func() {
		defer close(lines)
		for line, err := range s.o.Runtime.Logs(reading, h, mark) {
			if err != nil {
				ended <- err
				return
			}
			select {
			case lines <- line:
			case <-reading.Done():
				ended <- reading.Err()
				return
			}
		}
		ended <- nil
	}()
	defer func() {
		stop()
		for range lines { // until the reader has ended
		}
	}()
	for line := range lines {
		batch := []launch.Line{line}
		for more := true; more && len(batch) < mostLines; {
			select {
			case l, ok := <-lines:
				if more = ok; ok {
					batch = append(batch, l)
				}
			default:
				more = false
			}
		}
		if err := s.o.Logs.Append(ctx, to.scope, to.group, to.stream, to.start, batch); err != nil {
			return err
		}
	}
	return <-ended
}

// wallTime gives the wall's time of an internal one, for text that carries times.
func (s *Service) wallTime(at time.Time) time.Time {
	if s.o.Wall == nil {
		return at
	}
	return s.o.Wall(at)
}
