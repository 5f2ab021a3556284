package wire

import (
	"errors"
	"reflect"
	"strings"

	smithy "github.com/aws/smithy-go"

	"github.com/slipway-ecs/slipway/internal/shapes"
)

// Fault says whose mistake an error is.
type Fault int

// The faults. The zero Fault is the client's.
const (
	ClientFault Fault = iota
	ServerFault
)

// Error is an AWS error that the SDK has no type for (ValidationError, InvalidAction,
// ClientException, …). Errors it has types for are returned as those types.
type Error struct {
	Code    string // as it stands on the wire
	Message string
	Status  int // of HTTP; 0 means 400, or 500 for a server's fault
	Fault   Fault
}

// Error gives code and message.
func (e *Error) Error() string { return e.Code + ": " + e.Message }

// ErrorCode gives the code; with ErrorMessage and ErrorFault it makes Error a smithy.APIError.
func (e *Error) ErrorCode() string { return e.Code }

// ErrorMessage gives the message.
func (e *Error) ErrorMessage() string { return e.Message }

// ErrorFault gives the fault in the SDK's terms.
func (e *Error) ErrorFault() smithy.ErrorFault {
	if e.Fault == ServerFault {
		return smithy.FaultServer
	}
	return smithy.FaultClient
}

// failure is an error on its way to the wire.
type failure struct {
	code       string // the type's name, or the code of an error without one
	queryCode  string // what the query protocol calls it
	message    string
	status     int // of HTTP in REST; elsewhere see statusIn
	queryState int
	server     bool

	value reflect.Value // the SDK's error struct, for its further members; else invalid
	shape *Shape
}

// coral are the codes of errors that AWS's framework gives and the SDK has no types for, in JSON
// and in query.
//
// Source: reference of CloudWatch's error codes; query-compatible services use both names.
var coral = [][2]string{
	{"ValidationException", "ValidationError"},
	{"InvalidParameterValueException", "InvalidParameterValue"},
	{"InvalidParameterCombinationException", "InvalidParameterCombination"},
	{"MissingRequiredParameterException", "MissingParameter"},
	{"LimitExceededFault", "LimitExceeded"},
	{"InvalidFormatFault", "InvalidFormat"},
	{"InternalServiceFault", "InternalServiceError"},
	{"ThrottlingException", "Throttling"},
}

// failureOf makes the failure of a handler's error; ok is false for an ordinary Go error, which is
// our own mistake and not for the client to read.
func (s *Service) failureOf(err error) (f failure, ok bool) {
	api, ok := errors.AsType[smithy.APIError](err)
	if !ok {
		return s.internal(), false
	}
	f = failure{
		code: api.ErrorCode(), message: api.ErrorMessage(), status: 400,
		server: api.ErrorFault() == smithy.FaultServer,
	}
	if f.server {
		f.status = 500
	}
	f.queryCode = f.code
	if own, ok := api.(*Error); ok {
		if own.Status != 0 {
			f.status = own.Status
		}
		if s.cbor {
			for _, pair := range coral {
				if f.code == pair[0] || f.code == pair[1] {
					f.code, f.queryCode = pair[0], pair[1]
				}
			}
		}
		f.queryState = f.status
		return f, true
	}
	v := reflect.ValueOf(api)
	if v.Kind() == reflect.Pointer && !v.IsNil() && v.Elem().Kind() == reflect.Struct {
		f.value, f.shape = v.Elem(), shapeOf(v.Elem().Type())
		status := f.shape.httpState
		if s.rest {
			status = shapes.Status(v.Elem().Type(), f.code)
		}
		if status != 0 {
			f.status = status
		}
		if f.shape.queryCode != "" {
			f.queryCode = f.shape.queryCode
		}
		f.queryState = f.shape.queryState
		if f.queryState == 0 {
			f.queryState = shapes.Status(v.Elem().Type(), f.queryCode)
		}
	}
	if f.queryState == 0 {
		f.queryState = f.status
	}
	return f, true
}

// internal is the failure of our own mistakes, as the service calls its own.
func (s *Service) internal() failure {
	f := failure{code: "InternalFailure", status: 500, queryState: 500, server: true,
		message: "The request processing has failed because of an unknown error, exception or failure."}
	switch s.name {
	case "ecs", "ecr":
		f.code = "ServerException"
	case "lambda":
		f.code = "ServiceException"
	case "monitoring":
		f.code, f.queryCode = "InternalServiceFault", "InternalServiceError"
		return f
	case "ec2":
		f.code = "InternalError"
	}
	f.queryCode = f.code
	return f
}

// isMessage tells the field that holds an error's message, so that the others may follow it.
func (f *failure) isMessage(field *Field) bool { return strings.EqualFold(field.Go, "Message") }

// The wordings of the framework's refusals.
const (
	// unknownAction is what the query services of Elastic Load Balancing and EC2 answer; those of
	// other services are unconfirmed and answer the same.
	unknownAction = "The action %s is not valid for this web service."

	// missingMember is the framework's, over all services; ECS's own words are unconfirmed and the
	// room's to choose.
	missingMember = "1 validation error detected: Value null at '%s' failed to satisfy constraint: Member must not be null"
)
