// Package cloudwatch is CloudWatch in the local cloud, as far as deployments need it: metrics,
// and alarms that are really evaluated.
//
// Metric points are not rows: they live in memory by the minute (series.go) and are written to a
// file now and then. Alarms are rows, and a keeper evaluates them by package alarm. The room
// knows no other service: the host publishes what the data plane counted (Publish), others
// ask for states (Firing) in their own transactions, and the functions that are actions of alarms
// are behind a port (Functions). Read Service first, then keeper.Keep.
package cloudwatch

import (
	"log/slog"
	"time"

	"github.com/slipway-ecs/slipway/internal/alarm"
	"github.com/slipway-ecs/slipway/internal/cloud"
	"github.com/slipway-ecs/slipway/internal/names"
	"github.com/slipway-ecs/slipway/internal/store"
	"github.com/slipway-ecs/slipway/internal/wire"
)

// Options make a room.
type Options struct {
	// Dir is where points are kept over restarts; empty keeps them in memory alone.
	Dir string
	// Wall gives the wall's time of an internal time, for dates inside of texts; nil is the same.
	Wall func(time.Time) time.Time
	// Functions invokes those that are actions of alarms; nil invokes none.
	Functions Functions
	// Log tells of points that could not be read or written; nil tells nobody.
	Log *slog.Logger
}

// Service is the room. Make one with New, open the store with its tables, then Attach.
type Service struct {
	alarms  *store.Table[alarmRow]
	history *store.Table[historyRow]
	store   *store.Store
	metrics *metrics
	dir     string
	wall    func(time.Time) time.Time
	log     *slog.Logger

	functions Functions
	// started is when this process began to see points: what is missing from before is no
	// evidence.
	started time.Time
}

// New makes a room with the points that Options.Dir holds, if any. A file of points that cannot
// be read is told of and left out: alarms then start from what comes.
func New(o Options) *Service {
	s := &Service{
		alarms:  store.NewTable("cloudwatch.alarms", func(a *alarmRow) string { return a.ARN }, store.Index[alarmRow]{Name: childIndex, Of: func(a *alarmRow) []string { return a.Composite.Children }}),
		history: store.NewTable("cloudwatch.history", func(h *historyRow) string { return h.Key }),
		metrics: newMetrics(),
		dir:     o.Dir, wall: o.Wall, log: o.Log, functions: o.Functions,
	}
	if s.wall == nil {
		s.wall = func(at time.Time) time.Time { return at }
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	if err := s.load(); err != nil {
		s.log.Warn("metric points of before are lost", "err", err)
	}
	return s
}

// Attach gives the room the store that was opened with its tables; once, before anything is
// asked of it.
func (s *Service) Attach(st *store.Store) { s.store, s.started = st, st.Clock().Now() }

// Name gives the signing name.
func (s *Service) Name() string { return "monitoring" }

// Tables gives the room's tables.
func (s *Service) Tables() []store.Any { return []store.Any{s.alarms, s.history} }

// Keepers gives the room's keepers.
func (s *Service) Keepers() []cloud.Keeper { return []cloud.Keeper{keeper{s}} }

// Wire gives the operations, which the wire serves in JSON, query and CBOR alike.
func (s *Service) Wire() *wire.Service {
	w := wire.NewCloudWatch().Required(required)
	wire.Op(w, s.PutMetricData)
	wire.Op(w, s.GetMetricData)
	wire.Op(w, s.GetMetricStatistics)
	wire.Op(w, s.ListMetrics)
	wire.Op(w, s.PutMetricAlarm)
	wire.Op(w, s.PutCompositeAlarm)
	wire.Op(w, s.DescribeAlarms)
	wire.Op(w, s.DescribeAlarmsForMetric)
	wire.Op(w, s.DescribeAlarmHistory)
	wire.Op(w, s.DeleteAlarms)
	wire.Op(w, s.SetAlarmState)
	wire.Op(w, s.EnableAlarmActions)
	wire.Op(w, s.DisableAlarmActions)
	wire.Op(w, s.TagResource)
	wire.Op(w, s.UntagResource)
	wire.Op(w, s.ListTagsForResource)
	return w
}

// Watch concerns a keeper of another room with alarms: it gives the ARN of each alarm that was
// made, changed or deleted, or whose state moved.
func (s *Service) Watch() cloud.Watch {
	return cloud.On(s.alarms, func(a *alarmRow) string { return a.ARN })
}

// ARN names an alarm of a scope. A name that is an ARN already is itself.
func ARN(scope names.Scope, name string) string {
	if a, ok := names.ParseARN(name); ok && a.Service == "cloudwatch" {
		return name
	}
	return scope.ARN("cloudwatch", "alarm:"+name)
}

// find gives the alarm of a scope that a name or an ARN means.
func (s *Service) find(tx *store.Tx, scope names.Scope, name string) (alarmRow, bool) {
	arn := ARN(scope, name)
	if names.ScopeOf(arn) != scope {
		return alarmRow{}, false
	}
	return s.alarms.Get(tx, arn)
}

// Firing gives those of the alarms named (by name or ARN) that are in ALARM, in the order given.
// Alarms that the scope does not have are not in ALARM.
func (s *Service) Firing(tx *store.Tx, scope names.Scope, alarms []string) []string {
	var firing []string
	for _, name := range alarms {
		if a, ok := s.find(tx, scope, name); ok && a.State == alarm.Alarm {
			firing = append(firing, name)
		}
	}
	return firing
}

// Unknown gives those of the names that there are no alarms of.
func (s *Service) Unknown(tx *store.Tx, scope names.Scope, alarms []string) []string {
	var unknown []string
	for _, name := range alarms {
		if _, ok := s.find(tx, scope, name); !ok {
			unknown = append(unknown, name)
		}
	}
	return unknown
}

// Exists reports whether a scope has an alarm of this name or ARN.
func (s *Service) Exists(tx *store.Tx, scope names.Scope, name string) bool {
	_, ok := s.find(tx, scope, name)
	return ok
}

// State gives an alarm's state; ok is false where there is no such alarm.
func (s *Service) State(tx *store.Tx, arn string) (state alarm.State, ok bool) {
	a, ok := s.alarms.Get(tx, arn)
	return a.State, ok
}

// Publish adds points to a scope's metrics. It takes no transaction and returns at once; points
// without samples are passed over.
func (s *Service) Publish(scope names.Scope, points []Point) { s.metrics.add(scope, points) }
