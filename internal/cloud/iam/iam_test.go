package iam_test

import (
	"errors"
	"net/http/httptest"
	"net/url"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	client "github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/smithy-go"

	"github.com/slipway-ecs/slipway/internal/cloud/iam"
	"github.com/slipway-ecs/slipway/internal/ids"
	"github.com/slipway-ecs/slipway/internal/store"
	"github.com/slipway-ecs/slipway/internal/wire"
)

const trust = `{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": "ecs-tasks.amazonaws.com"}, "Action": "sts:AssumeRole"}]}`

// serve gives a client of an account that is its access key.
func serve(t *testing.T) func(account string) *client.Client {
	room := iam.New(iam.Options{IDs: ids.Counting()})
	st, err := store.Open(store.Options{Verify: true}, room.Tables()...)
	if err != nil {
		t.Fatal(err)
	}
	room.Attach(st)
	server := httptest.NewServer(wire.NewGateway(wire.GatewayOptions{Account: func(key string) string { return key }}, room.Wire()))
	t.Cleanup(server.Close)
	return func(account string) *client.Client {
		return client.New(client.Options{BaseEndpoint: &server.URL, Region: "us-east-1", Credentials: credentials.NewStaticCredentialsProvider(account, "s", "")})
	}
}

func code(err error) string {
	if api, ok := errors.AsType[smithy.APIError](err); ok {
		return api.ErrorCode()
	}
	return ""
}

func TestARolesLifeAsTerraformLivesIt(t *testing.T) {
	t.Parallel()
	of := serve(t)
	c, role := of("123456789012"), aws.String("web")
	if _, err := c.GetRole(t.Context(), &client.GetRoleInput{RoleName: role}); code(err) != "NoSuchEntity" {
		t.Errorf("a role that is not there: got %v, want NoSuchEntity", err)
	}
	made, err := c.CreateRole(t.Context(), &client.CreateRoleInput{RoleName: role, AssumeRolePolicyDocument: aws.String(trust)})
	if err != nil {
		t.Fatal(err)
	}
	if got := *made.Role.Arn; got != "arn:aws:iam::123456789012:role/web" {
		t.Errorf("ARN: got %s", got)
	}
	if back, err := url.QueryUnescape(*made.Role.AssumeRolePolicyDocument); err != nil || back != trust {
		t.Errorf("the document comes back as %s, %v", back, err)
	}
	if _, err := c.CreateRole(t.Context(), &client.CreateRoleInput{RoleName: aws.String("WEB"), AssumeRolePolicyDocument: aws.String(trust)}); code(err) != "EntityAlreadyExists" {
		t.Errorf("the same name in capitals: got %v, want EntityAlreadyExists", err)
	}
	managed := aws.String("arn:aws:iam::aws:policy/service-role/AmazonECSTaskExecutionRolePolicy")
	if _, err := c.AttachRolePolicy(t.Context(), &client.AttachRolePolicyInput{RoleName: role, PolicyArn: managed}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.PutRolePolicy(t.Context(), &client.PutRolePolicyInput{RoleName: role, PolicyName: aws.String("p"), PolicyDocument: aws.String(`{"Statement": []}`)}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.DeleteRole(t.Context(), &client.DeleteRoleInput{RoleName: role}); code(err) != "DeleteConflict" {
		t.Errorf("deleting a role with policies: got %v, want DeleteConflict", err)
	}
	if _, err := c.DetachRolePolicy(t.Context(), &client.DetachRolePolicyInput{RoleName: role, PolicyArn: managed}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.DeleteRolePolicy(t.Context(), &client.DeleteRolePolicyInput{RoleName: role, PolicyName: aws.String("p")}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.DeleteRole(t.Context(), &client.DeleteRoleInput{RoleName: role}); err != nil {
		t.Fatal(err)
	}
}

func TestRolesOfAnotherAccountAreNotSeen(t *testing.T) {
	t.Parallel()
	of := serve(t)
	if _, err := of("111111111111").CreateRole(t.Context(), &client.CreateRoleInput{RoleName: aws.String("web"), AssumeRolePolicyDocument: aws.String(trust)}); err != nil {
		t.Fatal(err)
	}
	list, err := of("222222222222").ListRoles(t.Context(), nil)
	if err != nil || len(list.Roles) != 0 {
		t.Errorf("roles of another account: got %v, %v", list, err)
	}
}

func TestWhatIsNoPolicyIsRefused(t *testing.T) {
	t.Parallel()
	c := serve(t)("123456789012")
	if _, err := c.CreateRole(t.Context(), &client.CreateRoleInput{RoleName: aws.String("web"), AssumeRolePolicyDocument: aws.String("no")}); code(err) != "MalformedPolicyDocument" {
		t.Errorf("a trust policy that is no JSON: got %v, want MalformedPolicyDocument", err)
	}
	if _, err := c.CreateRole(t.Context(), &client.CreateRoleInput{RoleName: aws.String("a b"), AssumeRolePolicyDocument: aws.String(trust)}); code(err) != "ValidationError" {
		t.Errorf("a name with a space: got %v, want ValidationError", err)
	}
}

func TestRolesComeInPages(t *testing.T) {
	t.Parallel()
	c := serve(t)("123456789012")
	for _, name := range []string{"a", "b", "c"} {
		if _, err := c.CreateRole(t.Context(), &client.CreateRoleInput{RoleName: &name, AssumeRolePolicyDocument: aws.String(trust)}); err != nil {
			t.Fatal(err)
		}
	}
	var seen []string
	for pages := client.NewListRolesPaginator(c, &client.ListRolesInput{MaxItems: aws.Int32(2)}); pages.HasMorePages(); {
		out, err := pages.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if len(out.Roles) > 2 {
			t.Errorf("a page of %d roles, want at most 2", len(out.Roles))
		}
		for _, r := range out.Roles {
			seen = append(seen, *r.RoleName)
		}
	}
	if len(seen) != 3 || seen[2] != "c" {
		t.Errorf("roles of all pages: got %v, want a, b, c", seen)
	}
	if _, err := c.ListRoles(t.Context(), &client.ListRolesInput{Marker: aws.String("never given")}); code(err) != "ValidationError" {
		t.Errorf("a marker nobody gave: got %v, want ValidationError", err)
	}
}
