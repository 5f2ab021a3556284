package cloudwatch

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"

	"github.com/slipway-ecs/slipway/internal/alarm"
	"github.com/slipway-ecs/slipway/internal/names"
	"github.com/slipway-ecs/slipway/internal/store"
	"github.com/slipway-ecs/slipway/internal/wire"
)

// Functions invokes the Lambda functions that are actions of alarms.
type Functions interface {
	// Enqueue has a function invoked after the caller's transaction, asynchronously: a name or an ARN,
	// with or without a qualifier.
	Enqueue(tx *store.Tx, scope names.Scope, function string, payload []byte) error
}

// act runs the actions of the state that an alarm has moved to, as far as they are Lambda functions, and
// notes what became of them. The suppressor of a composite alarm keeps them back while it is in ALARM.
//
// Source: User Guide, "Alarm actions" and "Invoke a Lambda function from an alarm". The sentence of an
// action that failed is unconfirmed.
func (s *Service) act(tx *store.Tx, was, is *alarmRow) {
	if s.functions == nil || !is.Actions {
		return
	}
	scope := names.ScopeOf(is.ARN)
	if by, ok := s.find(tx, scope, is.Composite.Suppressor); ok && is.Composite.Suppressor != "" && by.State == alarm.Alarm {
		return
	}
	actions := map[alarm.State][]string{alarm.OK: is.OK, alarm.Alarm: is.Alarm, alarm.InsufficientData: is.Insufficient}[is.State]
	for _, arn := range actions {
		if a, ok := names.ParseARN(arn); !ok || a.Service != "lambda" {
			continue
		}
		done := struct {
			State     string `json:"actionState"`
			Error     string `json:"error,omitempty"`
			Timestamp int64  `json:"stateUpdateTimestamp"`
			Resource  string `json:"notificationResource"`
		}{"Succeeded", "", s.wall(is.Updated).UnixMilli(), arn}
		summary := "Successfully executed action " + arn
		if err := s.functions.Enqueue(tx, scope, arn, s.told(was, is)); err != nil {
			done.State, done.Error = "Failed", err.Error()
			summary = fmt.Sprintf("Failed to execute action %s. Received error: %q", arn, err)
		}
		s.note(tx, is, types.HistoryItemTypeAction, summary, done)
	}
}

// toldState is a state in an action's event.
type toldState struct {
	Value     alarm.State `json:"value"`
	Reason    string      `json:"reason"`
	Data      string      `json:"reasonData,omitempty"`
	Timestamp string      `json:"timestamp"`
}

// toldMetric is a query in an action's event.
type toldMetric struct {
	ID         string    `json:"id"`
	Stat       *toldStat `json:"metricStat,omitempty"`
	Expression string    `json:"expression,omitempty"`
	Label      string    `json:"label,omitempty"`
	ReturnData bool      `json:"returnData"`
}

type toldStat struct {
	Metric struct {
		Namespace  string            `json:"namespace"`
		Name       string            `json:"name"`
		Dimensions map[string]string `json:"dimensions"`
	} `json:"metric"`
	Period int    `json:"period"`
	Stat   string `json:"stat"`
	Unit   string `json:"unit,omitempty"`
}

// told is the event that an action's function gets.
func (s *Service) told(was, is *alarmRow) []byte {
	at := func(t time.Time) string { return s.wall(t).UTC().Format("2006-01-02T15:04:05.000-0700") }
	state := func(a *alarmRow) toldState { return toldState{a.State, a.Reason, a.ReasonData, at(a.Updated)} }
	type configuration struct {
		Description string       `json:"description,omitempty"`
		Metrics     []toldMetric `json:"metrics,omitempty"`
		Rule        string       `json:"alarmRule,omitempty"`
		Suppressor  string       `json:"actionsSuppressor,omitempty"`
		Wait        *int32       `json:"actionsSuppressorWaitPeriod,omitempty"`
		Extension   *int32       `json:"actionsSuppressorExtensionPeriod,omitempty"`
	}
	type data struct {
		Name          string        `json:"alarmName"`
		State         toldState     `json:"state"`
		Previous      toldState     `json:"previousState"`
		Configuration configuration `json:"configuration"`
	}
	scope := names.ScopeOf(is.ARN)
	event := struct {
		Source  string `json:"source"`
		ARN     string `json:"alarmArn"`
		Account string `json:"accountId"`
		Time    string `json:"time"`
		Region  string `json:"region"`
		Data    data   `json:"alarmData"`
	}{"aws.cloudwatch", is.ARN, scope.Account, at(is.Updated), scope.Region, data{
		is.Name, state(is), state(was), configuration{
			Description: val(is.Description), Metrics: s.toldMetrics(is), Rule: is.Composite.Rule,
			Suppressor: is.Composite.Suppressor, Wait: is.Composite.Wait, Extension: is.Composite.Extension,
		},
	}}
	var text bytes.Buffer
	enc := json.NewEncoder(&text)
	enc.SetEscapeHTML(false) // reasons say "OK -> ALARM"
	if err := enc.Encode(event); err != nil {
		panic("cloudwatch: the event of an action cannot be written: " + err.Error()) // strings and numbers only
	}
	return bytes.TrimSpace(text.Bytes())
}

// toldMetrics gives what an alarm compares, nil for a composite alarm.
func (s *Service) toldMetrics(a *alarmRow) (all []toldMetric) {
	if a.isComposite() {
		return nil
	}
	stat := func(m Metric, period int, stat, unit string) *toldStat {
		t := &toldStat{Period: period, Stat: stat, Unit: unit}
		t.Metric.Namespace, t.Metric.Name, t.Metric.Dimensions = m.Namespace, m.Name, map[string]string{}
		for _, d := range m.Dimensions {
			t.Metric.Dimensions[d.Name] = d.Value
		}
		return t
	}
	if a.Math == nil {
		sum := sha256.Sum256([]byte(a.ARN)) // an id of its own, which stays
		id := fmt.Sprintf("%x-%x-%x-%x-%x", sum[:4], sum[4:6], sum[6:8], sum[8:10], sum[10:16])
		return []toldMetric{{ID: id, Stat: stat(a.Metric, a.Period, a.Statistic+a.Extended, a.Unit), ReturnData: true}}
	}
	var in sdk.PutMetricAlarmInput
	if err := wire.Unmarshal(a.Math, &in); err != nil {
		panic("cloudwatch: alarm " + a.ARN + " has queries that cannot be read: " + err.Error()) // ours
	}
	for _, q := range in.Metrics {
		t := toldMetric{ID: val(q.Id), Expression: val(q.Expression), Label: val(q.Label), ReturnData: or(q.ReturnData, true)}
		if m := q.MetricStat; m != nil {
			t.Stat = stat(metricOf(m.Metric.Namespace, m.Metric.MetricName, m.Metric.Dimensions), int(val(m.Period)), val(m.Stat), string(m.Unit))
		}
		all = append(all, t)
	}
	return all
}
