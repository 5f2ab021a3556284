"""A crashing version without breaker: it is tried for ever, the old one serves on, and a new update ends it."""

# speed: 40
from lib import *

b = stack(desired=2)
old = primary(service())
bad = define(image="app", command=["/bin/sh", "-c", "exit 1"], container={"portMappings": [{"containerPort": 8080}]})
with Traffic(b.address) as t:
    new = primary(aws.ecs.update_service(cluster="c", service="web", taskDefinition=bad)["service"])
    until("more launches than any breaker allows", lambda: len([k for k in tasks(status="STOPPED") if k["startedBy"] == new["id"]]) > 4)
    s = service()
    equal(primary(s)["id"], new["id"], "PRIMARY")
    equal(primary(s)["rolloutState"], "IN_PROGRESS", "rollout state")
    assert primary(s)["failedTasks"] >= 3, f"failedTasks {primary(s)['failedTasks']}"
    kept = next(d for d in s["deployments"] if d["id"] == old["id"])
    equal((kept["status"], kept["runningCount"]), ("ACTIVE", 2), "the old deployment")
    aws.ecs.update_service(cluster="c", service="web", taskDefinition=define("web:v2"))
    s = steady()
equal(t.failed, [], "failed requests")
assert t.count("v2") and t.count("v1"), t.seen
if hasattr(aws.ecs, "list_service_deployments"):
    equal((service_deployment(index=0)["status"], service_deployment(index=1)["status"]), ("SUCCESSFUL", "STOPPED"), "service deployments, newest first")
