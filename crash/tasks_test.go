package crash_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"
)

// callerFile is the variable that makes the test binary a caller: what a team's own program in a
// task is, with the SDK's default configuration. It names the file for what the caller found.
const callerFile = "SLIPWAY_TEST_CALLER"

// found is what a caller in a task found out.
type found struct {
	Account, ARN string // as STS has it
	Region       string
	Clusters     []string // of its account and region
	Err          string
}

// call asks the cloud who we are and what is there, and writes the answers to a file.
func call(path string) int {
	f, err := ask(context.Background())
	if err != nil {
		f.Err = err.Error()
	}
	text, err := json.Marshal(f)
	if err != nil || os.WriteFile(path+".part", text, 0o600) != nil || os.Rename(path+".part", path) != nil {
		return 1
	}
	return 0
}

func ask(ctx context.Context) (f found, err error) {
	cfg, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		return f, err
	}
	f.Region = cfg.Region
	who, err := sts.NewFromConfig(cfg).GetCallerIdentity(ctx, nil)
	if err != nil {
		return f, err
	}
	f.Account, f.ARN = *who.Account, *who.Arn
	out, err := ecs.NewFromConfig(cfg).ListClusters(ctx, nil)
	if err != nil {
		return f, err
	}
	f.Clusters = out.ClusterArns
	return f, nil
}

