"""Container instances: registered, described, given attributes, filled, drained, deregistered."""

# speed: 60
import json

from lib import *

ecs = aws.ecs
ecs.create_cluster(clusterName="c")
refused("InvalidParameterException", "No Container Instances were found in your cluster.", ecs.run_task, cluster="c", taskDefinition=bridge())


def register(zone, **more):
    doc = {"instanceId": f"i-0000000000000000{zone}", "instanceType": "t3.small", "availabilityZone": f"us-east-1{zone}", "region": "us-east-1"}
    return ecs.register_container_instance(cluster="c", instanceIdentityDocument=json.dumps(doc), instanceIdentityDocumentSignature="x", **more)["containerInstance"]


total = [
    {"name": "CPU", "type": "INTEGER", "integerValue": 1024}, {"name": "MEMORY", "type": "INTEGER", "integerValue": 1000},
    {"name": "PORTS", "type": "STRINGSET", "stringSetValue": ["22"]}, {"name": "PORTS_UDP", "type": "STRINGSET", "stringSetValue": []},
]
one, two = register("a", totalResources=total), register("b", tags=[{"key": "team", "value": "web"}])
arn = one["containerInstanceArn"]
holds("arn:aws:ecs:us-east-1:123456789012:container-instance/c/", arn, "ARN")
equal((one["status"], one["ec2InstanceId"], one["agentConnected"], one["runningTasksCount"]), ("ACTIVE", "i-0000000000000000a", True, 0), "registered")
equal(ecs.describe_clusters(clusters=["c"])["clusters"][0]["registeredContainerInstancesCount"], 2, "instances of the cluster")
equal(register("a", totalResources=total)["containerInstanceArn"], arn, "registered again")


def instance(arn, **more):
    found = ecs.describe_container_instances(cluster="c", containerInstances=[arn], **more)
    equal(found["failures"], [], "failures")
    return found["containerInstances"][0]


def left(arn):
    return {r["name"]: r["integerValue"] if r["type"] == "INTEGER" else r["stringSetValue"] for r in instance(arn)["remainingResources"]}


equal(left(arn), {"CPU": 1024, "MEMORY": 1000, "PORTS": ["22"], "PORTS_UDP": []}, "remaining at first")
equal([r["name"] for r in instance(two["containerInstanceArn"])["registeredResources"]], ["CPU", "MEMORY", "PORTS", "PORTS_UDP"], "resources")
equal(instance(two["containerInstanceArn"], include=["TAGS"])["tags"], [{"key": "team", "value": "web"}], "tags")
holds({"name": "ecs.availability-zone", "value": "us-east-1b"}, instance(two["containerInstanceArn"])["attributes"], "attributes")
missing = ecs.describe_container_instances(cluster="c", containerInstances=["0" * 32])["failures"][0]
equal(missing["reason"], "MISSING", "an instance that is not there")

ecs.put_attributes(cluster="c", attributes=[{"name": "stack", "value": "prod", "targetId": arn}])
found = ecs.list_attributes(cluster="c", targetType="container-instance", attributeName="stack", attributeValue="prod")["attributes"]
equal(found, [{"name": "stack", "value": "prod", "targetId": arn}], "attributes")
for query, want in {
    "attribute:stack == prod": [arn], "attribute:stack !exists": [two["containerInstanceArn"]],
    "attribute:ecs.availability-zone in [us-east-1a, us-east-1b] and not(attribute:stack exists)": [two["containerInstanceArn"]],
    "ec2InstanceId =~ i-0+a": [arn], "runningTasksCount > 0": [],
}.items():
    equal(ecs.list_container_instances(cluster="c", filter=query)["containerInstanceArns"], want, query)
refused("InvalidParameterException", "", ecs.list_container_instances, cluster="c", filter="stack is prod")
refused("TargetNotFoundException", "", ecs.put_attributes, cluster="c", attributes=[{"name": "x", "targetId": "0" * 32}])

# StartTask says what an instance lacks.
bridge(cpu=600, memory=100, ports=[(80, 8080), (81, 0)])
out = ecs.start_task(cluster="c", taskDefinition="web", containerInstances=[arn, "0" * 32])
equal((len(out["tasks"]), [f["reason"] for f in out["failures"]]), (1, ["MISSING"]), "started")
ran = out["tasks"][0]
equal((ran["containerInstanceArn"], ran["launchType"]), (arn, "EC2"), "task")
equal(ecs.start_task(cluster="c", taskDefinition="web", containerInstances=[arn])["failures"][0]["reason"], "RESOURCE:CPU", "started again")
task = lambda: ecs.describe_tasks(cluster="c", tasks=[ran["taskArn"]])["tasks"][0]
until("it runs", lambda: task()["lastStatus"] == "RUNNING")
ports = {b["containerPort"]: b["hostPort"] for b in task()["containers"][0]["networkBindings"]}
assert ports[80] == 8080 and 32768 <= ports[81] <= 65535, ports
equal(left(arn), {"CPU": 424, "MEMORY": 900, "PORTS": ["22", "8080"], "PORTS_UDP": []}, "remaining beside a task")
equal((instance(arn)["runningTasksCount"], ecs.list_tasks(cluster="c", containerInstance=arn)["taskArns"]), (1, [ran["taskArn"]]), "its tasks")

changed = ecs.update_container_instances_state(cluster="c", containerInstances=[arn], status="DRAINING")["containerInstances"][0]
equal(changed["status"], "DRAINING", "drained")
equal(ecs.list_container_instances(cluster="c", status="DRAINING")["containerInstanceArns"], [arn], "draining")
equal(ecs.start_task(cluster="c", taskDefinition="web", containerInstances=[arn])["failures"][0]["reason"], "DRAINING", "started on one that drains")
refused("InvalidParameterException", "Found running tasks on the instance.", ecs.deregister_container_instance, cluster="c", containerInstance=arn)
ecs.stop_task(cluster="c", task=ran["taskArn"])
until("it has stopped", lambda: task()["lastStatus"] == "STOPPED")
equal(left(arn), {"CPU": 1024, "MEMORY": 1000, "PORTS": ["22"], "PORTS_UDP": []}, "remaining afterwards")
refused("ClusterContainsContainerInstancesException", "", ecs.delete_cluster, cluster="c")
for x in (arn, two["containerInstanceArn"]):
    equal(ecs.deregister_container_instance(cluster="c", containerInstance=x)["containerInstance"]["status"], "INACTIVE", "deregistered")
equal(ecs.list_container_instances(cluster="c")["containerInstanceArns"], [], "instances at the end")
equal(ecs.delete_cluster(cluster="c")["cluster"]["status"], "INACTIVE", "the cluster")
