"""Lifecycle hooks by how they end and at which stage: Lambda functions and pauses, side by side in services without a balancer."""

# speed: 60
import concurrent.futures
import io
import json
import zipfile

from lib import *

need("ecs", "continue_service_deployment")
CODE = """
import json
def handler(event, context):
    print("EVENT " + json.dumps(event))
    d = event["hookDetails"]
    if d["do"] == "raise":
        raise RuntimeError("out of order")
    if d["do"] == "null":
        return None
    if d["do"] == "nonsense":
        return {"hookStatus": "MAYBE"}
    if d["do"] == "later" and d.get("calls", 0) < 2:
        return {"hookStatus": "IN_PROGRESS", "callBackDelay": 10, "hookDetails": {"calls": d.get("calls", 0) + 1}}
    if d["do"] == "never":
        return {"hookStatus": "IN_PROGRESS", "callBackDelay": 20}
    return {"hookStatus": "FAILED" if d["do"] == "fail" else "SUCCEEDED"}
"""
ROLE = "arn:aws:iam::123456789012:role/hook"
out = io.BytesIO()
with zipfile.ZipFile(out, "w") as z:
    z.writestr("hook.py", CODE)
fn = client("lambda")
function = fn.create_function(FunctionName="hook", Runtime="python3.12", Role=ROLE, Handler="hook.handler", Code={"ZipFile": out.getvalue()}, Timeout=60)["FunctionArn"]
unknown = function[: -len("hook")] + "nobody"
PRE, POST, TESTED = "PRE_SCALE_UP", "POST_SCALE_UP", "POST_TEST_TRAFFIC_SHIFT"
SHIFT, SHIFTED = "PRE_PRODUCTION_TRAFFIC_SHIFT", "POST_PRODUCTION_TRAFFIC_SHIFT"


def ask(do, stage, action=None, target=function):
    hook = {"hookTargetArn": target, "roleArn": ROLE, "lifecycleStages": [stage], "hookDetails": {"do": do}}
    return [timed(hook, action)]


def pause(stage, action=None):
    return [timed(pause_at(stage), action)]


def timed(hook, action):
    return dict(hook, timeoutConfiguration={"timeoutInMinutes": 1, "action": action}) if action else hook


FAILS = "Service deployment rolled back because {stage} lifecycle hook(s) failed. "
NULL = FAILS + f"ECS was unable to parse the response from {function} due to HookStatus must not be null"
GOOD, BACK = "SUCCESSFUL", "ROLLBACK_SUCCESSFUL"
# name: hooks, what answers a pause, the deployment's end, the hook's last status, what the reason begins with
CASES = {
    "succeeds-pre": (ask("succeed", PRE), None, GOOD, None, None),
    "later-post": (ask("later", POST), None, GOOD, None, None),
    "later-shifted": (ask("later", SHIFTED), None, GOOD, None, None),
    "gives-up": (ask("never", TESTED, "CONTINUE"), None, GOOD, None, None),
    "too-late": (ask("never", SHIFT, "ROLLBACK"), None, BACK, "TIMED_OUT", FAILS + f"Lifecycle hook target {function} timed out."),
    "raises": (ask("raise", POST), None, BACK, "FAILED", NULL),
    "null": (ask("null", PRE), None, BACK, "FAILED", NULL),
    "nonsense": (ask("nonsense", SHIFTED), None, BACK, "FAILED", FAILS + f"ECS was unable to parse the response from {function} due to "),
    "nobody": (ask("any", TESTED, target=unknown), None, BACK, "FAILED", FAILS + f"ECS was unable to invoke hook target {unknown} due to "),
    "pause-goes": (pause(SHIFT), "CONTINUE", GOOD, None, None),
    "pause-back": (pause(POST), "ROLLBACK", BACK, "FAILED", FAILS),
    "pause-passes": (pause(PRE, "CONTINUE"), None, GOOD, None, None),
    "pause-expires": (pause(SHIFTED, "ROLLBACK"), None, BACK, "TIMED_OUT", "Service deployment rolled back because {stage} pause hook timed out."),
    "two-ask": (pause(TESTED) + ask("succeed", TESTED), "CONTINUE", GOOD, None, None),
    "one-fails": (pause(TESTED) + ask("fail", TESTED), None, BACK, None, FAILS + f"Lifecycle hook target {function} returned FAILED status."),
}
for stage in (PRE, POST, TESTED, SHIFT, SHIFTED):
    CASES["fail-" + stage.lower().replace("_", "-")] = (ask("fail", stage), None, BACK, "FAILED", FAILS + f"Lifecycle hook target {function} returned FAILED status.")

aws.ecs.create_cluster(clusterName="c")
IDLE = ["sleep", "600"]
first, second = define(family="idle", command=IDLE), define(family="idle", command=IDLE + ["0"])
over = ("SUCCESSFUL", "STOPPED", "ROLLBACK_SUCCESSFUL", "ROLLBACK_FAILED")


