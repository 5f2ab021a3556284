"""What the boto3 scripts share: clients, things to build, and ways to look.

Nothing here sleeps for effect: until() waits for a condition, always with a limit.
"""

import collections
import http.client
import os
import socket
import sys
import threading
import time

import boto3
import botocore.config
import botocore.exceptions

ENDPOINT = os.environ["ENDPOINT"]
PATIENCE = 120  # seconds a condition may take to come true; most need a few, and a busy machine many


def client(name, region="us-east-1", key="test"):
    """A client of the local cloud, as any user makes one, retries off so that errors show."""
    return boto3.client(
        name,
        endpoint_url=ENDPOINT,
        region_name=region,
        aws_access_key_id=key,
        aws_secret_access_key="test",
        config=botocore.config.Config(retries={"max_attempts": 0}),
    )


class _Lazy:
    """Makes each client at its first use: loading a model takes a while."""

    def __getattr__(self, name):
        made = client(name)
        setattr(self, name, made)
        return made


aws = _Lazy()


def skip(why):
    print("SKIPPED:", why)
    sys.exit(77)


def need(service, operation):
    """Skips the script where this boto3 is older than the operation."""
    if not hasattr(getattr(aws, service), operation):
        skip(f"this boto3 ({boto3.__version__}) does not know {service}.{operation}")


def equal(got, want, what):
    assert got == want, f"{what}: got {got!r}, want {want!r}"


def holds(part, whole, what):
    assert part in whole, f"{what}: want {part!r} in {whole!r}"


def refused(code, text, call, *given, **args):
    """Asserts that a call is refused with a code and a piece of its message; gives the error."""
    try:
        out = call(*given, **args)
    except botocore.exceptions.ClientError as e:
        equal(e.response["Error"]["Code"], code, f"code of {e.response['Error']}")
        holds(text, e.response["Error"]["Message"], "message")
        return e.response
    raise AssertionError(f"want {code} for {given or ''}{args}, got {out}")


def show():
    """Prints the services and tasks there are, for the reader of a failure."""
    for cluster in aws.ecs.list_clusters()["clusterArns"]:
        for arn in aws.ecs.list_services(cluster=cluster)["serviceArns"]:
            s = aws.ecs.describe_services(cluster=cluster, services=[arn])["services"][0]
            for d in s["deployments"]:
                print(arn, d["id"], d["status"], d["rolloutState"], d["rolloutStateReason"], {k: d[k] for k in ("desiredCount", "runningCount", "pendingCount", "failedTasks")})
            for e in s["events"][:25]:
                print("  ", e["createdAt"].time(), e["message"])
        for status in ("RUNNING", "STOPPED"):
            arns = aws.ecs.list_tasks(cluster=cluster, desiredStatus=status)["taskArns"]
            for k in aws.ecs.describe_tasks(cluster=cluster, tasks=arns)["tasks"] if arns else []:
                print("  ", k["taskArn"].split("/")[-1], k["startedBy"] if "startedBy" in k else "-", k["lastStatus"], k["desiredStatus"], k.get("stopCode"), k.get("stoppedReason"),
                      *(str(k[n].time()) if n in k else "-" for n in ("createdAt", "startedAt", "stoppingAt", "stoppedAt")), [(c.get("exitCode"), c.get("reason")) for c in k["containers"]])


def until(what, look, patience=PATIENCE):
    """Looks again and again until the answer is truthy, and gives it; the last answer is in the failure."""
    end = time.monotonic() + patience
    while True:
        got = look()
        if got:
            return got
        if time.monotonic() >= end:
            show()
            raise AssertionError(f"after {patience} s not yet: {what}; last seen {got!r}")
        time.sleep(0.1)


# --- things to build


def network():
    """Subnets in different zones and their VPC."""
    nets = aws.ec2.describe_subnets()["Subnets"]
    return [n["SubnetId"] for n in nets], nets[0]["VpcId"]


def nobody():
    """A port of 127.0.0.1 that nobody listens on: it is held, and refuses connections, until the script ends."""
    s = socket.socket()
    s.bind(("127.0.0.1", 0))
    _held.append(s)
    return s.getsockname()[1]


