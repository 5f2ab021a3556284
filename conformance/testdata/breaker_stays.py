"""The breaker without rollback: the failed deployment stays PRIMARY, launches nothing more, and the old one serves."""

# speed: 40
from lib import *

aws.ecs.create_cluster(clusterName="c")
sleeper = ["/bin/sh", "-c", "exec sleep 1000"]
create(define("app", command=sleeper), breaker={"enable": True, "rollback": False})
old = primary(steady())
new = primary(aws.ecs.update_service(cluster="c", service="web", taskDefinition=define("app", command=["/bin/sh", "-c", "exit 1"]))["service"])

def failed():
    d = primary(service())
    return d["rolloutState"] == "FAILED" and d

d = until("the deployment has failed", failed)
equal(d["id"], new["id"], "the failed deployment stays PRIMARY")
equal(d["rolloutStateReason"], "ECS deployment circuit breaker: tasks failed to start.", "reason")
until("its last launches have ended", lambda: not [k for k in tasks() if k["startedBy"] == new["id"]])
s = service()
kept = next(x for x in s["deployments"] if x["id"] == old["id"])
equal((kept["status"], kept["runningCount"]), ("ACTIVE", 2), "the old deployment")
equal(len(s["deployments"]), 2, "deployments")
launched = len([k for k in tasks(status="STOPPED") if k["startedBy"] == new["id"]])
assert 3 <= launched <= 6, f"{launched} launches"
if hasattr(aws.ecs, "list_service_deployments"):
    equal(until("it has stopped", lambda: (d := service_deployment()) and d["status"] == "STOPPED" and d)["deploymentCircuitBreaker"]["status"], "TRIGGERED", "breaker")

# only a new update gets out
aws.ecs.update_service(cluster="c", service="web", taskDefinition=define("app", command=sleeper))
s = steady()
equal(len([k for k in tasks(status="STOPPED") if k["startedBy"] == new["id"]]), launched, "launches of the failed deployment since")
