package ecr

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"

	"github.com/slipway-ecs/slipway/internal/cloud/page"
	"github.com/slipway-ecs/slipway/internal/pattern"
	"github.com/slipway-ecs/slipway/internal/store"
	"github.com/slipway-ecs/slipway/internal/wire"
)

// manifest is what is read of an image manifest.
type manifest struct {
	MediaType string  `json:"mediaType"`
	Config    layer   `json:"config"`
	Layers    []layer `json:"layers"`
}

type layer struct {
	Size int64 `json:"size"`
}

// PutImage keeps a manifest, and puts a tag on it.
func (s *Service) PutImage(ctx context.Context, in *ecr.PutImageInput) (*ecr.PutImageOutput, error) {
	text := aws.ToString(in.ImageManifest)
	var m manifest
	if err := json.Unmarshal([]byte(text), &m); err != nil {
		return nil, &types.InvalidParameterException{Message: aws.String("Invalid parameter at 'ImageManifest' failed to satisfy constraint: 'Invalid JSON syntax'")}
	}
	sum := sha256.Sum256([]byte(text))
	image := Image{Digest: "sha256:" + hex.EncodeToString(sum[:]), Manifest: text, Media: m.MediaType, Size: m.Config.Size + int64(len(text))}
	if in.ImageManifestMediaType != nil {
		image.Media = *in.ImageManifestMediaType
	}
	if in.ImageDigest != nil && *in.ImageDigest != image.Digest {
		return nil, &types.ImageDigestDoesNotMatchException{Message: aws.String("The specified image digest does not match the digest that Amazon ECR calculated for the image.")}
	}
	for _, l := range m.Layers {
		image.Size += l.Size
	}
	tag := aws.ToString(in.ImageTag)
	err := s.store.Update(func(tx *store.Tx) error {
		r, err := s.repository(ctx, tx, in.RepositoryName)
		if err != nil {
			return err
		}
		image.Repository, image.Key, image.Pushed = r.ARN, r.ARN+"@"+image.Digest, tx.Now()
		return s.put(ctx, tx, r, image, tag)
	})
	if err != nil {
		return nil, err
	}
	v := image.view(ctx, aws.ToString(in.RepositoryName), tag)
	return &ecr.PutImageOutput{Image: &v}, nil
}

// put writes an image and moves the tag to it, if the repository lets tags move.
func (s *Service) put(ctx context.Context, tx *store.Tx, r Repository, image Image, tag string) error {
	if old, there := s.images.Get(tx, image.Key); there {
		if tag == "" || slices.Contains(old.Tags, tag) {
			return &types.ImageAlreadyExistsException{Message: aws.String(fmt.Sprintf(
				"Image with digest '%s' and tag '%s' already exists in the repository with name '%s' in registry with id '%s'", image.Digest, tag, r.Name, wire.CallerOf(ctx).Account))}
		}
		image.Tags, image.Pushed = old.Tags, old.Pushed
	}
	for other := range s.images.By(tx, "repository", r.ARN) {
		i := slices.Index(other.Tags, tag)
		if tag == "" || i < 0 {
			continue
		}
		if r.fixed(tag) {
			return &types.ImageTagAlreadyExistsException{Message: aws.String(fmt.Sprintf(
				"The image tag '%s' already exists in the '%s' repository and cannot be overwritten because the repository is immutable.", tag, r.Name))}
		}
		other.Tags = slices.Delete(slices.Clone(other.Tags), i, i+1)
		s.images.Put(tx, other)
	}
	if tag != "" {
		image.Tags = append(slices.Clone(image.Tags), tag)
		slices.Sort(image.Tags)
	}
	s.images.Put(tx, image)
	return nil
}

// BatchGetImage gives manifests by digest or tag; what is not there is a failure.
func (s *Service) BatchGetImage(ctx context.Context, in *ecr.BatchGetImageInput) (*ecr.BatchGetImageOutput, error) {
	out := &ecr.BatchGetImageOutput{Images: []types.Image{}, Failures: []types.ImageFailure{}}
	err := s.each(ctx, in.RepositoryName, in.ImageIds, func(_ *store.Tx, i Image, id types.ImageIdentifier) {
		out.Images = append(out.Images, i.view(ctx, aws.ToString(in.RepositoryName), aws.ToString(id.ImageTag)))
	}, func(f types.ImageFailure) { out.Failures = append(out.Failures, f) })
	return out, err
}

