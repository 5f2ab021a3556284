"""The calls of ecspresso's verbs, in its order: an update that sends back all that was described and then one of the tasks, rollback, verify, run."""

# speed: 60
from lib import *

aws.ecs.create_cluster(clusterName="c")
aws.iam.create_role(RoleName="exec", AssumeRolePolicyDocument='{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": "ecs-tasks.amazonaws.com"}, "Action": "sts:AssumeRole"}]}')
role = "arn:aws:iam::123456789012:role/exec"
described = dict(cluster="c", services=["web"], include=["TAGS"])
equal(aws.ecs.describe_services(**described)["services"], [], "a service that is not there")
nothing = {k: [] for k in ("placementConstraints", "placementStrategy", "serviceRegistries", "loadBalancers")}
logged = {"logConfiguration": {"logDriver": "awslogs", "options": {"awslogs-group": "web", "awslogs-region": "us-east-1", "awslogs-stream-prefix": "web", "awslogs-create-group": "true"}}}
first = define("web:v1", command=["sleep", "600"], container=logged, executionRoleArn=role)
create(first, desired=1, enableExecuteCommand=True, enableECSManagedTags=True, propagateTags="SERVICE", platformVersion="1.4.0", schedulingStrategy="REPLICA", tags=[{"key": "env", "value": "a"}], **nothing)
aws.ecs.get_waiter("services_stable").wait(cluster="c", services=["web"], WaiterConfig={"Delay": 1, "MaxAttempts": 120})

# init
s = aws.ecs.describe_services(**described)["services"][0]
equal(s["tags"], [{"key": "env", "value": "a"}], "tags where they are asked for")
equal(aws.ecs.list_tags_for_resource(resourceArn=s["serviceArn"])["tags"], s["tags"], "tags of the service")
assert aws.ecs.describe_task_definition(taskDefinition=s["taskDefinition"], include=["TAGS"])["tags"] == []

# verify
equal(aws.ecs.describe_clusters(clusters=["c"])["clusters"][0]["status"], "ACTIVE", "cluster")
equal(aws.iam.get_role(RoleName="exec")["Role"]["AssumeRolePolicyDocument"]["Statement"][0]["Principal"]["Service"], "ecs-tasks.amazonaws.com", "who may assume the role")
assert aws.sts.assume_role(RoleArn=role, RoleSessionName="ecspresso-verifier")["Credentials"]["SessionToken"]
aws.logs.create_log_stream(logGroupName="web", logStreamName="test-verify/web/1")
aws.logs.put_log_events(logGroupName="web", logStreamName="test-verify/web/1", logEvents=[{"message": "verify", "timestamp": int(time.time() * 1000)}])

# deploy: the attributes with the definition, tags, then the tasks; that is one deployment
before = len(aws.ecs.list_service_deployments(cluster="c", service="web")["serviceDeployments"])
second = define("web:v1", command=["sleep", "601"], container=logged, executionRoleArn=role)
sent = ("deploymentConfiguration desiredCount enableECSManagedTags enableExecuteCommand healthCheckGracePeriodSeconds loadBalancers networkConfiguration"
        " placementConstraints placementStrategy platformVersion propagateTags serviceRegistries availabilityZoneRebalancing").split()
aws.ecs.update_service(cluster="c", service="web", taskDefinition=second, forceNewDeployment=False, **{k: s[k] for k in sent if k in s})
aws.ecs.tag_resource(resourceArn=s["serviceArn"], tags=[{"key": "env", "value": "b"}])
aws.ecs.untag_resource(resourceArn=s["serviceArn"], tagKeys=["none"])
aws.ecs.update_service(cluster="c", service="web", taskDefinition=second, desiredCount=1, forceNewDeployment=False)
aws.ecs.get_waiter("services_stable").wait(cluster="c", services=["web"], WaiterConfig={"Delay": 1, "MaxAttempts": 120})
equal(len(aws.ecs.list_service_deployments(cluster="c", service="web")["serviceDeployments"]) - before, 1, "deployments of one deploy")
equal(service()["taskDefinition"], second, "what is deployed")

# rollback: the definition before the one that runs, then that one goes
arns = aws.ecs.list_task_definitions(familyPrefix="web", maxResults=100, sort="DESC")["taskDefinitionArns"]
equal(arns, [second, first], "newest first")
aws.ecs.update_service(cluster="c", service="web", taskDefinition=first, desiredCount=1, forceNewDeployment=False)
aws.ecs.get_waiter("services_stable").wait(cluster="c", services=["web"], WaiterConfig={"Delay": 1, "MaxAttempts": 120})
equal(aws.ecs.deregister_task_definition(taskDefinition=second)["taskDefinition"]["status"], "INACTIVE", "the one rolled back from")

# run and tasks, with the service's network
ran = aws.ecs.run_task(
    cluster="c", taskDefinition=first, count=1, launchType="FARGATE", networkConfiguration=s["networkConfiguration"], enableECSManagedTags=True,
    propagateTags="TASK_DEFINITION", overrides={"containerOverrides": [{"name": "web", "command": ["sh", "-c", "echo ran"]}]})["tasks"][0]["taskArn"]
aws.ecs.get_waiter("tasks_stopped").wait(cluster="c", tasks=[ran], WaiterConfig={"Delay": 1, "MaxAttempts": 120})
k = aws.ecs.describe_tasks(cluster="c", tasks=[ran])["tasks"][0]
equal(k["containers"][0]["exitCode"], 0, "exit code")
until("its log is there", lambda: [e["message"] for e in aws.logs.get_log_events(logGroupName="web", logStreamName="web/web/" + ran.split("/")[-1], startTime=0)["events"]] == ["ran"])
assert ran not in {k["taskArn"] for k in tasks(serviceName="web")}
