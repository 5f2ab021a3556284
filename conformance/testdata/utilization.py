"""What tasks use comes back as CloudWatch metrics of their service, a sample of each task each minute."""

# speed: 30
import datetime

from lib import *

aws.ecs.create_cluster(clusterName="c")
create(define(family="busy", command=["/bin/sh", "-c", "while :; do :; done"]), name="busy", desired=1)
create(define(family="idle", command=["/bin/sh", "-c", "exec sleep 1000"]), name="idle", desired=2)
steady("busy")
steady("idle")

def points(metric, name):
    now = datetime.datetime.now(datetime.timezone.utc)
    found = aws.cloudwatch.get_metric_statistics(
        Namespace="AWS/ECS", MetricName=metric, Dimensions=[{"Name": "ClusterName", "Value": "c"}, {"Name": "ServiceName", "Value": name}], Period=60,
        Statistics=["Average", "SampleCount", "Maximum"], StartTime=now - datetime.timedelta(hours=1), EndTime=now + datetime.timedelta(hours=1))["Datapoints"]
    return sorted(found, key=lambda p: p["Timestamp"])

if os.uname().sysname != "Linux":
    skip("only Linux tells what processes use")
busy = until("two minutes of the busy task", lambda: len(p := points("CPUUtilization", "busy")) >= 2 and p)
idle = until("a minute of both idle tasks", lambda: len(p := points("CPUUtilization", "idle")) >= 2 and p[-1]["SampleCount"] == 2 and p)
# Of a quarter of a CPU, which nothing holds the process to; the machine may be busy with others.
assert busy[-1]["Average"] > 20, busy
assert idle[-1]["Average"] < busy[-1]["Average"] / 2, (idle, busy)
equal({p["Unit"] for p in busy + idle}, {"Percent"}, "unit")
equal({p["SampleCount"] for p in busy}, {1.0}, "samples a minute of one task")
memory = points("MemoryUtilization", "idle")[-1]
assert 0 < memory["Average"] < 50, memory
listed = aws.cloudwatch.list_metrics(Namespace="AWS/ECS", MetricName="CPUUtilization")["Metrics"]
equal(sorted(d["Value"] for m in listed for d in m["Dimensions"]), ["busy", "c", "c", "idle"], "metrics listed")
aws.cloudwatch.put_metric_alarm(
    AlarmName="hot", Namespace="AWS/ECS", MetricName="CPUUtilization", Dimensions=[{"Name": "ClusterName", "Value": "c"}, {"Name": "ServiceName", "Value": "busy"}],
    Statistic="Average", Period=60, EvaluationPeriods=1, Threshold=10.0, ComparisonOperator="GreaterThanThreshold",
)
until("the alarm fires", lambda: aws.cloudwatch.describe_alarms(AlarmNames=["hot"])["MetricAlarms"][0]["StateValue"] == "ALARM")
