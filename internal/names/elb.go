package names

import "strings"

// Sources: elbv2.md 1.1 (ARN forms; clients do string work on them, so the nesting is exact).

// LoadBalancer names an application load balancer; id is 16 hexadecimal digits.
func (s Scope) LoadBalancer(name, id string) string {
	return s.ARN("elasticloadbalancing", "loadbalancer/app/"+name+"/"+id)
}

// NetworkLoadBalancer names a network load balancer; id is 16 hexadecimal digits.
func (s Scope) NetworkLoadBalancer(name, id string) string {
	return s.ARN("elasticloadbalancing", "loadbalancer/net/"+name+"/"+id)
}

// OfNetworkLoadBalancer reports whether the ARN of a load balancer, a listener or a rule is a network
// load balancer's.
func OfNetworkLoadBalancer(arn string) bool {
	a, ok := ParseARN(arn)
	_, rest, _ := strings.Cut(a.Resource, "/")
	return ok && a.Service == "elasticloadbalancing" && a.Kind() != "targetgroup" && strings.HasPrefix(rest, "net/")
}

// TargetGroup names a target group; id is 16 hexadecimal digits.
func (s Scope) TargetGroup(name, id string) string {
	return s.ARN("elasticloadbalancing", "targetgroup/"+name+"/"+id)
}

// ListenerOf names a listener of a load balancer.
func ListenerOf(loadBalancer, id string) string {
	return strings.Replace(loadBalancer, ":loadbalancer/", ":listener/", 1) + "/" + id
}

// RuleOf names a rule of a listener.
func RuleOf(listener, id string) string {
	return strings.Replace(listener, ":listener/", ":listener-rule/", 1) + "/" + id
}

// ListenerOfRule gives the listener a rule belongs to.
func ListenerOfRule(rule string) string {
	i := strings.LastIndexByte(rule, '/')
	if i < 0 {
		return ""
	}
	return strings.Replace(rule[:i], ":listener-rule/", ":listener/", 1)
}

// LoadBalancerOfListener gives the load balancer a listener belongs to.
func LoadBalancerOfListener(listener string) string {
	i := strings.LastIndexByte(listener, '/')
	if i < 0 {
		return ""
	}
	return strings.Replace(listener[:i], ":listener/", ":loadbalancer/", 1)
}

// LoadBalancerDimension gives the value of CloudWatch's LoadBalancer dimension: "app/web/50dc…".
func LoadBalancerDimension(loadBalancer string) string {
	_, after, _ := strings.Cut(loadBalancer, ":loadbalancer/")
	return after
}

// TargetGroupDimension gives the value of CloudWatch's TargetGroup dimension: "targetgroup/blue/73e2…".
func TargetGroupDimension(group string) string { return group[strings.LastIndexByte(group, ':')+1:] }
