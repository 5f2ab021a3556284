package ecs

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/slipway-ecs/slipway/internal/cloud"
	"github.com/slipway-ecs/slipway/internal/cloud/page"
	"github.com/slipway-ecs/slipway/internal/names"
	"github.com/slipway-ecs/slipway/internal/store"
	"github.com/slipway-ecs/slipway/internal/wire"
)

// RegisterTaskDefinition makes the next revision of a family (ecs.md 2).
func (s *Service) RegisterTaskDefinition(ctx context.Context, in *ecs.RegisterTaskDefinitionInput) (*ecs.RegisterTaskDefinitionOutput, error) {
	tags, err := tagsIn(in.Tags)
	if err != nil {
		return nil, err
	}
	d, err := s.definitionFrom(in)
	if err != nil {
		return nil, err
	}
	extras, err := json.Marshal(wire.ExtrasOf(ctx))
	if err != nil {
		return nil, fmt.Errorf("keep unknown members: %w", err)
	}
	scope := scopeOf(ctx)
	row := TaskDefinition{Family: text(d.Family), Status: "ACTIVE", Tags: tags, Extras: extras, By: rootARN(scope)}
	if n := len(cloud.Keep(in)); n > maxDefinition { // as it was sent: what is filled in does not count
		return nil, refused(wordTooLarge, n, maxDefinition)
	}
	row.Body = cloud.Keep(d)
	err = s.o.Store.Update(func(tx *store.Tx) error {
		key := familyARN(scope.TaskDefinition(row.Family, 1))
		f, _ := s.families.Get(tx, key)
		f.ARN, f.Name = key, row.Family
		f.Last++
		row.Revision, row.ARN, row.Registered = f.Last, scope.TaskDefinition(row.Family, f.Last), tx.Now()
		s.families.Put(tx, f)
		s.definitions.Put(tx, row)
		return nil
	})
	if err != nil {
		return nil, err
	}
	out := &ecs.RegisterTaskDefinitionOutput{TaskDefinition: row.view()}
	if len(tags) > 0 {
		out.Tags = tagsOut(tags)
	}
	row.echo(ctx)
	return out, nil
}

// parse gives the definition's content; the result is shared and must not be written into.
func (d *TaskDefinition) parse() *types.TaskDefinition {
	v := cloud.Kept[types.TaskDefinition](d.Body)
	return &v
}

// view is the definition as the API shows it.
func (d *TaskDefinition) view() *types.TaskDefinition {
	v := d.parse()
	v.TaskDefinitionArn, v.Revision, v.Status = new(d.ARN), int32(d.Revision), types.TaskDefinitionStatus(d.Status)
	v.RegisteredAt, v.RegisteredBy = new(d.Registered), orNil(d.By)
	if !d.Deregistered.IsZero() {
		v.DeregisteredAt = new(d.Deregistered)
	}
	if !d.DeleteRequested.IsZero() {
		v.DeleteRequestedAt = new(d.DeleteRequested)
	}
	return v
}

// echo has the members the SDK does not know written into the answer's taskDefinition.
func (d *TaskDefinition) echo(ctx context.Context) {
	var extras []wire.Extra
	if len(d.Extras) == 0 {
		return
	}
	if err := json.Unmarshal(d.Extras, &extras); err != nil {
		panic("ecs: kept members cannot be read: " + err.Error())
	}
	wire.Echo(ctx, []string{"taskDefinition"}, extras)
}

// DescribeTaskDefinition describes a revision; a bare family is its newest ACTIVE one.
func (s *Service) DescribeTaskDefinition(ctx context.Context, in *ecs.DescribeTaskDefinitionInput) (*ecs.DescribeTaskDefinitionOutput, error) {
	var row TaskDefinition
	err := s.o.Store.View(func(tx *store.Tx) (err error) {
		row, err = s.findDefinition(tx, scopeOf(ctx), text(in.TaskDefinition))
		return err
	})
	if err == (errNoDefinition{}) {
		return nil, refused("Unable to describe task definition.")
	}
	if err != nil {
		return nil, err
	}
	out := &ecs.DescribeTaskDefinitionOutput{TaskDefinition: row.view()}
	if slices.Contains(in.Include, types.TaskDefinitionFieldTags) {
		out.Tags = tagsOut(row.Tags)
	}
	row.echo(ctx)
	return out, nil
}

// DeregisterTaskDefinition makes a revision INACTIVE; what runs of it goes on (ecs.md 2.2).
func (s *Service) DeregisterTaskDefinition(ctx context.Context, in *ecs.DeregisterTaskDefinitionInput) (*ecs.DeregisterTaskDefinitionOutput, error) {
	if _, _, revision := names.TaskDefinitionRef(text(in.TaskDefinition)); revision == "" {
		return nil, refused("Revision is missing.")
	}
	var row TaskDefinition
	err := s.o.Store.Update(func(tx *store.Tx) (err error) {
		if row, err = s.findDefinition(tx, scopeOf(ctx), text(in.TaskDefinition)); err != nil {
			return err
		}
		if row.Status == "ACTIVE" {
			row.Status, row.Deregistered = "INACTIVE", tx.Now()
			s.definitions.Put(tx, row)
		}
		return nil
	})
	if err == (errNoDefinition{}) {
		return nil, refused(wordNoDefinition)
	}
	if err != nil {
		return nil, err
	}
	row.echo(ctx)
	return &ecs.DeregisterTaskDefinitionOutput{TaskDefinition: row.view()}, nil
}

