"""examples/approval-lambda as it stands: a reviewer's Lambda holds two deployments; one is approved, one rejected."""

# speed: 60
import os
import shutil
import subprocess

from lib import *

if not shutil.which("aws"):
    skip("the AWS CLI is missing here")
example = os.path.join(os.environ["LIB"], "..", "..", "examples", "approval-lambda", "run.sh")
production, test = free_port(), free_port()
os.environ.update(AWS_ENDPOINT_URL=ENDPOINT, NAME="approval", PORT="8080", HEALTH="/health", LISTEN=str(production), LISTEN_TEST=str(test), IMAGE_1="web:v1", ASK_EVERY="5",
                  ACCOUNT=aws.sts.get_caller_identity()["Account"])


def run(*args):
    done = subprocess.run(["bash", example, *args], capture_output=True, text=True)
    assert done.returncode == 0, f"run.sh {args} ended with {done.returncode}: {done.stdout}{done.stderr}"
    return done.stdout


def answers(port):
    tags = {t["Value"] for a in aws.elbv2.describe_listeners(LoadBalancerArn=balancer)["Listeners"] if a["Port"] == port
            for t in aws.elbv2.describe_tags(ResourceArns=[a["ListenerArn"]])["TagDescriptions"][0]["Tags"] if t["Key"] == "aws:slipway:address"}
    return get(tags.pop() if tags else f"127.0.0.1:{port}")[1].get("X-Sample-Version")


def newest():
    return service_deployment("approval", "approval")


run("up")
balancer = aws.elbv2.describe_load_balancers(Names=["approval"])["LoadBalancers"][0]["LoadBalancerArn"]
equal(newest()["status"], "SUCCESSFUL", "the first deployment, which needs no verdict")
equal(answers(production), "v1", "production after the first deployment")
bucket = "approval-" + os.environ["ACCOUNT"]
for image, verdict, status, version in (("web:v2", "approve", "SUCCESSFUL", "v2"), ("web:v3", "reject", "ROLLBACK_SUCCESSFUL", "v2")):
    before = answers(production)
    run("deploy", image)
    d = newest()
    equal((d["status"], d["lifecycleStage"]), ("IN_PROGRESS", "POST_TEST_TRAFFIC_SHIFT"), "the deployment that waits")
    hook = d["lifecycleHookDetails"][0]
    equal((hook["targetType"], hook["status"]), ("AWS_LAMBDA", "IN_PROGRESS"), "the hook")
    until("the test listener shows the new version", lambda: answers(test) == image[-2:])
    equal(answers(production), before, "production before the verdict")
    run(verdict)
    holds(f"ended: {status}", run("wait"), "what wait says")
    d = newest()
    equal(d["status"], status, "the deployment's end")
    until("production", lambda: answers(production) == version)
    keys = [o["Key"] for o in aws.s3.list_objects_v2(Bucket=bucket).get("Contents", [])]
    assert not [k for k in keys if k.endswith(".pending")], keys
holds("POST_TEST_TRAFFIC_SHIFT lifecycle hook(s) failed. Lifecycle hook target " + hook["targetArn"] + " returned FAILED status.", d["statusReason"], "the reason")
run("down")
equal([c["status"] for c in aws.ecs.describe_clusters(clusters=["approval"])["clusters"]], ["INACTIVE"], "the cluster after down")
equal(aws.s3.list_buckets()["Buckets"], [], "buckets after down")
