package ecs

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/slipway-ecs/slipway/internal/cloud"
	"github.com/slipway-ecs/slipway/internal/names"
	"github.com/slipway-ecs/slipway/internal/rollout"
	"github.com/slipway-ecs/slipway/internal/store"
)

const (
	// callBackDelay is when a hook that is in progress is called again. Source: ecs.md 7.6.
	callBackDelay = 30 * time.Second
	// mostCallBack is the longest such delay a hook can ask for. ECS's is unconfirmed.
	mostCallBack = 24 * time.Hour
	// invokeAgain is the pause after a call that Lambda throttled or failed to take, and invokeTries
	// how often it is tried. ECS's are not documented (unconfirmed).
	invokeAgain = 5 * time.Second
	invokeTries = 3
)

// call has hands invoke the Lambda hooks that are due.
func (g *keeping) call(d *Deployment) {
	if !d.underWay() {
		return
	}
	for _, h := range d.Hooks {
		if h.Target != hookLambda || !h.open() {
			continue
		}
		if g.now.Before(h.Next) {
			g.res.Sooner(h.Next)
			continue
		}
		s, key, scope, payload := g.s, d.Key, names.ScopeOf(d.Service), hookPayload(d, &h)
		g.res.Jobs = append(g.res.Jobs, cloud.Job{
			Key: fmt.Sprintf("hook %s %d %d", h.ID, h.Calls, h.Refused),
			Do: func(ctx context.Context) (cloud.Fact, error) {
				answer, err := s.invoke(ctx, scope, h.Function, payload)
				if ctx.Err() != nil {
					return nil, ctx.Err() // the cloud ends; the call is made again
				}
				return func(tx *store.Tx) error { s.answered(tx, key, h, answer, err); return nil }, nil
			},
		})
	}
}

// errNoFunction is what a function that is not there answers.
var errNoFunction = errors.New("the function does not exist")

// invoke calls a function. That a function failed is for its answer to tell.
func (s *Service) invoke(ctx context.Context, scope names.Scope, function string, payload []byte) ([]byte, error) {
	if s.o.Functions == nil {
		return nil, errNoFunction
	}
	answer, _, err := s.o.Functions.Invoke(ctx, scope, function, payload)
	return answer, err
}

// answered writes down what came of a call of a hook, unless something else ended the hook.
func (s *Service) answered(tx *store.Tx, key string, asked Hook, answer []byte, err error) {
	d, ok := s.deployments.Get(tx, key)
	if !ok {
		return
	}
	i := slices.IndexFunc(d.Hooks, func(h Hook) bool { return h.ID == asked.ID })
	if i < 0 || !d.Hooks[i].open() || d.Hooks[i].Calls != asked.Calls {
		return
	}
	d.Hooks = slices.Clone(d.Hooks)
	h := &d.Hooks[i]
	switch {
	case err != nil && passing(err) && h.Refused+1 < invokeTries:
		h.Refused++
		h.Next = tx.Now().Add(invokeAgain)
	case err != nil:
		h.fail(cannotInvoke, h.Function, err)
	default:
		h.Refused = 0
		h.take(answer, tx.Now())
	}
	s.deployments.Put(tx, d)
}

// passing reports whether an error of Lambda is one that passes: throttling, or a fault of its own.
func passing(err error) bool {
	var coded interface{ ErrorCode() string }
	if !errors.As(err, &coded) {
		return false
	}
	switch coded.ErrorCode() {
	case "TooManyRequestsException", "ServiceException", "ResourceConflictException", "ResourceNotReadyException":
		return true
	}
	return false
}

