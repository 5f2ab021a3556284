package cloudwatch

import (
	"fmt"
	"slices"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"

	"github.com/slipway-ecs/slipway/internal/alarm"
	"github.com/slipway-ecs/slipway/internal/names"
	"github.com/slipway-ecs/slipway/internal/wire"
)

// mathMetrics is how many metrics an alarm on an expression may read. Source: API reference,
// PutMetricAlarm, Metrics.
const mathMetrics = 10

// computation is what the queries of one request come to, by id.
type computation struct {
	values map[string]alarm.Value
	errs   map[string]error
}

// compute reads the metrics of queries over [from, to) and evaluates their expressions, each after those
// it is about. Expressions that go round in a circle are refused.
func (s *Service) compute(scope names.Scope, queries []types.MetricDataQuery, from, to time.Time) (*computation, error) {
	c := &computation{values: map[string]alarm.Value{}, errs: map[string]error{}}
	in := alarm.Inputs{Values: c.values, From: from, To: to}
	var open []types.MetricDataQuery
	for i := range queries {
		q := &queries[i]
		if q.Expression != nil {
			open = append(open, *q)
			continue
		}
		line := s.line(scope, q, from, to)
		c.values[*q.Id] = alarm.Value{Series: []alarm.Line{line}}
		in.Metrics = append(in.Metrics, line)
	}
	for len(open) > 0 {
		before := len(open)
		open = slices.DeleteFunc(open, func(q types.MetricDataQuery) bool {
			e, _ := alarm.ParseExpression(*q.Expression) // it was checked
			for _, id := range e.IDs() {
				waits := slices.ContainsFunc(open, func(o types.MetricDataQuery) bool { return o.Id != nil && *o.Id == id })
				if _, done := c.values[id]; !done && c.errs[id] == nil && waits {
					return false
				}
			}
			v, err := e.Eval(in)
			if err != nil {
				c.errs[*q.Id] = err
				return true
			}
			c.values[*q.Id] = v
			return true
		})
		if len(open) == before {
			return nil, invalid("Error in expression '%s': the expressions refer to each other in a circle", *open[0].Id)
		}
	}
	return c, nil
}

// line reads a query's metric.
func (s *Service) line(scope names.Scope, q *types.MetricDataQuery, from, to time.Time) alarm.Line {
	m := q.MetricStat
	stat, _ := alarm.ParseStat(*m.Stat) // it was checked
	line := alarm.Line{ID: *q.Id, Period: time.Duration(*m.Period) * time.Second}
	for _, slot := range preferred(s.metrics.read(scope, metricOf(m.Metric.Namespace, m.Metric.MetricName, m.Metric.Dimensions), string(m.Unit), from, to, line.Period)) {
		if v, ok := stat.Of(slot.dist); ok {
			line.Points = append(line.Points, alarm.Point{At: slot.at, Value: v, Samples: slot.dist.Count})
		}
	}
	return line
}

// single gives the one series that an expression has come to.
func (c *computation) single(id string) (alarm.Line, error) {
	if err := c.errs[id]; err != nil {
		return alarm.Line{}, err
	}
	v := c.values[id]
	switch {
	case v.Series == nil:
		return alarm.Line{}, fmt.Errorf("the expression is a number, and a time series is wanted")
	case len(v.Series) > 1:
		return alarm.Line{}, fmt.Errorf("the expression is %d time series, and one is wanted", len(v.Series))
	case len(v.Series) == 0:
		return alarm.Line{}, nil
	}
	return v.Series[0], nil
}

// result gives what an expression has come to as an answer has it.
func (c *computation) result(q *types.MetricDataQuery, label string, by types.ScanBy) (types.MetricDataResult, error) {
	r := types.MetricDataResult{Id: q.Id, Label: &label, StatusCode: types.StatusCodeComplete, Timestamps: []time.Time{}, Values: []float64{}}
	line, err := c.single(*q.Id)
	if err != nil {
		return r, invalid("Error in expression '%s': %s", *q.Id, err)
	}
	for _, p := range line.Points {
		r.Timestamps, r.Values = append(r.Timestamps, p.At), append(r.Values, p.Value)
	}
	if by != types.ScanByTimestampAscending {
		slices.Reverse(r.Timestamps)
		slices.Reverse(r.Values)
	}
	return r, nil
}

