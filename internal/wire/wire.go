// Package wire is the server side of the AWS protocols, written once over the SDK's own structs:
// AWS JSON 1.0 and 1.1, Query, EC2 Query, REST-JSON and Smithy RPC v2 CBOR. S3, which is none of
// them, gets callers, signatures and bodies from here and answers for itself (HTTP).
//
// A Service declares its operations by their handlers' types; a Gateway answers for several on one
// port. Member names come from the SDK's run-time schemas where it has them, else from package
// shapes. wire knows no service's meaning and keeps no state. Nothing here looks methods up by
// name, which would make the linker keep every method of the SDK.
//
// Read Service and Op first, then Gateway, then Shape.
package wire

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"

	"github.com/slipway-ecs/slipway/internal/shapes"
)

// Service is one AWS service's operations on the wire. It is filled by Op while the house is put
// together and does not change once a Gateway serves it.
type Service struct {
	name       string // signing name
	target     string // before the dot of X-Amz-Target; "" where the service has no JSON protocol
	version    string // of AWS JSON: "1.0" or "1.1"
	apiVersion string // of the query protocol; "" where the service has none
	namespace  string // of XML answers
	ec2, rest  bool
	http       *HTTP  // answers for itself
	cbor       bool   // also RPC v2 CBOR, with awsQueryCompatible error codes
	errorSpace string // namespace of error types in JSON and CBOR, with its "#"

	operations map[string]*operation
	routes     []route
	required   func(operation, member string) error
	unlisted   func(Unlisted) error
}

type operation struct {
	name    string
	in, out *Shape // once compile was called
	compile func() // by the first request, so that a start costs no shapes nobody asks for
	void    bool
	call    func(ctx context.Context, in any) (any, error)
	route   *route
}

// NewJSON makes a service of AWS JSON: its signing name, the prefix of X-Amz-Target, and the
// protocol's version, "1.0" or "1.1".
func NewJSON(signingName, targetPrefix, version string) *Service {
	return &Service{name: signingName, target: targetPrefix, version: version, operations: map[string]*operation{}}
}

// NewQuery makes a service of the query protocol: its signing name, the API's version
// ("2015-12-01") and the namespace of its answers.
func NewQuery(signingName, apiVersion, namespace string) *Service {
	return &Service{name: signingName, apiVersion: apiVersion, namespace: namespace, operations: map[string]*operation{}}
}

// NewEC2 makes EC2, whose query protocol is its own: flat lists, and answers without a wrapper.
func NewEC2(apiVersion, namespace string) *Service {
	s := NewQuery("ec2", apiVersion, namespace)
	s.ec2 = true
	return s
}

// NewREST makes a service of REST-JSON. Paths and the places of members come from
// package shapes.
func NewREST(signingName string) *Service {
	s := &Service{name: signingName, rest: true, operations: map[string]*operation{}}
	for _, r := range shapes.Routes(signingName) {
		s.routes = append(s.routes, compileRoute(r))
	}
	// Routes with a literal query, then those with more literal segments, win over the others.
	slices.SortStableFunc(s.routes, func(a, b route) int { return b.weight() - a.weight() })
	return s
}

// NewCloudWatch makes CloudWatch, which speaks JSON 1.0, query and CBOR at once: today's clients
// use all three.
func NewCloudWatch() *Service {
	s := NewQuery("monitoring", "2010-08-01", "http://monitoring.amazonaws.com/doc/2010-08-01/")
	s.target, s.version, s.cbor = "GraniteServiceVersion20100801", "1.0", true
	s.errorSpace = "com.amazonaws.cloudwatch.v2010_08_01#"
	return s
}

// Name gives the service's signing name.
func (s *Service) Name() string { return s.name }

// Operations gives the names of the operations built, sorted.
func (s *Service) Operations() []string {
	names := make([]string, 0, len(s.operations))
	for n := range s.operations {
		names = append(names, n)
	}
	slices.Sort(names)
	return names
}

// Required sets how the service refuses a request that lacks a required member. The member is
// given as AWS writes it: first letter small, "containerDefinitions.1.member.name" inside a list.
// Without it, or where f gives nil, the refusal is ValidationException with AWS's framework words
// (ValidationError in query, MissingParameter in EC2). It gives s back.
func (s *Service) Required(f func(operation, member string) error) *Service {
	s.required = f
	return s
}

// Op adds an operation. Its name is that of the input's type without "Input"; a type named
// otherwise or an operation added twice is a broken invariant of ours and panics.
//
// The handler's output must not be nil where its error is; slices that AWS writes as [] must be
// empty, not nil.
func Op[In, Out any](s *Service, h func(context.Context, *In) (*Out, error)) {
	Declare(s, reflect.TypeFor[In](), reflect.TypeFor[Out](), func(ctx context.Context, v any) (any, error) {
		out, err := h(ctx, v.(*In))
		return out, err
	})
}

// Declare is Op for types known at run time only: in and out are struct types, and the handler
// takes and gives pointers to them. It is for tests that go through all of an SDK's operations.
func Declare(s *Service, in, out reflect.Type, h func(ctx context.Context, in any) (out any, err error)) {
	name, ok := strings.CutSuffix(in.Name(), "Input")
	if !ok || s.operations[name] != nil {
		panic(fmt.Sprintf("wire: operation of %s declared twice, or by a type that is no input: %s", s.name, in))
	}
	op := &operation{name: name, void: shapes.Void(in), call: h}
	op.compile = sync.OnceFunc(func() { op.in, op.out = shapeOf(in), shapeOf(out) })
	for i := range s.routes {
		if s.routes[i].operation == name {
			op.route = &s.routes[i]
		}
	}
	if s.rest && op.route == nil {
		panic(fmt.Sprintf("wire: no path is known for %s of %s", name, s.name))
	}
	s.operations[name] = op
}
