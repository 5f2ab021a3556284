package ssm

import (
	"cmp"
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"github.com/slipway-ecs/slipway/internal/names"
	"github.com/slipway-ecs/slipway/internal/pattern"
	"github.com/slipway-ecs/slipway/internal/store"
	"github.com/slipway-ecs/slipway/internal/wire"
)

// The limits of parameters. Source: Systems Manager user guide, "Managing parameter tiers", and the
// API reference of PutParameter.
const (
	longestName    = 1011
	deepestPath    = 15
	standardValue  = 4096
	advancedValue  = 8192
	mostVersions   = 100
	mostParameters = 10
)

const standardKey = "alias/aws/ssm"

var nameRule = pattern.New(`^[a-zA-Z0-9_.\-/]+$`)

func scopeOf(ctx context.Context) names.Scope {
	c := wire.CallerOf(ctx)
	return names.Scope{Account: c.Account, Region: c.Region}
}

// checkName refuses names that AWS does.
func checkName(name string) error {
	reserved := func(s string) bool {
		s = strings.ToLower(s)
		return strings.HasPrefix(s, "aws") || strings.HasPrefix(s, "ssm")
	}
	switch {
	case len(name) > longestName:
		return invalid("Parameter name length is over the limit of %d characters", longestName)
	case strings.Contains(name, "/") && !strings.HasPrefix(name, "/"):
		return invalid("Parameter name must be a fully qualified name.")
	case strings.HasPrefix(name, "/aws/") || name == "/aws":
		return &wire.Error{Code: "AccessDeniedException", Message: "No access to reserved parameter name: " + name + "."}
	case !strings.HasPrefix(name, "/") && reserved(name):
		return invalid(wordPrefix)
	case !nameRule.MatchString(name), strings.HasSuffix(name, "/"), strings.Contains(name, "//"):
		return invalid(wordName)
	case strings.Count(name, "/") > deepestPath:
		return &types.HierarchyLevelLimitExceededException{Message: aws.String(fmt.Sprintf("A parameter hierarchy can have a maximum of %d levels. Define fewer levels in the hierarchy, and try again.", deepestPath))}
	}
	return nil
}

const (
	wordPrefix = `Parameter name: can't be prefixed with "aws" or "ssm" (case-insensitive).`
	wordName   = `Invalid parameter name. Please use correct syntax for referencing a version/label. Parameter name: can't be prefixed with "ssm" (case-insensitive). If formed as a path, it can consist of sub-paths divided by slash symbol; each sub-path can be formed as a mix of letters, numbers and the following 3 symbols .-_`
	wordThere  = "The parameter already exists. To overwrite this value, set the overwrite option in the request to true."
	wordTags   = "Invalid request: tags and overwrite can't be used together. To create a parameter with tags, please remove overwrite flag. To update tags for an existing parameter, please use AddTagsToResource or RemoveTagsFromResource."
	wordSize   = "Standard tier parameters support a maximum parameter value of 4096 characters. To create a larger parameter value, upgrade the parameter to use the advanced-parameter tier. For more information, see https://docs.aws.amazon.com/systems-manager/latest/userguide/parameter-store-advanced-parameters.html"
	wordLarger = "Advanced tier parameters support a maximum parameter value of 8192 characters."
	// wordType is unconfirmed.
	wordType = "The parameter type can't be changed from %s to %s. Create a new, unique parameter."
)