// tainted is an environment of the host that must not reach any task.
func tainted(t *testing.T) []string {
	t.Helper()
	home := t.TempDir()
	if err := os.MkdirAll(filepath.Join(home, ".aws"), 0o700); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"credentials": "[default]\naws_access_key_id = tainted\naws_secret_access_key = tainted\n",
		"config":      "[default]\nregion = tainted\nendpoint_url = http://tainted.invalid\n",
	} {
		if err := os.WriteFile(filepath.Join(home, ".aws", name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	env := []string{"HOME=" + home, "PATH=" + os.Getenv("PATH"), "OTHER=tainted"}
	for _, name := range []string{
		"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_REGION", "AWS_DEFAULT_REGION",
		"AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_ECS", "AWS_CA_BUNDLE", "AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE", "AWS_ROLE_ARN",
		"AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_CONTAINER_CREDENTIALS_FULL_URI", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_TAINTED",
	} {
		env = append(env, name+"=tainted")
	}
	return env
}

func TestNothingOfTheHostsSettingsReachesATask(t *testing.T) {
	t.Parallel()
	l := prepareLocal(t)
	l.env = tainted(t)
	l.start()
	s := newShop(t, l)
	file := filepath.Join(t.TempDir(), "env")

	task := s.ended(s.task(fmt.Sprintf("env > %s", file)))

	if aws.ToInt32(task.Containers[0].ExitCode) != 0 {
		t.Fatalf("got %+v", task.Containers[0])
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	// What AWS gives a task, and what keeps SDKs from looking elsewhere.
	allowed := []string{
		"AWS_REGION", "AWS_DEFAULT_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL", "AWS_EXECUTION_ENV",
		"AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE", "AWS_EC2_METADATA_DISABLED", "ECS_CONTAINER_METADATA_URI_V4",
		"PATH", "HOME", "TMPDIR", "LANG", "HOST", "PORT", "PWD", "OLDPWD", "SHLVL", "_",
	}
	for line := range strings.Lines(string(text)) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		if !slices.Contains(allowed, name) || strings.Contains(value, "tainted") {
			t.Errorf("the task's environment has %s=%s", name, value)
		}
	}
	for _, want := range []string{"AWS_ENDPOINT_URL=http://" + l.addr + "\n", "AWS_REGION=us-east-1\n", "ECS_CONTAINER_METADATA_URI_V4=http://" + l.addr} {
		if !strings.Contains(string(text), want) {
			t.Errorf("the task's environment lacks %s:\n%s", want, text)
		}
	}
}

func TestATaskCallsTheCloudAsItselfAlsoWhereSignaturesAreChecked(t *testing.T) {
	t.Parallel()
	keys := filepath.Join(t.TempDir(), "keys")
	if err := os.WriteFile(keys, []byte("# id, secret, account\nAKIATEAMONE, secret-one, 111111111111\nAKIATEAMTWO, secret-two, 222222222222\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{nil, {"--keys", keys}} {
		t.Run(fmt.Sprint("keys ", args != nil), func(t *testing.T) {
			t.Parallel()
			l := prepareLocal(t, args...)
			l.env = tainted(t)
			l.start()
			account, id, secret := "111111111111", "111111111111", "any"
			if args != nil {
				id, secret = "AKIATEAMONE", "secret-one"
			}
			cfg := l.config(id)
			cfg.Credentials = credentials.NewStaticCredentialsProvider(id, secret, "")
			s := newShopOf(t, cfg)
			self, err := os.Executable()
			if err != nil {
				t.Fatal(err)
			}
			file := filepath.Join(t.TempDir(), "found")

			s.ended(s.task(fmt.Sprintf("%s=%s exec %s", callerFile, file, self)))

			var got found
			text, err := os.ReadFile(file)
			if err != nil || json.Unmarshal(text, &got) != nil {
				t.Fatalf("the caller left %q, %v", text, err)
			}
			if got.Err != "" || got.Account != account || got.Region != "us-east-1" || len(got.Clusters) != 1 || !strings.Contains(got.Clusters[0], account) {
				t.Errorf("the task found %+v; want account %s, us-east-1 and its one cluster", got, account)
			}
			if args != nil {
				refused(t, l, cfg)
			}
			s.boto(l, account)
		})
	}
}

// boto lets Python's SDK ask the same from inside a task, where it is installed.
func (s *shop) boto(l *local, account string) {
	s.t.Helper()
	python, err := exec.LookPath("python3")
	if err != nil || exec.CommandContext(s.t.Context(), python, "-c", "import boto3").Run() != nil {
		if strings.Contains(os.Getenv("SLIPWAY_REQUIRE"), "boto3") {
			s.t.Error("Python's SDK is not here, and must be")
		}
		s.t.Log("Python's SDK is not here: skipped")
		return
	}
	file := filepath.Join(s.t.TempDir(), "boto")
	script := filepath.Join(s.t.TempDir(), "ask.py")
	text := fmt.Sprintf("import boto3\nwho = boto3.client('sts').get_caller_identity()['Account']\nn = len(boto3.client('ecs').list_clusters()['clusterArns'])\nopen(%q, 'w').write(f'{who} {n}')\n", file)
	if err := os.WriteFile(script, []byte(text), 0o600); err != nil {
		s.t.Fatal(err)
	}
	// A version manager's wrapper would look into a HOME that is not the test's own.
	real, err := exec.CommandContext(s.t.Context(), python, "-c", "import sys; print(sys.executable)").Output()
	if err != nil {
		s.t.Fatal(err)
	}
	log := filepath.Join(s.t.TempDir(), "log")

	s.ended(s.task(fmt.Sprintf("exec %s %s > %s 2>&1", strings.TrimSpace(string(real)), script, log)))

	if got, err := os.ReadFile(file); string(got) != account+" 1" {
		said, _ := os.ReadFile(log) // shown if there is one
		s.t.Errorf("Python's SDK in a task found %q, %v; want %q; it said:\n%s", got, err, account+" 1", said)
	}
}

// refused shows that a key nobody knows, and a secret that is not the key's, are not served.
func refused(t *testing.T, l *local, good aws.Config) {
	t.Helper()
	for _, c := range []struct{ id, secret, want string }{
		{"AKIATEAMONE", "secret-two", "InvalidSignatureException"},
		{"AKIANOBODY", "secret-one", "UnrecognizedClientException"},
		{"111111111111", "secret-one", "UnrecognizedClientException"},
	} {
		cfg := good.Copy()
		cfg.Credentials = credentials.NewStaticCredentialsProvider(c.id, c.secret, "")
		cfg.Retryer = func() aws.Retryer { return aws.NopRetryer{} }
		_, err := ecs.NewFromConfig(cfg).ListClusters(t.Context(), nil)
		var api smithy.APIError
		if !errors.As(err, &api) || api.ErrorCode() != c.want {
			t.Errorf("key %s with secret %s: got %v, want %s", c.id, c.secret, err, c.want)
		}
	}
}

func TestItBindsNothingBeyondLoopbackWithoutKeys(t *testing.T) {
	t.Parallel()
	l := prepareLocal(t)
	for _, addr := range []string{"0.0.0.0", "[::]", "", "192.0.2.1", "example.com"} {
		l.addr = fmt.Sprintf("%s:%d", addr, freePort(t))
		out, err := l.command().CombinedOutput()
		var exit *exec.ExitError
		if !errors.As(err, &exit) || exit.ExitCode() != 2 || !strings.Contains(string(out), "--keys") {
			t.Errorf("--listen %s: %v, and says %q; want exit code 2 and the way out", l.addr, err, out)
		}
	}
}

func TestPagesOfOtherSitesAreRefused(t *testing.T) {
	t.Parallel()
	l := newLocal(t)
	_, port, _ := strings.Cut(l.addr, ":")
	for _, c := range []struct {
		host, origin string
		want         int
	}{
		{l.addr, "", http.StatusOK},
		{"localhost:" + port, "", http.StatusOK},
		{"web.localhost:1", "http://localhost:8080", http.StatusOK},
		{"127.1.2.3", "", http.StatusOK},
		{"rebound.example", "", http.StatusForbidden},
		{"localhost.example:" + port, "", http.StatusForbidden},
		{l.addr, "https://rebound.example", http.StatusForbidden},
		{l.addr, "null", http.StatusForbidden},
	} {
		for _, path := range []string{"/", "/_slipway/status"} {
			req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+l.addr+path, nil)
			if err != nil {
				t.Fatal(err)
			}
			if path == "/" {
				req.Method, req.Body = http.MethodPost, http.NoBody
				req.Header.Set("X-Amz-Target", "AmazonEC2ContainerServiceV20141113.ListClusters")
				req.Header.Set("Content-Type", "application/x-amz-json-1.1")
			}
			req.Host = c.host
			if c.origin != "" {
				req.Header.Set("Origin", c.origin)
			}
			res, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			res.Body.Close() //nolint:errcheck // nothing is read from it
			if res.StatusCode != c.want {
				t.Errorf("%s with Host %q and Origin %q: got %d, want %d", path, c.host, c.origin, res.StatusCode, c.want)
			}
		}
	}
}