// checkMath refuses queries of an alarm that AWS does. The words are partly ours (unconfirmed).
func checkMath(in *sdk.PutMetricAlarmInput) error {
	for _, m := range []struct {
		name  string
		given bool
	}{
		{"MetricName", in.MetricName != nil}, {"Namespace", in.Namespace != nil}, {"Dimensions", len(in.Dimensions) > 0}, {"Period", in.Period != nil},
		{"Unit", in.Unit != ""}, {"Statistic", in.Statistic != ""}, {"ExtendedStatistic", in.ExtendedStatistic != nil},
	} {
		if m.given {
			return invalid("%s should not be set if list of Metrics is set.", m.name)
		}
	}
	switch {
	case in.Threshold != nil && in.ThresholdMetricId != nil:
		return invalid("Threshold and ThresholdMetricId cannot both be set")
	case in.ThresholdMetricId != nil:
		return notYet("alarms on anomaly detection")
	case in.Threshold == nil:
		return absent("Threshold")
	case in.ComparisonOperator == "":
		return absent("ComparisonOperator")
	case in.EvaluationPeriods == nil:
		return absent("EvaluationPeriods")
	}
	metrics, returned, period := 0, 0, int32(0)
	ids := map[string]bool{}
	for i := range in.Metrics {
		q := &in.Metrics[i]
		if err := checkQuery(fmt.Sprintf("Metrics.member.%d.", i+1), q); err != nil {
			return err
		}
		if ids[*q.Id] {
			return invalid("The values for parameter id in Metrics are not unique.")
		}
		ids[*q.Id] = true
		if or(q.ReturnData, true) {
			returned++
		}
		if q.MetricStat != nil {
			if metrics++; period != 0 && period != *q.MetricStat.Period {
				return invalid("All metrics of an alarm must have the same period.")
			}
			period = *q.MetricStat.Period
		}
	}
	switch {
	case returned != 1:
		return invalid("Exactly one element of the metrics list should return data.")
	case metrics == 0 || metrics > mathMetrics:
		return invalid("The metrics list must contain between 1 and %d metrics.", mathMetrics)
	}
	for i := range in.Metrics {
		if in.Metrics[i].Expression == nil {
			continue
		}
		e, _ := alarm.ParseExpression(*in.Metrics[i].Expression) // it was checked
		for _, id := range e.IDs() {
			if !ids[id] {
				return invalid("Error in expression '%s': there is no id %q", *in.Metrics[i].Id, id)
			}
		}
	}
	// What it comes to does not hang on points: an alarm without any tells whether it could be evaluated.
	c, err := (&Service{metrics: newMetrics()}).compute(names.Scope{}, in.Metrics, time.Unix(0, 0), time.Unix(int64(period), 0))
	if err != nil {
		return err
	}
	for i := range in.Metrics {
		if q := &in.Metrics[i]; or(q.ReturnData, true) {
			if _, err := c.single(*q.Id); err != nil {
				return invalid("Error in expression '%s': %s", *q.Id, err)
			}
		}
	}
	return checkPeriods(period, *in.EvaluationPeriods, in.DatapointsToAlarm)
}

// mathAlarm makes the row of an alarm on an expression.
func mathAlarm(in *sdk.PutMetricAlarmInput) (alarmRow, error) {
	a := alarmRow{
		Name: *in.AlarmName, Description: in.AlarmDescription, Periods: int(*in.EvaluationPeriods), Datapoints: int(val(in.DatapointsToAlarm)),
		Compare: string(in.ComparisonOperator), Threshold: *in.Threshold, Missing: val(in.TreatMissingData),
		Actions: or(in.ActionsEnabled, true), OK: in.OKActions, Alarm: in.AlarmActions, Insufficient: in.InsufficientDataActions,
	}
	for _, q := range in.Metrics {
		if q.MetricStat != nil {
			a.Period = int(*q.MetricStat.Period)
		}
	}
	var err error
	a.Math, err = wire.Marshal(&sdk.PutMetricAlarmInput{Metrics: in.Metrics})
	return a, err
}

// mathPoints gives the points of the expression that an alarm compares.
func (s *Service) mathPoints(scope names.Scope, a *alarmRow, from, to time.Time) alarm.Series {
	var in sdk.PutMetricAlarmInput
	if err := wire.Unmarshal(a.Math, &in); err != nil {
		panic("cloudwatch: alarm " + a.ARN + " has queries that cannot be read: " + err.Error()) // ours
	}
	c, err := s.compute(scope, in.Metrics, from, to)
	if err != nil {
		return nil
	}
	for i := range in.Metrics {
		if q := &in.Metrics[i]; or(q.ReturnData, true) {
			line, err := c.single(*q.Id)
			if err != nil {
				s.log.Warn("an alarm's expression cannot be evaluated", "alarm", a.ARN, "err", err)
			}
			return line.Points
		}
	}
	return nil
}
