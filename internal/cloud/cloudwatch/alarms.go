package cloudwatch

import (
	"context"
	"fmt"
	"slices"
	"strings"

	sdk "github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"

	"github.com/slipway-ecs/slipway/internal/cloud/page"
	"github.com/slipway-ecs/slipway/internal/names"
	"github.com/slipway-ecs/slipway/internal/store"
	"github.com/slipway-ecs/slipway/internal/wire"
)

const (
	// alarmsPage is how many alarms a page has where the request does not say (unconfirmed).
	alarmsPage = 50
	namesEach  = 100 // names in one request at most
)

// view gives an alarm as clients see it.
func view(a *alarmRow) (types.MetricAlarm, error) {
	m := types.MetricAlarm{
		AlarmName: &a.Name, AlarmArn: &a.ARN, AlarmDescription: a.Description,
		AlarmConfigurationUpdatedTimestamp: &a.Configured, ActionsEnabled: &a.Actions,
		OKActions: list(a.OK), AlarmActions: list(a.Alarm), InsufficientDataActions: list(a.Insufficient),
		StateValue: types.StateValue(a.State), StateReason: &a.Reason, StateReasonData: some(a.ReasonData),
		StateUpdatedTimestamp: &a.Updated, StateTransitionedTimestamp: &a.Transitioned,
		MetricName: &a.Metric.Name, Namespace: &a.Metric.Namespace, Dimensions: dimensionsOf(a.Metric.Dimensions),
		Statistic: types.Statistic(a.Statistic), ExtendedStatistic: some(a.Extended), Unit: types.StandardUnit(a.Unit),
		Period: new(int32(a.Period)), EvaluationPeriods: new(int32(a.Periods)), DatapointsToAlarm: some(int32(a.Datapoints)),
		Threshold: &a.Threshold, ComparisonOperator: types.ComparisonOperator(a.Compare),
		TreatMissingData: some(a.Missing), EvaluateLowSampleCountPercentile: some(a.LowSamples),
	}
	if a.Math != nil {
		var math sdk.PutMetricAlarmInput
		if err := wire.Unmarshal(a.Math, &math); err != nil {
			return m, fmt.Errorf("alarm %s: %w", a.ARN, err)
		}
		m.Metrics, m.MetricName, m.Namespace, m.Dimensions, m.Period = math.Metrics, nil, nil, []types.Dimension{}, nil
	}
	if a.Newer == nil {
		return m, nil
	}
	var newer sdk.PutMetricAlarmInput
	if err := wire.Unmarshal(a.Newer, &newer); err != nil {
		return m, fmt.Errorf("alarm %s: %w", a.ARN, err)
	}
	m.EvaluationWindow, m.WarmUpConfiguration = newer.EvaluationWindow, newer.WarmUpConfiguration
	m.ActionConfiguration, m.EvaluationInterval = newer.ActionConfiguration, newer.EvaluationInterval
	return m, nil
}

// list gives a list that is never nil.
func list(l []string) []string {
	if l == nil {
		return []string{}
	}
	return l
}

// views gives alarms as clients see them; the list is never nil.
func views(rows []alarmRow) ([]types.MetricAlarm, error) {
	all := make([]types.MetricAlarm, 0, len(rows))
	for i := range rows {
		m, err := view(&rows[i])
		if err != nil {
			return nil, err
		}
		all = append(all, m)
	}
	return all, nil
}

