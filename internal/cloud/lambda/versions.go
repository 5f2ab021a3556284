package lambda

import (
	"context"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/slipway-ecs/slipway/internal/cloud/page"
	"github.com/slipway-ecs/slipway/internal/pattern"
	"github.com/slipway-ecs/slipway/internal/store"
	"github.com/slipway-ecs/slipway/internal/wire"
)

func (s *Service) versionOps(w *wire.Service) {
	wire.Op(w, s.PublishVersion)
	wire.Op(w, s.ListVersionsByFunction)
	wire.Op(w, s.CreateAlias)
	wire.Op(w, s.GetAlias)
	wire.Op(w, s.UpdateAlias)
	wire.Op(w, s.DeleteAlias)
	wire.Op(w, s.ListAliases)
}

// publish makes a version of what is unpublished; where nothing has changed since the last one,
// that is given again, as AWS does.
func (s *Service) publish(tx *store.Tx, f Function, now Version, description string) Version {
	v := now
	if description != "" {
		v.Config.Description = description
	}
	if last, ok := s.versions.Get(tx, f.ARN+":"+strconv.Itoa(f.Published)); ok && last.Code == v.Code && reflect.DeepEqual(last.Config, v.Config) {
		return last
	}
	f.Published++
	v.Number = strconv.Itoa(f.Published)
	v.ARN, v.Revision = f.ARN+":"+v.Number, s.o.IDs.UUID()
	s.functions.Put(tx, f)
	s.versions.Put(tx, v)
	return v
}

// PublishVersion keeps the code and configuration of now under a number.
func (s *Service) PublishVersion(ctx context.Context, in *lambda.PublishVersionInput) (*lambda.PublishVersionOutput, error) {
	r, err := refer(ctx, in.FunctionName, nil)
	if err != nil {
		return nil, err
	}
	var v Version
	err = s.store.Update(func(tx *store.Tx) error {
		now, err := s.changeable(tx, r, in.RevisionId)
		if err != nil {
			return err
		}
		if sha := value(in.CodeSha256); sha != "" && sha != now.Code.SHA {
			return invalid(fmt.Sprintf("CodeSHA256 (%s) is different from current CodeSHA256 in $LATEST (%s). Please try again with the CodeSHA256 in $LATEST.", sha, now.Code.SHA))
		}
		f, err := s.function(tx, r)
		if err != nil {
			return err
		}
		v = s.publish(tx, f, now, value(in.Description))
		return nil
	})
	if err != nil {
		return nil, err
	}
	s.settle(v)
	return publishOutput(s.view(v)), nil
}

var aliasForm = pattern.New(`^[a-zA-Z0-9_-]+$`)

func checkAlias(name string) error {
	if _, err := strconv.Atoi(name); err == nil || len(name) > longestQualifier || !aliasForm.MatchString(name) {
		return violated(name, "name", "Member must satisfy regular expression pattern: (?!^[0-9]+$)([a-zA-Z0-9-_]+)")
	}
	return nil
}

// point leads an alias to versions, which must be there.
func (s *Service) point(tx *store.Tx, a *Alias, number *string, routing *types.AliasRoutingConfiguration) error {
	if number != nil {
		a.Version = *number
	}
	if routing != nil {
		a.Weights = routing.AdditionalVersionWeights
	}
	if _, ok := s.versions.Get(tx, a.Function+":"+a.Version); !ok {
		return notFound(a.Function + ":" + a.Version)
	}
	if len(a.Weights) > 1 {
		return invalid(fmt.Sprintf("Number of items in AdditionalVersionWeights cannot be greater than 1: %d", len(a.Weights)))
	}
	for number, weight := range a.Weights { // one at most
		switch {
		case weight < 0 || weight > 1:
			return violated(fmt.Sprintf("{%s=%g}", number, weight), "routingConfig.additionalVersionWeights", "Map value must satisfy constraint: [Member must have value less than or equal to 1.0, Member must have value greater than or equal to 0.0]")
		case a.Version == latest || number == latest:
			return invalid("$LATEST is not supported for an alias pointing to more than 1 version")
		case number == a.Version:
			return invalid(fmt.Sprintf("Invalid function version %s. Function version %s is already included in routing configuration.", number, number))
		}
		if _, ok := s.versions.Get(tx, a.Function+":"+number); !ok {
			return notFound(a.Function + ":" + number)
		}
	}
	return nil
}

