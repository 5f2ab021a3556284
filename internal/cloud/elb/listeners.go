package elb

import (
	"context"
	"reflect"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	elbv2 "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/slipway-ecs/slipway/internal/names"
	"github.com/slipway-ecs/slipway/internal/store"
)

// CreateListener makes a balancer answer on a port. The same port with the same settings gives
// the listener there is.
func (s *Service) CreateListener(ctx context.Context, in *elbv2.CreateListenerInput) (*elbv2.CreateListenerOutput, error) {
	if err := checkListener(in.Port, in.Protocol); err != nil {
		return nil, err
	}
	if in.Port == nil {
		return nil, invalid("A listener port must be specified")
	}
	if in.Protocol == "" {
		return nil, invalid("A listener protocol must be specified")
	}
	do, err := newAction(string(in.Protocol), in.DefaultActions)
	if err != nil {
		return nil, err
	}
	tags, err := newTags(in.Tags)
	if err != nil {
		return nil, err
	}
	out := &elbv2.CreateListenerOutput{}
	err = s.change(ctx, func(tx *store.Tx) error {
		b, err := s.balancer(tx, scopeOf(ctx), in.LoadBalancerArn)
		if err != nil {
			return err
		}
		if err := s.checkProtocol(b, in.Protocol); err != nil {
			return err
		}
		l := listenerRow{Balancer: b.ARN, Port: int(*in.Port), Protocol: string(in.Protocol), Created: tx.Now(), Tags: tags}
		l.ARN = names.ListenerOf(b.ARN, s.o.IDs.Hex(16))
		if err := l.secure(scopeOf(ctx), in.Certificates, in.SslPolicy, in.MutualAuthentication); err != nil {
			return err
		}
		if err := l.negotiate(in.AlpnPolicy); err != nil {
			return err
		}
		if err := s.checkGroups(tx, l, do); err != nil {
			return err
		}
		there := s.listenersOf(tx, b.ARN)
		for _, t := range there {
			if t.Port != l.Port {
				continue
			}
			if r, _ := s.defaultRule(tx, t.ARN); t.Protocol == l.Protocol && t.Policy == l.Policy && t.Certificate == l.Certificate && t.ALPN == l.ALPN && reflect.DeepEqual(r.Action, do) {
				out.Listeners = []types.Listener{s.listenerView(tx, t)}
				return nil
			}
			return duplicateListener(b.ARN)
		}
		if len(there) >= maxListeners {
			return &types.TooManyListenersException{Message: sentence("The maximum number of listeners for the load balancer '%s' has been reached", []any{b.ARN})}
		}
		s.listeners.Put(tx, l)
		s.putRule(tx, ruleRow{ARN: names.RuleOf(l.ARN, s.o.IDs.Hex(16)), Listener: l.ARN, Default: true, Action: do})
		out.Listeners = []types.Listener{s.listenerView(tx, l)}
		return nil
	})
	return answer(out, err)
}

func duplicateListener(balancer string) error {
	return &types.DuplicateListenerException{Message: sentence("A listener already exists on this port for this load balancer '%s'", []any{balancer})}
}

// checkListener refuses a port or a protocol that no listener can have.
func checkListener(port *int32, protocol types.ProtocolEnum) error {
	if err := between(port, "port", 1, 65535); err != nil {
		return err
	}
	switch protocol {
	case "", types.ProtocolEnumHttp, types.ProtocolEnumHttps, types.ProtocolEnumTcp, types.ProtocolEnumTls, types.ProtocolEnumUdp,
		types.ProtocolEnumTcpUdp, types.ProtocolEnumGeneve, types.ProtocolEnumQuic, types.ProtocolEnumTcpQuic:
	default:
		return constraint(protocol, "protocol", "satisfy enum value set: [HTTP, HTTPS, TCP, TLS, UDP, TCP_UDP, GENEVE, QUIC, TCP_QUIC]")
	}
	return nil
}

// checkProtocol refuses a protocol that no listener of a balancer can have, and those that are not
// built. The words are those seen on AWS.
func (s *Service) checkProtocol(b balancerRow, protocol types.ProtocolEnum) error {
	switch protocol {
	case "":
	case types.ProtocolEnumHttp, types.ProtocolEnumHttps:
		if b.Network {
			return invalid("Listener protocol '%s' must be one of 'TLS, TCP, TCP_UDP, UDP'", protocol)
		}
	default:
		if !b.Network {
			return invalid("Listener protocol '%s' must be one of 'HTTPS, HTTP'", protocol)
		}
		if protocol == types.ProtocolEnumGeneve {
			return invalid("Listener protocol '%s' must be one of 'TLS, TCP, TCP_UDP, UDP'", protocol)
		}
		if protocol != types.ProtocolEnumTcp && protocol != types.ProtocolEnumTls {
			return s.unbuilt("Listeners with the protocol '%s'", protocol)
		}
	}
	return nil
}

