package secrets

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"

	"github.com/slipway-ecs/slipway/internal/cloud/page"
	"github.com/slipway-ecs/slipway/internal/store"
)

// pageSize is how many secrets a page has at most.
const pageSize = 100

// about gives a secret as lists have it.
func about(x Secret) types.SecretListEntry {
	e := types.SecretListEntry{
		ARN: &x.ARN, Name: &x.Name, CreatedDate: &x.Created, LastChangedDate: &x.Changed, SecretVersionsToStages: map[string][]string{}, Tags: []types.Tag{},
		Description: optional(x.Description), KmsKeyId: optional(x.KMSKey),
	}
	if !x.Deleted.IsZero() {
		e.DeletedDate = &x.Deleted
	}
	for _, v := range x.Versions {
		if len(v.Stages) > 0 {
			e.SecretVersionsToStages[v.ID] = append([]string{}, v.Stages...)
		}
	}
	for _, t := range x.Tags {
		e.Tags = append(e.Tags, types.Tag{Key: aws.String(t.Key), Value: aws.String(t.Value)})
	}
	return e
}

func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// DescribeSecret tells of a secret without its value; of a deleted one too.
func (s *Service) DescribeSecret(ctx context.Context, in *secretsmanager.DescribeSecretInput) (out *secretsmanager.DescribeSecretOutput, err error) {
	err = s.store.View(func(tx *store.Tx) error {
		x, err := s.find(tx, scopeOf(ctx), aws.ToString(in.SecretId))
		if err != nil {
			return err
		}
		e := about(x)
		out = &secretsmanager.DescribeSecretOutput{
			ARN: e.ARN, Name: e.Name, CreatedDate: e.CreatedDate, LastChangedDate: e.LastChangedDate, DeletedDate: e.DeletedDate,
			Description: e.Description, KmsKeyId: e.KmsKeyId, VersionIdsToStages: e.SecretVersionsToStages, Tags: e.Tags,
		}
		if len(x.Versions) == 0 {
			out.VersionIdsToStages = nil
		}
		return nil
	})
	return out, err
}

// ListSecrets lists the secrets that fit all filters.
func (s *Service) ListSecrets(ctx context.Context, in *secretsmanager.ListSecretsInput) (*secretsmanager.ListSecretsOutput, error) {
	out := &secretsmanager.ListSecretsOutput{SecretList: []types.SecretListEntry{}}
	err := s.store.View(func(tx *store.Tx) error {
		var all []Secret
		for x := range s.secrets.Prefix(tx, prefix(scopeOf(ctx))) {
			if (x.Deleted.IsZero() || aws.ToBool(in.IncludePlannedDeletion)) && fits(x, in.Filters) {
				all = append(all, x)
			}
		}
		if in.SortOrder == types.SortOrderTypeDesc {
			slices.Reverse(all)
		}
		some, next, err := page.Cut(all, func(x *Secret) string { return x.ARN }, aws.ToString(in.NextToken), int(cmp.Or(aws.ToInt32(in.MaxResults), pageSize)))
		if err != nil {
			return &types.InvalidNextTokenException{Message: aws.String("The NextToken value is invalid.")}
		}
		for _, x := range some {
			out.SecretList = append(out.SecretList, about(x))
		}
		out.NextToken = optional(next)
		return nil
	})
	return out, err
}

// fits reports whether a secret passes all filters. Values match from the text's begin, those of names
// by letter, and one after "!" excludes.
//
// Source: API reference, Filter.
func fits(x Secret, filters []types.Filter) bool {
	for _, f := range filters {
		var texts []string
		for _, t := range x.Tags {
			switch f.Key {
			case types.FilterNameStringTypeTagKey:
				texts = append(texts, t.Key)
			case types.FilterNameStringTypeTagValue:
				texts = append(texts, t.Value)
			case types.FilterNameStringTypeAll:
				texts = append(texts, t.Key, t.Value)
			}
		}
		switch f.Key {
		case types.FilterNameStringTypeName:
			texts = []string{x.Name}
		case types.FilterNameStringTypeDescription:
			texts = []string{x.Description}
		case types.FilterNameStringTypeAll:
			texts = append(texts, x.Name, x.Description)
		}
		fold := f.Key == types.FilterNameStringTypeDescription || f.Key == types.FilterNameStringTypeAll
		if !slices.ContainsFunc(f.Values, func(want string) bool {
			want, not := strings.CutPrefix(want, "!")
			return not != slices.ContainsFunc(texts, func(text string) bool {
				if fold {
					return slices.ContainsFunc(append(strings.Fields(text), text), func(word string) bool {
						return strings.HasPrefix(strings.ToLower(word), strings.ToLower(want))
					})
				}
				return strings.HasPrefix(text, want)
			})
		}) {
			return false
		}
	}
	return true
}

// The characters of passwords. Source: API reference, GetRandomPassword.
const (
	lower       = "abcdefghijklmnopqrstuvwxyz"
	upper       = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	digits      = "0123456789"
	punctuation = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"

	usualPassword   = 32
	longestPassword = 4096
)

// GetRandomPassword makes a password, by default of 32 characters with one of each kind.
func (s *Service) GetRandomPassword(_ context.Context, in *secretsmanager.GetRandomPasswordInput) (*secretsmanager.GetRandomPasswordOutput, error) {
	n := int(usualPassword)
	if in.PasswordLength != nil {
		n = int(*in.PasswordLength)
	}
	var kinds []string
	for _, k := range []struct {
		chars string
		not   *bool
	}{{lower, in.ExcludeLowercase}, {upper, in.ExcludeUppercase}, {digits, in.ExcludeNumbers}, {punctuation, in.ExcludePunctuation}} {
		left := strings.Map(func(r rune) rune {
			if strings.ContainsRune(aws.ToString(in.ExcludeCharacters), r) {
				return -1
			}
			return r
		}, k.chars)
		if !aws.ToBool(k.not) && left != "" {
			kinds = append(kinds, left)
		}
	}
	if aws.ToBool(in.IncludeSpace) {
		kinds = append(kinds, " ")
	}
	each := in.RequireEachIncludedType == nil || *in.RequireEachIncludedType
	switch {
	case n < 1 || n > longestPassword:
		return nil, invalid("Password length must be between 1 and %d.", longestPassword)
	case len(kinds) == 0:
		return nil, invalid("The parameters exclude all characters.")
	case each && n < len(kinds):
		return nil, invalid("Password length is too short based on the required types.")
	}
	from, out := strings.Join(kinds, ""), make([]byte, n)
	for i := range out {
		set := from
		if each && i < len(kinds) {
			set = kinds[i]
		}
		out[i] = set[s.o.IDs.Uint64()%uint64(len(set))]
	}
	for i := range out { // so that the kinds do not come in order
		j := i + int(s.o.IDs.Uint64()%uint64(n-i))
		out[i], out[j] = out[j], out[i]
	}
	return &secretsmanager.GetRandomPasswordOutput{RandomPassword: aws.String(string(out))}, nil
}
