"""A version that fails its load balancer health checks rolls back without one failed request."""

# speed: 30
from lib import *

b = stack(desired=2, breaker=BREAKER)
old = primary(service())
with Traffic(b.address) as t:
    new = primary(aws.ecs.update_service(cluster="c", service="web", taskDefinition=define("web:sick"), healthCheckGracePeriodSeconds=60)["service"])
    until("a target of the new version is unhealthy", lambda: health(b.tg)["unhealthy"] > 0)
    until("the new version is gone", lambda: new["id"] not in [d["id"] for d in service()["deployments"]], 60)
    s = steady()
equal(t.failed, [], "failed requests")
equal({v for v, _ in t.seen}, {"v1"}, "versions that answered")
equal(s["taskDefinition"], old["taskDefinition"], "definition")
told = " ".join(messages(s))
holds("(port 8080) is unhealthy in (target-group " + b.tg + ") due to (reason Health checks failed with these codes: [503])", told, "events")
holds(f"(deployment {new['id']}) deployment failed: tasks failed to start.", told, "events")
sick = [k for k in tasks(status="STOPPED") if k["startedBy"] == new["id"]]
reasons = {k["stoppedReason"] for k in sick}
assert f"Task failed ELB health checks in (target-group {b.tg})" in reasons, reasons
equal({k["stopCode"] for k in sick}, {"ServiceSchedulerInitiated"}, "stop codes")
until("targets of v1 alone", lambda: health(b.tg) == {"healthy": 2})
