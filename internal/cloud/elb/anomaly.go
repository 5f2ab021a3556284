package elb

import (
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/slipway-ecs/slipway/internal/balance"
	"github.com/slipway-ecs/slipway/internal/store"
)

// Did is what a target did in a stretch of time.
type Did struct {
	Group string // ARN
	ID    string // the target's, with Port
	Port  int
	balance.Done
}

// Judge makes up its mind about the targets of those groups of which something was asked: which of them
// are anomalous, and how far mitigation goes where the group wants it. The stretches should be of the
// same length, and none may be left out; targets without requests need not be there.
//
// Source: ELBv2 guide, "Automatic target weights": targets of HTTP and HTTPS groups with at least three
// healthy ones are judged, and mitigation needs weighted_random.
func (s *Service) Judge(tx *store.Tx, did []Did) {
	byGroup := map[string]map[string]balance.Done{}
	var order []string
	for _, d := range did {
		if byGroup[d.Group] == nil {
			byGroup[d.Group] = map[string]balance.Done{}
			order = append(order, d.Group)
		}
		byGroup[d.Group][targetKey(d.Group, d.ID, d.Port)] = d.Done
	}
	for _, arn := range order {
		if g, ok := s.groups.Get(tx, arn); ok && (g.Protocol == "HTTP" || g.Protocol == "HTTPS") {
			s.judge(tx, &g, byGroup[arn])
		}
	}
}

func (s *Service) judge(tx *store.Tx, g *groupRow, did map[string]balance.Done) {
	var all balance.Done
	healthy := 0
	rows := []targetRow{}
	for t := range s.targets.By(tx, "group", g.ARN) {
		rows = append(rows, t)
		if t.Health.State == balance.Healthy {
			healthy++
			all = all.Plus(did[targetKey(g.ARN, t.ID, t.Port)])
		}
	}
	for _, t := range rows {
		was := t.Anomaly
		if t.Health.State != balance.Healthy || healthy < balance.LeastJudged {
			t.Anomaly = balance.Anomaly{}
		} else {
			own := did[targetKey(g.ARN, t.ID, t.Port)]
			others := balance.Done{Requests: all.Requests - own.Requests, Errors: all.Errors - own.Errors}
			t.Anomaly = t.Anomaly.After(own, others, g.mitigates())
		}
		if t.Anomaly != was {
			s.targets.Put(tx, t)
		}
	}
}

// mitigates reports whether anomalous targets of the group get a lesser part of the requests.
func (g *groupRow) mitigates() bool {
	return g.weightedRandom() && value(groupAttributes, g.Attributes, keyAnomaly) == "on"
}

func (g *groupRow) weightedRandom() bool {
	return value(groupAttributes, g.Attributes, keyAlgorithm) == string(balance.WeightedRandom)
}

// halved is how often the target's part of the requests is halved by now: not at all once the group
// no longer mitigates, or the target is not healthy.
func (g *groupRow) halved(t *targetRow) int {
	if !g.mitigates() || t.Health.State != balance.Healthy {
		return 0
	}
	return t.Anomaly.Halved
}

// anomaly is the target's anomaly as DescribeTargetHealth has it.
func (g *groupRow) anomaly(t *targetRow) *types.AnomalyDetection {
	a := &types.AnomalyDetection{Result: types.AnomalyResultEnumNormal, MitigationInEffect: types.MitigationInEffectEnumNo}
	if t.Anomaly.Anomalous && t.Health.State == balance.Healthy {
		a.Result = types.AnomalyResultEnumAnomalous
	}
	if g.halved(t) > 0 {
		a.MitigationInEffect = types.MitigationInEffectEnumYes
	}
	return a
}
