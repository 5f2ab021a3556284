package elb

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/slipway-ecs/slipway/internal/balance"
)

// attribute is one key of a resource's attributes, with AWS's default and what it may be.
type attribute struct {
	key     string
	value   string                        // the default
	refuses func(key, value string) error // nil takes any text
}

// Sources: elbv2.md 2.1 and 3.1, from the API reference of LoadBalancerAttribute,
// ListenerAttribute and TargetGroupAttribute.

var balancerAttributes = []attribute{
	{"access_logs.s3.enabled", "false", boolean},
	{"access_logs.s3.bucket", "", nil},
	{"access_logs.s3.prefix", "", nil},
	{"client_keep_alive.seconds", "3600", wholeNumber(60, 604800)},
	{"connection_logs.s3.enabled", "false", boolean},
	{"connection_logs.s3.bucket", "", nil},
	{"connection_logs.s3.prefix", "", nil},
	{"deletion_protection.enabled", "false", boolean},
	{"health_check_logs.s3.enabled", "false", boolean},
	{"health_check_logs.s3.bucket", "", nil},
	{"health_check_logs.s3.prefix", "", nil},
	{"idle_timeout.timeout_seconds", "60", wholeNumber(1, 4000)},
	{"ipv6.deny_all_igw_traffic", "false", boolean},
	{keyCrossZone, "true", oneOf("true")},
	{"routing.http.desync_mitigation_mode", "defensive", oneOf("monitor", "defensive", "strictest")},
	{"routing.http.drop_invalid_header_fields.enabled", "false", boolean},
	{"routing.http.preserve_host_header.enabled", "false", boolean},
	{"routing.http.x_amzn_tls_version_and_cipher_suite.enabled", "false", boolean},
	{"routing.http.xff_client_port.enabled", "false", boolean},
	{"routing.http.xff_header_processing.mode", "append", oneOf("append", "preserve", "remove")},
	{"routing.http2.enabled", "true", boolean},
	{"waf.fail_open.enabled", "false", boolean},
	{"zonal_shift.config.enabled", "false", boolean},
}

var listenerAttributes = []attribute{
	{"routing.http.request.x_amzn_mtls_clientcert.header_name", "", headerName},
	{"routing.http.request.x_amzn_mtls_clientcert_issuer.header_name", "", headerName},
	{"routing.http.request.x_amzn_mtls_clientcert_leaf.header_name", "", headerName},
	{"routing.http.request.x_amzn_mtls_clientcert_serial_number.header_name", "", headerName},
	{"routing.http.request.x_amzn_mtls_clientcert_subject.header_name", "", headerName},
	{"routing.http.request.x_amzn_mtls_clientcert_validity.header_name", "", headerName},
	{keyCipherHeader, "", headerName},
	{keyVersionHeader, "", headerName},
	{"routing.http.response.access_control_allow_credentials.header_value", "", headerValue},
	{"routing.http.response.access_control_allow_headers.header_value", "", headerValue},
	{"routing.http.response.access_control_allow_methods.header_value", "", headerValue},
	{"routing.http.response.access_control_allow_origin.header_value", "", headerValue},
	{"routing.http.response.access_control_expose_headers.header_value", "", headerValue},
	{"routing.http.response.access_control_max_age.header_value", "", headerValue},
	{"routing.http.response.content_security_policy.header_value", "", headerValue},
	{"routing.http.response.server.enabled", "true", boolean},
	{"routing.http.response.strict_transport_security.header_value", "", headerValue},
	{"routing.http.response.x_content_type_options.header_value", "", headerValue},
	{"routing.http.response.x_frame_options.header_value", "", headerValue},
}

// Keys of listener attributes that say what headers to targets are called.
const (
	keyCipherHeader  = "routing.http.request.x_amzn_tls_cipher_suite.header_name"
	keyVersionHeader = "routing.http.request.x_amzn_tls_version.header_name"
)

// responseHeaders are the headers that listener attributes set, in the order they are written.
var responseHeaders = []struct{ key, header string }{
	{"routing.http.response.strict_transport_security.header_value", "Strict-Transport-Security"},
	{"routing.http.response.access_control_allow_origin.header_value", "Access-Control-Allow-Origin"},
	{"routing.http.response.access_control_allow_methods.header_value", "Access-Control-Allow-Methods"},
	{"routing.http.response.access_control_allow_headers.header_value", "Access-Control-Allow-Headers"},
	{"routing.http.response.access_control_allow_credentials.header_value", "Access-Control-Allow-Credentials"},
	{"routing.http.response.access_control_expose_headers.header_value", "Access-Control-Expose-Headers"},
	{"routing.http.response.access_control_max_age.header_value", "Access-Control-Max-Age"},
	{"routing.http.response.content_security_policy.header_value", "Content-Security-Policy"},
	{"routing.http.response.x_content_type_options.header_value", "X-Content-Type-Options"},
	{"routing.http.response.x_frame_options.header_value", "X-Frame-Options"},
}

