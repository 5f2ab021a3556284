"""StopServiceDeployment rolls back a deployment that was going well."""

# speed: 30
from lib import *

need("ecs", "stop_service_deployment")
b = stack(desired=2, config={"bakeTimeInMinutes": 0})
old = primary(service())
aws.ecs.update_service(cluster="c", service="web", deploymentConfiguration={"bakeTimeInMinutes": 60})
with Traffic(b.address) as t:
    new = primary(aws.ecs.update_service(cluster="c", service="web", taskDefinition=define("web:v2"))["service"])
    until("v2 answers alone", lambda: service()["runningCount"] == 2 and primary(service())["runningCount"] == 2)
    arn = until("the service deployment is there", lambda: (d := service_deployment()) and d["targetServiceRevision"]["arn"].endswith(digits(new)) and d)["serviceDeploymentArn"]
    equal(aws.ecs.stop_service_deployment(serviceDeploymentArn=arn, stopType="ROLLBACK")["serviceDeploymentArn"], arn, "answer")
    def status():
        return aws.ecs.describe_service_deployments(serviceDeploymentArns=[arn])["serviceDeployments"][0]
    holds(status()["status"], ("ROLLBACK_REQUESTED", "ROLLBACK_IN_PROGRESS"), "status")
    aws.ecs.stop_service_deployment(serviceDeploymentArn=arn)  # harmless
    until("v1 is back", lambda: [d["taskDefinition"] for d in service()["deployments"]] == [old["taskDefinition"]] and service()["runningCount"] == 2)
equal(t.failed, [], "failed requests")
holds("Service deployment rolled back because", status()["rollback"]["reason"], "reason")
