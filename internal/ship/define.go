package ship

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/slipway-ecs/slipway/internal/fail"
	"github.com/slipway-ecs/slipway/internal/sdk"
)

// draft works out the definition that is to run, and refuses what it cannot be, before anything is done.
func (w *work) draft(ctx context.Context) error {
	if w.r.Revision != "" {
		return nil
	}
	base, current, err := w.base(ctx)
	if err != nil {
		return err
	}
	changes, err := edit(base, w.r)
	if err != nil {
		return err
	}
	if w.r.Plan != nil { // it was made with the digests
		pinned, err := pin(ctx, base, w.r)
		if err != nil {
			return err
		}
		changes = append(changes, pinned...)
		if err := CheckWanted(w.r.Plan, base, w.wanted, w.r.Count); err != nil {
			return err
		}
	}
	if w.r.Task == nil { // else what was edited is the file's and not what runs
		w.changes(changes)
	}
	w.definition, w.current = base, current
	w.following, err = w.underWay(ctx, base, current)
	return err
}

func (w *work) changes(all []string) {
	for _, c := range all {
		w.say(Event{Kind: KindChange, Text: c})
	}
}

// define finds or registers the revision that was drafted. Tags are pinned only here: hooks before it may
// push images.
func (w *work) define(ctx context.Context) error {
	pinned, err := pin(ctx, w.definition, w.r)
	if err != nil {
		return err
	}
	if w.r.Task == nil {
		w.changes(pinned)
	}
	if w.current != nil && same(w.current, w.definition) {
		w.arn = text(w.current["taskDefinitionArn"])
		w.say(Event{Kind: KindUnchanged, Revision: last(w.arn), Text: fmt.Sprintf("%s is already what is wanted: no new revision", last(w.arn))})
		w.out.Revision = w.arn
		return nil
	}
	if w.r.Task != nil && w.current != nil {
		for _, c := range definitionChanges(w.current, w.definition, false) {
			w.say(Event{Kind: KindChange, Text: c.said()})
		}
	}
	tag(w.definition, w.r.Tags)
	arn, err := w.register(ctx, text(w.current["taskDefinitionArn"]))
	if err != nil {
		return err
	}
	w.arn, w.out.Revision = arn, arn
	return nil
}

// base gives the definition to edit, as Register takes it, and the live one as it was described;
// that is nil for a service that does not exist yet.
func (w *work) base(ctx context.Context) (base, current sdk.Tree, err error) {
	ref := w.out.Previous
	if w.live == nil && w.r.Task == nil {
		created, err := sdk.ReadTree(w.r.Create)
		if err != nil {
			return nil, nil, err
		}
		if ref = text(created["taskDefinition"]); ref == "" {
			return nil, nil, fail.New("service.no_definition", "give it a 'task:'", "service %q is to be created and names no task definition", w.out.Service)
		}
	}
	if ref != "" {
		definition, tags, err := w.api.Definition(ctx, ref)
		if err != nil {
			return nil, nil, sdk.Explain(err, "describe task definition "+last(ref))
		}
		current = definition
		base = clean(definition, tags)
	}
	if w.r.Task != nil {
		if base, err = sdk.ReadTree(w.r.Task); err != nil {
			return nil, nil, err
		}
		base = clean(base, nil)
	}
	return base, current, nil
}

// register makes the revision, at most once: where an answer is lost, or an earlier run got as
// far as this, the family's newest revision is it already. known is the live revision's ARN.
func (w *work) register(ctx context.Context, known string) (string, error) {
	family := text(w.definition["family"])
	if family == "" {
		return "", fail.New("definition.family", "add \"family\"", "the task definition has no family")
	}
	look := func() (string, error) {
		newest, _, err := w.api.Definition(ctx, family)
		if err != nil {
			return "", err
		}
		if arn := text(newest["taskDefinitionArn"]); arn != known && same(newest, w.definition) {
			return arn, nil
		}
		return "", nil
	}
	// A family nobody has registered yet is described with an error.
	if arn, err := look(); err == nil && arn != "" {
		w.say(Event{Kind: KindUnchanged, Revision: last(arn), Text: fmt.Sprintf("%s is registered already: no new revision", last(arn))})
		return arn, nil
	}
	var arn string
	err := w.write(ctx, "register task definition "+family, func() (err error) {
		sent, done := finish(ctx)
		defer done()
		arn, err = w.api.Register(sent, w.definition)
		return err
	}, func() (bool, error) {
		found, err := look()
		if found != "" {
			arn = found
		}
		return found != "", err
	})
	if err != nil {
		return "", err
	}
	w.say(Event{Kind: KindRegistered, Revision: last(arn), Text: "registered " + last(arn)})
	return arn, nil
}

// answers are the members of a described task definition that registering does not accept.
//
// Source: the ECS model, TaskDefinition against RegisterTaskDefinitionRequest.
var answers = []string{"taskDefinitionArn", "revision", "status", "requiresAttributes", "compatibilities",
	"registeredAt", "registeredBy", "deregisteredAt", "deleteRequestedAt"}

// clean gives a definition as registering takes it: without what only answers have, without
// nulls, with its tags. The tree it is given stays as it is.
func clean(definition sdk.Tree, tags []any) sdk.Tree {
	out, ok := withoutNulls(definition).(sdk.Tree)
	if !ok {
		return sdk.Tree{}
	}
	for _, a := range answers {
		delete(out, a)
	}
	if len(tags) > 0 {
		out["tags"] = withoutNulls(tags)
	}
	return out
}

// tag sets tags of a definition, each key once.
func tag(definition sdk.Tree, tags map[string]string) {
	list, ok := definition["tags"].([]any)
	if !ok {
		list = nil // absent
	}
	for _, key := range sorted(tags) {
		list = slices.DeleteFunc(slices.Clone(list), func(v any) bool {
			pair, ok := v.(sdk.Tree)
			return ok && text(pair["key"]) == key
		})
		list = append(list, sdk.Tree{"key": key, "value": tags[key]})
	}
	if len(list) > 0 {
		definition["tags"] = list
	}
}

// withoutNulls copies a tree and leaves nulls out.
func withoutNulls(v any) any {
	switch v := v.(type) {
	case sdk.Tree:
		out := make(sdk.Tree, len(v))
		for k, m := range v {
			if m != nil {
				out[k] = withoutNulls(m)
			}
		}
		return out
	case []any:
		out := make([]any, 0, len(v))
		for _, m := range v {
			if m != nil {
				out = append(out, withoutNulls(m))
			}
		}
		return out
	}
	return v
}

func text(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case json.Number:
		return v.String()
	}
	return ""
}

// sorted gives a map's keys in order.
func sorted[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
