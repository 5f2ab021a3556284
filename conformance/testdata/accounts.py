"""Two accounts and two regions see nothing of each other; an id of 12 digits is the account."""

from lib import *

here = dict(region="us-east-1", key="111111111111")
there = dict(region="us-east-1", key="222222222222")
west = dict(region="eu-west-1", key="111111111111")
equal([client("sts", **w).get_caller_identity()["Account"] for w in (here, there, west)],
      ["111111111111", "222222222222", "111111111111"], "accounts")
ecs = {n: client("ecs", **w) for n, w in (("here", here), ("there", there), ("west", west))}
arn = ecs["here"].create_cluster(clusterName="shop")["cluster"]["clusterArn"]
equal(arn, "arn:aws:ecs:us-east-1:111111111111:cluster/shop", "ARN")
d = ecs["here"].register_task_definition(family="f", containerDefinitions=[{"name": "a", "image": "a", "memory": 64}])["taskDefinition"]
equal((d["taskDefinitionArn"], d["revision"]), ("arn:aws:ecs:us-east-1:111111111111:task-definition/f:1", 1), "definition")
for n in ("there", "west"):
    equal(ecs[n].list_clusters()["clusterArns"], [], f"clusters of {n}")
    equal(ecs[n].list_task_definitions()["taskDefinitionArns"], [], f"definitions of {n}")
    refused("ClientException", "Unable to describe task definition.", ecs[n].describe_task_definition, taskDefinition="f:1")
    refused("ClusterNotFoundException", "Cluster not found.", ecs[n].list_services, cluster="shop")
equal(ecs["west"].register_task_definition(family="f", containerDefinitions=[{"name": "a", "image": "a", "memory": 64}])["taskDefinition"]["revision"], 1, "revisions count by region")

ec2 = {n: client("ec2", **w) for n, w in (("here", here), ("there", there), ("west", west))}
vpcs = {n: c.describe_vpcs()["Vpcs"] for n, c in ec2.items()}
for n, found in vpcs.items():
    equal([v["IsDefault"] for v in found], [True], f"VPCs of {n}")
equal(len({v[0]["VpcId"] for v in vpcs.values()}), 3, "default VPCs are each one's own")
equal(sorted({s["AvailabilityZone"] for s in ec2["west"].describe_subnets()["Subnets"]}), ["eu-west-1a", "eu-west-1b", "eu-west-1c"], "zones of eu-west-1")
client("cloudwatch", **here).put_metric_alarm(AlarmName="a", Namespace="N", MetricName="M", Statistic="Sum", Period=60, EvaluationPeriods=1, Threshold=1.0, ComparisonOperator="GreaterThanThreshold")
for w in (there, west):
    equal(client("cloudwatch", **w).describe_alarms()["MetricAlarms"], [], "alarms elsewhere")
nets = [s["SubnetId"] for s in ec2["there"].describe_subnets()["Subnets"]][:2]
refused("SubnetNotFound", nets[0], client("elbv2", **here).create_load_balancer, Name="x", Subnets=nets)