func (s *Service) listenerView(tx *store.Tx, l listenerRow) types.Listener {
	v := types.Listener{ListenerArn: &l.ARN, LoadBalancerArn: &l.Balancer, Port: aws.Int32(int32(l.Port)), Protocol: types.ProtocolEnum(l.Protocol)}
	if l.Policy != "" {
		v.SslPolicy, v.Certificates = aws.String(l.Policy), []types.Certificate{{CertificateArn: aws.String(l.Certificate)}}
		if !flows(l.Protocol) {
			v.MutualAuthentication = &types.MutualAuthenticationAttributes{Mode: aws.String("off")}
		}
	}
	if l.ALPN != "" {
		v.AlpnPolicy = []string{l.ALPN}
	}
	if r, ok := s.defaultRule(tx, l.ARN); ok {
		v.DefaultActions = r.Action.views()
	}
	return v
}

// DescribeListeners gives listeners by ARN, or those of a balancer by port.
func (s *Service) DescribeListeners(ctx context.Context, in *elbv2.DescribeListenersInput) (*elbv2.DescribeListenersOutput, error) {
	byARN, ofBalancer := len(in.ListenerArns) > 0, aws.ToString(in.LoadBalancerArn) != ""
	if byARN == ofBalancer {
		return nil, invalid("You must specify either listener ARNs or a load balancer ARN")
	}
	out := &elbv2.DescribeListenersOutput{Listeners: []types.Listener{}}
	err := s.view(func(tx *store.Tx) error {
		var found []listenerRow
		if ofBalancer {
			b, err := s.balancer(tx, scopeOf(ctx), in.LoadBalancerArn)
			if err != nil {
				return err
			}
			found = s.listenersOf(tx, b.ARN)
		}
		for _, arn := range in.ListenerArns {
			l, err := s.listener(tx, scopeOf(ctx), &arn)
			if err != nil {
				return err
			}
			found = append(found, l)
		}
		got, next, err := cut(found, func(l *listenerRow) string { return l.ARN }, in.Marker, in.PageSize)
		if err != nil {
			return err
		}
		out.NextMarker = next
		for _, l := range got {
			out.Listeners = append(out.Listeners, s.listenerView(tx, l))
		}
		return nil
	})
	return answer(out, err)
}

// ModifyListener changes what is given of port, protocol and default action.
func (s *Service) ModifyListener(ctx context.Context, in *elbv2.ModifyListenerInput) (*elbv2.ModifyListenerOutput, error) {
	if err := checkListener(in.Port, in.Protocol); err != nil {
		return nil, err
	}
	out := &elbv2.ModifyListenerOutput{}
	err := s.change(ctx, func(tx *store.Tx) error {
		l, err := s.listener(tx, scopeOf(ctx), in.ListenerArn)
		if err != nil {
			return err
		}
		b, _ := s.balancers.Get(tx, l.Balancer)
		if err := s.checkProtocol(b, in.Protocol); err != nil {
			return err
		}
		if in.Port != nil && int(*in.Port) != l.Port {
			l.Port, l.Bound = int(*in.Port), bound{}
			if slices.ContainsFunc(s.listenersOf(tx, l.Balancer), func(o listenerRow) bool { return o.ARN != l.ARN && o.Port == l.Port }) {
				return duplicateListener(l.Balancer)
			}
		}
		was := l.Protocol
		if in.Protocol != "" {
			l.Protocol = string(in.Protocol)
		}
		if err := l.secure(scopeOf(ctx), in.Certificates, in.SslPolicy, in.MutualAuthentication); err != nil {
			return err
		}
		if err := l.negotiate(in.AlpnPolicy); err != nil {
			return err
		}
		if was != l.Protocol {
			for _, r := range s.rulesOf(tx, l.ARN) {
				if err := s.checkGroups(tx, l, r.Action); err != nil && (!r.Default || len(in.DefaultActions) == 0) {
					return err
				}
			}
		}
		if len(in.DefaultActions) > 0 {
			r, _ := s.defaultRule(tx, l.ARN)
			if r.Action, err = newAction(l.Protocol, in.DefaultActions); err != nil {
				return err
			}
			if err := s.checkGroups(tx, l, r.Action); err != nil {
				return err
			}
			s.putRule(tx, r)
		}
		s.listeners.Put(tx, l)
		out.Listeners = []types.Listener{s.listenerView(tx, l)}
		return nil
	})
	return answer(out, err)
}

// DeleteListener removes a listener with its rules.
func (s *Service) DeleteListener(ctx context.Context, in *elbv2.DeleteListenerInput) (*elbv2.DeleteListenerOutput, error) {
	err := s.change(ctx, func(tx *store.Tx) error {
		l, err := s.listener(tx, scopeOf(ctx), in.ListenerArn)
		if err == nil {
			s.dropListener(tx, l.ARN)
		}
		return err
	})
	return answer(&elbv2.DeleteListenerOutput{}, err)
}
