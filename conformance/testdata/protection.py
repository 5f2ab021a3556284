"""Task protection, attributes and account settings: protected tasks outlive scaling in."""

# speed: 40
from lib import *

aws.ecs.create_cluster(clusterName="c")
create(define("app", command=["/bin/sh", "-c", "exec sleep 1000"]), desired=2)
steady()
arns = sorted(k["taskArn"] for k in tasks())
out = aws.ecs.update_task_protection(cluster="c", tasks=[arns[0]], protectionEnabled=True, expiresInMinutes=2000)
equal((out["failures"], out["protectedTasks"][0]["protectionEnabled"]), ([], True), "protection")
aws.ecs.update_service(cluster="c", service="web", desiredCount=1)
until("one task is left", lambda: service()["runningCount"] == 1)
equal([k["taskArn"] for k in tasks()], [arns[0]], "the protected one")
alone = aws.ecs.run_task(cluster="c", taskDefinition="web", launchType="FARGATE", networkConfiguration=net())["tasks"][0]["taskArn"]
equal(aws.ecs.update_task_protection(cluster="c", tasks=[alone], protectionEnabled=True)["failures"][0]["reason"], "TASK_NOT_VALID", "a task of no service")
equal(aws.ecs.get_task_protection(cluster="c", tasks=[arns[0]])["protectedTasks"][0]["taskArn"], arns[0], "as read")

aws.ecs.put_account_setting(name="containerInsights", value="enabled")
found = aws.ecs.list_account_settings(name="containerInsights", effectiveSettings=True)["settings"]
equal([(s["name"], s["value"]) for s in found], [("containerInsights", "enabled")], "setting")
refused("InvalidParameterException", "", aws.ecs.put_account_setting, name="containerInsights", value="perhaps")
