package ship

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"

	"github.com/slipway-ecs/slipway/internal/fail"
	"github.com/slipway-ecs/slipway/internal/sdk"
)

// Surroundings are what a service needs to be there; SDK clients are it.
type Surroundings struct {
	Image interface {
		// Image tells whether an image is there for a platform, linux/arm64 say.
		Image(ctx context.Context, ref, platform string) error
	}
	IAM interface {
		GetRole(context.Context, *iam.GetRoleInput, ...func(*iam.Options)) (*iam.GetRoleOutput, error)
	}
	Logs interface {
		DescribeLogGroups(context.Context, *cloudwatchlogs.DescribeLogGroupsInput, ...func(*cloudwatchlogs.Options)) (*cloudwatchlogs.DescribeLogGroupsOutput, error)
	}
	EC2 interface {
		DescribeSubnets(context.Context, *ec2.DescribeSubnetsInput, ...func(*ec2.Options)) (*ec2.DescribeSubnetsOutput, error)
		DescribeSecurityGroups(context.Context, *ec2.DescribeSecurityGroupsInput, ...func(*ec2.Options)) (*ec2.DescribeSecurityGroupsOutput, error)
	}
	ELB interface {
		DescribeTargetGroups(context.Context, *elb.DescribeTargetGroupsInput, ...func(*elb.Options)) (*elb.DescribeTargetGroupsOutput, error)
	}
	// Secret tells whether a parameter or a secret, as valueFrom names it, is there.
	Secret func(ctx context.Context, from string) error
}

// Finding is one thing that was looked for.
type Finding struct {
	What string `json:"what"` // image app: repo/app:1
	OK   bool   `json:"ok"`
	Why  string `json:"why,omitempty"`  // of a miss
	Hint string `json:"hint,omitempty"` // what to do about it
}

// Verify looks for everything that the proposed definition and service need, in a stated order.
func (s Surroundings) Verify(ctx context.Context, p *Proposal) []Finding {
	v := &verifying{s: s, ctx: ctx, p: p, out: []Finding{}}
	v.images()
	v.roles()
	v.secrets()
	v.logGroups()
	v.network()
	v.targets()
	return v.out
}

type verifying struct {
	s   Surroundings
	ctx context.Context //nolint:containedctx // lives as long as one Verify
	p   *Proposal
	out []Finding
	vpc string // of the first subnet; "" until one is known
}

func (v *verifying) note(what, hint string, err error) {
	f := Finding{What: what, OK: err == nil}
	if err != nil {
		f.Why, f.Hint = err.Error(), hint
		if e := fail.Of(err); e != nil && e.Hint != "" {
			f.Hint = e.Hint // who could not be asked knows better
		}
	}
	v.out = append(v.out, f)
}

func (v *verifying) miss(what, hint, format string, args ...any) {
	v.note(what, hint, fmt.Errorf(format, args...))
}

// platform gives what the definition runs on.
func (v *verifying) platform() string {
	arch := "amd64"
	if r, ok := v.p.Definition["runtimePlatform"].(sdk.Tree); ok {
		if text(r["cpuArchitecture"]) == "ARM64" {
			arch = "arm64"
		}
		if strings.HasPrefix(text(r["operatingSystemFamily"]), "WINDOWS") {
			return "windows/" + arch
		}
	}
	return "linux/" + arch
}

func (v *verifying) images() {
	for _, c := range containersOf(v.p.Definition) {
		v.note(fmt.Sprintf("image of %s: %s", text(c["name"]), text(c["image"])), "push it for "+v.platform()+", or name another",
			v.s.Image.Image(v.ctx, text(c["image"]), v.platform()))
	}
}

// trusts are who must be trusted by a role of each use.
var trusts = []struct{ member, use, principal string }{
	{"executionRoleArn", "execution role", "ecs-tasks.amazonaws.com"},
	{"taskRoleArn", "task role", "ecs-tasks.amazonaws.com"},
}

