package cloudwatch

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"

	"github.com/slipway-ecs/slipway/internal/alarm"
)

const (
	dataEach       = 1000                // MetricData in one request at most
	valuesEach     = 150                 // Values of a datum at most
	dimensionsEach = 30                  // of a metric at most
	oldest         = 14 * 24 * time.Hour // how old a timestamp may be, on the wall
	newest         = 2 * time.Hour       // how far ahead it may be, on the wall
)

// largest is the greatest value there may be, either sign.
var largest = math.Ldexp(1, 360)

// PutMetricData adds points, all of them or none.
//
// Source: API reference of PutMetricData; the sentences of exclusive parameters and of sizes are
// captures, the others follow their form.
func (s *Service) PutMetricData(ctx context.Context, in *sdk.PutMetricDataInput) (*sdk.PutMetricDataOutput, error) {
	var bad constraints
	bad.namespace(in.Namespace)
	if err := bad.err(); err != nil {
		return nil, err
	}
	if in.Namespace == nil {
		return nil, lacking("Namespace")
	}
	if strings.HasPrefix(*in.Namespace, "AWS/") {
		return nil, badValue("The value %s for parameter Namespace is invalid.", *in.Namespace)
	}
	type named struct {
		list string
		data []types.MetricDatum
	}
	lists := []named{{"MetricData", in.MetricData}}
	all := len(in.MetricData)
	for i, e := range in.EntityMetricData {
		lists = append(lists, named{fmt.Sprintf("EntityMetricData.member.%d.MetricData", i+1), e.MetricData})
		all += len(e.MetricData)
	}
	switch {
	case all == 0:
		return nil, lacking("MetricData")
	case all > dataEach:
		return nil, badValue("The collection MetricData must not have a size greater than %d.", dataEach)
	}
	var points []Point
	var wrong []string
	for _, l := range lists {
		for i := range l.data {
			p, err := s.point(*in.Namespace, fmt.Sprintf("%s.member.%d.", l.list, i+1), &l.data[i])
			value, isValue := errors.AsType[*types.InvalidParameterValueException](err)
			switch {
			case isValue: // those of all data are told at once
				wrong = append(wrong, *value.Message)
			case err != nil && wrong == nil:
				return nil, err
			}
			points = append(points, p)
		}
	}
	if wrong != nil {
		return nil, badValue("%s", strings.Join(wrong, "\n"))
	}
	s.metrics.add(scopeOf(ctx), points)
	return &sdk.PutMetricDataOutput{}, nil
}

// point reads a datum; at is its place in the request: "MetricData.member.1.".
func (s *Service) point(namespace, at string, d *types.MetricDatum) (Point, error) {
	m := metricOf(&namespace, d.MetricName, d.Dimensions)
	p := Point{Namespace: m.Namespace, Name: m.Name, Dimensions: m.Dimensions, Unit: string(d.Unit), Fine: val(d.StorageResolution) == 1}
	if p.Name == "" {
		return p, lacking(at + "MetricName")
	}
	if len(p.Name) > 255 {
		return p, badValue("The value %s for parameter %sMetricName is invalid.", p.Name, at)
	}
	if err := checkDimensions(at+"Dimensions", d.Dimensions); err != nil {
		return p, err
	}
	if err := checkUnit(at+"Unit", d.Unit); err != nil {
		return p, err
	}
	if r := d.StorageResolution; r != nil && *r != 1 && *r != 60 {
		return p, badValue("The value %d for parameter %sStorageResolution is invalid. Valid values are 1 and 60.", *r, at)
	}
	var err error
	if p.At, err = s.when(at, d.Timestamp); err != nil {
		return p, err
	}
	return p, samples(at, d, &p)
}

// checkUnit asks that a unit, if given, is one of CloudWatch's.
func checkUnit(member string, unit types.StandardUnit) error {
	if unit == "" {
		return nil
	}
	return checkSet(member, unit)
}

// checkSet asks that a value is one of its enumeration, in the words of the operations about data.
func checkSet[E interface {
	~string
	Values() []E
}](member string, v E) error {
	if slices.Contains(texts(v.Values()), string(v)) {
		return nil
	}
	return badValue("The parameter %s must be a value in the set [%s].", member, strings.Join(texts(v.Values()), ", "))
}

// when gives a datum's time, which is now where it names none. How old it may be is counted on
// the wall, where its sender lives.
func (s *Service) when(at string, t *time.Time) (time.Time, error) {
	now := s.store.Clock().Now()
	if t == nil {
		return now, nil
	}
	switch age := s.wall(now).Sub(s.wall(*t)); {
	case age > oldest:
		return now, badValue("The parameter %sTimestamp must specify a time within the past two weeks.", at)
	case age < -newest:
		return now, badValue("The parameter %sTimestamp must specify a time no more than two hours in the future.", at)
	}
	return *t, nil
}

