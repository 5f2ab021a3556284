package ship

import (
	"encoding/json"
	"reflect"
	"slices"

	"github.com/slipway-ecs/slipway/internal/sdk"
)

// changeable are the members of a service that UpdateService takes and that a 'service' file speaks
// of. desiredCount is not one: 'count' owns it, or autoscaling does.
//
// Source: the ECS model, UpdateServiceRequest.
var changeable = []string{"availabilityZoneRebalancing", "capacityProviderStrategy", "deploymentConfiguration", "enableECSManagedTags",
	"enableExecuteCommand", "healthCheckGracePeriodSeconds", "loadBalancers", "networkConfiguration", "placementConstraints",
	"placementStrategy", "platformVersion", "propagateTags", "serviceConnectConfiguration", "serviceRegistries", "volumeConfigurations", "vpcLatticeConfigurations"}

// notOurs are members of CreateService that others say: flags, the file, or nobody after creation.
var notOurs = []string{"cluster", "serviceName", "taskDefinition", "desiredCount", "clientToken", "tags", "role"}

// controlled are what CodeDeploy owns: UpdateService refuses them where it deploys a service.
//
// Source: house reference ecs.md 3.6.
var controlled = []string{"loadBalancers", "networkConfiguration", "platformVersion", "serviceRegistries", "capacityProviderStrategy"}

// ServiceShape gives a described service in the shape of CreateService, as a 'service' file has it:
// members that have the value ECS gives by itself are left out.
func ServiceShape(live sdk.Tree) sdk.Tree {
	out := sdk.Tree{}
	for _, k := range slices.Concat(changeable, []string{"launchType", "schedulingStrategy", "deploymentController"}) {
		if v := attribute(live, k); v != nil {
			out[k] = withoutNulls(v)
		}
	}
	if list, ok := out["capacityProviderStrategy"].([]any); ok && len(list) > 0 {
		delete(out, "launchType")
	}
	for k, filled := range map[string]string{"schedulingStrategy": "REPLICA", "propagateTags": "NONE", "platformVersion": "LATEST"} {
		if text(out[k]) == filled {
			delete(out, k)
		}
	}
	for k, v := range out {
		if list, ok := v.([]any); ok && len(list) == 0 || v == false {
			delete(out, k)
		}
	}
	if c, ok := out["deploymentController"].(sdk.Tree); ok && text(c["type"]) == "ECS" {
		delete(out, "deploymentController")
	}
	return out
}

// attribute gives a member of a described service; some stand in its primary deployment alone.
func attribute(live sdk.Tree, name string) any {
	if v := live[name]; v != nil {
		return v
	}
	if name != "serviceConnectConfiguration" && name != "volumeConfigurations" && name != "vpcLatticeConfigurations" {
		return nil
	}
	list, ok := live["deployments"].([]any)
	if !ok {
		return nil
	}
	for _, d := range list {
		if t, ok := d.(sdk.Tree); ok && text(t["status"]) == "PRIMARY" {
			return t[name]
		}
	}
	return nil
}

// serviceChanges compares what a 'service' file says with the live service: the differences, and the
// members that UpdateService is to be sent. Members the file leaves out stay as they are, and so do
// members of members.
func serviceChanges(wanted, live sdk.Tree) (changes []Change, update sdk.Tree) {
	update = sdk.Tree{}
	controller := "ECS"
	if c, ok := live["deploymentController"].(sdk.Tree); ok && text(c["type"]) != "" {
		controller = text(c["type"])
	}
	for _, k := range sorted(wanted) {
		if slices.Contains(notOurs, k) || wanted[k] == nil {
			continue
		}
		now, was := compact(withoutNulls(wanted[k])), compact(withoutNulls(attribute(live, k)))
		if empty(now) && empty(was) || covers(was, now) || k == "deploymentController" && covers(was, sdk.Tree{"type": "ECS"}) && covers(now, sdk.Tree{"type": "ECS"}) {
			continue
		}
		if now == false && was == nil || k == "launchType" && was == nil {
			continue
		}
		d := differ{of: "service", values: true}
		d.compare(k, spoken(was, now), now)
		fixed := ""
		switch {
		case !slices.Contains(changeable, k):
			fixed = "cannot be changed once the service is there"
		case controller == "CODE_DEPLOY" && slices.Contains(controlled, k):
			fixed = "CodeDeploy owns it"
		case controller != "ECS":
			fixed = "a deployment by " + controller + " changes no settings: use `aws ecs update-service`"
		default:
			update[k] = wanted[k]
		}
		for _, c := range d.changes {
			c.Fixed = fixed
			changes = append(changes, c)
		}
	}
	return changes, update
}

// covers reports whether everything a wanted value says is true of what there is. Lists must have
// the same items, in any order where they are known by a key, or are plain words.
func covers(was, now any) bool {
	switch n := now.(type) {
	case sdk.Tree:
		w, ok := was.(sdk.Tree)
		if !ok {
			return len(n) == 0 && was == nil
		}
		for k, v := range n {
			if !covers(w[k], v) && !(empty(v) && empty(w[k])) && !(v == false && w[k] == nil) {
				return false
			}
		}
		return true
	case []any:
		w, ok := was.([]any)
		if !ok || len(w) != len(n) {
			return len(n) == 0 && was == nil
		}
		for _, v := range n {
			if !slices.ContainsFunc(w, func(x any) bool { return covers(x, v) }) {
				return false
			}
		}
		return true
	}
	return reflect.DeepEqual(was, now)
}

// spoken gives of what there is those members that the wanted value speaks of.
func spoken(was, now any) any {
	w, a := was.(sdk.Tree)
	n, b := now.(sdk.Tree)
	if !a || !b {
		return was
	}
	out := sdk.Tree{}
	for k, v := range n {
		if w[k] != nil {
			out[k] = spoken(w[k], v)
		}
	}
	return out
}

// encode writes a tree as JSON.
func encode(t sdk.Tree) ([]byte, error) { return json.Marshal(t) }
