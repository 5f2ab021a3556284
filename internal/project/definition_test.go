package project_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/slipway-ecs/slipway/internal/project"
)

// folder writes files and gives the folder they are in.
func folder(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// answering is options with variables and a source that says what it was asked.
func answering(vars map[string]string) project.Options {
	return project.Options{
		Var: func(name string) (string, bool) { v, ok := vars[name]; return v, ok },
		Source: func(_ context.Context, where project.AWS, kind, arg string) (string, error) {
			return kind + "(" + arg + ")" + where.Region, nil
		},
	}
}

const stateOfTests = `{"version":4,"outputs":{"nets":{"value":["subnet-1","subnet-2"]}},"resources":[
  {"mode":"managed","type":"aws_subnet","name":"a","instances":[{"index_key":"x","attributes":{"id":"subnet-1","size":24}}]}]}`

func TestDefinitionsOfEcspressoAreTakenAsTheyAre(t *testing.T) {
	t.Parallel()
	dir := folder(t, map[string]string{
		"slipway.yaml": "version: 1\naws: {region: eu-west-1}\ntfstate: tf/../state.json\ncluster: main\nservices: {web: {task: task.json, service: service.jsonnet, appspec: appspec.yaml}}\n",
		"state.json":   stateOfTests,
		"tf":           "",
		"task.json": "{\"TaskDefinition\": {\"Family\": \"web\", {{/* Cpu is a number */}} \"IpcMode\": \"\", \"ContainerDefinitions\": [{\"Cpu\": {{ env `CPU` `64` }}, \"Image\": \"r:{{ must_env `TAG` }}\",\n" +
			"\"Command\": [\"echo $HOME {{.Name}}\"], \"DockerLabels\": {\"Upper\": \"\"}, \"PortMappings\": [{\"AppProtocol\": \"\", \"ContainerPort\": 80}],\n" +
			"\"LogConfiguration\": {\"LogDriver\": \"awslogs\", \"Options\": {\"Tag\": \"{{ ssm `/p` }}\", \"type\": \"\"}}, \"Environment\": [{\"Name\": \"A\", \"Value\": \"\"}]}]}, \"Tags\": [{\"Key\": \"K\", \"Value\": \"v\"}]}",
		"service.jsonnet": "local tfstate = std.native('tfstate');\n{ desiredCount: 2, runningCount: 2, deployments: [], launchType: '', networkConfiguration: { awsvpcConfiguration: {\n" +
			"  subnets: tfstate('output.nets') + ['{{ tfstatef `aws_subnet.a[\\'%s\\'].id` (env `KEY` `x`) }}'], size: tfstate(\"aws_subnet.a['x'].size\") } },\n" +
			"  role: std.native('secretsmanager_arn')('s') + std.native('cfn_output')('S', 'O') }",
		"appspec.yaml": "version: 0.0\nHooks:\n  - BeforeInstall: \"{{ env `HOOK` `check` }}\"\n",
	})
	if err := os.Remove(filepath.Join(dir, "tf")); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(dir, "tf"), 0o700); err != nil {
		t.Fatal(err)
	}
	p, err := project.Load(t.Context(), filepath.Join(dir, "slipway.yaml"), answering(map[string]string{"TAG": "1.4"}))
	if err != nil {
		t.Fatal(err)
	}
	s := p.Services[0]
	for name, c := range map[string]struct{ got, want string }{
		"task": {string(s.Task), `{"family":"web","containerDefinitions":[{"cpu":64,"image":"r:1.4","command":["echo $HOME {{.Name}}"],"dockerLabels":{"Upper":""},"portMappings":[{"containerPort":80}],` +
			`"logConfiguration":{"logDriver":"awslogs","options":{"Tag":"ssm(/p)eu-west-1","type":""}},"environment":[{"name":"A","value":""}]}],"tags":[{"key":"K","value":"v"}]}`},
		"service": {string(s.Service), `{"desiredCount":2,"networkConfiguration":{"awsvpcConfiguration":{"size":24,"subnets":["subnet-1","subnet-2","subnet-1"]}},"role":"secret-arn(s)eu-west-1cfn(S.O)eu-west-1"}`},
		"appspec": {string(s.AppSpec), `{"version":0,"Hooks":[{"BeforeInstall":"check"}]}`},
	} {
		if c.got != c.want {
			t.Errorf("%s is\n%s\nwant\n%s", name, c.got, c.want)
		}
	}
}