// checkDimensions asks that dimensions are few and have names and values.
func checkDimensions(member string, dimensions []types.Dimension) error {
	if len(dimensions) > dimensionsEach {
		return badValue("The collection %s must not have a size greater than %d.", member, dimensionsEach)
	}
	for i, d := range dimensions {
		for _, part := range []struct {
			name string
			text *string
			most int
		}{{"Name", d.Name, 255}, {"Value", d.Value, 1024}} {
			place := fmt.Sprintf("%s.member.%d.%s", member, i+1, part.name)
			switch {
			case part.text == nil:
				return lacking(place)
			case *part.text == "" || len(*part.text) > part.most:
				return badValue("The value %s for parameter %s is invalid.", *part.text, place)
			}
		}
	}
	for i, d := range dimensions {
		if slices.ContainsFunc(dimensions[:i], func(other types.Dimension) bool { return *other.Name == *d.Name }) {
			return badValue(wordTwice)
		}
	}
	return nil
}

// wordTwice is what PutMetricData says; other operations are unconfirmed and say the same.
const wordTwice = "No metric may specify the same dimension name twice."

// samples reads the values of a datum in one of their three forms.
func samples(at string, d *types.MetricDatum, p *Point) (err error) {
	given := []string{}
	for _, form := range []struct {
		name string
		is   bool
	}{{"Value", d.Value != nil}, {"Values", d.Values != nil}, {"StatisticValues", d.StatisticValues != nil}} {
		if form.is {
			given = append(given, at+form.name)
		}
	}
	switch {
	case len(given) > 1:
		return clash("The parameters %s and %s are mutually exclusive and you have specified both.", given[0], given[1])
	case len(given) == 0 && d.Counts != nil:
		return lacking(at + "Values")
	case len(given) == 0:
		return &types.MissingRequiredParameterException{Message: new(fmt.Sprintf(
			"At least one of the parameters %sValue, %sValues or %sStatisticValues must be specified.", at, at, at))}
	case d.Value != nil:
		p.Values = []float64{*d.Value}
		return number(at+"Value", *d.Value)
	case d.StatisticValues != nil:
		p.Set, err = setOf(at+"StatisticValues.", d.StatisticValues)
		return err
	}
	p.Values, p.Counts = d.Values, d.Counts
	return checkValues(at, d.Values, d.Counts)
}

// number refuses what is no number, and what is too large.
func number(member string, v float64) error {
	if math.IsNaN(v) || math.Abs(v) > largest {
		return badValue("The value %s for parameter %s is invalid.", formatted(v), member)
	}
	return nil
}

func formatted(v float64) string {
	switch {
	case math.IsNaN(v):
		return "NaN"
	case math.IsInf(v, 1):
		return "Infinity"
	case math.IsInf(v, -1):
		return "-Infinity"
	}
	return alarm.Number(v)
}

func setOf(at string, set *types.StatisticSet) (*Set, error) {
	var s Set
	for _, part := range []struct {
		name  string
		value *float64
		into  *float64
	}{{"SampleCount", set.SampleCount, &s.Count}, {"Sum", set.Sum, &s.Sum}, {"Minimum", set.Minimum, &s.Min}, {"Maximum", set.Maximum, &s.Max}} {
		if part.value == nil {
			return nil, lacking(at + part.name)
		}
		if err := number(at+part.name, *part.value); err != nil {
			return nil, err
		}
		*part.into = *part.value
	}
	switch {
	case s.Count <= 0:
		return nil, badValue("The value %s for parameter %sSampleCount is invalid.", formatted(s.Count), at)
	case s.Min > s.Max:
		return nil, badValue("The parameter %sMinimum must not be greater than the parameter %sMaximum.", at, at)
	}
	return &s, nil
}

func checkValues(at string, values, counts []float64) error {
	switch {
	case len(values) == 0:
		return lacking(at + "Values")
	case counts != nil && len(counts) != len(values):
		return badValue("The parameters %sValues and %sCounts must be of the same size.", at, at)
	case len(values) > valuesEach:
		return badValue("The collection %sValues must not have a size greater than %d.", at, valuesEach)
	}
	for i, v := range values {
		if err := number(fmt.Sprintf("%sValues.member.%d", at, i+1), v); err != nil {
			return err
		}
	}
	for i, n := range counts {
		place := fmt.Sprintf("%sCounts.member.%d", at, i+1)
		if err := number(place, n); err != nil {
			return err
		}
		if n < 0 {
			return badValue("The value %s for parameter %s is invalid.", formatted(n), place)
		}
	}
	return nil
}