// Keys of group attributes that decide something here.
const (
	keyDelay     = "deregistration_delay.timeout_seconds"
	keySticky    = "stickiness.enabled"
	keyStickType = "stickiness.type"
	keyAppCookie = "stickiness.app_cookie.cookie_name"
	keyAlgorithm = "load_balancing.algorithm.type"
	keyAnomaly   = "load_balancing.algorithm.anomaly_mitigation"
	keySlowStart = "slow_start.duration_seconds"
)

var groupAttributes = []attribute{
	{keyDelay, "300", wholeNumber(0, 3600)},
	{keyAnomaly, "off", oneOf("on", "off")},
	{keyAlgorithm, string(balance.RoundRobin), oneOf(string(balance.RoundRobin), string(balance.LeastOutstanding), string(balance.WeightedRandom))},
	{keyCrossZone, "use_load_balancer_configuration", oneOf("true", "false", "use_load_balancer_configuration")},
	{keySlowStart, "0", slowStart},
	{keySticky, "false", boolean},
	{keyAppCookie, "", appCookie},
	{"stickiness.app_cookie.duration_seconds", "86400", wholeNumber(1, 604800)},
	{"stickiness.lb_cookie.duration_seconds", "86400", wholeNumber(1, 604800)},
	{keyStickType, "lb_cookie", oneOf("lb_cookie", "app_cookie")},
	{"target_group_health.dns_failover.minimum_healthy_targets.count", "1", countOrOff},
	{"target_group_health.dns_failover.minimum_healthy_targets.percentage", "off", percentOrOff},
	{"target_group_health.unhealthy_state_routing.minimum_healthy_targets.count", "1", wholeNumber(1, 1000)},
	{"target_group_health.unhealthy_state_routing.minimum_healthy_targets.percentage", "off", percentOrOff},
}

func boolean(key, value string) error { return oneOf("true", "false")(key, value) }

func oneOf(values ...string) func(key, value string) error {
	return func(key, value string) error {
		if slices.Contains(values, value) {
			return nil
		}
		return invalid("The value of '%s' must be one of '[%s]'", key, strings.Join(values, ","))
	}
}

// wholeNumber takes whole numbers from low to high.
func wholeNumber(low, high int) func(key, value string) error {
	return func(key, value string) error {
		if n, err := strconv.Atoi(value); err == nil && low <= n && n <= high {
			return nil
		}
		return invalid("'%s' value '%s' must be between '%d-%d' inclusive", key, value, low, high)
	}
}

func slowStart(key, value string) error {
	if value == "0" {
		return nil
	}
	if wholeNumber(30, 900)(key, value) != nil {
		return invalid("'%s' value '%s' must be 0 or between '30-900' inclusive", key, value)
	}
	return nil
}

func countOrOff(key, value string) error {
	if value == "off" {
		return nil
	}
	return wholeNumber(1, 1000)(key, value)
}

func percentOrOff(key, value string) error {
	if value == "off" {
		return nil
	}
	return wholeNumber(1, 100)(key, value)
}

func appCookie(key, value string) error {
	for _, taken := range []string{"AWSALB", "AWSALBAPP", "AWSALBTG"} {
		if strings.HasPrefix(value, taken) {
			return invalid("The cookie name '%s' of '%s' is reserved", value, key)
		}
	}
	return nil
}

// headerName takes the name of a header, or none for the usual one, and no name that routes, frames, is
// of one connection or is a header of the balancer's own already. The bound is that of names in
// conditions (unconfirmed).
func headerName(key, value string) error {
	if value != "" && (len(value) > 40 || !headerChars.MatchString(value) || taken(strings.ToLower(value))) {
		return invalid("The value of '%s' is not a valid header name", key)
	}
	return nil
}

