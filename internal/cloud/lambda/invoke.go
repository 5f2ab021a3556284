package lambda

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"time"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/slipway-ecs/slipway/internal/launch"
	"github.com/slipway-ecs/slipway/internal/launch/function"
	"github.com/slipway-ecs/slipway/internal/names"
	"github.com/slipway-ecs/slipway/internal/pattern"
	"github.com/slipway-ecs/slipway/internal/store"
	"github.com/slipway-ecs/slipway/internal/wire"
)

// Limits of payloads, in bytes. Source: Lambda quotas.
const (
	mostPayload = 6 << 20
	mostEvent   = 1 << 20
	mostContext = 3583 // of a client's context, in base64; what AWS says of a longer one is unconfirmed
)

// InvokeFunction is the operation Invoke: it invokes a function at once and with its answer, later
// (Event), or not at all (DryRun).
// A function that fails is an answer of status 200 with FunctionError.
func (s *Service) InvokeFunction(ctx context.Context, in *lambda.InvokeInput) (*lambda.InvokeOutput, error) {
	r, err := refer(ctx, in.FunctionName, in.Qualifier)
	if err != nil {
		return nil, err
	}
	payload, err := checkPayload(in)
	if err != nil {
		return nil, err
	}
	client, err := clientContext(in.ClientContext)
	if err != nil {
		return nil, err
	}
	if !s.there(r) {
		if hook, ok := s.o.Hooks.find(r); ok {
			return s.invokeHook(ctx, hook, r, in, payload)
		}
	}
	c := function.Call{RequestID: wire.CallerOf(ctx).RequestID, ARN: r.qualified(), Payload: payload}
	switch in.InvocationType {
	case types.InvocationTypeDryRun:
		_, err := s.target(r)
		return &lambda.InvokeOutput{StatusCode: 204}, err
	case types.InvocationTypeEvent:
		return &lambda.InvokeOutput{StatusCode: 202}, s.queue(r, c)
	}
	c.Context = client // functions see none of an event
	v, res, err := s.run(ctx, r, c)
	if err != nil {
		return nil, err
	}
	out := &lambda.InvokeOutput{StatusCode: 200, Payload: res.Payload, ExecutedVersion: aws.String(v.Number)}
	if res.Error != "" {
		out.FunctionError = &res.Error
	}
	if in.LogType == types.LogTypeTail {
		out.LogResult = aws.String(base64.StdEncoding.EncodeToString(res.Tail))
	}
	return out, nil
}

// checkPayload gives the event, or refuses it.
func checkPayload(in *lambda.InvokeInput) ([]byte, error) {
	switch in.InvocationType {
	case "", types.InvocationTypeEvent, types.InvocationTypeRequestResponse, types.InvocationTypeDryRun:
	default:
		return nil, violated(string(in.InvocationType), "invocationType", "Member must satisfy enum value set: [Event, RequestResponse, DryRun]")
	}
	most := mostPayload
	if in.InvocationType == types.InvocationTypeEvent {
		most = mostEvent
	}
	switch {
	case len(in.Payload) == 0:
		return []byte("{}"), nil
	case len(in.Payload) > most:
		return nil, &types.RequestTooLargeException{Type: aws.String("User"), Message: aws.String(fmt.Sprintf("Request must be smaller than %d bytes for the InvokeFunction operation", most))}
	}
	if why := notJSON(in.Payload); why != "" {
		return nil, &types.InvalidRequestContentException{Type: aws.String("User"), Message: aws.String("Could not parse request body into json: Could not parse payload into json: " + why)}
	}
	return in.Payload, nil
}

// notJSON says what keeps a payload from being JSON, "" where it is. Lambda's words are known of bare words,
// and of bytes that are no text: those are what a payload comes to that was meant to be base64.
func notJSON(payload []byte) string {
	for at := 0; at < len(payload); {
		r, n := utf8.DecodeRune(payload[at:])
		if r == utf8.RuneError && n == 1 {
			return fmt.Sprintf("Invalid UTF-8 start byte 0x%02x", payload[at])
		}
		at += n
	}
	var any json.RawMessage
	err := json.Unmarshal(payload, &any)
	if err == nil {
		return ""
	}
	if word := bareWord.FindAllString(string(bytes.TrimSpace(payload)), 1); len(word) > 0 && !json.Valid([]byte(word[0])) {
		return fmt.Sprintf("Unrecognized token '%s': was expecting (JSON String, Number, Array, Object or token 'null', 'true' or 'false')", word[0])
	}
	return err.Error()
}

var bareWord = pattern.New(`^[A-Za-z_$][A-Za-z0-9_$]*`)

// clientContext gives what a client says of itself, as JSON; "" where it says nothing.
func clientContext(text *string) (string, error) {
	if value(text) == "" {
		return "", nil
	}
	plain, err := base64.StdEncoding.DecodeString(*text)
	var object map[string]json.RawMessage
	if err != nil || json.Unmarshal(plain, &object) != nil || object == nil || len(*text) > mostContext {
		return "", &types.InvalidRequestContentException{Type: aws.String("User"), Message: aws.String("Client context must be a valid Base64-encoded JSON object.")}
	}
	return string(plain), nil
}

