"""Lambda hooks at the stages that move traffic, and at RECONCILE_SERVICE: what they are told, what the rules say then, and what a FAILED brings back."""

# speed: 60
import io
import json
import os
import zipfile

from lib import *

need("ecs", "continue_service_deployment")
CODE = """
import json, os, boto3
elb = boto3.client("elbv2")

def weights(rule):
    action = elb.describe_rules(RuleArns=[rule])["Rules"][0]["Actions"][0]
    return {g["TargetGroupArn"]: g["Weight"] for g in action["ForwardConfig"]["TargetGroups"]}

def handler(event, context):
    d, x = event["hookDetails"], event["executionDetails"]
    told = x["testTrafficWeights"] or x["productionTrafficWeights"]
    new = told.get(x["targetServiceRevisionArn"], -1)
    print("EVENT " + json.dumps({"event": event, "test": weights(d["test"]), "production": weights(d["production"])}))
    return {"hookStatus": "FAILED" if [event["lifecycleStage"], new] in d["fails"] else "SUCCEEDED"}
"""
out = io.BytesIO()
with zipfile.ZipFile(out, "w") as z:
    z.writestr("hook.py", CODE)
ROLE = "arn:aws:iam::123456789012:role/hook"
fn, logs = client("lambda"), client("logs")
function = fn.create_function(FunctionName="hook", Runtime="python3.12", Role=ROLE, Handler="hook.handler", Code={"ZipFile": out.getvalue()}, Timeout=60)["FunctionArn"]
b = shifting("BLUE_GREEN", desired=1)
finished("SUCCESSFUL")
steady()
NONE = -1  # a stage whose hooks are told no weights


def ask(*stages, fails=()):
    """The function as a hook; it fails at these stages where it is told that the new revision has these weights."""
    return {"hookTargetArn": function, "roleArn": ROLE, "lifecycleStages": list(stages), "hookDetails": {"test": b.test, "production": b.production, "fails": list(fails)}}


def deploy(image, *hooks, strategy="BLUE_GREEN", **config):
    aws.ecs.update_service(cluster="c", service="web", taskDefinition=define(image), deploymentConfiguration={
        "strategy": strategy, "bakeTimeInMinutes": 0, "lifecycleHooks": list(hooks), **config})


def calls(d, n):
    """What the function was told in a deployment, oldest first, as (stage, the new revision's weights told, groups' weights then)."""
    def look():
        pages = logs.get_paginator("filter_log_events").paginate(logGroupName="/aws/lambda/hook", filterPattern='"' + d["serviceDeploymentArn"].split("/")[-1] + '"')
        found = sorted((e for page in pages for e in page["events"] if "EVENT " in e["message"]), key=lambda e: e["timestamp"])
        return [json.loads(e["message"].split("EVENT ")[1]) for e in found] if len(found) >= n else None

    said = until(f"{n} calls in {d['serviceDeploymentArn']}", look)
    equal(len(said), n, f"calls: {[(s['event']['lifecycleStage'], s['event']['executionDetails']) for s in said]}")
    target = d["targetServiceRevision"]["arn"]
    source = d["sourceServiceRevisions"][0]["arn"]
    told = []
    for s in said:
        x = s["event"]["executionDetails"]
        equal((s["event"]["resourceArn"], x["targetServiceRevisionArn"]), (d["serviceDeploymentArn"], target), "which deployment and revision")
        for weights_told in (x["testTrafficWeights"], x["productionTrafficWeights"]):
            assert not weights_told or weights_told == {target: weights_told[target], source: 100 - weights_told[target]}, x
        told.append((s["event"]["lifecycleStage"], x["testTrafficWeights"].get(target), x["productionTrafficWeights"].get(target), s["test"], s["production"]))
    return told


def back(stage):
    """Waits for the rollback that a FAILED at a stage brings, and asserts that all is as it was."""
    d = finished("ROLLBACK_SUCCESSFUL")
    equal(d["statusReason"], f"Service deployment rolled back because {stage} lifecycle hook(s) failed. Lifecycle hook target {function} returned FAILED status.", "reason")
    equal((weights(b.test), weights(b.production)), (BLUE, BLUE), f"weights after a failure at {stage}")
    equal(requested(d), {"target": (0.0, 0.0), "source": (100.0, 100.0)}, f"requested weights after a failure at {stage}")
    s = steady()
    equal(get(b.address)[1]["X-Sample-Version"], "v1", "who answers")
    until("the new revision has no target", lambda: not health(b.green))
    return d


