package sts_test

import (
	"errors"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	client "github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"

	"github.com/slipway-ecs/slipway/internal/cloud/sts"
	"github.com/slipway-ecs/slipway/internal/store"
	"github.com/slipway-ecs/slipway/internal/wire"
)

// connect gives a client that signs with an access key.
func connect(url, key string) *client.Client {
	return client.New(client.Options{
		BaseEndpoint: &url, Region: "eu-west-1", Credentials: credentials.NewStaticCredentialsProvider(key, "secret", ""),
	})
}

func serve(t *testing.T) (url string) {
	room := sts.New(sts.Options{Issue: func(account, session string, _ time.Duration) (id, secret, token string) {
		return "ASIA" + account, "secret of " + session, "token"
	}})
	st, err := store.Open(store.Options{Verify: true}, room.Tables()...)
	if err != nil {
		t.Fatal(err)
	}
	room.Attach(st)
	account := func(key string) string {
		if len(key) > 4 && key[:4] == "ASIA" {
			return key[4:]
		}
		return "123456789012"
	}
	server := httptest.NewServer(wire.NewGateway(wire.GatewayOptions{Account: account}, room.Wire()))
	t.Cleanup(server.Close)
	return server.URL
}

func TestWhoAssumesARoleIsThatRoleAfterwards(t *testing.T) {
	t.Parallel()
	url := serve(t)
	me, err := connect(url, "AKIDME").GetCallerIdentity(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if got := aws.ToString(me.Arn); got != "arn:aws:iam::123456789012:user/AKIDME" {
		t.Errorf("caller: got %s", got)
	}
	role, err := connect(url, "AKIDME").AssumeRole(t.Context(), &client.AssumeRoleInput{
		RoleArn: aws.String("arn:aws:iam::210987654321:role/path/deploy"), RoleSessionName: aws.String("ci"),
	})
	if err != nil {
		t.Fatal(err)
	}
	if left := time.Until(*role.Credentials.Expiration); left < 59*time.Minute || left > time.Hour {
		t.Errorf("the session lasts %s, want an hour", left)
	}
	them, err := connect(url, *role.Credentials.AccessKeyId).GetCallerIdentity(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if got := aws.ToString(them.Arn); got != "arn:aws:sts::210987654321:assumed-role/deploy/ci" || *them.Account != "210987654321" {
		t.Errorf("caller with the role's credentials: got %s of %s", got, *them.Account)
	}
}

func TestARoleThatIsNoneIsRefused(t *testing.T) {
	t.Parallel()
	for _, in := range []*client.AssumeRoleInput{
		{RoleArn: aws.String("arn:aws:iam::123456789012:user/me"), RoleSessionName: aws.String("ci")},
		{RoleArn: aws.String("arn:aws:iam::123456789012:role/deploy"), RoleSessionName: aws.String("c")},
		{RoleArn: aws.String("arn:aws:iam::123456789012:role/deploy"), RoleSessionName: aws.String("my laptop")},
		{RoleArn: aws.String("arn:aws:iam::123456789012:role/deploy"), RoleSessionName: aws.String("ci"), DurationSeconds: aws.Int32(60)},
	} {
		_, err := connect(serve(t), "AKIDME").AssumeRole(t.Context(), in)
		if api, ok := errors.AsType[smithy.APIError](err); !ok || api.ErrorCode() != "ValidationError" {
			t.Errorf("AssumeRole(%s, %s): got %v, want a ValidationError", *in.RoleArn, *in.RoleSessionName, err)
		}
	}
}
