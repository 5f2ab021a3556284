package cloudwatch

import (
	"context"
	"encoding/json"
	"slices"
	"strings"

	sdk "github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"

	"github.com/slipway-ecs/slipway/internal/alarm"
	"github.com/slipway-ecs/slipway/internal/names"
	"github.com/slipway-ecs/slipway/internal/store"
	"github.com/slipway-ecs/slipway/internal/wire"
)

const (
	dayOfPeriods  = 24 * 60 * 60     // Period × EvaluationPeriods at most, with periods below an hour
	weekOfPeriods = 7 * dayOfPeriods // the same for longer periods
	actionsEach   = 5
	tagsEach      = 50
)

// notYet refuses what alarms can do on AWS and not here; nothing of it is silently left out.
func notYet(what string) error {
	return invalid("%s are not supported by this cloud yet; use a single metric compared with a fixed threshold", what)
}

// absent refuses an alarm without a member that its kind needs.
func absent(member string) error { return invalid("%s must not be null", member) }

// PutMetricAlarm makes an alarm, or replaces all of its configuration while its state stays. Tags
// count only for a new alarm.
//
// Source: API reference of PutMetricAlarm. The sentences about M, about statistics and about
// metrics that are none are ours (unconfirmed).
func (s *Service) PutMetricAlarm(ctx context.Context, in *sdk.PutMetricAlarmInput) (*sdk.PutMetricAlarmOutput, error) {
	if err := checkAlarm(in); err != nil {
		return nil, err
	}
	a, err := alarmOf(in)
	if err != nil {
		return nil, err
	}
	a.ARN = scopeOf(ctx).ARN("cloudwatch", "alarm:"+a.Name)
	return &sdk.PutMetricAlarmOutput{}, s.store.Update(func(tx *store.Tx) error {
		a.Hold = next(a.rule(), tx.Now().Add(unchecked))
		return s.place(tx, a, false, in.Tags)
	})
}

func checkAlarm(in *sdk.PutMetricAlarmInput) error {
	var bad constraints
	bad.needs("alarmName", in.AlarmName != nil)
	bad.length("alarmName", in.AlarmName, 1, 255)
	bad.length("alarmDescription", in.AlarmDescription, 0, 1024)
	bad.length("metricName", in.MetricName, 1, 255)
	bad.namespace(in.Namespace)
	among(&bad, "comparisonOperator", in.ComparisonOperator)
	among(&bad, "statistic", in.Statistic)
	among(&bad, "unit", in.Unit)
	bad.between("evaluationPeriods", in.EvaluationPeriods, 1, 0)
	bad.between("datapointsToAlarm", in.DatapointsToAlarm, 1, 0)
	bad.between("period", in.Period, 1, 0)
	bad.items("alarmActions", in.AlarmActions, actionsEach)
	bad.items("oKActions", in.OKActions, actionsEach)
	bad.items("insufficientDataActions", in.InsufficientDataActions, actionsEach)
	if len(in.Metrics) == 0 && in.EvaluationCriteria == nil {
		bad.needs("comparisonOperator", in.ComparisonOperator != "")
		bad.needs("evaluationPeriods", in.EvaluationPeriods != nil)
	}
	if err := bad.err(); err != nil {
		return err
	}
	switch {
	case in.EvaluationCriteria != nil:
		return notYet("alarms on PromQL queries")
	case len(in.Metrics) > 0:
		if err := checkMath(in); err != nil {
			return err
		}
		return checkRest(in)
	case in.ThresholdMetricId != nil || strings.Contains(string(in.ComparisonOperator), "UpperThreshold") || strings.Contains(string(in.ComparisonOperator), "LowerThreshold"):
		return notYet("alarms on anomaly detection")
	case in.MetricName == nil:
		return absent("MetricName")
	case in.Namespace == nil:
		return absent("Namespace")
	case in.Threshold == nil:
		return absent("Threshold")
	}
	if err := checkStatistic(in); err != nil {
		return err
	}
	if err := checkPeriods(val(in.Period), *in.EvaluationPeriods, in.DatapointsToAlarm); err != nil {
		return err
	}
	return checkRest(in)
}

func checkStatistic(in *sdk.PutMetricAlarmInput) error {
	switch {
	case in.Statistic != "" && in.ExtendedStatistic != nil:
		return invalid("The parameters Statistic and ExtendedStatistic are mutually exclusive and you have specified both.")
	case in.Statistic == "" && in.ExtendedStatistic == nil:
		return invalid("Either Statistic or ExtendedStatistic must be specified.")
	case in.Period == nil:
		return absent("Period")
	}
	if in.ExtendedStatistic == nil {
		return nil
	}
	if _, ok := alarm.ParseStat(*in.ExtendedStatistic); !ok || slices.Contains(texts(types.Statistic("").Values()), *in.ExtendedStatistic) {
		return invalid("The value %s for parameter ExtendedStatistic is not supported.", *in.ExtendedStatistic)
	}
	return nil
}

