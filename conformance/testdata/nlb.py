"""A network load balancer: weights counted over connections, metrics; an ECS service rolls and shifts behind it."""

# speed: 300
import datetime
import json
import ssl

from lib import *

need("ecs", "continue_service_deployment")
subnets, vpc = network()


class Front(Balancer):
    """A network load balancer; its listeners forward connections."""

    def __init__(self, name):
        made = aws.elbv2.create_load_balancer(Name=name, Type="network", Subnets=subnets[:2])["LoadBalancers"][0]
        equal((made["Type"], made["State"]["Code"], made["SecurityGroups"]), ("network", "active", []), "the balancer")
        self.arn = made["LoadBalancerArn"]
        holds(":loadbalancer/net/front/", self.arn, "ARN")

    def group(self, name, **more):
        arn = aws.elbv2.create_target_group(
            Name=name, Protocol="TCP", Port=8080, VpcId=vpc, TargetType="ip", HealthCheckIntervalSeconds=10, HealthyThresholdCount=2, **more
        )["TargetGroups"][0]["TargetGroupArn"]
        aws.elbv2.modify_target_group_attributes(TargetGroupArn=arn, Attributes=[{"Key": "deregistration_delay.timeout_seconds", "Value": "60"}])
        return arn

    def listener(self, *actions, protocol="TCP", **more):
        port = free_port()
        arn = aws.elbv2.create_listener(LoadBalancerArn=self.arn, Protocol=protocol, Port=port, DefaultActions=list(actions), **more)["Listeners"][0]["ListenerArn"]
        tags = aws.elbv2.describe_tags(ResourceArns=[arn])["TagDescriptions"][0]["Tags"]
        self.address = next((t["Value"] for t in tags if t["Key"] == "aws:slipway:address"), f"127.0.0.1:{port}")
        return arn


def shares(listener):
    """The weights a listener forwards with, by target group."""
    action = aws.elbv2.describe_listeners(ListenerArns=[listener])["Listeners"][0]["DefaultActions"][0]
    return {g["TargetGroupArn"]: g["Weight"] for g in action["ForwardConfig"]["TargetGroups"]}


def count(address, n):
    """Who greets n new connections, counted."""
    seen = collections.Counter()
    for _ in range(n):
        host, port = address.rsplit(":", 1)
        with socket.create_connection((host, int(port)), timeout=10) as c:
            seen[c.recv(1)] += 1
    return seen


def greet(name):
    """A server that greets each connection with its name; gives its port."""
    s = socket.create_server(("127.0.0.1", 0), backlog=64)

    def serve():
        while True:
            c, _ = s.accept()
            with c:
                c.sendall(name)

    threading.Thread(target=serve, daemon=True).start()
    return s.getsockname()[1]


f = Front("front")
a, b = f.group("a"), f.group("b", HealthCheckProtocol="TCP")
described = aws.elbv2.describe_target_groups(TargetGroupArns=[a])["TargetGroups"][0]
equal((described["HealthCheckProtocol"], described["HealthCheckTimeoutSeconds"], "HealthCheckPath" in described, "Matcher" in described), ("TCP", 10, False, False), "checks of TCP")
plain = f.listener(weighted((a, 80), (b, 20)))
for g, name in ((a, b"a"), (b, b"b")):
    aws.elbv2.register_targets(TargetGroupArn=g, Targets=[{"Id": "127.0.0.1", "Port": greet(name)}])
    until("the target is healthy", lambda: health(g)["healthy"] == 1)
seen = count(f.address, 300)
assert 48 <= seen[b"b"] <= 72, f"80/20 gave {seen}"
aws.elbv2.modify_listener(ListenerArn=plain, DefaultActions=[weighted((a, 0), (b, 100))])
equal(count(f.address, 20), {b"b": 20}, "0/100")

