package ec2

import (
	"cmp"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

// Rule is one rule of a security group: a protocol and ports, and one peer.
type Rule struct {
	ID       string
	Protocol string // tcp, udp, icmp, icmpv6, a number, or -1 for all
	From, To *int32 // nil where the protocol is -1
	// One of the four says who the peer is.
	CIDR, CIDR6, PrefixList, Peer string
	PeerOwner                     string // account of Peer
	Description                   string
	Tags                          []Tag
}

const (
	anyProtocol = "-1"
	anywhere    = "0.0.0.0/0"
)

// noPeer is what EC2 says of a permission without a peer; code and wording are unconfirmed.
const noPeer = "Either a CIDR block, a prefix list or a security group must be specified"

// same says that two rules allow the same: descriptions and tags do not count.
func (r Rule) same(o Rule) bool {
	return r.Protocol == o.Protocol && port(r.From) == port(o.From) && port(r.To) == port(o.To) &&
		r.CIDR == o.CIDR && r.CIDR6 == o.CIDR6 && r.PrefixList == o.PrefixList && r.Peer == o.Peer
}

// noPort stands for an absent port; -1 is one of ICMP's.
const noPort = -2

func port(p *int32) int32 {
	if p == nil {
		return noPort
	}
	return *p
}

// peer is the rule's other side.
func (r Rule) peer() string { return cmp.Or(r.CIDR, r.CIDR6, r.PrefixList, r.Peer) }

// String is how EC2 names a rule in its errors.
func (r Rule) String() string {
	text := "peer: " + r.peer() + ", "
	if r.Protocol == anyProtocol {
		return text + "ALL, ALLOW"
	}
	return text + strings.ToUpper(r.Protocol) + ", from port: " + strconv.Itoa(int(port(r.From))) + ", to port: " + strconv.Itoa(int(port(r.To))) + ", ALLOW"
}

// protocols gives EC2's name of a protocol for the ways to write it.
var protocols = map[string]string{"all": anyProtocol, "6": "tcp", "17": "udp", "1": "icmp", "58": "icmpv6"}

// rulesOf makes the rules that permissions stand for, one a peer. peer finds a group by id or name.
func rulesOf(in []types.IpPermission, account string, peer func(id, name *string) (string, error)) ([]Rule, error) {
	var rules []Rule
	for _, p := range in {
		base, err := protocolOf(p)
		if err != nil {
			return nil, err
		}
		before := len(rules)
		add := func(r Rule, description *string) {
			r.Protocol, r.From, r.To, r.Description = base.Protocol, base.From, base.To, aws.ToString(description)
			rules = append(rules, r)
		}
		for _, r := range p.IpRanges {
			at, err := netip.ParsePrefix(aws.ToString(r.CidrIp))
			if err != nil || !at.Addr().Is4() {
				return nil, invalid("CIDR block %s is malformed", aws.ToString(r.CidrIp))
			}
			add(Rule{CIDR: at.Masked().String()}, r.Description)
		}
		for _, r := range p.Ipv6Ranges {
			at, err := netip.ParsePrefix(aws.ToString(r.CidrIpv6))
			if err != nil || !at.Addr().Is6() {
				return nil, invalid("CIDR block %s is malformed", aws.ToString(r.CidrIpv6))
			}
			add(Rule{CIDR6: at.Masked().String()}, r.Description)
		}
		for _, l := range p.PrefixListIds {
			add(Rule{PrefixList: aws.ToString(l.PrefixListId)}, l.Description)
		}
		for _, g := range p.UserIdGroupPairs {
			owner := cmp.Or(aws.ToString(g.UserId), account)
			id := aws.ToString(g.GroupId)
			if owner == account {
				if id, err = peer(g.GroupId, g.GroupName); err != nil {
					return nil, err
				}
			}
			add(Rule{Peer: id, PeerOwner: owner}, g.Description)
		}
		if len(rules) == before {
			return nil, refuse("InvalidParameterCombination", noPeer)
		}
	}
	if len(rules) == 0 {
		return nil, lacking("ipPermissions")
	}
	return rules, nil
}

// protocolOf reads a permission's protocol and ports.
func protocolOf(p types.IpPermission) (Rule, error) {
	if p.IpProtocol == nil {
		return Rule{}, lacking("ipProtocol")
	}
	name := strings.ToLower(*p.IpProtocol)
	if known, ok := protocols[name]; ok {
		name = known
	}
	switch name {
	case anyProtocol:
		return Rule{Protocol: name}, nil
	case "tcp", "udp":
		if p.FromPort == nil || p.ToPort == nil {
			return Rule{}, invalid("Invalid value 'Must specify both from and to ports with TCP/UDP.' for portRange.")
		}
		if *p.FromPort < 0 || *p.ToPort > 65535 || *p.FromPort > *p.ToPort {
			return Rule{}, invalid("Invalid TCP/UDP port range (%d:%d)", *p.FromPort, *p.ToPort)
		}
	case "icmp", "icmpv6":
	default:
		if n, err := strconv.Atoi(name); err != nil || n < 0 || n > 255 {
			return Rule{}, invalid("Invalid value '%s' for IP protocol. Unknown protocol.", *p.IpProtocol)
		}
		return Rule{Protocol: name}, nil
	}
	return Rule{Protocol: name, From: p.FromPort, To: p.ToPort}, nil
}

// permissions gathers rules as DescribeSecurityGroups shows them: by protocol and ports, in the
// order of their first rules.
func permissions(rules []Rule) []types.IpPermission {
	out := []types.IpPermission{}
	for _, r := range rules {
		i := slices.IndexFunc(out, func(p types.IpPermission) bool {
			return *p.IpProtocol == r.Protocol && port(p.FromPort) == port(r.From) && port(p.ToPort) == port(r.To)
		})
		if i < 0 {
			i = len(out)
			out = append(out, types.IpPermission{
				IpProtocol: aws.String(r.Protocol), FromPort: r.From, ToPort: r.To, IpRanges: []types.IpRange{},
				Ipv6Ranges: []types.Ipv6Range{}, PrefixListIds: []types.PrefixListId{}, UserIdGroupPairs: []types.UserIdGroupPair{},
			})
		}
		p := &out[i]
		switch {
		case r.CIDR != "":
			p.IpRanges = append(p.IpRanges, types.IpRange{CidrIp: &r.CIDR, Description: text(r.Description)})
		case r.CIDR6 != "":
			p.Ipv6Ranges = append(p.Ipv6Ranges, types.Ipv6Range{CidrIpv6: &r.CIDR6, Description: text(r.Description)})
		case r.PrefixList != "":
			p.PrefixListIds = append(p.PrefixListIds, types.PrefixListId{PrefixListId: &r.PrefixList, Description: text(r.Description)})
		default:
			p.UserIdGroupPairs = append(p.UserIdGroupPairs, types.UserIdGroupPair{GroupId: &r.Peer, UserId: &r.PeerOwner, Description: text(r.Description)})
		}
	}
	return out
}

// text gives nil for an empty text, which AWS leaves out.
func text(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// ruleFilter gives what the rules have for a filter below "ip-permission.".
func ruleFilter(rules []Rule, name string) (values []string, ok bool) {
	for _, r := range append([]Rule{{}}, rules...) {
		var v string
		switch name {
		case "cidr":
			v = r.CIDR
		case "ipv6-cidr":
			v = r.CIDR6
		case "prefix-list-id":
			v = r.PrefixList
		case "group-id":
			v = r.Peer
		case "user-id":
			v = r.PeerOwner
		case "protocol":
			v = r.Protocol
		case "from-port":
			v = portText(r.From)
		case "to-port":
			v = portText(r.To)
		case "group-name":
			return nil, true
		default:
			return nil, false
		}
		if v != "" {
			values = append(values, v)
		}
	}
	return values, true
}

func portText(p *int32) string {
	if p == nil {
		return ""
	}
	return strconv.Itoa(int(*p))
}
