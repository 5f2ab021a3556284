"""CodeDeploy as pipelines use it: AppSpecContent, linear and canary by measured shares, stop with rollback, the ready wait, refusals."""

# speed: 60
import concurrent.futures
import datetime
import hashlib
import json

from lib import *

aws.ecs.create_cluster(clusterName="c")
b = Balancer()
blue, green = b.group("blue"), b.group("green")
production = b.listener(forward(blue))
address = b.address
test_listener, test_address = b.listener(forward(blue)), b.address
first = define("web:v1")
create(first, group=blue, desired=2, deploymentController={"type": "CODE_DEPLOY"})
until("the first task set is steady", lambda: service()["taskSets"][0]["stabilityStatus"] == "STEADY_STATE")

cd = aws.codedeploy
refused("ApplicationDoesNotExistException", "Applications not found for", cd.create_deployment, applicationName="web", deploymentGroupName="web")
refused("ApplicationDoesNotExistException", "No application found for name: web", cd.get_application, applicationName="web")
refused("InvalidComputePlatformException", "", cd.create_application, applicationName="web", computePlatform="Lambda")
app_id = cd.create_application(applicationName="web", computePlatform="ECS", tags=[{"Key": "team", "Value": "shop"}])["applicationId"]
app = cd.get_application(applicationName="web")["application"]
equal((app["applicationId"], app["computePlatform"], app["linkedToGitHub"]), (app_id, "ECS", False), "the application")
assert isinstance(app["createTime"], datetime.datetime)
refused("ApplicationAlreadyExistsException", "", cd.create_application, applicationName="web", computePlatform="ECS")
equal(len(cd.list_deployment_configs()["deploymentConfigsList"]), 17, "predefined configurations")
linear = cd.get_deployment_config(deploymentConfigName="CodeDeployDefault.ECSLinear10PercentEvery1Minutes")["deploymentConfigInfo"]
equal((linear["deploymentConfigId"], linear["trafficRoutingConfig"]), ("00000000-0000-0000-0000-000000000015", {"type": "TimeBasedLinear", "timeBasedLinear": {"linearPercentage": 10, "linearInterval": 1}}), "a predefined one")
refused("DeploymentConfigDoesNotExistException", "No deployment configuration found for name: CodeDeployDefault.ECSAllAtOnceBlueGreen", cd.get_deployment_config, deploymentConfigName="CodeDeployDefault.ECSAllAtOnceBlueGreen")
cd.create_deployment_config(deploymentConfigName="thirds", computePlatform="ECS", trafficRoutingConfig={"type": "TimeBasedLinear", "timeBasedLinear": {"linearPercentage": 40, "linearInterval": 10}})  # ten seconds of the wall, in which a step is looked at
cd.create_deployment_config(deploymentConfigName="tenth", computePlatform="ECS", trafficRoutingConfig={"type": "TimeBasedCanary", "timeBasedCanary": {"canaryPercentage": 10, "canaryInterval": 120}})

group = dict(
    applicationName="web", deploymentGroupName="web-dg", serviceRoleArn="arn:aws:iam::123456789012:role/codedeploy", deploymentConfigName="thirds",
    deploymentStyle={"deploymentType": "BLUE_GREEN", "deploymentOption": "WITH_TRAFFIC_CONTROL"}, ecsServices=[{"clusterName": "c", "serviceName": "web"}],
    loadBalancerInfo={"targetGroupPairInfoList": [{
        "targetGroups": [{"name": "blue"}, {"name": "green"}],
        "prodTrafficRoute": {"listenerArns": [production]}, "testTrafficRoute": {"listenerArns": [test_listener]}}]},
    blueGreenDeploymentConfiguration={
        "terminateBlueInstancesOnDeploymentSuccess": {"action": "TERMINATE", "terminationWaitTimeInMinutes": 60},
        "deploymentReadyOption": {"actionOnTimeout": "CONTINUE_DEPLOYMENT"}},
    autoRollbackConfiguration={"enabled": True, "events": ["DEPLOYMENT_FAILURE", "DEPLOYMENT_STOP_ON_ALARM"]},
    alarmConfiguration={"enabled": True, "ignorePollAlarmFailure": False, "alarms": [{"name": "web-5xx"}]},
)
aws.cloudwatch.put_metric_alarm(
    AlarmName="web-5xx", Namespace="Shop", MetricName="Errors", Statistic="Sum", Period=60, EvaluationPeriods=1, Threshold=1,
    ComparisonOperator="GreaterThanThreshold", TreatMissingData="notBreaching")


