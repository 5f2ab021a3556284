package cloudwatch

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"

	"github.com/slipway-ecs/slipway/internal/alarm"
	"github.com/slipway-ecs/slipway/internal/names"
	"github.com/slipway-ecs/slipway/internal/pattern"
	"github.com/slipway-ecs/slipway/internal/wire"
)

const (
	queriesEach = 500
	pointsEach  = 100_800 // data points of one answer of GetMetricData at most
	pointsStats = 1440    // data points one GetMetricStatistics may ask for
	labelUnits  = "MultipleUnits"
)

var queryID = pattern.New(`^[a-z][a-zA-Z0-9_]*$`)

// window gives the time that a request's StartTime and EndTime mean: the start rounded down to
// the full minute, to the period below a minute.
//
// Source: API reference of GetMetricStatistics, StartTime.
func window(start, end time.Time, period time.Duration) (from, to time.Time) {
	return start.Truncate(min(period, time.Minute)), end
}

// checkPeriod asks for 1, 5, 10, 20, 30 or a multiple of 60 seconds.
func checkPeriod(member string, period int32) error {
	switch {
	case period == 1 || period == 5 || period == 10 || period == 20 || period == 30:
	case period < 1 || period%60 != 0:
		return badValue("The parameter %s must be 1, 5, 10, 20, 30 or a multiple of 60", member)
	}
	return nil
}

// GetMetricStatistics gives the statistics of one metric by period, oldest first; each unit has
// data points of its own unless one is named. How many points are asked for is counted on the
// wall, where the caller's times come from.
func (s *Service) GetMetricStatistics(ctx context.Context, in *sdk.GetMetricStatisticsInput) (*sdk.GetMetricStatisticsOutput, error) {
	stats, err := s.checkStatistics(in)
	if err != nil {
		return nil, err
	}
	period := time.Duration(*in.Period) * time.Second
	from, to := window(*in.StartTime, *in.EndTime, period)
	out := &sdk.GetMetricStatisticsOutput{Label: in.MetricName, Datapoints: []types.Datapoint{}}
	for _, u := range s.metrics.read(scopeOf(ctx), metricOf(in.Namespace, in.MetricName, in.Dimensions), string(in.Unit), from, to, period) {
		for _, slot := range u.slots {
			d := types.Datapoint{Timestamp: new(slot.at), Unit: types.StandardUnit(u.unit)}
			if fill(&d, stats, slot.dist) {
				out.Datapoints = append(out.Datapoints, d)
			}
		}
	}
	slices.SortStableFunc(out.Datapoints, func(a, b types.Datapoint) int { return a.Timestamp.Compare(*b.Timestamp) })
	return out, nil
}

// fill puts the statistics asked for into a data point; false where none can be told.
func fill(d *types.Datapoint, stats []alarm.Stat, samples alarm.Dist) (any bool) {
	for _, stat := range stats {
		v, ok := stat.Of(samples)
		if !ok {
			continue
		}
		any = true
		switch stat.String() {
		case alarm.SampleCount:
			d.SampleCount = &v
		case alarm.Average:
			d.Average = &v
		case alarm.Sum:
			d.Sum = &v
		case alarm.Minimum:
			d.Minimum = &v
		case alarm.Maximum:
			d.Maximum = &v
		default:
			if d.ExtendedStatistics == nil {
				d.ExtendedStatistics = map[string]float64{}
			}
			d.ExtendedStatistics[stat.String()] = v
		}
	}
	return any
}

func (s *Service) checkStatistics(in *sdk.GetMetricStatisticsInput) ([]alarm.Stat, error) {
	for _, m := range []struct {
		name  string
		given bool
	}{
		{"Namespace", in.Namespace != nil},
		{"MetricName", in.MetricName != nil},
		{"StartTime", in.StartTime != nil},
		{"EndTime", in.EndTime != nil},
		{"Period", in.Period != nil},
	} {
		if !m.given {
			return nil, lacking(m.name)
		}
	}
	var bad constraints
	bad.namespace(in.Namespace)
	bad.items("extendedStatistics", in.ExtendedStatistics, 10)
	if err := bad.err(); err != nil {
		return nil, err
	}
	for i, st := range in.Statistics {
		if err := checkSet(fmt.Sprintf("Statistics.member.%d", i+1), st); err != nil {
			return nil, err
		}
	}
	if err := checkUnit("Unit", in.Unit); err != nil {
		return nil, err
	}
	if err := checkPeriod("Period", *in.Period); err != nil {
		return nil, err
	}
	if !in.StartTime.Before(*in.EndTime) {
		return nil, badValue("The parameter StartTime must be less than the parameter EndTime.")
	}
	if len(in.Statistics)+len(in.ExtendedStatistics) == 0 {
		return nil, &types.MissingRequiredParameterException{Message: new("At least one of the parameters Statistics and ExtendedStatistics must be specified.")}
	}
	if n := int64(s.wall(*in.EndTime).Sub(s.wall(*in.StartTime)).Seconds()) / int64(*in.Period); n > pointsStats {
		return nil, clash("You have requested up to %d datapoints, which exceeds the limit of %d. You may reduce the datapoints requested by increasing Period, or decreasing the time range.", n, pointsStats)
	}
	var stats []alarm.Stat
	for i, name := range slices.Concat(texts(in.Statistics), in.ExtendedStatistics) {
		stat, ok := alarm.ParseStat(name)
		if !ok {
			return nil, badValue("The value %s for parameter ExtendedStatistics.member.%d is invalid.", name, i+1-len(in.Statistics))
		}
		stats = append(stats, stat)
	}
	return stats, nil
}

