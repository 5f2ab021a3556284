//lint:file-ignore SA1019 Clients still send String revisions, which AWS deprecates and takes.

package codedeploy

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/service/codedeploy"
	"github.com/aws/aws-sdk-go-v2/service/codedeploy/types"

	"github.com/slipway-ecs/slipway/internal/cloud"
	"github.com/slipway-ecs/slipway/internal/cloud/page"
	"github.com/slipway-ecs/slipway/internal/names"
	"github.com/slipway-ecs/slipway/internal/store"
)

// What CodeDeploy says of revisions. The first two are AWS's; the rest are unconfirmed.
const (
	wordNoRevision = "RevisionLocation must be specified"
	wordBundle     = "BundleType must be either YAML or JSON"
	wordHash       = "The SHA256 hash of the revision's content does not match the content"
	wordLocation   = "The revision location is invalid"
	wordNoSuch     = "No application revision found"
)

// located is a revision whose content was read.
type located struct {
	location types.RevisionLocation // with content and hash
	content  string
}

// locate checks where a revision is and reads it; it may read S3. One that names only the hash of
// a content comes back without it, to be looked up.
//
// Source: codedeploy.md 6.
func (s *Service) locate(scope names.Scope, in *types.RevisionLocation) (located, error) {
	if in == nil {
		return located{}, refuse("RevisionRequiredException", "%s", wordNoRevision)
	}
	l := located{location: types.RevisionLocation{RevisionType: in.RevisionType}}
	switch in.RevisionType {
	case types.RevisionLocationTypeAppSpecContent:
		if in.AppSpecContent == nil {
			return l, refuse("InvalidRevisionException", "%s", wordLocation)
		}
		sum, err := checked(text(in.AppSpecContent.Content), text(in.AppSpecContent.Sha256))
		l.content = text(in.AppSpecContent.Content)
		l.location.AppSpecContent = &types.AppSpecContent{Content: orNil(l.content), Sha256: orNil(sum)}
		return l, err
	case types.RevisionLocationTypeString:
		if in.String_ == nil {
			return l, refuse("InvalidRevisionException", "%s", wordLocation)
		}
		sum, err := checked(text(in.String_.Content), text(in.String_.Sha256))
		l.content = text(in.String_.Content)
		l.location.String_ = &types.RawString{Content: orNil(l.content), Sha256: orNil(sum)}
		return l, err
	case types.RevisionLocationTypeS3:
		return s.fetch(scope, in.S3Location)
	case types.RevisionLocationTypeGitHub:
		return l, refuse("InvalidRevisionException", "GitHub revisions are not supported for the compute platform ECS")
	}
	return l, refuse("InvalidRevisionException", "%s", wordLocation)
}

// checked gives the hash of a content, and refuses another one that was given.
func checked(content, given string) (string, error) {
	if content == "" {
		if given == "" {
			return "", refuse("InvalidRevisionException", "%s", wordLocation)
		}
		return strings.ToLower(given), nil
	}
	sum := sha256.Sum256([]byte(content))
	hash := hex.EncodeToString(sum[:])
	if given != "" && !strings.EqualFold(given, hash) {
		return "", refuse("InvalidRevisionException", "%s", wordHash)
	}
	return hash, nil
}

// fetch reads a revision from S3.
func (s *Service) fetch(scope names.Scope, in *types.S3Location) (located, error) {
	l := located{location: types.RevisionLocation{RevisionType: types.RevisionLocationTypeS3}}
	if in == nil || text(in.Bucket) == "" || text(in.Key) == "" {
		return l, refuse("InvalidRevisionException", "%s", wordLocation)
	}
	at := *in
	switch at.BundleType = types.BundleType(strings.ToUpper(string(in.BundleType))); at.BundleType {
	case types.BundleTypeYaml, types.BundleTypeJson:
	default:
		return l, refuse("InvalidRevisionException", "%s", wordBundle)
	}
	if s.o.Objects == nil {
		return l, refuse("InvalidRevisionException", "Revisions in Amazon S3 are not supported by this local cloud. Use AppSpecContent.")
	}
	body, etag, err := s.o.Objects.Object(scope, *at.Bucket, *at.Key, text(at.Version))
	if err != nil {
		return l, refuse("RevisionDoesNotExistException", "The revision s3://%s/%s could not be read: %s", *at.Bucket, *at.Key, causeOf(err))
	}
	etag = strings.Trim(etag, `"`)
	if want := strings.Trim(text(at.ETag), `"`); want != "" && want != etag {
		return l, refuse("RevisionDoesNotExistException", "The object s3://%s/%s has the ETag %s, not %s", *at.Bucket, *at.Key, etag, want)
	}
	at.ETag = new(etag)
	l.location.S3Location, l.content = &at, string(body)
	return l, nil
}

