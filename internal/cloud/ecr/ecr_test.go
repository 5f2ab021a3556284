package ecr_test

import (
	"encoding/base64"
	"errors"
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