// taken reports whether a header, its name in lower case, says how a message is sent or what else the
// balancer tells its targets.
func taken(name string) bool {
	switch name {
	case "host", "connection", "content-length", "transfer-encoding", "te", "trailer", "upgrade", "keep-alive", "expect",
		"x-forwarded-for", "x-forwarded-proto", "x-forwarded-port", "x-amzn-trace-id":
		return true
	}
	return strings.HasPrefix(name, "proxy-")
}

// maxHeaderValue is how many bytes a header may have that a listener adds to answers.
const maxHeaderValue = 1024

// headerValue takes what a listener may add to answers.
//
// Source: ELBv2 guide, "HTTP header modification for your Application Load Balancer", Limitations. What
// is said of a value that is too long is unconfirmed.
func headerValue(key, value string) error {
	if len(value) > maxHeaderValue {
		return invalid("The value of '%s' cannot be longer than '%d' characters", key, maxHeaderValue)
	}
	if strings.ContainsFunc(value, func(c rune) bool {
		return (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && !strings.ContainsRune("_ :;.,\\/'?!(){}[]@<>=-+*#&`|~^%", c)
	}) {
		return invalid("The value of '%s' contains invalid characters", key)
	}
	return nil
}

// setting is a key and the value a request gives it.
type setting struct{ key, value string }

// set gives a resource's attributes after a change, in a map of its own. Nothing is changed where a
// key is unknown or a value wrong.
func (s schema) set(have map[string]string, changes []setting) (map[string]string, error) {
	all := make(map[string]string, len(have)+len(changes))
	for k, v := range have {
		all[k] = v
	}
	given := map[string]bool{}
	for _, c := range changes {
		i := slices.IndexFunc(s.known, func(a attribute) bool { return a.key == c.key })
		if i < 0 {
			if err := s.foreign(c.key); err != nil {
				return nil, err
			}
			return nil, invalid("%s attribute key '%s' is not recognized", s.what, c.key)
		}
		if given[c.key] {
			return nil, invalid("%s attribute key '%s' is specified more than once", s.what, c.key)
		}
		given[c.key] = true
		if s.suits != nil {
			if err := s.suits(c.key, c.value); err != nil {
				return nil, err
			}
		}
		if refuses := s.known[i].refuses; refuses != nil {
			if err := refuses(c.key, c.value); err != nil {
				return nil, err
			}
		}
		all[c.key] = c.value
	}
	return all, nil
}

// each gives all attributes there are, with their values, in the table's order.
func each(known []attribute, have map[string]string) []setting {
	all := make([]setting, len(known))
	for i, a := range known {
		all[i] = setting{a.key, value(known, have, a.key)}
	}
	return all
}

// value gives an attribute's value: as set, else the default.
func value(known []attribute, have map[string]string, key string) string {
	if v, ok := have[key]; ok {
		return v
	}
	for _, a := range known {
		if a.key == key {
			return a.value
		}
	}
	panic(fmt.Sprintf("elb: no attribute is named %q", key))
}

// number gives an attribute's value that is a number; it was checked when it was set.
func number(known []attribute, have map[string]string, key string) int {
	n, err := strconv.Atoi(value(known, have, key))
	if err != nil {
		panic(fmt.Sprintf("elb: attribute %s: %v", key, err))
	}
	return n
}

// checkBalancer refuses logs without a bucket. Access logs are looked at closer; see checkLogs.
func checkBalancer(a map[string]string) error {
	for _, kind := range []string{"connection", "health_check"} {
		if key := kind + "_logs.s3."; a[key+"enabled"] == "true" && a[key+"bucket"] == "" {
			return invalid("The value of '%sbucket' cannot be empty when %s logs are enabled", key, strings.ReplaceAll(kind, "_", " "))
		}
	}
	return nil
}

// checkGroup refuses group attributes that do not go together.
func checkGroup(a map[string]string) error {
	at := func(key string) string { return value(groupAttributes, a, key) }
	algorithm := at(keyAlgorithm)
	switch {
	case at(keySlowStart) != "0" && algorithm != string(balance.RoundRobin):
		return misconfigured("Slow start cannot be enabled with the load balancing algorithm '%s'", algorithm)
	case at(keyAnomaly) == "on" && algorithm != string(balance.WeightedRandom):
		return misconfigured("Anomaly mitigation can only be enabled with the load balancing algorithm 'weighted_random'")
	case at(keySticky) == "true" && at(keyStickType) == "app_cookie" && at(keyAppCookie) == "":
		return misconfigured("You must set an application cookie name to enable stickiness of type 'app_cookie'")
	}
	return nil
}
