"""Stickiness: a client stays with its target, and with its group when weights change."""

# speed: 40
from lib import *

aws.ecs.create_cluster(clusterName="c")
b = Balancer()
blue, green = b.group("blue"), b.group("green")
both = lambda x, y: {"Type": "forward", "ForwardConfig": {"TargetGroups": [{"TargetGroupArn": blue, "Weight": x}, {"TargetGroupArn": green, "Weight": y}],
                                                           "TargetGroupStickinessConfig": {"Enabled": True, "DurationSeconds": 3600}}}
b.listener(both(100, 0))
for name, group, image in (("blue", blue, "web:v1"), ("green", green, "web:v2")):
    create(define(image, family=name), name=name, desired=1, group=group)
until("both are healthy", lambda: health(blue) == health(green) == {"healthy": 1})
status, headers, _ = get(b.address)
equal((status, headers["X-Sample-Version"]), (200, "v1"), "answer")
cookies = {c.split(";")[0].split("=")[0]: c.split(";")[0] for c in headers.get_all("Set-Cookie")}
equal(sorted(cookies), ["AWSALBTG", "AWSALBTGCORS"], "cookies")
aws.elbv2.modify_listener(ListenerArn=b.listener_arn, DefaultActions=[both(1, 99)])
for _ in range(20):
    equal(get(b.address, headers={"Cookie": cookies["AWSALBTG"]})[1]["X-Sample-Version"], "v1", "a client with the cookie")
seen = collections.Counter(get(b.address)[1]["X-Sample-Version"] for _ in range(50))
assert seen["v2"] >= 40, f"clients without it: {seen}"
