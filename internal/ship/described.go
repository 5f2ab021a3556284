package ship

import (
	"context"
	"fmt"
	"strings"

	"github.com/slipway-ecs/slipway/internal/fail"
	"github.com/slipway-ecs/slipway/internal/sdk"
)

// Described is a live service in the shapes of files.
type Described struct {
	Definition sdk.Tree // as RegisterTaskDefinition takes it
	Service    sdk.Tree // as CreateService takes it
	Account    string
	Count      int
	Scaled     bool // it has no count of its own: a DAEMON
}

// Describe reads a live service and its definition.
func Describe(ctx context.Context, api Live, cluster, name string) (*Described, error) {
	live, err := api.Service(ctx, cluster, name)
	if err != nil {
		return nil, sdk.Explain(err, fmt.Sprintf("describe service %q in cluster %q", name, cluster))
	}
	if live == nil {
		return nil, fail.New("service.not_found", "check the names and the region", "service %q is not in cluster %q", name, cluster)
	}
	d := &Described{Service: ServiceShape(live), Count: number(live["desiredCount"], 0), Scaled: text(live["schedulingStrategy"]) == "DAEMON"}
	if parts := strings.Split(text(live["serviceArn"]), ":"); len(parts) > 4 {
		d.Account = parts[4]
	}
	if !d.Scaled {
		d.Service["desiredCount"] = live["desiredCount"] // for the day it is created anew
	}
	ref := text(live["taskDefinition"])
	if ref == "" {
		return nil, fail.New("service.no_definition", "its controller is EXTERNAL: task sets have the definitions", "service %q has no task definition", name)
	}
	definition, tags, err := api.Definition(ctx, ref)
	if err != nil {
		return nil, sdk.Explain(err, "describe task definition "+last(ref))
	}
	d.Definition = clean(definition, tags)
	for k, v := range d.Definition {
		if list, ok := v.([]any); ok && len(list) == 0 {
			delete(d.Definition, k)
		}
	}
	return d, nil
}
