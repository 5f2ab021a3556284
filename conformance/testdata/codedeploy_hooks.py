"""Hooks of CodeDeploy as Lambda functions at all five events: what they are told and see, one that says no, one that never calls back, one that raises."""

# speed: 90
import io
import json
import os
import subprocess
import zipfile

from lib import *

EVENTS = ["BeforeInstall", "AfterInstall", "AfterAllowTestTraffic", "BeforeAllowTraffic", "AfterAllowTraffic"]
CODE = """
import json, os, boto3

cd, elb = boto3.client("codedeploy"), boto3.client("elbv2")

def weights(listener):
    action = elb.describe_listeners(ListenerArns=[listener])["Listeners"][0]["DefaultActions"][0]
    return {g["TargetGroupArn"].split("/")[1]: g["Weight"] for g in action["ForwardConfig"]["TargetGroups"] if g["Weight"]}

def handler(event, context):
    id, do = event["DeploymentId"], os.environ.get("DO", "Succeeded")
    target = cd.get_deployment_target(deploymentId=id, targetId="c:web")["deploymentTarget"]["ecsTarget"]
    now = [e["lifecycleEventName"] for e in target["lifecycleEvents"] if e["status"] == "InProgress"]
    print("SAW " + json.dumps({"event": event, "now": now, "production": weights(os.environ["PRODUCTION"]), "test": weights(os.environ["TEST"])}))
    if do == "raise":
        raise RuntimeError("out of order")
    if do != "silent":
        print("the test page is not what it should be" if do == "Failed" else "all is well")
        cd.put_lifecycle_event_hook_execution_status(deploymentId=id, lifecycleEventHookExecutionId=event["LifecycleEventHookExecutionId"], status=do)
    return "whatever: CodeDeploy does not look at it"
"""
out = io.BytesIO()
with zipfile.ZipFile(out, "w") as z:
    z.writestr("hook.py", CODE)

aws.ecs.create_cluster(clusterName="c")
b = Balancer()
blue, green = b.group("blue"), b.group("green")
production = b.listener(forward(blue))
test = b.listener(forward(blue))
create(define("web:v1"), group=blue, desired=1, deploymentController={"type": "CODE_DEPLOY"})
fn, cd, logs = client("lambda"), aws.codedeploy, client("logs")
for event in EVENTS:
    fn.create_function(FunctionName="CodeDeployHook_" + event, Runtime="python3.12", Role="arn:aws:iam::123456789012:role/hook", Handler="hook.handler",
                       Code={"ZipFile": out.getvalue()}, Timeout=60, Environment={"Variables": {"PRODUCTION": production, "TEST": test}})
until("the first task set is steady", lambda: service()["taskSets"][0]["stabilityStatus"] == "STEADY_STATE")
cd.create_application(applicationName="web", computePlatform="ECS")
cd.create_deployment_group(
    applicationName="web", deploymentGroupName="web", serviceRoleArn="arn:aws:iam::123456789012:role/codedeploy", deploymentConfigName="CodeDeployDefault.ECSAllAtOnce",
    deploymentStyle={"deploymentType": "BLUE_GREEN", "deploymentOption": "WITH_TRAFFIC_CONTROL"}, ecsServices=[{"clusterName": "c", "serviceName": "web"}],
    loadBalancerInfo={"targetGroupPairInfoList": [{"targetGroups": [{"name": "blue"}, {"name": "green"}],
                                                   "prodTrafficRoute": {"listenerArns": [production]}, "testTrafficRoute": {"listenerArns": [test]}}]},
    blueGreenDeploymentConfiguration={"terminateBlueInstancesOnDeploymentSuccess": {"action": "TERMINATE", "terminationWaitTimeInMinutes": 0},
                                      "deploymentReadyOption": {"actionOnTimeout": "CONTINUE_DEPLOYMENT"}},
    autoRollbackConfiguration={"enabled": True, "events": ["DEPLOYMENT_FAILURE"]})


def weights(listener):
    action = aws.elbv2.describe_listeners(ListenerArns=[listener])["Listeners"][0]["DefaultActions"][0]
    return {g["TargetGroupArn"].split("/")[1]: g["Weight"] for g in action["ForwardConfig"]["TargetGroups"] if g["Weight"]}


def says(event, do):
    """Sets what the function of an event is to do."""
    fn.update_function_configuration(FunctionName="CodeDeployHook_" + event, Environment={"Variables": {"PRODUCTION": production, "TEST": test, "DO": do}})


def deploy(definition, *events):
    spec = json.dumps({"version": 0.0, "Resources": [{"TargetService": {"Type": "AWS::ECS::Service", "Properties": {
        "TaskDefinition": definition, "LoadBalancerInfo": {"ContainerName": "web", "ContainerPort": 8080}}}}], "Hooks": [{e: "CodeDeployHook_" + e} for e in events]})
    return cd.create_deployment(applicationName="web", deploymentGroupName="web", revision={"revisionType": "AppSpecContent", "appSpecContent": {"content": spec}})["deploymentId"]


def over(id):
    return until(f"{id} ends", lambda: (d := cd.get_deployment(deploymentId=id)["deploymentInfo"])["status"] in ("Succeeded", "Failed", "Stopped") and d, 90)


def events(id):
    return {e["lifecycleEventName"]: e for e in cd.get_deployment_target(deploymentId=id, targetId="c:web")["deploymentTarget"]["ecsTarget"]["lifecycleEvents"]}