func TestDefinitionsThatCannotBeFilledSayWhere(t *testing.T) {
	t.Parallel()
	for text, says := range map[string][]string{
		"{\n \"image\": \"{{ must_env `TAG` }}\"}":              {"task.json:2:11", "TAG is not set"},
		"{\n \"image\": \"{{ env `TAG` }}\"}":                   {"TAG is not set", "default"},
		"{\"a\": \"{{ tfstate `aws_subnet.b.id` }}\"}":          {"task.json:1:7", "no resource aws_subnet.b"},
		"{\"a\": \"{{ tfstate `aws_subnet.a['y'].id` }}\"}":     {"no such instance", `aws_subnet.a["x"]`},
		"{\"a\": \"{{ must_env `A` `B` }}\"}":                   {"must_env takes 1 argument"},
		"{\"a\": \"{{ ssm `/p` `7` }}\"}":                       {"1 values", "0 to 0"},
		"{\"a\": \"{{ s3_tfstate `aws_subnet.a.id` }}\"}":       {`did you mean "tfstate"?`},
		"{\"family\": \"a\",\n \"Family\": \"b\"}":              {"task.json:2:2", "one key"},
		"{\"a\": 1,\n{{ if (env `X` ``) }} \"b\": 2 {{ end }}}": {"task.json:2:1", "Jsonnet"},
		"[1]": {"task.json:1:1", "map"},
	} {
		dir := folder(t, map[string]string{"slipway.yaml": "version: 1\ncluster: main\ntfstate: state.json\nservices: {web: {task: task.json}}\n", "task.json": text, "state.json": stateOfTests})
		_, err := project.Load(t.Context(), filepath.Join(dir, "slipway.yaml"), answering(nil))
		if err == nil {
			t.Errorf("%s: no error", text)
			continue
		}
		for _, s := range says {
			if !strings.Contains(err.Error(), s) {
				t.Errorf("%s: %q lacks %q", text, err, s)
			}
		}
	}
}

func TestVerbsThatNeedNoValuesAskNothingOfDefinitions(t *testing.T) {
	t.Parallel()
	dir := folder(t, map[string]string{"slipway.yaml": "version: 1\ncluster: main\nservices: {web: {task: task.json}}\n",
		"task.json": "{\"a\": \"{{ tfstate `aws_subnet.a.id` }}{{ ssm `/p` }}{{ cfn_export `E` }}\"}"})
	o := project.Options{Unasked: true, Source: func(_ context.Context, _ project.AWS, kind, arg string) (string, error) {
		return "", fmt.Errorf("asked for %s %s", kind, arg)
	}}
	if _, err := project.Load(t.Context(), filepath.Join(dir, "slipway.yaml"), o); err != nil {
		t.Error(err)
	}
}

func TestTheFileBesideMayEndInYml(t *testing.T) {
	t.Parallel()
	dir := folder(t, map[string]string{"slipway.yml": "version: 1\ncluster: main\nservices: {a: {}}\n", "slipway.jsonnet": "{}"})
	if got := project.Beside(dir); got != filepath.Join(dir, "slipway.yml") {
		t.Errorf("the file beside is %q", got)
	}
	if _, err := project.Load(t.Context(), project.Beside(dir), project.Options{}); err != nil {
		t.Error(err)
	}
	both := folder(t, map[string]string{"slipway.yaml": "", "slipway.yml": ""})
	if got := project.Beside(both); got != filepath.Join(both, "slipway.yaml") {
		t.Errorf("of two files it is %q", got)
	}
}

