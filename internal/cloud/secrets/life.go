package secrets

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"

	"github.com/slipway-ecs/slipway/internal/pattern"
	"github.com/slipway-ecs/slipway/internal/store"
)

// longestName is how many characters a secret's name may have. Source: API reference, CreateSecret.
const longestName = 512

var nameRule = pattern.New(`^[A-Za-z0-9/_+=.@-]+$`)

// The recovery window. Source: API reference, DeleteSecret.
const (
	usualWindow = 30
	leastWindow = 7
	mostWindow  = 30
	day         = 24 * time.Hour
)

// suffix gives the six characters that end a new secret's ARN.
func (s *Service) suffix() string {
	var six []byte
	for len(six) < 6 {
		for _, c := range []byte(s.o.IDs.Nano(12)) {
			if c != '-' && c != '_' && len(six) < 6 {
				six = append(six, c)
			}
		}
	}
	return string(six)
}

// CreateSecret makes a secret, with a first version where a value is given.
func (s *Service) CreateSecret(ctx context.Context, in *secretsmanager.CreateSecretInput) (out *secretsmanager.CreateSecretOutput, err error) {
	name, scope := aws.ToString(in.Name), scopeOf(ctx)
	if len(name) > longestName || !nameRule.MatchString(name) {
		return nil, refused("Invalid name. Must be a valid name containing alphanumeric characters, or any of the following: -/_+=.@!")
	}
	brought := value{in.ClientRequestToken, in.SecretString, in.SecretBinary}
	if err := brought.check(); err != nil {
		return nil, err
	}
	err = s.store.Update(func(tx *store.Tx) error {
		if old, err := s.find(tx, scope, name); err == nil {
			if !old.Deleted.IsZero() {
				return refused("You can't create this secret because a secret with this name is already scheduled for deletion.")
			}
			if v, same := old.again(brought); same {
				out = &secretsmanager.CreateSecretOutput{ARN: &old.ARN, Name: &old.Name, VersionId: v}
				return nil
			}
			return &types.ResourceExistsException{Message: aws.String("The operation failed because the secret " + name + " already exists.")}
		}
		x := Secret{ARN: prefix(scope) + name + "-" + s.suffix(), Name: name, Description: aws.ToString(in.Description), KMSKey: aws.ToString(in.KmsKeyId), Tags: newTags(in.Tags), Created: tx.Now(), Changed: tx.Now()}
		out = &secretsmanager.CreateSecretOutput{ARN: &x.ARN, Name: &x.Name}
		if !brought.none() {
			v, err := s.add(tx, &x, brought, nil)
			if err != nil {
				return err
			}
			out.VersionId = &v.ID
		}
		s.secrets.Put(tx, x)
		return nil
	})
	return out, err
}

// again reports whether a request to create is the one that made the secret, sent once more.
func (x *Secret) again(v value) (id *string, same bool) {
	for _, old := range x.Versions {
		if v.token != nil && old.ID == *v.token && aws.ToString(old.Text) == aws.ToString(v.text) && string(old.Binary) == string(v.binary) {
			return v.token, true
		}
	}
	return nil, false
}

// UpdateSecret changes a secret's description, key or value.
func (s *Service) UpdateSecret(ctx context.Context, in *secretsmanager.UpdateSecretInput) (out *secretsmanager.UpdateSecretOutput, err error) {
	brought := value{in.ClientRequestToken, in.SecretString, in.SecretBinary}
	if err := brought.check(); err != nil {
		return nil, err
	}
	err = s.change(ctx, in.SecretId, func(tx *store.Tx, x *Secret) error {
		out = &secretsmanager.UpdateSecretOutput{ARN: &x.ARN, Name: &x.Name}
		if in.Description != nil {
			x.Description = *in.Description
		}
		if in.KmsKeyId != nil {
			x.KMSKey = *in.KmsKeyId
		}
		x.Changed = tx.Now()
		if brought.none() {
			return nil
		}
		v, err := s.add(tx, x, brought, nil)
		out.VersionId = &v.ID
		return err
	})
	return out, err
}

