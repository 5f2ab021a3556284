package sdk_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/ecs"

	"github.com/slipway-ecs/slipway/internal/fail"
	"github.com/slipway-ecs/slipway/internal/sdk"
)

const role = "arn:aws:iam::123456789012:role/deploy"

// sts answers as AWS STS does, and keeps what it was asked.
type sts struct{ asked []url.Values }

func (s *sts) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if err := r.ParseForm(); err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	s.asked = append(s.asked, r.PostForm)
	op := r.PostForm.Get("Action")
	if op == "GetCallerIdentity" {
		fmt.Fprint(w, `<GetCallerIdentityResponse><GetCallerIdentityResult><Account>123456789012</Account></GetCallerIdentityResult></GetCallerIdentityResponse>`)
		return
	}
	fmt.Fprintf(w, `<%[1]sResponse><%[1]sResult><Credentials><AccessKeyId>ASIA1</AccessKeyId><SecretAccessKey>s</SecretAccessKey>`+
		`<SessionToken>t</SessionToken><Expiration>2099-01-01T00:00:00Z</Expiration></Credentials></%[1]sResult></%[1]sResponse>`, op)
}

// standing starts an STS and makes an environment of nothing but it and these files and variables.
func standing(t *testing.T, profile string, env map[string]string) *sts {
	t.Helper()
	s := &sts{}
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	for _, pair := range os.Environ() {
		if name, value, _ := strings.Cut(pair, "="); strings.HasPrefix(name, "AWS_") {
			t.Setenv(name, value) // so that it comes back
			if err := os.Unsetenv(name); err != nil {
				t.Fatal(err)
			}
		}
	}
	dir := t.TempDir()
	file := filepath.Join(dir, "config")
	if err := os.WriteFile(file, []byte(profile), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("AWS_CONFIG_FILE", file)
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", filepath.Join(dir, "none"))
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	t.Setenv("AWS_ENDPOINT_URL_STS", server.URL)
	t.Setenv("AWS_REGION", "eu-west-1")
	for k, v := range env {
		t.Setenv(k, v)
	}
	return s
}

const shop = `[profile base]
aws_access_key_id = AKIA1
aws_secret_access_key = s
[profile shop]
role_arn = ` + role + `
source_profile = base
[profile guarded]
role_arn = ` + role + `
source_profile = base
mfa_serial = arn:aws:iam::123456789012:mfa/me
`

func TestCredentialsComeFromTheStandardChain(t *testing.T) {
	token := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(token, []byte("jwt"), 0o600); err != nil {
		t.Fatal(err)
	}
	keys := map[string]string{"AWS_ACCESS_KEY_ID": "AKIA2", "AWS_SECRET_ACCESS_KEY": "s"}
	for _, c := range []struct {
		name string
		env  map[string]string
		o    sdk.Options
		key  string
		asks url.Values // of the last call; nil: none
	}{
		{"keys", keys, sdk.Options{}, "AKIA2", nil},
		{"a profile", nil, sdk.Options{Profile: "base"}, "AKIA1", nil},
		{"a profile with a role", nil, sdk.Options{Profile: "shop"}, "ASIA1", url.Values{"Action": {"AssumeRole"}, "RoleArn": {role}}},
		{"web identity", map[string]string{"AWS_WEB_IDENTITY_TOKEN_FILE": token, "AWS_ROLE_ARN": role}, sdk.Options{}, "ASIA1",
			url.Values{"Action": {"AssumeRoleWithWebIdentity"}, "RoleArn": {role}, "WebIdentityToken": {"jwt"}}},
		{"a role of the file's", keys, sdk.Options{Role: role}, "ASIA1", url.Values{"Action": {"AssumeRole"}, "RoleArn": {role}, "RoleSessionName": {"slipway"}}},
		{"the right account", keys, sdk.Options{Account: "123456789012"}, "AKIA2", url.Values{"Action": {"GetCallerIdentity"}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := standing(t, shop, c.env)
			cfg, err := sdk.Load(t.Context(), c.o)
			if err != nil {
				t.Fatal(err)
			}
			got, err := cfg.Credentials.Retrieve(t.Context())
			if err != nil || got.AccessKeyID != c.key {
				t.Errorf("access key %q (%v), want %q", got.AccessKeyID, err, c.key)
			}
			if (c.asks == nil) != (len(s.asked) == 0) {
				t.Fatalf("STS was asked %v", s.asked)
			}
			for k := range c.asks {
				if last := s.asked[len(s.asked)-1]; last.Get(k) != c.asks.Get(k) {
					t.Errorf("%s is %q, want %q", k, last.Get(k), c.asks.Get(k))
				}
			}
		})
	}
}

func TestWhatIsWrongWithCredentialsIsSaid(t *testing.T) {
	keys := map[string]string{"AWS_ACCESS_KEY_ID": "AKIA2", "AWS_SECRET_ACCESS_KEY": "s"}
	for _, c := range []struct {
		name string
		env  map[string]string
		o    sdk.Options
		code string
	}{
		{"a code of an MFA device, and no terminal", nil, sdk.Options{Profile: "guarded"}, "access.mfa"},
		{"no such profile", nil, sdk.Options{Profile: "none"}, "access.profile"},
		{"nobody", nil, sdk.Options{}, "access.credentials"},
		{"another account", keys, sdk.Options{Account: "210987654321"}, "access.account"},
		{"no region", map[string]string{"AWS_REGION": ""}, sdk.Options{}, "usage.region"},
	} {
		t.Run(c.name, func(t *testing.T) {
			standing(t, shop, c.env)
			if _, err := sdk.Load(t.Context(), c.o); !fail.Is(err, c.code) {
				t.Errorf("got %v, want %s", err, c.code)
			}
		})
	}
}

// caught keeps the host of the one request it refuses.
type caught struct{ host string }

func (c *caught) Do(r *http.Request) (*http.Response, error) {
	c.host = r.URL.Host
	return nil, fmt.Errorf("caught")
}

func TestEndpointsAreThoseAskedFor(t *testing.T) {
	keys := map[string]string{"AWS_ACCESS_KEY_ID": "AKIA2", "AWS_SECRET_ACCESS_KEY": "s"}
	for _, c := range []struct {
		name, key, value string
		o                sdk.Options
		host             string
	}{
		{"AWS's", "AWS_PAGER", "", sdk.Options{}, "ecs.eu-west-1.amazonaws.com"},
		{"FIPS", "AWS_USE_FIPS_ENDPOINT", "true", sdk.Options{Region: "us-east-1"}, "ecs-fips.us-east-1.amazonaws.com"},
		{"dual stack", "AWS_USE_DUALSTACK_ENDPOINT", "true", sdk.Options{}, "ecs.eu-west-1.api.aws"},
		{"one for all", "AWS_ENDPOINT_URL", "http://cloud.test:4566", sdk.Options{}, "cloud.test:4566"},
		{"one service's", "AWS_ENDPOINT_URL_ECS", "http://ecs.test", sdk.Options{}, "ecs.test"},
		{"a flag's", "AWS_PAGER", "", sdk.Options{Endpoint: "http://flag.test"}, "flag.test"},
	} {
		t.Run(c.name, func(t *testing.T) {
			standing(t, shop, keys)
			t.Setenv(c.key, c.value)
			cfg, err := sdk.Load(t.Context(), c.o)
			if err != nil {
				t.Fatal(err)
			}
			to := &caught{}
			cfg.HTTPClient, cfg.RetryMaxAttempts = to, 1
			if _, err := sdk.NewECS(cfg).DescribeServices(t.Context(), &ecs.DescribeServicesInput{Services: []string{"web"}}); err == nil {
				t.Error("answered")
			}
			if to.host != c.host {
				t.Errorf("called %q, want %q", to.host, c.host)
			}
		})
	}
}
