"""Parameters and secrets, by themselves and as variables of a task's containers."""

from lib import *

ssm, sm = aws.ssm, aws.secretsmanager

# --- parameters
equal(ssm.put_parameter(Name="/app/url", Value="db.local", Type="String")["Version"], 1, "first version")
refused("ParameterAlreadyExists", "already exists", ssm.put_parameter, Name="/app/url", Value="x", Type="String")
equal(ssm.put_parameter(Name="/app/url", Value="db2.local", Overwrite=True)["Version"], 2, "second version")
ssm.put_parameter(Name="/app/key", Value="k3y", Type="SecureString", Tags=[{"Key": "team", "Value": "shop"}])
ssm.put_parameter(Name="/app/list", Value="a,b", Type="StringList")
got = ssm.get_parameter(Name="/app/url")["Parameter"]
equal((got["Value"], got["Version"], got["Type"], got["DataType"]), ("db2.local", 2, "String", "text"), "parameter")
holds(":ssm:us-east-1:123456789012:parameter/app/url", got["ARN"], "ARN")
equal(ssm.get_parameter(Name="/app/url:1")["Parameter"]["Value"], "db.local", "by version")
equal(ssm.get_parameter(Name="/app/key", WithDecryption=True)["Parameter"]["Value"], "k3y", "decrypted")
equal(ssm.get_parameter(Name="/app/key")["Parameter"]["Value"] == "k3y", False, "not decrypted")
refused("ParameterNotFound", "", ssm.get_parameter, Name="/none")
many = ssm.get_parameters(Names=["/app/url", "/none"])
equal(([p["Name"] for p in many["Parameters"]], many["InvalidParameters"]), (["/app/url"], ["/none"]), "several")
equal([p["Name"] for p in ssm.get_parameters_by_path(Path="/app")["Parameters"]], ["/app/key", "/app/list", "/app/url"], "by path")
equal([p["Value"] for p in ssm.get_parameter_history(Name="/app/url")["Parameters"]], ["db.local", "db2.local"], "history")
described = ssm.describe_parameters(ParameterFilters=[{"Key": "Type", "Values": ["SecureString"]}])["Parameters"]
equal([(p["Name"], p["KeyId"]) for p in described], [("/app/key", "alias/aws/ssm")], "described")
equal(ssm.list_tags_for_resource(ResourceType="Parameter", ResourceId="/app/key")["TagList"], [{"Key": "team", "Value": "shop"}], "tags")
gone = ssm.delete_parameters(Names=["/app/list", "/none"])
equal((gone["DeletedParameters"], gone["InvalidParameters"]), (["/app/list"], ["/none"]), "deleted")

# --- secrets
made = sm.create_secret(Name="app/db", SecretString='{"user":"web","password":"one"}', Tags=[{"Key": "team", "Value": "shop"}])
refused("ResourceExistsException", "already exists", sm.create_secret, Name="app/db", SecretString="x")
sm.put_secret_value(SecretId="app/db", SecretString='{"user":"web","password":"two"}')
equal(sm.get_secret_value(SecretId=made["ARN"])["SecretString"], '{"user":"web","password":"two"}', "current")
equal(sm.get_secret_value(SecretId="app/db", VersionStage="AWSPREVIOUS")["VersionId"], made["VersionId"], "previous")
about = sm.describe_secret(SecretId="app/db")
equal(sorted(s for stages in about["VersionIdsToStages"].values() for s in stages), ["AWSCURRENT", "AWSPREVIOUS"], "stages")
equal([s["Name"] for s in sm.list_secrets(Filters=[{"Key": "name", "Values": ["app"]}])["SecretList"]], ["app/db"], "listed")
sm.create_secret(Name="bin", SecretBinary=b"\x00\x01")
equal(sm.get_secret_value(SecretId="bin")["SecretBinary"], b"\x00\x01", "binary")
refused("InvalidParameterException", "between 7 and 30", sm.delete_secret, SecretId="bin", RecoveryWindowInDays=3)
sm.delete_secret(SecretId="bin")
refused("InvalidRequestException", "marked for deletion", sm.get_secret_value, SecretId="bin")
refused("InvalidRequestException", "scheduled for deletion", sm.create_secret, Name="bin", SecretString="x")
sm.restore_secret(SecretId="bin")
sm.delete_secret(SecretId="bin", ForceDeleteWithoutRecovery=True)
refused("ResourceNotFoundException", "can't find the specified secret", sm.describe_secret, SecretId="bin")

# --- in tasks
aws.ecs.create_cluster(clusterName="c")
aws.logs.create_log_group(logGroupName="/t")


def run(family, *secrets):
    d = define("app", family, ["/bin/sh", "-c", "echo $URL $KEY $PASSWORD"], {
        "secrets": [{"name": n, "valueFrom": f} for n, f in secrets],
        "logConfiguration": {"logDriver": "awslogs", "options": {"awslogs-group": "/t", "awslogs-region": "us-east-1", "awslogs-stream-prefix": family}},
    }, executionRoleArn="arn:aws:iam::123456789012:role/execution")
    arn = aws.ecs.run_task(cluster="c", taskDefinition=d, launchType="FARGATE", networkConfiguration=net())["tasks"][0]["taskArn"]
    return until("the task has stopped", lambda: (t := aws.ecs.describe_tasks(cluster="c", tasks=[arn])["tasks"][0])["lastStatus"] == "STOPPED" and t)


t = run("good", ("URL", "/app/url"), ("KEY", ssm.get_parameter(Name="/app/key")["Parameter"]["ARN"]), ("PASSWORD", made["ARN"] + ":password::"))
equal(t["containers"][0].get("exitCode"), 0, f"exit code of {t}")
said = until("its output is there", lambda: aws.logs.filter_log_events(logGroupName="/t")["events"])
equal(said[0]["message"], "db2.local k3y two", "variables")
BEGIN = "ResourceInitializationError: unable to pull secrets or registry auth: execution resource retrieval failed: "
t = run("noparameter", ("URL", "/gone"))
equal((t["stopCode"], t["stoppedReason"]), ("TaskFailedToStart", BEGIN + "unable to retrieve secrets from ssm: service call has been retried 1 time(s): invalid parameters: /gone"), "no parameter")
t = run("nosecret", ("URL", "arn:aws:secretsmanager:us-east-1:123456789012:secret:gone-AbCdEf"))
equal(t["stopCode"], "TaskFailedToStart", "no secret")
holds("ResourceNotFoundException: Secrets Manager can't find the specified secret.", t["stoppedReason"], "no secret")