// take reads a function's answer. What is no answer fails the hook.
//
// Source: ecs.md 7.6, "Reply".
func (h *Hook) take(answer []byte, now time.Time) {
	var reply struct {
		HookStatus           *string
		CallBackDelay        *float64
		CallBackDelaySeconds *float64
		HookDetails          json.RawMessage
	}
	if err := json.Unmarshal(answer, &reply); err != nil && len(answer) > 0 {
		h.fail(saidNonsense, h.Function, err)
		return
	}
	if reply.HookStatus == nil {
		h.fail(saidNonsense, h.Function, "HookStatus must not be null")
		return
	}
	switch *reply.HookStatus {
	case hookSucceeded:
		h.Status = hookSucceeded
	case hookFailed:
		h.fail(saidFailed, h.Function)
	case hookInProgress:
		delay := callBackDelay
		for _, asked := range []*float64{reply.CallBackDelaySeconds, reply.CallBackDelay} {
			if asked != nil && *asked >= 0 {
				delay = time.Duration(min(*asked, mostCallBack.Seconds()) * float64(time.Second))
			}
		}
		h.Calls++
		h.Next = now.Add(max(delay, time.Second))
		h.Details = mergeDetails(h.Details, reply.HookDetails)
	default:
		h.fail(saidNonsense, h.Function, "HookStatus "+*reply.HookStatus+" is not one of SUCCEEDED, FAILED, IN_PROGRESS")
	}
}

// mergeDetails puts what a hook returned over what it was given, member by member; what is no
// object takes the whole place.
func mergeDetails(have, given json.RawMessage) json.RawMessage {
	if absent(given) {
		return have
	}
	var old, more map[string]json.RawMessage
	if json.Unmarshal(given, &more) != nil || !absent(have) && json.Unmarshal(have, &old) != nil {
		return given
	}
	if old == nil {
		old = map[string]json.RawMessage{}
	}
	maps.Copy(old, more)
	merged, err := json.Marshal(old)
	if err != nil {
		panic("ecs: " + err.Error()) // it was JSON before
	}
	return merged
}

// hookPayload is what a hook's function is given.
//
// Source: ecs.md 7.6, the event and the table of weights.
func hookPayload(d *Deployment, h *Hook) []byte {
	type execution struct {
		ServiceArn               string             `json:"serviceArn"`
		TargetServiceRevisionArn string             `json:"targetServiceRevisionArn"`
		TestTrafficWeights       map[string]float64 `json:"testTrafficWeights"`
		ProductionTrafficWeights map[string]float64 `json:"productionTrafficWeights"`
	}
	event := struct {
		ExecutionID      string          `json:"executionId"`
		LifecycleStage   string          `json:"lifecycleStage"`
		ResourceArn      string          `json:"resourceArn"`
		ExecutionDetails execution       `json:"executionDetails"`
		HookDetails      json.RawMessage `json:"hookDetails,omitempty"`
	}{
		ExecutionID: h.Execution, LifecycleStage: h.Stage, ResourceArn: d.arn(), HookDetails: h.Details,
		ExecutionDetails: execution{
			ServiceArn: d.Service, TargetServiceRevisionArn: d.revisionARN(d.Digits),
			TestTrafficWeights: map[string]float64{}, ProductionTrafficWeights: map[string]float64{},
		},
	}
	stage := rollout.Name(h.Stage)
	if d.Shifting && (stage == rollout.TestShift || stage == rollout.ReconcileService) {
		event.ExecutionDetails.TestTrafficWeights = d.weights(rollout.Test)
	}
	if d.Shifting && (stage == rollout.PreProductionShift || stage == rollout.ProductionShift || stage == rollout.ReconcileService) {
		event.ExecutionDetails.ProductionTrafficWeights = d.weights(rollout.Production)
	}
	payload, err := json.Marshal(event)
	if err != nil {
		panic("ecs: " + err.Error()) // hookDetails were JSON when they came
	}
	return payload
}

// weights gives the percentages of a route's traffic by service revision.
func (d *Deployment) weights(r rollout.Route) map[string]float64 {
	all := map[string]float64{d.revisionARN(d.Digits): percent(d.partOf(d.Digits, r))}
	if home := d.home(); home != "" {
		all[d.revisionARN(home)] = percent(d.partOf(home, r))
	}
	return all
}

// isHookID reports whether a text has the form of a hook's id: ecs-{hookType}-{id}.
func isHookID(id string) bool {
	parts := strings.SplitN(id, "-", 3)
	return len(parts) == 3 && parts[0] == "ecs" && parts[1] != "" && parts[2] != ""
}