_held = []


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Balancer:
    """An ALB with one listener; url is where the listener answers."""

    def __init__(self, name="web"):
        subnets, self.vpc = network()
        made = aws.elbv2.create_load_balancer(Name=name, Subnets=subnets[:2])["LoadBalancers"][0]
        self.arn, self.dns = made["LoadBalancerArn"], made["DNSName"]

    def group(self, name="web", delay=10, interval=5, unhealthy=3, path="/health", **more):
        arn = aws.elbv2.create_target_group(
            Name=name, Protocol="HTTP", Port=8080, VpcId=self.vpc, TargetType="ip", HealthCheckPath=path,
            HealthCheckIntervalSeconds=interval, HealthyThresholdCount=2, UnhealthyThresholdCount=unhealthy, HealthCheckTimeoutSeconds=2, **more,
        )["TargetGroups"][0]["TargetGroupArn"]
        aws.elbv2.modify_target_group_attributes(
            TargetGroupArn=arn, Attributes=[{"Key": "deregistration_delay.timeout_seconds", "Value": str(delay)}]
        )
        return arn

    def listener(self, *actions):
        port = free_port()
        self.listener_arn = aws.elbv2.create_listener(
            LoadBalancerArn=self.arn, Protocol="HTTP", Port=port, DefaultActions=list(actions)
        )["Listeners"][0]["ListenerArn"]
        tags = aws.elbv2.describe_tags(ResourceArns=[self.listener_arn])["TagDescriptions"][0]["Tags"]
        self.address = next((t["Value"] for t in tags if t["Key"] == "aws:slipway:address"), f"127.0.0.1:{port}")
        return self.listener_arn

    @property
    def dimension(self):
        return {"Name": "LoadBalancer", "Value": self.arn.split("loadbalancer/")[1]}


def forward(group):
    return {"Type": "forward", "TargetGroupArn": group}


def weighted(*pairs):
    return {"Type": "forward", "ForwardConfig": {"TargetGroups": [{"TargetGroupArn": g, "Weight": w} for g, w in pairs]}}


def health(group):
    """The states of a group's targets, counted."""
    found = aws.elbv2.describe_target_health(TargetGroupArn=group)["TargetHealthDescriptions"]
    return collections.Counter(d["TargetHealth"]["State"] for d in found)


def define(image="web:v1", family="web", command=None, container=None, **more):
    """Registers a definition of one container and gives its ARN. A command makes it no web app."""
    c = {"name": "web", "image": image, "stopTimeout": 2}
    if command:
        c["command"] = command
    else:
        c["portMappings"] = [{"containerPort": 8080}]
    c.update(container or {})
    task = {"family": family, "networkMode": "awsvpc", "requiresCompatibilities": ["FARGATE"], "cpu": "256", "memory": "512", "containerDefinitions": [c]}
    task.update(more)
    return aws.ecs.register_task_definition(**task)["taskDefinition"]["taskDefinitionArn"]


def bridge(image="app", family="web", cpu=128, memory=64, ports=(), command=("/bin/sh", "-c", "exec sleep 1000"), container=None, **more):
    """Registers a definition for container instances; ports are pairs of container and host port."""
    c = {"name": "web", "image": image, "stopTimeout": 2, "cpu": cpu, "memory": memory, "portMappings": [{"containerPort": a, "hostPort": b} for a, b in ports]}
    if command:
        c["command"] = list(command)
    c.update(container or {})
    return aws.ecs.register_task_definition(family=family, networkMode="bridge", containerDefinitions=[c], **more)["taskDefinition"]["taskDefinitionArn"]


ON_EC2 = {"launchType": "EC2", "networkConfiguration": {}}


def net():
    return {"awsvpcConfiguration": {"subnets": network()[0][:2]}}


BREAKER = {"enable": True, "rollback": True}
GRACE = 600


