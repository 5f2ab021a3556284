"""DAEMON services and draining: one task on each instance, and none where it drains."""

# speed: 60
# instances: 2
from lib import *

ecs = aws.ecs
ecs.create_cluster(clusterName="c")
DAEMON = dict(cluster="c", serviceName="agent", launchType="EC2", schedulingStrategy="DAEMON")
made = ecs.create_service(taskDefinition=bridge(family="agent", ports=[(9100, 9100)]), **DAEMON)["service"]
equal((made["schedulingStrategy"], made["desiredCount"]), ("DAEMON", 2), "created")
equal([made["deploymentConfiguration"][k] for k in ("minimumHealthyPercent", "maximumPercent")], [0, 100], "percents")
refused("InvalidParameterException", "", ecs.create_service, taskDefinition=define(), **{**DAEMON, "serviceName": "f", "launchType": "FARGATE"})
refused("InvalidParameterException", "", ecs.create_service, taskDefinition="agent", **{**DAEMON, "serviceName": "f"}, deploymentConfiguration={"maximumPercent": 200})


def where(name):
    return collections.Counter(k["containerInstanceArn"] for k in tasks(serviceName=name))


arns = ecs.list_container_instances(cluster="c")["containerInstanceArns"]
steady("agent")
equal(where("agent"), {a: 1 for a in arns}, "one on each")
ecs.update_service(cluster="c", service="agent", taskDefinition=bridge(family="agent", ports=[(9100, 9100)]))
until("it is replaced", lambda: service_deployment("agent")["status"] == "SUCCESSFUL")
third = ecs.register_container_instance(cluster="c")["containerInstance"]["containerInstanceArn"]
until("one on the new instance", lambda: where("agent") == {a: 1 for a in arns + [third]} and service("agent")["desiredCount"] == 3)

create(bridge(), desired=6, **ON_EC2)
steady()
least = 6
ecs.update_container_instances_state(cluster="c", containerInstances=[arns[0]], status="DRAINING")


def moved():
    global least
    least = min(least, service()["runningCount"])
    return arns[0] not in where("web") and arns[0] not in where("agent")


until("its tasks are elsewhere", moved)
equal((least, service("agent")["desiredCount"]), (6, 2), "running while they moved, and daemons wanted")
until("it is empty", lambda: ecs.describe_container_instances(cluster="c", containerInstances=[arns[0]])["containerInstances"][0]["runningTasksCount"] == 0)
equal(sum(where("web").values()), 6, "tasks")
ecs.deregister_container_instance(cluster="c", containerInstance=arns[0])
gone = where("web")[third]
ecs.deregister_container_instance(cluster="c", containerInstance=third, force=True)
until("what was on the forced one is elsewhere", lambda: where("web") == {arns[1]: 6} and where("agent") == {arns[1]: 1})
reasons = [k["stoppedReason"] for k in tasks(status="STOPPED") if k.get("containerInstanceArn") == third]
equal(reasons.count("Container instance deregistration forced by user."), gone + 1, f"reasons in {reasons}")
