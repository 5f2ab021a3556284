"""An alarm over the script's own metric fires during the bake: the deployment rolls back."""

# speed: 30
from lib import *

need("ecs", "list_service_deployments")
aws.cloudwatch.put_metric_alarm(
    AlarmName="bad", Namespace="Shop", MetricName="Errors", Statistic="Sum", Period=60, EvaluationPeriods=1, Threshold=5.0,
    ComparisonOperator="GreaterThanThreshold", TreatMissingData="notBreaching",
)
b = stack(desired=2, config={"alarms": {"alarmNames": ["bad"], "enable": True, "rollback": True}})
aws.ecs.update_service(cluster="c", service="web", deploymentConfiguration={"bakeTimeInMinutes": 30})
old = primary(service())
with Traffic(b.address) as t:
    new = primary(aws.ecs.update_service(cluster="c", service="web", taskDefinition=define("web:v2"))["service"])
    def baking():
        s = service()
        return primary(s)["runningCount"] == 2 and s["runningCount"] == 2 and s
    s = until("v2 runs alone and bakes", baking)
    equal(primary(s)["rolloutState"], "IN_PROGRESS", "state during the bake")
    equal(len(s["deployments"]), 2, "deployments during the bake: the empty old one stays")
    aws.cloudwatch.put_metric_data(Namespace="Shop", MetricData=[{"MetricName": "Errors", "Value": 9}])
    until("the alarm is in ALARM", lambda: aws.cloudwatch.describe_alarms(AlarmNames=["bad"])["MetricAlarms"][0]["StateValue"] == "ALARM")
    until("v1 is back alone", lambda: [d["taskDefinition"] for d in service()["deployments"]] == [old["taskDefinition"]])
    s = service()
equal(t.failed, [], "failed requests")
d = until("the rollback has ended", lambda: (d := service_deployment()) and d["status"] == "ROLLBACK_SUCCESSFUL" and d, 60)
holds("Service deployment rolled back because", d["rollback"]["reason"], "reason")
equal((d["alarms"]["status"], d["alarms"]["alarmNames"], d["alarms"]["triggeredAlarmNames"]), ("TRIGGERED", ["bad"], ["bad"]), "alarms")
holds(f"(service web) (deployment {new['id']}) deployment failed: alarm detected.", " ".join(messages(service())), "events")
equal(aws.cloudwatch.describe_alarm_history(AlarmName="bad", HistoryItemType="StateUpdate")["AlarmHistoryItems"][0]["AlarmName"], "bad", "history")
