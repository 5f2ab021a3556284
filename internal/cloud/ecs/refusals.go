package ecs

import (
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// invalid is an argument ECS refuses: a malformed identifier, a value out of range.
func invalid(format string, args ...any) error {
	return &types.InvalidParameterException{Message: new(fmt.Sprintf(format, args...))}
}

// refused is content ECS refuses: a task definition that cannot be.
func refused(format string, args ...any) error {
	return &types.ClientException{Message: new(fmt.Sprintf(format, args...))}
}

// unsupported is what this cloud does not serve, or ECS does not in this place.
func unsupported(format string, args ...any) error {
	return &types.UnsupportedFeatureException{Message: new(fmt.Sprintf(format, args...))}
}

// badToken is a nextToken that is none of ours.
//
// The words are unconfirmed.
func badToken() error { return invalid("Invalid token.") }

// missingMember is a request without a member that it must have: of the class ECS gives for that
// kind of call (ecs.md 2.5). The words follow those of "Container.name" there and are unconfirmed.
func missingMember(operation, member string) error {
	const words = "%s%s should not be null or empty."
	if operation == "RegisterTaskDefinition" {
		return refused(words, strings.ToUpper(member[:1]), member[1:])
	}
	return invalid(words, strings.ToUpper(member[:1]), member[1:])
}

// missing is the entry in failures[] for what is not there (ecs.md 9.5).
func missing(arn string) types.Failure {
	return types.Failure{Arn: new(arn), Reason: new("MISSING")}
}

// lenient says whether something AWS refuses only for its surroundings is accepted, and warns.
func (s *Service) lenient(format string, args ...any) bool {
	if !s.o.Lenient {
		return false
	}
	if s.o.Warn != nil {
		s.o.Warn(fmt.Sprintf(format, args...))
	}
	return true
}
