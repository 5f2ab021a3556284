package cli

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/aws/smithy-go"
	"github.com/spf13/cobra"

	"github.com/slipway-ecs/slipway/internal/fail"
	"github.com/slipway-ecs/slipway/internal/project"
	"github.com/slipway-ecs/slipway/internal/sdk"
)

const shop = `version: 1
cluster: main
aws: {region: eu-west-1, profile: shop}
services:
  api: {name: shop-api}
  web: {}
`

func TestATargetIsTheFilesUnlessFlagsSayMore(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "slipway.yaml")
	if err := os.WriteFile(file, []byte(shop), 0o600); err != nil {
		t.Fatal(err)
	}
	single := filepath.Join(filepath.Dir(file), "single.yaml")
	if err := os.WriteFile(single, []byte("version: 1\ncluster: main\nservices: {only: {images: {app: \"${UNSET:-repo/app:1}\"}}}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	const arn = "arn:aws:ecs:us-west-2:123456789012:service/prod/api"
	for _, c := range []struct {
		name string
		t    target
		want place // without the file
		code string
	}{
		{"a key of the file", target{file: file, service: "api"}, place{Cluster: "main", Service: "shop-api", Where: sdk.Options{Region: "eu-west-1", Profile: "shop"}}, ""},
		{"flags win", target{file: file, service: "web", cluster: "other", region: "us-east-1", profile: "p", endpoint: "http://localhost:1"},
			place{Cluster: "other", Service: "web", Where: sdk.Options{Region: "us-east-1", Profile: "p", Endpoint: "http://localhost:1"}}, ""},
		{"flags alone", target{service: "api", cluster: "main"}, place{Cluster: "main", Service: "api"}, ""},
		{"an ARN says cluster and region", target{service: arn}, place{Cluster: "prod", Service: "api", Where: sdk.Options{Region: "us-west-2"}}, ""},
		{"no service", target{cluster: "main"}, place{}, "usage.service"},
		{"two services in the file", target{file: file}, place{}, "usage.service"},
		{"an unknown service of a file that was named", target{file: file, service: "apj", cluster: "main"}, place{}, "usage.service"},
		{"no such environment", target{file: file, service: "api", environment: "prod"}, place{}, "usage.environment"},
		{"an environment without a file", target{service: "api", cluster: "main", environment: "prod"}, place{}, "usage.environment"},
		{"no such output", target{service: "api", cluster: "main", output: "xml"}, place{}, "usage.output"},
		{"a deployment's id", target{file: single, service: "EZe5RNVLH6PPzHXINuP28", id: new(string)}, place{Cluster: "main", Service: "only"}, ""},
		{"CodeDeploy's id", target{file: single, service: "d-0123ABCDE", id: new(string)}, place{Cluster: "main", Service: "only"}, ""},
		{"the service's deployment", target{file: single, service: "ecs-svc/0254910055998611338", id: new(string)}, place{Cluster: "main", Service: "only"}, ""},
		{"an id, of several services", target{file: file, service: "EZe5RNVLH6PPzHXINuP28", id: new(string)}, place{}, "usage.service"},
		{"an id, where there is none", target{file: single, service: "EZe5RNVLH6PPzHXINuP28"}, place{}, "usage.service"},
		{"a service's name, mistyped", target{file: single, service: "onyl", id: new(string)}, place{}, "usage.service"},
	} {
		word := c.t.service
		if c.t.output == "" {
			c.t.output = outputText
		}
		got, err := c.t.find(t.Context(), &App{})
		if c.code != "" {
			if !fail.Is(err, c.code) {
				t.Errorf("%s: error %v, want %s", c.name, err, c.code)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if got.Cluster != c.want.Cluster || got.Service != c.want.Service || got.Where != c.want.Where {
			t.Errorf("%s: got %+v, want %+v", c.name, got, c.want)
		}
		if id := c.t.id; id != nil && *id != word {
			t.Errorf("%s: the deployment is %q, want %q", c.name, *id, word)
		}
		if got := got.Entry != nil; got != (c.t.file != "") {
			t.Errorf("%s: from a file: %v", c.name, got)
		}
	}
}

func TestALongNameThatIsMistypedIsNoDeployment(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "slipway.yaml")
	if err := os.WriteFile(file, []byte("version: 1\ncluster: main\nservices: {payments-api-production: {}}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for word, hint := range map[string]string{
		"payments-api-productoin":     `did you mean "payments-api-production"?`,
		"payments-api-production-old": `did you mean "payments-api-production"?`,
	} {
		g := target{file: file, service: word, output: outputText, id: new(string)}
		_, err := g.find(t.Context(), &App{})
		if f := fail.Of(err); f == nil || f.Code != "usage.service" || f.Hint != hint || *g.id != "" {
			t.Errorf("%s: %v, deployment %q, want the hint %s", word, err, *g.id, hint)
		}
	}
	for _, id := range []string{"EZe5RNVLH6PPzHXINuP28", "NCWGC2ZR-taawPAYrIaU5", "ejGvqq2ilnbKT9qj0vLJe", "d-RPCR1U3TW", "d-GJKKPRA1L"} {
		g := target{file: file, service: id, output: outputText, id: new(string)}
		if p, err := g.find(t.Context(), &App{}); err != nil || p.Service != "payments-api-production" || *g.id != id {
			t.Errorf("%s: %+v, %v, deployment %q", id, p, err, *g.id)
		}
	}
}

func TestAWordThatIsNeitherServiceNorDeploymentIsSaidToBeNeither(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "slipway.yaml")
	if err := os.WriteFile(file, []byte("version: 1\ncluster: main\nservices: {api: {}}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	const word = "payments-of-the-other-team"
	codeDeploy := &smithy.GenericAPIError{Code: "DeploymentDoesNotExistException", Message: "The deployment " + word + " could not be found"}
	for _, c := range []struct {
		word string
		ends error
		want string
	}{
		{word, fail.New("deployment.none", "", "service %q has no deployment %s", "api", word), `"payments-of-the-other-team" is neither a service of the file nor a deployment of service "api"`},
		{word, fail.New("deployment.not_found", "", "service %q has no deployment %s", "api", word), `"payments-of-the-other-team" is neither a service of the file nor a deployment of service "api"`},
		{word, fmt.Errorf("read it: %w", codeDeploy), `"payments-of-the-other-team" is neither a service of the file nor a deployment of service "api"`},
		{word, errors.New("no network"), "no network"},
		{word, nil, ""},
		{"api", fail.New("deployment.none", "", "service %q has no deployment", "api"), `service "api" has no deployment`},
	} {
		g, deployment := target{file: file, output: outputText}, ""
		cmd := &cobra.Command{RunE: func(cmd *cobra.Command, args []string) error {
			g.take(args)
			if _, err := g.find(cmd.Context(), &App{}); err != nil {
				return err
			}
			return c.ends
		}}
		cmd.SetContext(t.Context())
		g.takesIDs(cmd, &deployment)
		got := ""
		if err := cmd.RunE(cmd, []string{c.word}); err != nil {
			got = err.Error()
		}
		if got != c.want {
			t.Errorf("%s, where the verb ends with %v: got %q, want %q", c.word, c.ends, got, c.want)
		}
	}
}

func TestFlagsWinOverWhatTheFileSaysOfAWS(t *testing.T) {
	t.Parallel()
	file := project.AWS{Region: "eu-west-1", Profile: "shop", Account: "123456789012", Role: "r"}
	for _, c := range []struct {
		t    target
		want sdk.Options
	}{
		{target{}, sdk.Options{Region: "eu-west-1", Profile: "shop", Account: "123456789012", Role: "r"}},
		{target{region: "us-east-1", profile: "p", endpoint: "http://localhost:1"}, sdk.Options{Region: "us-east-1", Profile: "p", Account: "123456789012", Role: "r", Endpoint: "http://localhost:1"}},
		{target{service: "arn:aws:ecs:us-west-2:123456789012:service/prod/api"}, sdk.Options{Region: "us-west-2", Profile: "shop", Account: "123456789012", Role: "r"}},
	} {
		if got := laid(file, c.t.over()); got != c.want {
			t.Errorf("%+v: got %+v, want %+v", c.t, got, c.want)
		}
	}
}
