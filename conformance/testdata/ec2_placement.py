"""Placement: strategies and constraints, what runs out, and the events and failures that tell of it."""

# speed: 60
# instances: 3
import json
import urllib.request

from lib import *

ecs = aws.ecs
ecs.create_cluster(clusterName="c")
arns = ecs.list_container_instances(cluster="c")["containerInstanceArns"]
equal(len(arns), 3, "instances of a new cluster")
found = ecs.describe_container_instances(cluster="c", containerInstances=arns)["containerInstances"]
zone = {x["containerInstanceArn"]: next(a["value"] for a in x["attributes"] if a["name"] == "ecs.availability-zone") for x in found}
equal(sorted(zone.values()), ["us-east-1a", "us-east-1b", "us-east-1c"], "their zones")
for x in found:
    equal([r["integerValue"] for r in x["registeredResources"][:2]], [2048, 1888], "CPU and memory of a t3.small")


def spread(name):
    count = collections.Counter(k["containerInstanceArn"] for k in tasks(serviceName=name))
    return sorted(count.values(), reverse=True)


small = bridge()
wants = {
    "zones": ({}, [2, 2, 2]),
    "packed": ({"placementStrategy": [{"type": "binpack", "field": "memory"}]}, [6]),
    "member": ({"placementConstraints": [{"type": "memberOf", "expression": "attribute:ecs.availability-zone =~ us-east-1[ab]"}]}, [3, 3]),
    "single": ({"placementConstraints": [{"type": "distinctInstance"}]}, [1, 1, 1]),
}
for name, (more, _) in wants.items():
    create(small, name=name, desired=6, **ON_EC2, **more)
for name, (_, want) in wants.items():
    until(f"{name} is spread as {want}", lambda: spread(name) == want)
UNABLE = "(service {}) was unable to place a task because no container instance met all of its requirements."
until("it is told of", lambda: any(m.startswith(UNABLE.format("single")) and 'encountered error "DistinctInstance placement constraint unsatisfied."' in m for m in messages(service("single"))))
for name in wants:
    ecs.delete_service(cluster="c", service=name, force=True)


def unused(x):
    """Says whether nothing is placed on the instance: a task gives its room back when it is STOPPED, later than it stops being counted."""
    return x["remainingResources"] == x["registeredResources"]


until("all tasks have given their room back", lambda: all(unused(x) for x in ecs.describe_container_instances(cluster="c", containerInstances=arns)["containerInstances"]))

# 10 tasks of which 9 fit: three on each instance.
bridge(cpu=600)
out = ecs.run_task(cluster="c", taskDefinition="web", count=10)
equal((len(out["tasks"]), [f["reason"] for f in out["failures"]]), (9, ["RESOURCE:CPU"]), "run")
holds(out["failures"][0]["arn"], arns, "the closest instance")
for k in out["tasks"]:
    ecs.stop_task(cluster="c", task=k["taskArn"])
for reason, more in {
    "RESOURCE:MEMORY": {"memory": 1900}, "RESOURCE:PORTS": {"ports": [(80, 22)]},
    "RESOURCE:GPU": {"container": {"resourceRequirements": [{"type": "GPU", "value": "1"}]}},
    "MemberOf placement constraint unsatisfied.": {"placementConstraints": [{"type": "memberOf", "expression": "attribute:stack == prod"}]},
}.items():
    bridge(**{"cpu": 0, **more})
    equal([f["reason"] for f in ecs.run_task(cluster="c", taskDefinition="web")["failures"]], [reason], "run")
refused("InvalidParameterException", "", ecs.run_task, cluster="c", taskDefinition=small, placementConstraints=[{"type": "memberOf", "expression": "stack is prod"}])
refused("InvalidParameterException", "Placement constraints are not supported with FARGATE launch type.", create, define(), placementConstraints=[{"type": "distinctInstance"}])

# A fixed host port: three tasks, a rolling update has no room beside them at 100/200, and the breaker
# takes it back; at 0/100 it goes through.
first = bridge(ports=[(80, 8080)])
create(first, desired=3, breaker=BREAKER, **ON_EC2)
steady()
second = bridge(ports=[(80, 8080)])
ecs.update_service(cluster="c", service="web", taskDefinition=second)
until("it is rolled back", lambda: service_deployment()["status"] == "ROLLBACK_SUCCESSFUL")
s = steady()
equal(s["taskDefinition"], first, "after the rollback")
port = [m for m in messages(s) if m.startswith(UNABLE.format("web") + " The closest matching container-instance ")]
equal(len(port), 1, f"events of the port in {messages(s)}")
holds("is already using a port required by your task.", port[0], "event")
ecs.update_service(cluster="c", service="web", taskDefinition=second, deploymentConfiguration={"minimumHealthyPercent": 0, "maximumPercent": 100})
until("it goes through", lambda: service_deployment()["status"] == "SUCCESSFUL")
equal(steady()["taskDefinition"], second, "after the second try")


def raw(operation, **body):
    """A call whose members this boto3 may not know."""
    request = urllib.request.Request(ENDPOINT, json.dumps(body).encode(), {
        "Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": "AmazonEC2ContainerServiceV20141113." + operation,
        "Authorization": "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/ecs/aws4_request, SignedHeaders=host, Signature=00"})
    try:
        return json.load(urllib.request.urlopen(request))
    except urllib.error.HTTPError as e:
        return json.load(e)


# Early success: two of three are enough, and the old ones go afterwards.
criteria = {"enable": True, "healthyPercent": 60, "sourceServiceRevisionCleanup": "DEFERRED"}
bad = raw("UpdateService", cluster="c", service="web", deploymentConfiguration={"minimumHealthyPercent": 70, "maximumPercent": 200, "earlySuccessCriteria": criteria})
holds("InvalidParameterException", bad["__type"], "healthyPercent below the minimum")
third = bridge(ports=[(80, 0)])
set_to = raw("UpdateService", cluster="c", service="web", taskDefinition=third, deploymentConfiguration={"minimumHealthyPercent": 50, "maximumPercent": 200, "earlySuccessCriteria": criteria})
equal(set_to["service"]["deploymentConfiguration"]["earlySuccessCriteria"], criteria, "criteria")
until("it succeeds", lambda: service_deployment()["status"] == "SUCCESSFUL")
steady()