func (v *verifying) roles() {
	needs := v.p.needsExecution()
	for _, r := range trusts {
		if arn := text(v.p.Definition[r.member]); arn != "" {
			v.role(r.use, arn, r.principal)
		} else if r.member == "executionRoleArn" && needs != "" {
			v.miss("execution role", "add executionRoleArn", "the definition has none, and %s needs one", needs)
		}
	}
	balancers, c := v.p.settings()
	seen := map[string]bool{}
	for _, b := range balancers {
		if a := b.AdvancedConfiguration; a != nil && a.RoleArn != nil && !seen[*a.RoleArn] {
			seen[*a.RoleArn] = true
			v.role("role for load balancers", *a.RoleArn, "ecs.amazonaws.com")
		}
	}
	for _, h := range c.LifecycleHooks {
		if h.RoleArn != nil && !seen[*h.RoleArn] {
			seen[*h.RoleArn] = true
			v.role("role for hooks", *h.RoleArn, "ecs.amazonaws.com")
		}
	}
}

// inECR reports whether an image is one of Amazon ECR's.
func inECR(image string) bool {
	return strings.Contains(image, ".dkr.ecr") || strings.Contains(image, ".dkr-ecr")
}

// needsExecution says what ECS does for the definition in its execution role's name; "" is nothing.
func (p *Proposal) needsExecution() string {
	if len(p.secretRefs()) > 0 {
		return "reading its secrets"
	}
	list, ok := p.Definition["requiresCompatibilities"].([]any)
	if !ok || !slices.Contains(list, any("FARGATE")) {
		return "" // the instance's role does the rest
	}
	for _, c := range containersOf(p.Definition) {
		l, logs := c["logConfiguration"].(sdk.Tree)
		switch {
		case inECR(text(c["image"])):
			return "pulling from ECR on Fargate"
		case logs && text(l["logDriver"]) == "awslogs":
			return "writing to CloudWatch Logs on Fargate"
		}
	}
	return ""
}

func (v *verifying) role(use, arn, principal string) {
	what := use + " " + last(arn)
	out, err := v.s.IAM.GetRole(v.ctx, &iam.GetRoleInput{RoleName: aws.String(last(arn))})
	if err != nil {
		v.note(what, "create it, or name another", sdk.Explain(err, "get role"))
		return
	}
	policy, err := url.QueryUnescape(aws.ToString(out.Role.AssumeRolePolicyDocument))
	if err == nil && !trusted(policy, principal) {
		v.miss(what, "add "+principal+" to its trust policy", "it does not trust %s", principal)
		return
	}
	v.note(what, "", nil)
}

// trusted reports whether a trust policy lets a service assume the role.
func trusted(policy, principal string) bool {
	var p struct {
		Statement []struct {
			Effect    string
			Principal json.RawMessage
		}
	}
	if json.Unmarshal([]byte(policy), &p) != nil {
		return strings.Contains(policy, principal) // one statement, not in a list
	}
	return slices.ContainsFunc(p.Statement, func(s struct {
		Effect    string
		Principal json.RawMessage
	}) bool {
		return s.Effect == "Allow" && strings.Contains(string(s.Principal), `"`+principal+`"`)
	})
}

// secretRefs gives what containers, their logs and the pulls of their images take from parameters and
// secrets, by container.
func (p *Proposal) secretRefs() [][2]string {
	var out [][2]string
	for _, c := range containersOf(p.Definition) {
		lists := []any{c["secrets"]}
		if l, ok := c["logConfiguration"].(sdk.Tree); ok {
			lists = append(lists, l["secretOptions"])
		}
		if r, ok := c["repositoryCredentials"].(sdk.Tree); ok {
			out = append(out, [2]string{text(c["name"]) + "'s login to its registry", text(r["credentialsParameter"])})
		}
		for _, list := range lists {
			pairs, ok := list.([]any)
			if !ok {
				continue
			}
			for _, s := range pairs {
				if t, ok := s.(sdk.Tree); ok {
					out = append(out, [2]string{text(c["name"]) + "'s " + text(t["name"]), text(t["valueFrom"])})
				}
			}
		}
	}
	return out
}

