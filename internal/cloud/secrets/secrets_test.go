package secrets_test

import (
	"errors"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	client "github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/smithy-go"

	"github.com/slipway-ecs/slipway/internal/clock"
	"github.com/slipway-ecs/slipway/internal/cloud/loop"
	"github.com/slipway-ecs/slipway/internal/cloud/secrets"
	"github.com/slipway-ecs/slipway/internal/ids"
	"github.com/slipway-ecs/slipway/internal/names"
	"github.com/slipway-ecs/slipway/internal/store"
	"github.com/slipway-ecs/slipway/internal/wire"
)

func serve(t *testing.T) (*client.Client, *secrets.Service) {
	room := secrets.New(secrets.Options{IDs: ids.Random()})
	st, err := store.Open(store.Options{Verify: true}, room.Tables()...)
	if err != nil {
		t.Fatal(err)
	}
	room.Attach(st)
	server := httptest.NewServer(wire.NewGateway(wire.GatewayOptions{Account: func(string) string { return "123456789012" }}, room.Wire()))
	t.Cleanup(server.Close)
	return client.New(client.Options{BaseEndpoint: &server.URL, Region: "us-east-1", RetryMaxAttempts: 1, Credentials: credentials.NewStaticCredentialsProvider("k", "s", "")}), room
}

func refusal(err error) string {
	if api, ok := errors.AsType[smithy.APIError](err); ok {
		return api.ErrorCode() + ": " + api.ErrorMessage()
	}
	return ""
}

func TestLabelsMoveWithEachNewValue(t *testing.T) {
	t.Parallel()
	c, room := serve(t)
	made, err := c.CreateSecret(t.Context(), &client.CreateSecretInput{Name: aws.String("app/db"), SecretString: aws.String("one")})
	if err != nil {
		t.Fatal(err)
	}
	if !regexp.MustCompile(`^arn:aws:secretsmanager:us-east-1:123456789012:secret:app/db-[A-Za-z0-9]{6}$`).MatchString(*made.ARN) {
		t.Errorf("ARN: got %s", *made.ARN)
	}
	for _, v := range []string{"two", "three"} {
		if _, err := c.PutSecretValue(t.Context(), &client.PutSecretValueInput{SecretId: made.Name, SecretString: &v}); err != nil {
			t.Fatal(err)
		}
	}
	scope := names.Scope{Account: "123456789012", Region: "us-east-1"}
	for _, q := range []struct{ ref, stage, id, want string }{
		{"app/db", "", "", "three"},
		{*made.ARN, "AWSPREVIOUS", "", "two"},
		{strings.TrimSuffix(*made.ARN, (*made.ARN)[len(*made.ARN)-7:]), "", *made.VersionId, "one"},
		{"app/db", "AWSCURRENT", *made.VersionId, ""},
		{"app/db", "AWSPENDING", "", ""},
		{"app", "", "", ""},
	} {
		if got, err := room.Value(scope, q.ref, q.stage, q.id); got != q.want || (err == nil) != (q.want != "") {
			t.Errorf("%+v: got %q, %v", q, got, err)
		}
	}
	_, err = c.GetSecretValue(t.Context(), &client.GetSecretValueInput{SecretId: aws.String("none")})
	if got := refusal(err); got != "ResourceNotFoundException: Secrets Manager can't find the specified secret." {
		t.Errorf("a secret that is not there: got %q", got)
	}
	_, err = c.CreateSecret(t.Context(), &client.CreateSecretInput{Name: aws.String("app/db"), SecretString: aws.String("x")})
	if got := refusal(err); got != "ResourceExistsException: The operation failed because the secret app/db already exists." {
		t.Errorf("the same name again: got %q", got)
	}
}

func TestADeletedSecretCanBeRestoredUntilItsWindowIsOver(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		room := secrets.New(secrets.Options{IDs: ids.Counting()})
		st, err := store.Open(store.Options{Verify: true, Clock: clock.Real{}}, room.Tables()...)
		if err != nil {
			t.Fatal(err)
		}
		room.Attach(st)
		l := loop.New(loop.Options{Store: st, Tables: room.Tables(), Keepers: room.Keepers()})
		ctx := wire.WithCaller(t.Context(), wire.Caller{Account: "123456789012", Region: "us-east-1"})
		ended := make(chan error, 1)
		go func() { ended <- l.Run(ctx) }()
		name := aws.String("s")
		get := func() string {
			_, err := room.GetSecretValue(ctx, &client.GetSecretValueInput{SecretId: name})
			return refusal(err)
		}
		if _, err := room.CreateSecret(ctx, &client.CreateSecretInput{Name: name, SecretString: aws.String("x")}); err != nil {
			t.Fatal(err)
		}
		remove := func() {
			out, err := room.DeleteSecret(ctx, &client.DeleteSecretInput{SecretId: name, RecoveryWindowInDays: aws.Int64(7)})
			if err != nil || time.Until(*out.DeletionDate) != 7*24*time.Hour {
				t.Fatalf("delete: %+v, %v", out, err)
			}
		}
		remove()
		time.Sleep(6 * 24 * time.Hour)
		if got := get(); got != "InvalidRequestException: You can't perform this operation on the secret because it was marked for deletion." {
			t.Errorf("while it is deleted: got %q", got)
		}
		if _, err := room.RestoreSecret(ctx, &client.RestoreSecretInput{SecretId: name}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * 24 * time.Hour)
		if got := get(); got != "" {
			t.Errorf("restored: got %q", got)
		}
		remove()
		time.Sleep(7*24*time.Hour + time.Minute)
		if got := get(); !strings.HasPrefix(got, "ResourceNotFoundException") {
			t.Errorf("after its window: got %q", got)
		}
	})
}
