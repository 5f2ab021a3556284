"""v1 to v2 behind an ALB: every request is answered, counts keep their bounds, events tell the story."""

# speed: 30
from lib import *

b = stack(desired=3)
before = service()
old = primary(before)
equal(health(b.tg), {"healthy": 3}, "targets of v1")
v2 = define("web:v2")

with Traffic(b.address) as t:
    until("v1 answers", lambda: t.count("v1") > 10)
    s = aws.ecs.update_service(cluster="c", service="web", taskDefinition=v2)["service"]

    # the answer of the update
    new = primary(s)
    assert new["id"] != old["id"], "an update to another definition starts a deployment"
    equal((new["desiredCount"], new["runningCount"], new["rolloutState"]), (0, 0, "IN_PROGRESS"), "the new deployment begins with nothing")
    equal(new["rolloutStateReason"], f"ECS deployment {new['id']} in progress.", "its reason")
    equal(s["taskDefinition"], v2, "the service names the new definition before any task of it runs")
    kept = next(d for d in s["deployments"] if d["id"] == old["id"])
    equal((kept["status"], kept["rolloutState"], kept["runningCount"]), ("ACTIVE", "COMPLETED", 3), "the old deployment meanwhile")

    # while it goes on: never below 3 running, never above 6 in all
    def done():
        s = service()
        live = sum(d["runningCount"] + d["pendingCount"] for d in s["deployments"])
        assert s["runningCount"] >= 3, f"{s['runningCount']} running, the lower bound is 3"
        assert live <= 6, f"{live} live, the upper bound is 6"
        return len(s["deployments"]) == 1
    until("one deployment is left", done)
    s = steady()
    # However fast it went: the first old one was told to stop when the new ones ran.
    stops = sorted(k["stoppingAt"] for k in tasks(status="STOPPED") if k["startedBy"] == old["id"])
    starts = sorted(k["startedAt"] for k in tasks() if k["startedBy"] == new["id"])
    assert len(starts) == 3 and starts[0] <= stops[0], f"both versions ran side by side: started at {starts}, stopped at {stops}"
    until("v2 answers", lambda: t.count("v2") > 10)

equal(t.failed, [], "failed requests")
equal(primary(s)["id"], new["id"], "the deployment's id stays")
equal(primary(s)["rolloutStateReason"], f"ECS deployment {new['id']} completed.", "reason at the end")
until("three healthy targets", lambda: health(b.tg).get("healthy") == 3)
for k in tasks():
    equal(k["startedBy"], new["id"], "startedBy")
    equal(k["group"], "service:web", "group")
    equal(k["taskDefinitionArn"], v2, "definition")
    equal(k["lastStatus"], "RUNNING", "lastStatus")

# events, in their order
known = {e["id"] for e in before["events"]}
steady_event = "(service web) has reached a steady state."
told = until("steady state is told", lambda: (m := [e["message"] for e in service()["events"][::-1] if e["id"] not in known])[-1] == steady_event and m)
def at(part):
    found = [i for i, m in enumerate(told) if part in m]
    assert found, f"no event with {part!r} in {told}"
    return found[0]
assert at("(service web) has started ") < at(" targets in (target-group ") < at("(service web) has stopped ") < at("draining connections on"), told
assert at("draining connections on") < at(f"(service web) (deployment {new['id']}) deployment completed.") < at("(service web) has reached a steady state."), told
holds(f"(service web, taskSet {old['id']}) has begun draining connections on", " ".join(told), "draining names the old deployment")

# the same definition again, without force, deploys nothing
again = aws.ecs.update_service(cluster="c", service="web", taskDefinition=v2)["service"]
equal(primary(again)["id"], new["id"], "the same revision without force starts no deployment")
