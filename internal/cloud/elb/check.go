package elb

import (
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	elbv2 "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/slipway-ecs/slipway/internal/pattern"
)

// What a check of a group of TCP has: of its time-outs and codes, NLB's. Source: Network Load
// Balancers guide, "Health checks for Network Load Balancer target groups".
const (
	flowCheckTimeout = 10
	flowHTTPTimeout  = 6
	flowCheckCodes   = "200-399"
)

// defaultFlowCheck is what a group of TCP has whose targets are checked by a protocol.
func defaultFlowCheck(protocol types.ProtocolEnum) check {
	c := check{Enabled: true, Protocol: "TCP", Port: "traffic-port", Interval: 30, Timeout: flowCheckTimeout, Healthy: 5, Unhealthy: 2}
	if protocol == types.ProtocolEnumHttp {
		c.Timeout = flowHTTPTimeout
	}
	return c
}

// speak changes the protocol of a group of TCP's checks, with what the other one knows nothing of.
func (c *check) speak(protocol string) {
	switch {
	case protocol == "TCP":
		c.Path, c.HTTPCode = "", ""
	case c.Protocol == "TCP":
		c.Path, c.HTTPCode = "/", flowCheckCodes
	}
	c.Protocol = protocol
}

// defaultCheck is what a group of instances or addresses has. Source: elbv2.md 3.
func defaultCheck(protocolVersion string) check {
	c := check{Enabled: true, Protocol: "HTTP", Port: "traffic-port", Path: "/", Interval: 30, Timeout: 5, Healthy: 5, Unhealthy: 2, HTTPCode: "200"}
	if protocolVersion == "GRPC" {
		c.Path, c.HTTPCode, c.GRPCCode = "/AWS.ALB/healthcheck", "", "12"
	}
	return c
}

// setCheck changes what is given of the group's health check, or refuses and changes nothing.
// Empty texts are what some clients send for unset ones.
func (g *groupRow) setCheck(in *elbv2.ModifyTargetGroupInput) error {
	c := g.Check
	flows := g.Protocol == "TCP"
	if c == (check{}) {
		if c = defaultCheck(g.ProtocolVersion); flows {
			c = defaultFlowCheck(in.HealthCheckProtocol)
		}
	}
	if in.HealthCheckEnabled != nil {
		if !*in.HealthCheckEnabled {
			return invalid("Health check enabled must be true for target groups with target type '%s'", g.TargetType)
		}
	}
	switch in.HealthCheckProtocol {
	case "":
	case types.ProtocolEnumHttp, types.ProtocolEnumHttps:
		if flows {
			c.speak(string(in.HealthCheckProtocol))
		}
		c.Protocol = string(in.HealthCheckProtocol)
	case types.ProtocolEnumTcp:
		if !flows {
			return invalid("Health check protocol '%s' must be one of 'HTTP, HTTPS'", in.HealthCheckProtocol)
		}
		c.speak("TCP")
	default:
		if flows {
			return invalid("Health check protocol '%s' must be one of 'HTTP, HTTPS, TCP'", in.HealthCheckProtocol)
		}
		return invalid("Health check protocol '%s' must be one of 'HTTP, HTTPS'", in.HealthCheckProtocol)
	}
	if p := aws.ToString(in.HealthCheckPort); p != "" {
		if n, err := strconv.Atoi(p); p != "traffic-port" && (err != nil || n < 1 || n > 65535) {
			return invalid("Health check port '%s' must be 'traffic-port' or between 1 and 65535", p)
		}
		c.Port = p
	}
	if p := aws.ToString(in.HealthCheckPath); p != "" {
		if c.Protocol == "TCP" {
			return misconfigured("Health check paths are not supported for TCP health checks")
		}
		if !strings.HasPrefix(p, "/") || len(p) > 1024 || strings.ContainsAny(p, " \r\n\x00") {
			return invalid("Health check path '%s' must begin with a '/' and can have at most '1024' characters", p)
		}
		c.Path = p
	}
	for _, n := range []struct {
		given     *int32
		into      *int
		name      string
		low, high int32
		unit      string
	}{
		{in.HealthCheckIntervalSeconds, &c.Interval, "Health check interval", 5, 300, " seconds"},
		{in.HealthCheckTimeoutSeconds, &c.Timeout, "Health check timeout", 2, 120, " seconds"},
		{in.HealthyThresholdCount, &c.Healthy, "Healthy threshold count", 2, 10, ""},
		{in.UnhealthyThresholdCount, &c.Unhealthy, "Unhealthy threshold count", 2, 10, ""},
	} {
		if n.given == nil {
			continue
		}
		if *n.given < n.low || *n.given > n.high {
			return invalid("%s '%d' must be between '%d' and '%d'%s, inclusive", n.name, *n.given, n.low, n.high, n.unit)
		}
		*n.into = int(*n.given)
	}
	if flows && c.Timeout > c.Interval {
		return invalid("Health check timeout '%d' must be smaller than or equal to the interval '%d'", c.Timeout, c.Interval)
	}
	if c.Timeout >= c.Interval && !flows {
		return invalid("Health check timeout '%d' must be smaller than the interval '%d'", c.Timeout, c.Interval)
	}
	if m := in.Matcher; m != nil {
		if c.Protocol == "TCP" && aws.ToString(m.HttpCode)+aws.ToString(m.GrpcCode) != "" {
			return misconfigured("Health check matchers are not supported for TCP health checks")
		}
		highest := 499
		if flows {
			highest = 599
		}
		if err := c.match(m, g.ProtocolVersion, highest); err != nil {
			return err
		}
	}
	g.Check = c
	return nil
}

var codeList = pattern.New(`^\d+(-\d+)?(,\d+(-\d+)?)*$`)

func (c *check) match(m *types.Matcher, version string, highest int) error {
	http, grpc := aws.ToString(m.HttpCode), aws.ToString(m.GrpcCode)
	switch {
	case http != "" && grpc != "":
		return invalid("You can specify either an HTTP code or a gRPC code in the health check matcher, but not both")
	case http != "" && version == "GRPC":
		return invalid("A gRPC code must be specified in the health check matcher of a target group with the protocol version 'GRPC'")
	case grpc != "" && version != "GRPC":
		return invalid("A gRPC code can only be specified in the health check matcher of a target group with the protocol version 'GRPC'")
	case http != "":
		if !codesWithin(http, 200, highest) {
			return invalid("Health check matcher HTTP code '%s' must be within '200-%d' inclusive", http, highest)
		}
		c.HTTPCode = http
	case grpc != "":
		if !codesWithin(grpc, 0, 99) {
			return invalid("Health check matcher GRPC code '%s' must be within '0-99' inclusive", grpc)
		}
		c.GRPCCode = grpc
	}
	return nil
}

// codesWithin reports whether a matcher like "200,202" or "200-299" names codes of a range alone.
func codesWithin(matcher string, low, high int) bool {
	if !codeList.MatchString(matcher) {
		return false
	}
	for part := range strings.SplitSeq(matcher, ",") {
		a, b, ranged := strings.Cut(part, "-")
		from, err := strconv.Atoi(a)
		to := from
		if ranged && err == nil {
			to, err = strconv.Atoi(b)
		}
		if err != nil || from < low || to > high || from > to {
			return false
		}
	}
	return true
}

func seconds(n int) time.Duration { return time.Duration(n) * time.Second }
