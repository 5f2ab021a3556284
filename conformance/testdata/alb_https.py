"""HTTPS listeners: certificates and policies as AWS has them, handshakes for local names, and a blue/green deployment on one."""

# speed: 40
import http.client
import json
import ssl
import urllib.request

from lib import *

need("ecs", "continue_service_deployment")
elb = aws.elbv2
acm = "arn:aws:acm:us-east-1:123456789012:certificate/11111111-2222-3333-4444-555555555555"
iam = "arn:aws:iam::123456789012:server-certificate/web"
account = aws.sts.get_caller_identity()["Account"]
acm, iam = acm.replace("123456789012", account), iam.replace("123456789012", account)

equal(elb.describe_ssl_policies(Names=["ELBSecurityPolicy-2016-08"])["SslPolicies"][0]["SslProtocols"], ["TLSv1", "TLSv1.1", "TLSv1.2"], "protocols of the default policy")
refused("SSLPolicyNotFound", "", elb.describe_ssl_policies, Names=["none"])

b = shifting("BLUE_GREEN", bake=0)
finished("SUCCESSFUL")
refused("ValidationError", "A certificate must be specified for HTTPS listeners", elb.modify_listener, ListenerArn=b.listener_arn, Protocol="HTTPS")
refused("CertificateNotFound", "", elb.modify_listener, ListenerArn=b.listener_arn, Protocol="HTTPS", Certificates=[{"CertificateArn": acm.replace("us-east-1", "eu-west-1")}])
got = elb.modify_listener(ListenerArn=b.listener_arn, Protocol="HTTPS", SslPolicy="ELBSecurityPolicy-TLS13-1-2-2021-06", Certificates=[{"CertificateArn": acm}])["Listeners"][0]
equal((got["Protocol"], got["SslPolicy"], got["Certificates"]), ("HTTPS", "ELBSecurityPolicy-TLS13-1-2-2021-06", [{"CertificateArn": acm}]), "the listener")
equal(elb.add_listener_certificates(ListenerArn=b.listener_arn, Certificates=[{"CertificateArn": iam}])["Certificates"], [{"CertificateArn": iam, "IsDefault": False}], "added")
equal([(c["CertificateArn"], c["IsDefault"]) for c in elb.describe_listener_certificates(ListenerArn=b.listener_arn)["Certificates"]], [(acm, True), (iam, False)], "certificates")
elb.remove_listener_certificates(ListenerArn=b.listener_arn, Certificates=[{"CertificateArn": iam}])
equal(len(elb.describe_listener_certificates(ListenerArn=b.listener_arn)["Certificates"]), 1, "certificates after the removal")


def authority():
    """The file to trust; it is there once a client shook hands."""
    with urllib.request.urlopen(ENDPOINT + "/_slipway/status") as r:
        return json.load(r).get("Authority")


host, port = b.address.rsplit(":", 1)


def shake(name, versions=None, alpn=None, trust=True):
    context = ssl.create_default_context(cafile=authority()) if trust else ssl._create_unverified_context()
    if versions:
        context.maximum_version = versions
    if alpn:
        context.set_alpn_protocols(alpn)
    raw = socket.create_connection((host, int(port)), timeout=10)
    return context.wrap_socket(raw, server_hostname=name)


def ask(name="localhost"):
    """The version that answers an HTTPS request."""
    with shake(name) as s:
        s.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        r = http.client.HTTPResponse(s)
        r.begin()
        return r.status, r.headers.get("X-Sample-Version")


shake("localhost", trust=False).close()
for name in (b.dns, "localhost", "app.localhost"):
    equal(ask(name), (200, "v1"), f"an answer for {name}")
try:
    shake("www.example.com")
    raise AssertionError("it vouched for a name of the world")
except ssl.SSLCertVerificationError:
    pass
with shake("localhost", alpn=["h2", "http/1.1"]) as s:
    equal(s.selected_alpn_protocol(), "h2", "protocol")
try:
    shake("localhost", ssl.TLSVersion.TLSv1_1)
    raise AssertionError("it shook hands by TLS 1.1")
except (ssl.SSLError, ConnectionError):
    pass
equal(get(b.address)[0], 400, "HTTP at a port of HTTPS")
elb.modify_load_balancer_attributes(LoadBalancerArn=b.arn, Attributes=[{"Key": "routing.http2.enabled", "Value": "false"}])
with shake("localhost", alpn=["h2", "http/1.1"]) as s:
    equal(s.selected_alpn_protocol(), "http/1.1", "protocol without HTTP/2")

aws.ecs.update_service(cluster="c", service="web", taskDefinition=define("web:v2"))
finished("SUCCESSFUL")
equal(ask(), (200, "v2"), "after a blue/green deployment on an HTTPS production listener")
equal(elb.describe_listeners(ListenerArns=[b.listener_arn])["Listeners"][0]["Certificates"], [{"CertificateArn": acm}], "the certificate after it")
