package ssm

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"github.com/slipway-ecs/slipway/internal/cloud/page"
	"github.com/slipway-ecs/slipway/internal/store"
)

// view gives a version as a client sees it; a SecureString only decrypted where it asks for that.
func view(p Parameter, v Version, selector string, decrypt *bool) types.Parameter {
	value := v.Value
	if v.Type == string(types.ParameterTypeSecureString) && !aws.ToBool(decrypt) {
		value = sealed(p, v)
	}
	return types.Parameter{
		ARN: aws.String(p.arn()), Name: &p.Name, Type: types.ParameterType(v.Type), Value: &value, Version: v.Number,
		LastModifiedDate: &v.Modified, DataType: &v.DataType, Selector: optional(selector),
	}
}

func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// sealed stands for the ciphertext of a value: it has KMS's look, and nobody can decrypt it.
func sealed(p Parameter, v Version) string {
	sum := sha256.Sum256([]byte(p.arn() + "\x00" + v.Value + "\x00" + v.Modified.String()))
	return base64.StdEncoding.EncodeToString(append([]byte{1, 2, 2, 0, 0x78}, append(sum[:], sum[:]...)...))
}

// GetParameter gives one parameter.
func (s *Service) GetParameter(ctx context.Context, in *ssm.GetParameterInput) (out *ssm.GetParameterOutput, err error) {
	err = s.store.View(func(tx *store.Tx) error {
		p, v, selector, err := s.find(tx, scopeOf(ctx), aws.ToString(in.Name))
		if err != nil {
			return err
		}
		x := view(p, v, selector, in.WithDecryption)
		out = &ssm.GetParameterOutput{Parameter: &x}
		return nil
	})
	return out, err
}

// GetParameters gives those of up to ten names that are there, and lists the others.
func (s *Service) GetParameters(ctx context.Context, in *ssm.GetParametersInput) (*ssm.GetParametersOutput, error) {
	out := &ssm.GetParametersOutput{Parameters: []types.Parameter{}, InvalidParameters: []string{}}
	if err := countNames(in.Names); err != nil {
		return nil, err
	}
	seen := map[string]bool{}
	return out, s.store.View(func(tx *store.Tx) error {
		for _, name := range in.Names {
			if seen[name] {
				continue
			}
			seen[name] = true
			p, v, selector, err := s.find(tx, scopeOf(ctx), name)
			if err != nil {
				out.InvalidParameters = append(out.InvalidParameters, name)
				continue
			}
			out.Parameters = append(out.Parameters, view(p, v, selector, in.WithDecryption))
		}
		return nil
	})
}

// GetParametersByPath gives the parameters of a path: those right below it, or all.
func (s *Service) GetParametersByPath(ctx context.Context, in *ssm.GetParametersByPathInput) (*ssm.GetParametersByPathOutput, error) {
	path, scope := aws.ToString(in.Path), scopeOf(ctx)
	if !strings.HasPrefix(path, "/") {
		return nil, invalid("The parameter doesn't meet the parameter name requirements. The parameter name must begin with a forward slash \"/\". It can't be prefixed with \"aws\" or \"ssm\" (case-insensitive). It must use only letters, numbers, or the following symbols: . (period), - (hyphen), _ (underscore). Special characters are not allowed. All sub-paths, if specified, must use the forward slash symbol \"/\". Valid example: /get/parameters2-/by1./path0_.")
	}
	if n := aws.ToInt32(in.MaxResults); in.MaxResults != nil && (n < 1 || n > mostParameters) {
		return nil, invalid("1 validation error detected: Value '%d' at 'maxResults' failed to satisfy constraint: Member must have value less than or equal to %d", n, mostParameters)
	}
	below := strings.TrimSuffix(path, "/") + "/"
	out := &ssm.GetParametersByPathOutput{Parameters: []types.Parameter{}}
	err := s.store.View(func(tx *store.Tx) error {
		type found struct {
			p        Parameter
			v        Version
			selector string
		}
		var all []found
		for p := range s.parameters.Prefix(tx, rows(scope)+below) {
			if !aws.ToBool(in.Recursive) && strings.Contains(p.Name[len(below):], "/") {
				continue
			}
			f := found{p, *p.latest(), ""}
			ok, err := matches(p, in.ParameterFilters, &f.v, &f.selector)
			if err != nil {
				return err
			}
			if ok {
				all = append(all, f)
			}
		}
		some, next, err := page.Cut(all, func(f *found) string { return f.p.Name }, aws.ToString(in.NextToken), int(cmp.Or(aws.ToInt32(in.MaxResults), mostParameters)))
		if err != nil {
			return badToken(err)
		}
		for _, f := range some {
			out.Parameters = append(out.Parameters, view(f.p, f.v, f.selector, in.WithDecryption))
		}
		out.NextToken = optional(next)
		return nil
	})
	return out, err
}

func badToken(err error) error {
	if errors.Is(err, page.ErrToken) {
		return &types.InvalidNextToken{Message: aws.String("The specified token isn't valid.")}
	}
	return err
}

