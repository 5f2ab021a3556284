package sdk

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"github.com/slipway-ecs/slipway/internal/fail"
)

// asked is a server that answers, and a config that calls it.
func asked(t *testing.T, answer http.HandlerFunc) aws.Config {
	t.Helper()
	server := httptest.NewServer(answer)
	t.Cleanup(server.Close)
	return aws.Config{Region: "eu-west-1", BaseEndpoint: &server.URL, Credentials: credentials.NewStaticCredentialsProvider("AKID", "secret", "token")}
}

const stack = `<DescribeStacksResponse><DescribeStacksResult><Stacks><member><StackName>net</StackName><Outputs>
<member><OutputKey>Vpc</OutputKey><OutputValue>vpc-1</OutputValue></member><member><OutputKey>Image</OutputKey><OutputValue>repo/app:2</OutputValue></member>
</Outputs></member></Stacks></DescribeStacksResult></DescribeStacksResponse>`

func TestAStacksOutputIsAskedOfCloudFormation(t *testing.T) {
	t.Parallel()
	cfg := asked(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body) // a short one is seen below
		form, _ := url.ParseQuery(string(body))
		if !strings.Contains(r.Header.Get("Authorization"), "/eu-west-1/cloudformation/aws4_request") || form.Get("Action") != "DescribeStacks" {
			t.Errorf("asked %s with %s", body, r.Header)
		}
		if form.Get("StackName") != "net" {
			w.WriteHeader(http.StatusBadRequest)
			fmt.Fprint(w, `<ErrorResponse><Error><Type>Sender</Type><Code>ValidationError</Code><Message>Stack with id none does not exist</Message></Error></ErrorResponse>`)
			return
		}
		fmt.Fprint(w, stack)
	})
	if got, err := Value(t.Context(), cfg, "cfn", "net.Image"); err != nil || got != "repo/app:2" {
		t.Errorf("got %q, %v", got, err)
	}
	for arg, says := range map[string]string{"net.Imgae": "its outputs are Vpc, Image", "none.Vpc": "Stack with id none does not exist", "net": "names no output"} {
		_, err := Value(t.Context(), cfg, "cfn", arg)
		if f := fail.Of(err); f == nil || !strings.Contains(f.Error()+f.Hint, says) {
			t.Errorf("%s: %v, want %q", arg, err, says)
		}
	}
}

func TestAnObjectOfAnotherRegionIsAskedForThere(t *testing.T) {
	t.Parallel()
	cfg := asked(t, func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Method != http.MethodGet || r.URL.Path != "/states/a b/net.tfstate" || r.Header.Get("X-Amz-Content-Sha256") == "":
			t.Errorf("asked %s %s with %s", r.Method, r.URL, r.Header)
		case !strings.Contains(r.Header.Get("Authorization"), "/us-east-2/s3/"):
			w.Header().Set("X-Amz-Bucket-Region", "us-east-2")
			w.Header().Set("Location", "/elsewhere")
			w.WriteHeader(http.StatusMovedPermanently)
		default:
			fmt.Fprint(w, "the state")
		}
	})
	if got, err := Value(t.Context(), cfg, "tfstate", "s3://states/a b/net.tfstate"); err != nil || got != "the state" {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestAnObjectThatIsNotThereOrNotAllowedSaysSo(t *testing.T) {
	t.Parallel()
	for code, c := range map[string]struct {
		status     int
		kind, says string
	}{
		"NoSuchKey":    {http.StatusNotFound, "file.source", "there is no s3://states/net"},
		"AccessDenied": {http.StatusForbidden, "access.denied", "need this permission"},
		"SlowDown":     {http.StatusServiceUnavailable, "aws.SlowDown", "SlowDown"},
	} {
		cfg := asked(t, func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(c.status)
			fmt.Fprintf(w, "<Error><Code>%s</Code><Message>no</Message></Error>", code)
		})
		_, err := Value(t.Context(), cfg, "tfstate", "s3://states/net")
		if f := fail.Of(err); f == nil || f.Code != c.kind || !strings.Contains(f.Error()+f.Hint, c.says) {
			t.Errorf("%s: %v", code, err)
		}
	}
	if _, err := Value(t.Context(), aws.Config{}, "tfstate", "s3://states"); !fail.Is(err, "file.source") {
		t.Errorf("without a key: %v", err)
	}
}

