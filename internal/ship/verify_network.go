package ship

import (
	"errors"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/slipway-ecs/slipway/internal/sdk"
)

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
	balancers, _ := v.p.settings() // how it is deployed changes no target
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
