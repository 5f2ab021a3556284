"""Rules: conditions, priorities, fixed answers, redirects, and what is refused."""

from lib import *

elb = aws.elbv2
b = Balancer()
fixed = lambda text, status="200": {"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": status, "ContentType": "text/plain", "MessageBody": text}}
b.listener(fixed("default", "404"))
def rule(n, text, *conditions):
    return elb.create_rule(ListenerArn=b.listener_arn, Priority=n, Conditions=list(conditions), Actions=[fixed(text) if isinstance(text, str) else text])["Rules"][0]["RuleArn"]

path = rule(10, "path", {"Field": "path-pattern", "Values": ["/img/*", "/a?c"]})
rule(20, "host", {"Field": "host-header", "Values": ["*.example.com"]})
rule(30, "header", {"Field": "http-header", "HttpHeaderConfig": {"HttpHeaderName": "X-Kind", "Values": ["beta*"]}})
rule(40, "query", {"Field": "query-string", "QueryStringConfig": {"Values": [{"Key": "v", "Value": "2"}]}})
rule(50, "method", {"Field": "http-request-method", "HttpRequestMethodConfig": {"Values": ["DELETE"]}})
rule(60, {"Type": "redirect", "RedirectConfig": {"Protocol": "HTTPS", "Port": "443", "Path": "/new/#{path}", "StatusCode": "HTTP_301"}}, {"Field": "path-pattern", "Values": ["/old"]})
for path_, headers, method, want in (
    ("/img/x.png", {}, "GET", "path"), ("/abc", {}, "GET", "path"), ("/IMG/x", {}, "GET", "default"), ("/", {"Host": "Shop.Example.com"}, "GET", "host"),
    ("/", {"x-kind": "BETA-1"}, "GET", "header"), ("/?V=2", {}, "GET", "query"), ("/?v=3", {}, "GET", "default"), ("/", {}, "DELETE", "method"),
):
    equal(get(b.address, path_, headers, method)[2], want, f"{method} {path_} {headers}")
status, headers, _ = get(b.address, "/old?x=1", {"Host": "shop.test"})
equal((status, headers["Location"]), (301, "https://shop.test:443/new/old?x=1"), "redirect")
equal(get(b.address)[0], 404, "status of the default")

refused("PriorityInUse", "", rule, 10, "again", {"Field": "path-pattern", "Values": ["/x"]})
twenty = next(r["RuleArn"] for r in elb.describe_rules(ListenerArn=b.listener_arn)["Rules"] if r["Priority"] == "20")
elb.set_rule_priorities(RulePriorities=[{"RuleArn": path, "Priority": 20}, {"RuleArn": twenty, "Priority": 10}])
equal(get(b.address, "/img/x", {"Host": "a.example.com"})[2], "host", "after a swap of priorities")
equal([r["Priority"] for r in elb.describe_rules(ListenerArn=b.listener_arn)["Rules"]], ["10", "20", "30", "40", "50", "60", "default"], "order")
last = elb.describe_rules(ListenerArn=b.listener_arn)["Rules"][-1]
assert last["IsDefault"], last
refused("OperationNotPermitted", "", elb.delete_rule, RuleArn=last["RuleArn"])
elb.delete_rule(RuleArn=path)
equal(get(b.address, "/img/x")[2], "default", "after a rule went")
refused("RuleNotFound", "", elb.delete_rule, RuleArn=path)
refused("ListenerNotFound", "", elb.describe_listeners, ListenerArns=[b.listener_arn[:-4] + "0000"])
refused("DuplicateListener", "", elb.create_listener, LoadBalancerArn=b.arn, Protocol="HTTP", Port=elb.describe_listeners(LoadBalancerArn=b.arn)["Listeners"][0]["Port"], DefaultActions=[fixed("x")])
elb.delete_load_balancer(LoadBalancerArn=b.arn)
refused("LoadBalancerNotFound", "", elb.describe_load_balancers, LoadBalancerArns=[b.arn])
