"""Canary and linear: measured shares at each step, an alarm that sends everything back by weight."""

# speed: 10
from lib import *

need("ecs", "continue_service_deployment")
b = shifting("CANARY", canaryConfiguration={"canaryPercent": 20.0, "canaryBakeTimeInMinutes": 2})
finished("SUCCESSFUL")


def shares(t, before, what, part, enough=150):
    """Waits for enough requests since before, and compares the part that a version answered."""
    until("requests", lambda: sum((t.seen - before).values()) >= enough)
    got = t.seen - before
    mine = sum(n for (v, _), n in got.items() if v == what) / sum(got.values())
    assert abs(mine - part) < 0.06, f"{what} answered {mine:.1%} of {dict(got)}, want {part:.0%}"


with Traffic(b.address, rate=120) as t:
    aws.ecs.update_service(cluster="c", service="web", taskDefinition=define("web:v2"))
    until("the canary has its share", lambda: weights(b.production) == {b.blue: 80, b.green: 20})
    equal(requested(service_deployment())["target"][1], 20.0, "requested weight")
    time.sleep(0.3)  # requests under way end
    shares(t, t.seen.copy(), "v2", 0.2)
    finished("SUCCESSFUL")
    equal(weights(b.production), {b.blue: 0, b.green: 100}, "production")
    steady()

    # a fraction of a percent has weights in parts of a thousand
    aws.ecs.update_service(cluster="c", service="web", taskDefinition=define("web:v3"), deploymentConfiguration={
        "canaryConfiguration": {"canaryPercent": 0.1}})
    until("the canary has its share", lambda: weights(b.production) == {b.blue: 1, b.green: 999})
    equal(requested(service_deployment())["target"][1], 0.1, "requested weight")
    aws.ecs.stop_service_deployment(serviceDeploymentArn=service_deployment()["serviceDeploymentArn"])
    finished("ROLLBACK_SUCCESSFUL")
    equal(weights(b.production), {b.blue: 0, b.green: 100}, "production")
    steady()

    # linear, in steps of 33: 33, 66, 99, 100; an alarm stops it
    aws.cloudwatch.put_metric_alarm(AlarmName="web-5xx", Namespace="N", MetricName="m", Statistic="Sum", Period=60, EvaluationPeriods=1, Threshold=1,
                                    ComparisonOperator="GreaterThanThreshold", TreatMissingData="notBreaching")
    s = aws.ecs.update_service(cluster="c", service="web", taskDefinition=define("web:v4"), deploymentConfiguration={
        "strategy": "LINEAR", "linearConfiguration": {"stepPercent": 33.0, "stepBakeTimeInMinutes": 1},
        "alarms": {"alarmNames": ["web-5xx"], "enable": True, "rollback": True}})["service"]
    assert "canaryConfiguration" not in s["deploymentConfiguration"], s["deploymentConfiguration"]
    for part in (33, 66):
        until(f"{part} %", lambda: weights(b.production) == {b.blue: part, b.green: 100 - part})
    aws.cloudwatch.set_alarm_state(AlarmName="web-5xx", StateValue="ALARM", StateReason="by hand")
    seen = []
    until("everything is back", lambda: seen.append(weights(b.production)) or seen[-1] == {b.blue: 0, b.green: 100})
    assert 33 not in [w[b.blue] for w in seen], f"it goes back at once, not by steps: {seen}"
    t.rests("v4")
    before = t.count("v4")
    d = finished("ROLLBACK_SUCCESSFUL")
    equal(d["statusReason"], "Service deployment rolled back because CloudWatch alarm(s) web-5xx went into ALARM.", "reason")
    equal(d["alarms"]["triggeredAlarmNames"], ["web-5xx"], "alarms")
    alarmed = aws.cloudwatch.describe_alarms(AlarmNames=["web-5xx"])["MetricAlarms"][0]["StateUpdatedTimestamp"]
    took = (d["rollback"]["startedAt"] - alarmed).total_seconds()  # of the cloud's time
    assert took < 30, f"it went back {took} s after the alarm: a step waits for 60"
    equal(t.count("v4"), before, "requests v4 answered after the alarm")
    steady()
equal(t.failed, [], "failed requests")
