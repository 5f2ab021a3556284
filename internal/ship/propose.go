package ship

import (
	"context"
	"fmt"
	"maps"

	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/slipway-ecs/slipway/internal/fail"
	"github.com/slipway-ecs/slipway/internal/project"
	"github.com/slipway-ecs/slipway/internal/sdk"
	"github.com/slipway-ecs/slipway/internal/wire"
)

// Live is what is read before anything is changed; *sdk.ECS is it.
type Live interface {
	Service(ctx context.Context, cluster, name string) (sdk.Tree, error)
	Definition(ctx context.Context, ref string) (definition sdk.Tree, tags []any, err error)
}

// Proposal is what a deploy would send, and how that differs from what is there.
type Proposal struct {
	Cluster    string
	Service    string
	Creates    bool           // the service does not exist
	Current    string         // ARN of the revision that runs; "" where none does
	Live       *types.Service // nil where there is none
	Definition sdk.Tree       // the definition that is to run, as RegisterTaskDefinition takes it
	Registers  bool           // false: the current revision says the same already
	Update     sdk.Tree       // as UpdateService takes it, or CreateService where Creates
	Changes    []Change
	Hooks      []Hook   // that we run ourselves
	Pins       bool     // the digests of tags are asked for
	Reads      []string // IAM actions that reading the file took

	wanted sdk.Tree // the settings that are asked for
	count  *int32   // same; nil leaves it
}

// Empty reports whether a deploy would change nothing.
func (p *Proposal) Empty() bool {
	if p.Creates {
		return false
	}
	for _, c := range p.Changes {
		if c.Fixed == "" {
			return false
		}
	}
	return !p.Registers
}

// Propose works out what a deploy of r would send, without sending it. entry is what the file says
// of the service, or nil. values shows environment variables' values in changes. Errors are those
// with which the deploy itself would end before it changes anything.
func Propose(ctx context.Context, api Live, r Request, entry *project.Service, values bool) (*Proposal, error) {
	p := &Proposal{Cluster: last(r.Cluster), Service: last(r.Service), Update: sdk.Tree{}, Hooks: r.Hooks, Pins: r.Pin != nil, Reads: r.Reads, count: r.Count}
	live, err := api.Service(ctx, r.Cluster, r.Service)
	if err != nil {
		return nil, sdk.Explain(err, fmt.Sprintf("describe service %q in cluster %q", r.Service, r.Cluster))
	}
	var wanted sdk.Tree
	if r.Create != nil {
		if wanted, err = sdk.ReadTree(r.Create); err != nil {
			return nil, err
		}
		if err := wire.UnmarshalStrict(r.Create, &ecs.CreateServiceInput{}); err != nil {
			return nil, fail.Wrap(err, "file.service", "its members are those of CreateService", "read the service of %q", p.Service)
		}
	}
	switch {
	case live == nil && r.Create == nil:
		return nil, fail.New("service.not_found", "check the names and the region; a 'service:' file creates a missing service",
			"service %q is not in cluster %q", p.Service, p.Cluster)
	case live == nil:
		p.Creates = true
	default:
		if p.Live, err = typed(live); err != nil {
			return nil, err
		}
		p.Current = text(live["taskDefinition"])
	}
	if err := p.define(ctx, api, r, wanted, values); err != nil {
		return nil, err
	}
	return p, p.serve(r, entry, wanted, live)
}

// typed gives a described service as the SDK has it.
func typed(live sdk.Tree) (*types.Service, error) {
	raw, err := encode(live)
	if err != nil {
		return nil, err
	}
	s := &types.Service{}
	if err := wire.Unmarshal(raw, s); err != nil {
		return nil, fmt.Errorf("read the service: %w", err)
	}
	return s, nil
}

// define works out the definition.
func (p *Proposal) define(ctx context.Context, api Live, r Request, wanted sdk.Tree, values bool) error {
	var current sdk.Tree
	ref := p.Current
	if ref == "" && r.Task == nil {
		if ref = text(wanted["taskDefinition"]); ref == "" {
			return fail.New("service.no_definition", "give it a 'task:'", "service %q is to be created and names no task definition", p.Service)
		}
	}
	if ref != "" {
		definition, tags, err := api.Definition(ctx, ref)
		if err != nil {
			return sdk.Explain(err, "describe task definition "+last(ref))
		}
		current, p.Definition = definition, clean(definition, tags)
	}
	if r.Task != nil {
		tree, err := sdk.ReadTree(r.Task)
		if err != nil {
			return err
		}
		p.Definition = clean(tree, nil)
	}
	if _, err := edit(p.Definition, r); err != nil {
		return err
	}
	if _, err := pin(ctx, p.Definition, r); err != nil {
		return err
	}
	if text(p.Definition["family"]) == "" {
		return fail.New("definition.family", "add \"family\"", "the task definition has no family")
	}
	if p.Registers = current == nil || !same(current, p.Definition); p.Registers {
		p.Changes = definitionChanges(current, p.Definition, values)
		tag(p.Definition, r.Tags)
	}
	return nil
}

// serve works out what the service is to be told.
func (p *Proposal) serve(r Request, entry *project.Service, file, live sdk.Tree) error {
	var m Manner
	if entry != nil {
		balancers, err := BalancersOf(r.Create)
		if err != nil {
			return err
		}
		if m, err = MannerOf(entry, p.Live, balancers); err != nil {
			return err
		}
	}
	wanted, err := settingsOf(file, m)
	if err != nil {
		return err
	}
	p.wanted = wanted
	if p.Creates {
		p.Update = maps.Clone(wanted)
		p.Update["cluster"], p.Update["serviceName"] = r.Cluster, p.Service
	} else {
		changes, update := serviceChanges(wanted, withoutOurs(live))
		p.Changes, p.Update = append(p.Changes, changes...), update
		p.Update["cluster"], p.Update["service"] = r.Cluster, p.Service
	}
	if p.Update["taskDefinition"] = p.Current; p.Registers {
		p.Update["taskDefinition"] = text(p.Definition["family"])
	}
	if r.Count != nil {
		p.Update["desiredCount"] = *r.Count
		if p.Live != nil && p.Live.DesiredCount != *r.Count {
			p.Changes = append(p.Changes, Change{Of: "service", Path: "desiredCount", Was: p.Live.DesiredCount, Now: *r.Count})
		}
	}
	return nil
}

// BalancersOf gives the load balancers of CreateService's input, which is JSON or nil.
func BalancersOf(create []byte) ([]types.LoadBalancer, error) {
	if create == nil {
		return nil, nil
	}
	in := &ecs.CreateServiceInput{}
	if err := wire.Unmarshal(create, in); err != nil {
		return nil, fmt.Errorf("read the load balancers: %w", err)
	}
	return in.LoadBalancers, nil
}

// treeOf gives an SDK struct as what travels.
func treeOf(v any) (sdk.Tree, error) {
	raw, err := wire.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("write what is to be sent: %w", err)
	}
	t, err := sdk.ReadTree(raw)
	if err != nil {
		return nil, err
	}
	out, ok := withoutNulls(t).(sdk.Tree)
	if !ok {
		return sdk.Tree{}, nil
	}
	return out, nil
}