// PutParameter makes a parameter, or a new version of one where told to overwrite.
func (s *Service) PutParameter(ctx context.Context, in *ssm.PutParameterInput) (*ssm.PutParameterOutput, error) {
	name, scope := aws.ToString(in.Name), scopeOf(ctx)
	if a, ok := names.ParseARN(name); ok {
		name = strings.TrimPrefix(a.Resource, "parameter")
	}
	if err := checkName(name); err != nil {
		return nil, err
	}
	if len(in.Tags) > 0 && aws.ToBool(in.Overwrite) {
		return nil, invalid(wordTags)
	}
	v := Version{Type: string(in.Type), Value: aws.ToString(in.Value), Author: author(ctx)}
	if err := v.checkValue(in); err != nil {
		return nil, err
	}
	err := s.store.Update(func(tx *store.Tx) error {
		p, there := s.parameters.Get(tx, rows(scope)+name)
		switch {
		case there && !aws.ToBool(in.Overwrite):
			return &types.ParameterAlreadyExists{Message: aws.String(wordThere)}
		case !there && v.Type == "":
			return invalid("A parameter type is required when you create a parameter.")
		case !there:
			p = Parameter{Key: rows(scope) + name, Name: name, Scope: scope, Tags: newTags(in.Tags)}
		case v.Type != "" && v.Type != p.latest().Type:
			return &types.HierarchyTypeMismatchException{Message: aws.String(fmt.Sprintf(wordType, p.latest().Type, v.Type))}
		}
		was := Version{Tier: "Standard", DataType: "text"}
		if there {
			was = *p.latest()
		}
		if err := v.fill(in, was); err != nil {
			return err
		}
		v.Number, v.Modified = was.Number+1, tx.Now()
		if len(p.Versions) >= mostVersions && len(p.Versions[0].Labels) > 0 {
			return &types.ParameterMaxVersionLimitExceeded{Message: aws.String(fmt.Sprintf("You attempted to create a new version of %s by calling the PutParameter API with the overwrite flag. Version %d, the oldest version, can't be deleted because it has a label associated with it. Move the label to another version of the parameter, and try again.", name, p.Versions[0].Number))}
		}
		p.Versions = append(slices.Clone(p.Versions), v)
		p.Versions = p.Versions[max(0, len(p.Versions)-mostVersions):]
		s.parameters.Put(tx, p)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &ssm.PutParameterOutput{Version: v.Number, Tier: types.ParameterTier(v.Tier)}, nil
}

// checkValue refuses values and kinds that AWS does.
func (v *Version) checkValue(in *ssm.PutParameterInput) error {
	if t := in.Type; t != "" && !slices.Contains(t.Values(), t) {
		return &types.UnsupportedParameterType{Message: aws.String("The parameter type is not supported: " + string(t))}
	}
	if t := in.Tier; t != "" && !slices.Contains(t.Values(), t) {
		return invalid("1 validation error detected: Value '%s' at 'tier' failed to satisfy constraint: Member must satisfy enum value set: [Standard, Advanced, Intelligent-Tiering]", t)
	}
	if v.Value == "" {
		return invalid("1 validation error detected: Value '' at 'value' failed to satisfy constraint: Member must have length greater than or equal to 1.")
	}
	if v.Type != string(types.ParameterTypeSecureString) && in.KeyId != nil && v.Type != "" {
		return invalid("KeyId is required only for SecureString parameters.")
	}
	return nil
}

// fill settles what a new version keeps of the one before, and checks the value against it.
func (v *Version) fill(in *ssm.PutParameterInput, was Version) error {
	v.Type = cmp.Or(v.Type, was.Type)
	v.Description = cmp.Or(aws.ToString(in.Description), was.Description)
	v.DataType = cmp.Or(aws.ToString(in.DataType), was.DataType)
	v.Pattern = cmp.Or(aws.ToString(in.AllowedPattern), was.Pattern)
	v.Policies = cmp.Or(aws.ToString(in.Policies), was.Policies)
	if v.Type == string(types.ParameterTypeSecureString) {
		v.KeyID = cmp.Or(aws.ToString(in.KeyId), was.KeyID, standardKey)
	}
	v.Tier = was.Tier
	switch in.Tier {
	case types.ParameterTierStandard:
		if was.Tier == string(types.ParameterTierAdvanced) {
			return invalid("This parameter uses the advanced-parameter tier. You can't downgrade a parameter from the advanced-parameter tier to the standard-parameter tier.")
		}
	case types.ParameterTierAdvanced:
		v.Tier = string(in.Tier)
	case types.ParameterTierIntelligentTiering:
		if len(v.Value) > standardValue || v.Policies != "" {
			v.Tier = string(types.ParameterTierAdvanced)
		}
	}
	switch {
	case v.Tier == string(types.ParameterTierStandard) && len(v.Value) > standardValue:
		return invalid(wordSize)
	case len(v.Value) > advancedValue:
		return invalid(wordLarger)
	case v.Pattern != "":
		rule, err := regexp.Compile("^(?:" + v.Pattern + ")$")
		if err != nil {
			return &types.InvalidAllowedPatternException{Message: aws.String("The request doesn't meet the regular expression requirement: " + v.Pattern)}
		}
		if !rule.MatchString(v.Value) {
			return &types.ParameterPatternMismatchException{Message: aws.String("Parameter value, cannot be validated against allowedPattern: " + v.Pattern)}
		}
	}
	return nil
}

// author is who wrote a version: the account's root, as nobody here is anybody else.
func author(ctx context.Context) string {
	return "arn:aws:iam::" + wire.CallerOf(ctx).Account + ":root"
}

// DeleteParameter removes a parameter with all its versions.
func (s *Service) DeleteParameter(ctx context.Context, in *ssm.DeleteParameterInput) (*ssm.DeleteParameterOutput, error) {
	return &ssm.DeleteParameterOutput{}, s.store.Update(func(tx *store.Tx) error {
		p, err := s.get(tx, scopeOf(ctx), in.Name)
		if err == nil {
			s.parameters.Delete(tx, p.Key)
		}
		return err
	})
}

// DeleteParameters removes those of the names that are there.
func (s *Service) DeleteParameters(ctx context.Context, in *ssm.DeleteParametersInput) (*ssm.DeleteParametersOutput, error) {
	out := &ssm.DeleteParametersOutput{DeletedParameters: []string{}, InvalidParameters: []string{}}
	if err := countNames(in.Names); err != nil {
		return nil, err
	}
	return out, s.store.Update(func(tx *store.Tx) error {
		for _, name := range in.Names {
			p, err := s.get(tx, scopeOf(ctx), &name)
			if err != nil {
				out.InvalidParameters = append(out.InvalidParameters, name)
				continue
			}
			s.parameters.Delete(tx, p.Key)
			out.DeletedParameters = append(out.DeletedParameters, name)
		}
		return nil
	})
}

func countNames(all []string) error {
	if len(all) == 0 || len(all) > mostParameters {
		return invalid("1 validation error detected: Value '[%s]' at 'names' failed to satisfy constraint: Member must have length less than or equal to %d", strings.Join(all, ", "), mostParameters)
	}
	return nil
}