// GetMetricData gives the statistics of several metrics by period, and what expressions make of them.
func (s *Service) GetMetricData(ctx context.Context, in *sdk.GetMetricDataInput) (*sdk.GetMetricDataOutput, error) {
	if err := checkQueries(in); err != nil {
		return nil, err
	}
	skip, err := cursor(in.NextToken)
	if err != nil {
		return nil, err
	}
	room := int(or(in.MaxDatapoints, pointsEach))
	labels := labelsOf(in.MetricDataQueries)
	from, to := window(*in.StartTime, *in.EndTime, time.Minute)
	computed, err := s.compute(scopeOf(ctx), in.MetricDataQueries, from, to)
	if err != nil {
		return nil, err
	}
	out := &sdk.GetMetricDataOutput{MetricDataResults: []types.MetricDataResult{}, Messages: []types.MessageData{}}
	for i, q := range in.MetricDataQueries {
		if !or(q.ReturnData, true) {
			continue
		}
		var r types.MetricDataResult
		if q.Expression == nil {
			r = s.query(scopeOf(ctx), &q, labels[i], in)
		} else if r, err = computed.result(&q, labels[i], in.ScanBy); err != nil {
			return nil, err
		}
		n := len(r.Values)
		if skip.query > i {
			continue
		}
		from := 0
		if skip.query == i {
			from = min(skip.points, n)
		}
		to := min(n, from+room)
		room -= to - from
		r.Values, r.Timestamps = r.Values[from:to], r.Timestamps[from:to]
		if to < n {
			r.StatusCode = types.StatusCodePartialData
			out.NextToken = place{i, to}.token()
		}
		out.MetricDataResults = append(out.MetricDataResults, r)
		if to < n {
			break
		}
	}
	return out, nil
}

// place is where the next page begins: after so many points of a query.
type place struct{ query, points int }

func (p place) token() *string {
	return new(base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, "%d/%d", p.query, p.points)))
}

func cursor(token *string) (p place, err error) {
	if token == nil {
		return p, nil
	}
	text, err := base64.RawURLEncoding.DecodeString(*token)
	if err == nil {
		_, err = fmt.Sscanf(string(text), "%d/%d", &p.query, &p.points)
	}
	if err != nil || p.query < 0 || p.points < 0 {
		return p, badToken()
	}
	return p, nil
}

// query gives one query's points, all of them, in the order asked for: of one unit where the query names
// none and there are several, which is told.
func (s *Service) query(scope names.Scope, q *types.MetricDataQuery, label string, in *sdk.GetMetricDataInput) types.MetricDataResult {
	m := q.MetricStat
	r := types.MetricDataResult{Id: q.Id, Label: &label, StatusCode: types.StatusCodeComplete, Timestamps: []time.Time{}, Values: []float64{}}
	stat, _ := alarm.ParseStat(*m.Stat) // checkQuery let only statistics in
	period := time.Duration(*m.Period) * time.Second
	from, to := window(*in.StartTime, *in.EndTime, period)
	all := s.metrics.read(scope, metricOf(m.Metric.Namespace, m.Metric.MetricName, m.Metric.Dimensions), string(m.Unit), from, to, period)
	if len(all) > 1 {
		var units []string
		for _, u := range all {
			units = append(units, u.unit)
		}
		r.Messages = []types.MessageData{{Code: new(labelUnits), Value: new("Multiple units returned: '[" + strings.Join(units, ", ") + "]'")}}
	}
	for _, slot := range preferred(all) {
		if v, ok := stat.Of(slot.dist); ok {
			r.Timestamps, r.Values = append(r.Timestamps, slot.at), append(r.Values, v)
		}
	}
	if in.ScanBy != types.ScanByTimestampAscending {
		slices.Reverse(r.Timestamps)
		slices.Reverse(r.Values)
	}
	return r
}

