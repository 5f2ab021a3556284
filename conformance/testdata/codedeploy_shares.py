"""CodeDeploy's predefined shifts: what answers at each step of Linear10PercentEvery1Minutes and Canary10Percent5Minutes.

Each step is measured by 10,000 requests, or, where the machine is too busy for all of them, by those
of the whole rounds of 500 that were through before the next step began. The shares must be those asked for, within 1.5 points.
"""

# speed: 12
import json
import multiprocessing

from lib import *

SPEED = 12
REQUESTS, ROUND, CLIENTS, POINTS = 10000, 500, 4, 1.5


def answers(address, n):
    """Versions that answered n requests on one kept-alive connection; no more HTTP than the load balancer's answers need."""
    host, port = address.rsplit(":", 1)
    ask, seen = f"GET / HTTP/1.1\r\nHost: {address}\r\n\r\n".encode(), collections.Counter()
    with socket.create_connection((host, int(port)), timeout=15) as s:
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        have = b""
        for _ in range(n):
            s.sendall(ask)
            while b"\r\n\r\n" not in have:
                have += s.recv(65536)
            head, have = have.split(b"\r\n\r\n", 1)
            head = head.lower()
            assert head.startswith(b"http/1.1 200 "), head
            fields = dict(line.split(b": ", 1) for line in head.split(b"\r\n")[1:])
            rest = int(fields[b"content-length"])
            while len(have) < rest:
                have += s.recv(65536)
            have = have[rest:]
            seen[fields[b"x-sample-version"].decode()] += 1
    return seen


class Shop:
    """A service that CodeDeploy deploys by a predefined configuration."""

    def __init__(self, name, config):
        self.name = name
        b = Balancer(name)
        self.blue, self.green = b.group(name + "-blue"), b.group(name + "-green")
        self.listener = b.listener(forward(self.blue))
        self.address = b.address
        create(define("web:v1"), name=name, group=self.blue, desired=1, deploymentController={"type": "CODE_DEPLOY"})
        until("the first task set is steady", lambda: service(name)["taskSets"][0]["stabilityStatus"] == "STEADY_STATE")
        aws.codedeploy.create_application(applicationName=name, computePlatform="ECS")
        aws.codedeploy.create_deployment_group(
            applicationName=name, deploymentGroupName=name, serviceRoleArn="arn:aws:iam::123456789012:role/codedeploy", deploymentConfigName=config,
            deploymentStyle={"deploymentType": "BLUE_GREEN", "deploymentOption": "WITH_TRAFFIC_CONTROL"}, ecsServices=[{"clusterName": "c", "serviceName": name}],
            loadBalancerInfo={"targetGroupPairInfoList": [{"targetGroups": [{"name": name + "-blue"}, {"name": name + "-green"}], "prodTrafficRoute": {"listenerArns": [self.listener]}}]},
            blueGreenDeploymentConfiguration={"terminateBlueInstancesOnDeploymentSuccess": {"action": "TERMINATE", "terminationWaitTimeInMinutes": 0},
                                              "deploymentReadyOption": {"actionOnTimeout": "CONTINUE_DEPLOYMENT"}})

    def deploy(self, definition):
        spec = json.dumps({"version": 0.0, "Resources": [{"TargetService": {"Type": "AWS::ECS::Service", "Properties": {
            "TaskDefinition": definition, "LoadBalancerInfo": {"ContainerName": "web", "ContainerPort": 8080}}}}]})
        self.id = aws.codedeploy.create_deployment(
            applicationName=self.name, deploymentGroupName=self.name, revision={"revisionType": "AppSpecContent", "appSpecContent": {"content": spec}})["deploymentId"]

    def share(self):
        """The replacement's share of production traffic, in percent, as the listener has it."""
        groups = aws.elbv2.describe_listeners(ListenerArns=[self.listener])["Listeners"][0]["DefaultActions"][0]["ForwardConfig"]["TargetGroups"]
        equal(sum(g["Weight"] for g in groups), 100, f"weights of {self.name}")
        return next(g["Weight"] for g in groups if g["TargetGroupArn"] == self.green)

    def measure(self, pool, steps):
        """Asks round after round until the shift is over, and compares what answered at each step with its share."""
        seen, share = {step: collections.Counter() for step in steps}, 0
        while share < 100 or sum(seen[100].values()) < REQUESTS:
            now = self.share()
            if now != share:
                share = now
                time.sleep(0.1)  # requests under way end
            if share == 0 or sum(seen[share].values()) >= REQUESTS:
                time.sleep(0.02)
                continue
            more = sum(pool.starmap(answers, [(self.address, ROUND // CLIENTS)] * CLIENTS), collections.Counter())
            if self.share() == share:  # else the next step began meanwhile
                seen[share] += more
        for share, by in seen.items():
            n = sum(by.values())
            assert n >= ROUND, f"{self.name}: {share} % lasted too short for {ROUND} requests"
            print(f"{self.name}: {share} % asked, {100 * by['v2'] / n:.2f} % of {n} requests seen")
            assert abs(100 * by["v2"] / n - share) <= POINTS, f"{self.name}: {share} % asked, {dict(by)} seen"

    def ended(self):
        """Waits for success, and gives how long traffic shifted, in the cloud's minutes."""
        until("success", lambda: aws.codedeploy.get_deployment(deploymentId=self.id)["deploymentInfo"]["status"] == "Succeeded")
        target = aws.codedeploy.get_deployment_target(deploymentId=self.id, targetId="c:" + self.name)["deploymentTarget"]["ecsTarget"]
        shift = next(e for e in target["lifecycleEvents"] if e["lifecycleEventName"] == "AllowTraffic")
        return (shift["endTime"] - shift["startTime"]).total_seconds() * SPEED / 60


if __name__ == "__main__":
    aws.ecs.create_cluster(clusterName="c")
    linear, canary = Shop("linear", "CodeDeployDefault.ECSLinear10PercentEvery1Minutes"), Shop("canary", "CodeDeployDefault.ECSCanary10Percent5Minutes")
    with multiprocessing.Pool(CLIENTS) as pool:
        for shop, steps, minutes in ((linear, range(10, 101, 10), 9), (canary, (10, 100), 5)):
            shop.deploy(define("web:v2"))
            shop.measure(pool, steps)
            took = shop.ended()
            assert minutes <= took < minutes + 1, f"{shop.name}: traffic shifted for {took} minutes, not {minutes}"