// DeleteSecret marks a secret for deletion, or removes it at once where it is forced.
func (s *Service) DeleteSecret(ctx context.Context, in *secretsmanager.DeleteSecretInput) (out *secretsmanager.DeleteSecretOutput, err error) {
	force, window := aws.ToBool(in.ForceDeleteWithoutRecovery), int64(usualWindow)
	if in.RecoveryWindowInDays != nil {
		window = *in.RecoveryWindowInDays
	}
	switch {
	case force && in.RecoveryWindowInDays != nil:
		return nil, invalid("You can't use ForceDeleteWithoutRecovery in conjunction with RecoveryWindowInDays.")
	case window < leastWindow || window > mostWindow:
		return nil, invalid("The RecoveryWindowInDays value must be between 7 and 30 days (inclusive).")
	}
	err = s.store.Update(func(tx *store.Tx) error {
		x, err := s.find(tx, scopeOf(ctx), aws.ToString(in.SecretId))
		out = &secretsmanager.DeleteSecretOutput{ARN: &x.ARN, Name: &x.Name, DeletionDate: aws.Time(tx.Now())}
		switch {
		case force && err != nil: // what is not there is deleted too
			name := strings.TrimPrefix(aws.ToString(in.SecretId), prefix(scopeOf(ctx)))
			out.Name, out.ARN = &name, aws.String(prefix(scopeOf(ctx))+name)
			return nil
		case err != nil:
			return err
		case force:
			s.secrets.Delete(tx, x.ARN)
			return nil
		case !x.Deleted.IsZero():
			return refused("You can't perform this operation on the secret because it was already scheduled for deletion.")
		}
		x.Deleted, x.Purge = tx.Now(), tx.Now().Add(time.Duration(window)*day)
		out.DeletionDate = &x.Purge
		s.secrets.Put(tx, x)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// RestoreSecret takes a deletion back.
func (s *Service) RestoreSecret(ctx context.Context, in *secretsmanager.RestoreSecretInput) (out *secretsmanager.RestoreSecretOutput, err error) {
	err = s.store.Update(func(tx *store.Tx) error {
		x, err := s.find(tx, scopeOf(ctx), aws.ToString(in.SecretId))
		if err != nil {
			return err
		}
		x.Deleted, x.Purge = time.Time{}, time.Time{}
		s.secrets.Put(tx, x)
		out = &secretsmanager.RestoreSecretOutput{ARN: &x.ARN, Name: &x.Name}
		return nil
	})
	return out, err
}

// TagResource sets tags of a secret.
func (s *Service) TagResource(ctx context.Context, in *secretsmanager.TagResourceInput) (*secretsmanager.TagResourceOutput, error) {
	return &secretsmanager.TagResourceOutput{}, s.change(ctx, in.SecretId, func(_ *store.Tx, x *Secret) error {
		for _, t := range newTags(in.Tags) {
			x.Tags = append(slices.DeleteFunc(x.Tags, func(o Tag) bool { return o.Key == t.Key }), t)
		}
		return nil
	})
}

// UntagResource removes tags of a secret.
func (s *Service) UntagResource(ctx context.Context, in *secretsmanager.UntagResourceInput) (*secretsmanager.UntagResourceOutput, error) {
	return &secretsmanager.UntagResourceOutput{}, s.change(ctx, in.SecretId, func(_ *store.Tx, x *Secret) error {
		x.Tags = slices.DeleteFunc(x.Tags, func(t Tag) bool { return slices.Contains(in.TagKeys, t.Key) })
		return nil
	})
}

func newTags(in []types.Tag) (out []Tag) {
	for _, t := range in {
		out = append(out, Tag{aws.ToString(t.Key), aws.ToString(t.Value)})
	}
	return out
}

// GetResourcePolicy gives the record of a policy, if there is one.
func (s *Service) GetResourcePolicy(ctx context.Context, in *secretsmanager.GetResourcePolicyInput) (out *secretsmanager.GetResourcePolicyOutput, err error) {
	err = s.store.View(func(tx *store.Tx) error {
		x, err := s.find(tx, scopeOf(ctx), aws.ToString(in.SecretId))
		out = &secretsmanager.GetResourcePolicyOutput{ARN: &x.ARN, Name: &x.Name}
		if x.Policy != "" {
			out.ResourcePolicy = &x.Policy
		}
		return err
	})
	return out, err
}

// PutResourcePolicy keeps a policy; it denies nobody.
func (s *Service) PutResourcePolicy(ctx context.Context, in *secretsmanager.PutResourcePolicyInput) (out *secretsmanager.PutResourcePolicyOutput, err error) {
	err = s.change(ctx, in.SecretId, func(_ *store.Tx, x *Secret) error {
		if !strings.HasPrefix(strings.TrimSpace(aws.ToString(in.ResourcePolicy)), "{") {
			return &types.MalformedPolicyDocumentException{Message: aws.String("This resource policy contains invalid Json.")}
		}
		x.Policy = *in.ResourcePolicy
		out = &secretsmanager.PutResourcePolicyOutput{ARN: &x.ARN, Name: &x.Name}
		return nil
	})
	return out, err
}

// DeleteResourcePolicy forgets the policy.
func (s *Service) DeleteResourcePolicy(ctx context.Context, in *secretsmanager.DeleteResourcePolicyInput) (out *secretsmanager.DeleteResourcePolicyOutput, err error) {
	err = s.change(ctx, in.SecretId, func(_ *store.Tx, x *Secret) error {
		x.Policy = ""
		out = &secretsmanager.DeleteResourcePolicyOutput{ARN: &x.ARN, Name: &x.Name}
		return nil
	})
	return out, err
}