func (v *verifying) secrets() {
	for _, s := range v.p.secretRefs() {
		v.note(fmt.Sprintf("secret %s: %s", s[0], s[1]), "create it, or correct its name and region", v.s.Secret(v.ctx, s[1]))
	}
}

func (v *verifying) logGroups() {
	seen := map[string]bool{}
	for _, c := range containersOf(v.p.Definition) {
		l, ok := c["logConfiguration"].(sdk.Tree)
		if !ok || text(l["logDriver"]) != "awslogs" {
			continue
		}
		options, ok := l["options"].(sdk.Tree)
		if !ok {
			options = sdk.Tree{} // what lacks is told below
		}
		name := text(options["awslogs-group"])
		if name == "" {
			v.miss("log group of "+text(c["name"]), "add the option awslogs-group", "the container's logs name no group")
			continue
		}
		if seen[name] || text(options["awslogs-create-group"]) == "true" {
			continue
		}
		seen[name] = true
		out, err := v.s.Logs.DescribeLogGroups(v.ctx, &cloudwatchlogs.DescribeLogGroupsInput{LogGroupNamePrefix: &name})
		hint := "create it: aws logs create-log-group --log-group-name " + name
		if err != nil {
			v.note("log group "+name, hint, sdk.Explain(err, "describe log groups"))
			continue
		}
		there := false
		for _, g := range out.LogGroups {
			there = there || aws.ToString(g.LogGroupName) == name
		}
		if !there {
			err = fmt.Errorf("there is none of this name")
		}
		v.note("log group "+name, hint, err)
	}
}

// vpc gives the network configuration that the service will have.
func (p *Proposal) vpc() (subnets, groups []string) {
	list := func(v any) []string {
		items, ok := v.([]any)
		if !ok {
			return nil
		}
		var out []string
		for _, i := range items {
			out = append(out, text(i))
		}
		return out
	}
	if n, ok := p.Update["networkConfiguration"].(sdk.Tree); ok {
		if c, ok := n["awsvpcConfiguration"].(sdk.Tree); ok {
			return list(c["subnets"]), list(c["securityGroups"])
		}
	}
	if p.Live != nil && p.Live.NetworkConfiguration != nil && p.Live.NetworkConfiguration.AwsvpcConfiguration != nil {
		c := p.Live.NetworkConfiguration.AwsvpcConfiguration
		return c.Subnets, c.SecurityGroups
	}
	return nil, nil
}

func (v *verifying) network() {
	subnets, groups := v.p.vpc()
	if len(subnets) == 0 && text(v.p.Definition["networkMode"]) == "awsvpc" {
		v.miss("subnets", "add networkConfiguration to the service", "the definition's network mode is awsvpc, and the service names no subnet")
	}
	for _, id := range subnets {
		out, err := v.s.EC2.DescribeSubnets(v.ctx, &ec2.DescribeSubnetsInput{SubnetIds: []string{id}})
		if err == nil && len(out.Subnets) == 1 {
			err = v.sameVPC(aws.ToString(out.Subnets[0].VpcId))
		}
		v.note("subnet "+id, "name one of the service's VPC", explained(err))
	}
	for _, id := range groups {
		out, err := v.s.EC2.DescribeSecurityGroups(v.ctx, &ec2.DescribeSecurityGroupsInput{GroupIds: []string{id}})
		if err == nil && len(out.SecurityGroups) == 1 {
			err = v.sameVPC(aws.ToString(out.SecurityGroups[0].VpcId))
		}
		v.note("security group "+id, "name one of the service's VPC", explained(err))
	}
}

