"""Pages: opaque tokens, page sizes, everything once, and refusal of a token nobody gave."""

from lib import *

ecs = aws.ecs
def pages(name, key, size, c=None, **args):
    c = c or ecs
    found, n = [], 0
    for page in c.get_paginator(name).paginate(PaginationConfig={"PageSize": size}, **args):
        n += 1
        assert len(page[key]) <= size, f"{name}: {len(page[key])} on a page of {size}"
        found += page[key]
    return found, n

for i in range(7):
    ecs.create_cluster(clusterName=f"c{i}")
    ecs.register_task_definition(family=f"f{i % 2}", containerDefinitions=[{"name": "a", "image": "a", "memory": 64}])
found, n = pages("list_clusters", "clusterArns", 3)
equal((len(found), len(set(found)), n), (7, 7, 3), "clusters, different ones, pages")
found, n = pages("list_task_definitions", "taskDefinitionArns", 2)
equal([a.split("/")[1] for a in found], ["f0:1", "f0:2", "f0:3", "f0:4", "f1:1", "f1:2", "f1:3"], "definitions in order")
equal([a.split("/")[1] for a in ecs.list_task_definitions(sort="DESC", familyPrefix="f1")["taskDefinitionArns"]], ["f1:3", "f1:2", "f1:1"], "newest first")
equal(pages("list_task_definition_families", "families", 1)[0], ["f0", "f1"], "families")

for i in range(12):
    ecs.create_service(cluster="c0", serviceName=f"s{i:02}", taskDefinition="f0", desiredCount=0)
found = ecs.list_services(cluster="c0")
equal(len(found["serviceArns"]), 10, "services on a page nobody sized")
rest = ecs.list_services(cluster="c0", nextToken=found["nextToken"])
equal((len(rest["serviceArns"]), "nextToken" in rest), (2, False), "the rest")
equal(len(pages("list_services", "serviceArns", 5, cluster="c0")[0]), 12, "services")
refused("InvalidParameterException", "", ecs.list_services, cluster="c0", nextToken="made-up")
refused("InvalidParameterException", "", ecs.describe_services, cluster="c0", services=[f"s{i:02}" for i in range(11)])

_, vpc = network()
for i in range(5):
    aws.elbv2.create_target_group(Name=f"g{i}", Protocol="HTTP", Port=80, VpcId=vpc, TargetType="ip")
found, n = pages("describe_target_groups", "TargetGroups", 2, c=aws.elbv2)
equal((sorted(g["TargetGroupName"] for g in found), n), ([f"g{i}" for i in range(5)], 3), "target groups")
