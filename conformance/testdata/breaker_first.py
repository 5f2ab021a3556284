"""A first deployment that fails has nothing to roll back to."""

# speed: 40
from lib import *

need("ecs", "list_service_deployments")
aws.ecs.create_cluster(clusterName="c")
s = create(define("app", command=["/bin/sh", "-c", "exit 7"]), desired=1, breaker=BREAKER)
d = until("the service deployment has ended", lambda: (x := aws.ecs.list_service_deployments(service="web", cluster="c")["serviceDeployments"])
          and x[0]["status"] not in ("PENDING", "IN_PROGRESS", "ROLLBACK_REQUESTED", "ROLLBACK_IN_PROGRESS") and x[0])
equal(d["status"], "ROLLBACK_FAILED", "status")
holds("No rollback candidate was found to run the rollback.", d["statusReason"], "reason")
until("its last launches have ended", lambda: not tasks())
n = len(tasks(status="STOPPED"))
assert 3 <= n <= 4, f"{n} launches"
s = service()
equal((len(s["deployments"]), primary(s)["rolloutState"], s["runningCount"]), (1, "FAILED", 0), "the service")
for k in tasks(status="STOPPED"):
    equal(k["containers"][0].get("exitCode"), 7, "exit code")