// BatchDeleteImage takes tags off images, and removes images named by digest alone or without tags
// left.
func (s *Service) BatchDeleteImage(ctx context.Context, in *ecr.BatchDeleteImageInput) (*ecr.BatchDeleteImageOutput, error) {
	out := &ecr.BatchDeleteImageOutput{ImageIds: []types.ImageIdentifier{}, Failures: []types.ImageFailure{}}
	err := s.each(ctx, in.RepositoryName, in.ImageIds, func(tx *store.Tx, i Image, id types.ImageIdentifier) {
		gone := i.Tags
		if id.ImageTag != nil {
			gone = []string{*id.ImageTag}
		}
		i.Tags = slices.DeleteFunc(slices.Clone(i.Tags), func(t string) bool { return slices.Contains(gone, t) })
		if len(i.Tags) > 0 {
			s.images.Put(tx, i)
		} else {
			s.images.Delete(tx, i.Key)
		}
		for _, t := range gone {
			out.ImageIds = append(out.ImageIds, types.ImageIdentifier{ImageDigest: &i.Digest, ImageTag: &t})
		}
		if len(gone) == 0 {
			out.ImageIds = append(out.ImageIds, types.ImageIdentifier{ImageDigest: &i.Digest})
		}
	}, func(f types.ImageFailure) { out.Failures = append(out.Failures, f) })
	return out, err
}

// each finds the images that identifiers name, in one transaction.
func (s *Service) each(ctx context.Context, repository *string, named []types.ImageIdentifier, found func(*store.Tx, Image, types.ImageIdentifier), failed func(types.ImageFailure)) error {
	return s.store.Update(func(tx *store.Tx) error {
		r, err := s.repository(ctx, tx, repository)
		if err != nil {
			return err
		}
		for _, id := range named {
			image, code, why := s.named(tx, r, id)
			if code != "" {
				failed(types.ImageFailure{ImageId: &id, FailureCode: code, FailureReason: &why})
				continue
			}
			found(tx, image, id)
		}
		return nil
	})
}

var digestRule = pattern.New(`^[a-zA-Z0-9-_+.]+:[a-fA-F0-9]+$`)

// named finds the image an identifier names, or says why there is none.
func (s *Service) named(tx *store.Tx, r Repository, id types.ImageIdentifier) (i Image, code types.ImageFailureCode, why string) {
	if id.ImageDigest == nil && id.ImageTag == nil {
		return i, types.ImageFailureCodeMissingDigestAndTag, "Invalid request parameters: both tag and digest cannot be null"
	}
	if id.ImageDigest != nil && !digestRule.MatchString(*id.ImageDigest) {
		return i, types.ImageFailureCodeInvalidImageDigest, "Invalid request parameters: image digest should satisfy the regex '[a-zA-Z0-9-_+.]+:[a-fA-F0-9]+'"
	}
	i, ok := s.image(tx, r, id)
	if ok {
		return i, "", ""
	}
	if id.ImageDigest != nil && id.ImageTag != nil {
		_, digest := s.image(tx, r, types.ImageIdentifier{ImageDigest: id.ImageDigest})
		_, tag := s.image(tx, r, types.ImageIdentifier{ImageTag: id.ImageTag})
		if digest && tag {
			return i, types.ImageFailureCodeImageTagDoesNotMatchDigest, "The provided digest does not match tag"
		}
	}
	return i, types.ImageFailureCodeImageNotFound, "Requested image not found"
}

func (s *Service) image(tx *store.Tx, r Repository, id types.ImageIdentifier) (Image, bool) {
	if id.ImageDigest != nil {
		i, ok := s.images.Get(tx, r.ARN+"@"+*id.ImageDigest)
		return i, ok && (id.ImageTag == nil || slices.Contains(i.Tags, *id.ImageTag))
	}
	for i := range s.images.By(tx, "repository", r.ARN) {
		if id.ImageTag != nil && slices.Contains(i.Tags, *id.ImageTag) {
			return i, true
		}
	}
	return Image{}, false
}

