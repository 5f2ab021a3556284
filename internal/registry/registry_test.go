package registry_test

import (
	"context"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"

	"github.com/slipway-ecs/slipway/internal/fail"
	"github.com/slipway-ecs/slipway/internal/registry"
)

func TestReferencesAreReadAsDockerReadsThem(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]registry.Ref{
		"nginx":                     {Host: "registry-1.docker.io", Name: "library/nginx", Tag: "latest"},
		"me/app:1":                  {Host: "registry-1.docker.io", Name: "me/app", Tag: "1"},
		"localhost:5000/a/b:1":      {Host: "localhost:5000", Name: "a/b", Tag: "1"},
		"ghcr.io/a/b@sha256:00":     {Host: "ghcr.io", Name: "a/b", Digest: "sha256:00"},
		"ghcr.io/a/b:1.4@sha256:00": {Host: "ghcr.io", Name: "a/b", Tag: "1.4", Digest: "sha256:00"},
		"docker.io/library/redis:7": {Host: "registry-1.docker.io", Name: "library/redis", Tag: "7"},
	} {
		if got, err := registry.Parse(in); err != nil || got != want {
			t.Errorf("%s: got %+v, %v, want %+v", in, got, err, want)
		}
	}
	for _, bad := range []string{"", "a/b@md5:1", "Upper", "host.x/"} {
		if _, err := registry.Parse(bad); err == nil {
			t.Errorf("read %q", bad)
		}
	}
}

const index = `{"schemaVersion":2,"manifests":[{"platform":{"os":"linux","architecture":"amd64"}},{"platform":{"os":"linux","architecture":"arm64"}},{"platform":{"os":"unknown","architecture":"unknown"}}]}`

// serve is a registry that gives tokens to a user, or to everybody where user is "".
func serve(t *testing.T, user string) string {
	t.Helper()
	mux := http.NewServeMux()
	var host string
	mux.HandleFunc("GET /token", func(w http.ResponseWriter, r *http.Request) {
		if name, password, _ := r.BasicAuth(); user != "" && (name != user || password != "secret") {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		fmt.Fprintf(w, `{"token":"for %s"}`, r.FormValue("scope"))
	})
	serve := func(body string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Authorization") != "Bearer for repository:team/app:pull" {
				w.Header().Set("WWW-Authenticate", fmt.Sprintf(`Bearer realm="http://%s/token",service="r",scope="x"`, host))
				w.WriteHeader(http.StatusUnauthorized)
				return
			}
			w.Header().Set("Docker-Content-Digest", "sha256:feed")
			fmt.Fprint(w, body)
		}
	}
	mux.HandleFunc("GET /v2/team/app/manifests/many", serve(index))
	mux.HandleFunc("GET /v2/team/app/manifests/one", serve(`{"schemaVersion":2,"config":{"digest":"sha256:c"}}`))
	mux.HandleFunc("GET /v2/team/app/manifests/login", serve("<html>please log in</html>"))
	mux.HandleFunc("GET /v2/team/app/blobs/sha256:c", serve(`{"os":"linux","architecture":"arm64"}`))
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	host = strings.TrimPrefix(s.URL, "http://")
	return host
}

func TestARegistryIsAskedWithATokenForNobody(t *testing.T) {
	t.Parallel()
	host := serve(t, "")
	c := &registry.Client{}
	many, err := c.Find(t.Context(), host+"/team/app:many")
	if err != nil || many.Digest != "sha256:feed" || !slices.Equal(many.Platforms, []string{"linux/amd64", "linux/arm64"}) || many.Has("windows/amd64") {
		t.Errorf("many: %+v, %v", many, err)
	}
	one, err := c.Find(t.Context(), host+"/team/app:one")
	if err != nil || !slices.Equal(one.Platforms, []string{"linux/arm64"}) {
		t.Errorf("one: %+v, %v", one, err)
	}
	if _, err := c.Find(t.Context(), host+"/team/app:none"); !fail.Is(err, "image.missing") {
		t.Errorf("a tag there is none of: %v", err)
	}
	if _, err := c.Find(t.Context(), host+"/team/app:login"); !fail.Is(err, "image.unreachable") {
		t.Errorf("what is no registry: %v", err)
	}
	if _, err := c.Find(t.Context(), "127.0.0.1:1/team/app:none"); !fail.Is(err, "image.unreachable") {
		t.Errorf("a registry that is not there: %v", err)
	}
}