def saw(event, id):
    """What the function of an event said of its one call for a deployment."""
    def look():
        found = logs.filter_log_events(logGroupName="/aws/lambda/CodeDeployHook_" + event, filterPattern=f'"{id}"')["events"]
        return [json.loads(e["message"].split("SAW ")[1]) for e in found if "SAW " in e["message"]]

    all = until(f"the function of {event} was called for {id}", look)
    equal(len(all), 1, f"calls of {event}")
    return all[0]


# all five, in order, each told the deployment and its execution alone, each seeing what its event promises
second = define("web:v2")
id = deploy(second, *EVENTS)
equal(over(id)["status"], "Succeeded", "a deployment with five hooks")
B, G = {"blue": 100}, {"green": 100}
for event, (prod, tested) in dict(zip(EVENTS, [({"blue": 1}, {"blue": 1}), ({"blue": 1}, {"blue": 1}), ({"blue": 1}, G), ({"blue": 1}, G), (G, G)])).items():
    it = saw(event, id)
    equal((sorted(it["event"]), it["event"]["DeploymentId"], it["now"]), (["DeploymentId", "LifecycleEventHookExecutionId"], id, [event]), f"what {event} is told")
    equal((it["production"], it["test"]), (prod, tested), f"weights as {event} sees them")
times = [events(id)[e] for e in EVENTS]
assert all(t["endTime"] > t["startTime"] for t in times) and times == sorted(times, key=lambda t: t["startTime"]), times
until("one set is left", lambda: len(service()["taskSets"]) == 1)


def undone(id, event, code, message):
    """Asserts that a deployment failed at an event and that all is as it was before."""
    d = over(id)
    equal((d["status"], d["errorInformation"]), ("Failed", {"code": code, "message": message}), f"failed at {event}")
    names = list(events(id))
    at = names.index(event)
    equal([events(id)[n]["status"] for n in names], ["Succeeded"] * at + ["Failed"] + ["Skipped"] * (len(names) - at - 1), f"events after a failure at {event}")
    diagnostics = events(id)[event]["diagnostics"]
    equal(diagnostics["scriptName"], "CodeDeployHook_" + event, "the function that failed")
    back = d["rollbackInfo"]["rollbackDeploymentId"]
    equal(over(back)["status"], "Succeeded", "the rollback")
    equal((weights(production), weights(test)), (G, G), f"weights after a failure at {event}")
    until("the first set serves alone", lambda: [s["taskDefinition"] for s in service()["taskSets"]] == [second])
    for other in EVENTS:
        found = logs.filter_log_events(logGroupName="/aws/lambda/CodeDeployHook_" + other, filterPattern=f'"{back}"')["events"]
        equal(found, [], f"calls of {other} for the rollback")
    return diagnostics


FAILED = "The deployment failed because one or more of the lifecycle event validation functions failed."
third = define("web:v3")
for event in (EVENTS[2], EVENTS[4]):
    says(event, "Failed")
    undone(deploy(third, event), event, "HOOK_EXECUTION_FAILURE", FAILED)
says("BeforeInstall", "raise")
id = deploy(third, "BeforeInstall")
d = over(id)
equal((d["status"], d["errorInformation"]["code"], "rollbackInfo" in d), ("Failed", "HOOK_EXECUTION_FAILURE", False), "a function that raised before there was anything to undo")
holds("out of order", events(id)["BeforeInstall"]["diagnostics"]["logTail"], "log of the function that raised")

# no callback within an hour; one that comes later is too late
says("AfterInstall", "silent")
id = deploy(third, "AfterInstall")
undone(id, "AfterInstall", "HOOK_EXECUTION_FAILURE", "The deployment timed out while waiting for a status callback. CodeDeploy expects a status callback within one hour after a deployment hook is invoked.")
lasted = events(id)["AfterInstall"]
assert 60 <= (lasted["endTime"] - lasted["startTime"]).total_seconds() * 90 / 60 < 120, lasted
execution = saw("AfterInstall", id)["event"]["LifecycleEventHookExecutionId"]
report = dict(deploymentId=id, lifecycleEventHookExecutionId=execution)
refused("LifecycleEventAlreadyCompletedException", "", cd.put_lifecycle_event_hook_execution_status, status="Succeeded", **report)
refused("InvalidLifecycleEventHookExecutionIdException", "", cd.put_lifecycle_event_hook_execution_status, deploymentId=id, lifecycleEventHookExecutionId="none", status="Succeeded")

# the deployer's verdict shows what the function wrote
with open("slipway.yaml", "w") as f:
    f.write("version: 1\napp: shop\ncluster: c\nservices:\n  web:\n    images: {web: 'web:v4'}\n    hooks:\n"
            "      test-traffic: [{lambda: {arn: '" + fn.get_function(FunctionName="CodeDeployHook_AfterAllowTestTraffic")["Configuration"]["FunctionArn"] + "'}}]\n")
done = subprocess.run([os.environ["SLIPWAY"], "deploy", "web", "--endpoint", ENDPOINT], capture_output=True, text=True,
                      env={**os.environ, "AWS_MAX_ATTEMPTS": "3"})  # an answer may come before Go's client has closed its request
equal(done.returncode, 3, f"exit code of slipway deploy: {done.stdout}{done.stderr}")
for words in ("rolled back", "failed at AfterAllowTestTraffic", "log: the test page is not what it should be"):
    holds(words, done.stdout + done.stderr, "what slipway deploy says")
