package lambda

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/slipway-ecs/slipway/internal/store"
)

// settle ends the environments of other revisions of a version; once it returns, no call that
// begins runs what was before.
func (s *Service) settle(all ...Version) {
	for _, v := range all {
		s.runner.Settle(v.ARN, v.Revision)
	}
}

// UpdateFunctionCode gives a function other code. Warm environments of the old have ended when it
// answers.
func (s *Service) UpdateFunctionCode(ctx context.Context, in *lambda.UpdateFunctionCodeInput) (*lambda.UpdateFunctionCodeOutput, error) {
	r, err := refer(ctx, in.FunctionName, nil)
	if err != nil {
		return nil, err
	}
	// Before the code is looked at, so that a function that is not there is told first.
	if err := s.store.View(func(tx *store.Tx) error { _, err := s.changeable(tx, r, in.RevisionId); return err }); err != nil {
		return nil, err
	}
	if in.ImageUri != nil {
		return nil, invalid("Functions of container images are not served by this cloud; bring a zip file.")
	}
	latestNow, shown, old, err := s.recode(r, in)
	if err != nil {
		return nil, err
	}
	if !in.DryRun {
		s.settle(latestNow, shown)
		s.forget(old)
	}
	out := codeOutput(s.view(shown))
	out.LastUpdateStatus, out.LastUpdateStatusReason, out.LastUpdateStatusReasonCode = types.LastUpdateStatusInProgress, aws.String(beingUpdated), "Creating"
	return out, nil
}

// beingUpdated is Lambda's reason while an update is under way.
const beingUpdated = "The function is being created."

// recode writes the new code's row; it gives the unpublished version, the one to show, and the hash
// of the code that was.
func (s *Service) recode(r ref, in *lambda.UpdateFunctionCodeInput) (now, shown Version, old string, err error) {
	s.codes.using.RLock()
	defer s.codes.using.RUnlock()
	code, err := s.fetch(r.scope, in.ZipFile, in.S3Bucket, in.S3Key, in.S3ObjectVersion)
	if err != nil {
		return now, shown, "", err
	}
	err = s.store.Update(func(tx *store.Tx) error {
		if now, err = s.changeable(tx, r, in.RevisionId); err != nil {
			return err
		}
		old = now.Code.SHA
		now.Code, now.Modified, now.Revision = code, tx.Now(), s.o.IDs.UUID()
		if len(in.Architectures) > 0 {
			now.Config.Architectures = []string{string(in.Architectures[0])}
		}
		shown = now
		if in.DryRun {
			return nil
		}
		s.versions.Put(tx, now)
		if in.Publish {
			f, err := s.function(tx, r)
			if err != nil {
				return err
			}
			shown = s.publish(tx, f, now, "")
		}
		return nil
	})
	return now, shown, old, err
}

// forget removes code that no version has any more.
func (s *Service) forget(sha string) {
	err := s.codes.drop(sha, func() (used bool, err error) {
		err = s.store.View(func(tx *store.Tx) error {
			for v := range s.versions.All(tx) {
				used = used || v.Code.SHA == sha
			}
			return nil
		})
		return used, err
	})
	if err != nil {
		s.o.Log.Warn("code that no function has stays until the next start", "err", err)
	}
}

// UpdateFunctionConfiguration changes what a request names. Warm environments of the old
// configuration have ended when it answers.
func (s *Service) UpdateFunctionConfiguration(ctx context.Context, in *lambda.UpdateFunctionConfigurationInput) (*lambda.UpdateFunctionConfigurationOutput, error) {
	r, err := refer(ctx, in.FunctionName, nil)
	if err != nil {
		return nil, err
	}
	var v Version
	err = s.store.Update(func(tx *store.Tx) error {
		if v, err = s.changeable(tx, r, in.RevisionId); err != nil {
			return err
		}
		if in.Runtime != "" {
			if err := checkRuntime(in.Runtime); err != nil {
				return err
			}
		}
		change(&v.Config, in)
		if err := checkConfig(v.Config); err != nil {
			return err
		}
		v.Modified, v.Revision = tx.Now(), s.o.IDs.UUID()
		s.versions.Put(tx, v)
		return nil
	})
	if err != nil {
		return nil, err
	}
	s.settle(v)
	out := configOutput(s.view(v))
	out.LastUpdateStatus, out.LastUpdateStatusReason, out.LastUpdateStatusReasonCode = types.LastUpdateStatusInProgress, aws.String(beingUpdated), "Creating"
	return out, nil
}

// DeleteFunction removes a function with all it has, or one published version.
func (s *Service) DeleteFunction(ctx context.Context, in *lambda.DeleteFunctionInput) (*lambda.DeleteFunctionOutput, error) {
	r, err := refer(ctx, in.FunctionName, in.Qualifier)
	if err != nil {
		return nil, err
	}
	var gone []Version
	err = s.store.Update(func(tx *store.Tx) error {
		if _, err := s.function(tx, ref{r.scope, r.name, ""}); err != nil {
			return err
		}
		if r.qualifier != "" {
			v, err := s.deleteVersion(tx, r)
			gone = append(gone, v...)
			return err
		}
		for _, v := range s.versionsOf(tx, r.arn()) {
			gone = append(gone, v)
			s.versions.Delete(tx, v.ARN)
		}
		for a := range s.aliases.By(tx, "function", r.arn()) {
			s.aliases.Delete(tx, a.ARN)
		}
		for e := range s.events.By(tx, "function", r.arn()) {
			s.events.Delete(tx, e.ID)
		}
		s.functions.Delete(tx, r.arn())
		return nil
	})
	if err != nil {
		return nil, err
	}
	for _, v := range gone {
		s.runner.Settle(v.ARN, "")
		s.forget(v.Code.SHA)
	}
	return &lambda.DeleteFunctionOutput{StatusCode: 204}, nil
}

// deleteVersion removes one published version, unless an alias leads to it.
func (s *Service) deleteVersion(tx *store.Tx, r ref) ([]Version, error) {
	if r.qualifier == latest {
		return nil, invalid("$LATEST version cannot be deleted without deleting the function.")
	}
	if _, alias := s.aliases.Get(tx, r.qualified()); alias {
		return nil, invalid("Deletion of aliases is not currently supported.")
	}
	v, ok := s.versions.Get(tx, r.qualified())
	if !ok {
		return nil, nil // AWS says nothing of a version that is not there
	}
	for a := range s.aliases.By(tx, "function", r.arn()) {
		if _, too := a.Weights[v.Number]; a.Version == v.Number || too {
			return nil, conflict("Unable to delete version because the following aliases reference it: [" + a.Name + "]")
		}
	}
	s.versions.Delete(tx, v.ARN)
	return []Version{v}, nil
}
