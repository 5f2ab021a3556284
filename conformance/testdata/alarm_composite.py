"""An error rate by metric math, a composite alarm over it, and a rolling deployment that this fails."""

# speed: 30
import datetime
import json

from lib import *

need("ecs", "list_service_deployments")
aws.ecs.create_cluster(clusterName="c")
b = Balancer()
b.tg = b.group()
b.listener(forward(b.tg))


def counted(id, name):
    return {"Id": id, "ReturnData": False, "MetricStat": {"Metric": {"Namespace": "AWS/ApplicationELB", "MetricName": name, "Dimensions": [b.dimension]}, "Period": 60, "Stat": "Sum"}}


rate = [
    counted("m5xx", "HTTPCode_Target_5XX_Count"), counted("requests", "RequestCount"),
    {"Id": "rate", "Expression": "100*m5xx/requests", "Label": "error rate", "ReturnData": True},
]
aws.cloudwatch.put_metric_alarm(AlarmName="rate", Metrics=rate, EvaluationPeriods=1, Threshold=20.0, ComparisonOperator="GreaterThanThreshold", TreatMissingData="notBreaching")
aws.cloudwatch.put_metric_alarm(
    AlarmName="paused", Namespace="Shop", MetricName="Paused", Statistic="Sum", Period=60, EvaluationPeriods=1, Threshold=0.0,
    ComparisonOperator="GreaterThanThreshold", TreatMissingData="notBreaching",
)
refused("ValidationError", "nobody", aws.cloudwatch.put_composite_alarm, AlarmName="x", AlarmRule="ALARM(nobody)")
aws.cloudwatch.put_composite_alarm(AlarmName="bad", AlarmRule="ALARM(rate) AND NOT ALARM(paused)", AlarmDescription="errors, and nobody paused us")

only = aws.cloudwatch.describe_alarms(AlarmTypes=["CompositeAlarm"])
equal(([a["AlarmName"] for a in only["CompositeAlarms"]], only["MetricAlarms"]), (["bad"], []), "composite alarms")
usual = aws.cloudwatch.describe_alarms()
equal((sorted(a["AlarmName"] for a in usual["MetricAlarms"]), usual.get("CompositeAlarms", [])), (["paused", "rate"], []), "without types there are metric alarms alone")
down = aws.cloudwatch.describe_alarms(ChildrenOfAlarmName="bad", AlarmTypes=["MetricAlarm", "CompositeAlarm"])
equal(sorted(a["AlarmName"] for a in down["MetricAlarms"]), ["paused", "rate"], "children")
up = aws.cloudwatch.describe_alarms(ParentsOfAlarmName="rate", AlarmTypes=["MetricAlarm", "CompositeAlarm"])
equal([a["AlarmName"] for a in up["CompositeAlarms"]], ["bad"], "parents")


def bad():
    return aws.cloudwatch.describe_alarms(AlarmNames=["bad"], AlarmTypes=["CompositeAlarm"])["CompositeAlarms"][0]


until("the new rule is evaluated", lambda: bad()["StateValue"] == "OK")
aws.cloudwatch.set_alarm_state(AlarmName="rate", StateValue="ALARM", StateReason="by hand")
a = bad()  # at once
equal(a["StateValue"], "ALARM", "state in the next call")
holds("rate transitioned to ALARM at ", a["StateReason"], "reason")
equal(json.loads(a["StateReasonData"])["triggeringAlarms"][0]["state"]["value"], "ALARM", "reason data")
aws.cloudwatch.set_alarm_state(AlarmName="rate", StateValue="OK", StateReason="by hand")
equal(bad()["StateValue"], "OK", "state in the call after the way back")

create(define("web:v1"), group=b.tg, config={"alarms": {"alarmNames": ["bad"], "enable": True, "rollback": True}})
old = primary(steady())
with Traffic(b.address, rate=80) as t:
    until("v1 answers", lambda: t.count("v1") > 20)
    new = primary(aws.ecs.update_service(cluster="c", service="web", taskDefinition=define("web:faulty"))["service"])
    d = until("the rollback has ended", lambda: (d := service_deployment()) and d["status"] == "ROLLBACK_SUCCESSFUL" and d, 90)
equal(primary(steady(patience=60))["taskDefinition"], old["taskDefinition"], "definition after the rollback")
equal((d["alarms"]["status"], d["alarms"]["alarmNames"], d["alarms"]["triggeredAlarmNames"]), ("TRIGGERED", ["bad"], ["bad"]), "alarms of the deployment")
holds("CloudWatch alarm(s) bad went into ALARM", d["rollback"]["reason"], "reason")
holds(f"(service web) (deployment {new['id']}) deployment failed: alarm detected.", " ".join(messages(service())), "events")
equal([f for f in t.failed if f[0] != "faulty"], [], "failed requests that the faulty version did not answer itself")

now = datetime.datetime.now(datetime.timezone.utc)
out = aws.cloudwatch.get_metric_data(MetricDataQueries=rate, StartTime=now - datetime.timedelta(hours=2), EndTime=now + datetime.timedelta(hours=2))["MetricDataResults"]
equal([(r["Id"], r["Label"], r["StatusCode"]) for r in out], [("rate", "error rate", "Complete")], "results")
assert 20 < max(out[0]["Values"]) <= 100, out
equal(len(out[0]["Values"]), len(out[0]["Timestamps"]), "values and times")
moves = [h["HistorySummary"] for h in aws.cloudwatch.describe_alarm_history(AlarmName="bad", AlarmTypes=["CompositeAlarm"], HistoryItemType="StateUpdate", ScanBy="TimestampAscending")["AlarmHistoryItems"]]
equal(moves[:4], ["Alarm updated from INSUFFICIENT_DATA to OK", "Alarm updated from OK to ALARM", "Alarm updated from ALARM to OK", "Alarm updated from OK to ALARM"], "history")
