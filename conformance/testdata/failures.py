"""What is missing is in failures[] with status 200, and what is wrong is refused in AWS's words."""

# speed: 40
from lib import *

ecs = aws.ecs
refused("ClusterNotFoundException", "Cluster not found.", ecs.describe_services, services=["a"])
equal(ecs.describe_clusters(clusters=["none"])["failures"][0]["reason"], "MISSING", "a cluster")
ecs.create_cluster(clusterName="c")
out = ecs.describe_services(cluster="c", services=["a", "b"])
equal((out["services"], [(f["arn"].split("/")[-1], f["reason"]) for f in out["failures"]]), ([], [("a", "MISSING"), ("b", "MISSING")]), "services")
ghost = "0123456789abcdef0123456789abcdef"
out = ecs.describe_tasks(cluster="c", tasks=[ghost])
equal((out["tasks"], out["failures"][0]["reason"]), ([], "MISSING"), "tasks")
refused("InvalidParameterException", "", ecs.describe_tasks, cluster="c", tasks=[])
refused("InvalidParameterException", "The referenced task was not found.", ecs.stop_task, cluster="c", task=ghost)
refused("ClientException", "Unable to describe task definition.", ecs.describe_task_definition, taskDefinition="none:1")
refused("ServiceNotFoundException", "Service not found.", ecs.update_service, cluster="c", service="none", desiredCount=1)
for call, args in (
    (ecs.list_task_definitions, {"status": "GONE"}), (ecs.list_task_definition_families, {"status": "GONE"}), (ecs.list_tasks, {"cluster": "c", "desiredStatus": "DEAD"}),
    (ecs.list_tasks, {"cluster": "c", "launchType": "MOON"}), (ecs.list_services, {"cluster": "c", "schedulingStrategy": "ONCE"}),
    (ecs.list_container_instances, {"cluster": "c", "status": "GONE"}),
):
    refused("InvalidParameterException", list(args.values())[-1], call, **args)
vpc = {"Name": "web", "Protocol": "HTTP", "Port": 80, "TargetType": "ip", "VpcId": "vpc-0123456789abcdef0"}
refused("ValidationError", "The VPC ID 'vpc-0123456789abcdef0' is not found", aws.elbv2.create_target_group, **vpc)

d = define("web:v1")
refused("InvalidParameterException", "", create, d, desired=-1)
refused("InvalidParameterException", "", create, d, lo=100, hi=100)
refused("InvalidParameterException", "", create, d, name="not a name")
refused("ClientException", "", create, "none:7")
refused("ClusterNotFoundException", "Cluster not found.", create, d, cluster="none")
refused("InvalidParameterException", "", ecs.create_service, cluster="c", serviceName="x", taskDefinition=d, desiredCount=1, launchType="FARGATE")
refused("InvalidParameterException", "", create, d, loadBalancers=[{"targetGroupArn": "arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/none/0123456789abcdef", "containerName": "web", "containerPort": 8080}])
create(d, desired=0)
refused("InvalidParameterException", "Creation of service was not idempotent.", create, d, desired=0)
refused("InvalidParameterException", "", ecs.run_task, cluster="c", taskDefinition=d, launchType="FARGATE", networkConfiguration=net(), count=11)
refused("InvalidParameterException", "", ecs.run_task, cluster="c", taskDefinition=d, launchType="FARGATE")
refused("ClientException", "", ecs.register_task_definition, family="x", containerDefinitions=[])
refused("ClusterContainsServicesException", "", ecs.delete_cluster, cluster="c")
if hasattr(ecs, "describe_service_deployments"):
    gone = "arn:aws:ecs:us-east-1:123456789012:service-deployment/c/web/0123456789abcdefghijk"
    equal(ecs.describe_service_deployments(serviceDeploymentArns=[gone])["failures"][0]["reason"], "MISSING", "a service deployment")
    refused("ServiceDeploymentNotFoundException", "", ecs.stop_service_deployment, serviceDeploymentArn=gone)
