"""Targets and health: an empty group answers 503, all unhealthy ones are still served, reasons are told."""

# speed: 40
import http.server

from lib import *

class Web(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    ok = 200

    def do_GET(self):
        body = b"hi"
        self.send_response(self.server.health if self.path == "/health" else 200)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("X-Seen-For", self.headers.get("X-Forwarded-For", ""))
        self.send_header("X-Seen-Port", self.headers.get("X-Forwarded-Port", ""))
        self.send_header("X-Seen-Proto", self.headers.get("X-Forwarded-Proto", ""))
        self.send_header("X-Seen-Trace", self.headers.get("X-Amzn-Trace-Id", ""))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass

web = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Web)
web.daemon_threads, web.health = True, 200
threading.Thread(target=web.serve_forever, daemon=True).start()
target = {"Id": "127.0.0.1", "Port": web.server_port}

b = Balancer()
tg = b.group(delay=0)
b.listener(forward(tg))
status, headers, body = get(b.address)
equal(status, 503, "an empty group")
aws.elbv2.register_targets(TargetGroupArn=tg, Targets=[target])
first = aws.elbv2.describe_target_health(TargetGroupArn=tg)["TargetHealthDescriptions"][0]
assert first["TargetHealth"]["State"] in ("initial", "healthy"), first
until("it is healthy", lambda: health(tg) == {"healthy": 1})
status, headers, body = get(b.address, headers={"X-Forwarded-For": "203.0.113.9"})
equal((status, body), (200, "hi"), "an answer")
equal((headers["X-Seen-For"], headers["X-Seen-Proto"]), ("203.0.113.9, 127.0.0.1", "http"), "forwarded headers")
assert headers["X-Seen-Trace"].startswith("Root=1-"), headers["X-Seen-Trace"]

web.health = 404
until("it is unhealthy", lambda: health(tg) == {"unhealthy": 1})
sick = aws.elbv2.describe_target_health(TargetGroupArn=tg)["TargetHealthDescriptions"][0]["TargetHealth"]
equal((sick["Reason"], sick["Description"]), ("Target.ResponseCodeMismatch", "Health checks failed with these codes: [404]"), "reason")
equal(get(b.address)[0], 200, "with no healthy target, unhealthy ones are served")
aws.elbv2.modify_target_group(TargetGroupArn=tg, Matcher={"HttpCode": "200,404"})
until("it is healthy again", lambda: health(tg) == {"healthy": 1})
aws.elbv2.deregister_targets(TargetGroupArn=tg, Targets=[target])
until("it is gone", lambda: not health(tg))
gone = aws.elbv2.describe_target_health(TargetGroupArn=tg, Targets=[target])["TargetHealthDescriptions"][0]["TargetHealth"]
equal((gone["State"], gone["Reason"]), ("unused", "Target.NotRegistered"), "a target that is not there")
equal(get(b.address)[0], 503, "an empty group again")

# nobody listens there
dead = {"Id": "127.0.0.1", "Port": nobody()}
aws.elbv2.register_targets(TargetGroupArn=tg, Targets=[dead])
until("it is unhealthy", lambda: health(tg) == {"unhealthy": 1})
equal(get(b.address)[0], 502, "a target that refuses connections")

# anomaly mitigation; raw, as older models know neither the attribute's values nor Include
import urllib.parse
import urllib.request
import xml.etree.ElementTree as xml


def query(action, **args):
    """An answer of ELBv2 as text; a refusal as its code and message."""
    form = urllib.parse.urlencode({"Action": action, "Version": "2015-12-01", **args}).encode()
    scope = "Credential=test/20261127/us-east-1/elasticloadbalancing/aws4_request"
    ask = urllib.request.Request(ENDPOINT, form, {"Authorization": f"AWS4-HMAC-SHA256 {scope}, SignedHeaders=host, Signature=00"})
    try:
        return urllib.request.urlopen(ask, timeout=10).read().decode()
    except urllib.error.HTTPError as e:
        equal(e.code, 400, action)
        error = xml.fromstring(e.read())[0]
        return tuple(part.text for part in error if part.tag.split("}")[1] in ("Code", "Message"))


def attributes(**pairs):
    args = {}
    for i, (k, v) in enumerate(pairs.items(), 1):
        args |= {f"Attributes.member.{i}.Key": "load_balancing.algorithm." + k, f"Attributes.member.{i}.Value": v}
    return query("ModifyTargetGroupAttributes", TargetGroupArn=tg, **args)


def anomalies():
    said = xml.fromstring(query("DescribeTargetHealth", TargetGroupArn=tg, **{"Include.member.1": "AnomalyDetection"}))
    return [tuple(part.text for part in found) for found in said.findall(".//{*}AnomalyDetection")]


equal(attributes(anomaly_mitigation="on")[0], "InvalidConfigurationRequest", "mitigation of round robin")
said = attributes(type="weighted_random", anomaly_mitigation="on")
holds("<Value>weighted_random</Value>", said, "the algorithm")
holds("<Key>load_balancing.algorithm.anomaly_mitigation</Key><Value>on</Value>", said, "mitigation")
equal(anomalies(), [("no", "normal")], "one sick target is no anomaly")
holds("AnomalyDetection", str(query("DescribeTargetHealth", TargetGroupArn=tg, **{"Include.member.1": "Weather"})), "an unknown Include")
assert "AnomalyDetection" not in query("DescribeTargetHealth", TargetGroupArn=tg), "detection is shown where it is asked for"
