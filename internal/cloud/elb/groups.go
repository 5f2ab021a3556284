package elb

import (
	"context"
	"fmt"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	elbv2 "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/slipway-ecs/slipway/internal/names"
	"github.com/slipway-ecs/slipway/internal/store"
)

// CreateTargetGroup makes an empty group. The same name with the same settings gives the one
// there is.
func (s *Service) CreateTargetGroup(ctx context.Context, in *elbv2.CreateTargetGroupInput) (*elbv2.CreateTargetGroupOutput, error) {
	scope := scopeOf(ctx)
	want, err := s.newGroup(in)
	if err != nil {
		return nil, err
	}
	if want.Tags, err = newTags(in.Tags); err != nil {
		return nil, err
	}
	out := &elbv2.CreateTargetGroupOutput{}
	err = s.change(ctx, func(tx *store.Tx) error {
		if there, ok := first(s.groups.By(tx, "name", scoped(scope, want.Name))); ok {
			if !sameGroup(there, want) {
				return &types.DuplicateTargetGroupNameException{Message: sentence("A target group with the same name '%s' exists, but with different settings", []any{want.Name})}
			}
			out.TargetGroups = []types.TargetGroup{s.groupView(tx, there)}
			return nil
		}
		if !s.o.Network.HasVPC(tx, scope, want.VPC) {
			if !s.o.Lenient {
				return invalid("The VPC ID '%s' is not found", want.VPC)
			}
			s.o.Warn(fmt.Sprintf("accepted, as asked by --lenient: target group %s in %s, which there is not; AWS refuses it", want.Name, want.VPC))
		}
		if count(s.groups.Prefix(tx, scope.ARN(s.Name(), "targetgroup/"))) >= maxGroups {
			return &types.TooManyTargetGroupsException{Message: aws.String("The maximum number of target groups has been reached")}
		}
		want.ARN = scope.TargetGroup(want.Name, s.o.IDs.Hex(16))
		s.groups.Put(tx, want)
		out.TargetGroups = []types.TargetGroup{s.groupView(tx, want)}
		return nil
	})
	return answer(out, err)
}

// newGroup reads a group's settings with the defaults of elbv2.md 3.
func (s *Service) newGroup(in *elbv2.CreateTargetGroupInput) (groupRow, error) {
	g := groupRow{Name: aws.ToString(in.Name), TargetType: "instance", IPType: "ipv4", ProtocolVersion: "HTTP1", VPC: aws.ToString(in.VpcId)}
	if err := checkName("Target group", g.Name); err != nil {
		return g, err
	}
	switch in.TargetType {
	case "", types.TargetTypeEnumInstance:
	case types.TargetTypeEnumIp:
		g.TargetType = "ip"
	case types.TargetTypeEnumLambda, types.TargetTypeEnumAlb:
		return g, s.unbuilt("Target groups of type '%s'", in.TargetType)
	default:
		return g, constraint(in.TargetType, "targetType", "satisfy enum value set: [instance, ip, lambda, alb]")
	}
	switch in.Protocol {
	case "":
		return g, invalid("A protocol must be specified")
	case types.ProtocolEnumHttp, types.ProtocolEnumHttps:
		g.Protocol = string(in.Protocol)
	case types.ProtocolEnumTcp:
		g.Protocol, g.ProtocolVersion = string(in.Protocol), ""
	case types.ProtocolEnumTls, types.ProtocolEnumUdp, types.ProtocolEnumTcpUdp, types.ProtocolEnumGeneve, types.ProtocolEnumQuic, types.ProtocolEnumTcpQuic:
		return g, s.unbuilt("Target groups with the protocol '%s'", in.Protocol)
	default:
		return g, constraint(in.Protocol, "protocol", "satisfy enum value set: [HTTP, HTTPS, TCP, TLS, UDP, TCP_UDP, GENEVE, QUIC, TCP_QUIC]")
	}
	switch v := aws.ToString(in.ProtocolVersion); v {
	case "":
	case "HTTP1", "HTTP2", "GRPC":
		if g.Protocol == "TCP" {
			return g, misconfigured("A protocol version cannot be specified for target groups with the %s protocol", g.Protocol)
		}
		g.ProtocolVersion = v
	default:
		return g, invalid("Protocol version '%s' must be one of 'GRPC, HTTP1, HTTP2'", v)
	}
	if in.Port == nil {
		return g, invalid("A port must be specified")
	}
	if err := between(in.Port, "port", 1, 65535); err != nil {
		return g, err
	}
	g.Port = int(*in.Port)
	if g.VPC == "" {
		return g, invalid("A VPC ID must be specified")
	}
	switch in.IpAddressType {
	case "", types.TargetGroupIpAddressTypeEnumIpv4:
	case types.TargetGroupIpAddressTypeEnumIpv6:
		g.IPType = "ipv6"
	default:
		return g, constraint(in.IpAddressType, "ipAddressType", "satisfy enum value set: [ipv4, ipv6]")
	}
	g.ControlPort = int(aws.ToInt32(in.TargetControlPort))
	err := g.setCheck(&elbv2.ModifyTargetGroupInput{
		HealthCheckEnabled: in.HealthCheckEnabled, HealthCheckProtocol: in.HealthCheckProtocol, HealthCheckPort: in.HealthCheckPort,
		HealthCheckPath: in.HealthCheckPath, HealthCheckIntervalSeconds: in.HealthCheckIntervalSeconds, HealthCheckTimeoutSeconds: in.HealthCheckTimeoutSeconds,
		HealthyThresholdCount: in.HealthyThresholdCount, UnhealthyThresholdCount: in.UnhealthyThresholdCount, Matcher: in.Matcher,
	})
	return g, err
}

