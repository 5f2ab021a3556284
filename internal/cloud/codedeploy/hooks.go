package codedeploy

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/service/codedeploy"
	"github.com/aws/aws-sdk-go-v2/service/codedeploy/types"

	"github.com/slipway-ecs/slipway/internal/cloud"
	"github.com/slipway-ecs/slipway/internal/rollout"
	"github.com/slipway-ecs/slipway/internal/store"
)

const (
	// emptyHook is how long an event without a function takes. Source: codedeploy.md 8.2.
	emptyHook = 300 * time.Millisecond
	// hookLimit is how long a function may take to call back. Source: codedeploy.md 11.
	hookLimit = time.Hour

	hookFailed   = "The deployment failed because one or more of the lifecycle event validation functions failed."
	hookTimedOut = "The deployment timed out while waiting for a status callback. CodeDeploy expects a status callback within one hour after a deployment hook is invoked."
	// hookAbsent is of a function that cannot be called; its words and code are unconfirmed.
	hookAbsent = "The Lambda function %s of the hook %s could not be invoked: %s"
	// mostLog is how much of a function's answer the diagnostics keep.
	mostLog = 4096
)

// ask begins the run of an event's hook, or of the place where one could be.
func (n *driving) ask(event string) {
	d := &n.d
	if slices.ContainsFunc(d.Hooks, func(r HookRun) bool { return r.Event == event }) {
		return
	}
	run := HookRun{Event: event, Asked: n.now, ID: n.s.executionID()}
	for _, h := range d.Spec.Hooks {
		if h.Event == event {
			run.Function = h.Function
		}
	}
	d.Hooks = append(d.Hooks, run)
	if run.Function == "" {
		n.res.Sooner(n.now.Add(emptyHook))
	} else {
		n.res.Sooner(n.now.Add(hookLimit))
	}
}

// executionID makes the id by which a function calls back: opaque, in the form of AWS's.
//
// Source: codedeploy.md 1.
func (s *Service) executionID() string {
	return base64.StdEncoding.EncodeToString(fmt.Appendf(nil, `{"encryptedData":"%s","ivParameterSpec":"%s","materialSetSerial":1}`, s.o.IDs.Hex(96), s.o.IDs.Hex(16)))
}

// judgeHooks passes events without a function after a moment, and fails those whose function did
// not call back in time.
func (n *driving) judgeHooks() {
	for i := range n.d.Hooks {
		run := &n.d.Hooks[i]
		if run.Verdict != rollout.Unknown {
			continue
		}
		limit := emptyHook
		if run.Function != "" {
			limit = hookLimit
		}
		switch end := run.Asked.Add(limit); {
		case n.now.Before(end):
			n.res.Sooner(end)
		case run.Function == "":
			run.Verdict = rollout.Pass
		default:
			run.Verdict = rollout.Fail
			n.fail(&Trouble{Code: "HOOK_EXECUTION_FAILURE", Message: hookTimedOut, Script: run.Function})
		}
	}
}

// call has the functions called that were not yet. A function may be called twice where the cloud
// was killed meanwhile, for the same execution.
func (n *driving) call() {
	d := &n.d
	for _, run := range d.Hooks {
		if !d.active() || run.Function == "" || run.Called || run.Verdict != rollout.Unknown {
			continue
		}
		s, scope, id := n.s, d.Scope, d.ID
		payload, err := json.Marshal(struct{ DeploymentId, LifecycleEventHookExecutionId string }{id, run.ID})
		if err != nil {
			panic("codedeploy: " + err.Error())
		}
		n.res.Jobs = append(n.res.Jobs, cloud.Job{Key: "codedeploy hook " + run.ID, Do: func(ctx context.Context) (cloud.Fact, error) {
			var answer []byte
			var functionError string
			err := error(&Trouble{Message: "no Lambda is served here"})
			if s.o.Functions != nil {
				answer, functionError, err = s.o.Functions.Invoke(ctx, scope, run.Function, payload)
			}
			if err != nil && ctx.Err() != nil {
				return nil, err // the cloud ends; the next start calls again
			}
			return func(tx *store.Tx) error { return s.called(tx, scoped(scope, id), run.ID, answer, functionError, err) }, nil
		}})
	}
}

