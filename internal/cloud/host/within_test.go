package host_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"

	"github.com/slipway-ecs/slipway/internal/clock"
	"github.com/slipway-ecs/slipway/internal/cloud/host"
	"github.com/slipway-ecs/slipway/internal/launch"
	"github.com/slipway-ecs/slipway/internal/launch/fake"
)

// elsewhere is a runtime whose containers' gateway is another machine's, as Docker Desktop's is.
type elsewhere struct{ *fake.Runtime }

func (elsewhere) Listen(ctx context.Context, _ int) (net.Listener, error) {
	return new(net.ListenConfig).Listen(ctx, "tcp", "192.0.2.1:0")
}

func TestContainersOfAnotherMachineFindTheCloudByItsName(t *testing.T) {
	t.Parallel()
	c := serve(t, func(o *host.Options) {
		o.Tasks = elsewhere{fake.New(clock.Real{}, func(launch.Task, launch.Container) fake.Script { return fake.Script{} })}
	})
	_, port, err := net.SplitHostPort(strings.TrimPrefix(c.Endpoint(), "http://"))
	if err != nil {
		t.Fatal(err)
	}
	ask := func(name, path string, more ...string) int {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, c.Endpoint()+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Host = name
		for i := 0; i < len(more); i += 2 {
			r.Header.Set(more[i], more[i+1])
		}
		res, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		return res.StatusCode
	}
	const name = "host.docker.internal:"
	if got := ask(name+port, "/_slipway/metadata/v4/unknown"); got != http.StatusNotFound {
		t.Errorf("metadata of nobody: got %d, want 404 of who knows the way", got)
	}
	if got := ask(name+port, "/?Action=GetCallerIdentity&Version=2011-06-15"); got != http.StatusForbidden {
		t.Errorf("a call that nobody signed: got %d, want 403", got)
	}
	if got := ask(name+port, "/_slipway/status"); got != http.StatusNotFound {
		t.Errorf("what is this machine's own: got %d, want 404", got)
	}
	if got := ask("example.com:"+port, "/_slipway/metadata/v4/unknown"); got != http.StatusForbidden {
		t.Errorf("by another name: got %d, want 403", got)
	}
}

func TestSessionsAreCheckedWithTheirTokensWhereKeysAreGiven(t *testing.T) {
	t.Parallel()
	keys := filepath.Join(t.TempDir(), "keys")
	if err := os.WriteFile(keys, []byte("AKIDEXAMPLE, secret, 111111111111\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c := serve(t, func(o *host.Options) { o.Keys = keys })
	as := func(id, secret, token string) aws.Config {
		cfg := c.as("", "eu-west-1")
		cfg.Credentials = credentials.NewStaticCredentialsProvider(id, secret, token)
		return cfg
	}
	role, err := sts.NewFromConfig(as("AKIDEXAMPLE", "secret", "")).AssumeRole(t.Context(), &sts.AssumeRoleInput{
		RoleArn: aws.String("arn:aws:iam::222222222222:role/deploy"), RoleSessionName: aws.String("ci"),
	})
	if err != nil {
		t.Fatal(err)
	}
	id, secret, token := *role.Credentials.AccessKeyId, *role.Credentials.SecretAccessKey, *role.Credentials.SessionToken
	who, err := sts.NewFromConfig(as(id, secret, token)).GetCallerIdentity(t.Context(), nil)
	if err != nil || *who.Account != "222222222222" || !strings.HasSuffix(*who.Arn, "assumed-role/deploy/ci") {
		t.Errorf("with its token: got %+v, %v", who, err)
	}
	for what, cfg := range map[string]aws.Config{"without its token": as(id, secret, ""), "with another": as(id, secret, token+"AAAA"), "a key of the file with one": as("AKIDEXAMPLE", "secret", token)} {
		_, err1 := sts.NewFromConfig(cfg).GetCallerIdentity(t.Context(), nil)
		_, err2 := ecs.NewFromConfig(cfg).ListClusters(t.Context(), nil)
		for err, want := range map[error]string{err1: "InvalidClientTokenId", err2: "UnrecognizedClientException"} {
			api, ok := errors.AsType[smithy.APIError](err)
			if !ok || api.ErrorCode() != want || api.ErrorMessage() != "The security token included in the request is invalid." {
				t.Errorf("%s: got %v, want %s", what, err, want)
			}
		}
	}
}

func TestContainersOfAnotherMachineUseKeysOfTheFile(t *testing.T) {
	t.Parallel()
	keys := filepath.Join(t.TempDir(), "keys")
	if err := os.WriteFile(keys, []byte("AKIDEXAMPLE, secret, 111111111111\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c := serve(t, func(o *host.Options) {
		o.Keys = keys
		o.Tasks = elsewhere{fake.New(clock.Real{}, func(launch.Task, launch.Container) fake.Script { return fake.Script{} })}
	})
	at := strings.TrimPrefix(c.Endpoint(), "http://")
	_, port, err := net.SplitHostPort(at)
	if err != nil {
		t.Fatal(err)
	}
	as := func(id, secret string) *sts.Client {
		cfg := c.as("", "eu-west-1")
		cfg.Credentials = credentials.NewStaticCredentialsProvider(id, secret, "")
		cfg.BaseEndpoint = aws.String("http://host.docker.internal:" + port)
		cfg.HTTPClient = &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, network, at)
		}, DisableKeepAlives: true}}
		return sts.NewFromConfig(cfg)
	}
	who, err := as("AKIDEXAMPLE", "secret").GetCallerIdentity(t.Context(), nil)
	if err != nil || *who.Account != "111111111111" {
		t.Errorf("a key of the file: got %+v, %v", who, err)
	}
	for id, want := range map[string]string{"AKIDEXAMPLE": "SignatureDoesNotMatch", "AKIDSTRANGER": "InvalidClientTokenId"} {
		_, err := as(id, "guessed").GetCallerIdentity(t.Context(), nil)
		if api, ok := errors.AsType[smithy.APIError](err); !ok || api.ErrorCode() != want {
			t.Errorf("%s with a guessed secret: got %v, want %s", id, err, want)
		}
	}
}
