// Package names parses and prints the names things have: ARNs, ECS references, families and
// revisions. It is pure; what a name refers to is its caller's business. Read ARN first.
package names

import "strings"

// ARN is an Amazon Resource Name, taken apart. The zero ARN is no name.
type ARN struct {
	Partition string // aws, aws-cn, aws-us-gov
	Service   string // the signing name: ecs, elasticloadbalancing
	Region    string // empty for global services
	Account   string // 12 digits
	Resource  string // all after the fifth colon: "service/prod/web"
}

// ParseARN takes an ARN apart; ok is false where s is not one.
func ParseARN(s string) (a ARN, ok bool) {
	parts := strings.SplitN(s, ":", 6)
	if len(parts) != 6 || parts[0] != "arn" || parts[1] == "" || parts[2] == "" || parts[5] == "" {
		return ARN{}, false
	}
	return ARN{parts[1], parts[2], parts[3], parts[4], parts[5]}, true
}

// String prints the ARN.
func (a ARN) String() string {
	return "arn:" + a.Partition + ":" + a.Service + ":" + a.Region + ":" + a.Account + ":" + a.Resource
}

// Kind gives the resource's type, the part before the first slash or colon: "service".
func (a ARN) Kind() string {
	if i := strings.IndexAny(a.Resource, "/:"); i >= 0 {
		return a.Resource[:i]
	}
	return a.Resource
}

// Path gives the resource's parts after its kind: ["prod", "web"] of "service/prod/web".
func (a ARN) Path() []string {
	if i := strings.IndexAny(a.Resource, "/:"); i >= 0 {
		return strings.Split(a.Resource[i+1:], "/")
	}
	return nil
}

// Scope is one account in one region: what the rows of two scopes share is nothing.
type Scope struct {
	Account string // 12 digits
	Region  string // us-east-1
}

// Partition gives the partition the region lies in.
func (s Scope) Partition() string {
	switch {
	case strings.HasPrefix(s.Region, "cn-"):
		return "aws-cn"
	case strings.HasPrefix(s.Region, "us-gov-"):
		return "aws-us-gov"
	}
	return "aws"
}

// ARN names a resource of a service in the scope.
func (s Scope) ARN(service, resource string) string {
	return ARN{s.Partition(), service, s.Region, s.Account, resource}.String()
}

// Scope gives the scope an ARN belongs to.
func (a ARN) Scope() Scope { return Scope{a.Account, a.Region} }

// ScopeOf gives the scope of an ARN's text; the zero Scope where it is not an ARN.
func ScopeOf(arn string) Scope {
	a, _ := ParseARN(arn)
	return a.Scope()
}

// Last gives what stands after the last slash of a name: the id of a task ARN, the name of a
// cluster ARN; a name without slashes is itself.
func Last(name string) string { return name[strings.LastIndexByte(name, '/')+1:] }
