package wire

import (
	"context"
	"encoding/json"
)

// Caller is who asks, as the gateway understood it.
type Caller struct {
	Account     string // twelve digits
	Region      string // from the signature's scope, else the gateway's own
	AccessKeyID string // "" where the request was not signed
	RequestID   string // also in the answer's headers
}

// call is what a handler's context carries.
type call struct {
	caller  Caller
	extras  []Extra
	echoes  []Extra
	missing func(operation string) // see NotBuilt; nil outside of services of HTTP
}

type callKey struct{}

// CallerOf gives who asks; the zero Caller outside of a gateway's call.
func CallerOf(ctx context.Context) Caller {
	if c, ok := ctx.Value(callKey{}).(*call); ok {
		return c.caller
	}
	return Caller{}
}

// WithCaller gives a context as a gateway would make it, for tests that call handlers.
func WithCaller(ctx context.Context, c Caller) context.Context {
	return context.WithValue(ctx, callKey{}, &call{caller: c})
}

// Extra is a member of a JSON request that the SDK's structs do not know: it is newer than they
// are. A handler may keep it (it survives encoding/json) and echo it.
type Extra struct {
	Path  []string        `json:"path"` // from the request's root; list indexes from 0 in decimal
	Value json.RawMessage `json:"value"`
}

// ExtrasOf gives the members of the request that the SDK does not know, in the request's order.
func ExtrasOf(ctx context.Context) []Extra {
	if c, ok := ctx.Value(callKey{}).(*call); ok {
		return c.extras
	}
	return nil
}

// Echo has members the SDK does not know written into the answer of this call, below the path at,
// where the answer has no such member. Objects between are made where the answer lacks them; lists
// never are. Only the JSON protocols echo. It may be called several times in one handler, and is
// nothing outside of a gateway's call.
func Echo(ctx context.Context, at []string, extras []Extra) {
	c, ok := ctx.Value(callKey{}).(*call)
	if !ok {
		return
	}
	for _, e := range extras {
		path := make([]string, 0, len(at)+len(e.Path))
		path = append(append(path, at...), e.Path...)
		c.echoes = append(c.echoes, Extra{Path: path, Value: e.Value})
	}
}
