// Package shapes holds what the wire cannot derive from the SDK's structs: how members are named
// where no run-time schema says so, the members of unions, the makers of documents, which members
// are required, what enumerations there are, where REST operations live and their members stand,
// and which plain numbers are times.
//
// It is tables and the rule they are exceptions to; it knows nothing of protocols. The rule is
// Member; the generated tables come from the SDK's own sources (go generate). Run-time schemas
// of the SDK, where its package has them, say the names instead.
package shapes

//go:generate go run ./gen

import (
	"reflect"
	"strings"
)

// Names are the names of one member: in JSON, CBOR and REST bodies, in the keys of query requests,
// and in the elements of XML answers.
type Names struct{ Member, In, Out string }

// Service gives the SDK's name of the service a type belongs to ("ecs", "elasticloadbalancingv2"),
// or "" where it is none of the SDK's types.
func Service(t reflect.Type) string {
	_, rest, ok := strings.Cut(t.PkgPath(), "aws-sdk-go-v2/service/")
	if !ok {
		return ""
	}
	name, _, _ := strings.Cut(rest, "/")
	return name
}

// Member gives the names of a struct's field by rule and exception.
//
// The rule: JSON services lower the first letter; query services, REST and CloudWatch use the Go
// name as it is; EC2 uses the Go name in requests and lowers its first letter in answers.
//
// Source: checked against botocore 1.43.11 for every operation of the services known here.
func Member(t reflect.Type, field string) Names {
	service := Service(t)
	key := service + "." + t.Name()
	switch service {
	case "ec2":
		n := Names{Member: field, In: field, Out: lowerFirst(field)}
		if name, ok := ec2In()[t.Name()+"."+field]; ok {
			n.In = name
		}
		if name, ok := ec2Out()[t.Name()+"."+field]; ok {
			n.Out = name
		}
		return n
	case "ecs", "codedeploy", "ecr", "cloudwatchlogs":
		if !capital[key] && !capital[key+"."+field] {
			field = lowerFirst(field)
		}
	case "iam", "sts":
		if small[key+"."+field] {
			field = lowerFirst(field)
		}
	}
	field = strings.TrimSuffix(field, "_")
	return Names{field, field, field}
}

// capital are the types and members of services with small keys whose keys are capital.
var capital = map[string]bool{
	"codedeploy.Tag":                       true,
	"codedeploy.EC2TagFilter":              true,
	"codedeploy.TagFilter":                 true,
	"codedeploy.DeploymentOverview":        true,
	"codedeploy.TagResourceInput":          true,
	"codedeploy.UntagResourceInput":        true,
	"codedeploy.ListTagsForResourceInput":  true,
	"codedeploy.ListTagsForResourceOutput": true,
	"ecr.Tag":                              true,

	"cloudwatchlogs.DescribeDestinationsInput.DestinationNamePrefix": true,
}

// small are the members of services with capital keys whose keys are small.
var small = map[string]bool{
	"iam.ListDelegationRequestsOutput.IsTruncated": true,
	"sts.PolicyDescriptorType.Arn":                 true,
}

// UnionMember gives the name of a union's member from the service and the part of its Go type's
// name behind "Member".
func UnionMember(t reflect.Type, name string) string {
	switch Service(t) {
	case "ecs", "codedeploy", "ecr", "cloudwatchlogs":
		return lowerFirst(name)
	}
	return name
}

// Required gives the Go names of a type's required members; nil where none is.
//
// Source: the SDK's documentation, which ends with "This member is required."
func Required(t reflect.Type) []string { return required()[Service(t)+"."+t.Name()] }

// Epoch says which unit a plain number that is a time counts since 1970.
type Epoch int

// The units; None is a number that is no time.
const (
	None Epoch = iota
	Seconds
	Milliseconds
)

// EpochOf gives the unit of a field that is a time though its type is a number.
//
// Source: the SDK's documentation of CloudWatch Logs, by its words and the fields' names.
func EpochOf(t reflect.Type, field string) Epoch {
	return epochs()[Service(t)+"."+t.Name()+"."+field]
}

// Void reports whether an operation of a query service has no output at all, by the type of its
// input: such an answer has no element for a result.
func Void(in reflect.Type) bool {
	return void()[Service(in)+"."+strings.TrimSuffix(in.Name(), "Input")]
}

// Route is where an operation of a REST service lives.
type Route struct {
	Operation string
	Method    string
	Path      string // "/2015-03-31/functions/{FunctionName}", with a literal query where it has one
	Status    int    // of success, where no member of the answer says otherwise
}

// Routes gives the operations of a REST service by its signing name, as the SDK knows them.
func Routes(signingName string) []Route { return routes()[signingName] }

// At is a part of a REST message.
type At uint8

// The parts. A member stands in the body unless something else is said of it.
const (
	InBody At = iota
	InPath
	InQuery
	InHeader
	InPayload // it is the body
	InStatus  // it is the answer's status
)

// Place is where a member stands in a REST message, and its name there.
type Place struct {
	At   At
	Name string
}

// PlaceOf gives the place of a field of a REST service's input, output or error.
//
// Source: the SDK's serializers.
func PlaceOf(t reflect.Type, field string) Place {
	return places()[Service(t)+"."+t.Name()+"."+field]
}

func lowerFirst(s string) string {
	if s == "" {
		return s
	}
	return strings.ToLower(s[:1]) + s[1:]
}