def create(definition, name="web", cluster="c", desired=2, group=None, breaker=None, lo=100, hi=200, config=None, **more):
    """Creates a service and gives the answer's service."""
    args = dict(
        cluster=cluster, serviceName=name, taskDefinition=definition, desiredCount=desired, launchType="FARGATE", networkConfiguration=net(),
        deploymentConfiguration={"minimumHealthyPercent": lo, "maximumPercent": hi},
    )
    if breaker:
        args["deploymentConfiguration"]["deploymentCircuitBreaker"] = breaker
    args["deploymentConfiguration"].update(config or {})
    if group:
        # Waits shrink with --speed and the start of a process does not: it needs some grace, ten seconds
        # of the wall at a speed of 60.
        args["healthCheckGracePeriodSeconds"] = GRACE
        args["loadBalancers"] = [{"targetGroupArn": group, "containerName": "web", "containerPort": 8080}]
    args.update(more)
    return aws.ecs.create_service(**args)["service"]


def service(name="web", cluster="c"):
    return aws.ecs.describe_services(cluster=cluster, services=[name])["services"][0]


def primary(s):
    return next(d for d in s["deployments"] if d["status"] == "PRIMARY")


def steady(name="web", cluster="c", patience=PATIENCE):
    """Waits until a service has one deployment, completed, with all its tasks; gives the service."""

    def look():
        s = service(name, cluster)
        ok = len(s["deployments"]) == 1 and s["runningCount"] == s["desiredCount"] and s["deployments"][0]["rolloutState"] == "COMPLETED"
        return s if ok and s["pendingCount"] == 0 else None

    return until(f"service {name} is steady", look, patience)


def messages(s, oldest_first=True):
    found = [e["message"] for e in s["events"]]
    return found[::-1] if oldest_first else found


def tasks(cluster="c", status="RUNNING", **more):
    """Tasks as DescribeTasks shows them."""
    arns = aws.ecs.list_tasks(cluster=cluster, desiredStatus=status, **more)["taskArns"]
    return aws.ecs.describe_tasks(cluster=cluster, tasks=arns)["tasks"] if arns else []


def digits(deployment):
    return deployment["id"].split("/")[1]


def service_deployment(service_name="web", cluster="c", index=0):
    """The newest service deployment in full."""
    briefs = aws.ecs.list_service_deployments(service=service_name, cluster=cluster)["serviceDeployments"]
    briefs.sort(key=lambda b: b["createdAt"], reverse=True)
    return aws.ecs.describe_service_deployments(serviceDeploymentArns=[briefs[index]["serviceDeploymentArn"]])["serviceDeployments"][0]


def stack(image="web:v1", desired=2, breaker=None, **more):
    """The usual stage: a cluster, a balancer, and a steady service behind it."""
    aws.ecs.create_cluster(clusterName="c")
    b = Balancer()
    b.tg = b.group()
    b.listener(forward(b.tg))
    create(define(image), desired=desired, group=b.tg, breaker=breaker, **more)
    steady()
    return b


# --- ECS's own strategies


def weights(rule):
    """The weights a listener rule forwards with, by target group."""
    action = aws.elbv2.describe_rules(RuleArns=[rule])["Rules"][0]["Actions"][0]
    return {g["TargetGroupArn"]: g["Weight"] for g in action["ForwardConfig"]["TargetGroups"]}


def default_rule(listener):
    return next(r["RuleArn"] for r in aws.elbv2.describe_rules(ListenerArn=listener)["Rules"] if r["IsDefault"])


def pause_at(*stages, **more):
    return {"targetType": "PAUSE", "lifecycleStages": list(stages), **more}


def shifting(strategy, image="web:v1", desired=2, bake=0, hooks=(), **config):
    """A service behind a production and a test listener with two target groups, just created."""
    aws.ecs.create_cluster(clusterName="c")
    b = Balancer()
    b.blue, b.green = b.group("blue"), b.group("green")
    b.test = default_rule(b.listener(weighted((b.blue, 1), (b.green, 0))))
    b.test_address = b.address
    b.production = default_rule(b.listener(weighted((b.blue, 1), (b.green, 0))))
    config = dict(strategy=strategy, bakeTimeInMinutes=bake, lifecycleHooks=list(hooks), **config)
    create(define(image), desired=desired, healthCheckGracePeriodSeconds=GRACE, config=config, loadBalancers=[{
        "targetGroupArn": b.blue, "containerName": "web", "containerPort": 8080, "advancedConfiguration": {
            "alternateTargetGroupArn": b.green, "productionListenerRule": b.production, "testListenerRule": b.test,
            "roleArn": "arn:aws:iam::000000000000:role/ecsInfrastructureRole"}}])
    return b


