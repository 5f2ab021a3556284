package lambda

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/slipway-ecs/slipway/internal/cloud"
	"github.com/slipway-ecs/slipway/internal/launch/function"
	"github.com/slipway-ecs/slipway/internal/names"
	"github.com/slipway-ecs/slipway/internal/store"
)

// How asynchronous invocations are tried again. Source: Lambda developer guide, "How Lambda handles
// errors and retries with asynchronous invocation".
const (
	usualRetries = 2
	usualAge     = 6 * time.Hour
	firstRetry   = time.Minute     // after a function failed
	laterRetry   = 2 * time.Minute // after it failed again
	mostThrottle = 5 * time.Minute // between tries of what there is no room for; from 1 s on, doubled
)

// queue keeps an asynchronous invocation; it is done once this has answered, also after a kill.
func (s *Service) queue(r ref, c function.Call) error {
	if _, err := s.target(r); err != nil {
		return err
	}
	return s.store.Update(func(tx *store.Tx) error { return s.keep(tx, r, c) })
}

// Enqueue has a function invoked asynchronously once the caller's transaction is over. It is a port for
// other rooms.
func (s *Service) Enqueue(tx *store.Tx, scope names.Scope, name string, payload []byte) error {
	r, err := parse(scope, name, "")
	if err != nil {
		return err
	}
	if _, err := s.version(tx, r); err != nil {
		return err
	}
	return s.keep(tx, r, function.Call{Payload: payload})
}

func (s *Service) keep(tx *store.Tx, r ref, c function.Call) error {
	f, err := s.function(tx, r)
	if err != nil {
		return err
	}
	rule := f.asyncRule(r.qualifier)
	id := c.RequestID
	if id == "" {
		id = s.o.IDs.UUID()
	}
	s.events.Put(tx, Event{
		ID: id, Function: r.arn(), Qualifier: r.qualifier, Payload: c.Payload, Context: c.Context, Due: tx.Now(), Expires: tx.Now().Add(rule.age()),
	})
	return nil
}

// asyncRule gives the rule of a qualifier, or AWS's own.
func (f *Function) asyncRule(qualifier string) AsyncRule {
	if qualifier == latest {
		qualifier = ""
	}
	for _, r := range f.AsyncRules {
		if r.Qualifier == qualifier {
			return r
		}
	}
	return AsyncRule{}
}

func (r AsyncRule) age() time.Duration {
	if r.Age == nil {
		return usualAge
	}
	return time.Duration(*r.Age) * time.Second
}

func (r AsyncRule) retries() int {
	if r.Retries == nil {
		return usualRetries
	}
	return int(*r.Retries)
}

// eventKeeper has events invoked when they are due.
type eventKeeper struct{ *Service }

// Name is "lambda.event".
func (k *eventKeeper) Name() string { return "lambda.event" }

// Watches are the events.
func (k *eventKeeper) Watches() []cloud.Watch {
	return []cloud.Watch{cloud.On(k.events, func(e *Event) string { return e.ID })}
}

// Keep asks for the invocation of an event that is due.
func (k *eventKeeper) Keep(tx *store.Tx, id string) (cloud.Result, error) {
	e, ok := k.events.Get(tx, id)
	if !ok {
		return cloud.Result{}, nil
	}
	if e.Due.After(tx.Now()) {
		return cloud.Result{Wake: e.Due}, nil
	}
	return cloud.Result{Jobs: []cloud.Job{{Key: "invoke " + e.Function + " for " + id, Do: func(ctx context.Context) (cloud.Fact, error) { return k.do(ctx, e) }}}}, nil
}

// do invokes an event once and says what becomes of it. An invocation that a stop of the cloud cut
// off is done again after the next start.
func (k *eventKeeper) do(ctx context.Context, e Event) (cloud.Fact, error) {
	a, _ := names.ParseARN(e.Function)
	r := ref{a.Scope(), strings.TrimPrefix(a.Resource, "function:"), e.Qualifier}
	_, res, err := k.run(ctx, r, function.Call{RequestID: e.ID, Payload: e.Payload, Context: e.Context})
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	throttled := false
	if _, ok := errors.AsType[*types.TooManyRequestsException](err); ok {
		throttled = true
	} else if err != nil {
		k.o.Log.Warn("an asynchronous invocation is given up", "function", r.qualified(), "request", e.ID, "err", err)
	}
	return func(tx *store.Tx) error {
		now, ok := k.events.Get(tx, e.ID)
		if !ok {
			return nil
		}
		f, ok := k.functions.Get(tx, e.Function)
		if !ok || err == nil && res.Error == "" || err != nil && !throttled || !now.again(tx.Now(), f.asyncRule(e.Qualifier), throttled) {
			k.events.Delete(tx, e.ID)
			return nil
		}
		k.events.Put(tx, now)
		return nil
	}, nil
}

// again sets when an event is tried again; false means that it is not.
func (e *Event) again(now time.Time, rule AsyncRule, throttled bool) bool {
	wait := firstRetry
	if throttled {
		wait = min(time.Second<<min(e.Throttled, 20), mostThrottle)
		e.Throttled++
	} else {
		if e.Attempts++; e.Attempts > 1 {
			wait = laterRetry
		}
		if e.Attempts > rule.retries() {
			return false
		}
	}
	e.Due = now.Add(wait)
	return e.Due.Before(e.Expires)
}

// PutFunctionEventInvokeConfig says how asynchronous invocations are tried again.
func (s *Service) PutFunctionEventInvokeConfig(ctx context.Context, in *lambda.PutFunctionEventInvokeConfigInput) (*lambda.PutFunctionEventInvokeConfigOutput, error) {
	return s.putRule(ctx, in, func(AsyncRule, bool) (AsyncRule, error) { return AsyncRule{}, nil })
}

