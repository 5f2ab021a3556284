"""Lambda by boto3: a Python function is made, invoked, updated, published and deleted; its failures and its log."""
# speed: 30

import base64
import io
import json
import zipfile

from lib import *

fn = boto3.client("lambda", endpoint_url=ENDPOINT, region_name="us-east-1")

ROLE = "arn:aws:iam::123456789012:role/functions"
ARN = "arn:aws:lambda:us-east-1:123456789012:function:hook"
CODE = """
import os, time, urllib.request
def handler(event, context):
    print("event", sorted(event))
    if event.get("do") == "raise": raise ValueError("boom")
    if event.get("do") == "exit": os._exit(3)
    if event.get("do") == "sleep": time.sleep(300)
    return {"hookStatus": "SUCCEEDED", "mark": MARK, "version": context.function_version, "arn": context.invoked_function_arn,
            "left": context.get_remaining_time_in_millis(), "endpoint": os.environ["AWS_ENDPOINT_URL"], "stage": os.environ.get("STAGE"),
            "host": [k for k in os.environ if k in ("AWS_PROFILE", "AWS_PAGER", "AWS_MAX_ATTEMPTS")]}
"""


def zipped(mark):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as z:
        z.writestr("app/main.py", CODE.replace("MARK", repr(mark)))
    return out.getvalue()


def call(event, name="hook", **more):
    r = fn.invoke(FunctionName=name, Payload=json.dumps(event), **more)
    return r, json.loads(r["Payload"].read() or "null")


made = fn.create_function(FunctionName="hook", Runtime="python3.12", Role=ROLE, Handler="app/main.handler", Code={"ZipFile": zipped("one")}, Timeout=60)
equal((made["ResponseMetadata"]["HTTPStatusCode"], made["State"], made["FunctionArn"], made["Version"]), (201, "Pending", ARN, "$LATEST"), "created")
fn.get_waiter("function_active_v2").wait(FunctionName="hook")
r, got = call({"a": 1}, LogType="Tail")
equal((r["StatusCode"], r["ExecutedVersion"], r.get("FunctionError"), got["mark"], got["arn"], got["endpoint"], got["host"]), (200, "$LATEST", None, "one", ARN, ENDPOINT, []), "invoked")
tail = base64.b64decode(r["LogResult"]).decode()
equal((tail.startswith("START RequestId: "), "event ['a']" in tail, "REPORT RequestId: " in tail), (True, True, True), f"tail {tail!r}")

r, got = call({"do": "raise"})
equal((r["StatusCode"], r["FunctionError"], got["errorType"], got["errorMessage"], len(got["stackTrace"])), (200, "Unhandled", "ValueError", "boom", 1), "a handler that raises")
r, got = call({"do": "exit"})
equal((r["FunctionError"], got["errorType"], got["errorMessage"].split("Error: ")[1]), ("Unhandled", "Runtime.ExitError", "Runtime exited with error: exit status 3"), "a handler that exits")
fn.update_function_configuration(FunctionName="hook", Timeout=1)
r, got = call({"do": "sleep"})
equal((r["FunctionError"], got["errorType"], got["errorMessage"].split("Error: ")[1]), ("Unhandled", "Sandbox.Timedout", "Task timed out after 1.00 seconds"), "a handler that sleeps")
fn.update_function_configuration(FunctionName="hook", Timeout=60)
equal(fn.invoke(FunctionName="hook", InvocationType="DryRun")["StatusCode"], 204, "dry run")
equal(fn.invoke(FunctionName="hook", InvocationType="Event", Payload=b'{"later": 1}')["StatusCode"], 202, "event")

group = "/aws/lambda/hook"


def logged():
    return [e["message"] for e in aws.logs.filter_log_events(logGroupName=group)["events"]]


until("the event was invoked", lambda: "event ['later']" in logged())
aws.cloudwatch.put_metric_alarm(
    AlarmName="told", Namespace="Shop", MetricName="Errors", Statistic="Sum", Period=60, EvaluationPeriods=1, Threshold=5.0,
    ComparisonOperator="GreaterThanThreshold", AlarmActions=[ARN],
)
aws.cloudwatch.set_alarm_state(AlarmName="told", StateValue="ALARM", StateReason="a drill")
until("the function that is the alarm's action was invoked", lambda: "event ['accountId', 'alarmArn', 'alarmData', 'region', 'source', 'time']" in logged())
equal([m for m in logged() if m.startswith("[ERROR] ValueError: boom")] != [], True, "the log tells of the error")

updated = fn.update_function_code(FunctionName="hook", ZipFile=zipped("two"), Publish=True)
equal((updated["Version"], updated["LastUpdateStatus"]), ("1", "InProgress"), "updated and published")
fn.get_waiter("function_updated_v2").wait(FunctionName="hook")
equal(call({})[1]["mark"], "two", "after the update")
fn.create_alias(FunctionName="hook", Name="live", FunctionVersion="1")
fn.update_function_configuration(FunctionName="hook", Environment={"Variables": {"STAGE": "test"}}, Timeout=60)
r, got = call({}, name=ARN + ":live")
equal((r["ExecutedVersion"], got["version"], got["arn"], got["stage"]), ("1", "1", ARN + ":live", None), "by alias")
equal(call({})[1]["stage"], "test", "the unpublished version has the new environment")
equal([v["Version"] for v in fn.list_versions_by_function(FunctionName="hook")["Versions"]], ["$LATEST", "1"], "versions")
refused("ResourceConflictException", "Function already exist: hook", fn.create_function, FunctionName="hook", Runtime="python3.12", Role=ROLE, Handler="a.b", Code={"ZipFile": zipped("x")})
refused("InvalidParameterValueException", "Could not unzip uploaded file.", fn.update_function_code, FunctionName="hook", ZipFile=b"no zip")
refused("ResourceNotFoundException", "Function not found: " + ARN.replace("hook", "none") + ":$LATEST", fn.invoke, FunctionName="none")
refused("ResourceNotFoundException", "The resource you requested does not exist.", fn.get_policy, FunctionName="hook")
fn.put_function_concurrency(FunctionName="hook", ReservedConcurrentExecutions=0)
refused("TooManyRequestsException", "Rate Exceeded.", fn.invoke, FunctionName="hook")
fn.delete_function(FunctionName="hook")
refused("ResourceNotFoundException", "Function not found: " + ARN, fn.get_function, FunctionName="hook")
equal(fn.list_functions()["Functions"], [], "functions left")
