"""A weighted rule at 90/10, 75/25, 50/50 and 0/100: the shares of 1,000 requests each are as stated."""

# speed: 40
import concurrent.futures

from lib import *

aws.ecs.create_cluster(clusterName="c")
b = Balancer()
blue, green = b.group("blue"), b.group("green")
b.listener({"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "404"}})
rule = aws.elbv2.create_rule(
    ListenerArn=b.listener_arn, Priority=1, Conditions=[{"Field": "path-pattern", "Values": ["/*"]}], Actions=[weighted((blue, 100), (green, 0))]
)["Rules"][0]["RuleArn"]
for name, group, image in (("blue", blue, "web:v1"), ("green", green, "web:v2")):
    create(define(image, family=name), name=name, desired=1, group=group)
for name in ("blue", "green"):
    steady(name)
until("weight 0 is health-checked too", lambda: health(green) == {"healthy": 1} and health(blue) == {"healthy": 1})

def measure(n):
    """Versions that answered n requests over kept-alive connections."""
    host, port = b.address.rsplit(":", 1)
    def some(k):
        c, seen = http.client.HTTPConnection(host, int(port), timeout=10), collections.Counter()
        for _ in range(k):
            c.request("GET", "/")
            r = c.getresponse()
            r.read()
            assert r.status == 200, r.status
            seen[r.headers["X-Sample-Version"]] += 1
        c.close()
        return seen
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        return sum(pool.map(some, [n // 4] * 4), collections.Counter())

equal(measure(200), {"v1": 200}, "all on blue")
for share in (10, 25, 50, 100):
    aws.elbv2.modify_rule(RuleArn=rule, Actions=[weighted((blue, 100 - share), (green, share))])
    seen = measure(1000)
    got = seen["v2"] / 10
    assert abs(got - share) <= 5 or share == 100 and got == 100, f"{share} % asked, {got} % seen"
    if share == 100:
        equal(seen, {"v2": 1000}, "all on green")
    shown = aws.elbv2.describe_rules(RuleArns=[rule])["Rules"][0]["Actions"][0]["ForwardConfig"]["TargetGroups"]
    equal([(g["TargetGroupArn"], g["Weight"]) for g in shown], [(blue, 100 - share), (green, share)], "weights as described")

# under load, traffic moves back without a failed request
with Traffic(b.address, rate=100) as t:
    until("v2 answers", lambda: t.count("v2") > 20)
    aws.elbv2.modify_rule(RuleArn=rule, Actions=[weighted((blue, 100), (green, 0))])
    until("v1 answers", lambda: t.count("v1") > 50)
equal(t.failed, [], "failed requests")
refused("ValidationError", "", aws.elbv2.modify_rule, RuleArn=rule, Actions=[weighted((blue, -1), (green, 1))])
refused("ResourceInUse", "", aws.elbv2.delete_target_group, TargetGroupArn=green)
