"""CloudWatch over the protocol boto3 chooses: data put and read, metrics listed, alarms evaluated and set."""

# speed: 30
import datetime

from lib import *

cw = aws.cloudwatch
now = datetime.datetime.now(datetime.timezone.utc)
dims = [{"Name": "Service", "Value": "web"}]
cw.put_metric_data(Namespace="Shop", MetricData=[{"MetricName": "Latency", "Dimensions": dims, "Value": v, "Unit": "Milliseconds"} for v in (10, 20, 60)])
cw.put_metric_data(Namespace="Shop", MetricData=[{"MetricName": "Latency", "Dimensions": dims, "Unit": "Milliseconds",
                                                  "StatisticValues": {"SampleCount": 2, "Sum": 30, "Minimum": 10, "Maximum": 20}}])
window = dict(StartTime=now - datetime.timedelta(hours=1), EndTime=now + datetime.timedelta(minutes=5))

def points():
    found = cw.get_metric_statistics(Namespace="Shop", MetricName="Latency", Dimensions=dims, Period=3600 * 2, Statistics=["Sum", "Average", "Maximum", "Minimum", "SampleCount"],
                                     **{**window, "StartTime": now - datetime.timedelta(hours=4)})["Datapoints"]
    return found if sum(p["SampleCount"] for p in found) == 5 else None

found = until("five samples", points)
equal(sum(p["Sum"] for p in found), 120.0, "sum")
equal((max(p["Maximum"] for p in found), min(p["Minimum"] for p in found)), (60.0, 10.0), "bounds")
equal({p["Unit"] for p in found}, {"Milliseconds"}, "unit")
out = cw.get_metric_data(MetricDataQueries=[{"Id": "m1", "MetricStat": {"Metric": {"Namespace": "Shop", "MetricName": "Latency", "Dimensions": dims}, "Period": 60, "Stat": "Sum"}}], **window)
equal((out["MetricDataResults"][0]["Id"], out["MetricDataResults"][0]["StatusCode"], sum(out["MetricDataResults"][0]["Values"])), ("m1", "Complete", 120.0), "GetMetricData")
listed = until("the metric is listed", lambda: cw.list_metrics(Namespace="Shop")["Metrics"])
equal(listed, [{"Namespace": "Shop", "MetricName": "Latency", "Dimensions": dims}], "metrics")

# alarms
spec = dict(Namespace="Shop", MetricName="Latency", Dimensions=dims, Statistic="Maximum", Period=60, EvaluationPeriods=3, DatapointsToAlarm=1,
            Threshold=50.0, ComparisonOperator="GreaterThanThreshold")
cw.put_metric_alarm(AlarmName="slow", AlarmActions=[], Tags=[{"Key": "team", "Value": "shop"}], **spec)
def alarm(name):
    return cw.describe_alarms(AlarmNames=[name])["MetricAlarms"][0]
def slow():
    """The alarm once it is in ALARM; six seconds of the wall are all that it looks back, so there is a sample each time."""
    cw.put_metric_data(Namespace="Shop", MetricData=[{"MetricName": "Latency", "Dimensions": dims, "Value": 60, "Unit": "Milliseconds"}])
    return (a := alarm("slow"))["StateValue"] == "ALARM" and a
a = until("slow is in ALARM", slow)
holds("Threshold Crossed", a["StateReason"], "reason")
equal((a["Period"], a["Threshold"], a["Statistic"], a["ActionsEnabled"]), (60, 50.0, "Maximum", True), "alarm as described")
equal(cw.list_tags_for_resource(ResourceARN=a["AlarmArn"])["Tags"], [{"Key": "team", "Value": "shop"}], "tags")

cw.put_metric_alarm(AlarmName="idle", **{**spec, "MetricName": "None"})
equal(alarm("idle")["StateValue"], "INSUFFICIENT_DATA", "an alarm without data")
cw.set_alarm_state(AlarmName="idle", StateValue="ALARM", StateReason="because")
equal(alarm("idle")["StateReason"], "because", "reason of a state set by hand")
history = until("history tells of it", lambda: cw.describe_alarm_history(AlarmName="idle", HistoryItemType="StateUpdate")["AlarmHistoryItems"])
holds("ALARM", history[0]["HistorySummary"], "history")
equal([x["AlarmName"] for x in cw.describe_alarms(AlarmNamePrefix="i")["MetricAlarms"]], ["idle"], "alarms by prefix")
refused("ResourceNotFound", "", cw.set_alarm_state, AlarmName="none", StateValue="OK", StateReason="x")
cw.delete_alarms(AlarmNames=["idle", "slow"])
equal(cw.describe_alarms()["MetricAlarms"], [], "alarms left")
