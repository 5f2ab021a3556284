"""Deleting a service: refused above zero, forced, DRAINING then INACTIVE, and the name is free again."""

# speed: 40
from lib import *

b = stack(desired=2)
refused("InvalidParameterException", "The service cannot be stopped while it is scaled above 0.", aws.ecs.delete_service, cluster="c", service="web")
with Traffic(b.address) as t:
    until("it answers", lambda: t.count("v1") > 5)
    s = aws.ecs.delete_service(cluster="c", service="web", force=True)["service"]
    equal((s["status"], s["desiredCount"]), ("DRAINING", 0), "answer")
    equal(aws.ecs.list_services(cluster="c")["serviceArns"], [], "a draining service is not listed")
    refused("ServiceNotActiveException", "Service was not ACTIVE.", aws.ecs.update_service, cluster="c", service="web", desiredCount=1)
until("it is INACTIVE", lambda: service()["status"] == "INACTIVE")
equal(tasks(), [], "tasks left")
equal({status for _, status in t.seen} - {200, 503}, set(), "statuses while it ended")
until("no target is left", lambda: not health(b.tg))

s = create(define("web:v2"), desired=1, group=b.tg)
equal((s["status"], len(s["deployments"]), len(s["events"])), ("ACTIVE", 1, 0), "a new service of the same name starts afresh")
steady()
equal(get(b.address)[1]["X-Sample-Version"], "v2", "version")
aws.ecs.update_service(cluster="c", service="web", desiredCount=0)
until("it has no tasks", lambda: (s := service())["runningCount"] + s["pendingCount"] == 0)
holds(aws.ecs.delete_service(cluster="c", service="web")["service"]["status"], ("DRAINING", "INACTIVE"), "deleted without force")
refused("ServiceNotFoundException", "", aws.ecs.delete_service, cluster="c", service="never")
until("it is INACTIVE", lambda: service()["status"] == "INACTIVE")
equal(aws.ecs.delete_cluster(cluster="c")["cluster"]["status"], "INACTIVE", "the cluster")
