"""Two updates within a moment: the first deployment is STOPPED, the second goes through."""

# speed: 40
from lib import *

need("ecs", "list_service_deployments")
b = stack(desired=2)
with Traffic(b.address) as t:
    one = primary(aws.ecs.update_service(cluster="c", service="web", taskDefinition=define("web:sick"))["service"])
    two = primary(aws.ecs.update_service(cluster="c", service="web", taskDefinition=define("web:v2"))["service"])
    assert one["id"] != two["id"]
    s = steady()
    until("v2 answers", lambda: t.count("v2") > 5)
equal(t.failed, [], "failed requests")
equal(primary(s)["id"], two["id"], "deployment")
equal([service_deployment(index=i)["status"] for i in range(3)], ["SUCCESSFUL", "STOPPED", "SUCCESSFUL"], "service deployments, newest first")
last = service_deployment()
assert last["targetServiceRevision"]["arn"].endswith(digits(two)), last
revision = aws.ecs.describe_service_revisions(serviceRevisionArns=[last["targetServiceRevision"]["arn"]])["serviceRevisions"][0]
equal(revision["taskDefinition"], s["taskDefinition"], "the revision's definition")

# force-new-deployment replaces every task of the same definition
before = {k["taskArn"] for k in tasks()}
aws.ecs.update_service(cluster="c", service="web", forceNewDeployment=True)
s = steady()
equal(before & {k["taskArn"] for k in tasks()}, set(), "tasks that survived")
equal(len(aws.ecs.list_service_deployments(service="web", cluster="c", status=["SUCCESSFUL"])["serviceDeployments"]), 3, "successful ones")
