"""What a task writes arrives in its awslogs stream, in order, with times of now."""

# speed: 40
from lib import *

aws.ecs.create_cluster(clusterName="c")
aws.logs.create_log_group(logGroupName="/tasks")
config = {"logDriver": "awslogs", "options": {"awslogs-group": "/tasks", "awslogs-region": "us-east-1", "awslogs-stream-prefix": "job"}}
d = define("app", family="job", command=["/bin/sh", "-c", "for i in 1 2 3; do echo line $i; done; echo gone wrong >&2; exit 4"], container={"logConfiguration": config})
began = time.time()
arn = aws.ecs.run_task(cluster="c", taskDefinition=d, launchType="FARGATE", networkConfiguration=net())["tasks"][0]["taskArn"]
k = until("the task has stopped", lambda: (k := aws.ecs.describe_tasks(cluster="c", tasks=[arn])["tasks"][0])["lastStatus"] == "STOPPED" and k)
equal(k["containers"][0]["exitCode"], 4, "exit code")
stream = "job/web/" + arn.split("/")[-1]
events = until("four lines", lambda: len(e := aws.logs.get_log_events(logGroupName="/tasks", logStreamName=stream, startFromHead=True)["events"]) == 4 and e)
equal([e["message"] for e in events if e["message"] != "gone wrong"], ["line 1", "line 2", "line 3"], "lines")
assert "gone wrong" in [e["message"] for e in events], events
for e in events:
    assert began - 5 <= e["timestamp"] / 1000 <= time.time() + 5, f"{e} is not of now"
equal(sorted(e["message"] for e in aws.logs.filter_log_events(logGroupName="/tasks", filterPattern="line")["events"]), ["line 1", "line 2", "line 3"], "filtered")

# a group that is not there keeps the task from starting
config = {"logDriver": "awslogs", "options": {"awslogs-group": "/none", "awslogs-region": "us-east-1", "awslogs-stream-prefix": "job"}}
d = define("app", family="job", command=["/bin/true"], container={"logConfiguration": config})
arn = aws.ecs.run_task(cluster="c", taskDefinition=d, launchType="FARGATE", networkConfiguration=net())["tasks"][0]["taskArn"]
k = until("the task has stopped", lambda: (k := aws.ecs.describe_tasks(cluster="c", tasks=[arn])["tasks"][0])["lastStatus"] == "STOPPED" and k)
equal(k["stopCode"], "TaskFailedToStart", "stop code")
holds("ResourceInitializationError", k["stoppedReason"], "reason")
