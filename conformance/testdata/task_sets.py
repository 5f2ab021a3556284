"""A service of the EXTERNAL controller: task sets made, scaled, made primary and deleted, as pipelines of their own do it."""

# speed: 40
from lib import *

aws.ecs.create_cluster(clusterName="c")
b = Balancer()
blue, green = b.group("blue"), b.group("green")
b.listener(weighted((blue, 100), (green, 0)))
s = aws.ecs.create_service(cluster="c", serviceName="web", desiredCount=2, deploymentController={"type": "EXTERNAL"}, healthCheckGracePeriodSeconds=GRACE)["service"]
equal((s["deployments"], s["taskSets"], s.get("taskDefinition"), s["deploymentController"]), ([], [], None, {"type": "EXTERNAL"}), "a new service")


def task_set(definition, group, scale):
    return aws.ecs.create_task_set(
        cluster="c", service="web", taskDefinition=definition, launchType="FARGATE", networkConfiguration=net(), scale={"value": scale, "unit": "PERCENT"},
        externalId="build-7", loadBalancers=[{"targetGroupArn": group, "containerName": "web", "containerPort": 8080}],
    )["taskSet"]


def sets():
    return {k["id"]: k for k in aws.ecs.describe_task_sets(cluster="c", service="web")["taskSets"]}


def stable(k):
    return until(f"{k['id']} is steady", lambda: sets()[k["id"]]["stabilityStatus"] == "STEADY_STATE" and sets()[k["id"]])


one = task_set(define("web:v1"), blue, 100)
equal((one["status"], one["computedDesiredCount"], one["stabilityStatus"], one["scale"], one["externalId"]), ("ACTIVE", 2, "STABILIZING", {"value": 100.0, "unit": "PERCENT"}, "build-7"), "a new set")
equal(stable(one)["runningCount"], 2, "tasks of the first set")
aws.ecs.update_service_primary_task_set(cluster="c", service="web", primaryTaskSet=one["id"])
s = service()
equal((s["taskDefinition"], s["taskSets"][0]["status"], s["deployments"]), (one["taskDefinition"], "PRIMARY", []), "the service mirrors its primary set")
equal({k["startedBy"] for k in tasks()}, {one["id"]}, "startedBy of tasks")

two = task_set(define("web:v2"), green, 50)
stable(two)
equal(service()["runningCount"], 3, "tasks of both sets")
equal((health(blue), health(green)), ({"healthy": 2}, {"healthy": 1}), "each set is in its own group")
aws.ecs.update_task_set(cluster="c", service="web", taskSet=two["taskSetArn"], scale={"value": 100, "unit": "PERCENT"})
equal(stable(two)["runningCount"], 2, "tasks of the second set")
aws.elbv2.modify_listener(ListenerArn=b.listener_arn, DefaultActions=[weighted((blue, 0), (green, 100))])
aws.ecs.update_service_primary_task_set(cluster="c", service="web", primaryTaskSet=two["id"])
refused("InvalidParameterException", "scale", aws.ecs.delete_task_set, cluster="c", service="web", taskSet=one["id"])
gone = aws.ecs.delete_task_set(cluster="c", service="web", taskSet=one["id"], force=True)["taskSet"]
equal((gone["status"], gone["scale"]["value"]), ("DRAINING", 0.0), "a set being deleted")
until("the first set has vanished", lambda: set(sets()) == {two["id"]})
status, headers, _ = get(b.address)
equal((status, headers["X-Sample-Version"]), (200, "v2"), "what answers")

refused("InvalidParameterException", "task definition", aws.ecs.update_service, cluster="c", service="web", taskDefinition=one["taskDefinition"])
refused("TaskSetNotFoundException", "", aws.ecs.delete_task_set, cluster="c", service="web", taskSet=one["id"])
out = aws.ecs.describe_task_sets(cluster="c", service="web", taskSets=[one["id"]])
equal([f["reason"] for f in out["failures"]], ["MISSING"], "a set that is gone")
aws.ecs.tag_resource(resourceArn=two["taskSetArn"], tags=[{"key": "team", "value": "shop"}])
equal(aws.ecs.describe_task_sets(cluster="c", service="web", include=["TAGS"])["taskSets"][0]["tags"], [{"key": "team", "value": "shop"}], "tags of a set")
aws.ecs.delete_service(cluster="c", service="web", force=True)
until("the service is gone", lambda: service()["status"] == "INACTIVE")
