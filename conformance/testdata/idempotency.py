"""CreateService twice: with the same token the same service, otherwise refused; names can come back."""

# speed: 40
from lib import *

aws.ecs.create_cluster(clusterName="c")
equal(aws.ecs.create_cluster(clusterName="c")["cluster"]["status"], "ACTIVE", "a cluster made twice")
d = define("app", command=["/bin/sh", "-c", "exec sleep 1000"])
a = create(d, desired=1, clientToken="t1")
b = create(d, desired=1, clientToken="t1")
equal((b["serviceArn"], primary(b)["id"]), (a["serviceArn"], primary(a)["id"]), "the same service")
refused("InvalidParameterException", "Creation of service was not idempotent.", create, d, desired=1, clientToken="t2")
refused("InvalidParameterException", "Creation of service was not idempotent.", create, d, desired=2, clientToken="t1")
s = steady()
equal(len(tasks()), 1, "tasks")
equal(s["serviceArn"], "arn:aws:ecs:us-east-1:123456789012:service/c/web", "ARN with its cluster")
equal(aws.ecs.describe_services(cluster=s["clusterArn"], services=[s["serviceArn"]])["services"][0]["serviceName"], "web", "found by ARNs")
equal(messages(s)[-1], "(service web) has reached a steady state.", "newest event")