// ListImages names the images of a repository: one identifier a tag, or one without a tag.
func (s *Service) ListImages(ctx context.Context, in *ecr.ListImagesInput) (*ecr.ListImagesOutput, error) {
	out := &ecr.ListImagesOutput{ImageIds: []types.ImageIdentifier{}}
	err := s.store.View(func(tx *store.Tx) error {
		r, err := s.repository(ctx, tx, in.RepositoryName)
		if err != nil {
			return err
		}
		rows, next, err := page.Cut(s.filtered(tx, r, tagStatus(in.Filter)), func(i *Image) string { return i.Key }, aws.ToString(in.NextToken), limit(in.MaxResults))
		if err != nil {
			return badToken()
		}
		for _, i := range rows {
			if len(i.Tags) == 0 {
				out.ImageIds = append(out.ImageIds, types.ImageIdentifier{ImageDigest: &i.Digest})
			}
			for _, t := range i.Tags {
				out.ImageIds = append(out.ImageIds, types.ImageIdentifier{ImageDigest: &i.Digest, ImageTag: &t})
			}
		}
		out.NextToken = token(next)
		return nil
	})
	return out, err
}

// filtered gives the images of a repository with or without tags, as status wants them.
func (s *Service) filtered(tx *store.Tx, r Repository, status types.TagStatus) (all []Image) {
	for i := range s.images.By(tx, "repository", r.ARN) {
		tagged := len(i.Tags) > 0
		if status == "" || status == types.TagStatusAny || tagged == (status == types.TagStatusTagged) {
			all = append(all, i)
		}
	}
	return all
}

func tagStatus(f *types.ListImagesFilter) types.TagStatus {
	if f == nil {
		return ""
	}
	return f.TagStatus
}

// DescribeImages describes the named images, or all of a repository.
func (s *Service) DescribeImages(ctx context.Context, in *ecr.DescribeImagesInput) (*ecr.DescribeImagesOutput, error) {
	out := &ecr.DescribeImagesOutput{ImageDetails: []types.ImageDetail{}}
	err := s.store.View(func(tx *store.Tx) error {
		r, err := s.repository(ctx, tx, in.RepositoryName)
		if err != nil {
			return err
		}
		if len(in.ImageIds) > 0 {
			for _, id := range in.ImageIds {
				i, ok := s.image(tx, r, id)
				if !ok {
					return &types.ImageNotFoundException{Message: aws.String(fmt.Sprintf(
						"The image with imageId {imageDigest:'%s', imageTag:'%s'} does not exist within the repository with name '%s' in the registry with id '%s'",
						orNull(id.ImageDigest), orNull(id.ImageTag), r.Name, wire.CallerOf(ctx).Account))}
				}
				out.ImageDetails = append(out.ImageDetails, i.detail(ctx, r))
			}
			return nil
		}
		var status types.TagStatus
		if in.Filter != nil {
			status = in.Filter.TagStatus
		}
		rows, next, err := page.Cut(s.filtered(tx, r, status), func(i *Image) string { return i.Key }, aws.ToString(in.NextToken), limit(in.MaxResults))
		if err != nil {
			return badToken()
		}
		for _, i := range rows {
			out.ImageDetails = append(out.ImageDetails, i.detail(ctx, r))
		}
		out.NextToken = token(next)
		return nil
	})
	return out, err
}

func orNull(s *string) string {
	if s == nil {
		return "null"
	}
	return *s
}

func (i Image) view(ctx context.Context, repository, tag string) types.Image {
	v := types.Image{
		RegistryId: aws.String(wire.CallerOf(ctx).Account), RepositoryName: &repository, ImageManifest: &i.Manifest,
		ImageId: &types.ImageIdentifier{ImageDigest: &i.Digest},
	}
	if tag != "" {
		v.ImageId.ImageTag = &tag
	}
	if i.Media != "" {
		v.ImageManifestMediaType = &i.Media
	}
	return v
}

func (i Image) detail(ctx context.Context, r Repository) types.ImageDetail {
	d := types.ImageDetail{
		RegistryId: aws.String(wire.CallerOf(ctx).Account), RepositoryName: &r.Name, ImageDigest: &i.Digest,
		ImageSizeInBytes: &i.Size, ImagePushedAt: &i.Pushed, ImageTags: i.Tags,
	}
	if i.Media != "" {
		d.ImageManifestMediaType = &i.Media
	}
	return d
}
