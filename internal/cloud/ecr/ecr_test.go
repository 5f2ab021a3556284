package ecr_test

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"

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

func serve(t *testing.T) *client.Client {
	room := ecr.New(ecr.Options{IDs: ids.Counting(), Endpoint: func() string { return "http://127.0.0.1:4566" }, Sign: func(...string) []byte { return []byte("signed") }})
	st, err := store.Open(store.Options{Verify: true}, room.Tables()...)
	if err != nil {
		t.Fatal(err)
	}
	room.Attach(st)
	server := httptest.NewServer(wire.NewGateway(wire.GatewayOptions{Account: func(string) string { return "123456789012" }}, room.Wire()))
	t.Cleanup(server.Close)
	return client.New(client.Options{BaseEndpoint: &server.URL, Region: "us-east-1", Credentials: credentials.NewStaticCredentialsProvider("k", "s", "")})
}

func code(err error) string {
	if api, ok := errors.AsType[smithy.APIError](err); ok {
		return api.ErrorCode()
	}
	return ""
}

func TestARepositorysLife(t *testing.T) {
	t.Parallel()
	c, name := serve(t), aws.String("team/web")
	if _, err := c.DescribeRepositories(t.Context(), &client.DescribeRepositoriesInput{RepositoryNames: []string{*name}}); code(err) != "RepositoryNotFoundException" {
		t.Errorf("a repository that is not there: got %v", err)
	}
	made, err := c.CreateRepository(t.Context(), &client.CreateRepositoryInput{RepositoryName: name, ImageTagMutability: types.ImageTagMutabilityImmutable})
	if err != nil {
		t.Fatal(err)
	}
	if got := *made.Repository.RepositoryUri; got != "localhost:4566/team/web" {
		t.Errorf("URI: got %s", got)
	}
	if _, err := c.CreateRepository(t.Context(), &client.CreateRepositoryInput{RepositoryName: name}); code(err) != "RepositoryAlreadyExistsException" {
		t.Errorf("the same name again: got %v", err)
	}
	put := func(manifest, tag string) error {
		_, err := c.PutImage(t.Context(), &client.PutImageInput{RepositoryName: name, ImageManifest: &manifest, ImageTag: &tag})
		return err
	}
	if err := put(`{"config":{"size":10},"layers":[{"size":100}]}`, "1"); err != nil {
		t.Fatal(err)
	}
	if err := put(`{"config":{"size":11}}`, "1"); code(err) != "ImageTagAlreadyExistsException" {
		t.Errorf("moving a tag of an immutable repository: got %v", err)
	}
	got, err := c.BatchGetImage(t.Context(), &client.BatchGetImageInput{RepositoryName: name, ImageIds: []types.ImageIdentifier{{ImageTag: aws.String("1")}, {ImageTag: aws.String("2")}}})
	if err != nil || len(got.Images) != 1 || len(got.Failures) != 1 || got.Failures[0].FailureCode != types.ImageFailureCodeImageNotFound {
		t.Errorf("images by tag: got %+v, %v", got, err)
	}
	if _, err := c.DeleteRepository(t.Context(), &client.DeleteRepositoryInput{RepositoryName: name}); code(err) != "RepositoryNotEmptyException" {
		t.Errorf("deleting a repository with images: got %v", err)
	}
	if _, err := c.DeleteRepository(t.Context(), &client.DeleteRepositoryInput{RepositoryName: name, Force: true}); err != nil {
		t.Fatal(err)
	}
}

