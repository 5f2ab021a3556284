"""A version that answers half its requests with 500 trips an alarm on the balancer's own metric."""

# speed: 30
from lib import *

aws.ecs.create_cluster(clusterName="c")
b = Balancer()
b.tg = b.group()
b.listener(forward(b.tg))
aws.cloudwatch.put_metric_alarm(
    AlarmName="web-5xx", Namespace="AWS/ApplicationELB", MetricName="HTTPCode_Target_5XX_Count", Dimensions=[b.dimension], Statistic="Sum", Period=60,
    EvaluationPeriods=1, Threshold=5.0, ComparisonOperator="GreaterThanOrEqualToThreshold", TreatMissingData="notBreaching",
)
alarms = {"alarms": {"alarmNames": ["web-5xx"], "enable": True, "rollback": True}}
create(define("web:v1"), group=b.tg, config=alarms)
old = primary(steady())
with Traffic(b.address, rate=80) as t:
    until("v1 answers", lambda: t.count("v1") > 20)
    new = primary(aws.ecs.update_service(cluster="c", service="web", taskDefinition=define("web:faulty"))["service"])
    until("the faulty version failed by its alarm",
          lambda: any(f"(deployment {new['id']}) deployment failed: alarm detected." in m for m in messages(service())), 60)
    s = steady(patience=60)
equal(s["taskDefinition"], old["taskDefinition"], "definition after the rollback")
assert t.count("faulty") > 10, t.seen
equal([f for f in t.failed if f[0] != "faulty"], [], "failed requests that the faulty version did not answer itself")