def awaiting(stage, patience=PATIENCE):
    """Waits for a pause hook in a stage; gives the service deployment."""

    def look():
        d = service_deployment()
        held = [h for h in d.get("lifecycleHookDetails", []) if h["status"] == "AWAITING_ACTION"]
        return d if d.get("lifecycleStage") == stage and held else None

    return until(f"a pause in {stage}", look, patience)


def approve(stage, action="CONTINUE"):
    """Ends the pause in a stage."""
    d = awaiting(stage)
    for h in d["lifecycleHookDetails"]:
        aws.ecs.continue_service_deployment(serviceDeploymentArn=d["serviceDeploymentArn"], hookId=h["hookId"], action=action)


def finished(status, decide=None, patience=2 * PATIENCE):
    """Waits until the newest service deployment ends, answering its pauses, and gives it."""

    def look():
        d = service_deployment()
        for h in d.get("lifecycleHookDetails", []) if decide else ():
            if h["status"] == "AWAITING_ACTION":
                aws.ecs.continue_service_deployment(serviceDeploymentArn=d["serviceDeploymentArn"], hookId=h["hookId"], action=decide)
        return d if d["status"] in ("SUCCESSFUL", "STOPPED", "ROLLBACK_SUCCESSFUL", "ROLLBACK_FAILED") else None

    d = until("the deployment ends", look, patience)
    equal(d["status"], status, f"status ({d.get('statusReason')})")
    return d


def requested(d):
    """The requested test and production weights of a deployment's revisions."""
    out = {"target": d["targetServiceRevision"]}
    out.update(("source", r) for r in d["sourceServiceRevisions"])
    return {k: (r["requestedTestTrafficWeight"], r["requestedProductionTrafficWeight"]) for k, r in out.items()}


# --- traffic


def get(address, path="/", headers=None, method="GET", timeout=10):
    """One request on a connection of its own: status, headers, body."""
    host, port = address.rsplit(":", 1)
    c = http.client.HTTPConnection(host, int(port), timeout=timeout)
    try:
        c.request(method, path, headers=headers or {})
        r = c.getresponse()
        return r.status, r.headers, r.read().decode()
    finally:
        c.close()


class Traffic:
    """Steady requests on kept-alive connections until the with block ends.

    seen counts answers by (version, status); failed lists what is no answer below 500.
    """

    def __init__(self, address, threads=4, rate=60):
        self.address, self.pause = address, threads / rate
        self.seen, self.failed = collections.Counter(), []
        self._lock, self._stop = threading.Lock(), threading.Event()
        self._threads = [threading.Thread(target=self._run, daemon=True) for _ in range(threads)]

    def _run(self):
        host, port = self.address.rsplit(":", 1)
        c = http.client.HTTPConnection(host, int(port), timeout=15)
        due = time.monotonic()
        while not self._stop.is_set():
            try:
                c.request("GET", "/")
                r = c.getresponse()
                body = r.read().decode()
                version, status = r.headers.get("X-Sample-Version", "-"), r.status
                with self._lock:
                    self.seen[version, status] += 1
                    if status >= 500:
                        self.failed.append((version, status, body[:80]))
            except OSError as e:
                with self._lock:
                    self.failed.append(("-", 0, repr(e)))
                c.close()
            except http.client.HTTPException as e:
                with self._lock:
                    self.failed.append(("-", 0, repr(e)))
                c.close()
            due += self.pause
            self._stop.wait(max(0, due - time.monotonic()))
        c.close()

    def __enter__(self):
        for t in self._threads:
            t.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        for t in self._threads:
            t.join()

    def rests(self, version, requests=40):
        """Waits until a version answers none of the requests that end one after the other."""

        def look():
            with self._lock:
                before = self.seen.copy()
            until("more requests", lambda: sum((self.seen - before).values()) >= requests)
            return self.count(version) == sum(n for (v, _), n in before.items() if v == version)

        until(f"{version} answers no more", look)

    def count(self, version):
        with self._lock:
            return sum(n for (v, _), n in self.seen.items() if v == version)
