"""A lifecycle hook that is a Lambda function in Python: ECS waits for its verdict, which it reads from S3."""
# speed: 60

import io
import json
import zipfile

from lib import *

kw = dict(endpoint_url=ENDPOINT, region_name="us-east-1")
fn, s3 = boto3.client("lambda", **kw), boto3.client("s3", **kw)
CODE = """
import json, os, boto3
s3 = boto3.client("s3")
def handler(event, context):
    print(json.dumps(event))
    try:
        verdict = s3.get_object(Bucket="verdicts", Key="verdict")["Body"].read().decode().strip()
    except s3.exceptions.NoSuchKey:
        return {"hookStatus": "IN_PROGRESS", "callBackDelay": 5}
    return {"hookStatus": "SUCCEEDED" if verdict == "approved" else "FAILED"}
"""
out = io.BytesIO()
with zipfile.ZipFile(out, "w") as z:
    z.writestr("review.py", CODE)
s3.create_bucket(Bucket="verdicts")
arn = fn.create_function(FunctionName="review", Runtime="python3.12", Role="arn:aws:iam::123456789012:role/f", Handler="review.handler", Code={"ZipFile": out.getvalue()}, Timeout=60)["FunctionArn"]
aws.ecs.create_cluster(clusterName="c")
hook = {"hookTargetArn": arn, "roleArn": "arn:aws:iam::123456789012:role/ecs", "lifecycleStages": ["POST_SCALE_UP"]}
config = {"strategy": "BLUE_GREEN", "bakeTimeInMinutes": 0, "lifecycleHooks": [hook]}
create(define("web:v1"), desired=1, config=config)


def deploys(verdict, want):
    s3.put_object(Bucket="verdicts", Key="verdict", Body=b"approved")
    until("the service deployment is over", lambda: service_deployment()["status"] in ("SUCCESSFUL", "ROLLBACK_SUCCESSFUL"))
    s3.delete_object(Bucket="verdicts", Key="verdict")
    before = service_deployment()["serviceDeploymentArn"]
    aws.ecs.update_service(cluster="c", service="web", taskDefinition=define("web:v2", container={"environment": [{"name": "V", "value": verdict}]}))
    until("the hook was asked", lambda: (d := service_deployment())["serviceDeploymentArn"] != before and d["lifecycleStage"] == "POST_SCALE_UP" and d["status"] == "IN_PROGRESS")
    s3.put_object(Bucket="verdicts", Key="verdict", Body=verdict.encode())
    until("the verdict counts", lambda: service_deployment()["status"] == want)


deploys("approved", "SUCCESSFUL")
deploys("rejected", "ROLLBACK_SUCCESSFUL")
