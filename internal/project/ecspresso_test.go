package project_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/slipway-ecs/slipway/internal/fail"
	"github.com/slipway-ecs/slipway/internal/project"
)

func TestAFileOfEcspressoIsReadInTermsOfOurs(t *testing.T) {
	t.Parallel()
	dir := folder(t, map[string]string{
		"ecspresso.yml": "required_version: \">= 2.0\"\nregion: {{ must_env `AWS_REGION` }}\nservice: \"{{ env `SERVICE` `OTHER` `web` }}\"\nservice_definition: service.json\ntask_definition: task.jsonnet\ntimeout: 600\n" +
			"codedeploy: {application_name: a}\nignore: {tags: [x]}\nplugins:\n  - name: tfstate\n    config: {url: \"s3://{{ must_env `BUCKET` }}/x.tfstate\"}\n  - name: ssm\n  - name: external\n" +
			"appspec:\n  Hooks:\n    - BeforeInstall: \"{{ tfstate `aws_lambda_function.hook['a'].arn` }}$1\"\n",
		"service.json": "{\"desiredCount\": {{ env `N` `2` }}}",
	})
	got, err := project.ReadEcspresso(t.Context(), filepath.Join(dir, "ecspresso.yml"))
	if err != nil {
		t.Fatal(err)
	}
	want := &project.Foreign{
		Region: "${AWS_REGION}", Cluster: "default", Service: "${SERVICE:-${OTHER:-web}}", Task: "task.jsonnet", Definition: "service.json", Timeout: "600s",
		TFState: "s3://${BUCKET}/x.tfstate", AppSpec: []byte(`{"Hooks":[{"BeforeInstall":"${tfstate:aws_lambda_function.hook[\"a\"].arn}$$1"}]}`), Count: "${N:-2}",
		Notes: []string{`"codedeploy" is left out: the deployment group that names the service is found by itself`, `"ignore" is left out: it has no counterpart`,
			`the plugin "external" is left out: write what its functions give as variables`},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-want +got)\n%s", d)
	}
}

func TestAFileOfEcspressoInJsonnetIsReadToo(t *testing.T) {
	t.Parallel()
	dir := folder(t, map[string]string{
		"ecspresso.jsonnet": "local must_env = std.native('must_env');\n{ region: 'eu-west-1', cluster: 'main', service: must_env('SERVICE'), service_definition: 'gone.json', task_definition: 'task.json', timeout: '10m0s' }",
	})
	got, err := project.ReadEcspresso(t.Context(), filepath.Join(dir, "ecspresso.jsonnet"))
	if err != nil {
		t.Fatal(err)
	}
	if got.Service != "${SERVICE}" || got.Timeout != "10m0s" || len(got.Notes) != 1 || !strings.Contains(got.Notes[0], "gone.json") {
		t.Errorf("read %+v", got)
	}
}

func TestWhatOursCannotSayOfAFileOfEcspressoIsAnError(t *testing.T) {
	t.Parallel()
	for text, says := range map[string]string{
		"service: a\n": "task_definition",
		"task_definition: a\nplugins:\n  - {name: tfstate, func_prefix: a_}\n":                                           "ecspresso.yml:3:34: functions with a prefix",
		"task_definition: a\nplugins:\n  - {name: tfstate, config: {path: a}}\n  - {name: tfstate, config: {path: b}}\n": "ecspresso.yml:4:",
		"task_definition: a\nplugins:\n{{ if (env `X` ``) }}\n  - name: ssm\n{{ end }}\n":                                "ecspresso.yml:3:1: {{ if (env `X` ``) }} is more than a call",
	} {
		dir := folder(t, map[string]string{"ecspresso.yml": text})
		if _, err := project.ReadEcspresso(t.Context(), filepath.Join(dir, "ecspresso.yml")); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: says %v, want %s", text, err, says)
		}
	}
}

func TestWhoHasEcspressosFileAloneIsTold(t *testing.T) {
	t.Parallel()
	dir := folder(t, map[string]string{"ecspresso.yml": "region: {{ must_env `AWS_REGION` }}\nservice: web\ntask_definition: task.json\n"})
	for path, code := range map[string]string{"slipway.yaml": "file.missing", "ecspresso.yml": "file.ecspresso"} {
		_, err := project.Load(t.Context(), filepath.Join(dir, path), answering(nil))
		if f := fail.Of(err); f == nil || f.Code != code || !strings.Contains(f.Hint, "slipway init --from "+filepath.Join(dir, "ecspresso.yml")) {
			t.Errorf("%s: says %v", path, err)
		}
	}
}