// GetParameterHistory gives all versions, the oldest first.
func (s *Service) GetParameterHistory(ctx context.Context, in *ssm.GetParameterHistoryInput) (*ssm.GetParameterHistoryOutput, error) {
	out := &ssm.GetParameterHistoryOutput{Parameters: []types.ParameterHistory{}}
	err := s.store.View(func(tx *store.Tx) error {
		p, err := s.get(tx, scopeOf(ctx), in.Name)
		if err != nil {
			return err
		}
		keys := make([]string, len(p.Versions))
		for i, v := range p.Versions {
			keys[i] = version(v.Number)
		}
		from, to, next, err := page.Of(keys, aws.ToString(in.NextToken), int(cmp.Or(aws.ToInt32(in.MaxResults), 50)))
		if err != nil {
			return badToken(err)
		}
		for _, v := range p.Versions[from:to] {
			x := view(p, v, "", in.WithDecryption)
			out.Parameters = append(out.Parameters, types.ParameterHistory{
				Name: x.Name, Type: x.Type, Value: x.Value, Version: x.Version, LastModifiedDate: x.LastModifiedDate, DataType: x.DataType,
				KeyId: optional(v.KeyID), LastModifiedUser: &v.Author, Description: optional(v.Description), AllowedPattern: optional(v.Pattern),
				Labels: append([]string{}, v.Labels...), Tier: types.ParameterTier(v.Tier), Policies: []types.ParameterInlinePolicy{},
			})
		}
		out.NextToken = optional(next)
		return nil
	})
	return out, err
}

// DescribeParameters tells of parameters without their values.
func (s *Service) DescribeParameters(ctx context.Context, in *ssm.DescribeParametersInput) (*ssm.DescribeParametersOutput, error) {
	out := &ssm.DescribeParametersOutput{Parameters: []types.ParameterMetadata{}}
	filters := slices.Clone(in.ParameterFilters)
	for _, f := range in.Filters { // the older form
		filters = append(filters, types.ParameterStringFilter{Key: aws.String(string(f.Key)), Option: aws.String("BeginsWith"), Values: f.Values})
	}
	err := s.store.View(func(tx *store.Tx) error {
		var all []Parameter
		for p := range s.parameters.Prefix(tx, rows(scopeOf(ctx))) {
			ok, err := matches(p, filters, p.latest(), nil)
			if err != nil {
				return err
			}
			if ok {
				all = append(all, p)
			}
		}
		some, next, err := page.Cut(all, func(p *Parameter) string { return p.Name }, aws.ToString(in.NextToken), int(cmp.Or(aws.ToInt32(in.MaxResults), 50)))
		if err != nil {
			return badToken(err)
		}
		for _, p := range some {
			v := p.latest()
			out.Parameters = append(out.Parameters, types.ParameterMetadata{
				ARN: aws.String(p.arn()), Name: aws.String(p.Name), Type: types.ParameterType(v.Type), KeyId: optional(v.KeyID), LastModifiedDate: &v.Modified,
				LastModifiedUser: &v.Author, Description: optional(v.Description), AllowedPattern: optional(v.Pattern), Version: v.Number,
				Tier: types.ParameterTier(v.Tier), DataType: &v.DataType, Policies: []types.ParameterInlinePolicy{},
			})
		}
		out.NextToken = optional(next)
		return nil
	})
	return out, err
}

// matches reports whether a parameter fits all filters. A filter by label chooses the version that has
// it, and sets the selector.
func matches(p Parameter, filters []types.ParameterStringFilter, v *Version, selector *string) (bool, error) {
	for _, f := range filters {
		key, option := aws.ToString(f.Key), cmp.Or(aws.ToString(f.Option), "Equals")
		var texts []string
		switch {
		case key == "Name":
			texts = []string{p.Name, strings.TrimPrefix(p.Name, "/")}
		case key == "Type":
			texts = []string{v.Type}
		case key == "KeyId":
			texts = []string{v.KeyID}
		case key == "Tier":
			texts = []string{v.Tier}
		case key == "DataType":
			texts = []string{v.DataType}
		case key == "Path":
			if !slices.ContainsFunc(f.Values, func(path string) bool { return inPath(p.Name, path, option == "Recursive") }) {
				return false, nil
			}
			continue
		case key == "Label" && selector != nil:
			i := slices.IndexFunc(p.Versions, func(v Version) bool {
				return slices.ContainsFunc(v.Labels, func(l string) bool { return slices.Contains(f.Values, l) })
			})
			if i < 0 {
				return false, nil
			}
			*v, *selector = p.Versions[i], ":"+f.Values[0]
			continue
		case strings.HasPrefix(key, "tag:"):
			for _, t := range p.Tags {
				if t.Key == key[len("tag:"):] {
					texts = []string{t.Value}
				}
			}
			if len(f.Values) == 0 && texts != nil {
				continue
			}
		default:
			return false, &types.InvalidFilterKey{Message: aws.String("The following filter key is not valid: " + key + ". Valid filter keys include: [Path, Name, Type, KeyId, Tier].")}
		}
		fits := func(text string) bool {
			return slices.ContainsFunc(f.Values, func(want string) bool {
				switch option {
				case "BeginsWith":
					return strings.HasPrefix(text, want)
				case "Contains":
					return strings.Contains(text, want)
				}
				return text == want
			})
		}
		if !slices.ContainsFunc(texts, fits) {
			return false, nil
		}
	}
	return true, nil
}

// inPath reports whether a name lies right below a path, or anywhere below it.
func inPath(name, path string, deep bool) bool {
	rest, ok := strings.CutPrefix(name, strings.TrimSuffix(path, "/")+"/")
	return ok && (deep || !strings.Contains(rest, "/"))
}
