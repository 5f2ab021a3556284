"""Sticky clients: of a group whatever the weights, of a target, by an application's cookie; slow start and desync modes."""

# speed: 40
import http.cookies
import http.server

from lib import *

elb = aws.elbv2


class Web(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        body = self.server.name.encode()
        self.send_response(200)
        if self.path == "/login":
            self.send_header("Set-Cookie", "session=1")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def target(group, name):
    web = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Web)
    web.daemon_threads, web.name = True, name
    threading.Thread(target=web.serve_forever, daemon=True).start()
    elb.register_targets(TargetGroupArn=group, Targets=[{"Id": "127.0.0.1", "Port": web.server_port}])
    return {"Id": "127.0.0.1", "Port": web.server_port}


def visit(path="/", jar=None):
    """The body and the cookies that were set."""
    status, headers, body = get(b.address, path, {"Cookie": "; ".join(f"{k}={v}" for k, v in jar.items())} if jar else None)
    equal(status, 200, "status")
    cookies = {}
    for line in headers.get_all("Set-Cookie") or []:
        name, _, rest = line.partition("=")
        cookies[name] = rest
    return body, cookies


def attributes(group, **values):
    elb.modify_target_group_attributes(TargetGroupArn=group, Attributes=[{"Key": k.replace("__", "."), "Value": v} for k, v in values.items()])


def sticky(blue_weight, green_weight, seconds=3600):
    action = weighted((blue, blue_weight), (green, green_weight))
    action["ForwardConfig"]["TargetGroupStickinessConfig"] = {"Enabled": True, "DurationSeconds": seconds}
    return action


b = Balancer()
blue, green = b.group("blue"), b.group("green")
target(blue, "blue")
target(green, "green-1")
target(green, "green-2")
b.listener(sticky(100, 0))
until("all are healthy", lambda: health(blue) == {"healthy": 1} and health(green) == {"healthy": 2})

body, set_ = visit()
equal(body, "blue", "first visit")
equal(sorted(set_), ["AWSALBTG", "AWSALBTGCORS"], "cookies")
holds("Expires=", set_["AWSALBTG"], "AWSALBTG")
holds("SameSite=None", set_["AWSALBTGCORS"], "AWSALBTGCORS")
jar = {"AWSALBTG": set_["AWSALBTG"].split(";")[0]}
elb.modify_listener(ListenerArn=b.listener_arn, DefaultActions=[sticky(0, 100)])
for _ in range(5):
    equal(visit(jar=jar)[0], "blue", "a sticky client after the weights moved")
    assert visit()[0].startswith("green"), "a new client"
assert visit(jar={"AWSALBTG": "nonsense"})[0].startswith("green"), "a forged cookie"

# a target's stickiness needs the group's where there are several groups
refused("InvalidConfigurationRequest", "You must enable group stickiness on a rule", lambda: (
    attributes(green, stickiness__enabled="true"), elb.modify_listener(ListenerArn=b.listener_arn, DefaultActions=[weighted((blue, 1), (green, 1))])))
body, set_ = visit()
equal(sorted(set_), ["AWSALB", "AWSALBCORS", "AWSALBTG", "AWSALBTGCORS"], "cookies of group and target")
jar = {k: v.split(";")[0] for k, v in set_.items()}
equal({visit(jar=jar)[0] for _ in range(6)}, {body}, "a client of one target")
equal({visit()[0] for _ in range(6)}, {"green-1", "green-2"}, "new clients")

elb.modify_listener(ListenerArn=b.listener_arn, DefaultActions=[forward(green)])
attributes(green, stickiness__type="app_cookie", stickiness__app_cookie__cookie_name="session")
equal(visit()[1], {}, "cookies before the application's")
body, set_ = visit("/login")
equal(sorted(set_), ["AWSALBAPP-0", "AWSALBAPP-1", "AWSALBAPP-2", "AWSALBAPP-3", "session"], "cookies after the application's")
jar = {k: v.split(";")[0] for k, v in set_.items()}
equal({visit(jar=jar)[0] for _ in range(6)}, {body}, "a client of the application's cookie")

# algorithms and slow start do not go together
attributes(green, stickiness__enabled="false", load_balancing__algorithm__type="least_outstanding_requests")
refused("InvalidConfigurationRequest", "Slow start", attributes, green, slow_start__duration_seconds="60")
equal({visit()[0] for _ in range(6)}, {"green-1", "green-2"}, "least outstanding requests takes turns among idle targets")
attributes(green, load_balancing__algorithm__type="round_robin", slow_start__duration_seconds="900")
third = target(green, "green-3")
until("the third is healthy", lambda: health(green) == {"healthy": 3})
slow = sum(visit()[0] == "green-3" for _ in range(60))
assert slow < 20, f"a target that starts slowly took {slow} of 60"

# desync mitigation
def raw(text):
    host, port = b.address.rsplit(":", 1)
    with socket.create_connection((host, int(port)), timeout=10) as s:
        s.sendall(text.encode("latin-1"))
        return b"".join(iter(lambda: s.recv(4096), b"")).decode()


both = "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n"
equal(raw(both).count("HTTP/1.1 "), 1, "answers to a request with both framings: the connection ends")
elb.modify_load_balancer_attributes(LoadBalancerArn=b.arn, Attributes=[{"Key": "routing.http.desync_mitigation_mode", "Value": "strictest"}])
holds("HTTP/1.1 400 ", raw(both), "strictest")
holds("HTTP/1.1 400 ", raw("GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"), "strictest refuses what is merely acceptable")