// there says that a reference's function exists.
func (s *Service) there(r ref) (ok bool) {
	err := s.store.View(func(tx *store.Tx) error { _, ok = s.functions.Get(tx, r.arn()); return nil })
	return ok && err == nil
}

// chosen is the version that a call runs, and what its function allows.
type chosen struct {
	Version
	reserved *int32
}

// target finds the version that a call by this reference runs; of an alias with weights, one of its
// versions by chance.
func (s *Service) target(r ref) (c chosen, err error) {
	shown := r
	if shown.qualifier == "" {
		shown.qualifier = latest
	}
	err = s.store.View(func(tx *store.Tx) error {
		f, ok := s.functions.Get(tx, r.arn())
		if !ok {
			return notFound(shown.qualified())
		}
		c.reserved = f.Reserved
		if a, ok := s.aliases.Get(tx, shown.qualified()); ok {
			shown.qualifier = a.choose(s.chance())
		}
		if c.Version, ok = s.versions.Get(tx, shown.qualified()); !ok {
			return notFound(shown.qualified())
		}
		return nil
	})
	return c, err
}

// run invokes a version now.
func (s *Service) run(ctx context.Context, r ref, call function.Call) (chosen, function.Result, error) {
	c, err := s.target(r)
	if err != nil {
		return c, function.Result{}, err
	}
	leave, err := s.enter(c)
	if err != nil {
		return c, function.Result{}, err
	}
	defer leave()
	if call.ARN == "" {
		call.ARN = r.qualified()
	}
	res, err := s.runner.Invoke(ctx, s.spec(r, c.Version), call)
	if none, ok := errors.AsType[*function.NoRuntime](err); ok {
		return c, res, &types.InvalidRuntimeException{Type: aws.String("Server"), Message: aws.String(none.Error())}
	}
	if errors.Is(err, function.ErrClosed) {
		return c, res, &types.ServiceException{Type: aws.String("Service"), Message: aws.String("slipway local is being stopped")}
	}
	return c, res, err
}

// spec says how a version runs.
func (s *Service) spec(r ref, v Version) function.Spec {
	a, _ := names.ParseARN(v.Function)
	return function.Spec{
		ID: v.ARN, Revision: v.Revision, Scope: r.scope, Name: r.name, Version: v.Number, Runtime: v.Config.Runtime, Handler: v.Config.Handler,
		Root: s.codes.root(v.Code.SHA), Timeout: time.Duration(v.Config.Timeout) * time.Second, MemoryMiB: int(v.Config.MemorySize), Env: v.Config.Env,
		LogGroup: v.Config.LogGroup, RuntimeARN: runtimeARN(a, v.Config.Runtime),
	}
}

// enter counts a call, if the function may have one more at once; leave counts it out.
func (s *Service) enter(c chosen) (leave func(), err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	key, most, reason := c.Function, int32(accountConcurrency), types.ThrottleReasonConcurrentInvocationLimitExceeded
	if c.reserved != nil {
		most, reason = *c.reserved, types.ThrottleReasonReservedFunctionConcurrentInvocationLimitExceeded
	}
	if s.busy[key] >= int(most) {
		return nil, &types.TooManyRequestsException{Type: aws.String("User"), Message: aws.String("Rate Exceeded."), Reason: reason}
	}
	s.busy[key]++
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.busy[key]--; s.busy[key] == 0 {
			delete(s.busy, key)
		}
	}, nil
}

// Invoke invokes a function and gives its answer: a function's name or ARN, with or without a
// qualifier, or what --hooks stands for. A function that fails answers its error and functionError
// says "Unhandled"; err is that it could not be invoked. It is a port for other rooms; hands call it.
func (s *Service) Invoke(ctx context.Context, scope names.Scope, name string, payload []byte) (answer []byte, functionError string, err error) {
	r, err := parse(scope, name, "")
	if err != nil {
		return nil, "", err
	}
	if !s.there(r) {
		if hook, ok := s.o.Hooks.find(r); ok {
			return hook.run(ctx, s.o.Host, payload)
		}
	}
	_, res, err := s.run(ctx, r, function.Call{RequestID: s.o.IDs.UUID(), Payload: payload})
	return res.Payload, res.Error, err
}

// write puts what functions say into their log. A group or stream that was deleted is made again.
func (s *Service) write(ctx context.Context, to function.Stream, lines []launch.Line) error {
	err := s.o.Logs.Append(ctx, to.Scope, to.Group, to.Name, to.Start, lines)
	if err == nil {
		return nil
	}
	if _, err := s.o.Logs.Resume(ctx, to.Scope, to.Group, to.Name, to.Start, true); err != nil {
		return err
	}
	return s.o.Logs.Append(ctx, to.Scope, to.Group, to.Name, to.Start, lines)
}
