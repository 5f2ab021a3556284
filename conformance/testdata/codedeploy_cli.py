"""`aws ecs deploy`: the AWS CLI's own way to deploy by CodeDeploy. `aws deploy` is in codedeploy_example.sh."""

# speed: 60
import json
import os
import subprocess

from lib import *

os.environ["AWS_ENDPOINT_URL"] = ENDPOINT  # `aws ecs deploy` does not hand --endpoint-url on to CodeDeploy


def cli(*args):
    done = subprocess.run(["aws", "--output", "text", *args], capture_output=True, text=True)
    assert done.returncode == 0, f"aws {args}: {done.stdout}{done.stderr}"
    return done.stdout.strip()


aws.ecs.create_cluster(clusterName="c")
b = Balancer()
blue, green = b.group("blue"), b.group("green")
production = b.listener(forward(blue))
create(define("web:v1"), group=blue, desired=1, deploymentController={"type": "CODE_DEPLOY"})
until("the first task set is steady", lambda: service()["taskSets"][0]["stabilityStatus"] == "STEADY_STATE")
cd = aws.codedeploy
cd.create_application(applicationName="AppECS-c-web", computePlatform="ECS")
cd.create_deployment_group(
    applicationName="AppECS-c-web", deploymentGroupName="DgpECS-c-web", serviceRoleArn="arn:aws:iam::123456789012:role/codedeploy",
    deploymentStyle={"deploymentType": "BLUE_GREEN", "deploymentOption": "WITH_TRAFFIC_CONTROL"}, ecsServices=[{"clusterName": "c", "serviceName": "web"}],
    loadBalancerInfo={"targetGroupPairInfoList": [{"targetGroups": [{"name": "blue"}, {"name": "green"}], "prodTrafficRoute": {"listenerArns": [production]}}]},
    blueGreenDeploymentConfiguration={"terminateBlueInstancesOnDeploymentSuccess": {"action": "TERMINATE", "terminationWaitTimeInMinutes": 0}})

with open("definition.json", "w") as f:
    json.dump({"family": "web", "networkMode": "awsvpc", "requiresCompatibilities": ["FARGATE"], "cpu": "256", "memory": "512",
               "containerDefinitions": [{"name": "web", "image": "web:v2", "stopTimeout": 2, "portMappings": [{"containerPort": 8080}]}]}, f)
with open("appspec.json", "w") as f:
    json.dump({"version": 0.0, "resources": [{"target": {"type": "AWS::ECS::Service", "properties": {
        "taskDefinition": "filled in by the CLI", "loadBalancerInfo": {"containerName": "web", "containerPort": 8080}}}}]}, f)
said = cli("ecs", "deploy", "--cluster", "c", "--service", "web", "--task-definition", "definition.json", "--codedeploy-appspec", "appspec.json")
holds("Successfully deployed", said, "what aws ecs deploy says")
equal(get(b.address)[1]["X-Sample-Version"], "v2", "what answers after aws ecs deploy")