func TestDockersCredentialsAreUsed(t *testing.T) {
	t.Parallel()
	host := serve(t, "me")
	if _, err := (&registry.Client{}).Find(t.Context(), host+"/team/app:one"); !fail.Is(err, "image.denied") {
		t.Errorf("as nobody: %v", err)
	}
	dir := t.TempDir()
	config := fmt.Sprintf(`{"auths":{%q:{"auth":%q}}}`, host, base64.StdEncoding.EncodeToString([]byte("me:secret")))
	if err := os.WriteFile(filepath.Join(dir, "config.json"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	c := &registry.Client{Credentials: registry.Docker(dir)}
	if got, err := c.Find(t.Context(), host+"/team/app:one"); err != nil || got.Digest != "sha256:feed" {
		t.Errorf("logged in: %+v, %v", got, err)
	}
}

func TestACredentialHelperIsAsked(t *testing.T) {
	host := serve(t, "helped")
	dir := t.TempDir()
	script := "#!/bin/sh\nread name\n[ \"$name\" = \"" + host + "\" ] || exit 1\necho '{\"Username\":\"helped\",\"Secret\":\"secret\"}'\n"
	if err := os.WriteFile(filepath.Join(dir, "docker-credential-test"), []byte(script), 0o700); err != nil { //nolint:gosec // it is run
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "config.json"), []byte(`{"credsStore":"test"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
	c := &registry.Client{Credentials: registry.Docker(dir)}
	if got, err := c.Find(t.Context(), host+"/team/app:one"); err != nil || got.Digest != "sha256:feed" {
		t.Errorf("helped: %+v, %v", got, err)
	}
}

type fakeECR struct {
	asked  *ecr.BatchGetImageInput
	region string
	calls  []string // as IAM names them
	blobs  string   // where they are handed out
}

func (f *fakeECR) GetDownloadUrlForLayer(_ context.Context, in *ecr.GetDownloadUrlForLayerInput, _ ...func(*ecr.Options)) (*ecr.GetDownloadUrlForLayerOutput, error) {
	f.calls = append(f.calls, "ecr:GetDownloadUrlForLayer")
	return &ecr.GetDownloadUrlForLayerOutput{DownloadUrl: aws.String(f.blobs + "/" + *in.LayerDigest)}, nil
}

func (f *fakeECR) BatchGetImage(_ context.Context, in *ecr.BatchGetImageInput, with ...func(*ecr.Options)) (*ecr.BatchGetImageOutput, error) {
	f.calls = append(f.calls, "ecr:BatchGetImage")
	o := ecr.Options{Region: "the caller's"}
	for _, set := range with {
		set(&o)
	}
	f.region = o.Region
	f.asked = in
	manifest, ok := map[string]string{"1": index, "one": `{"schemaVersion":2,"config":{"digest":"sha256:c"}}`}[aws.ToString(in.ImageIds[0].ImageTag)]
	if !ok {
		return &ecr.BatchGetImageOutput{}, nil
	}
	return &ecr.BatchGetImageOutput{Images: []types.Image{{ImageId: &types.ImageIdentifier{ImageDigest: aws.String("sha256:beef")}, ImageManifest: &manifest}}}, nil
}

func TestECRIsAskedByItsAPI(t *testing.T) {
	t.Parallel()
	f := &fakeECR{}
	c := &registry.Client{ECR: f}
	const repo = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/shop/api"
	got, err := c.Find(t.Context(), repo+":1")
	if err != nil || got.Digest != "sha256:beef" || !got.Has("linux/arm64") || *f.asked.RegistryId != "123456789012" || *f.asked.RepositoryName != "shop/api" {
		t.Errorf("got %+v, %v, asked %+v", got, err, f.asked)
	}
	if f.region != "eu-west-1" {
		t.Errorf("asked in %s, want the image's region", f.region)
	}
	if _, err := c.Find(t.Context(), repo+":2"); !fail.Is(err, "image.missing") {
		t.Errorf("a tag there is none of: %v", err)
	}
	blobs := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/sha256:c" {
			fmt.Fprint(w, `{"os":"linux","architecture":"arm64"}`)
		}
	}))
	t.Cleanup(blobs.Close)
	f.blobs = blobs.URL
	if one, err := c.Find(t.Context(), repo+":one"); err != nil || !slices.Equal(one.Platforms, []string{"linux/arm64"}) {
		t.Errorf("of one platform: %+v, %v", one, err)
	}
}

func TestADigestIsAskedForAlone(t *testing.T) {
	t.Parallel()
	f := &fakeECR{}
	got, err := (&registry.Client{ECR: f}).Digest(t.Context(), "123456789012.dkr.ecr.eu-west-1.amazonaws.com/shop/api:one")
	if err != nil || got != "sha256:beef" || !slices.Equal(f.calls, []string{"ecr:BatchGetImage"}) {
		t.Errorf("got %s, %v, by %v", got, err, f.calls)
	}
	c := &registry.Client{}
	host := serve(t, "")
	if got, err := c.Digest(t.Context(), host+"/team/app:one"); err != nil || got != "sha256:feed" {
		t.Errorf("got %s, %v", got, err)
	}
	if _, err := c.Digest(t.Context(), host+"/team/app:none"); !fail.Is(err, "image.missing") {
		t.Errorf("a tag there is none of: %v", err)
	}
}