func checkPeriods(period, n int32, m *int32) error {
	most, span := int64(dayOfPeriods), "a day"
	if period >= 3600 {
		most, span = weekOfPeriods, "seven days"
	}
	switch {
	case period != 10 && period != 20 && period != 30 && period%60 != 0:
		return invalid("Period must be 10, 20, 30 or a multiple of 60")
	case int64(period)*int64(n) > most:
		return invalid("Metrics cannot be checked across more than %s (EvaluationPeriods * Period must be <= %d).", span, most)
	case m != nil && *m > n:
		return invalid("DatapointsToAlarm must be less than or equal to EvaluationPeriods")
	}
	return nil
}

func checkRest(in *sdk.PutMetricAlarmInput) error {
	treatments := []string{string(alarm.AsBreaching), string(alarm.AsNotBreaching), string(alarm.AsIgnore), string(alarm.AsMissing)}
	if t := in.TreatMissingData; t != nil && !slices.Contains(treatments, *t) {
		return invalid("Option %s is not supported for TreatMissingData. Supported values are: [%s]", *t, strings.Join(treatments, ", "))
	}
	if l := in.EvaluateLowSampleCountPercentile; l != nil {
		switch {
		case *l != "evaluate" && *l != "ignore":
			return invalid("Option %s is not supported for parameter EvaluateLowSampleCountPercentile.", *l)
		case in.ExtendedStatistic == nil:
			return invalid("Parameter EvaluateLowSampleCountPercentile can be specified only for alarms based on percentiles.")
		}
	}
	for _, action := range slices.Concat(in.AlarmActions, in.OKActions, in.InsufficientDataActions) {
		if _, ok := names.ParseARN(action); !ok {
			return invalid("Invalid arn syntax: %s", action)
		}
	}
	if len(in.Tags) > tagsEach {
		return invalid("The number of tags exceeds the limit of %d.", tagsEach)
	}
	return checkDimensions("Dimensions", in.Dimensions)
}

func alarmOf(in *sdk.PutMetricAlarmInput) (alarmRow, error) {
	if len(in.Metrics) > 0 {
		return mathAlarm(in)
	}
	a := alarmRow{
		Name: *in.AlarmName, Description: in.AlarmDescription,
		Metric: metricOf(in.Namespace, in.MetricName, in.Dimensions), Unit: string(in.Unit),
		Statistic: string(in.Statistic), Extended: val(in.ExtendedStatistic),
		Period: int(*in.Period), Periods: int(*in.EvaluationPeriods), Datapoints: int(val(in.DatapointsToAlarm)),
		Compare: string(in.ComparisonOperator), Threshold: *in.Threshold,
		Missing: val(in.TreatMissingData), LowSamples: val(in.EvaluateLowSampleCountPercentile),
		Actions: or(in.ActionsEnabled, true), OK: in.OKActions, Alarm: in.AlarmActions, Insufficient: in.InsufficientDataActions,
	}
	if in.EvaluationWindow == nil && in.WarmUpConfiguration == nil && in.ActionConfiguration == nil && in.EvaluationInterval == nil {
		return a, nil
	}
	newer, err := wire.Marshal(&sdk.PutMetricAlarmInput{
		EvaluationWindow: in.EvaluationWindow, WarmUpConfiguration: in.WarmUpConfiguration,
		ActionConfiguration: in.ActionConfiguration, EvaluationInterval: in.EvaluationInterval,
	})
	a.Newer = newer
	return a, err
}

// SetAlarmState puts an alarm into a state, which stands until an evaluation finds another: the
// first one that is at least a whole interval of evaluations away.
func (s *Service) SetAlarmState(ctx context.Context, in *sdk.SetAlarmStateInput) (*sdk.SetAlarmStateOutput, error) {
	var bad constraints
	bad.needs("alarmName", in.AlarmName != nil)
	bad.needs("stateValue", in.StateValue != "")
	bad.needs("stateReason", in.StateReason != nil)
	bad.length("alarmName", in.AlarmName, 1, 255)
	bad.choice("stateValue", string(in.StateValue), []string{string(alarm.InsufficientData), string(alarm.Alarm), string(alarm.OK)})
	bad.length("stateReason", in.StateReason, 0, 1023)
	bad.length("stateReasonData", in.StateReasonData, 0, 4000)
	if err := bad.err(); err != nil {
		return nil, err
	}
	if in.StateReasonData != nil && !json.Valid([]byte(*in.StateReasonData)) {
		return nil, &types.InvalidFormatFault{Message: new("The parameter StateReasonData must be valid JSON.")}
	}
	return &sdk.SetAlarmStateOutput{}, s.store.Update(func(tx *store.Tx) error {
		a, ok := s.alarms.Get(tx, scopeOf(ctx).ARN("cloudwatch", "alarm:"+*in.AlarmName))
		if !ok {
			return noAlarm()
		}
		if !a.isComposite() { // those keep the state until a child changes
			a.Hold = next(a.rule(), tx.Now().Add(alarm.Step(a.rule())))
		}
		a.Composite.Fresh = false
		s.become(tx, a, alarm.State(in.StateValue), *in.StateReason, val(in.StateReasonData))
		return nil
	})
}