// CreateAlias makes a name for a version.
func (s *Service) CreateAlias(ctx context.Context, in *lambda.CreateAliasInput) (*lambda.CreateAliasOutput, error) {
	r, err := refer(ctx, in.FunctionName, nil)
	if err != nil {
		return nil, err
	}
	if err := checkAlias(*in.Name); err != nil {
		return nil, err
	}
	var a Alias
	err = s.store.Update(func(tx *store.Tx) error {
		if _, err := s.function(tx, r); err != nil {
			return err
		}
		a = Alias{ARN: r.arn() + ":" + *in.Name, Function: r.arn(), Name: *in.Name, Description: value(in.Description), Revision: s.o.IDs.UUID()}
		if _, there := s.aliases.Get(tx, a.ARN); there {
			return conflict("Alias already exists: " + a.ARN)
		}
		if err := s.point(tx, &a, in.FunctionVersion, in.RoutingConfig); err != nil {
			return err
		}
		s.aliases.Put(tx, a)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return (*lambda.CreateAliasOutput)(a.output()), nil
}

// alias finds an alias of a function.
func (s *Service) alias(tx *store.Tx, r ref, name string) (Alias, error) {
	if _, err := s.function(tx, ref{r.scope, r.name, ""}); err != nil {
		return Alias{}, err
	}
	a, ok := s.aliases.Get(tx, r.arn()+":"+name)
	if !ok {
		return a, missing("Cannot find alias arn: " + r.arn() + ":" + name)
	}
	return a, nil
}

// GetAlias describes an alias.
func (s *Service) GetAlias(ctx context.Context, in *lambda.GetAliasInput) (*lambda.GetAliasOutput, error) {
	r, err := refer(ctx, in.FunctionName, nil)
	if err != nil {
		return nil, err
	}
	var a Alias
	err = s.store.View(func(tx *store.Tx) error { a, err = s.alias(tx, r, *in.Name); return err })
	if err != nil {
		return nil, err
	}
	return a.output(), nil
}

// UpdateAlias leads an alias elsewhere; what a request leaves out stays.
func (s *Service) UpdateAlias(ctx context.Context, in *lambda.UpdateAliasInput) (*lambda.UpdateAliasOutput, error) {
	r, err := refer(ctx, in.FunctionName, nil)
	if err != nil {
		return nil, err
	}
	var a Alias
	err = s.store.Update(func(tx *store.Tx) error {
		if a, err = s.alias(tx, r, *in.Name); err != nil {
			return err
		}
		if in.RevisionId != nil && *in.RevisionId != a.Revision {
			return stale("GetFunction/GetAlias")
		}
		if in.Description != nil {
			a.Description = *in.Description
		}
		if err := s.point(tx, &a, in.FunctionVersion, in.RoutingConfig); err != nil {
			return err
		}
		a.Revision = s.o.IDs.UUID()
		s.aliases.Put(tx, a)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return (*lambda.UpdateAliasOutput)(a.output()), nil
}

// DeleteAlias removes an alias; one that is not there is no error.
func (s *Service) DeleteAlias(ctx context.Context, in *lambda.DeleteAliasInput) (*lambda.DeleteAliasOutput, error) {
	r, err := refer(ctx, in.FunctionName, nil)
	if err != nil {
		return nil, err
	}
	return &lambda.DeleteAliasOutput{}, s.store.Update(func(tx *store.Tx) error {
		f, err := s.function(tx, r)
		if err != nil {
			return err
		}
		s.aliases.Delete(tx, r.arn()+":"+*in.Name)
		without := func(q string) bool { return q == *in.Name }
		f.Policies = slices.DeleteFunc(slices.Clone(f.Policies), func(p Policy) bool { return without(p.Qualifier) })
		f.AsyncRules = slices.DeleteFunc(slices.Clone(f.AsyncRules), func(a AsyncRule) bool { return without(a.Qualifier) })
		s.functions.Put(tx, f)
		return nil
	})
}

// ListAliases lists a function's aliases, those of one version if asked to.
func (s *Service) ListAliases(ctx context.Context, in *lambda.ListAliasesInput) (*lambda.ListAliasesOutput, error) {
	r, err := refer(ctx, in.FunctionName, nil)
	if err != nil {
		return nil, err
	}
	most, err := limit(in.MaxItems)
	if err != nil {
		return nil, err
	}
	out := &lambda.ListAliasesOutput{Aliases: []types.AliasConfiguration{}}
	err = s.store.View(func(tx *store.Tx) error {
		if _, err := s.function(tx, r); err != nil {
			return err
		}
		all := s.aliasesOf(tx, r.arn())
		if in.FunctionVersion != nil {
			all = slices.DeleteFunc(all, func(a Alias) bool {
				_, too := a.Weights[*in.FunctionVersion]
				return a.Version != *in.FunctionVersion && !too
			})
		}
		rows, next, err := page.Cut(all, func(a *Alias) string { return a.ARN }, value(in.Marker), most)
		if err != nil {
			return badMarker(in.Marker)
		}
		for _, a := range rows {
			v := a.output()
			out.Aliases = append(out.Aliases, types.AliasConfiguration{
				AliasArn: v.AliasArn, Name: v.Name, FunctionVersion: v.FunctionVersion, Description: v.Description, RevisionId: v.RevisionId, RoutingConfig: v.RoutingConfig,
			})
		}
		out.NextMarker = marker(next)
		return nil
	})
	return out, err
}

// output shows an alias.
func (a Alias) output() *lambda.GetAliasOutput {
	out := &lambda.GetAliasOutput{
		AliasArn: aws.String(a.ARN), Name: aws.String(a.Name), FunctionVersion: aws.String(a.Version), Description: aws.String(a.Description), RevisionId: aws.String(a.Revision),
	}
	if len(a.Weights) > 0 {
		out.RoutingConfig = &types.AliasRoutingConfiguration{AdditionalVersionWeights: a.Weights}
	}
	return out
}

// choose picks one of the versions an alias leads to, by their weights.
func (a Alias) choose(chance float64) string {
	for _, number := range slices.Sorted(maps.Keys(a.Weights)) {
		if chance -= a.Weights[number]; chance < 0 {
			return number
		}
	}
	return a.Version
}
