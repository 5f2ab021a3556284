package cloudwatch

import (
	"encoding/json"
	"time"

	"github.com/slipway-ecs/slipway/internal/alarm"
)

// alarmRow is a metric alarm. Zero values of configuration stand for members not given, which
// stay absent when clients read them back, unless the field says otherwise.
type alarmRow struct {
	ARN         string
	Name        string
	Description *string

	Metric     Metric
	Unit       string
	Statistic  string // one of the five plain ones, or
	Extended   string // ExtendedStatistic: p99, tm90, …
	Period     int    // seconds
	Periods    int    // EvaluationPeriods
	Datapoints int    // DatapointsToAlarm
	Compare    string
	Threshold  float64
	Missing    string // TreatMissingData
	LowSamples string // EvaluateLowSampleCountPercentile

	Actions      bool // ActionsEnabled
	OK           []string
	Alarm        []string
	Insufficient []string
	// Newer are members that are kept for the reader and change nothing here (EvaluationWindow,
	// WarmUpConfiguration, …): a PutMetricAlarm request by wire.Marshal with nothing but these.
	Newer json.RawMessage `json:",omitempty"`
	Tags  []tag

	// Math are the queries of an alarm on an expression, which has no metric of its own: a PutMetricAlarm
	// request by wire.Marshal with nothing but Metrics. Period is theirs.
	Math json.RawMessage `json:",omitempty"`

	Composite composite // of a composite alarm, which has no metric

	Configured time.Time // AlarmConfigurationUpdatedTimestamp

	State        alarm.State
	Reason       string
	ReasonData   string    // JSON; empty where there is none
	Updated      time.Time // the state was last written
	Transitioned time.Time // the state last became another
	// Hold is when the alarm may next be evaluated: a new alarm is unchecked for a moment, and a
	// state that was set stands until the evaluation after.
	Hold time.Time
}

type tag struct{ Key, Value string }

// rule gives what is evaluated.
func (a *alarmRow) rule() alarm.Rule {
	name := a.Statistic
	if name == "" {
		name = a.Extended
	}
	stat, _ := alarm.ParseStat(name) // PutMetricAlarm let only statistics in
	return alarm.Rule{
		Period: time.Duration(a.Period) * time.Second, Periods: a.Periods, Datapoints: a.Datapoints,
		Compare: alarm.Comparison(a.Compare), Threshold: a.Threshold, Missing: alarm.Treatment(a.Missing),
		Statistic: stat, Unit: a.Unit, KeepLow: stat.Percentile() && a.LowSamples == "ignore",
	}
}

// historyRow is one thing that happened to an alarm. It outlives the alarm.
type historyRow struct {
	Key     string // ARN, a zero byte, time and a number for order: see note
	ARN     string
	Name    string
	Kind    string // ConfigurationUpdate, StateUpdate
	Type    string `json:",omitempty"` // CompositeAlarm; empty is MetricAlarm
	At      time.Time
	Summary string
	Data    string // JSON
}
