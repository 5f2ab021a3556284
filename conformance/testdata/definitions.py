"""Task definitions: revisions, defaults, a round trip, INACTIVE, deletion, refusals."""

from lib import *

ecs = aws.ecs
body = dict(
    family="shop", networkMode="awsvpc", requiresCompatibilities=["FARGATE"], cpu="256", memory="512", executionRoleArn="arn:aws:iam::123456789012:role/exec",
    containerDefinitions=[
        {"name": "web", "image": "web:v1", "essential": True, "portMappings": [{"containerPort": 8080, "protocol": "tcp"}], "environment": [{"name": "A", "value": "1"}],
         "healthCheck": {"command": ["CMD-SHELL", "true"], "interval": 10}, "dependsOn": [{"containerName": "side", "condition": "START"}], "ulimits": [{"name": "nofile", "softLimit": 10, "hardLimit": 20}],
         "dockerLabels": {"Some.Label": "kept As it is"}, "logConfiguration": {"logDriver": "awslogs", "options": {"awslogs-group": "/g", "awslogs-region": "us-east-1", "awslogs-stream-prefix": "p"}}},
        {"name": "side", "image": "side", "essential": False, "stopTimeout": 3},
    ],
)
d = ecs.register_task_definition(**body)["taskDefinition"]
equal((d["revision"], d["status"], d["taskDefinitionArn"]), (1, "ACTIVE", "arn:aws:ecs:us-east-1:123456789012:task-definition/shop:1"), "first revision")
web = d["containerDefinitions"][0]
equal(web["portMappings"], [{"containerPort": 8080, "hostPort": 8080, "protocol": "tcp"}], "ports")
equal(web["dockerLabels"], {"Some.Label": "kept As it is"}, "labels")
assert {"EC2", "FARGATE"} <= set(d["compatibilities"]), d["compatibilities"]
assert d["registeredAt"] and d["registeredBy"].startswith("arn:aws:"), d

# what describe gives can be registered again
got = ecs.describe_task_definition(taskDefinition="shop")["taskDefinition"]
for k in ("taskDefinitionArn", "revision", "status", "requiresAttributes", "compatibilities", "registeredAt", "registeredBy", "deregisteredAt"):
    got.pop(k, None)
again = ecs.register_task_definition(**got)["taskDefinition"]
equal(again["revision"], 2, "second revision")
now = ecs.describe_task_definition(taskDefinition="shop:2")["taskDefinition"]
for k in got:
    equal(now[k], got[k], k)

equal(ecs.deregister_task_definition(taskDefinition="shop:2")["taskDefinition"]["status"], "INACTIVE", "deregistered")
equal(ecs.describe_task_definition(taskDefinition="shop")["taskDefinition"]["revision"], 1, "the family means its newest active revision")
equal([a.split("/")[1] for a in ecs.list_task_definitions(familyPrefix="shop")["taskDefinitionArns"]], ["shop:1"], "active")
equal([a.split("/")[1] for a in ecs.list_task_definitions(familyPrefix="shop", status="INACTIVE")["taskDefinitionArns"]], ["shop:2"], "inactive")
ecs.create_cluster(clusterName="c")
refused("InvalidParameterException", "TaskDefinition is inactive", ecs.run_task, cluster="c", taskDefinition="shop:2", launchType="FARGATE", networkConfiguration=net())
equal(ecs.delete_task_definitions(taskDefinitions=["shop:2"])["taskDefinitions"][0]["status"], "DELETE_IN_PROGRESS", "deleted")
assert ecs.delete_task_definitions(taskDefinitions=["shop:1"])["failures"], "an active revision is not deleted"
equal(ecs.register_task_definition(**body)["taskDefinition"]["revision"], 3, "numbers are never used again")
refused("ClientException", "", ecs.register_task_definition, **{**body, "cpu": "300"})
refused("ClientException", "", ecs.register_task_definition, **{**body, "containerDefinitions": [body["containerDefinitions"][1]]})
