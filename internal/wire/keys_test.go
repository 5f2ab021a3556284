package wire_test

import (
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	smithy "github.com/aws/smithy-go"

	"errors"

	"github.com/slipway-ecs/slipway/internal/clock"
	"github.com/slipway-ecs/slipway/internal/wire"
)

func TestSDKsAreVerifiedInEveryProtocolWhereKeysAreGiven(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(house(wire.GatewayOptions{
		Account: func(key string) string { return map[string]string{"GOOD": "111122223333"}[key] },
		Keys:    func(key string) (string, bool) { return "secret", key == "GOOD" },
	}))
	t.Cleanup(server.Close)
	calls := func(key, secret string) []error {
		cfg := aws.Config{
			Region: "us-east-1", BaseEndpoint: &server.URL, RetryMaxAttempts: 1,
			Credentials: credentials.NewStaticCredentialsProvider(key, secret, "token"),
		}
		ctx := t.Context()
		_, e1 := ecs.NewFromConfig(cfg).CreateService(ctx, &ecs.CreateServiceInput{ServiceName: aws.String("web")})
		_, e2 := sts.NewFromConfig(cfg).GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
		_, e3 := lambda.NewFromConfig(cfg).Invoke(ctx, &lambda.InvokeInput{FunctionName: aws.String("arn:aws:lambda:us-east-1:1:function:a b"), Payload: []byte("1")})
		_, e4 := cloudwatch.NewFromConfig(cfg).SetAlarmState(ctx, &cloudwatch.SetAlarmStateInput{
			AlarmName: aws.String("a"), StateReason: aws.String("r"), StateValue: "OK",
		})
		return []error{e1, e2, e3, e4}
	}
	for _, c := range []struct{ key, secret, want string }{
		{"GOOD", "secret", "-,-,-,ResourceNotFound"},
		{"GOOD", "wrong", "InvalidSignatureException,SignatureDoesNotMatch,InvalidSignatureException,SignatureDoesNotMatch"},
		{"BAD", "secret", "UnrecognizedClientException,InvalidClientTokenId,UnrecognizedClientException,InvalidClientTokenId"},
	} {
		var got []string
		for _, err := range calls(c.key, c.secret) {
			code := "-"
			if api, ok := errors.AsType[smithy.APIError](err); ok {
				code = api.ErrorCode()
			} else if err != nil {
				code = err.Error()
			}
			got = append(got, code)
		}
		if s := strings.Join(got, ","); s != c.want {
			t.Errorf("key %s, secret %s: got %s, want %s", c.key, c.secret, s, c.want)
		}
	}
	if status, _, body := ask(t, server.Config.Handler, "POST", "/", `{"serviceName":"a"}`, "X-Amz-Target", ecsTarget+"CreateService"); status != 400 || !strings.Contains(body, "MissingAuthenticationTokenException") {
		t.Errorf("not signed: got %d %s", status, body)
	}
}

func TestNobodyGetsCredentialsForATokenNobodyChecksWhereKeysAreGiven(t *testing.T) {
	t.Parallel()
	h := house(wire.GatewayOptions{Keys: func(key string) (string, bool) { return "secret", key == "GOOD" }})
	for _, action := range []string{"AssumeRoleWithWebIdentity", "AssumeRoleWithSAML"} {
		form := "Action=" + action + "&Version=2011-06-15&RoleArn=arn%3Aaws%3Aiam%3A%3A111122223333%3Arole%2Fadmin&RoleSessionName=anybody&WebIdentityToken=made-up"
		status, _, body := ask(t, h, "POST", "/", form, "Content-Type", "application/x-www-form-urlencoded")
		if status != 403 || !strings.Contains(body, "MissingAuthenticationToken") {
			t.Errorf("%s by a stranger: got %d %s, want 403 MissingAuthenticationToken", action, status, body)
		}
	}
}

func TestAScopeOfAnotherServiceIsNamedInEveryProtocol(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 21, 0, 19, 56, 0, time.UTC)
	h := house(wire.GatewayOptions{Clock: clock.NewVirtual(now), Keys: func(string) (string, bool) { return "secret", true }})
	auth := func(service string) string {
		return "AWS4-HMAC-SHA256 Credential=GOOD/20261121/us-east-1/" + service + "/aws4_request, SignedHeaders=host, Signature=00"
	}
	for _, c := range []struct{ method, path, body, service, code, asked string }{
		{"POST", "/", "Action=GetCallerIdentity&Version=2011-06-15", "ecs", "<Code>SignatureDoesNotMatch</Code>", "sts"},
		{"POST", "/", "Action=GetCallerIdentity&Version=2011-06-15", "iam", "<Code>SignatureDoesNotMatch</Code>", "sts"},
		{"POST", "/2015-03-31/functions/f/invocations", "{}", "ecs", "", "lambda"},
	} {
		headers := []string{"Authorization", auth(c.service), "X-Amz-Date", "20261121T001956Z"}
		if c.path == "/" {
			headers = append(headers, "Content-Type", "application/x-www-form-urlencoded")
		}
		status, _, body := ask(t, h, c.method, c.path, c.body, headers...)
		if words := "Credential should be scoped to correct service: '" + c.asked + "'. "; status != 403 || !strings.Contains(strings.ReplaceAll(body, "&apos;", "'"), words) || !strings.Contains(body, c.code) {
			t.Errorf("%s %s signed for %s: got %d %s", c.method, c.path, c.service, status, body)
		}
	}
}
