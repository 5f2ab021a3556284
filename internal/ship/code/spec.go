package code

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/slipway-ecs/slipway/internal/fail"
	"github.com/slipway-ecs/slipway/internal/sdk"
	"github.com/slipway-ecs/slipway/internal/ship"
)

// events are CodeDeploy's hook events with the points they stand for, in order.
//
// Source: house reference codedeploy.md 5.2.
var events = []struct {
	name  string
	point ship.Point
}{
	{"BeforeInstall", ship.PointRegistered}, {"AfterInstall", ship.PointScaled}, {"AfterAllowTestTraffic", ship.PointTestTraffic},
	{"BeforeAllowTraffic", ship.PointBeforeShift}, {"AfterAllowTraffic", ship.PointShifted},
}

// Spec gives the AppSpec, as JSON, that deploys a revision of a service. given is the file's, as
// JSON, or nil: its definition is replaced, whatever stands there, as AWS's own clients do, and
// what it lacks is taken from the service. functions are called at points, by name or ARN.
func Spec(given []byte, live *types.Service, revision string, functions map[ship.Point]string) ([]byte, error) {
	spec := sdk.Tree{}
	if given != nil {
		var err error
		if spec, err = sdk.ReadTree(given); err != nil {
			return nil, err
		}
	}
	if at(spec, "version") == nil {
		spec["version"] = json.Number("0.0")
	}
	properties, err := resource(spec)
	if err != nil {
		return nil, err
	}
	put(properties, "TaskDefinition", revision)
	if at(properties, "LoadBalancerInfo") == nil {
		b := balancer(live)
		if b == nil || b.ContainerName == nil || b.ContainerPort == nil {
			return nil, fail.New("appspec.balancer", "write LoadBalancerInfo into the appspec", "service %q has no target group with a container and a port", aws.ToString(live.ServiceName))
		}
		put(properties, "LoadBalancerInfo", sdk.Tree{"ContainerName": *b.ContainerName, "ContainerPort": *b.ContainerPort})
	}
	if given == nil {
		ofPrimary(properties, live)
	}
	if err := hooks(spec, functions); err != nil {
		return nil, err
	}
	return write(spec)
}

// resource gives the properties of the one resource; it is made where there is none.
func resource(spec sdk.Tree) (sdk.Tree, error) {
	given := at(spec, "Resources")
	list, _ := given.([]any) // anything else is refused below
	if given == nil {
		properties := sdk.Tree{}
		put(spec, "Resources", []any{sdk.Tree{"TargetService": sdk.Tree{"Type": "AWS::ECS::Service", "Properties": properties}}})
		return properties, nil
	}
	if len(list) == 1 {
		if named, ok := list[0].(sdk.Tree); ok && len(named) == 1 {
			for _, v := range named {
				if one, ok := v.(sdk.Tree); ok {
					properties, ok := at(one, "Properties").(sdk.Tree)
					if !ok {
						properties = sdk.Tree{}
						put(one, "Properties", properties)
					}
					return properties, nil
				}
			}
		}
	}
	return nil, fail.New("appspec.resources", "write - TargetService: {Type: AWS::ECS::Service, Properties: …}", "the appspec's Resources are not one named resource")
}

// ofPrimary adds what a new task set takes from the one that serves.
func ofPrimary(properties sdk.Tree, live *types.Service) {
	platform, providers := live.PlatformVersion, live.CapacityProviderStrategy
	if p := serving(live); p != nil {
		if p.PlatformVersion != nil {
			platform = p.PlatformVersion
		}
		if len(p.CapacityProviderStrategy) > 0 {
			providers = p.CapacityProviderStrategy
		}
	}
	if aws.ToString(platform) != "" {
		properties["PlatformVersion"] = *platform
	}
	var list []any
	for _, c := range providers {
		list = append(list, sdk.Tree{"CapacityProvider": aws.ToString(c.CapacityProvider), "Base": c.Base, "Weight": c.Weight})
	}
	if list != nil {
		properties["CapacityProviderStrategy"] = list
	}
}

// hooks adds functions to those the appspec has.
func hooks(spec sdk.Tree, functions map[ship.Point]string) error {
	given := at(spec, "Hooks")
	list, ok := given.([]any)
	if given != nil && !ok {
		return fail.New("appspec.hooks", "write - AfterInstall: FUNCTION, one line for each event", "the appspec's Hooks are not a list")
	}
	for _, e := range events {
		name := functions[e.point]
		if name == "" {
			continue
		}
		if slices.ContainsFunc(list, func(v any) bool { h, ok := v.(sdk.Tree); return ok && at(h, e.name) != nil }) {
			return fail.New("appspec.hooks", "keep one of the two", "the appspec has a hook for %s, and so does slipway.yaml at %s", e.name, e.point)
		}
		list = append(list, sdk.Tree{e.name: name})
	}
	if len(list) > 0 {
		put(spec, "Hooks", list)
	}
	return nil
}

// at gives a member whatever the case of its name, as AWS's clients look it up; nil where there is none.
func at(t sdk.Tree, name string) any {
	for k, v := range t {
		if strings.EqualFold(k, name) {
			return v
		}
	}
	return nil
}

// put sets a member, under the name it has already.
func put(t sdk.Tree, name string, v any) {
	for k := range t {
		if strings.EqualFold(k, name) {
			name = k
		}
	}
	t[name] = v
}

// write gives JSON with the members in the order in which people write them.
func write(spec sdk.Tree) ([]byte, error) {
	names := make([]string, 0, len(spec))
	for k := range spec {
		names = append(names, k)
	}
	place := func(name string) int {
		i := slices.Index([]string{"version", "resources", "hooks"}, strings.ToLower(name))
		if i < 0 {
			return len(spec)
		}
		return i
	}
	slices.SortFunc(names, func(a, b string) int {
		if d := place(a) - place(b); d != 0 {
			return d
		}
		return strings.Compare(a, b)
	})
	var b bytes.Buffer
	for i, k := range names {
		b.WriteByte("{,"[min(i, 1)])
		for j, v := range []any{k, spec[k]} {
			raw, err := json.Marshal(v)
			if err != nil {
				return nil, fmt.Errorf("write the appspec: %w", err)
			}
			if j == 1 {
				b.WriteByte(':')
			}
			b.Write(raw)
		}
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

// definitionOf gives the task definition that an AppSpec's JSON names, or "".
func definitionOf(spec []byte) string {
	t, err := sdk.ReadTree(spec)
	if err != nil {
		return ""
	}
	properties, err := resource(t)
	if err != nil {
		return ""
	}
	s, _ := at(properties, "TaskDefinition").(string) // anything else is none
	return s
}

// serving gives the service's PRIMARY task set, or nil.
func serving(s *types.Service) *types.TaskSet {
	for i := range s.TaskSets {
		if aws.ToString(s.TaskSets[i].Status) == "PRIMARY" {
			return &s.TaskSets[i]
		}
	}
	return nil
}

// Current gives the ARN of the definition that serves.
func Current(s *types.Service) string {
	if p := serving(s); p != nil && p.TaskDefinition != nil {
		return *p.TaskDefinition
	}
	return aws.ToString(s.TaskDefinition)
}

func balancer(s *types.Service) *types.LoadBalancer {
	if p := serving(s); p != nil && len(p.LoadBalancers) > 0 {
		return &p.LoadBalancers[0]
	}
	if len(s.LoadBalancers) > 0 {
		return &s.LoadBalancers[0]
	}
	return nil
}
