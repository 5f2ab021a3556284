package ecr_test

import (
	"encoding/base64"
	"errors"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	client "github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"
	"github.com/aws/smithy-go"

	"github.com/slipway-ecs/slipway/internal/cloud/ecr"
	"github.com/slipway-ecs/slipway/internal/ids"
	"github.com/slipway-ecs/slipway/internal/store"
	"github.com/slipway-ecs/slipway/internal/wire"
)

const account = "123456789012"

// serve gives clients of accounts, which are access keys.
func serve(t *testing.T) func(account, region string) *client.Client {
	room := ecr.New(ecr.Options{
		IDs: ids.Counting(), Endpoint: func() string { return "http://127.0.0.1:4566" },
		Sign: func(parts ...string) []byte { return []byte(strings.Join(parts, "|")) },
	})
	st, err := store.Open(store.Options{Verify: true}, room.Tables()...)
	if err != nil {
		t.Fatal(err)
	}
	room.Attach(st)
	server := httptest.NewServer(wire.NewGateway(wire.GatewayOptions{Account: func(key string) string { return key }}, room.Wire()))
	t.Cleanup(server.Close)
	return func(account, region string) *client.Client {
		return client.New(client.Options{BaseEndpoint: &server.URL, Region: region, Credentials: credentials.NewStaticCredentialsProvider(account, "s", ""), RetryMaxAttempts: 1})
	}
}

func code(err error) string {
	if api, ok := errors.AsType[smithy.APIError](err); ok {
		return api.ErrorCode()
	}
	if err != nil {
		return err.Error()
	}
	return ""
}

func TestARepositorysLifeAsTerraformLivesIt(t *testing.T) {
	t.Parallel()
	of := serve(t)
	c, ctx, name := of(account, "us-east-1"), t.Context(), aws.String("team/web")
	_, err := c.DescribeRepositories(ctx, &client.DescribeRepositoriesInput{RepositoryNames: []string{*name}})
	api, _ := errors.AsType[smithy.APIError](err)
	if want := "The repository with name 'team/web' does not exist in the registry with id '123456789012'"; code(err) != "RepositoryNotFoundException" || api.ErrorMessage() != want {
		t.Errorf("before it is made: got %v, want %s", err, want)
	}
	made, err := c.CreateRepository(ctx, &client.CreateRepositoryInput{
		RepositoryName: name, ImageTagMutability: types.ImageTagMutabilityImmutable, Tags: []types.Tag{{Key: aws.String("team"), Value: aws.String("web")}},
		ImageScanningConfiguration: &types.ImageScanningConfiguration{ScanOnPush: true},
	})
	if err != nil {
		t.Fatal(err)
	}
	r := made.Repository
	if *r.RepositoryUri != "localhost:4566/team/web" || *r.RepositoryArn != "arn:aws:ecr:us-east-1:123456789012:repository/team/web" {
		t.Errorf("made: got %s and %s", *r.RepositoryUri, *r.RepositoryArn)
	}
	if _, err := c.CreateRepository(ctx, &client.CreateRepositoryInput{RepositoryName: name}); code(err) != "RepositoryAlreadyExistsException" {
		t.Errorf("made again: got %v", err)
	}
	if _, err := c.CreateRepository(ctx, &client.CreateRepositoryInput{RepositoryName: aws.String("Web")}); code(err) != "InvalidParameterException" {
		t.Errorf("a bad name: got %v", err)
	}
	seen, err := c.DescribeRepositories(ctx, &client.DescribeRepositoriesInput{RepositoryNames: []string{*name}})
	if err != nil || !seen.Repositories[0].ImageScanningConfiguration.ScanOnPush || seen.Repositories[0].ImageTagMutability != types.ImageTagMutabilityImmutable ||
		seen.Repositories[0].EncryptionConfiguration.EncryptionType != types.EncryptionTypeAes256 {
		t.Errorf("described: got %+v, %v", seen, err)
	}
	tags, err := c.ListTagsForResource(ctx, &client.ListTagsForResourceInput{ResourceArn: r.RepositoryArn})
	if err != nil || len(tags.Tags) != 1 || *tags.Tags[0].Value != "web" {
		t.Errorf("tags: got %+v, %v", tags, err)
	}
	if _, err := c.GetLifecyclePolicy(ctx, &client.GetLifecyclePolicyInput{RepositoryName: name}); code(err) != "LifecyclePolicyNotFoundException" {
		t.Errorf("no policy: got %v", err)
	}
	policy := aws.String(`{"rules": []}`)
	if _, err := c.PutLifecyclePolicy(ctx, &client.PutLifecyclePolicyInput{RepositoryName: name, LifecyclePolicyText: policy}); err != nil {
		t.Error(err)
	}
	if got, err := c.GetLifecyclePolicy(ctx, &client.GetLifecyclePolicyInput{RepositoryName: name}); err != nil || *got.LifecyclePolicyText != *policy {
		t.Errorf("policy: got %+v, %v", got, err)
	}
	if _, err := c.DeleteLifecyclePolicy(ctx, &client.DeleteLifecyclePolicyInput{RepositoryName: name}); err != nil {
		t.Error(err)
	}
	for _, place := range [][2]string{{"210987654321", "us-east-1"}, {account, "eu-west-1"}} {
		other, err := of(place[0], place[1]).DescribeRepositories(ctx, &client.DescribeRepositoriesInput{})
		if err != nil || len(other.Repositories) != 0 {
			t.Errorf("%v sees %+v, %v", place, other, err)
		}
		if _, err := of(place[0], place[1]).ListTagsForResource(ctx, &client.ListTagsForResourceInput{ResourceArn: r.RepositoryArn}); code(err) != "RepositoryNotFoundException" {
			t.Errorf("%v reads tags: got %v", place, err)
		}
	}
	if _, err := c.DeleteRepository(ctx, &client.DeleteRepositoryInput{RepositoryName: name}); err != nil {
		t.Error(err)
	}
}

