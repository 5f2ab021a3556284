package secrets

import (
	"bytes"
	"context"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"

	"github.com/slipway-ecs/slipway/internal/names"
	"github.com/slipway-ecs/slipway/internal/store"
)

// mostVersions is about how many versions are kept; those without a staging label go first.
const mostVersions = 100

// largestValue is how many bytes a value may have. Source: user guide, "Quotas".
const largestValue = 65536

// value is what a request brings.
type value struct {
	token  *string
	text   *string
	binary []byte
}

func (v value) none() bool { return v.text == nil && v.binary == nil }

func (v value) check() error {
	if v.text != nil && v.binary != nil {
		return invalid("You can't specify both a binary secret value and a string secret value in the same secret.")
	}
	if len(aws.ToString(v.text)) > largestValue || len(v.binary) > largestValue {
		return invalid("The secret value is larger than %d bytes.", largestValue)
	}
	return nil
}

// add makes a version of a value and moves the labels to it. A version with the same id and value is
// that version again.
func (s *Service) add(tx *store.Tx, x *Secret, v value, stages []string) (Version, error) {
	id := aws.ToString(v.token)
	if id == "" {
		id = s.o.IDs.UUID()
	}
	for _, old := range x.Versions {
		if old.ID != id {
			continue
		}
		if aws.ToString(old.Text) != aws.ToString(v.text) || !bytes.Equal(old.Binary, v.binary) {
			return old, &types.ResourceExistsException{Message: aws.String("You can't use ClientRequestToken " + id + " because that value is already in use for a version of secret " + x.ARN + ".")}
		}
		return old, nil
	}
	x.Versions = append(x.Versions, Version{ID: id, Text: v.text, Binary: v.binary, Created: tx.Now()})
	if len(stages) == 0 {
		stages = []string{current}
	}
	for _, stage := range stages {
		x.stage(stage, id)
	}
	for i := 0; len(x.Versions) > mostVersions && i < len(x.Versions); {
		if len(x.Versions[i].Stages) > 0 {
			i++
			continue
		}
		x.Versions = slices.Delete(x.Versions, i, i+1)
	}
	x.Changed = tx.Now()
	return x.Versions[len(x.Versions)-1], nil
}

// stage moves a label to a version. What loses AWSCURRENT becomes AWSPREVIOUS.
func (x *Secret) stage(label, id string) {
	for i := range x.Versions {
		v := &x.Versions[i]
		had := slices.Contains(v.Stages, label)
		switch {
		case v.ID == id && !had:
			v.Stages = append(slices.Clone(v.Stages), label)
		case v.ID != id && had:
			v.Stages = without(v.Stages, label)
			if label == current {
				x.stage(previous, v.ID)
			}
		}
	}
}

func without(stages []string, label string) []string {
	return slices.DeleteFunc(slices.Clone(stages), func(o string) bool { return o == label })
}

// pick gives the version with an id or a label, the current one for neither.
func (x *Secret) pick(id, label string) (Version, error) {
	if id == "" && label == "" {
		label = current
	}
	for _, v := range x.Versions {
		switch {
		case id != "" && v.ID != id, id == "" && !slices.Contains(v.Stages, label):
			continue
		case id != "" && label != "" && !slices.Contains(v.Stages, label):
			return v, refused("You provided a VersionStage that is not associated to the provided VersionId.")
		}
		return v, nil
	}
	if id != "" {
		return Version{}, missing("Secrets Manager can't find the specified secret value for VersionId: %s", id)
	}
	return Version{}, missing("Secrets Manager can't find the specified secret value for staging label: %s", label)
}

// Value gives the value of a secret that a reference means, at a version's id or staging label, the
// current one where both are empty. A binary value is given as it is. It is a port for ECS; errors are
// those of GetSecretValue.
func (s *Service) Value(scope names.Scope, ref, label, id string) (text string, err error) {
	if a := names.ScopeOf(ref); a != (names.Scope{}) {
		scope = a
	}
	err = s.store.View(func(tx *store.Tx) error {
		x, err := s.alive(tx, scope, &ref)
		if err != nil {
			return err
		}
		v, err := x.pick(id, label)
		if err != nil {
			return err
		}
		if text = string(v.Binary); v.Text != nil {
			text = *v.Text
		}
		return nil
	})
	return text, err
}

// GetSecretValue gives a version's value.
func (s *Service) GetSecretValue(ctx context.Context, in *secretsmanager.GetSecretValueInput) (out *secretsmanager.GetSecretValueOutput, err error) {
	err = s.store.View(func(tx *store.Tx) error {
		x, err := s.alive(tx, scopeOf(ctx), in.SecretId)
		if err != nil {
			return err
		}
		v, err := x.pick(aws.ToString(in.VersionId), aws.ToString(in.VersionStage))
		if err != nil {
			return err
		}
		out = &secretsmanager.GetSecretValueOutput{ARN: &x.ARN, Name: &x.Name, VersionId: &v.ID, SecretString: v.Text, SecretBinary: v.Binary, VersionStages: append([]string{}, v.Stages...), CreatedDate: &v.Created}
		return nil
	})
	return out, err
}