// called notes that a function has ended. One that could not be called fails its event at once,
// and so does one that raised without having called back: CodeDeploy would wait out the hour.
func (s *Service) called(tx *store.Tx, key, execution string, answer []byte, functionError string, err error) error {
	d, ok := s.deployments.Get(tx, key)
	i := slices.IndexFunc(d.Hooks, func(r HookRun) bool { return r.ID == execution })
	if !ok || i < 0 || d.Hooks[i].Called {
		return nil
	}
	d.Hooks = slices.Clone(d.Hooks)
	run := &d.Hooks[i]
	run.Called = true
	if run.Verdict == rollout.Unknown && d.active() {
		switch {
		case err != nil:
			message := causeOf(err)
			if t, ok := err.(*Trouble); ok {
				message = t.Message
			}
			s.decide(&d, run, rollout.Fail, &Trouble{Code: "INVALID_LAMBDA_FUNCTION", Message: fmt.Sprintf(hookAbsent, run.Function, run.Event, message)})
		case functionError != "":
			s.decide(&d, run, rollout.Fail, &Trouble{Code: "HOOK_EXECUTION_FAILURE", Message: hookFailed, Log: short(string(answer)), Raised: short(raised(answer))})
		}
	}
	s.deployments.Put(tx, d)
	return nil
}

// raised gives the error in a failed function's answer, or "" where it is told in no known form.
func raised(answer []byte) string {
	var e struct{ ErrorType, ErrorMessage string }
	if json.Unmarshal(answer, &e) != nil || e.ErrorMessage == "" {
		return e.ErrorType
	}
	return strings.TrimPrefix(e.ErrorType+": "+e.ErrorMessage, ": ")
}

// decide gives a hook its verdict.
func (s *Service) decide(d *Deployment, run *HookRun, v rollout.Verdict, t *Trouble) {
	run.Verdict = v
	if t != nil && d.Trouble == nil {
		t.Script = run.Function
		d.Trouble = t
	}
}

func short(text string) string {
	if len(text) > mostLog {
		text = text[len(text)-mostLog:]
	}
	return strings.ToValidUTF8(text, "")
}

// PutLifecycleEventHookExecutionStatus is the call by which a function says how its hook went.
//
// Source: codedeploy.md 11; the words are unconfirmed.
func (s *Service) PutLifecycleEventHookExecutionStatus(ctx context.Context, in *sdk.PutLifecycleEventHookExecutionStatusInput) (*sdk.PutLifecycleEventHookExecutionStatusOutput, error) {
	err := s.store.Update(func(tx *store.Tx) error {
		d, err := s.deploymentOf(tx, scopeOf(ctx), in.DeploymentId)
		if err != nil {
			return err
		}
		i := slices.IndexFunc(d.Hooks, func(r HookRun) bool { return r.ID == text(in.LifecycleEventHookExecutionId) && r.Function != "" })
		if i < 0 {
			return refuse("InvalidLifecycleEventHookExecutionIdException", "The lifecycle event hook execution ID is invalid")
		}
		if in.Status != types.LifecycleEventStatusSucceeded && in.Status != types.LifecycleEventStatusFailed {
			return refuse("InvalidLifecycleEventHookExecutionStatusException", "The lifecycle event hook execution status is invalid: %s. It must be Succeeded or Failed.", in.Status)
		}
		if !d.active() || d.Hooks[i].Verdict != rollout.Unknown {
			return refuse("LifecycleEventAlreadyCompletedException", "The lifecycle event has already completed")
		}
		d.Hooks = slices.Clone(d.Hooks)
		if in.Status == types.LifecycleEventStatusSucceeded {
			s.decide(&d, &d.Hooks[i], rollout.Pass, nil)
		} else {
			s.decide(&d, &d.Hooks[i], rollout.Fail, &Trouble{Code: "HOOK_EXECUTION_FAILURE", Message: hookFailed})
		}
		s.deployments.Put(tx, d)
		return nil
	})
	return &sdk.PutLifecycleEventHookExecutionStatusOutput{LifecycleEventHookExecutionId: in.LifecycleEventHookExecutionId}, err
}
