package ecs

import (
	"fmt"
	"strings"
	"unicode"

	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/slipway-ecs/slipway/internal/wire"
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

// unlisted is a value that is not of its member's enumeration. Where the room has words of its own
// they stand; those here follow them and are unconfirmed.
func unlisted(u wire.Unlisted) error {
	path := strings.Split(u.Member, ".")
	name := path[len(path)-1]
	judged := own[path[0]]
	if path[0] == "placementConstraints" && u.Operation == "RegisterTaskDefinition" {
		judged = false // only those of services and tasks are looked at there
	}
	if judged || strings.HasSuffix(u.Operation, "ContainerInstances") || strings.HasSuffix(u.Operation, "ContainerInstancesState") ||
		strings.HasPrefix(u.Operation, "PutAccountSetting") || name == "targetType" {
		return nil
	}
	const words = "Invalid %s: %s"
	if u.Operation != "RegisterTaskDefinition" {
		return invalid(words, spoken(name), u.Wrong)
	}
	if name == "condition" || name == "logDriver" || name == "protocol" {
		return nil
	}
	return refused(words, spoken(name), u.Wrong)
}

// own are members whose enumerations have checks and words of their own.
var own = map[string]bool{
	"deploymentConfiguration": true, "deploymentController": true, "placementConstraints": true, "placementStrategy": true,
	"networkMode": true, "pidMode": true, "ipcMode": true, "requiresCompatibilities": true,
}

// spoken gives a member's name as words: "desiredStatus" is "desired status".
func spoken(name string) string {
	var b strings.Builder
	for _, r := range name {
		if unicode.IsUpper(r) {
			b.WriteByte(' ')
		}
		b.WriteRune(unicode.ToLower(r))
	}
	return b.String()
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