// revisionKey tells a revision of an application from its others.
func revisionKey(application string, l *types.RevisionLocation) string {
	mark := ""
	switch {
	case l.AppSpecContent != nil:
		mark = text(l.AppSpecContent.Sha256)
	case l.String_ != nil:
		mark = text(l.String_.Sha256)
	case l.S3Location != nil:
		mark = text(l.S3Location.Bucket) + "/" + text(l.S3Location.Key) + "?" + text(l.S3Location.Version) + "#" + text(l.S3Location.ETag)
	}
	return application + " " + string(l.RevisionType) + " " + mark
}

// brief gives a revision as deployments and groups show it: a content by its hash alone.
//
// Source: codedeploy.md 4.6, 12.1.
func brief(l types.RevisionLocation) *types.RevisionLocation {
	if l.AppSpecContent != nil {
		l.AppSpecContent = &types.AppSpecContent{Sha256: l.AppSpecContent.Sha256}
	}
	if l.String_ != nil {
		l.String_ = &types.RawString{Sha256: l.String_.Sha256}
	}
	return &l
}

// findRevision finds the row of a revision. S3 objects are found without version or ETag too: the
// newest of them.
func (s *Service) findRevision(tx *store.Tx, application string, l *types.RevisionLocation) (Revision, bool) {
	if r, ok := s.revisions.Get(tx, revisionKey(application, l)); ok {
		return r, true
	}
	var newest Revision
	if l.S3Location == nil {
		return newest, false
	}
	for r := range s.revisions.By(tx, "application", application) {
		at, ask := cloud.Kept[types.RevisionLocation](r.Location).S3Location, l.S3Location
		if at == nil || text(at.Bucket) != text(ask.Bucket) || text(at.Key) != text(ask.Key) ||
			ask.Version != nil && text(at.Version) != *ask.Version || ask.ETag != nil && text(at.ETag) != strings.Trim(*ask.ETag, `"`) {
			continue
		}
		if newest.Key == "" || r.Registered.After(newest.Registered) {
			newest = r
		}
	}
	return newest, newest.Key != ""
}

// register gives the row of a revision, which it makes where there is none; it is not put.
func (s *Service) register(tx *store.Tx, application string, l located) Revision {
	key := revisionKey(application, &l.location)
	if r, ok := s.revisions.Get(tx, key); ok {
		return r
	}
	return Revision{Key: key, Application: application, Location: cloud.Keep(&l.location), Registered: tx.Now()}
}

// RegisterApplicationRevision registers a revision, whose AppSpec file must be valid.
func (s *Service) RegisterApplicationRevision(ctx context.Context, in *sdk.RegisterApplicationRevisionInput) (*sdk.RegisterApplicationRevisionOutput, error) {
	if len([]rune(text(in.Description))) > mostDescription {
		return nil, refuse("DescriptionTooLongException", "%s", wordLong)
	}
	l, err := s.locate(scopeOf(ctx), in.Revision)
	if err != nil {
		return nil, err
	}
	if _, err := parseSpec(l.content); err != nil {
		return nil, err
	}
	err = s.store.Update(func(tx *store.Tx) error {
		a, err := s.applicationOf(tx, scopeOf(ctx), in.ApplicationName)
		if err != nil {
			return err
		}
		r := s.register(tx, a.ID, l)
		if in.Description != nil {
			r.Description = *in.Description
		}
		s.revisions.Put(tx, r)
		return nil
	})
	return &sdk.RegisterApplicationRevisionOutput{}, err
}

func (r *Revision) info() *types.GenericRevisionInfo {
	info := &types.GenericRevisionInfo{Description: orNil(r.Description), DeploymentGroups: append([]string{}, r.Groups...), RegisterTime: new(r.Registered)}
	if !r.First.IsZero() {
		info.FirstUsedTime, info.LastUsedTime = new(r.First), new(r.Last)
	}
	return info
}

// GetApplicationRevision describes a revision, with its content.
func (s *Service) GetApplicationRevision(ctx context.Context, in *sdk.GetApplicationRevisionInput) (*sdk.GetApplicationRevisionOutput, error) {
	out := &sdk.GetApplicationRevisionOutput{ApplicationName: in.ApplicationName}
	err := s.store.View(func(tx *store.Tx) error {
		a, err := s.applicationOf(tx, scopeOf(ctx), in.ApplicationName)
		if err != nil {
			return err
		}
		r, err := s.described(tx, a.ID, in.Revision)
		if err != nil {
			return err
		}
		out.Revision, out.RevisionInfo = cloud.Kept[*types.RevisionLocation](r.Location), r.info()
		return nil
	})
	return out, err
}

// described finds a revision as a caller names it: by content, by its hash, or by place.
func (s *Service) described(tx *store.Tx, application string, in *types.RevisionLocation) (Revision, error) {
	if in == nil {
		return Revision{}, refuse("RevisionRequiredException", "%s", wordNoRevision)
	}
	ask := *in
	if c := in.AppSpecContent; c != nil {
		sum, err := checked(text(c.Content), text(c.Sha256))
		if err != nil {
			return Revision{}, err
		}
		ask.AppSpecContent = &types.AppSpecContent{Sha256: new(sum)}
	}
	if c := in.String_; c != nil {
		sum, err := checked(text(c.Content), text(c.Sha256))
		if err != nil {
			return Revision{}, err
		}
		ask.String_ = &types.RawString{Sha256: new(sum)}
	}
	r, ok := s.findRevision(tx, application, &ask)
	if !ok {
		return r, refuse("RevisionDoesNotExistException", "%s", wordNoSuch)
	}
	return r, nil
}