func TestAProjectMayBeWrittenInJsonnet(t *testing.T) {
	t.Parallel()
	dir := folder(t, map[string]string{"slipway.jsonnet": `local env = std.native('env');
local service(n) = { count: n, images: { app: 'repo/app:${TAG}' } };
{
  version: 1,
  cluster: env('CLUSTER', 'main'),
  services: { api: service(2), web: service(3) },
}`})
	if got := project.Beside(dir); got != filepath.Join(dir, "slipway.jsonnet") {
		t.Errorf("the file beside is %q", got)
	}
	path := filepath.Join(dir, "slipway.jsonnet")
	p, err := project.Load(t.Context(), path, answering(map[string]string{"TAG": "1.4"}))
	if err != nil {
		t.Fatal(err)
	}
	if s, err := p.Pick("web"); err != nil || p.Cluster != "main" || *s.Count != 3 || s.Images["app"] != "repo/app:1.4" {
		t.Errorf("read %+v, %v", p, err)
	}
	for text, says := range map[string]string{
		"{\n  version: 1,\n  clutser: 'main',\n  services: { a: {} },\n}":              "slipway.jsonnet:3:3: there is no key \"clutser\" here (did you mean \"cluster\"?)",
		"{\n  version: 1, cluster: 'main',\n  services: { a: { count: 'x' } },\n}":     "slipway.jsonnet:3:27: \"count\" is a string",
		"{\n  version: 1, cluster: '${NONE}',\n  services: { a: {} },\n}":              "slipway.jsonnet:2:24: the variable NONE is not set",
		"{ version: 1, cluster: std.native('must_env')('NONE'), services: { a: {} } }": "slipway.jsonnet:1:24: the variable NONE is not set",
	} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := project.Load(t.Context(), path, answering(nil)); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: says %v, want %s", text, err, says)
		}
	}
}

func TestWhatAVariableHoldsIsNeverCarriedOut(t *testing.T) {
	t.Parallel()
	const message = "fix {{ must_env `SECRET` }} and {{0}} and ${SECRET}"
	dir := folder(t, map[string]string{
		"slipway.jsonnet": "{ version: 1, cluster: 'main', services: { web: { task: 'task.jsonnet', env: { app: { A: std.native('must_env')('MESSAGE') } } } } }",
		"task.jsonnet":    "{ family: std.native('must_env')('MESSAGE'), cpu: '{{ must_env `CPU` }}' }",
	})
	p, err := project.Load(t.Context(), filepath.Join(dir, "slipway.jsonnet"), answering(map[string]string{"MESSAGE": message, "SECRET": "s3cr3t", "CPU": "64"}))
	if err != nil {
		t.Fatal(err)
	}
	if got := p.Services[0].Env["app"]["A"]; got != message {
		t.Errorf("the project has %q", got)
	}
	if got, want := string(p.Services[0].Task), `{"cpu":"64","family":"`+message+`"}`; got != want {
		t.Errorf("the definition is %s, want %s", got, want)
	}
}

func TestADefinitionBesideAProjectIsAskedAsTheProjectIs(t *testing.T) {
	t.Parallel()
	dir := folder(t, map[string]string{
		"slipway.yaml": "version: 1\ncluster: main\naws: {region: eu-west-1}\ntfstate: ${STATE}\nservices: {web: {}}\n",
		"state.json":   stateOfTests,
	})
	other := folder(t, map[string]string{"task.json": "{\"family\": \"{{ ssm `/p` }}-{{ tfstate `output.nets[1]` }}\"}"})
	o := answering(map[string]string{"STATE": "state.json"})
	p, err := project.Load(t.Context(), filepath.Join(dir, "slipway.yaml"), o)
	if err != nil {
		t.Fatal(err)
	}
	got, err := project.Definition(t.Context(), filepath.Join(other, "task.json"), p, o)
	if want := `{"family":"ssm(/p)eu-west-1-subnet-2"}`; err != nil || string(got) != want {
		t.Errorf("gives %s, %v, want %s", got, err, want)
	}
}