// BatchGetSecretValue gives the current values of several secrets, by name or by filter.
func (s *Service) BatchGetSecretValue(ctx context.Context, in *secretsmanager.BatchGetSecretValueInput) (*secretsmanager.BatchGetSecretValueOutput, error) {
	if (len(in.SecretIdList) == 0) == (len(in.Filters) == 0) {
		return nil, invalid("Either 'SecretIdList' or 'Filters' must be provided, but not both.")
	}
	out := &secretsmanager.BatchGetSecretValueOutput{SecretValues: []types.SecretValueEntry{}, Errors: []types.APIErrorType{}}
	list := in.SecretIdList
	if len(in.Filters) > 0 {
		found, err := s.ListSecrets(ctx, &secretsmanager.ListSecretsInput{Filters: in.Filters, MaxResults: in.MaxResults, NextToken: in.NextToken})
		if err != nil {
			return nil, err
		}
		for _, x := range found.SecretList {
			list = append(list, *x.ARN)
		}
		out.NextToken = found.NextToken
	}
	for _, ref := range list {
		got, err := s.GetSecretValue(ctx, &secretsmanager.GetSecretValueInput{SecretId: &ref})
		if err != nil {
			e := types.APIErrorType{SecretId: aws.String(ref), Message: aws.String(err.Error())}
			if api, ok := err.(interface{ ErrorCode() string }); ok { //nolint:errorlint // ours, never wrapped
				e.ErrorCode = aws.String(api.ErrorCode())
			}
			if m, ok := err.(interface{ ErrorMessage() string }); ok { //nolint:errorlint // the same
				e.Message = aws.String(m.ErrorMessage())
			}
			out.Errors = append(out.Errors, e)
			continue
		}
		out.SecretValues = append(out.SecretValues, types.SecretValueEntry{ARN: got.ARN, Name: got.Name, VersionId: got.VersionId, SecretString: got.SecretString, SecretBinary: got.SecretBinary, VersionStages: got.VersionStages, CreatedDate: got.CreatedDate})
	}
	return out, nil
}

// PutSecretValue makes a version.
func (s *Service) PutSecretValue(ctx context.Context, in *secretsmanager.PutSecretValueInput) (out *secretsmanager.PutSecretValueOutput, err error) {
	brought := value{in.ClientRequestToken, in.SecretString, in.SecretBinary}
	if brought.none() {
		return nil, invalid("You must provide either SecretString or SecretBinary.")
	}
	if err := brought.check(); err != nil {
		return nil, err
	}
	err = s.change(ctx, in.SecretId, func(tx *store.Tx, x *Secret) error {
		v, err := s.add(tx, x, brought, in.VersionStages)
		if err == nil {
			out = &secretsmanager.PutSecretValueOutput{ARN: &x.ARN, Name: &x.Name, VersionId: &v.ID}
			at, _ := x.pick(v.ID, "") // just added
			out.VersionStages = append([]string{}, at.Stages...)
		}
		return err
	})
	return out, err
}

// UpdateSecretVersionStage moves a label between versions.
func (s *Service) UpdateSecretVersionStage(ctx context.Context, in *secretsmanager.UpdateSecretVersionStageInput) (out *secretsmanager.UpdateSecretVersionStageOutput, err error) {
	label := aws.ToString(in.VersionStage)
	err = s.change(ctx, in.SecretId, func(tx *store.Tx, x *Secret) error {
		holder := slices.IndexFunc(x.Versions, func(v Version) bool { return slices.Contains(v.Stages, label) })
		if holder >= 0 && in.MoveToVersionId != nil && x.Versions[holder].ID != aws.ToString(in.RemoveFromVersionId) && x.Versions[holder].ID != *in.MoveToVersionId {
			return invalid("The parameter RemoveFromVersionId can't be empty. Staging label %s is currently attached to version %s, so you must explicitly reference that version in RemoveFromVersionId.", label, x.Versions[holder].ID)
		}
		if in.RemoveFromVersionId != nil && (holder < 0 || x.Versions[holder].ID != *in.RemoveFromVersionId) {
			return invalid("The staging label %s is not currently attached to version %s.", label, *in.RemoveFromVersionId)
		}
		switch {
		case in.MoveToVersionId != nil:
			if _, err := x.pick(*in.MoveToVersionId, ""); err != nil {
				return err
			}
			x.stage(label, *in.MoveToVersionId)
		case label == current:
			return invalid("You can't remove the staging label AWSCURRENT from a version without moving it to another.")
		case holder >= 0:
			x.Versions[holder].Stages = without(x.Versions[holder].Stages, label)
		}
		x.Changed = tx.Now()
		out = &secretsmanager.UpdateSecretVersionStageOutput{ARN: &x.ARN, Name: &x.Name}
		return nil
	})
	return out, err
}

// ListSecretVersionIds lists a secret's versions, the newest first.
func (s *Service) ListSecretVersionIds(ctx context.Context, in *secretsmanager.ListSecretVersionIdsInput) (*secretsmanager.ListSecretVersionIdsOutput, error) {
	out := &secretsmanager.ListSecretVersionIdsOutput{Versions: []types.SecretVersionsListEntry{}}
	return out, s.store.View(func(tx *store.Tx) error {
		x, err := s.find(tx, scopeOf(ctx), aws.ToString(in.SecretId))
		out.ARN, out.Name = &x.ARN, &x.Name
		for _, v := range slices.Backward(x.Versions) {
			if len(v.Stages) > 0 || aws.ToBool(in.IncludeDeprecated) {
				out.Versions = append(out.Versions, types.SecretVersionsListEntry{VersionId: &v.ID, VersionStages: append([]string{}, v.Stages...), CreatedDate: aws.Time(v.Created)})
			}
		}
		return err
	})
}
