"""Capacity providers: base and weight, an interruption on Spot, and those of Auto Scaling groups."""

# speed: 60
# instances: 1
import urllib.parse
import urllib.request

from lib import *

ecs = aws.ecs
ecs.create_cluster(clusterName="c", capacityProviders=["FARGATE", "FARGATE_SPOT"], defaultCapacityProviderStrategy=[{"capacityProvider": "FARGATE", "weight": 1, "base": 0}])
mixed = [{"capacityProvider": "FARGATE", "base": 1, "weight": 1}, {"capacityProvider": "FARGATE_SPOT", "weight": 3}]
args = dict(cluster="c", serviceName="web", taskDefinition=define("app", command=["/bin/sh", "-c", "exec sleep 1000"]), desiredCount=5, networkConfiguration=net())
ecs.create_service(capacityProviderStrategy=mixed, **args)
s = steady()
equal((s.get("launchType"), len(s["capacityProviderStrategy"])), (None, 2), "by a strategy, so without a launch type")
on = lambda: collections.Counter(k["capacityProviderName"] for k in tasks(serviceName="web"))
equal(on(), {"FARGATE": 2, "FARGATE_SPOT": 3}, "tasks by provider")


def interrupt(task):
    request = urllib.request.Request(ENDPOINT + "/_slipway/interrupt?" + urllib.parse.urlencode({"task": task}), b"", method="POST")
    try:
        return urllib.request.urlopen(request).status
    except urllib.error.HTTPError as e:
        return e.code


by = {k["capacityProviderName"]: k["taskArn"] for k in tasks(serviceName="web")}
equal((interrupt(by["FARGATE"]), interrupt("none"), interrupt(by["FARGATE_SPOT"])), (409, 404, 204), "interrupted")
one = lambda: ecs.describe_tasks(cluster="c", tasks=[by["FARGATE_SPOT"]])["tasks"][0]
equal((one()["desiredStatus"], one()["stopCode"], one()["stoppedReason"]), ("STOPPED", "SpotInterruption", "Your Spot Task was interrupted."), "at once")
until("it has ended", lambda: one()["lastStatus"] == "STOPPED")
equal(one()["containers"][0]["exitCode"], 143, "it was asked to end")
until("it is replaced", lambda: on() == {"FARGATE": 2, "FARGATE_SPOT": 3} and service()["runningCount"] == 5)
equal(primary(service())["failedTasks"], 0, "failed tasks")
refused("ResourceInUseException", "", ecs.put_cluster_capacity_providers, cluster="c", capacityProviders=["FARGATE"], defaultCapacityProviderStrategy=[])

asg = "arn:aws:autoscaling:us-east-1:123456789012:autoScalingGroup:1:autoScalingGroupName/fleet"
made = ecs.create_capacity_provider(name="fleet", autoScalingGroupProvider={"autoScalingGroupArn": asg}, tags=[{"key": "a", "value": "b"}])["capacityProvider"]
equal((made["status"], made["autoScalingGroupProvider"]["autoScalingGroupArn"], made["autoScalingGroupProvider"]["managedScaling"]["status"]), ("ACTIVE", asg, "DISABLED"), "made")
ecs.update_capacity_provider(name="fleet", autoScalingGroupProvider={"managedScaling": {"targetCapacity": 70}})
seen = ecs.describe_capacity_providers(capacityProviders=["fleet", "nothing"], include=["TAGS"])
equal((seen["capacityProviders"][0]["autoScalingGroupProvider"]["managedScaling"]["targetCapacity"], seen["failures"][0]["reason"]), (70, "MISSING"), "described")
ecs.put_cluster_capacity_providers(cluster="c", capacityProviders=["FARGATE", "FARGATE_SPOT", "fleet"], defaultCapacityProviderStrategy=[{"capacityProvider": "fleet", "weight": 1}])
ran = ecs.run_task(cluster="c", taskDefinition=bridge(family="job"))["tasks"][0]
equal((ran["capacityProviderName"], ran["launchType"]), ("fleet", "EC2"), "by the default strategy")
holds("container-instance/c/", ran["containerInstanceArn"], "its instance")
refused("InvalidParameterException", "", ecs.run_task, cluster="c", taskDefinition="job", capacityProviderStrategy=[{"capacityProvider": "fleet", "weight": 1}, {"capacityProvider": "FARGATE", "weight": 1}])
refused("ClientException", "", ecs.delete_capacity_provider, capacityProvider="fleet")
ecs.stop_task(cluster="c", task=ran["taskArn"])
until("it has ended", lambda: ecs.describe_tasks(cluster="c", tasks=[ran["taskArn"]])["tasks"][0]["lastStatus"] == "STOPPED")
ecs.put_cluster_capacity_providers(cluster="c", capacityProviders=["FARGATE", "FARGATE_SPOT"], defaultCapacityProviderStrategy=[])
equal(ecs.delete_capacity_provider(capacityProvider="fleet")["capacityProvider"]["updateStatus"], "DELETE_IN_PROGRESS", "deleted")
