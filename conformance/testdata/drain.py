"""Deregistration: requests in flight are answered within the delay, and cut with 502 after it."""

# speed: 30
import http.server

from lib import *

go = threading.Event()

class Web(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        if self.path == "/wait":
            go.wait(120)
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, *_):
        pass

web = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Web)
web.daemon_threads = True
threading.Thread(target=web.serve_forever, daemon=True).start()
target = {"Id": "127.0.0.1", "Port": web.server_port}
b = Balancer()

def held(delay):
    """A target being drained with one request in flight; gives the group and where its status will be."""
    go.clear()
    aws.elbv2.modify_target_group_attributes(TargetGroupArn=tg, Attributes=[{"Key": "deregistration_delay.timeout_seconds", "Value": str(delay)}])
    aws.elbv2.register_targets(TargetGroupArn=tg, Targets=[target])
    until("it is healthy", lambda: health(tg) == {"healthy": 1})
    got = []
    t = threading.Thread(target=lambda: got.append(get(b.address, "/wait", timeout=120)[0]), daemon=True)
    before = requests()
    t.start()
    until("the request is under way", lambda: requests() > before)
    aws.elbv2.deregister_targets(TargetGroupArn=tg, Targets=[target])
    equal(health(tg), {"draining": 1}, "health while it drains")
    equal(get(b.address)[0], 503, "new requests find nobody")
    return t, got

inside = []
plain = Web.do_GET
def counted(self):
    if self.path == "/wait":
        inside.append(1)
    plain(self)
Web.do_GET = counted
requests = lambda: len(inside)

tg = b.group()
b.listener(forward(tg))
t, got = held(3600)
go.set()
t.join(60)
equal(got, [200], "a request that ends within the delay")
t, got = held(240)  # eight seconds of the wall, in which held looks at it
t.join(60)
equal(got, [502], "a request that outlives the delay")
go.set()
until("the target is gone", lambda: not health(tg))