// BatchGetApplicationRevisions describes up to 25 revisions of an application.
func (s *Service) BatchGetApplicationRevisions(ctx context.Context, in *sdk.BatchGetApplicationRevisionsInput) (*sdk.BatchGetApplicationRevisionsOutput, error) {
	if len(in.Revisions) > mostDeployments {
		return nil, refuse("BatchLimitExceededException", "The maximum number of names or IDs allowed for this request (%d) was exceeded.", mostDeployments)
	}
	out := &sdk.BatchGetApplicationRevisionsOutput{ApplicationName: in.ApplicationName, Revisions: []types.RevisionInfo{}}
	err := s.store.View(func(tx *store.Tx) error {
		a, err := s.applicationOf(tx, scopeOf(ctx), in.ApplicationName)
		if err != nil {
			return err
		}
		for _, ask := range in.Revisions {
			r, err := s.described(tx, a.ID, &ask)
			if err != nil {
				out.ErrorMessage = new(causeOf(err))
				continue
			}
			out.Revisions = append(out.Revisions, types.RevisionInfo{RevisionLocation: cloud.Kept[*types.RevisionLocation](r.Location), GenericRevisionInfo: r.info()})
		}
		return nil
	})
	return out, err
}

// ListApplicationRevisions gives where an application's revisions are, by the filters and in the
// order asked for.
func (s *Service) ListApplicationRevisions(ctx context.Context, in *sdk.ListApplicationRevisionsInput) (*sdk.ListApplicationRevisionsOutput, error) {
	of, err := timeBy(in.SortBy)
	if err != nil {
		return nil, err
	}
	switch {
	case in.SortOrder != "" && !slices.Contains(in.SortOrder.Values(), in.SortOrder):
		return nil, refuse("InvalidSortOrderException", "The sort order is invalid: %s", in.SortOrder)
	case in.Deployed != "" && !slices.Contains(in.Deployed.Values(), in.Deployed):
		return nil, refuse("InvalidDeployedStateFilterException", "The deployed state filter is invalid: %s", in.Deployed)
	case text(in.S3KeyPrefix) != "" && text(in.S3Bucket) == "":
		return nil, refuse("BucketNameFilterRequiredException", "A bucket name is required with a key prefix")
	}
	out := &sdk.ListApplicationRevisionsOutput{Revisions: []types.RevisionLocation{}}
	err = s.store.View(func(tx *store.Tx) error {
		a, err := s.applicationOf(tx, scopeOf(ctx), in.ApplicationName)
		if err != nil {
			return err
		}
		var all []Revision
		for r := range s.revisions.By(tx, "application", a.ID) {
			at := cloud.Kept[types.RevisionLocation](r.Location).S3Location
			switch {
			case in.S3Bucket != nil && (at == nil || text(at.Bucket) != *in.S3Bucket || !strings.HasPrefix(text(at.Key), text(in.S3KeyPrefix))),
				in.Deployed == types.ListStateFilterActionInclude && !s.targeted(tx, &r),
				in.Deployed == types.ListStateFilterActionExclude && s.targeted(tx, &r):
				continue
			}
			all = append(all, r)
		}
		slices.SortStableFunc(all, func(x, y Revision) int {
			if in.SortOrder == types.SortOrderDescending {
				x, y = y, x
			}
			return cmp.Or(of(&x).Compare(of(&y)), cmp.Compare(x.Key, y.Key))
		})
		some, next, err := page.Cut(all, func(r *Revision) string { return r.Key }, text(in.NextToken), listPage)
		if err != nil {
			return refuse("InvalidNextTokenException", "The next token is invalid")
		}
		for _, r := range some {
			out.Revisions = append(out.Revisions, *brief(cloud.Kept[types.RevisionLocation](r.Location)))
		}
		out.NextToken = orNil(next)
		return nil
	})
	return out, err
}

// targeted reports whether a revision is the target of a deployment group.
func (s *Service) targeted(tx *store.Tx, r *Revision) bool {
	for g := range s.groups.By(tx, "application", r.Application) {
		if l := cloud.Kept[*types.RevisionLocation](g.Revision); l != nil && revisionKey(r.Application, l) == r.Key {
			return true
		}
	}
	return false
}

func timeBy(by types.ApplicationRevisionSortBy) (func(*Revision) time.Time, error) {
	switch by {
	case "", types.ApplicationRevisionSortByRegisterTime:
		return func(r *Revision) time.Time { return r.Registered }, nil
	case types.ApplicationRevisionSortByFirstUsedTime:
		return func(r *Revision) time.Time { return r.First }, nil
	case types.ApplicationRevisionSortByLastUsedTime:
		return func(r *Revision) time.Time { return r.Last }, nil
	}
	return nil, refuse("InvalidSortByException", "The column to sort by is invalid: %s", by)
}