func TestCallsWithoutAClientGoWhereTheSDKsWould(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		region  string
		sources []any
		want    string
	}{
		{"eu-west-1", nil, "https://ssm.eu-west-1.amazonaws.com"},
		{"cn-north-1", nil, "https://ssm.cn-north-1.amazonaws.com.cn"},
		{"us-east-1", []any{source{fips: true}}, "https://ssm-fips.us-east-1.amazonaws.com"},
	} {
		if got := hostOf(t.Context(), aws.Config{Region: c.region, ConfigSources: c.sources}, "ssm"); got != c.want {
			t.Errorf("got %s, want %s", got, c.want)
		}
	}
	for _, c := range []struct {
		own, all, want string
	}{{"http://own", "http://all", "http://own"}, {"", "http://all", "http://all"}, {"", "", ""}} {
		cfg := aws.Config{ConfigSources: []any{source{own: c.own}}}
		if c.all != "" {
			cfg.BaseEndpoint = &c.all
		}
		if got := endpointOf(t.Context(), cfg, "secretsmanager"); got != c.want {
			t.Errorf("got %q, want %q", got, c.want)
		}
	}
}

// source is where the SDK's config came from.
type source struct {
	own  string
	fips bool
}

func (s source) GetServiceBaseEndpoint(_ context.Context, id string) (string, bool, error) {
	return s.own, s.own != "" && id == "Secrets Manager", nil
}

func (s source) GetUseFIPSEndpoint(context.Context) (aws.FIPSEndpointState, bool, error) {
	return aws.FIPSEndpointStateEnabled, s.fips, nil
}

func TestWhatDefinitionsCallIsAskedOfAWS(t *testing.T) {
	t.Parallel()
	cfg := asked(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body) // a short one is seen below
		if r.Header.Get("X-Amz-Target") == "secretsmanager.DescribeSecret" {
			if string(body) == `{"SecretId":"db"}` {
				fmt.Fprint(w, `{"ARN":"arn:aws:secretsmanager:eu-west-1:1:secret:db-AbCdEf","Name":"db"}`)
				return
			}
			w.WriteHeader(http.StatusBadRequest)
			fmt.Fprint(w, `{"__type":"ResourceNotFoundException","Message":"Secrets Manager can't find the specified secret."}`)
			return
		}
		form, _ := url.ParseQuery(string(body))
		switch page := form.Get("Action") + form.Get("NextToken"); page {
		case "ListExports":
			fmt.Fprint(w, `<R><ListExportsResult><Exports><member><Name>a</Name><Value>1</Value></member></Exports><NextToken>two</NextToken></ListExportsResult></R>`)
		case "ListExportstwo":
			fmt.Fprint(w, `<R><ListExportsResult><Exports><member><Name>net-Vpc</Name><Value>vpc-1</Value></member></Exports></ListExportsResult></R>`)
		default:
			t.Errorf("asked %s", page)
		}
	})
	for _, c := range []struct{ kind, arg, want, says string }{
		{"secret-arn", "db", "arn:aws:secretsmanager:eu-west-1:1:secret:db-AbCdEf", ""},
		{"secret-arn", "none", "", `there is no secret "none"`},
		{"cfn-export", "net-Vpc", "vpc-1", ""},
		{"cfn-export", "none", "", `no stack exports "none"`},
	} {
		got, err := Value(t.Context(), cfg, c.kind, c.arg)
		if got != c.want || (err == nil) != (c.says == "") || err != nil && !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s of %s: %q, %v", c.kind, c.arg, got, err)
		}
	}
}
