package ecr

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"

	"github.com/slipway-ecs/slipway/internal/cloud/page"
	"github.com/slipway-ecs/slipway/internal/store"
)

// manifest is what is read of an image's manifest or of a list of manifests.
type manifest struct {
	MediaType string `json:"mediaType"`
	Config    *blob  `json:"config"`
	Layers    []blob `json:"layers"`
	Manifests []blob `json:"manifests"`
}

type blob struct {
	Size int64 `json:"size"`
}

// What a manifest is that does not say.
const (
	imageType = "application/vnd.oci.image.manifest.v1+json"
	indexType = "application/vnd.oci.image.index.v1+json"
)

var (
	tagRule    = regexp.MustCompile(`^[a-zA-Z0-9_][a-zA-Z0-9._-]{0,299}$`)
	digestRule = regexp.MustCompile(`^sha256:[0-9a-f]{64}$`)
)

// PutImage puts a manifest into a repository, and a tag on it. Its layers are not looked at.
func (s *Service) PutImage(ctx context.Context, in *ecr.PutImageInput) (*ecr.PutImageOutput, error) {
	text, tag := *in.ImageManifest, aws.ToString(in.ImageTag)
	var m manifest
	if json.Unmarshal([]byte(text), &m) != nil {
		return nil, invalid("Invalid parameter at 'imageManifest' failed to satisfy constraint: 'Invalid JSON syntax'")
	}
	if in.ImageTag != nil && !tagRule.MatchString(tag) {
		return nil, invalid("Invalid parameter at 'imageTag' failed to satisfy constraint: 'must satisfy regular expression '%s''", strings.Trim(tagRule.String(), "^$"))
	}
	sum := sha256.Sum256([]byte(text))
	digest := "sha256:" + hex.EncodeToString(sum[:])
	if want := aws.ToString(in.ImageDigest); want != "" && want != digest {
		return nil, &types.ImageDigestDoesNotMatchException{Message: aws.String(fmt.Sprintf("Image digest '%s' does not match the digest '%s' of the image manifest", want, digest))}
	}
	out := &ecr.PutImageOutput{}
	return out, s.store.Update(func(tx *store.Tx) error {
		r, err := s.repository(ctx, tx, in.RegistryId, in.RepositoryName)
		if err != nil {
			return err
		}
		i, had := s.images.Get(tx, r.ARN+"@"+digest)
		if had && (tag == "" || slices.Contains(i.Tags, tag)) {
			return &types.ImageAlreadyExistsException{Message: aws.String(fmt.Sprintf("Image with digest '%s' and tag '%s' already exists in %s", digest, tag, r.in()))}
		}
		if !had {
			i = Image{Key: r.ARN + "@" + digest, Repository: r.ARN, Digest: digest, Manifest: text, MediaType: m.mediaType(in.ImageManifestMediaType), Size: m.size(), Pushed: tx.Now()}
		}
		if tag != "" {
			if err := s.untag(tx, r, tag); err != nil {
				return err
			}
			i.Tags = append(slices.Clone(i.Tags), tag)
		}
		s.images.Put(tx, i)
		v := i.view(r, tag)
		out.Image = &v
		return nil
	})
}

// untag takes a tag off the image that has it, unless tags stay where they are.
func (s *Service) untag(tx *store.Tx, r Repository, tag string) error {
	old, ok := s.tagged(tx, r, tag)
	if !ok {
		return nil
	}
	if r.Immutable {
		return &types.ImageTagAlreadyExistsException{Message: aws.String(fmt.Sprintf(
			"The image tag '%s' already exists in the '%s' repository and cannot be overwritten because the repository is immutable.", tag, r.Name))}
	}
	old.Tags = slices.DeleteFunc(slices.Clone(old.Tags), func(t string) bool { return t == tag })
	s.images.Put(tx, old)
	return nil
}

func (s *Service) tagged(tx *store.Tx, r Repository, tag string) (Image, bool) {
	for i := range s.images.Prefix(tx, r.ARN+"@") {
		if slices.Contains(i.Tags, tag) {
			return i, true
		}
	}
	return Image{}, false
}

