"""Tags of clusters, definitions, services, tasks, balancers: set, shown, changed, propagated, refused."""

# speed: 40
from lib import *

ecs = aws.ecs
cluster = ecs.create_cluster(clusterName="c", tags=[{"key": "team", "value": "shop"}])["cluster"]
equal(cluster["tags"], [{"key": "team", "value": "shop"}], "tags of a new cluster")
d = define("app", command=["/bin/sh", "-c", "exec sleep 1000"], tags=[{"key": "of", "value": "definition"}])
s = create(d, desired=1, tags=[{"key": "of", "value": "service"}], propagateTags="SERVICE", enableECSManagedTags=True)
arn = s["serviceArn"]
equal(ecs.list_tags_for_resource(resourceArn=arn)["tags"], [{"key": "of", "value": "service"}], "tags of a service")
ecs.tag_resource(resourceArn=arn, tags=[{"key": "of", "value": "web"}, {"key": "more", "value": "yes"}])
ecs.untag_resource(resourceArn=arn, tagKeys=["missing"])
shown = ecs.describe_services(cluster="c", services=["web"], include=["TAGS"])["services"][0]["tags"]
equal(sorted((t["key"], t["value"]) for t in shown), [("more", "yes"), ("of", "web")], "tags after a change")
assert not service().get("tags"), "tags are shown when asked for alone"
steady()
arn = ecs.list_tasks(cluster="c")["taskArns"][0]
of = {t["key"]: t["value"] for t in ecs.describe_tasks(cluster="c", tasks=[arn], include=["TAGS"])["tasks"][0]["tags"]}
equal((of["of"] in ("service", "web"), of["aws:ecs:clusterName"], of["aws:ecs:serviceName"]), (True, "c", "web"), f"tags of a task {of}")
equal(ecs.describe_task_definition(taskDefinition=d, include=["TAGS"])["tags"], [{"key": "of", "value": "definition"}], "tags of a definition")
refused("InvalidParameterException", "", ecs.tag_resource, resourceArn=s["serviceArn"], tags=[{"key": "aws:x", "value": "1"}])

b = Balancer()
elb = aws.elbv2
elb.add_tags(ResourceArns=[b.arn], Tags=[{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "2"}])
elb.remove_tags(ResourceArns=[b.arn], TagKeys=["a"])
equal(elb.describe_tags(ResourceArns=[b.arn])["TagDescriptions"], [{"ResourceArn": b.arn, "Tags": [{"Key": "b", "Value": "2"}]}], "tags of a balancer")
refused("DuplicateTagKeys", "", elb.add_tags, ResourceArns=[b.arn], Tags=[{"Key": "x", "Value": "1"}, {"Key": "x", "Value": "2"}])
