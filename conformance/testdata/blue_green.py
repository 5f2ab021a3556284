"""ECS's own blue/green: stages, weights, a pause and its ends, an alarm; green alternates."""

# speed: 10
from lib import *

need("ecs", "continue_service_deployment")
b = shifting("BLUE_GREEN", bake=1, hooks=[pause_at("POST_TEST_TRAFFIC_SHIFT")])
first = finished("SUCCESSFUL", decide="CONTINUE")
equal(first["sourceServiceRevisions"], [], "sources of the first deployment")
equal(weights(b.production), {b.blue: 100, b.green: 0}, "the production rule after the first deployment")
equal(weights(b.test), {b.blue: 100, b.green: 0}, "the test rule after the first deployment")

with Traffic(b.address) as t:
    until("v1 answers", lambda: t.count("v1") > 5)
    s = aws.ecs.update_service(cluster="c", service="web", taskDefinition=define("web:v2"))["service"]
    equal(len(s["deployments"]), 2, "deployments")
    d = awaiting("POST_TEST_TRAFFIC_SHIFT")
    hook = d["lifecycleHookDetails"][0]
    equal((hook["status"], hook["targetType"], hook["timeoutAction"]), ("AWAITING_ACTION", "PAUSE", "ROLLBACK"), "the hook")
    assert hook["hookId"].startswith("ecs-pause-") and len(hook["hookId"]) == 53 and hook["expiresAt"] > d["startedAt"], hook
    equal(requested(d), {"target": (100.0, 0.0), "source": (0.0, 100.0)}, "requested test and production weights")
    equal(weights(b.production), {b.blue: 100, b.green: 0}, "production in POST_TEST_TRAFFIC_SHIFT")
    equal(weights(b.test), {b.blue: 0, b.green: 100}, "test in POST_TEST_TRAFFIC_SHIFT")
    until("the test listener answers with v2", lambda: get(b.test_address)[1].get("X-Sample-Version") == "v2")
    equal(t.count("v2"), 0, "production requests that v2 answered before the shift")
    equal({k["lastStatus"] for k in tasks()}, {"RUNNING"}, "tasks")
    equal(len(tasks()), 4, "tasks, both revisions at full size")
    equal(primary(service())["rolloutState"], "IN_PROGRESS", "rollout state")

    # a pause takes its own id only, and in its form
    arn = d["serviceDeploymentArn"]
    go = aws.ecs.continue_service_deployment
    refused("InvalidParameterException", "Invalid hookId: hookId must follow the format: ecs-{hookType}-{id}", go, serviceDeploymentArn=arn, hookId="nonsense")
    refused("InvalidParameterException", "Provided hookId is either completed, unavailable, or not associated with the given Resource ARN", go, serviceDeploymentArn=arn, hookId="ecs-pause-other")
    refused("ServiceDeploymentNotFoundException", "The service deployment does not exist.", go, serviceDeploymentArn=arn[:-3] + "xyz", hookId=hook["hookId"])
    equal(go(serviceDeploymentArn=arn, hookId=hook["hookId"])["serviceDeploymentArn"], arn, "the answer")
    until("production is green", lambda: weights(b.production) == {b.blue: 0, b.green: 100})
    until("v2 answers", lambda: t.count("v2") > 5)
    bake = until("it bakes", lambda: (lambda d: d if d.get("lifecycleStage") == "BAKE_TIME" else None)(service_deployment()))
    equal(requested(bake), {"target": (100.0, 100.0), "source": (0.0, 0.0)}, "requested weights in the bake")
    d = finished("SUCCESSFUL")
    refused("InvalidParameterException", "Continuing a service deployment is not allowed for service deployment in terminal states.", go, serviceDeploymentArn=arn, hookId=hook["hookId"])
    s = steady()
    equal(s["loadBalancers"][0]["targetGroupArn"], b.blue, "the service's own target group does not flip")
    revision = aws.ecs.describe_service_revisions(serviceRevisionArns=[d["targetServiceRevision"]["arn"]])["serviceRevisions"][0]
    equal(revision["resolvedConfiguration"]["loadBalancers"], [{"targetGroupArn": b.green, "productionListenerRule": b.production}], "what the revision uses")

    # rejected: nobody but the test listener saw it
    seen = t.count("v3")
    aws.ecs.update_service(cluster="c", service="web", taskDefinition=define("web:v3"))
    d = awaiting("POST_TEST_TRAFFIC_SHIFT")
    until("the test listener answers with v3", lambda: get(b.test_address)[1].get("X-Sample-Version") == "v3")
    go(serviceDeploymentArn=d["serviceDeploymentArn"], hookId=d["lifecycleHookDetails"][0]["hookId"], action="ROLLBACK")
    d = finished("ROLLBACK_SUCCESSFUL")
    holds("Service deployment rolled back because POST_TEST_TRAFFIC_SHIFT lifecycle hook(s) failed.", d["statusReason"], "reason")
    equal(d["lifecycleHookDetails"][0]["status"], "FAILED", "the hook")
    equal(t.count("v3"), 0, "production requests that v3 answered")
    equal(weights(b.test), {b.blue: 0, b.green: 100}, "test rule after the rollback")
    equal(weights(b.production), {b.blue: 0, b.green: 100}, "production rule after the rollback")
    s = steady()

    # stopped in the bake: back at once, and the one after uses blue's group again
    aws.ecs.update_service(cluster="c", service="web", taskDefinition=define("web:v4"))
    approve("POST_TEST_TRAFFIC_SHIFT")
    until("it bakes", lambda: service_deployment().get("lifecycleStage") == "BAKE_TIME")
    equal(weights(b.production), {b.blue: 100, b.green: 0}, "production in the bake")
    aws.ecs.stop_service_deployment(serviceDeploymentArn=service_deployment()["serviceDeploymentArn"], stopType="ROLLBACK")
    until("production is back", lambda: weights(b.production) == {b.blue: 0, b.green: 100}, patience=5)  # a bake lasts six seconds
    finished("ROLLBACK_SUCCESSFUL")
    steady()
equal(t.failed, [], "failed requests")
