package elb

import "slices"

// What network load balancers, their listeners of TCP and their groups have of attributes.
// Source: the API reference of LoadBalancerAttribute, ListenerAttribute and TargetGroupAttribute.
// Those that application load balancers have too have the same defaults, unless a function here
// says otherwise.

const (
	keyCrossZone = "load_balancing.cross_zone.enabled"
	keyFlowIdle  = "tcp.idle_timeout.seconds"

	keyEndDraining    = "deregistration_delay.connection_termination.enabled"
	keyEndUnhealthy   = "target_health_state.unhealthy.connection_termination.enabled"
	keyDrainUnhealthy = "target_health_state.unhealthy.draining_interval_seconds"
	keyKeepSource     = "preserve_client_ip.enabled"
	keyProxyHeader    = "proxy_protocol_v2.enabled"
	keySecondary      = "secondary_ips.auto_assigned.per_subnet"
	bySourceIP        = "source_ip"

	// keyLambda is of groups of functions, which there are not here.
	keyLambda = "lambda.multi_value_headers.enabled"
)

var networkAttributes = []attribute{
	{"access_logs.s3.enabled", "false", boolean},
	{"access_logs.s3.bucket", "", nil},
	{"access_logs.s3.prefix", "", nil},
	{"deletion_protection.enabled", "false", boolean},
	{"dns_record.client_routing_policy", "any_availability_zone", oneOf("availability_zone_affinity", "partial_availability_zone_affinity", "any_availability_zone")},
	{"ipv6.deny_all_igw_traffic", "false", boolean},
	{keyCrossZone, "false", boolean},
	{keySecondary, "0", wholeNumber(0, 7)},
	{"zonal_shift.config.enabled", "false", boolean},
}

var flowListenerAttributes = []attribute{
	{keyFlowIdle, "350", wholeNumber(60, 6000)},
}

// flowGroupAttributes are those of a group of addresses; instances see their clients' by default.
var flowGroupAttributes = []attribute{
	{keyDelay, "300", wholeNumber(0, 3600)},
	{keyEndDraining, "false", boolean},
	{keyCrossZone, "use_load_balancer_configuration", oneOf("true", "false", "use_load_balancer_configuration")},
	{keyKeepSource, "false", boolean},
	{keyProxyHeader, "false", boolean},
	{keySticky, "false", boolean},
	{keyStickType, bySourceIP, oneOf(bySourceIP)},
	{"target_group_health.dns_failover.minimum_healthy_targets.count", "1", countOrOff},
	{"target_group_health.dns_failover.minimum_healthy_targets.percentage", "off", percentOrOff},
	{"target_group_health.unhealthy_state_routing.minimum_healthy_targets.count", "1", wholeNumber(1, 1000)},
	{"target_group_health.unhealthy_state_routing.minimum_healthy_targets.percentage", "off", percentOrOff},
	{keyEndUnhealthy, "true", boolean},
	{keyDrainUnhealthy, "0", wholeNumber(0, 360000)},
}

// has reports whether a table has a key.
func has(known []attribute, key string) bool {
	return slices.ContainsFunc(known, func(a attribute) bool { return a.key == key })
}

// schema is what a resource can have of attributes.
type schema struct {
	what  string // begins the sentences about keys: "Load balancer", "Listener", "Target group"
	known []attribute
	// foreign refuses a key that resources of another kind have; it gives nil for others.
	foreign func(key string) error
	// suits refuses a value that a table alone cannot judge; nil suits all.
	suits func(key, value string) error
}

// schema gives a balancer's attributes. The words are those seen of keys of the other kind.
func (b *balancerRow) schema() schema {
	known, others, kind := balancerAttributes, networkAttributes, "application"
	if b.Network {
		known, others, kind = networkAttributes, balancerAttributes, "network"
	}
	return schema{what: "Load balancer", known: known, foreign: func(key string) error {
		if has(others, key) {
			return misconfigured("Load balancer attribute key '%s' is not supported on load balancers with type '%s'", key, kind)
		}
		return nil
	}, suits: func(key, value string) error {
		// Source: the API reference: it can be raised alone. The words are ours (unconfirmed).
		if now := b.Attributes[key]; key == keySecondary && value < now {
			return misconfigured("The value of '%s' cannot be decreased from '%s'", key, now)
		}
		return nil
	}}
}

// schema gives a listener's attributes.
func (l *listenerRow) schema() schema {
	known := listenerAttributes
	switch l.Protocol {
	case "TCP":
		known = flowListenerAttributes
	case "TLS":
		known = nil // its idle time-out is what it is
	}
	return schema{what: "Listener", known: known, foreign: func(key string) error {
		if has(listenerAttributes, key) || has(flowListenerAttributes, key) {
			return misconfigured("Listener attribute key '%s' is not supported on listeners with the protocol '%s'", key, l.Protocol)
		}
		return nil
	}}
}

// schema gives a group's attributes. The words are those seen on AWS.
func (g *groupRow) schema() schema {
	known, others := groupAttributes, flowGroupAttributes
	if g.Protocol == "TCP" {
		known, others = others, known
		if g.TargetType == "instance" {
			known = slices.Clone(known)
			known[slices.IndexFunc(known, func(a attribute) bool { return a.key == keyKeepSource })].value = "true"
		}
	}
	return schema{what: "Target group", known: known, foreign: func(key string) error {
		if has(others, key) || key == keyLambda {
			return misconfigured("The provided target group attribute is not supported")
		}
		return nil
	}, suits: func(key, value string) error {
		if key == keyStickType && slices.Contains([]string{bySourceIP, "lb_cookie", "app_cookie"}, value) && (value == bySourceIP) != (g.Protocol == "TCP") {
			return misconfigured("Stickiness type '%s' is not supported for target groups with the %s protocol", value, g.Protocol)
		}
		return nil
	}}
}

// checkFlows refuses attributes of a group of TCP that do not go together. The words are ours
// (unconfirmed).
func checkFlows(a map[string]string) error {
	if value(flowGroupAttributes, a, keyDrainUnhealthy) != "0" && value(flowGroupAttributes, a, keyEndUnhealthy) == "true" {
		return misconfigured("'%s' can only be set when '%s' is false", keyDrainUnhealthy, keyEndUnhealthy)
	}
	return nil
}