func sameGroup(a, b groupRow) bool {
	return a.Protocol == b.Protocol && a.ProtocolVersion == b.ProtocolVersion && a.Port == b.Port && a.VPC == b.VPC &&
		a.TargetType == b.TargetType && a.IPType == b.IPType && a.Check == b.Check && a.ControlPort == b.ControlPort
}

func (s *Service) groupView(tx *store.Tx, g groupRow) types.TargetGroup {
	v := types.TargetGroup{
		TargetGroupArn:             &g.ARN,
		TargetGroupName:            &g.Name,
		Protocol:                   types.ProtocolEnum(g.Protocol),
		Port:                       aws.Int32(int32(g.Port)),
		VpcId:                      &g.VPC,
		HealthCheckProtocol:        types.ProtocolEnum(g.Check.Protocol),
		HealthCheckPort:            &g.Check.Port,
		HealthCheckEnabled:         &g.Check.Enabled,
		HealthCheckIntervalSeconds: aws.Int32(int32(g.Check.Interval)),
		HealthCheckTimeoutSeconds:  aws.Int32(int32(g.Check.Timeout)),
		HealthyThresholdCount:      aws.Int32(int32(g.Check.Healthy)),
		UnhealthyThresholdCount:    aws.Int32(int32(g.Check.Unhealthy)),
		HealthCheckPath:            given(g.Check.Path),
		LoadBalancerArns:           s.balancersOf(tx, g.ARN),
		TargetType:                 types.TargetTypeEnum(g.TargetType),
		ProtocolVersion:            given(g.ProtocolVersion),
		IpAddressType:              types.TargetGroupIpAddressTypeEnum(g.IPType),
	}
	switch {
	case g.Check.GRPCCode != "":
		v.Matcher = &types.Matcher{GrpcCode: &g.Check.GRPCCode}
	case g.Check.Protocol != "TCP":
		v.Matcher = &types.Matcher{HttpCode: &g.Check.HTTPCode}
	}
	if g.ControlPort != 0 {
		v.TargetControlPort = aws.Int32(int32(g.ControlPort))
	}
	return v
}

