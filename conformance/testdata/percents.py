"""Bounds: 50/100 stops before it starts, and a pair that leaves no room says so once."""

# speed: 40
from lib import *

aws.ecs.create_cluster(clusterName="c")
sleeper = lambda: define("app", command=["/bin/sh", "-c", "exec sleep 1000"])
create(sleeper(), desired=4, lo=50, hi=100)
steady()
old = primary(service())
new = primary(aws.ecs.update_service(cluster="c", service="web", taskDefinition=sleeper())["service"])

def done():
    s = service()
    live = sum(d["runningCount"] + d["pendingCount"] for d in s["deployments"])
    assert live <= 4, f"{live} live, the upper bound is 4"
    assert s["runningCount"] >= 2, f"{s['runningCount']} running, the lower bound is 2"
    return len(s["deployments"]) == 1

until("one deployment is left", done)
# However fast it went: two had been told to stop before the first new one was made.
stops = sorted(k["stoppingAt"] for k in tasks(status="STOPPED") if k["startedBy"] == old["id"])
starts = sorted(k["createdAt"] for k in tasks() if k["startedBy"] == new["id"])
assert len(stops) == 4 and stops[1] <= starts[0], f"stopped at {stops}, started at {starts}"
equal(primary(steady())["id"], new["id"], "deployment")

create(sleeper(), name="stuck", desired=1, lo=100, hi=150)
steady("stuck")
new = primary(aws.ecs.update_service(cluster="c", service="stuck", taskDefinition=sleeper())["service"])
message = "(service stuck) was unable to stop or start tasks during a deployment because of the service deployment configuration. Update the minimumHealthyPercent or maximumPercent value and try again."
until("it says that there is no room", lambda: message in messages(service("stuck")))
s = service("stuck")
equal((len(s["deployments"]), primary(s)["runningCount"], s["runningCount"]), (2, 0, 1), "nothing moved")
equal(messages(s).count(message), 1, "told once")
aws.ecs.update_service(cluster="c", service="stuck", deploymentConfiguration={"maximumPercent": 200})
equal(primary(steady("stuck"))["id"], new["id"], "with room the same deployment goes on")
equal(service("stuck")["deploymentConfiguration"]["minimumHealthyPercent"], 100, "members left out keep their value")
refused("InvalidParameterException", "", aws.ecs.update_service, cluster="c", service="stuck", deploymentConfiguration={"maximumPercent": 99})