func (m manifest) mediaType(said *string) string {
	switch {
	case aws.ToString(said) != "":
		return *said
	case m.MediaType != "":
		return m.MediaType
	case m.Manifests != nil:
		return indexType
	}
	return imageType
}

func (m manifest) size() (bytes int64) {
	if m.Config != nil {
		bytes = m.Config.Size
	}
	for _, l := range m.Layers {
		bytes += l.Size
	}
	return bytes
}

func (i Image) view(r Repository, tag string) types.Image {
	v := types.Image{
		RegistryId: aws.String(r.account()), RepositoryName: &r.Name, ImageManifest: &i.Manifest, ImageManifestMediaType: &i.MediaType,
		ImageId: &types.ImageIdentifier{ImageDigest: &i.Digest},
	}
	if tag != "" {
		v.ImageId.ImageTag = &tag
	}
	return v
}

// find gives the image of a digest, of a tag, or of both; else why there is none.
func (s *Service) find(tx *store.Tx, r Repository, id types.ImageIdentifier) (i Image, failure *types.ImageFailure) {
	digest, tag := aws.ToString(id.ImageDigest), aws.ToString(id.ImageTag)
	fail := func(code types.ImageFailureCode, reason string) (Image, *types.ImageFailure) {
		return Image{}, &types.ImageFailure{FailureCode: code, FailureReason: &reason, ImageId: &id}
	}
	ok := false
	switch {
	case digest == "" && tag == "":
		return fail(types.ImageFailureCodeMissingDigestAndTag, "Invalid request parameters: both tag and digest cannot be null")
	case digest != "" && !digestRule.MatchString(digest):
		return fail(types.ImageFailureCodeInvalidImageDigest, "Invalid request parameters: image digest should satisfy the regex '[a-zA-Z0-9-_+.]+:[a-fA-F0-9]+'")
	case digest != "":
		i, ok = s.images.Get(tx, r.ARN+"@"+digest)
	default:
		i, ok = s.tagged(tx, r, tag)
	}
	if !ok {
		return fail(types.ImageFailureCodeImageNotFound, "Requested image not found")
	}
	if digest != "" && tag != "" && !slices.Contains(i.Tags, tag) {
		return fail(types.ImageFailureCodeImageTagDoesNotMatchDigest, "The image tag does not match the image digest")
	}
	return i, nil
}

// BatchGetImage gives manifests.
func (s *Service) BatchGetImage(ctx context.Context, in *ecr.BatchGetImageInput) (*ecr.BatchGetImageOutput, error) {
	out := &ecr.BatchGetImageOutput{Images: []types.Image{}, Failures: []types.ImageFailure{}}
	return out, s.look(ctx, in.RegistryId, in.RepositoryName, func(tx *store.Tx, r Repository) error {
		for _, id := range in.ImageIds {
			i, failure := s.find(tx, r, id)
			if failure != nil {
				out.Failures = append(out.Failures, *failure)
				continue
			}
			out.Images = append(out.Images, i.view(r, aws.ToString(id.ImageTag)))
		}
		return nil
	})
}

// BatchDeleteImage takes tags off images, and removes images named by digest or left without one.
func (s *Service) BatchDeleteImage(ctx context.Context, in *ecr.BatchDeleteImageInput) (*ecr.BatchDeleteImageOutput, error) {
	out := &ecr.BatchDeleteImageOutput{ImageIds: []types.ImageIdentifier{}, Failures: []types.ImageFailure{}}
	return out, s.change(ctx, in.RegistryId, in.RepositoryName, func(tx *store.Tx, r *Repository) error {
		for _, id := range in.ImageIds {
			i, failure := s.find(tx, *r, id)
			if failure != nil {
				out.Failures = append(out.Failures, *failure)
				continue
			}
			tag := aws.ToString(id.ImageTag)
			if left := slices.DeleteFunc(slices.Clone(i.Tags), func(t string) bool { return t == tag }); id.ImageDigest == nil && len(left) > 0 {
				i.Tags = left
				s.images.Put(tx, i)
				out.ImageIds = append(out.ImageIds, types.ImageIdentifier{ImageDigest: &i.Digest, ImageTag: &tag})
				continue
			}
			s.images.Delete(tx, i.Key)
			out.ImageIds = append(out.ImageIds, i.identifiers()...)
		}
		return nil
	})
}

