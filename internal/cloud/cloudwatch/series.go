package cloudwatch

import (
	"slices"
	"time"

	"github.com/slipway-ecs/slipway/internal/alarm"
)

// How much is kept of a series. CloudWatch keeps 3 h of seconds, 15 d of minutes, 63 d of five
// minutes and 455 d of hours; we keep as many buckets of each kind as stand here, the newest, so
// that an idle daemon stays small. What is over goes into the next coarser kind.
const (
	keptSeconds = 3 * 60 * 60 // 3 h
	keptMinutes = 24 * 60     // a day without gaps; more days where minutes are missing
	keptFives   = 7 * 24 * 12 // a week
	keptHours   = 90 * 24     // 90 days
	// exactMinutes is how many of the newest minutes keep up to freshValues different values for
	// percentiles; older ones keep oldValues.
	exactMinutes = 180
	freshValues  = 250
	oldValues    = 32
)

// widths are the widths of the kinds of buckets, finest first.
var widths = [...]time.Duration{time.Second, time.Minute, 5 * time.Minute, time.Hour}

// kept are how many buckets of each kind are kept.
var kept = [...]int{keptSeconds, keptMinutes, keptFives, keptHours}

const (
	seconds = 0 // index of the kind for points of one second's resolution
	minutes = 1 // for all others
)

// bucket is the samples of one stretch of time, aligned to the clock.
type bucket struct {
	At   int64      `json:"t"` // its beginning, in seconds since 1970, internal time
	Dist alarm.Dist `json:"d"`
}

// series is a metric in one unit: buckets of four widths, each list in order of time. A moment is
// in several lists where a late point came to a time whose finer bucket has gone already.
type series [len(widths)][]bucket

// add puts samples at a time into the bucket of a kind.
func (s *series) add(kind int, at time.Time, d alarm.Dist) {
	start := at.Truncate(widths[kind]).Unix()
	list := s[kind]
	i, there := len(list), false
	if n := len(list); n > 0 && list[n-1].At >= start {
		i, there = slices.BinarySearchFunc(list, start, func(b bucket, at int64) int { return int(b.At - at) })
	}
	if there {
		list[i].Dist = list[i].Dist.Merge(d).Bounded(freshValues)
		return
	}
	s[kind] = slices.Insert(list, i, bucket{start, d.Bounded(freshValues)})
	s.shrink(kind)
}

// shrink moves what is over into the next coarser kind.
func (s *series) shrink(kind int) {
	if n := len(s[kind]) - exactMinutes - 1; kind == minutes && n >= 0 {
		s[kind][n].Dist = s[kind][n].Dist.Bounded(oldValues)
	}
	for len(s[kind]) > kept[kind] {
		first := s[kind][0]
		s[kind] = s[kind][1:]
		if kind+1 < len(s) {
			s.add(kind+1, time.Unix(first.At, 0), first.Dist.Bounded(oldValues))
		}
	}
}

// newest gives the beginning of the newest bucket.
func (s *series) newest() time.Time {
	var at int64
	for _, list := range s {
		if n := len(list); n > 0 {
			at = max(at, list[n-1].At)
		}
	}
	return time.Unix(at, 0).UTC()
}

// slot is the samples of one period.
type slot struct {
	at   time.Time
	dist alarm.Dist
}

// read gives the samples of [from, to) by period, counted from from, oldest first. Periods without
// samples are left out. A bucket belongs to the period in which it begins.
func (s *series) read(from, to time.Time, period time.Duration) []slot {
	found := map[int64]alarm.Dist{}
	for _, list := range s {
		i, _ := slices.BinarySearchFunc(list, from.Unix(), func(b bucket, at int64) int { return int(b.At - at) })
		for _, b := range list[i:] {
			at := time.Unix(b.At, 0)
			if !at.Before(to) {
				break
			}
			if at.Before(from) {
				continue
			}
			n := int64(at.Sub(from) / period)
			found[n] = found[n].Merge(b.Dist)
		}
	}
	slots := make([]slot, 0, len(found))
	for n, d := range found {
		slots = append(slots, slot{from.Add(time.Duration(n) * period).UTC(), d})
	}
	slices.SortFunc(slots, func(a, b slot) int { return a.at.Compare(b.at) })
	return slots
}