def bad(code, text, **change):
    refused(code, text, cd.create_deployment_group, **{**group, **change})


bad("InvalidDeploymentStyleException", "For ECS deployment, the deployment type must be BLUE_GREEN", deploymentStyle={"deploymentType": "IN_PLACE"})
bad("InvalidBlueGreenDeploymentConfigurationException", "KEEP_ALIVE", blueGreenDeploymentConfiguration={"terminateBlueInstancesOnDeploymentSuccess": {"action": "KEEP_ALIVE"}})
bad("InvalidECSServiceException", "Could not load ECS service information for cluster: c, service: api. Cause: ", ecsServices=[{"clusterName": "c", "serviceName": "api"}])
bad("DeploymentConfigDoesNotExistException", "No deployment configuration found for name: none", deploymentConfigName="none")
bad("InvalidTargetGroupPairException", "Target group pair must have distinct target groups.", loadBalancerInfo={"targetGroupPairInfoList": [{
    "targetGroups": [{"name": "blue"}, {"name": "blue"}], "prodTrafficRoute": {"listenerArns": [production]}}]})
group_id = cd.create_deployment_group(**group)["deploymentGroupId"]
bad("DeploymentGroupAlreadyExistsException", "")
info = cd.get_deployment_group(applicationName="web", deploymentGroupName="web-dg")["deploymentGroupInfo"]
equal(info["deploymentGroupId"], group_id, "group id")
equal(info["blueGreenDeploymentConfiguration"]["deploymentReadyOption"]["waitTimeInMinutes"], 0, "the wait that clients add up")
equal((info["alarmConfiguration"], info["computePlatform"], info["outdatedInstancesStrategy"], info["triggerConfigurations"]), (group["alarmConfiguration"], "ECS", "UPDATE", []), "what is echoed")
assert "lastAttemptedDeployment" not in info and "targetRevision" not in info


def weights(listener):
    action = aws.elbv2.describe_listeners(ListenerArns=[listener])["Listeners"][0]["DefaultActions"][0]
    by = {g["TargetGroupArn"]: g["Weight"] for g in action["ForwardConfig"]["TargetGroups"]}
    return by.get(blue, 0), by.get(green, 0)


equal(weights(production), (100, 0), "a group that shifts gradually attaches both target groups at once")
equal(weights(test_listener), (1, 0), "and leaves the test listener")


def appspec(definition, **hooks):
    return json.dumps({"version": 0.0, "Resources": [{"TargetService": {"Type": "AWS::ECS::Service", "Properties": {
        "TaskDefinition": definition, "LoadBalancerInfo": {"ContainerName": "web", "ContainerPort": 8080}}}}], "Hooks": [{k: v} for k, v in hooks.items()]})


def revision(content):
    return {"revisionType": "AppSpecContent", "appSpecContent": {"content": content, "sha256": hashlib.sha256(content.encode()).hexdigest()}}


def deploy(content, **more):
    return cd.create_deployment(applicationName="web", deploymentGroupName="web-dg", revision=revision(content), **more)["deploymentId"]


def look(id):
    return cd.get_deployment(deploymentId=id)["deploymentInfo"]


def target(id):
    return cd.get_deployment_target(deploymentId=id, targetId="c:web")["deploymentTarget"]["ecsTarget"]


def events(id):
    return {e["lifecycleEventName"]: e["status"] for e in target(id)["lifecycleEvents"]}