def newest(name):
    """The newest service deployment once it has ended."""
    d = service_deployment(name)
    return d if d["status"] in over else None


def play(name):
    hooks, answer, status, hook_status, reason = CASES[name]
    create(first, name=name, desired=1, config={"strategy": "BLUE_GREEN", "bakeTimeInMinutes": 0})
    equal(until(f"{name} is there", lambda: newest(name), 90)["status"], GOOD, f"{name}: first deployment")
    before = service(name)
    aws.ecs.update_service(cluster="c", service=name, taskDefinition=second,
                           deploymentConfiguration={"strategy": "BLUE_GREEN", "bakeTimeInMinutes": 0, "lifecycleHooks": hooks})
    stage, seen = hooks[0]["lifecycleStages"][0], set()

    def look():
        d = service_deployment(name)
        for h in d.get("lifecycleHookDetails", []):
            seen.add((d.get("lifecycleStage"), h["targetType"], h["status"]))
            equal(h["hookId"].split("-")[1], h["targetType"].split("_")[-1].lower(), f"{name}: kind in {h['hookId']}")
            equal(h.get("targetArn"), hooks[0].get("hookTargetArn") if len(hooks) == 1 else h.get("targetArn"), f"{name}: target of {h}")
            if answer and h["status"] == "AWAITING_ACTION":
                equal(d["status"], "IN_PROGRESS", f"{name}: status while a pause waits")
                aws.ecs.continue_service_deployment(serviceDeploymentArn=d["serviceDeploymentArn"], hookId=h["hookId"], action=answer)
        return d if len(aws.ecs.list_service_deployments(cluster="c", service=name)["serviceDeployments"]) == 2 and d["status"] in over else None

    d = until(f"{name} ends", look, 120)
    equal(d["status"], status, f"{name}: end ({d.get('statusReason')})")
    wrong = {s for s, _, was in seen if s != stage and was in ("IN_PROGRESS", "AWAITING_ACTION")}
    equal(wrong, set(), f"{name}: stages in which a hook of {stage} was open")
    if status == GOOD:
        assert "rollback" not in d, f"{name}: {d}"
        equal(primary(service(name))["taskDefinition"], second, f"{name}: what runs")
    else:
        want = reason.format(stage=stage)
        equal(d["statusReason"][: len(want)], want, f"{name}: reason")
        equal(d["rollback"]["reason"], d["statusReason"], f"{name}: reason of the rollback")
        equal(d["rollback"]["serviceRevisionArn"], d["sourceServiceRevisions"][0]["arn"], f"{name}: where it went back to")
        if hook_status:
            equal([h["status"] for h in d["lifecycleHookDetails"]], [hook_status], f"{name}: the hook")
        s = until(f"{name} runs the first again", lambda: (lambda s: s if len(s["deployments"]) == 1 and s["runningCount"] == 1 else None)(service(name)))
        equal(s["taskDefinition"], before["taskDefinition"], f"{name}: the service's definition")
        equal(len([m for m in messages(s) if "deployment failed: " + d["statusReason"] in m]), 1, f"{name}: events that tell of it: {messages(s)}")
    if answer or "AWAITING_ACTION" in {was for _, _, was in seen}:
        assert (stage, "PAUSE", "AWAITING_ACTION") in seen, f"{name}: {seen}"
    return d["serviceDeploymentArn"]


with concurrent.futures.ThreadPoolExecutor(len(CASES)) as pool:
    done = {name: pool.submit(play, name) for name in CASES}
arns = {name: f.result() for name, f in done.items()}


# the function was asked as often as its answers say, with the same executionId and what it returned
def events(name):
    pages = client("logs").get_paginator("filter_log_events").paginate(logGroupName="/aws/lambda/hook", filterPattern='"' + arns[name].split("/")[-1] + '"')
    said = [e for page in pages for e in page["events"]]
    return [json.loads(e["message"].split("EVENT ")[1]) for e in sorted(said, key=lambda e: e["timestamp"]) if "EVENT " in e["message"]]


for name, calls in {"succeeds-pre": 1, "later-post": 3, "later-shifted": 3, "raises": 1, "null": 1}.items():
    asked = until(f"the log tells of {calls} calls", lambda: (lambda e: e if len(e) >= calls else None)(events(name)))
    equal(len(asked), calls, f"{name}: calls")
    equal(len({e["executionId"] for e in asked}), 1, f"{name}: executionIds")
    equal([e["hookDetails"].get("calls", 0) for e in asked], list(range(calls)), f"{name}: hookDetails")
    equal({e["lifecycleStage"] for e in asked}, {CASES[name][0][0]["lifecycleStages"][0]}, f"{name}: stages")
    equal({e["resourceArn"] for e in asked}, {arns[name]}, f"{name}: resourceArn")
