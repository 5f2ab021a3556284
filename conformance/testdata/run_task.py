"""RunTask: partial answers, life and end of tasks, overrides, StopTask, tokens, dependencies."""

# speed: 40
from lib import *

ecs = aws.ecs
ecs.create_cluster(clusterName="c")
where = dict(cluster="c", launchType="FARGATE", networkConfiguration=net())

def look(arn):
    return ecs.describe_tasks(cluster="c", tasks=[arn])["tasks"][0]

def stopped(arn):
    return until("the task has stopped", lambda: (k := look(arn))["lastStatus"] == "STOPPED" and k)

def trapping(name, trap):
    """A definition whose program traps SIGTERM; it runs in a file's sight once the trap is set."""
    return define("app", family=name, command=["/bin/sh", "-c", f"trap '{trap}' TERM; touch '{os.path.abspath(name)}'; while :; do sleep 0.05; done"])

# a task that ends when asked
d = trapping("wait", "exit 9")
k = ecs.run_task(taskDefinition=d, startedBy="me", **where)["tasks"][0]
assert k["lastStatus"] in ("PROVISIONING", "PENDING") and k["desiredStatus"] == "RUNNING" and "exitCode" not in k["containers"][0], k
until("it runs", lambda: look(k["taskArn"])["lastStatus"] == "RUNNING" and os.path.exists("wait"))
equal(ecs.list_tasks(cluster="c", startedBy="me")["taskArns"], [k["taskArn"]], "tasks by startedBy")
s = ecs.stop_task(cluster="c", task=k["taskArn"], reason="enough")["task"]
equal((s["desiredStatus"], s["stopCode"], s["stoppedReason"]), ("STOPPED", "UserInitiated", "enough"), "answer of StopTask")
s = stopped(k["taskArn"])
equal((s["containers"][0]["exitCode"], s["stoppedReason"]), (9, "enough"), "a trapped SIGTERM")
times = [s[n] for n in ("createdAt", "pullStartedAt", "pullStoppedAt", "startedAt", "stoppingAt", "executionStoppedAt", "stoppedAt")]
equal(times, sorted(times), "times in order")
assert times[-1].timestamp() <= time.time() + 1, "no time lies in the future"

# one that does not: SIGKILL after stopTimeout
d = trapping("deaf", "")
k = ecs.run_task(taskDefinition=d, **where)["tasks"][0]
until("it runs", lambda: look(k["taskArn"])["lastStatus"] == "RUNNING" and os.path.exists("deaf"))
ecs.stop_task(cluster="c", task=k["taskArn"])
equal(stopped(k["taskArn"])["containers"][0]["exitCode"], 137, "exit code after SIGKILL")

# nothing of the host's AWS settings, and the task's own
d = define("app", family="env", command=["/bin/sh", "-c", 'test "$AWS_REGION" = us-east-1 && test -n "$ECS_CONTAINER_METADATA_URI_V4" && test "$AWS_ENDPOINT_URL" = "$WANT" && test -z "$AWS_PAGER$AWS_MAX_ATTEMPTS" && test "$GREETING" = hello'])
over = {"containerOverrides": [{"name": "web", "environment": [{"name": "GREETING", "value": "hello"}, {"name": "WANT", "value": ENDPOINT}]}]}
k = ecs.run_task(taskDefinition=d, overrides=over, **where)["tasks"][0]
s = stopped(k["taskArn"])
equal(s["containers"][0]["exitCode"], 0, "the environment")
equal(s["overrides"]["containerOverrides"], over["containerOverrides"], "overrides as described")
refused("InvalidParameterException", "", ecs.run_task, taskDefinition=d, overrides={"containerOverrides": [{"name": "none"}]}, **where)

# the same token gives the same tasks
a = ecs.run_task(taskDefinition=d, clientToken="once", count=2, **where)["tasks"]
b = ecs.run_task(taskDefinition=d, clientToken="once", count=2, **where)["tasks"]
equal(sorted(k["taskArn"] for k in b), sorted(k["taskArn"] for k in a), "tasks of one token")
refused("ConflictException", "", ecs.run_task, taskDefinition=d, clientToken="once", count=1, **where)

# a container that must succeed before the other starts, and one that is not essential
two = [
    {"name": "first", "image": "app", "essential": False, "command": ["/bin/sh", "-c", "exit 0"]},
    {"name": "then", "image": "app", "command": ["/bin/sh", "-c", "exit 5"], "dependsOn": [{"containerName": "first", "condition": "SUCCESS"}]},
]
d = define(family="two", containerDefinitions=two)
s = stopped(ecs.run_task(taskDefinition=d, **where)["tasks"][0]["taskArn"])
equal({c["name"]: c["exitCode"] for c in s["containers"]}, {"first": 0, "then": 5}, "exit codes")
