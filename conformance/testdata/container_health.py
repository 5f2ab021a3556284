"""Container health checks: HEALTHY is what completes a deployment, UNHEALTHY replaces a task."""

# speed: 40
from lib import *

aws.ecs.create_cluster(clusterName="c")
def checked(test):
    return define("app", command=["/bin/sh", "-c", "exec sleep 1000"], container={"healthCheck": {"command": ["CMD-SHELL", test], "interval": 5, "timeout": 2, "retries": 2}})

create(checked("exit 0"), desired=1, breaker=BREAKER)
steady()
equal([(k["healthStatus"], k["containers"][0]["healthStatus"]) for k in tasks()], [("HEALTHY", "HEALTHY")], "health of the task")
old = primary(service())
new = primary(aws.ecs.update_service(cluster="c", service="web", taskDefinition=checked("exit 1"))["service"])
until("the breaker has tripped", lambda: any(f"(deployment {new['id']}) deployment failed: tasks failed to start." in m for m in messages(service())), 60)
s = steady()
equal(s["taskDefinition"], old["taskDefinition"], "definition after the rollback")
sick = [k for k in tasks(status="STOPPED") if k["startedBy"] == new["id"]]
assert len(sick) >= 3, sick
holds("Task failed container health checks", {k["stoppedReason"] for k in sick}, "reasons")

# a task alone is never stopped for its health
k = aws.ecs.run_task(cluster="c", taskDefinition=checked("exit 1"), launchType="FARGATE", networkConfiguration=net())["tasks"][0]
k = until("it is unhealthy", lambda: (k := aws.ecs.describe_tasks(cluster="c", tasks=[k0])["tasks"][0])["healthStatus"] == "UNHEALTHY" and k) if (k0 := k["taskArn"]) else None
equal((k["lastStatus"], k["desiredStatus"]), ("RUNNING", "RUNNING"), "it runs on")