// DeleteTaskDefinitions marks up to 10 INACTIVE revisions for deletion; what cannot be is in
// failures. A deleted revision goes once nothing refers to it; see definitionKeeper.
func (s *Service) DeleteTaskDefinitions(ctx context.Context, in *ecs.DeleteTaskDefinitionsInput) (*ecs.DeleteTaskDefinitionsOutput, error) {
	if n := len(in.TaskDefinitions); n == 0 || n > 10 {
		return nil, invalid("TaskDefinitions must have between 1 and 10 items.")
	}
	scope := scopeOf(ctx)
	out := &ecs.DeleteTaskDefinitionsOutput{TaskDefinitions: []types.TaskDefinition{}, Failures: []types.Failure{}}
	err := s.o.Store.Update(func(tx *store.Tx) error {
		for _, ref := range in.TaskDefinitions {
			family, revision, _ := names.TaskDefinitionRef(ref)
			if revision == 0 {
				out.Failures = append(out.Failures, types.Failure{Arn: new(ref), Reason: new(wordNoRevision)})
				continue
			}
			arn := scope.TaskDefinition(family, revision)
			row, err := s.findDefinition(tx, scope, ref)
			switch {
			case err != nil:
				out.Failures = append(out.Failures, types.Failure{Arn: new(arn), Reason: new(wordNoDefinition)})
				continue
			case row.Status == "ACTIVE":
				out.Failures = append(out.Failures, types.Failure{Arn: new(arn), Reason: new(wordStillActive)})
				continue
			}
			if row.Status == "INACTIVE" {
				row.Status, row.DeleteRequested = "DELETE_IN_PROGRESS", tx.Now()
				s.definitions.Put(tx, row)
			}
			out.TaskDefinitions = append(out.TaskDefinitions, *row.view())
		}
		return nil
	})
	return out, err
}

// ListTaskDefinitions lists revisions by family and number; familyPrefix is a whole family name.
func (s *Service) ListTaskDefinitions(ctx context.Context, in *ecs.ListTaskDefinitionsInput) (*ecs.ListTaskDefinitionsOutput, error) {
	status := in.Status
	if status == "" {
		status = types.TaskDefinitionStatusActive
	}
	max, err := pageSize(in.MaxResults, 100)
	if err != nil {
		return nil, err
	}
	scope := scopeOf(ctx)
	var rows []TaskDefinition
	err = s.o.Store.View(func(tx *store.Tx) error {
		all := s.definitions.Prefix(tx, scope.ARN("ecs", "task-definition/"))
		if p := text(in.FamilyPrefix); p != "" {
			all = s.definitions.By(tx, "family", familyARN(scope.TaskDefinition(p, 1)))
		}
		for d := range all {
			if d.Status == string(status) {
				rows = append(rows, d)
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	slices.SortFunc(rows, func(a, b TaskDefinition) int {
		return cmp.Or(strings.Compare(a.Family, b.Family), cmp.Compare(a.Revision, b.Revision))
	})
	if in.Sort == types.SortOrderDesc {
		slices.Reverse(rows)
	}
	// A key that rises with the order lets a page begin behind a revision that left the list.
	key := func(d *TaskDefinition) string { return fmt.Sprintf("%s\x00%010d", d.Family, d.Revision) }
	rows, next, err := page.Cut(rows, key, text(in.NextToken), max)
	if err != nil {
		return nil, badToken()
	}
	out := &ecs.ListTaskDefinitionsOutput{TaskDefinitionArns: []string{}, NextToken: orNil(next)}
	for _, d := range rows {
		out.TaskDefinitionArns = append(out.TaskDefinitionArns, d.ARN)
	}
	return out, nil
}

// ListTaskDefinitionFamilies lists families by a prefix of their names; by default ACTIVE ones,
// which have an ACTIVE revision, and INACTIVE ones, which had.
func (s *Service) ListTaskDefinitionFamilies(ctx context.Context, in *ecs.ListTaskDefinitionFamiliesInput) (*ecs.ListTaskDefinitionFamiliesOutput, error) {
	var found []string
	err := s.o.Store.View(func(tx *store.Tx) error {
		for f := range s.families.Prefix(tx, scopeOf(ctx).ARN("ecs", "task-definition/"+text(in.FamilyPrefix))) {
			active := false
			for d := range s.definitions.By(tx, "family", f.ARN) {
				active = active || d.Status == "ACTIVE"
			}
			switch in.Status {
			case types.TaskDefinitionFamilyStatusActive:
				if !active {
					continue
				}
			case types.TaskDefinitionFamilyStatusInactive:
				if active {
					continue
				}
			}
			found = append(found, f.Name)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	slices.Sort(found)
	found, next, err := pageOf(found, in.NextToken, in.MaxResults)
	return &ecs.ListTaskDefinitionFamiliesOutput{Families: found, NextToken: next}, err
}