// UpdateFunctionEventInvokeConfig changes what a request names of that.
func (s *Service) UpdateFunctionEventInvokeConfig(ctx context.Context, in *lambda.UpdateFunctionEventInvokeConfigInput) (*lambda.UpdateFunctionEventInvokeConfigOutput, error) {
	out, err := s.putRule(ctx, (*lambda.PutFunctionEventInvokeConfigInput)(in), func(was AsyncRule, there bool) (AsyncRule, error) {
		if !there {
			return was, missing("The function " + value(in.FunctionName) + " doesn't have an EventInvokeConfig")
		}
		return was, nil
	})
	return (*lambda.UpdateFunctionEventInvokeConfigOutput)(out), err
}

func (s *Service) putRule(ctx context.Context, in *lambda.PutFunctionEventInvokeConfigInput, from func(AsyncRule, bool) (AsyncRule, error)) (out *lambda.PutFunctionEventInvokeConfigOutput, err error) {
	for _, n := range []struct {
		member      string
		value       *int32
		least, most int32
	}{{"maximumRetryAttempts", in.MaximumRetryAttempts, 0, 2}, {"maximumEventAgeInSeconds", in.MaximumEventAgeInSeconds, 60, 21600}} {
		switch {
		case n.value == nil:
		case *n.value < n.least:
			return nil, violated(fmt.Sprint(*n.value), n.member, fmt.Sprintf("Member must have value greater than or equal to %d", n.least))
		case *n.value > n.most:
			return nil, violated(fmt.Sprint(*n.value), n.member, fmt.Sprintf("Member must have value less than or equal to %d", n.most))
		}
	}
	return out, s.change(ctx, in.FunctionName, in.Qualifier, func(tx *store.Tx, r ref, f *Function) error {
		f.AsyncRules = slices.Clone(f.AsyncRules)
		i := ruleAt(f, r.qualifier)
		var was AsyncRule
		if i >= 0 {
			was = f.AsyncRules[i]
		}
		rule, err := from(was, i >= 0)
		if err != nil {
			return err
		}
		rule.Qualifier, rule.Modified = ruleOf(r.qualifier), tx.Now()
		if in.MaximumRetryAttempts != nil {
			rule.Retries = in.MaximumRetryAttempts
		}
		if in.MaximumEventAgeInSeconds != nil {
			rule.Age = in.MaximumEventAgeInSeconds
		}
		if d := in.DestinationConfig; d != nil {
			if d.OnSuccess != nil {
				rule.OnSuccess = value(d.OnSuccess.Destination)
			}
			if d.OnFailure != nil {
				rule.OnFailure = value(d.OnFailure.Destination)
			}
		}
		if i < 0 {
			f.AsyncRules = append(f.AsyncRules, rule)
		} else {
			f.AsyncRules[i] = rule
		}
		out = rule.output(r)
		return nil
	})
}

// ruleOf gives the qualifier a rule is kept under.
func ruleOf(qualifier string) string {
	if qualifier == latest {
		return ""
	}
	return qualifier
}

func ruleAt(f *Function, qualifier string) int {
	return slices.IndexFunc(f.AsyncRules, func(r AsyncRule) bool { return r.Qualifier == ruleOf(qualifier) })
}

// output shows a rule.
func (r AsyncRule) output(of ref) *lambda.PutFunctionEventInvokeConfigOutput {
	if of.qualifier == "" {
		of.qualifier = latest
	}
	out := &lambda.PutFunctionEventInvokeConfigOutput{
		FunctionArn: aws.String(of.qualified()), LastModified: aws.Time(r.Modified), MaximumRetryAttempts: r.Retries, MaximumEventAgeInSeconds: r.Age,
		DestinationConfig: &types.DestinationConfig{OnSuccess: &types.OnSuccess{}, OnFailure: &types.OnFailure{}},
	}
	if r.OnSuccess != "" {
		out.DestinationConfig.OnSuccess.Destination = aws.String(r.OnSuccess)
	}
	if r.OnFailure != "" {
		out.DestinationConfig.OnFailure.Destination = aws.String(r.OnFailure)
	}
	return out
}

// GetFunctionEventInvokeConfig tells how asynchronous invocations are tried again.
func (s *Service) GetFunctionEventInvokeConfig(ctx context.Context, in *lambda.GetFunctionEventInvokeConfigInput) (*lambda.GetFunctionEventInvokeConfigOutput, error) {
	r, f, err := s.look(ctx, in.FunctionName, in.Qualifier)
	if err != nil {
		return nil, err
	}
	i := ruleAt(&f, r.qualifier)
	if i < 0 {
		return nil, missing("The function " + r.qualified() + " doesn't have an EventInvokeConfig")
	}
	return (*lambda.GetFunctionEventInvokeConfigOutput)(f.AsyncRules[i].output(r)), nil
}

// DeleteFunctionEventInvokeConfig takes the rule back.
func (s *Service) DeleteFunctionEventInvokeConfig(ctx context.Context, in *lambda.DeleteFunctionEventInvokeConfigInput) (*lambda.DeleteFunctionEventInvokeConfigOutput, error) {
	return &lambda.DeleteFunctionEventInvokeConfigOutput{}, s.change(ctx, in.FunctionName, in.Qualifier, func(_ *store.Tx, r ref, f *Function) error {
		i := ruleAt(f, r.qualifier)
		if i < 0 {
			return missing("The function " + r.qualified() + " doesn't have an EventInvokeConfig")
		}
		f.AsyncRules = slices.Delete(slices.Clone(f.AsyncRules), i, i+1)
		return nil
	})
}