BLUE, GREEN = {b.blue: 100, b.green: 0}, {b.blue: 0, b.green: 100}
T, P, R = "TEST_TRAFFIC_SHIFT", "PRODUCTION_TRAFFIC_SHIFT", "RECONCILE_SERVICE"

# the test rule has moved when the hook is asked, and is moved back when it fails; the hook is asked about that too
deploy("web:v2", ask(T, fails=[[T, 100]]))
equal(calls(back(T), 2), [(T, 100, None, GREEN, BLUE), (T, 0, None, BLUE, BLUE)], "calls at " + T)

# the same of production traffic; test traffic goes back with it
deploy("web:v2", ask(T, P, fails=[[P, 100]]))
said = calls(back(P), 4)
equal(said[:2], [(T, 100, None, GREEN, BLUE), (P, None, 100, GREEN, GREEN)], "calls on the way")
equal(sorted(s[:2] for s in said[2:]), [(P, None), (T, 0)], "calls in the rollback")
equal([s[4] for s in said[2:]], [BLUE] * 2, "production rule as the rollback's calls see it")

# a canary: the hook is asked at each step
deploy("web:v2", ask(P, fails=[[P, 100]]), strategy="CANARY", canaryConfiguration={"canaryPercent": 20.0, "canaryBakeTimeInMinutes": 1})
said = calls(back(P), 3)
equal(said[:2], [(P, None, 20, GREEN, {b.blue: 80, b.green: 20}), (P, None, 100, GREEN, GREEN)], "calls of a canary")
equal((said[2][:3], said[2][4]), ((P, None, 0), BLUE), "its call in the rollback")

# RECONCILE_SERVICE is passed only where another deployment was under way; what it left is gone when the hook is asked
deploy("web:v2", pause_at("POST_TEST_TRAFFIC_SHIFT"))
awaiting("POST_TEST_TRAFFIC_SHIFT")
equal((weights(b.test), weights(b.production)), (GREEN, BLUE), "weights at the pause")
first = service_deployment()["serviceDeploymentArn"]
deploy("web:v3", ask(R, fails=[[R, NONE], [R, 0], [R, 100]]))
until("the newer one is listed", lambda: service_deployment()["serviceDeploymentArn"] != first)
d = finished("ROLLBACK_SUCCESSFUL")
holds(f"because {R} lifecycle hook(s) failed. Lifecycle hook target {function} returned FAILED status.", d["statusReason"], "reason")
equal(aws.ecs.describe_service_deployments(serviceDeploymentArns=[first])["serviceDeployments"][0]["status"], "STOPPED", "the one superseded")
equal((weights(b.test), weights(b.production)), (BLUE, BLUE), "weights after a failure at " + R)
steady()
equal(get(b.address)[1]["X-Sample-Version"], "v1", "who answers")

# the same with a hook that lets it pass
deploy("web:v2", pause_at("POST_TEST_TRAFFIC_SHIFT"))
awaiting("POST_TEST_TRAFFIC_SHIFT")
first = service_deployment()["serviceDeploymentArn"]
deploy("web:v3", ask(R))
until("the newer one is listed", lambda: service_deployment()["serviceDeploymentArn"] != first)
d = finished("SUCCESSFUL")
steady()
equal(get(b.address)[1]["X-Sample-Version"], "v3", "who answers in the end")
deploy("web:v4", ask(R, fails=[[R, NONE], [R, 0], [R, 100]]))
until("the newer one is listed", lambda: service_deployment()["serviceDeploymentArn"] != d["serviceDeploymentArn"])
finished("SUCCESSFUL")  # nothing was under way: the hook is not asked

# a hook that fails in the rollback too ends it as failed, with production where it was
v4 = weights(b.production)
deploy("web:v1", ask(T, fails=[[T, 100], [T, 0]]))
until("the newer one is listed", lambda: service_deployment()["targetServiceRevision"]["arn"] != d["targetServiceRevision"]["arn"] and service_deployment()["status"] != "SUCCESSFUL")
finished("ROLLBACK_FAILED")
equal(weights(b.production), v4, "production after a rollback that failed")
