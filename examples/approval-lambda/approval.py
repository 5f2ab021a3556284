"""A lifecycle hook of Amazon ECS that holds a deployment until a reviewer's verdict is in S3.

The bucket comes with the hook's details: {"S3_BUCKET_NAME": "approvals"}. The verdict on a
service revision is the object SERVICE/REVISION with the text "approved" or "rejected"; until it
is there the object SERVICE/REVISION.pending says what waits. The first deployment of a service
replaces nothing and needs no verdict.
"""

import json

import boto3

s3 = boto3.client("s3")
ecs = boto3.client("ecs")

SECONDS = 30  # until ECS asks again


def handler(event, context):
    print(json.dumps(event))
    details = event["hookDetails"]
    bucket, key = details["S3_BUCKET_NAME"], key_of(event)
    if "first" not in details:
        # ECS hands back what we return as hookDetails, so this is looked up once.
        details["first"] = is_first(event["executionDetails"]["serviceArn"])
    if details["first"]:
        return {"hookStatus": "SUCCEEDED"}

    verdict = read(bucket, key)
    if verdict in ("approved", "rejected"):
        s3.delete_object(Bucket=bucket, Key=key + ".pending")
        return {"hookStatus": "SUCCEEDED" if verdict == "approved" else "FAILED"}
    if not details.get("asked"):
        # The place to tell people: a message to a chat, a mail, a ticket.
        s3.put_object(Bucket=bucket, Key=key + ".pending", Body=json.dumps(event).encode())
    return {
        "hookStatus": "IN_PROGRESS",
        "callBackDelay": details.get("SECONDS", SECONDS),
        "hookDetails": {"first": False, "asked": True},
    }


def key_of(event):
    """SERVICE/REVISION of the revision that is to be judged."""
    return "/".join(event["executionDetails"]["targetServiceRevisionArn"].split("/")[-2:])


def is_first(service):
    cluster = service.split("/")[-2]
    return len(ecs.list_service_deployments(cluster=cluster, service=service)["serviceDeployments"]) <= 1


def read(bucket, key):
    try:
        return s3.get_object(Bucket=bucket, Key=key)["Body"].read().decode().strip()
    except s3.exceptions.NoSuchKey:
        return None