// elsewhere is something of another VPC than the first subnet.
type elsewhere struct{ it, tasks string }

func (e *elsewhere) Error() string {
	return fmt.Sprintf("it is in %s, and the tasks will be in %s", e.it, e.tasks)
}

// sameVPC holds a VPC against that of the first subnet.
func (v *verifying) sameVPC(id string) error {
	switch {
	case v.vpc == "":
		v.vpc = id
	case id != "" && id != v.vpc:
		return &elsewhere{id, v.vpc}
	}
	return nil
}

// explained gives AWS's errors in words; ours have them.
func explained(err error) error {
	if e := (*elsewhere)(nil); errors.As(err, &e) {
		return err
	}
	return sdk.Explain(err, "describe it")
}

func (v *verifying) targets() {
	balancers, _ := v.p.settings()
	for _, b := range balancers {
		if b.TargetGroupArn == nil {
			continue
		}
		arns := []string{*b.TargetGroupArn}
		if b.AdvancedConfiguration != nil && b.AdvancedConfiguration.AlternateTargetGroupArn != nil {
			arns = append(arns, *b.AdvancedConfiguration.AlternateTargetGroupArn)
		}
		for i, arn := range arns {
			what := "target group " + groupName(arn)
			out, err := v.s.ELB.DescribeTargetGroups(v.ctx, &elb.DescribeTargetGroupsInput{TargetGroupArns: []string{arn}})
			if err != nil || len(out.TargetGroups) == 0 {
				v.note(what, "create it, or name another", sdk.Explain(err, "describe it"))
				continue
			}
			if i == 0 && len(out.TargetGroups[0].LoadBalancerArns) == 0 {
				v.miss(what, "point a listener or a rule at it", "no listener forwards to it, and ECS refuses such a one")
				continue
			}
			v.fits(what, out.TargetGroups[0], aws.ToString(b.ContainerName), int(aws.ToInt32(b.ContainerPort)))
		}
	}
}

// groupName gives the name in a target group's ARN: targetgroup/NAME/ID.
func groupName(arn string) string {
	parts := strings.Split(arn, "/")
	if len(parts) < 3 {
		return arn
	}
	return parts[len(parts)-2]
}

// fits holds a target group against the container and the port it is to reach.
func (v *verifying) fits(what string, g elbtypes.TargetGroup, container string, port int) {
	var c sdk.Tree
	var names []string
	for _, one := range containersOf(v.p.Definition) {
		names = append(names, text(one["name"]))
		if text(one["name"]) == container {
			c = one
		}
	}
	if c == nil {
		v.miss(what, "its containers are "+strings.Join(names, ", "), "the service sends it to container %q, which the definition does not have", container)
		return
	}
	var ports []string
	there := false
	list, ok := c["portMappings"].([]any)
	if !ok {
		list = nil // none
	}
	for _, m := range list {
		if t, ok := m.(sdk.Tree); ok {
			ports = append(ports, text(t["containerPort"]))
			there = there || number(t["containerPort"], 0) == port
		}
	}
	if !there {
		v.miss(what, "add it to portMappings", "container %s does not have port %d (it has: %s)", container, port, strings.Join(ports, ", "))
		return
	}
	vpc := text(v.p.Definition["networkMode"]) == "awsvpc"
	if err := v.sameVPC(aws.ToString(g.VpcId)); vpc && err != nil {
		v.note(what, "use a target group of the tasks' VPC", err)
		return
	}
	if vpc && g.TargetType != elbtypes.TargetTypeEnumIp {
		v.miss(what, "use a target group of the type ip", "its targets are of the type %s, and awsvpc tasks need ip", g.TargetType)
		return
	}
	if !vpc && g.TargetType == elbtypes.TargetTypeEnumIp {
		v.miss(what, "use a target group of the type instance, or the network mode awsvpc", "its targets are of the type ip, which only awsvpc tasks have")
		return
	}
	v.note(what, "", nil)
}
