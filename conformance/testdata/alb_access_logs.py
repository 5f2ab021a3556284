"""Access logs: a bucket that cannot be written to is refused; requests come as lines of compressed objects."""

# speed: 200
import gzip
import shlex

from lib import *

elb, s3 = aws.elbv2, aws.s3
b = Balancer()
b.listener({"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "200", "MessageBody": "hi", "ContentType": "text/plain"}})


def logs(**values):
    return elb.modify_load_balancer_attributes(LoadBalancerArn=b.arn, Attributes=[{"Key": f"access_logs.s3.{k}", "Value": v} for k, v in values.items()])


refused("InvalidConfigurationRequest", "Access Denied for bucket: gone. Please check S3bucket permission", logs, enabled="true", bucket="gone", prefix="web")
s3.create_bucket(Bucket="logs")
logs(enabled="true", bucket="logs", prefix="web")
account = b.arn.split(":")[4]
keys = lambda: [o["Key"] for o in s3.list_objects_v2(Bucket="logs").get("Contents", [])]
equal(keys(), [f"web/AWSLogs/{account}/ELBAccessLogTestFile"], "objects at first")
for n in range(3):
    equal(get(b.address, f"/path-{n}?q=1")[0], 200, "status")


def logged(key):
    return gzip.decompress(s3.get_object(Bucket="logs", Key=key)["Body"].read()).decode().splitlines()


# A log ends while requests come as it may: the first of them is looked for.
found = until("an object with the first request comes", lambda: [k for k in keys() if k.endswith(".log.gz") and "/path-0?q=1" in str(logged(k))])[0]
dimension = b.arn.split("loadbalancer/")[1]
holds(f"web/AWSLogs/{account}/elasticloadbalancing/us-east-1/20", found, "key")
holds(f"/{account}_elasticloadbalancing_us-east-1_{dimension.replace('/', '.')}_", found, "key")
first = shlex.split(next(line for line in logged(found) if "/path-0?q=1" in line))
equal(first[0], "http", "type")
equal(first[2], dimension, "balancer")
equal(first[4:10], ["-", "-1", "-1", "-1", "200", "-"], "target, times and codes")
holds("/path-0?q=1 HTTP/1.1", first[12], "request")
equal(first[20], "0", "priority of the default rule")
equal(first[22], "fixed-response", "action")