refused("ValidationError", "Listener protocol 'HTTP' must be one of", f.listener, forward(a), protocol="HTTP")
refused("InvalidConfigurationRequest", "not supported by this local cloud", f.listener, forward(a), protocol="UDP")
refused("UnsupportedProtocol", "", aws.elbv2.create_rule, ListenerArn=plain, Priority=1, Actions=[forward(a)],
        Conditions=[{"Field": "path-pattern", "Values": ["/x"]}])
refused("InvalidConfigurationRequest", "is not supported on load balancers with type 'network'", aws.elbv2.modify_load_balancer_attributes,
        LoadBalancerArn=f.arn, Attributes=[{"Key": "idle_timeout.timeout_seconds", "Value": "60"}])


# --- a listener of TLS ends it, and forwards what is within
acm = "arn:aws:acm:us-east-1:123456789012:certificate/11111111-2222-3333-4444-555555555555".replace("123456789012", f.arn.split(":")[4])
refused("ValidationError", "A certificate must be specified for TLS listeners", f.listener, forward(b), protocol="TLS")
refused("ALPNPolicyNotFound", "", f.listener, forward(b), protocol="TLS", Certificates=[{"CertificateArn": acm}], AlpnPolicy=["HTTP3Only"])
plain_address, secure = f.address, f.listener(forward(b), protocol="TLS", Certificates=[{"CertificateArn": acm}], AlpnPolicy=["HTTP1Only"])
got = aws.elbv2.describe_listeners(ListenerArns=[secure])["Listeners"][0]
equal((got["Protocol"], got["SslPolicy"], got["Certificates"], got["AlpnPolicy"]), ("TLS", "ELBSecurityPolicy-2016-08", [{"CertificateArn": acm}], ["HTTP1Only"]), "the listener of TLS")
context = ssl._create_unverified_context()
context.set_alpn_protocols(["h2", "http/1.1"])
with socket.create_connection((f.address.rsplit(":", 1)[0], int(f.address.rsplit(":", 1)[1])), timeout=30) as raw, context.wrap_socket(raw, server_hostname="localhost") as s:
    equal((s.recv(1), s.selected_alpn_protocol()), (b"b", "http/1.1"), "what is within TLS")
aws.elbv2.delete_listener(ListenerArn=secure)
f.address = plain_address


def metric(name, stat, *more):
    now = datetime.datetime.now(datetime.timezone.utc)
    found = aws.cloudwatch.get_metric_statistics(Namespace="AWS/NetworkELB", MetricName=name, Dimensions=[f.dimension, *more], Period=60, Statistics=[stat],
                                                 StartTime=now - datetime.timedelta(minutes=30), EndTime=now + datetime.timedelta(minutes=2))["Datapoints"]
    return sum(p[stat] for p in found) if stat == "Sum" else max((p[stat] for p in found), default=0)


until("321 flows are counted", lambda: metric("NewFlowCount", "Sum") == 321)
until("their bytes", lambda: metric("ProcessedBytes", "Sum") == 321)
until("one of them with TLS", lambda: (metric("NewFlowCount_TLS", "Sum"), metric("NewFlowCount_TCP", "Sum")) == (1, 320))
until("a healthy host", lambda: metric("HealthyHostCount", "Maximum", {"Name": "TargetGroup", "Value": b.split(":")[-1]}) == 1)

# --- a service behind it: checked by HTTP, with room for the start of a process at this speed
aws.ecs.create_cluster(clusterName="c")
blue, green = (f.group(n, HealthCheckProtocol="HTTP", HealthCheckPath="/health") for n in ("blue", "green"))
test = f.listener(forward(blue))
test_address = f.address
production = f.listener(forward(blue))  # ECS itself adds the other group
way = {"targetGroupArn": blue, "containerName": "web", "containerPort": 8080, "advancedConfiguration": {
    "alternateTargetGroupArn": green, "productionListenerRule": production, "testListenerRule": test, "roleArn": "arn:aws:iam::000000000000:role/ecsInfrastructureRole"}}
refused("InvalidParameterException", "productionListenerRule has an invalid ARN format. Must be RuleArn for ALB or ListenerArn for NLB. Got: ", create, define("web:v1"), loadBalancers=[
    {**way, "advancedConfiguration": {**way["advancedConfiguration"], "productionListenerRule": production.replace("/net/", "/app/")}}])
