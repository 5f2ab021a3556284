"""Scaling up, down and to nothing is no deployment; bounds and targets follow."""

# speed: 40
from lib import *

b = stack(desired=1)
first = primary(service())["id"]

def scale(n):
    s = aws.ecs.update_service(cluster="c", service="web", desiredCount=n)["service"]
    equal((s["desiredCount"], primary(s)["id"]), (n, first), "answer")
    s = until(f"{n} tasks run", lambda: (s := service())["runningCount"] == n and s["pendingCount"] == 0 and s)
    equal((len(s["deployments"]), primary(s)["desiredCount"]), (1, n), "deployments")
    until(f"{n} targets", lambda: health(b.tg) == ({"healthy": n} if n else {}))

scale(3)
running = {k["taskArn"] for k in tasks()}
equal(get(b.address)[0], 200, "answer")
with Traffic(b.address) as t:
    scale(2)
equal(t.failed, [], "failed requests while scaling in")
gone = [k for k in tasks(status="STOPPED") if k["taskArn"] in running]
equal(len(gone), 1, "tasks stopped")
equal(gone[0]["stopCode"], "ServiceSchedulerInitiated", "stop code")
equal(gone[0]["stoppedReason"], f"Scaling activity initiated by (deployment {first})", "reason")
scale(0)
equal(get(b.address)[0], 503, "answer of no targets")
refused("InvalidParameterException", "", aws.ecs.update_service, cluster="c", service="web", desiredCount=-1)
aws.ecs.update_service(cluster="c", service="web", desiredCount=1)
until("its target is healthy", lambda: health(b.tg) == {"healthy": 1})
equal(get(b.address)[0], 200, "answer after scaling from zero")
