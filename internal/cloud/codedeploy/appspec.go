package codedeploy

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"

	ecs "github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/slipway-ecs/slipway/internal/cloud"
	"github.com/slipway-ecs/slipway/internal/source"
)

// Spec is what an AppSpec file for ECS says.
type Spec struct {
	Definition, Container string
	Port                  int
	Platform              string
	Network               json.RawMessage // ecs types.AwsVpcConfiguration; nothing is the service's
	Providers             []Provider
	Hooks                 []Hook // in the file's order
}

// Provider is an item of a capacity provider strategy.
type Provider struct {
	Name         string
	Base, Weight int32
}

// Hook is the function of a life-cycle event.
type Hook struct{ Event, Function string }

// hookEvents are the life-cycle events that may have a hook, in order. Source: codedeploy.md 5.2.
var hookEvents = []string{"BeforeInstall", "AfterInstall", "AfterAllowTestTraffic", "BeforeAllowTraffic", "AfterAllowTraffic"}

// What CodeDeploy says of an AppSpec file. The second is followed by ours: its own are unconfirmed.
const (
	wordNotYAML = "The AppSpec file must be valid JSON or YAML. The input AppSpec file is a not well-formed yaml. The template cannot be parsed."
	wordInvalid = "The AppSpec file that specifies the deployment configuration is missing or has an invalid configuration. "
	wordNoFile  = "An AppSpec file is required, but could not be found in the revision"
)

func badSpec(format string, args ...any) error {
	return refuse("InvalidRevisionException", wordInvalid+format, args...)
}

// parseSpec reads an AppSpec file in YAML or JSON. Keys count without regard to case, as the AWS
// CLI and the GitHub action read them.
//
// Source: codedeploy.md 5.2.
func parseSpec(content string) (Spec, error) {
	if strings.TrimSpace(content) == "" {
		return Spec{}, refuse("InvalidRevisionException", "%s", wordNoFile)
	}
	doc, err := source.Parse("appspec", []byte(content))
	if err != nil {
		if problems, ok := err.(source.Problems); ok && len(problems) > 0 {
			return Spec{}, refuse("InvalidRevisionException", "%s (line %d: %s)", wordNotYAML, problems[0].Line, problems[0].Msg)
		}
		return Spec{}, refuse("InvalidRevisionException", "%s", wordNotYAML)
	}
	root := doc.Root
	if root == nil || root.Kind != source.Map {
		return Spec{}, refuse("InvalidRevisionException", "%s", wordNotYAML)
	}
	version := member(root, "version")
	if version == nil {
		return Spec{}, badSpec("The version is missing; it must be 0.0.")
	}
	if n, err := strconv.ParseFloat(strings.TrimSpace(version.Text), 64); err != nil || n != 0 {
		return Spec{}, badSpec("The version %s is not supported; it must be 0.0.", version.Text)
	}
	resources := member(root, "resources")
	if resources == nil || resources.Kind != source.List || len(resources.Items) == 0 {
		return Spec{}, badSpec("Resources must be a list of one TargetService.")
	}
	if len(resources.Items) > 1 || resources.Items[0].Kind != source.Map || len(resources.Items[0].Keys) != 1 {
		return Spec{}, badSpec("There must be exactly one resource, an Amazon ECS service.")
	}
	spec, err := parseResource(resources.Items[0].Keys[0].Value)
	if err != nil {
		return Spec{}, err
	}
	spec.Hooks, err = parseHooks(member(root, "hooks"))
	return spec, err
}

