package ship

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/slipway-ecs/slipway/internal/fail"
	"github.com/slipway-ecs/slipway/internal/sdk"
	"github.com/slipway-ecs/slipway/internal/wire"
)

// settingsOf gives what a service is to be, in the shape of CreateService: what its 'service' file
// says, and over that what its strategy asks for.
func settingsOf(file sdk.Tree, m Manner) (sdk.Tree, error) {
	out := maps.Clone(file)
	if out == nil {
		out = sdk.Tree{}
	}
	asked, err := treeOf(&ecs.CreateServiceInput{DeploymentConfiguration: m.Configuration, LoadBalancers: m.Balancers})
	if err != nil {
		return nil, err
	}
	if m.Configuration != nil {
		both := sdk.Tree{}
		if said, ok := out["deploymentConfiguration"].(sdk.Tree); ok {
			maps.Copy(both, said)
		}
		if now, ok := asked["deploymentConfiguration"].(sdk.Tree); ok {
			if len(m.Configuration.LifecycleHooks) == 0 {
				delete(now, "lifecycleHooks")
			}
			maps.Copy(both, now)
		}
		out["deploymentConfiguration"] = both
	}
	if m.Balancers != nil {
		out["loadBalancers"] = asked["loadBalancers"]
	}
	return out, nil
}

// withoutOurs gives a described service without the PAUSE hooks that a deploy added for itself.
func withoutOurs(live sdk.Tree) sdk.Tree {
	c, ok := live["deploymentConfiguration"].(sdk.Tree)
	if !ok {
		return live
	}
	hooks, ok := c["lifecycleHooks"].([]any)
	if !ok {
		return live
	}
	s, err := typed(sdk.Tree{"tags": live["tags"], "deploymentConfiguration": c})
	if err != nil || s.DeploymentConfiguration == nil || len(s.DeploymentConfiguration.LifecycleHooks) != len(hooks) {
		return live
	}
	added := strings.Fields(tagsOf(s)[tagPauses])
	own := []any{}
	for i, h := range s.DeploymentConfiguration.LifecycleHooks {
		if !slices.ContainsFunc(added, func(stage string) bool { return onlyPause(h, stage) }) {
			own = append(own, hooks[i])
		}
	}
	c, live = maps.Clone(c), maps.Clone(live)
	c["lifecycleHooks"] = own
	live["deploymentConfiguration"] = c
	return live
}

// wish settles what the service is to be, and how the new revision takes over.
func (w *work) wish(m Manner) error {
	var file sdk.Tree
	if w.r.Create != nil {
		var err error
		if file, err = sdk.ReadTree(w.r.Create); err != nil {
			return err
		}
		if err := wire.UnmarshalStrict(w.r.Create, &ecs.CreateServiceInput{}); err != nil {
			return fail.Wrap(err, "file.service", "its members are those of CreateService", "read the service of %q", w.out.Service)
		}
	}
	wanted, err := settingsOf(file, m)
	if err != nil {
		return err
	}
	w.wanted, w.r.Deployment, w.r.Balancers = wanted, m.Configuration, m.Balancers
	if file["deploymentConfiguration"] != nil {
		in := &ecs.CreateServiceInput{}
		if err := decode(sdk.Tree{"deploymentConfiguration": wanted["deploymentConfiguration"]}, in); err != nil {
			return err
		}
		w.r.Deployment = in.DeploymentConfiguration
	}
	return nil
}

// decode reads a tree into one of the SDK's structs.
func decode(t sdk.Tree, into any) error {
	raw, err := encode(t)
	if err != nil {
		return err
	}
	if err := wire.Unmarshal(raw, into); err != nil {
		return fmt.Errorf("read the service's settings: %w", err)
	}
	return nil
}

// differs compares what a service is to be with what it is: the differences, and the members that
// UpdateService is to be sent.
func (w *work) differs(s *types.Service) ([]Change, sdk.Tree, error) {
	if len(w.wanted) == 0 || s == nil || w.engine != nil {
		return nil, nil, nil
	}
	live, err := treeOf(s)
	if err != nil {
		return nil, nil, err
	}
	changes, update := serviceChanges(w.wanted, withoutOurs(live))
	return changes, update, nil
}

// tellSettings tells what the service's settings will be, and what of the file cannot be.
func (w *work) tellSettings(changes []Change) {
	for _, c := range changes {
		kind := KindChange
		if c.Fixed != "" {
			kind = KindWarning
		}
		w.say(Event{Kind: kind, Text: "service " + c.Line()})
	}
}
