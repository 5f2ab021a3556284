package ecs

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/slipway-ecs/slipway/internal/names"
	"github.com/slipway-ecs/slipway/internal/store"
)

// How long a task is protected from scale-in: 2 hours unless asked otherwise (ecs.md 5.10).
const (
	protectMinutes    = 120
	maxProtectMinutes = 2880
)

// UpdateTaskProtection protects up to 10 service tasks from being stopped by deployments and
// scale-in, or ends that. Tasks that are no running tasks of a service are failures.
func (s *Service) UpdateTaskProtection(ctx context.Context, in *ecs.UpdateTaskProtectionInput) (*ecs.UpdateTaskProtectionOutput, error) {
	if n := len(in.Tasks); n < 1 || n > 10 {
		return nil, invalid("Tasks must have between 1 and 10 items.")
	}
	minutes := *or(in.ExpiresInMinutes, protectMinutes)
	if minutes < 1 || minutes > maxProtectMinutes {
		return nil, invalid("expiresInMinutes must be between 1 and %d.", maxProtectMinutes)
	}
	out := &ecs.UpdateTaskProtectionOutput{}
	err := s.o.Store.Update(func(tx *store.Tx) (err error) {
		out.ProtectedTasks, out.Failures, err = s.protect(tx, scopeOf(ctx), in.Cluster, in.Tasks, func(t *Task) {
			t.Protected, t.ProtectEnd = in.ProtectionEnabled, time.Time{}
			if in.ProtectionEnabled {
				t.ProtectEnd = tx.Now().Add(time.Duration(minutes) * time.Minute)
			}
			s.tasks.Put(tx, *t)
		})
		return err
	})
	return out, err
}

// GetTaskProtection tells the protection of tasks; without any, of all service tasks that run.
func (s *Service) GetTaskProtection(ctx context.Context, in *ecs.GetTaskProtectionInput) (*ecs.GetTaskProtectionOutput, error) {
	if len(in.Tasks) > 100 {
		return nil, invalid("Tasks can have at most 100 items.")
	}
	out := &ecs.GetTaskProtectionOutput{}
	err := s.o.Store.View(func(tx *store.Tx) (err error) {
		out.ProtectedTasks, out.Failures, err = s.protect(tx, scopeOf(ctx), in.Cluster, in.Tasks, nil)
		return err
	})
	return out, err
}

func (s *Service) protect(tx *store.Tx, scope names.Scope, ref *string, tasks []string, change func(*Task)) ([]types.ProtectedTask, []types.Failure, error) {
	cluster, err := s.clusterOf(tx, scope, ref)
	if err != nil {
		return nil, nil, err
	}
	done, failed := []types.ProtectedTask{}, []types.Failure{}
	if len(tasks) == 0 {
		for t := range s.tasks.By(tx, "cluster", cluster.ARN) {
			if t.Service != "" && t.Desired == "RUNNING" {
				tasks = append(tasks, t.ARN)
			}
		}
	}
	for _, ref := range tasks {
		t, ok := s.taskOf(tx, cluster, ref)
		switch {
		case !ok:
			failed = append(failed, missing(scope.Task(cluster.Name, names.Last(ref))))
			continue
		case t.Service == "" || t.Desired != "RUNNING":
			failed = append(failed, types.Failure{Arn: new(t.ARN), Reason: new("TASK_NOT_VALID")})
			continue
		}
		if change != nil {
			change(&t)
		}
		v := types.ProtectedTask{TaskArn: new(t.ARN), ProtectionEnabled: t.protected(tx.Now())}
		if v.ProtectionEnabled && !t.ProtectEnd.IsZero() {
			v.ExpirationDate = new(t.ProtectEnd)
		}
		done = append(done, v)
	}
	return done, failed, nil
}

// protected says whether a task may not be stopped by a deployment or by scale-in now.
func (t *Task) protected(now time.Time) bool {
	return t.Protected && (t.ProtectEnd.IsZero() || now.Before(t.ProtectEnd))
}