// DescribeAlarms gives alarms by name, by prefix, or all of the scope, by name ascending. Names
// that do not exist are just missing. Composite alarms come where AlarmTypes asks for them, and where
// they are parents or children of the alarm asked about.
func (s *Service) DescribeAlarms(ctx context.Context, in *sdk.DescribeAlarmsInput) (*sdk.DescribeAlarmsOutput, error) {
	var bad constraints
	bad.items("alarmNames", in.AlarmNames, namesEach)
	bad.between("maxRecords", in.MaxRecords, 1, 100)
	bad.choice("stateValue", string(in.StateValue), []string{"INSUFFICIENT_DATA", "ALARM", "OK"})
	bad.length("alarmNamePrefix", in.AlarmNamePrefix, 1, 255)
	for i, t := range in.AlarmTypes {
		among(&bad, fmt.Sprintf("alarmTypes.%d.member", i+1), t)
	}
	if err := bad.err(); err != nil {
		return nil, err
	}
	if len(in.AlarmNames) > 0 && in.AlarmNamePrefix != nil {
		return nil, clash("The parameters AlarmNames and AlarmNamePrefix are mutually exclusive and you have specified both.")
	}
	out := &sdk.DescribeAlarmsOutput{MetricAlarms: []types.MetricAlarm{}, CompositeAlarms: []types.CompositeAlarm{}, LogAlarms: []types.LogAlarm{}}
	relatives := in.ChildrenOfAlarmName != nil || in.ParentsOfAlarmName != nil
	wanted := func(a *alarmRow) bool {
		kind := types.AlarmTypeMetricAlarm
		if a.isComposite() {
			kind = types.AlarmTypeCompositeAlarm
		}
		return slices.Contains(in.AlarmTypes, kind) || len(in.AlarmTypes) == 0 && (relatives || kind == types.AlarmTypeMetricAlarm)
	}
	prefix := scopeOf(ctx).ARN("cloudwatch", "alarm:")
	var rows []alarmRow
	composites := map[string]types.CompositeAlarm{}
	err := s.store.View(func(tx *store.Tx) error {
		related, err := s.relatives(tx, scopeOf(ctx), in)
		if err != nil {
			return err
		}
		for a := range s.alarms.Prefix(tx, prefix+val(in.AlarmNamePrefix)) {
			switch {
			case !wanted(&a) || relatives && !slices.Contains(related, a.ARN):
			case len(in.AlarmNames) > 0 && !slices.Contains(in.AlarmNames, a.Name):
			case in.StateValue != "" && string(a.State) != string(in.StateValue):
			case in.ActionPrefix != nil && !a.acts(*in.ActionPrefix):
			default:
				if rows = append(rows, a); a.isComposite() {
					composites[a.ARN] = s.compositeView(tx, a)
				}
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	rows, token, err := page.Cut(rows, func(a *alarmRow) string { return a.ARN }, val(in.NextToken), int(or(in.MaxRecords, alarmsPage)))
	if err != nil {
		return nil, badToken()
	}
	out.NextToken = some(token)
	for i := range rows {
		if c, ok := composites[rows[i].ARN]; ok {
			out.CompositeAlarms = append(out.CompositeAlarms, c)
		}
	}
	out.MetricAlarms, err = views(slices.DeleteFunc(rows, func(a alarmRow) bool { return a.isComposite() }))
	if relatives {
		brief(out, in.ChildrenOfAlarmName != nil)
	}
	return out, err
}

// brief leaves of alarms what AWS tells of parents, their names and ARNs, or of children, their states too.
//
// Source: API reference, DescribeAlarms.
func brief(out *sdk.DescribeAlarmsOutput, children bool) {
	for i, a := range out.MetricAlarms {
		out.MetricAlarms[i] = types.MetricAlarm{AlarmName: a.AlarmName, AlarmArn: a.AlarmArn}
		if children {
			out.MetricAlarms[i].StateValue, out.MetricAlarms[i].StateUpdatedTimestamp = a.StateValue, a.StateUpdatedTimestamp
		}
	}
	for i, a := range out.CompositeAlarms {
		out.CompositeAlarms[i] = types.CompositeAlarm{AlarmName: a.AlarmName, AlarmArn: a.AlarmArn}
		if children {
			out.CompositeAlarms[i].StateValue, out.CompositeAlarms[i].StateUpdatedTimestamp = a.StateValue, a.StateUpdatedTimestamp
		}
	}
}

// relatives gives the ARNs of the children or parents of the alarm that a request names.
func (s *Service) relatives(tx *store.Tx, scope names.Scope, in *sdk.DescribeAlarmsInput) (arns []string, err error) {
	for _, other := range []bool{in.AlarmNames != nil, in.AlarmNamePrefix != nil, in.StateValue != "", in.ActionPrefix != nil} {
		if other && (in.ChildrenOfAlarmName != nil || in.ParentsOfAlarmName != nil) {
			return nil, invalid("ChildrenOfAlarmName and ParentsOfAlarmName can be combined with MaxRecords and NextToken alone.")
		}
	}
	if in.ChildrenOfAlarmName != nil {
		a, ok := s.find(tx, scope, *in.ChildrenOfAlarmName)
		if !ok || !a.isComposite() {
			return nil, noAlarm()
		}
		return a.Composite.Children, nil
	}
	if in.ParentsOfAlarmName != nil {
		a, ok := s.find(tx, scope, *in.ParentsOfAlarmName)
		if !ok {
			return nil, noAlarm()
		}
		for p := range s.alarms.By(tx, childIndex, a.ARN) {
			arns = append(arns, p.ARN)
		}
	}
	return arns, nil
}

// acts reports whether any of the alarm's actions begins with prefix.
func (a *alarmRow) acts(prefix string) bool {
	return slices.ContainsFunc(slices.Concat(a.OK, a.Alarm, a.Insufficient), func(arn string) bool { return strings.HasPrefix(arn, prefix) })
}

// DescribeAlarmsForMetric gives the alarms on one metric, by name ascending; period, statistic and
// unit narrow them where given.
func (s *Service) DescribeAlarmsForMetric(ctx context.Context, in *sdk.DescribeAlarmsForMetricInput) (*sdk.DescribeAlarmsForMetricOutput, error) {
	var bad constraints
	bad.needs("metricName", in.MetricName != nil)
	bad.needs("namespace", in.Namespace != nil)
	among(&bad, "statistic", in.Statistic)
	among(&bad, "unit", in.Unit)
	if err := bad.err(); err != nil {
		return nil, err
	}
	scope := scopeOf(ctx)
	same := func(m Metric) string { m.Dimensions = inOrder(m.Dimensions); return key(scope, m) }
	asked := same(metricOf(in.Namespace, in.MetricName, in.Dimensions))
	var rows []alarmRow
	err := s.store.View(func(tx *store.Tx) error {
		for a := range s.alarms.Prefix(tx, scope.ARN("cloudwatch", "alarm:")) {
			switch {
			case same(a.Metric) != asked:
			case in.Period != nil && int(*in.Period) != a.Period:
			case in.Statistic != "" && string(in.Statistic) != a.Statistic:
			case in.ExtendedStatistic != nil && *in.ExtendedStatistic != a.Extended:
			case in.Unit != "" && string(in.Unit) != a.Unit:
			default:
				rows = append(rows, a)
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	all, err := views(rows)
	return &sdk.DescribeAlarmsForMetricOutput{MetricAlarms: all}, err
}

// each runs f with the alarms of these names, each once; a name without an alarm is ResourceNotFound,
// and nothing is done (unconfirmed for lists with some names that exist).
func (s *Service) each(ctx context.Context, alarms []string, f func(tx *store.Tx, rows []alarmRow) error) error {
	var bad constraints
	bad.needs("alarmNames", alarms != nil)
	bad.items("alarmNames", alarms, namesEach)
	if err := bad.err(); err != nil {
		return err
	}
	return s.store.Update(func(tx *store.Tx) error {
		var rows []alarmRow
		for i, name := range alarms {
			a, ok := s.alarms.Get(tx, scopeOf(ctx).ARN("cloudwatch", "alarm:"+name))
			if !ok {
				return noAlarm()
			}
			if !slices.Contains(alarms[:i], name) {
				rows = append(rows, a)
			}
		}
		return f(tx, rows)
	})
}

// DeleteAlarms deletes alarms, all of them or none: one composite alarm at most, and no child of one that
// stays. Their history stays.
func (s *Service) DeleteAlarms(ctx context.Context, in *sdk.DeleteAlarmsInput) (*sdk.DeleteAlarmsOutput, error) {
	return &sdk.DeleteAlarmsOutput{}, s.each(ctx, in.AlarmNames, func(tx *store.Tx, rows []alarmRow) error {
		var composites int
		var needed []string
		for _, a := range rows {
			if a.isComposite() {
				composites++
			}
			for p := range s.alarms.By(tx, childIndex, a.ARN) {
				if !slices.ContainsFunc(rows, func(r alarmRow) bool { return r.ARN == p.ARN }) {
					needed = append(needed, a.Name)
					break
				}
			}
		}
		switch {
		case composites > 1:
			return invalid("Only one composite alarm can be deleted at a time.")
		case len(needed) == 1:
			return invalid(wordDepends, needed[0], "it")
		case len(needed) > 1:
			return invalid(wordDepends, strings.Join(needed, ","), "them")
		}
		for _, a := range rows {
			s.alarms.Delete(tx, a.ARN)
			s.noteConfiguration(tx, &a, "deleted")
		}
		return nil
	})
}

// EnableAlarmActions lets alarms act on changes of state.
func (s *Service) EnableAlarmActions(ctx context.Context, in *sdk.EnableAlarmActionsInput) (*sdk.EnableAlarmActionsOutput, error) {
	return &sdk.EnableAlarmActionsOutput{}, s.each(ctx, in.AlarmNames, s.actions(true))
}

// DisableAlarmActions keeps alarms from acting; they are evaluated all the same.
func (s *Service) DisableAlarmActions(ctx context.Context, in *sdk.DisableAlarmActionsInput) (*sdk.DisableAlarmActionsOutput, error) {
	return &sdk.DisableAlarmActionsOutput{}, s.each(ctx, in.AlarmNames, s.actions(false))
}

func (s *Service) actions(enabled bool) func(*store.Tx, []alarmRow) error {
	return func(tx *store.Tx, rows []alarmRow) error {
		for _, a := range rows {
			if a.Actions == enabled {
				continue
			}
			a.Actions, a.Configured = enabled, tx.Now()
			s.alarms.Put(tx, a)
			s.noteConfiguration(tx, &a, "updated")
		}
		return nil
	}
}