// DescribeTargetGroups gives groups by ARN, by name, of a balancer, or all of the scope.
func (s *Service) DescribeTargetGroups(ctx context.Context, in *elbv2.DescribeTargetGroupsInput) (*elbv2.DescribeTargetGroupsOutput, error) {
	scope := scopeOf(ctx)
	ways := 0
	for _, given := range []bool{len(in.TargetGroupArns) > 0, len(in.Names) > 0, aws.ToString(in.LoadBalancerArn) != ""} {
		if given {
			ways++
		}
	}
	if ways > 1 {
		return nil, invalid("Target group ARNs, target group names and a load balancer ARN cannot be specified at the same time")
	}
	out := &elbv2.DescribeTargetGroupsOutput{TargetGroups: []types.TargetGroup{}}
	err := s.view(func(tx *store.Tx) error {
		var found []groupRow
		switch {
		case len(in.TargetGroupArns) > 0:
			for _, arn := range in.TargetGroupArns {
				g, err := s.group(tx, scope, &arn)
				if err != nil {
					return err
				}
				found = append(found, g)
			}
		case len(in.Names) > 0:
			for _, name := range in.Names {
				g, ok := first(s.groups.By(tx, "name", scoped(scope, name)))
				if !ok {
					return noGroupNamed()
				}
				found = append(found, g)
			}
		case ways > 0:
			b, err := s.balancer(tx, scope, in.LoadBalancerArn)
			if err != nil {
				return err
			}
			for _, arn := range slices.Sorted(slices.Values(s.groupsOf(tx, b.ARN))) {
				g, err := s.group(tx, scope, &arn)
				if err != nil {
					return err
				}
				found = append(found, g)
			}
		default:
			found = slices.Collect(s.groups.Prefix(tx, scope.ARN(s.Name(), "targetgroup/")))
		}
		got, next, err := cut(found, func(g *groupRow) string { return g.ARN }, in.Marker, in.PageSize)
		if err != nil {
			return err
		}
		out.NextMarker = next
		for _, g := range got {
			out.TargetGroups = append(out.TargetGroups, s.groupView(tx, g))
		}
		return nil
	})
	return answer(out, err)
}

// ModifyTargetGroup changes what is given of a group's health check.
func (s *Service) ModifyTargetGroup(ctx context.Context, in *elbv2.ModifyTargetGroupInput) (*elbv2.ModifyTargetGroupOutput, error) {
	out := &elbv2.ModifyTargetGroupOutput{}
	err := s.change(ctx, func(tx *store.Tx) error {
		g, err := s.group(tx, scopeOf(ctx), in.TargetGroupArn)
		if err != nil {
			return err
		}
		if err := g.setCheck(in); err != nil {
			return err
		}
		s.groups.Put(tx, g)
		out.TargetGroups = []types.TargetGroup{s.groupView(tx, g)}
		return nil
	})
	return answer(out, err)
}

// DeleteTargetGroup removes a group that no rule forwards to, with its targets. One that is not
// there is deleted already.
func (s *Service) DeleteTargetGroup(ctx context.Context, in *elbv2.DeleteTargetGroupInput) (*elbv2.DeleteTargetGroupOutput, error) {
	arn := aws.ToString(in.TargetGroupArn)
	if !isARN(arn, "targetgroup") {
		return nil, invalid("'%s' is not a valid target group ARN", arn)
	}
	err := s.change(ctx, func(tx *store.Tx) error {
		if names.ScopeOf(arn) != scopeOf(ctx) {
			return nil
		}
		if s.used(tx, arn) {
			return &types.ResourceInUseException{Message: sentence("Target group '%s' is currently in use by a listener or a rule", []any{arn})}
		}
		for t := range s.targets.By(tx, "group", arn) {
			s.targets.Delete(tx, targetKey(t.Group, t.ID, t.Port))
		}
		s.groups.Delete(tx, arn)
		return nil
	})
	return answer(&elbv2.DeleteTargetGroupOutput{}, err)
}
