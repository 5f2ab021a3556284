package e2e_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
)

// The files of a service that ecspresso deploys, as it writes and its users template them; %s is a
// subnet.
const (
	espressoFile    = "region: \"{{ must_env `AWS_REGION` }}\"\ncluster: main\nservice: web\nservice_definition: ecs-service-def.jsonnet\ntask_definition: ecs-task-def.json\ntimeout: 10m0s\nplugins:\n  - name: tfstate\n    config:\n      path: terraform.tfstate\n"
	espressoTask    = "{\n  \"containerDefinitions\": [\n    {\n      \"cpu\": {{ env `CPU` `64` }},\n      \"environment\": [],\n      \"essential\": true,\n      \"image\": \"{{ must_env `IMAGE` }}\",\n      \"name\": \"web\",\n      \"portMappings\": [\n        {\"appProtocol\": \"\", \"containerPort\": 80, \"hostPort\": 80, \"protocol\": \"tcp\"}\n      ]\n    }\n  ],\n  \"cpu\": \"256\",\n  \"family\": \"web\",\n  \"ipcMode\": \"\",\n  \"memory\": \"512\",\n  \"networkMode\": \"awsvpc\",\n  \"requiresCompatibilities\": [\"FARGATE\"]\n}\n"
	espressoService = "local env = std.native('env');\n{\n  deploymentConfiguration: { maximumPercent: 200, minimumHealthyPercent: 100 },\n  desiredCount: 2,\n  launchType: 'FARGATE',\n  networkConfiguration: {\n    awsvpcConfiguration: {\n      assignPublicIp: env('PUBLIC_IP', 'ENABLED'),\n      subnets: ['{{ tfstate `aws_subnet.public['a'].id` }}'],\n    },\n  },\n  pendingCount: 0,\n  platformFamily: '',\n  runningCount: 0,\n  schedulingStrategy: 'REPLICA',\n}\n"
	espressoState   = `{"version": 4, "outputs": {}, "resources": [{"mode": "managed", "type": "aws_subnet", "name": "public", "instances": [{"index_key": "a", "attributes": {"id": %q}}]}]}`
)

func TestWhatEcspressoDeploysIsDeployedFromTheSameFiles(t *testing.T) {
	t.Parallel()
	w := newTeam(t, images)
	cloud := ecs.NewFromConfig(w.config())
	if _, err := cloud.CreateCluster(t.Context(), &ecs.CreateClusterInput{ClusterName: aws.String("main")}); err != nil {
		t.Fatal(err)
	}
	w.write("ecspresso.yml", espressoFile)
	w.write("ecs-task-def.json", espressoTask)
	w.write("ecs-service-def.jsonnet", strings.ReplaceAll(espressoService, "['a']", "[\\'a\\']"))
	w.write("terraform.tfstate", fmt.Sprintf(espressoState, w.subnets()[0]))
	step := func(env []string, code int, says []string, args ...string) {
		t.Helper()
		out, talk, got := w.slipway(env, args...)
		if got != code {
			t.Fatalf("%v: exit code %d, want %d", args, got, code)
		}
		for _, s := range says {
			if !strings.Contains(out+talk, s) {
				t.Errorf("%v: does not say %q", args, s)
			}
		}
	}
	v1, v2 := []string{"IMAGE=web:v1"}, []string{"IMAGE=web:v2"}
	step(v1, 2, []string{"slipway init --from ecspresso.yml"}, "deploy")
	step(nil, 0, []string{"wrote slipway.yaml"}, "init", "--from", "ecspresso.yml")
	step(nil, 2, []string{"ecs-task-def.json:7:16", "IMAGE is not set"}, "deploy")
	step(v1, 0, []string{"created service web", "succeeded"}, "deploy")
	step(v1, 0, []string{"service web is as wanted"}, "diff", "--exit-code")
	step(v2, 5, []string{"containerDefinitions[web].image: web:v1 → web:v2"}, "diff", "--exit-code")
	step(v2, 0, []string{"succeeded"}, "deploy")
	step(nil, 0, []string{"web:2"}, "status")
	step(nil, 0, []string{"succeeded: service web runs web:1"}, "rollback")
	if got := runs(t, cloud); got != "web:1" {
		t.Errorf("the service runs %s, want web:1", got)
	}
}