func TestImagesAreKeptByDigestAndTag(t *testing.T) {
	t.Parallel()
	c, ctx, name := serve(t)(account, "us-east-1"), t.Context(), aws.String("web")
	if _, err := c.CreateRepository(ctx, &client.CreateRepositoryInput{RepositoryName: name}); err != nil {
		t.Fatal(err)
	}
	put := func(manifest, tag string) (string, error) {
		out, err := c.PutImage(ctx, &client.PutImageInput{RepositoryName: name, ImageManifest: &manifest, ImageTag: &tag})
		if err != nil {
			return "", err
		}
		return *out.Image.ImageId.ImageDigest, nil
	}
	const one, two = `{"config": {"size": 10}, "layers": [{"size": 20}]}`, `{"config": {"size": 11}}`
	first, err := put(one, "v1")
	if err != nil || !strings.HasPrefix(first, "sha256:") {
		t.Fatalf("put: got %s, %v", first, err)
	}
	if _, err := put(one, "v1"); code(err) != "ImageAlreadyExistsException" {
		t.Errorf("put again: got %v", err)
	}
	second, err := put(two, "v1")
	if err != nil {
		t.Fatal(err)
	}
	if untagged, err := c.ListImages(ctx, &client.ListImagesInput{RepositoryName: name, Filter: &types.ListImagesFilter{TagStatus: types.TagStatusUntagged}}); err != nil || len(untagged.ImageIds) != 1 || *untagged.ImageIds[0].ImageDigest != first {
		t.Errorf("a moved tag leaves: got %+v, %v; want %s", untagged, err, first)
	}
	details, err := c.DescribeImages(ctx, &client.DescribeImagesInput{RepositoryName: name, ImageIds: []types.ImageIdentifier{{ImageDigest: &first}}})
	if err != nil || *details.ImageDetails[0].ImageSizeInBytes != 30 {
		t.Errorf("details: got %+v, %v; want 30 bytes", details, err)
	}
	got, err := c.BatchGetImage(ctx, &client.BatchGetImageInput{RepositoryName: name, ImageIds: []types.ImageIdentifier{{ImageTag: aws.String("v1")}, {ImageTag: aws.String("v9")}}})
	if err != nil || len(got.Images) != 1 || *got.Images[0].ImageManifest != two || *got.Images[0].ImageId.ImageDigest != second ||
		len(got.Failures) != 1 || got.Failures[0].FailureCode != types.ImageFailureCodeImageNotFound {
		t.Errorf("manifests: got %+v, %v", got, err)
	}
	if _, err := c.DescribeImages(ctx, &client.DescribeImagesInput{RepositoryName: name, ImageIds: []types.ImageIdentifier{{ImageTag: aws.String("v9")}}}); code(err) != "ImageNotFoundException" {
		t.Errorf("an image of nobody: got %v", err)
	}
	if _, err := c.PutImageTagMutability(ctx, &client.PutImageTagMutabilityInput{RepositoryName: name, ImageTagMutability: types.ImageTagMutabilityImmutable}); err != nil {
		t.Fatal(err)
	}
	if _, err := put(one, "v1"); code(err) != "ImageTagAlreadyExistsException" {
		t.Errorf("move a fixed tag: got %v", err)
	}
	if _, err := c.DeleteRepository(ctx, &client.DeleteRepositoryInput{RepositoryName: name}); code(err) != "RepositoryNotEmptyException" {
		t.Errorf("delete a full one: got %v", err)
	}
	if _, err := c.DeleteRepository(ctx, &client.DeleteRepositoryInput{RepositoryName: name, Force: true}); err != nil {
		t.Errorf("delete it by force: %v", err)
	}
	if _, err := c.CreateRepository(ctx, &client.CreateRepositoryInput{RepositoryName: name}); err != nil {
		t.Fatal(err)
	}
	if left, err := c.ListImages(ctx, &client.ListImagesInput{RepositoryName: name}); err != nil || len(left.ImageIds) != 0 {
		t.Errorf("a new one of its name: got %+v, %v", left, err)
	}
}

func TestThePasswordIsSignedForTwelveHours(t *testing.T) {
	t.Parallel()
	out, err := serve(t)(account, "us-east-1").GetAuthorizationToken(t.Context(), &client.GetAuthorizationTokenInput{})
	if err != nil {
		t.Fatal(err)
	}
	d := out.AuthorizationData[0]
	token, err := base64.StdEncoding.DecodeString(*d.AuthorizationToken)
	if err != nil || !strings.HasPrefix(string(token), "AWS:") || *d.ProxyEndpoint != "http://localhost:4566" {
		t.Errorf("got %q at %s, %v", token, *d.ProxyEndpoint, err)
	}
	if lasts := time.Until(*d.ExpiresAt); lasts < 11*time.Hour || lasts > 12*time.Hour {
		t.Errorf("lasts %v, want 12 h", lasts)
	}
	claim, seal, _ := strings.Cut(strings.TrimPrefix(string(token), "AWS:"), ".")
	said, err := base64.RawURLEncoding.DecodeString(claim)
	signed, err2 := base64.RawURLEncoding.DecodeString(seal)
	if err != nil || err2 != nil || !strings.HasPrefix(string(said), account+":") || string(signed) != "ecr|"+string(said) {
		t.Errorf("password: got %q signed %q", said, signed)
	}
}