create(define("web:v1"), healthCheckGracePeriodSeconds=6000, loadBalancers=[way])
steady()
equal(get(f.address)[1]["X-Sample-Version"], "v1", "who answers")
aws.ecs.update_service(cluster="c", service="web", taskDefinition=define("web:v2"))
steady()
equal(get(f.address)[1]["X-Sample-Version"], "v2", "who answers after rolling")
equal(shares(production), {blue: 1}, "the listener of a service that rolls")

aws.ecs.update_service(cluster="c", service="web", taskDefinition=define("web:v3"), deploymentConfiguration={"strategy": "BLUE_GREEN", "bakeTimeInMinutes": 0})
until("the test listener sends to green", lambda: shares(test) == {blue: 0, green: 100})
until("the new version answers the test listener", lambda: get(test_address)[1]["X-Sample-Version"] == "v3")
d = finished("SUCCESSFUL")
equal(shares(production), {blue: 0, green: 100}, "the production listener")
assert d["finishedAt"] - d["startedAt"] >= datetime.timedelta(seconds=20 * 60 / 300), "two stages of ten minutes"
steady()
equal(get(f.address)[1]["X-Sample-Version"], "v3", "who answers after the shift")

# --- and one that CodeDeploy deploys, which shifts all at once there
cd = aws.codedeploy
one, two = (f.group(n, HealthCheckProtocol="HTTP", HealthCheckPath="/health") for n in ("one", "two"))
driven = f.listener(forward(one))
create(define("web:v1", family="driven"), name="driven", desired=1, group=one, healthCheckGracePeriodSeconds=6000, deploymentController={"type": "CODE_DEPLOY"})
until("the first task set is steady", lambda: service("driven")["taskSets"][0]["stabilityStatus"] == "STEADY_STATE")
cd.create_application(applicationName="web", computePlatform="ECS")
group = dict(
    applicationName="web", deploymentGroupName="web", serviceRoleArn="arn:aws:iam::123456789012:role/codedeploy", deploymentConfigName="CodeDeployDefault.ECSAllAtOnce",
    deploymentStyle={"deploymentType": "BLUE_GREEN", "deploymentOption": "WITH_TRAFFIC_CONTROL"}, ecsServices=[{"clusterName": "c", "serviceName": "driven"}],
    loadBalancerInfo={"targetGroupPairInfoList": [{"targetGroups": [{"name": "one"}, {"name": "two"}], "prodTrafficRoute": {"listenerArns": [driven]}}]},
    blueGreenDeploymentConfiguration={
        "terminateBlueInstancesOnDeploymentSuccess": {"action": "TERMINATE", "terminationWaitTimeInMinutes": 1}, "deploymentReadyOption": {"actionOnTimeout": "CONTINUE_DEPLOYMENT"}},
)
refused("InvalidTrafficRoutingConfigurationException", "Only ALB supports gradual traffic routing", cd.create_deployment_group, **{**group, "deploymentConfigName": "CodeDeployDefault.ECSCanary10Percent5Minutes"})
cd.create_deployment_group(**group)
content = json.dumps({"version": 0.0, "Resources": [{"TargetService": {"Type": "AWS::ECS::Service", "Properties": {
    "TaskDefinition": define("web:v2", family="driven"), "LoadBalancerInfo": {"ContainerName": "web", "ContainerPort": 8080}}}}]})
id = cd.create_deployment(applicationName="web", deploymentGroupName="web", revision={"revisionType": "AppSpecContent", "appSpecContent": {"content": content}})["deploymentId"]
until("the deployment succeeded", lambda: cd.get_deployment(deploymentId=id)["deploymentInfo"]["status"] == "Succeeded")
assert shares(driven)[two] > 0 and not shares(driven).get(one), shares(driven)
equal(get(f.address)[1]["X-Sample-Version"], "v2", "who answers after CodeDeploy")
