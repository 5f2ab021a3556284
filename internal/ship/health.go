package ship

import (
	"context"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/slipway-ecs/slipway/internal/ship/explain"
)

// readHealth asks for the health of one of the service's target groups, each in turn; asked is
// false where there is none to ask for.
func (n *native) readHealth(ctx context.Context) (asked bool, err error) {
	if n.elb == nil || n.service == nil {
		return false, nil
	}
	var groups []string
	for _, b := range n.service.LoadBalancers {
		for _, g := range []*string{b.TargetGroupArn, alternate(b)} {
			if g != nil && *g != "" && !slices.Contains(groups, *g) {
				groups = append(groups, *g)
			}
		}
	}
	if len(groups) == 0 {
		return false, nil
	}
	arn := groups[n.turn/serviceOff%len(groups)]
	out, err := n.elb.DescribeTargetHealth(ctx, &elb.DescribeTargetHealthInput{TargetGroupArn: &arn})
	if err != nil {
		n.elb = nil // it is for show: without it the deployment is followed as well
		return true, tolerate(err)
	}
	g := groupOf(arn, out.TargetHealthDescriptions)
	n.diagnose(g.Name, out.TargetHealthDescriptions)
	at := slices.IndexFunc(n.health, func(o Group) bool { return o.Name == g.Name })
	n.health = slices.Clone(n.health)
	if at < 0 {
		n.health = append(n.health, g)
	} else {
		n.health[at] = g
	}
	n.progress()
	return true, nil
}

// diagnose remembers what is wrong with targets: those of a revision that is taken back are gone
// when the deployment ends.
func (n *native) diagnose(group string, all []elbtypes.TargetHealthDescription) {
	for _, d := range all {
		if d.TargetHealth == nil || d.TargetHealth.State != elbtypes.TargetHealthStateEnumUnhealthy {
			continue
		}
		t := explain.FromTarget(group, d)
		if !slices.ContainsFunc(n.sick, func(o explain.Target) bool { return o.Group == t.Group && o.Reason == t.Reason && o.Text == t.Text }) {
			n.sick = append(n.sick, t)
		}
	}
}

func alternate(b types.LoadBalancer) *string {
	if b.AdvancedConfiguration == nil {
		return nil
	}
	return b.AdvancedConfiguration.AlternateTargetGroupArn
}

func groupOf(arn string, all []elbtypes.TargetHealthDescription) Group {
	g := Group{Name: arn}
	if parts := strings.Split(arn, "/"); len(parts) == 3 {
		g.Name = parts[1]
	}
	for _, t := range all {
		if t.TargetHealth == nil || t.TargetHealth.State == elbtypes.TargetHealthStateEnumDraining {
			continue
		}
		g.Targets++
		if t.TargetHealth.State == elbtypes.TargetHealthStateEnumHealthy {
			g.Healthy++
		} else if g.Why == "" && t.TargetHealth.Description != nil {
			g.Why = *t.TargetHealth.Description
		}
	}
	return g
}
