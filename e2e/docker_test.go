package e2e_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/slipway-ecs/slipway/internal/launch/docker/enginetest"
)

// boxed makes images of one program, each with arguments of its own, and gives their names.
func boxed(t *testing.T, engine *enginetest.Engine, arguments map[string]string) map[string]string {
	t.Helper()
	program, err := engine.Build(t.Context(), enginetest.Program)
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]string{}
	for name, args := range arguments {
		names[name] = fmt.Sprintf("slipway-e2e-%d:%s", os.Getpid(), name)
		engine.Image(t, names[name], program, `ENTRYPOINT ["/program"]`, "CMD "+args)
	}
	return names
}

// refusals is a registry that gives nobody anything: by the repository, in the words of ECR and of
// other registries.
func refusals(t *testing.T) (host string) {
	t.Helper()
	answers := map[string]struct {
		status     int
		code, text string
	}{
		"denied":  {http.StatusForbidden, "DENIED", "User: arn:aws:sts::123456789012:assumed-role/exec/task is not authorized to perform: ecr:BatchGetImage on resource: arn:aws:ecr:us-east-1:123456789012:repository/denied because no identity-based policy allows the ecr:BatchGetImage action"},
		"limited": {http.StatusTooManyRequests, "TOOMANYREQUESTS", "You have reached your pull rate limit."},
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		parts := strings.Split(r.URL.Path, "/") // /v2/NAME/manifests/TAG
		w.Header().Set("Docker-Distribution-Api-Version", "registry/2.0")
		if len(parts) < 5 {
			return
		}
		a := answers[parts[2]]
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(a.status)
		fmt.Fprintf(w, `{"errors": [{"code": %q, "message": %q}]}`, a.code, a.text)
	}))
	t.Cleanup(server.Close)
	return strings.TrimPrefix(server.URL, "http://")
}

// closed is an address of this machine where nobody listens, and which no test is given.
const closed = "127.0.0.1:1"

func TestExplainNamesWhatHappensToContainers(t *testing.T) {
	t.Parallel()
	engine := enginetest.Need(t)
	images := boxed(t, engine, map[string]string{"good": `["serve", "8080", "hello"]`, "greedy": `["eat"]`})
	registry := refusals(t)
	var w *ward
	t.Cleanup(func() { // after the cloud has ended
		if w != nil {
			engine.Clear(t, filepath.Join(w.dir, "data"))
		}
	})
	w = newWard(t, "images: []\n", "--runtime", "docker")
	all := map[string]patient{}
	for name, c := range map[string]struct{ image, class, evidence string }{
		"out-of-memory": {images["greedy"], "out-of-memory", "OutOfMemoryError: Container killed due to memory usage"},
		"pull-denied":   {registry + "/denied:1", "pull-denied", "CannotPullContainerError"},
		"pull-limited":  {registry + "/limited:1", "pull-rate-limit", "CannotPullContainerError"},
		"lost":          {closed + "/lost:1", "registry-unreachable", "connection refused"},
	} {
		all[name] = patient{image: images["good"], service: breaker, root: "breaker", first: c.class, evidence: c.evidence,
			define: func(in *ecs.RegisterTaskDefinitionInput) { // what eats answers nobody, and has five minutes to eat
				in.ContainerDefinitions[0].Memory = aws.Int32(48)
				in.ContainerDefinitions[0].HealthCheck = &types.HealthCheck{Command: []string{"CMD", "/program", "fetch", "http://127.0.0.1:8080/"}, Interval: aws.Int32(5), StartPeriod: aws.Int32(300)}
			},
			hurt: func(_ *testing.T, w *ward, name string) {
				w.steady(name)
				w.deploy(name, c.class, "--image", "app="+c.image)
			}}
	}
	w.diagnose(t, all)
}