func TestTheTokenIsUserAndPasswordForDockersLogin(t *testing.T) {
	t.Parallel()
	out, err := serve(t).GetAuthorizationToken(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	data := out.AuthorizationData[0]
	text, err := base64.StdEncoding.DecodeString(*data.AuthorizationToken)
	if err != nil || !strings.HasPrefix(string(text), "AWS:123456789012.us-east-1.") {
		t.Errorf("token: got %q, %v", text, err)
	}
	if *data.ProxyEndpoint != "http://localhost:4566" {
		t.Errorf("proxy endpoint: got %s", *data.ProxyEndpoint)
	}
}

func TestRepositoriesComeInPages(t *testing.T) {
	t.Parallel()
	c := serve(t)
	for _, name := range []string{"aa", "bb", "cc"} {
		if _, err := c.CreateRepository(t.Context(), &client.CreateRepositoryInput{RepositoryName: &name}); err != nil {
			t.Fatal(err)
		}
	}
	var seen []string
	pages := client.NewDescribeRepositoriesPaginator(c, &client.DescribeRepositoriesInput{MaxResults: aws.Int32(2)})
	for pages.HasMorePages() {
		out, err := pages.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range out.Repositories {
			seen = append(seen, *r.RepositoryName)
		}
	}
	if strings.Join(seen, " ") != "aa bb cc" {
		t.Errorf("pages: got %v", seen)
	}
}

func TestTagsMoveAsTheRepositoryAndItsExclusionsHaveIt(t *testing.T) {
	t.Parallel()
	c := serve(t)
	filters := []types.ImageTagMutabilityExclusionFilter{{Filter: aws.String("dev-*"), FilterType: types.ImageTagMutabilityExclusionFilterTypeWildcard}}
	for i, m := range []struct {
		setting    types.ImageTagMutability
		filters    []types.ImageTagMutabilityExclusionFilter
		dev, other bool // whether such tags move
	}{
		{types.ImageTagMutabilityMutable, nil, true, true},
		{types.ImageTagMutabilityImmutable, nil, false, false},
		{types.ImageTagMutabilityMutableWithExclusion, filters, false, true},
		{types.ImageTagMutabilityImmutableWithExclusion, filters, true, false},
	} {
		name := aws.String(fmt.Sprintf("repo%d", i))
		if _, err := c.CreateRepository(t.Context(), &client.CreateRepositoryInput{RepositoryName: name}); err != nil {
			t.Fatal(err)
		}
		if _, err := c.PutImageTagMutability(t.Context(), &client.PutImageTagMutabilityInput{RepositoryName: name, ImageTagMutability: m.setting, ImageTagMutabilityExclusionFilters: m.filters}); err != nil {
			t.Fatal(err)
		}
		seen, err := c.DescribeRepositories(t.Context(), &client.DescribeRepositoriesInput{RepositoryNames: []string{*name}})
		if err != nil || seen.Repositories[0].ImageTagMutability != m.setting || len(seen.Repositories[0].ImageTagMutabilityExclusionFilters) != len(m.filters) {
			t.Errorf("%s: got %+v, %v", m.setting, seen.Repositories, err)
		}
		for tag, moves := range map[string]bool{"dev-1": m.dev, "1": m.other} {
			for n := range 2 {
				_, err := c.PutImage(t.Context(), &client.PutImageInput{RepositoryName: name, ImageTag: &tag, ImageManifest: aws.String(fmt.Sprintf(`{"config":{"size":%d}}`, n+len(tag)*10))})
				if want := map[bool]string{false: "ImageTagAlreadyExistsException"}[n == 0 || moves]; code(err) != want {
					t.Errorf("%s, tag %s, push %d: got %v, want %q", m.setting, tag, n, err, want)
				}
			}
		}
	}
	for _, in := range []*client.CreateRepositoryInput{
		{RepositoryName: aws.String("none"), ImageTagMutability: types.ImageTagMutabilityMutableWithExclusion},
		{RepositoryName: aws.String("none"), ImageTagMutabilityExclusionFilters: filters},
	} {
		if _, err := c.CreateRepository(t.Context(), in); code(err) != "InvalidParameterException" {
			t.Errorf("%s with %d filters: got %v", in.ImageTagMutability, len(in.ImageTagMutabilityExclusionFilters), err)
		}
	}
}

func TestImagesAreDeletedByTagAndByDigest(t *testing.T) {
	t.Parallel()
	c, name := serve(t), aws.String("repo")
	made, err := c.CreateRepository(t.Context(), &client.CreateRepositoryInput{
		RepositoryName: name, EncryptionConfiguration: &types.EncryptionConfiguration{EncryptionType: types.EncryptionTypeKms, KmsKey: aws.String("alias/mine")},
	})
	if err != nil {
		t.Fatal(err)
	}
	if e := made.Repository.EncryptionConfiguration; e.EncryptionType != types.EncryptionTypeKms || aws.ToString(e.KmsKey) != "alias/mine" {
		t.Errorf("encryption: got %+v", e)
	}
	digests := map[string]string{}
	for i, tags := range []string{"a b", "c d", ""} {
		for _, tag := range strings.Split(tags, " ") {
			in := &client.PutImageInput{RepositoryName: name, ImageManifest: aws.String(fmt.Sprintf(`{"config":{"size":%d}}`, i))}
			if tag != "" {
				in.ImageTag = &tag
			}
			out, err := c.PutImage(t.Context(), in)
			if err != nil {
				t.Fatal(err)
			}
			digests[tag] = *out.Image.ImageId.ImageDigest
		}
	}
	remove := func(id types.ImageIdentifier) string {
		out, err := c.BatchDeleteImage(t.Context(), &client.BatchDeleteImageInput{RepositoryName: name, ImageIds: []types.ImageIdentifier{id}})
		if err != nil {
			t.Fatal(err)
		}
		var all []string
		for _, i := range out.ImageIds {
			all = append(all, aws.ToString(i.ImageDigest)+" "+aws.ToString(i.ImageTag))
		}
		for _, f := range out.Failures {
			all = append(all, string(f.FailureCode))
		}
		return strings.Join(all, ", ")
	}
	digest := func(tag string) *string { return aws.String(digests[tag]) }
	for _, c := range []struct {
		id   types.ImageIdentifier
		want string
	}{
		{types.ImageIdentifier{}, "MissingDigestAndTag"},
		{types.ImageIdentifier{ImageDigest: aws.String("sha256")}, "InvalidImageDigest"},
		{types.ImageIdentifier{ImageDigest: digest("a"), ImageTag: aws.String("c")}, "ImageTagDoesNotMatchDigest"},
		{types.ImageIdentifier{ImageDigest: digest("a"), ImageTag: aws.String("x")}, "ImageNotFound"},
		{types.ImageIdentifier{ImageDigest: digest("a"), ImageTag: aws.String("a")}, digests["a"] + " a"},
		{types.ImageIdentifier{ImageTag: aws.String("a")}, "ImageNotFound"},
		{types.ImageIdentifier{ImageTag: aws.String("b")}, digests["a"] + " b"},
		{types.ImageIdentifier{ImageDigest: digest("a")}, "ImageNotFound"},
		{types.ImageIdentifier{ImageDigest: digest("c")}, digests["c"] + " c, " + digests["c"] + " d"},
		{types.ImageIdentifier{ImageDigest: digest("")}, digests[""] + " "},
	} {
		if got := remove(c.id); got != c.want {
			t.Errorf("deleting %s %s: got %s, want %s", aws.ToString(c.id.ImageDigest), aws.ToString(c.id.ImageTag), got, c.want)
		}
	}
}