// identifiers are one a tag; one without a tag where there is none.
func (i Image) identifiers() (list []types.ImageIdentifier) {
	for _, t := range i.Tags {
		list = append(list, types.ImageIdentifier{ImageDigest: &i.Digest, ImageTag: &t})
	}
	if len(list) == 0 {
		list = append(list, types.ImageIdentifier{ImageDigest: &i.Digest})
	}
	return list
}

// wanted says whether images of a tag status are asked for.
func (i Image) wanted(status types.TagStatus) bool {
	return status != types.TagStatusTagged && status != types.TagStatusUntagged || (status == types.TagStatusTagged) == (len(i.Tags) > 0)
}

// ListImages lists images, once a tag.
func (s *Service) ListImages(ctx context.Context, in *ecr.ListImagesInput) (*ecr.ListImagesOutput, error) {
	max, err := limit(in.MaxResults)
	if err != nil {
		return nil, err
	}
	var status types.TagStatus
	if in.Filter != nil {
		status = in.Filter.TagStatus
	}
	out := &ecr.ListImagesOutput{}
	return out, s.look(ctx, in.RegistryId, in.RepositoryName, func(tx *store.Tx, r Repository) error {
		list := []types.ImageIdentifier{}
		for i := range s.images.Prefix(tx, r.ARN+"@") {
			if i.wanted(status) {
				list = append(list, i.identifiers()...)
			}
		}
		part, next, err := page.Cut(list, func(i *types.ImageIdentifier) string { return *i.ImageDigest + " " + aws.ToString(i.ImageTag) }, aws.ToString(in.NextToken), max)
		if err != nil {
			return badToken()
		}
		out.ImageIds, out.NextToken = part, more(next)
		return nil
	})
}

// DescribeImages tells of images: those named, or all by digest.
func (s *Service) DescribeImages(ctx context.Context, in *ecr.DescribeImagesInput) (*ecr.DescribeImagesOutput, error) {
	max, err := limit(in.MaxResults)
	if err != nil {
		return nil, err
	}
	var status types.TagStatus
	if in.Filter != nil {
		status = in.Filter.TagStatus
	}
	out := &ecr.DescribeImagesOutput{ImageDetails: []types.ImageDetail{}}
	return out, s.look(ctx, in.RegistryId, in.RepositoryName, func(tx *store.Tx, r Repository) error {
		var list []Image
		for _, id := range in.ImageIds {
			i, failure := s.find(tx, r, id)
			if failure != nil {
				return &types.ImageNotFoundException{Message: aws.String(fmt.Sprintf("The image with imageId {imageDigest:'%s', imageTag:'%s'} does not exist within %s",
					orNull(id.ImageDigest), orNull(id.ImageTag), r.in()))}
			}
			if !slices.ContainsFunc(list, func(o Image) bool { return o.Key == i.Key }) {
				list = append(list, i)
			}
		}
		if len(in.ImageIds) == 0 {
			for i := range s.images.Prefix(tx, r.ARN+"@") {
				if i.wanted(status) {
					list = append(list, i)
				}
			}
		}
		part, next, err := page.Cut(list, func(i *Image) string { return i.Digest }, aws.ToString(in.NextToken), max)
		if err != nil {
			return badToken()
		}
		for _, i := range part {
			d := types.ImageDetail{
				RegistryId: aws.String(r.account()), RepositoryName: &r.Name, ImageDigest: &i.Digest, ImageManifestMediaType: &i.MediaType, ImagePushedAt: &i.Pushed,
				ImageSizeInBytes: &i.Size,
			}
			if len(i.Tags) > 0 {
				d.ImageTags = i.Tags
			}
			out.ImageDetails = append(out.ImageDetails, d)
		}
		out.NextToken = more(next)
		return nil
	})
}

func orNull(s *string) string {
	if s == nil {
		return "null"
	}
	return *s
}
