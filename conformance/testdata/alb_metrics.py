"""What the balancer counts of its traffic comes back as CloudWatch metrics."""

# speed: 40
import datetime

from lib import *

b = stack(desired=2)
for _ in range(40):
    equal(get(b.address)[0], 200, "answer")
group = {"Name": "TargetGroup", "Value": b.tg.split(":")[-1]}

def sum_of(name, stat="Sum", *more):
    now = datetime.datetime.now(datetime.timezone.utc)
    found = aws.cloudwatch.get_metric_statistics(Namespace="AWS/ApplicationELB", MetricName=name, Dimensions=[b.dimension, *more], Period=60, Statistics=[stat],
                                                 StartTime=now - datetime.timedelta(minutes=30), EndTime=now + datetime.timedelta(minutes=2))["Datapoints"]
    return sum(p[stat] for p in found) if stat == "Sum" else max((p[stat] for p in found), default=0)

until("40 requests are counted", lambda: sum_of("RequestCount") == 40)
until("40 answers of targets", lambda: sum_of("HTTPCode_Target_2XX_Count") == 40)
until("40 of the group", lambda: sum_of("RequestCount", "Sum", group) == 40)
until("two healthy hosts", lambda: sum_of("HealthyHostCount", "Maximum", group) == 2)
assert 0 < until("latencies", lambda: sum_of("TargetResponseTime", "Average")) < 5, "seconds"
aws.ecs.update_service(cluster="c", service="web", desiredCount=0)
until("nobody answers", lambda: get(b.address)[0] == 503)
until("the balancer's own errors are counted", lambda: sum_of("HTTPCode_ELB_5XX_Count") >= 1)
holds("RequestCount", {m["MetricName"] for m in aws.cloudwatch.list_metrics(Namespace="AWS/ApplicationELB")["Metrics"]}, "metrics listed")
