package cloudwatch

import (
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"

	"github.com/slipway-ecs/slipway/internal/alarm"
	"github.com/slipway-ecs/slipway/internal/names"
)

// Dimension is one of the pairs that tell metrics of the same name apart.
type Dimension struct {
	Name  string `json:"n"`
	Value string `json:"v"`
}

// Metric is a metric's identity. Dimensions are a set: their order says nothing.
type Metric struct {
	Namespace  string
	Name       string
	Dimensions []Dimension
}

// Point is samples of a metric at a time.
type Point struct {
	Namespace  string
	Name       string
	Dimensions []Dimension
	Unit       string    // one of CloudWatch's; empty is "None"
	At         time.Time // internal
	Values     []float64 // the samples, or
	Set        *Set      // what is known of them all; Values count where both are given
	Counts     []float64 // how often each of Values occurred; none is once each
	Fine       bool      // resolution of one second instead of a minute
}

// Set is a statistic set: what is known of samples whose values are not.
type Set struct{ Count, Sum, Min, Max float64 }

// samples gives what a point has of samples. Values that never occurred are passed over.
func (p *Point) samples() alarm.Dist {
	if len(p.Values) == 0 && p.Set != nil && p.Set.Count > 0 {
		return alarm.Summed(p.Set.Count, p.Set.Sum, p.Set.Min, p.Set.Max)
	}
	return alarm.Counted(p.Values, p.Counts)
}

// noUnit is the unit of points that name none.
const noUnit = "None"

// unitSeries is the series of a metric in one unit.
type unitSeries struct {
	unit string
	series
}

// metric is all that is known of one metric of one scope.
type metric struct {
	Metric
	scope names.Scope
	units []*unitSeries // by unit, ascending
}

// metrics are the points of all scopes.
type metrics struct {
	mu    sync.Mutex // guards everything below; nobody takes the store's lock under it
	all   map[string]*metric
	dirty bool // changed since the last snapshot
}

func newMetrics() *metrics { return &metrics{all: map[string]*metric{}} }

// key gives the identity of a metric as text: scope, namespace, name, then dimensions in order.
func key(scope names.Scope, m Metric) string {
	parts := []string{scope.Account, scope.Region, m.Namespace, m.Name}
	for _, d := range m.Dimensions {
		parts = append(parts, d.Name, d.Value)
	}
	return strings.Join(parts, "\x00")
}

// inOrder gives the dimensions by name, then value.
func inOrder(dimensions []Dimension) []Dimension {
	return slices.SortedFunc(slices.Values(dimensions), func(a, b Dimension) int {
		if c := strings.Compare(a.Name, b.Name); c != 0 {
			return c
		}
		return strings.Compare(a.Value, b.Value)
	})
}

func (m *metrics) add(scope names.Scope, points []Point) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, p := range points {
		samples := p.samples()
		if samples.Count <= 0 {
			continue
		}
		unit, kind := p.Unit, minutes
		if unit == "" {
			unit = noUnit
		}
		if p.Fine {
			kind = seconds
		}
		m.metric(scope, Metric{p.Namespace, p.Name, inOrder(p.Dimensions)}).in(unit).add(kind, p.At, samples)
		m.dirty = true
	}
}

// metric gives the metric of an identity whose dimensions are in order, made where there is none.
func (m *metrics) metric(scope names.Scope, id Metric) *metric {
	k := key(scope, id)
	one := m.all[k]
	if one == nil {
		one = &metric{Metric: id, scope: scope}
		m.all[k] = one
	}
	return one
}

// in gives the series of a unit, made where there is none.
func (m *metric) in(unit string) *unitSeries {
	i, there := slices.BinarySearchFunc(m.units, unit, func(u *unitSeries, unit string) int { return strings.Compare(u.unit, unit) })
	if !there {
		m.units = slices.Insert(m.units, i, &unitSeries{unit: unit})
	}
	return m.units[i]
}

// unitSlots is what was read of a metric in one unit.
type unitSlots struct {
	unit  string
	slots []slot
}

// read gives a metric's samples of [from, to) by period and unit, units ascending; of one unit
// alone where one is named. Units without samples are left out.
func (m *metrics) read(scope names.Scope, id Metric, unit string, from, to time.Time, period time.Duration) []unitSlots {
	id.Dimensions = inOrder(id.Dimensions)
	m.mu.Lock()
	defer m.mu.Unlock()
	one := m.all[key(scope, id)]
	if one == nil {
		return nil
	}
	var all []unitSlots
	for _, u := range one.units {
		if unit != "" && unit != u.unit {
			continue
		}
		if slots := u.read(from, to, period); len(slots) > 0 {
			all = append(all, unitSlots{u.unit, slots})
		}
	}
	return all
}

// together merges what was read of all units.
func together(all []unitSlots) []slot {
	if len(all) == 1 {
		return all[0].slots
	}
	found := map[time.Time]alarm.Dist{}
	for _, u := range all {
		for _, s := range u.slots {
			found[s.at] = found[s.at].Merge(s.dist)
		}
	}
	var slots []slot
	for _, at := range slices.SortedFunc(maps.Keys(found), time.Time.Compare) {
		slots = append(slots, slot{at, found[at]})
	}
	return slots
}

// byPreference is the order in which GetMetricData looks for a metric's unit where none is asked for and
// samples came in several. It was seen on AWS.
var byPreference = [...]types.StandardUnit{
	types.StandardUnitMegabits, types.StandardUnitTerabits, types.StandardUnitGigabits, types.StandardUnitCount, types.StandardUnitBytes,
	types.StandardUnitGigabytes, types.StandardUnitGigabytesSecond, types.StandardUnitKilobytes, types.StandardUnitKilobitsSecond,
	types.StandardUnitTerabytes, types.StandardUnitTerabitsSecond, types.StandardUnitBytesSecond, types.StandardUnitPercent,
	types.StandardUnitMegabytes, types.StandardUnitMegabitsSecond, types.StandardUnitMilliseconds, types.StandardUnitMicroseconds,
	types.StandardUnitKilobytesSecond, types.StandardUnitGigabitsSecond, types.StandardUnitMegabytesSecond, types.StandardUnitBits,
	types.StandardUnitBitsSecond, types.StandardUnitCountSecond, types.StandardUnitSeconds, types.StandardUnitKilobits,
	types.StandardUnitTerabytesSecond, types.StandardUnitNone,
}

// preferred gives what was read of the unit that comes first, nil where nothing was read.
func preferred(all []unitSlots) []slot {
	for _, unit := range byPreference {
		for _, u := range all {
			if u.unit == string(unit) {
				return u.slots
			}
		}
	}
	return nil
}

// list gives the metrics of a scope with points at or after since, in order of identity.
func (m *metrics) list(scope names.Scope, since time.Time) []Metric {
	m.mu.Lock()
	defer m.mu.Unlock()
	var list []Metric
	for _, k := range slices.Sorted(maps.Keys(m.all)) {
		one := m.all[k]
		if one.scope == scope && !one.newest().Before(since) {
			list = append(list, one.Metric)
		}
	}
	return list
}

// newest gives the beginning of the newest bucket of all units.
func (m *metric) newest() (at time.Time) {
	for _, u := range m.units {
		if t := u.newest(); t.After(at) {
			at = t
		}
	}
	return at
}