def measure(n, at):
    """Versions that answered n requests."""
    host, port = at.rsplit(":", 1)

    def some(k):
        c, seen = http.client.HTTPConnection(host, int(port), timeout=10), collections.Counter()
        for _ in range(k):
            c.request("GET", "/")
            r = c.getresponse()
            r.read()
            assert r.status == 200, r.status
            seen[r.headers["X-Sample-Version"]] += 1
        c.close()
        return seen

    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        return sum(pool.map(some, [n // 4] * 4), collections.Counter())


refused("InvalidRevisionException", "not well-formed yaml", deploy, "Resources: [")
refused("InvalidRevisionException", "TaskDefinition is still the placeholder", deploy, appspec("<TASK_DEFINITION>"))
refused("InvalidRevisionException", "", cd.create_deployment, applicationName="web", deploymentGroupName="web-dg", revision={"revisionType": "AppSpecContent", "appSpecContent": {"content": "x", "sha256": "0" * 64}})
refused("RevisionRequiredException", "RevisionLocation must be specified", cd.create_deployment, applicationName="web", deploymentGroupName="web-dg")
refused("DeploymentGroupDoesNotExistException", "No Deployment Group found for name: x", cd.create_deployment, applicationName="web", deploymentGroupName="x", revision=revision(appspec(first)))
refused("DeploymentDoesNotExistException", "", cd.get_deployment, deploymentId="d-AAAAAAAAA")
refused("InvalidDeploymentIdException", "", cd.get_deployment, deploymentId="nonsense")

# linear: 40, 80, 100, to the end
second = define("web:v2")
id = deploy(appspec(second), description="the second version")
refused("DeploymentLimitExceededException", f"The Deployment Group 'web-dg' already has an active Deployment '{id}'", deploy, appspec(second))
until("40 %", lambda: weights(production) == (60, 40))
d = look(id)
equal((d["status"], "deploymentOverview" in d, d["creator"], d["description"], d["instanceTerminationWaitTimeStarted"]), ("InProgress", False, "user", "the second version", False), "while it runs")
equal(list(events(id).items())[:7], [(e, "Succeeded") for e in ("BeforeInstall", "Install", "AfterInstall", "AllowTestTraffic", "AfterAllowTestTraffic", "BeforeAllowTraffic")] + [("AllowTraffic", "InProgress")], "life-cycle events")
equal(weights(test_listener), (0, 100), "test traffic")
sets = {k["taskSetLabel"]: k for k in target(id)["taskSetsInfo"]}
equal([(sets[l]["status"], sets[l]["trafficWeight"], sets[l]["targetGroup"]["name"], sets[l]["runningCount"]) for l in ("Blue", "Green")], [("PRIMARY", 60.0, "blue", 2), ("ACTIVE", 40.0, "green", 2)], "task sets")
until("the termination wait", lambda: look(id)["instanceTerminationWaitTimeStarted"])
equal((weights(production), look(id)["status"], set(events(id).values())), ((0, 100), "InProgress", {"Succeeded"}), "in the termination wait")
equal([(k["externalId"] if "externalId" in k else None, k["status"]) for k in service()["taskSets"]], [(id, "PRIMARY"), (None, "ACTIVE")], "sets in the termination wait")
refused("DeploymentIsNotInReadyStateException", "", cd.continue_deployment, deploymentId=id, deploymentWaitType="READY_WAIT")
cd.continue_deployment(deploymentId=id, deploymentWaitType="TERMINATION_WAIT")
d = until("success", lambda: (x := look(id))["status"] == "Succeeded" and x)
equal(d["deploymentOverview"]["Succeeded"], 1, "the one target")
equal([(k["status"], k["trafficWeight"]) for k in target(id)["taskSetsInfo"]], [("ACTIVE", 0.0), ("PRIMARY", 100.0)], "sets in the end")
until("blue is gone", lambda: len(service()["taskSets"]) == 1)
equal(measure(200, address), {"v2": 200}, "what answers")
refused("DeploymentAlreadyCompletedException", "", cd.stop_deployment, deploymentId=id)
info = cd.get_deployment_group(applicationName="web", deploymentGroupName="web-dg")["deploymentGroupInfo"]
equal((info["lastSuccessfulDeployment"]["deploymentId"], info["lastSuccessfulDeployment"]["status"]), (id, "Succeeded"), "last successful")
full = cd.get_application_revision(applicationName="web", revision=look(id)["revision"])
equal((full["revision"]["appSpecContent"]["content"], full["revisionInfo"]["deploymentGroups"]), (appspec(second), ["web-dg"]), "the revision, by its hash")

# canary: the shares, then a stop that brings the old set back
cd.update_deployment_group(applicationName="web", currentDeploymentGroupName="web-dg", blueGreenDeploymentConfiguration={
    **group["blueGreenDeploymentConfiguration"], "terminateBlueInstancesOnDeploymentSuccess": {"action": "TERMINATE", "terminationWaitTimeInMinutes": 5}})
third = define("web:v1")
stopped = deploy(appspec(third), deploymentConfigName="tenth")
until("10 % on the other group", lambda: weights(production) == (10, 90))
seen = measure(2000, address)
assert abs(seen["v1"] / 20 - 10) <= 1.5, f"10 % asked, {seen} seen"
began = time.monotonic()
equal(cd.stop_deployment(deploymentId=stopped, autoRollbackEnabled=True)["status"], "Pending", "the stop's answer")
until("blue is back", lambda: weights(production) == (0, 100))
took = time.monotonic() - began
d = until("stopped", lambda: (x := look(stopped))["status"] == "Stopped" and x)
equal((d["errorInformation"]["code"], d["deploymentOverview"]["Failed"]), ("MANUAL_STOP", 1), "a stopped deployment")
back = d["rollbackInfo"]["rollbackDeploymentId"]
equal(d["rollbackInfo"]["rollbackMessage"], f"Deployment {stopped} terminated. Automatic rollback is triggered with a DeploymentId {back}.", "rollbackMessage")
r = until("the rollback is done", lambda: (x := look(back))["status"] == "Succeeded" and x)
equal((r["creator"], r["deploymentConfigName"], r["rollbackInfo"]["rollbackTriggeringDeploymentId"]), ("codeDeployRollback", "CodeDeployDefault.ECSAllAtOnce", stopped), "the rollback")
equal((events(stopped)["AllowTraffic"], events(stopped)["AfterAllowTraffic"], set(events(back).values())), ("Failed", "Skipped", {"Succeeded"}), "events")
moved = next(e for e in target(back)["lifecycleEvents"] if e["lifecycleEventName"] == "AllowTraffic")["endTime"]
assert datetime.timedelta(0) <= moved - d["completeTime"] < datetime.timedelta(seconds=60), f"stopped at {d['completeTime']}, blue back at {moved}: shorter than half the canary's wait"
equal(weights(test_listener), (0, 100), "the test route is as it was")
until("one set is left", lambda: [k["status"] for k in service()["taskSets"]] == ["PRIMARY"])
equal(cd.list_deployments(applicationName="web", deploymentGroupName="web-dg")["deployments"], [back, stopped, id], "newest first")
equal(cd.list_deployments(includeOnlyStatuses=["Stopped"])["deployments"], [stopped], "by status")
print(f"blue was back after {took:.2f} s")

# an alarm during the shift
alarmed = deploy(appspec(third), deploymentConfigName="CodeDeployDefault.ECSLinear10PercentEvery3Minutes")
until("it shifts", lambda: 10 <= weights(production)[0] < 100)
aws.cloudwatch.set_alarm_state(AlarmName="web-5xx", StateValue="ALARM", StateReason="seen")
d = until("stopped by the alarm", lambda: (x := look(alarmed))["status"] == "Stopped" and x)
equal(d["errorInformation"], {"code": "ALARM_ACTIVE", "message": "One or more alarms have been activated according to the Amazon CloudWatch metrics you selected, and the affected deployments have been stopped. Activated alarms: <web-5xx>"}, "errorInformation")
until("rolled back", lambda: look(d["rollbackInfo"]["rollbackDeploymentId"])["status"] == "Succeeded")
equal(weights(production), (0, 100), "weights after the alarm")
aws.cloudwatch.set_alarm_state(AlarmName="web-5xx", StateValue="OK", StateReason="gone")
until("one set is left", lambda: len(service()["taskSets"]) == 1)

# the ready wait: production stays until it is told to go on
cd.update_deployment_group(applicationName="web", currentDeploymentGroupName="web-dg", alarmConfiguration={"enabled": False, "alarms": []}, blueGreenDeploymentConfiguration={
    "terminateBlueInstancesOnDeploymentSuccess": {"action": "TERMINATE", "terminationWaitTimeInMinutes": 0},
    "deploymentReadyOption": {"actionOnTimeout": "STOP_DEPLOYMENT", "waitTimeInMinutes": 60}})
waiting = deploy(appspec(third), deploymentConfigName="CodeDeployDefault.ECSAllAtOnce")
until("ready", lambda: look(waiting)["status"] == "Ready")
equal((weights(production), weights(test_listener), target(waiting)["status"], events(waiting)["BeforeAllowTraffic"]), ((0, 100), (100, 0), "Ready", "Pending"), "while it waits")
equal((measure(40, test_address), measure(40, address)), ({"v1": 40}, {"v2": 40}), "who answers on which listener")
cd.continue_deployment(deploymentId=waiting, deploymentWaitType="READY_WAIT")
cd.get_waiter("deployment_successful").wait(deploymentId=waiting, WaiterConfig={"Delay": 1, "MaxAttempts": 120})
equal(measure(40, address), {"v1": 40}, "what answers in the end")

# end of it all
refused("DeploymentConfigInUseException", "", cd.delete_deployment_config, deploymentConfigName="thirds")
equal(cd.delete_deployment_group(applicationName="web", deploymentGroupName="web-dg")["hooksNotCleanedUp"], [], "hooks")
cd.delete_deployment_config(deploymentConfigName="thirds")
cd.delete_deployment_config(deploymentConfigName="tenth")
cd.delete_application(applicationName="web")
cd.delete_application(applicationName="web")
equal(cd.list_applications()["applications"], [], "applications")
