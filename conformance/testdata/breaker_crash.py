"""A version that exits at once, with the breaker: counted failures, FAILED, and the old version is back."""

# speed: 40
from lib import *

b = stack(desired=2, breaker=BREAKER)
old = primary(service())
bad = define(image="app", command=["/bin/sh", "-c", "exit 1"], container={"portMappings": [{"containerPort": 8080}]})

with Traffic(b.address) as t:
    new = primary(aws.ecs.update_service(cluster="c", service="web", taskDefinition=bad)["service"])
    seen = {}

    def back():
        s = service()
        for d in s["deployments"]:
            seen.setdefault(d["id"], set()).add((d["status"], d["rolloutState"], d["rolloutStateReason"].rstrip(".")))
        assert s["runningCount"] >= 2, f"running fell to {s['runningCount']}"
        return len(s["deployments"]) == 1 and s["deployments"][0]["id"] != new["id"]

    until("the old version is back alone", back)
    s = steady()

equal(t.failed, [], "failed requests")
equal({v for v, _ in t.seen}, {"v1"}, "versions that answered")
equal(s["taskDefinition"], old["taskDefinition"], "the service's definition")
failed = [x for x in seen[new["id"]] if x[1] == "FAILED"]
# It is gone once it is empty, which may be before anybody looks.
assert {x[2] for x in failed} <= {"ECS deployment circuit breaker: tasks failed to start"}, failed
equal(primary(s)["rolloutState"], "COMPLETED", "the rollback's state")
told = messages(s)
failure = f"(service web) (deployment {new['id']}) deployment failed: tasks failed to start."
rolling = f"(service web) rolling back to deployment {primary(s)['id']}."
assert told.index(failure) < told.index(rolling), told

stopped = [k for k in tasks(status="STOPPED") if k["startedBy"] == new["id"]]
assert 3 <= len(stopped) <= 6, f"{len(stopped)} launches of the crashing version"
crashed = [k for k in stopped if k["stopCode"] == "EssentialContainerExited"]
assert crashed, stopped
for k in crashed:
    equal((k["stoppedReason"], k["containers"][0]["exitCode"]), ("Essential container in task exited", 1), "a crashed task")

if hasattr(aws.ecs, "list_service_deployments"):
    d = until("the service deployment has ended", lambda: (d := service_deployment()) and d["status"] == "ROLLBACK_SUCCESSFUL" and d)
    holds("Service deployment rolled back because the circuit breaker threshold was exceeded", d["rollback"]["reason"] + d.get("statusReason", ""), "reason")
    equal((d["deploymentCircuitBreaker"]["status"], d["deploymentCircuitBreaker"]["failureCount"], d["deploymentCircuitBreaker"]["threshold"]), ("TRIGGERED", 3, 3), "breaker")
    assert d["targetServiceRevision"]["arn"].endswith(digits(new)), "the revision's id is the deployment's"
    assert d["rollback"]["serviceRevisionArn"].endswith(digits(old)), "the rollback goes to the old revision"
