package elb

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	elbv2 "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/slipway-ecs/slipway/internal/balance"
	"github.com/slipway-ecs/slipway/internal/store"
)

// RegisterTargets adds targets to a group; those it has already stay as they are. A target that
// drains is taken back (whether AWS does that is unconfirmed).
func (s *Service) RegisterTargets(ctx context.Context, in *elbv2.RegisterTargetsInput) (*elbv2.RegisterTargetsOutput, error) {
	err := s.change(ctx, func(tx *store.Tx) error {
		g, err := s.group(tx, scopeOf(ctx), in.TargetGroupArn)
		if err != nil {
			return err
		}
		if len(in.Targets) == 0 {
			return invalid("At least one target must be specified")
		}
		var strangers []string
		for _, t := range in.Targets {
			if g.TargetType == "instance" {
				strangers = append(strangers, "'"+aws.ToString(t.Id)+"'")
			}
		}
		if strangers != nil {
			return &types.InvalidTargetException{Message: sentence("The following targets are not in a running state and cannot be registered: %s", []any{strings.Join(strangers, ", ")})}
		}
		for _, t := range in.Targets {
			id, port, err := g.member(t)
			if err != nil {
				return err
			}
			if err := checkIP(g, id); err != nil {
				return err
			}
			want := Target{ID: id, Port: port, Zone: aws.ToString(t.AvailabilityZone)}
			want.Dial = balance.Address{Network: "tcp", Address: netip.AddrPortFrom(netip.MustParseAddr(id), uint16(port)).String()}
			if there, ok := s.targets.Get(tx, targetKey(g.ARN, id, port)); ok && there.Owner != "" {
				want.Zone, want.Owner, want.Dial = there.Zone, there.Owner, there.Dial
			}
			if err := s.Register(tx, g.ARN, want); err != nil {
				return err
			}
		}
		return nil
	})
	return answer(&elbv2.RegisterTargetsOutput{}, err)
}

// member gives the id and the port of a target as the group has it: the port is the group's
// where none is named.
func (g *groupRow) member(t types.TargetDescription) (id string, port int, err error) {
	id, port = aws.ToString(t.Id), g.Port
	if id == "" {
		return "", 0, invalid("A target ID must be specified")
	}
	if err := between(t.Port, "targets.member.port", 1, 65535); err != nil {
		return "", 0, err
	}
	if t.Port != nil {
		port = int(*t.Port)
	}
	return id, port, nil
}

// lans are where an address of a target may lie: RFC 1918, RFC 6598, and loopback, which AWS
// has no use for. Source: elbv2.md 4.3.
var lans = []netip.Prefix{
	netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("172.16.0.0/12"), netip.MustParsePrefix("192.168.0.0/16"),
	netip.MustParsePrefix("100.64.0.0/10"), netip.MustParsePrefix("127.0.0.0/8"),
	netip.MustParsePrefix("::1/128"), netip.MustParsePrefix("fc00::/7"),
}

func checkIP(g groupRow, id string) error {
	a, err := netip.ParseAddr(id)
	if err != nil || a.Zone() != "" || a.Is4() != (g.IPType == "ipv4") {
		return invalid("The IP address '%s' is not a valid %s address", id, map[string]string{"ipv4": "IPv4", "ipv6": "IPv6"}[g.IPType])
	}
	if !slices.ContainsFunc(lans, func(p netip.Prefix) bool { return p.Contains(a) }) {
		return &types.InvalidTargetException{Message: sentence("The IP address '%s' is not within any of the VPC CIDR blocks, and not within the ranges 10.0.0.0/8, 100.64.0.0/10, 172.16.0.0/12, 192.168.0.0/16 or 127.0.0.0/8", []any{id})}
	}
	return nil
}

// DeregisterTargets begins to drain targets. One that is not registered is deregistered already.
// A target registered with a port of its own is named with it, as the API reference has it.
func (s *Service) DeregisterTargets(ctx context.Context, in *elbv2.DeregisterTargetsInput) (*elbv2.DeregisterTargetsOutput, error) {
	err := s.change(ctx, func(tx *store.Tx) error {
		g, err := s.group(tx, scopeOf(ctx), in.TargetGroupArn)
		if err != nil {
			return err
		}
		if len(in.Targets) == 0 {
			return invalid("At least one target must be specified")
		}
		for _, t := range in.Targets {
			id, port, err := g.member(t)
			if err != nil {
				return err
			}
			if err := s.Deregister(tx, g.ARN, id, port); err != nil {
				return err
			}
		}
		return nil
	})
	return answer(&elbv2.DeregisterTargetsOutput{}, err)
}

// DescribeTargetHealth gives the health of all of a group's targets, or of those named: one that
// is not registered is unused.
func (s *Service) DescribeTargetHealth(ctx context.Context, in *elbv2.DescribeTargetHealthInput) (*elbv2.DescribeTargetHealthOutput, error) {
	anomalies := slices.Contains(in.Include, types.DescribeTargetHealthInputIncludeEnumAnomaly) || slices.Contains(in.Include, types.DescribeTargetHealthInputIncludeEnumAll)
	out := &elbv2.DescribeTargetHealthOutput{TargetHealthDescriptions: []types.TargetHealthDescription{}}
	err := s.view(func(tx *store.Tx) error {
		g, err := s.group(tx, scopeOf(ctx), in.TargetGroupArn)
		if err != nil {
			return err
		}
		if len(in.Targets) == 0 {
			for t := range s.targets.By(tx, "group", g.ARN) {
				out.TargetHealthDescriptions = append(out.TargetHealthDescriptions, g.healthView(t, anomalies))
			}
			return nil
		}
		for _, asked := range in.Targets {
			id, port, err := g.member(asked)
			if err != nil {
				return err
			}
			t, ok := s.targets.Get(tx, targetKey(g.ARN, id, port))
			if !ok {
				t = targetRow{Group: g.ARN, ID: id, Port: port, Health: balance.NotRegistered()}
			}
			out.TargetHealthDescriptions = append(out.TargetHealthDescriptions, g.healthView(t, anomalies && ok))
		}
		return nil
	})
	return answer(out, err)
}

func (g *groupRow) healthView(t targetRow, anomalies bool) types.TargetHealthDescription {
	v := types.TargetHealthDescription{
		Target:          &types.TargetDescription{Id: &t.ID, Port: aws.Int32(int32(t.Port))},
		HealthCheckPort: aws.String(strconv.Itoa(g.checkPort(t.Port))),
		TargetHealth:    &types.TargetHealth{State: types.TargetHealthStateEnum(t.Health.State), Reason: types.TargetHealthReasonEnum(t.Health.Reason)},
		AdministrativeOverride: &types.AdministrativeOverride{
			State:       types.TargetAdministrativeOverrideStateEnumNoOverride,
			Reason:      types.TargetAdministrativeOverrideReasonEnumNoOverrideEngaged,
			Description: aws.String("No override is currently active on target"),
		},
	}
	if t.Zone != "" {
		v.Target.AvailabilityZone = &t.Zone
	}
	if t.Health.Description != "" {
		v.TargetHealth.Description = &t.Health.Description
	}
	if anomalies {
		v.AnomalyDetection = g.anomaly(&t)
	}
	return v
}

// checkPort gives the port on which a target registered with port is checked.
func (g *groupRow) checkPort(port int) int {
	if g.Check.Port == "traffic-port" {
		return port
	}
	n, err := strconv.Atoi(g.Check.Port)
	if err != nil {
		panic(fmt.Sprintf("elb: health check port %q was not checked", g.Check.Port))
	}
	return n
}
