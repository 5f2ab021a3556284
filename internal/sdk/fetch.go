package sdk

import (
	"context"
	"encoding/xml"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	smithy "github.com/aws/smithy-go"

	"github.com/slipway-ecs/slipway/internal/fail"
)

// fetch gives what is at a URL: s3://BUCKET/KEY, or one of HTTP, whose user and password are its own.
// It is one read, which is not worth S3's client of megabytes.
func fetch(ctx context.Context, cfg aws.Config, from string) ([]byte, error) {
	if bucket, key, ok := strings.Cut(strings.TrimPrefix(from, "s3://"), "/"); strings.HasPrefix(from, "s3://") {
		if !ok || bucket == "" || key == "" {
			return nil, fail.New("file.source", "write s3://BUCKET/KEY", "%s names no object", from)
		}
		return object(ctx, cfg, bucket, key)
	}
	u, err := url.Parse(from)
	if err != nil {
		return nil, fail.Wrap(err, "file.source", "", "read the URL")
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, from, nil)
	if err != nil {
		return nil, err
	}
	answer, text, err := do(cfg, r)
	if err != nil {
		return nil, fail.Wrap(err, "file.source", "check the address", "get %s", u.Redacted())
	}
	if answer.StatusCode != http.StatusOK {
		return nil, fail.New("file.source", "check the address, and user and password in it", "get %s: %s", u.Redacted(), answer.Status)
	}
	return text, nil
}

// object gets an object of S3. A bucket of another region says so, and is asked there.
func object(ctx context.Context, cfg aws.Config, bucket, key string) ([]byte, error) {
	what := "s3://" + bucket + "/" + key
	for moved := false; ; moved = true {
		answer, text, err := getObject(ctx, cfg, bucket, key)
		if err != nil {
			return nil, Explain(err, "get "+what)
		}
		if answer.StatusCode == http.StatusOK {
			return text, nil
		}
		if home := answer.Header.Get("X-Amz-Bucket-Region"); home != "" && home != cfg.Region && !moved {
			cfg.Region = home
			continue
		}
		var wrong struct{ Code, Message string }
		if xml.Unmarshal(text, &wrong) != nil || wrong.Code == "" {
			wrong.Code = fmt.Sprintf("HTTP %d", answer.StatusCode)
		}
		if wrong.Code == "NoSuchKey" || wrong.Code == "NoSuchBucket" {
			return nil, fail.New("file.source", "check bucket and key, and the region", "there is no %s", what)
		}
		return nil, Explain(&smithy.GenericAPIError{Code: wrong.Code, Message: wrong.Message, Fault: faultOf(answer.StatusCode)}, "get "+what)
	}
}

func getObject(ctx context.Context, cfg aws.Config, bucket, key string) (*http.Response, []byte, error) {
	base := endpointOf(ctx, cfg, "s3")
	if base == "" {
		base = hostOf(ctx, cfg, "s3")
	}
	base = strings.TrimSuffix(base, "/") + "/" + bucket
	u, err := url.Parse(base)
	if err != nil {
		return nil, nil, err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, u.JoinPath(key).String(), nil)
	if err != nil {
		return nil, nil, err
	}
	// S3 signs a path as it is sent.
	if err := sign(ctx, cfg, r, "s3", nil, func(o *v4.SignerOptions) { o.DisableURIPathEscaping = true }); err != nil {
		return nil, nil, err
	}
	answer, text, err := do(withoutRedirects(cfg), r)
	return answer, text, err
}

// withoutRedirects gives redirects as answers: S3's are to be signed anew.
func withoutRedirects(cfg aws.Config) aws.Config {
	client := http.Client{}
	if c, ok := cfg.HTTPClient.(*http.Client); ok {
		client = *c
	} else if cfg.HTTPClient != nil {
		return cfg
	}
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	cfg.HTTPClient = &client
	return cfg
}