func parseResource(r *source.Node) (Spec, error) {
	if kind := scalar(member(r, "type")); kind != "AWS::ECS::Service" {
		return Spec{}, badSpec("The type of the resource must be AWS::ECS::Service, and is %q.", kind)
	}
	p := member(r, "properties")
	spec := Spec{Definition: scalar(member(p, "taskdefinition")), Platform: scalar(member(p, "platformversion"))}
	switch {
	case spec.Definition == "":
		return spec, badSpec("TaskDefinition is missing.")
	case strings.HasPrefix(spec.Definition, "<") || strings.Contains(spec.Definition, "PLACEHOLDER"):
		return spec, badSpec("TaskDefinition is still the placeholder %s: put the ARN of a task definition in its place before the deployment is created.", spec.Definition)
	}
	b := member(p, "loadbalancerinfo")
	spec.Container = scalar(member(b, "containername"))
	port := scalar(member(b, "containerport"))
	var err error
	if spec.Port, err = strconv.Atoi(port); spec.Container == "" || err != nil || spec.Port < 1 || spec.Port > 65535 {
		return spec, badSpec("LoadBalancerInfo must have a ContainerName and a ContainerPort.")
	}
	if n := member(p, "networkconfiguration"); n != nil && n.Kind != source.Null {
		v := member(n, "awsvpcconfiguration")
		network := &ecs.AwsVpcConfiguration{
			Subnets: list(member(v, "subnets")), SecurityGroups: list(member(v, "securitygroups")),
			AssignPublicIp: ecs.AssignPublicIp(scalar(member(v, "assignpublicip"))),
		}
		if len(network.Subnets) == 0 || member(v, "securitygroups") == nil || !slices.Contains(network.AssignPublicIp.Values(), network.AssignPublicIp) {
			return spec, badSpec("AwsvpcConfiguration must have Subnets, SecurityGroups and AssignPublicIp, which is ENABLED or DISABLED.")
		}
		spec.Network = cloud.Keep(network)
	}
	if c := member(p, "capacityproviderstrategy"); c != nil && c.Kind != source.Null {
		if c.Kind != source.List {
			return spec, badSpec("CapacityProviderStrategy must be a list.")
		}
		for _, item := range c.Items {
			base, wrongBase := wholeOr0(member(item, "base"))
			weight, wrongWeight := wholeOr0(member(item, "weight"))
			if wrongBase != nil || wrongWeight != nil {
				return spec, badSpec("Base and Weight of a CapacityProviderStrategy item must be whole numbers from 0 on.")
			}
			name := scalar(member(item, "capacityprovider"))
			if name == "" {
				return spec, badSpec("Each item of CapacityProviderStrategy must have a CapacityProvider.")
			}
			spec.Providers = append(spec.Providers, Provider{Name: name, Base: base, Weight: weight})
		}
	}
	return spec, nil
}

// wholeOr0 reads a number that may be left out.
func wholeOr0(n *source.Node) (int32, error) {
	text := scalar(n)
	if text == "" {
		return 0, nil
	}
	v, err := strconv.ParseUint(text, 10, 31)
	return int32(v), err
}

// parseHooks reads the list of hooks, each a map of one event to a function.
func parseHooks(n *source.Node) (hooks []Hook, err error) {
	if n == nil || n.Kind == source.Null {
		return nil, nil
	}
	if n.Kind != source.List {
		return nil, badSpec("Hooks must be a list.")
	}
	for _, item := range n.Items {
		if item.Kind != source.Map {
			return nil, badSpec("Each hook must be a life-cycle event with a Lambda function.")
		}
		for _, k := range item.Keys {
			i := slices.IndexFunc(hookEvents, func(e string) bool { return strings.EqualFold(e, k.Name) })
			function := scalar(k.Value)
			switch {
			case i < 0:
				return nil, badSpec("%s is no life-cycle event with a hook. There are %s.", k.Name, strings.Join(hookEvents, ", "))
			case function == "":
				return nil, badSpec("The hook %s names no Lambda function.", k.Name)
			case slices.ContainsFunc(hooks, func(h Hook) bool { return h.Event == hookEvents[i] }):
				return nil, badSpec("The hook %s stands in the file more than once.", k.Name)
			}
			hooks = append(hooks, Hook{Event: hookEvents[i], Function: function})
		}
	}
	return hooks, nil
}

// member gives a member of a map whatever the case of its name, or nil.
func member(n *source.Node, name string) *source.Node {
	if n == nil {
		return nil
	}
	for _, k := range n.Keys {
		if strings.EqualFold(k.Name, name) {
			return k.Value
		}
	}
	return nil
}

// scalar gives the text of a scalar, "" for anything else.
func scalar(n *source.Node) string {
	if n == nil || n.Kind == source.Map || n.Kind == source.List || n.Kind == source.Null {
		return ""
	}
	return n.Text
}

func list(n *source.Node) (all []string) {
	if n == nil {
		return nil
	}
	for _, item := range n.Items {
		all = append(all, scalar(item))
	}
	return all
}
