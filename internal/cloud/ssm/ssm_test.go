package ssm_test

import (
	"errors"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	client "github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"
	"github.com/aws/smithy-go"

	"github.com/slipway-ecs/slipway/internal/cloud/ssm"
	"github.com/slipway-ecs/slipway/internal/names"
	"github.com/slipway-ecs/slipway/internal/store"
	"github.com/slipway-ecs/slipway/internal/wire"
)

func serve(t *testing.T) (*client.Client, *ssm.Service) {
	room := ssm.New()
	st, err := store.Open(store.Options{Verify: true}, room.Tables()...)
	if err != nil {
		t.Fatal(err)
	}
	room.Attach(st)
	server := httptest.NewServer(wire.NewGateway(wire.GatewayOptions{Account: func(string) string { return "123456789012" }}, room.Wire()))
	t.Cleanup(server.Close)
	return client.New(client.Options{BaseEndpoint: &server.URL, Region: "us-east-1", RetryMaxAttempts: 1, Credentials: credentials.NewStaticCredentialsProvider("k", "s", "")}), room
}

func code(err error) string {
	if api, ok := errors.AsType[smithy.APIError](err); ok {
		return api.ErrorCode()
	}
	return ""
}

func put(t *testing.T, c *client.Client, name, value string, kind types.ParameterType) int64 {
	t.Helper()
	out, err := c.PutParameter(t.Context(), &client.PutParameterInput{Name: &name, Value: &value, Type: kind, Overwrite: aws.Bool(true)})
	if err != nil {
		t.Fatal(err)
	}
	return out.Version
}

func TestReferencesMeanTheVersionTheySelect(t *testing.T) {
	t.Parallel()
	c, room := serve(t)
	for i, v := range []string{"one", "two", "three"} {
		if n := put(t, c, "/app/key", v, types.ParameterTypeSecureString); n != int64(i+1) {
			t.Errorf("version: got %d, want %d", n, i+1)
		}
	}
	put(t, c, "plain", "p", types.ParameterTypeString)
	if _, err := c.LabelParameterVersion(t.Context(), &client.LabelParameterVersionInput{Name: aws.String("/app/key"), ParameterVersion: aws.Int64(2), Labels: []string{"good"}}); err != nil {
		t.Fatal(err)
	}
	scope := names.Scope{Account: "123456789012", Region: "us-east-1"}
	for _, q := range []struct{ ref, want string }{
		{"/app/key", "three"}, {"/app/key:1", "one"}, {"/app/key:good", "two"}, {"/app/key:4", ""}, {"/app", ""}, {"plain", "p"},
		{"arn:aws:ssm:us-east-1:123456789012:parameter/app/key", "three"}, {"arn:aws:ssm:us-east-1:123456789012:parameter/app/key:1", "one"},
		{"arn:aws:ssm:us-east-1:123456789012:parameter/plain", "p"}, {"arn:aws:ssm:eu-west-1:123456789012:parameter/plain", ""},
	} {
		if got, ok := room.Value(scope, q.ref); got != q.want || ok != (q.want != "") {
			t.Errorf("%s: got %q, %t", q.ref, got, ok)
		}
	}
	got, err := c.GetParameter(t.Context(), &client.GetParameterInput{Name: aws.String("/app/key:1")})
	if err != nil || *got.Parameter.Value == "one" || *got.Parameter.Selector != ":1" || *got.Parameter.Name != "/app/key" {
		t.Errorf("a SecureString that nobody decrypts: got %+v, %v", got.Parameter, err)
	}
}

func TestPathsAreReadInPages(t *testing.T) {
	t.Parallel()
	c, _ := serve(t)
	for _, n := range []string{"/a/1", "/a/2", "/a/b/3", "/ab/4"} {
		put(t, c, n, n, types.ParameterTypeString)
	}
	for _, q := range []struct {
		deep bool
		want string
	}{{false, "/a/1 /a/2"}, {true, "/a/1 /a/2 /a/b/3"}} {
		var seen []string
		pages := client.NewGetParametersByPathPaginator(c, &client.GetParametersByPathInput{Path: aws.String("/a"), Recursive: &q.deep, MaxResults: aws.Int32(2)})
		for pages.HasMorePages() {
			out, err := pages.NextPage(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			for _, p := range out.Parameters {
				seen = append(seen, *p.Name)
			}
		}
		if got := strings.Join(seen, " "); got != q.want {
			t.Errorf("recursive %t: got %s, want %s", q.deep, got, q.want)
		}
	}
}

func TestWhatParameterStoreRefuses(t *testing.T) {
	t.Parallel()
	c, _ := serve(t)
	put(t, c, "there", "x", types.ParameterTypeString)
	for _, q := range []struct {
		in   client.PutParameterInput
		want string
	}{
		{client.PutParameterInput{Name: aws.String("there"), Value: aws.String("y"), Type: types.ParameterTypeString}, "ParameterAlreadyExists"},
		{client.PutParameterInput{Name: aws.String("new"), Value: aws.String("y")}, "ValidationException"},
		{client.PutParameterInput{Name: aws.String("there"), Value: aws.String("y"), Type: types.ParameterTypeSecureString, Overwrite: aws.Bool(true)}, "HierarchyTypeMismatchException"},
		{client.PutParameterInput{Name: aws.String("new"), Value: aws.String(strings.Repeat("y", 4097)), Type: types.ParameterTypeString}, "ValidationException"},
		{client.PutParameterInput{Name: aws.String("new"), Value: aws.String("y"), Type: types.ParameterTypeString, AllowedPattern: aws.String(`\d+`)}, "ParameterPatternMismatchException"},
		{client.PutParameterInput{Name: aws.String("a/b"), Value: aws.String("y"), Type: types.ParameterTypeString}, "ValidationException"},
		{client.PutParameterInput{Name: aws.String("/aws/x"), Value: aws.String("y"), Type: types.ParameterTypeString}, "AccessDeniedException"},
		{client.PutParameterInput{Name: aws.String(strings.Repeat("/a", 16)), Value: aws.String("y"), Type: types.ParameterTypeString}, "HierarchyLevelLimitExceededException"},
	} {
		if _, err := c.PutParameter(t.Context(), &q.in); code(err) != q.want {
			t.Errorf("%s: got %v, want %s", *q.in.Name, err, q.want)
		}
	}
	if _, err := c.GetParameter(t.Context(), &client.GetParameterInput{Name: aws.String("there:9")}); code(err) != "ParameterVersionNotFound" {
		t.Errorf("a version that is not there: got %v", err)
	}
	if _, err := c.DeleteParameter(t.Context(), &client.DeleteParameterInput{Name: aws.String("none")}); code(err) != "ParameterNotFound" {
		t.Errorf("deleting what is not there: got %v", err)
	}
}