// labelsOf gives each query's label: its own, else the metric's name, followed by the statistic and the
// period where queries of the same metric differ in them.
func labelsOf(queries []types.MetricDataQuery) []string {
	type asked struct{ stats, periods []string }
	identity := func(q *types.MetricDataQuery) string {
		m := metricOf(q.MetricStat.Metric.Namespace, q.MetricStat.Metric.MetricName, q.MetricStat.Metric.Dimensions)
		m.Dimensions = inOrder(m.Dimensions)
		return key(names.Scope{}, m)
	}
	all := map[string]asked{}
	for i := range queries {
		if q := &queries[i]; q.MetricStat != nil {
			a := all[identity(q)]
			if stat := *q.MetricStat.Stat; !slices.Contains(a.stats, stat) {
				a.stats = append(a.stats, stat)
			}
			if period := fmt.Sprint(*q.MetricStat.Period); !slices.Contains(a.periods, period) {
				a.periods = append(a.periods, period)
			}
			all[identity(q)] = a
		}
	}
	labels := make([]string, len(queries))
	for i := range queries {
		q := &queries[i]
		if q.MetricStat == nil {
			labels[i] = *q.Id
		} else {
			labels[i] = *q.MetricStat.Metric.MetricName
			if a := all[identity(q)]; len(a.stats) > 1 {
				labels[i] += " " + *q.MetricStat.Stat
			}
			if a := all[identity(q)]; len(a.periods) > 1 {
				labels[i] += fmt.Sprintf(" %d", *q.MetricStat.Period)
			}
		}
		if q.Label != nil {
			labels[i] = *q.Label
		}
	}
	return labels
}

func checkQueries(in *sdk.GetMetricDataInput) error {
	var bad constraints
	bad.between("maxDatapoints", in.MaxDatapoints, 1, pointsEach)
	among(&bad, "scanBy", in.ScanBy)
	if err := bad.err(); err != nil {
		return err
	}
	switch n := len(in.MetricDataQueries); {
	case n == 0:
		return lacking("MetricDataQueries")
	case in.StartTime == nil:
		return lacking("StartTime")
	case in.EndTime == nil:
		return lacking("EndTime")
	case n > queriesEach:
		return invalid("The collection MetricDataQueries must not have a size greater than %d.", queriesEach)
	case in.StartTime.Equal(*in.EndTime):
		return invalid("The parameter StartTime must not equal parameter EndTime.")
	case in.StartTime.After(*in.EndTime):
		return invalid("The parameter StartTime must be less than the parameter EndTime.")
	}
	seen := map[string]bool{}
	var wrong []string // is told of all queries at once
	for i := range in.MetricDataQueries {
		q := &in.MetricDataQueries[i]
		at := fmt.Sprintf("MetricDataQueries.member.%d.", i+1)
		err := checkQuery(at, q)
		value, isValue := errors.AsType[*wire.Error](err)
		switch {
		case isValue:
			wrong = append(wrong, value.Message)
			continue
		case err != nil && wrong == nil:
			return err
		case err != nil:
			continue
		}
		if seen[*q.Id] {
			return invalid("The values for parameter id in MetricDataQueries are not unique.")
		}
		seen[*q.Id] = true
	}
	if wrong != nil {
		return invalid("%s", strings.Join(wrong, "\n"))
	}
	if !slices.ContainsFunc(in.MetricDataQueries, func(q types.MetricDataQuery) bool { return or(q.ReturnData, true) }) {
		return invalid("At least one of the MetricDataQueries must return data.")
	}
	return nil
}

// checkQuery asks that a query is one of a metric; at is its place in the request.
func checkQuery(at string, q *types.MetricDataQuery) error {
	switch {
	case q.Id == nil:
		return lacking(at + "Id")
	case !queryID.MatchString(*q.Id) || len(*q.Id) > 255:
		return invalid("The value %s for parameter %sId is not matching the expected pattern %s.", *q.Id, at, queryID)
	case q.Expression != nil && q.MetricStat != nil:
		return clash("The parameters %sExpression and %sMetricStat are mutually exclusive and you have specified both.", at, at)
	case q.Expression != nil:
		if _, err := alarm.ParseExpression(*q.Expression); err != nil {
			return invalid("Error in expression '%s': %s", *q.Id, err)
		}
		return nil
	case q.MetricStat == nil:
		return lacking(at + "MetricStat")
	}
	m := q.MetricStat
	switch {
	case m.Metric == nil:
		return lacking(at + "MetricStat.Metric")
	case val(m.Metric.Namespace) == "":
		return lacking(at + "MetricStat.Metric.Namespace")
	case val(m.Metric.MetricName) == "":
		return lacking(at + "MetricStat.Metric.MetricName")
	case m.Period == nil:
		return lacking(at + "MetricStat.Period")
	case m.Stat == nil:
		return lacking(at + "MetricStat.Stat")
	}
	if _, ok := alarm.ParseStat(*m.Stat); !ok {
		return invalid("The value %s for parameter %sMetricStat.Stat is not a valid statistic.", *m.Stat, at)
	}
	if err := checkUnit(at+"MetricStat.Unit", m.Unit); err != nil {
		return err
	}
	return checkPeriod(at+"MetricStat.Period", *m.Period)
}
