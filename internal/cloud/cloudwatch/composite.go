package cloudwatch

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"

	"github.com/slipway-ecs/slipway/internal/alarm"
	"github.com/slipway-ecs/slipway/internal/names"
	"github.com/slipway-ecs/slipway/internal/store"
)

// The limits of composite alarms. Source: API reference, PutCompositeAlarm.
const (
	longestRule  = 10240
	mostChildren = 100
)

// wordEvaluates is unconfirmed.
const wordEvaluates = "Alarm was created and its alarm rule evaluates to %s"

// The words of refusals.
const (
	wordChildren = "Could not save the composite alarm as alarms [%s] in the alarm rule do not exist"
	wordRule     = "Error in AlarmRule [%s]"
	wordSpace    = "AlarmRule must not contain leading or trailing whitespace or be null"
	wordDepends  = "Cannot delete %s as there are composite alarm(s) depending on %s."
)

// composite is what an alarm has that is made of others.
type composite struct {
	Rule       string   `json:",omitempty"` // empty for an alarm on a metric
	Children   []string `json:",omitempty"` // ARNs
	Fresh      bool     `json:",omitempty"` // the rule is new: it is evaluated without a child's change
	Suppressor string   `json:",omitempty"`
	Wait       *int32   `json:",omitempty"` // seconds, with a suppressor
	Extension  *int32   `json:",omitempty"`
}

// PutCompositeAlarm makes a composite alarm, or replaces all of its configuration while its state stays
// until the new rule is evaluated, which is at once.
func (s *Service) PutCompositeAlarm(ctx context.Context, in *sdk.PutCompositeAlarmInput) (*sdk.PutCompositeAlarmOutput, error) {
	if err := checkComposite(in); err != nil {
		return nil, err
	}
	rule, err := alarm.ParseComposite(*in.AlarmRule)
	if err != nil {
		return nil, invalid(wordRule, err)
	}
	if len(rule.Children()) > mostChildren {
		return nil, invalid("AlarmRule must not contain more than %d alarms.", mostChildren)
	}
	scope := scopeOf(ctx)
	a := alarmRow{
		ARN: ARN(scope, *in.AlarmName), Name: *in.AlarmName, Description: in.AlarmDescription, Actions: or(in.ActionsEnabled, true),
		OK: in.OKActions, Alarm: in.AlarmActions, Insufficient: in.InsufficientDataActions,
		Composite: composite{Rule: *in.AlarmRule, Fresh: true, Suppressor: val(in.ActionsSuppressor), Wait: in.ActionsSuppressorWaitPeriod, Extension: in.ActionsSuppressorExtensionPeriod},
	}
	for _, child := range rule.Children() {
		if arn := ARN(scope, child); !slices.Contains(a.Composite.Children, arn) {
			a.Composite.Children = append(a.Composite.Children, arn)
		}
	}
	return &sdk.PutCompositeAlarmOutput{}, s.store.Update(func(tx *store.Tx) error {
		var missing []string
		for _, child := range rule.Children() {
			if _, ok := s.find(tx, scope, child); !ok && ARN(scope, child) != a.ARN {
				missing = append(missing, child)
			}
		}
		if missing != nil {
			return invalid(wordChildren, strings.Join(missing, ", "))
		}
		return s.place(tx, a, true, in.Tags)
	})
}

func checkComposite(in *sdk.PutCompositeAlarmInput) error {
	var bad constraints
	bad.needs("alarmName", in.AlarmName != nil)
	bad.needs("alarmRule", in.AlarmRule != nil)
	bad.length("alarmName", in.AlarmName, 1, 255)
	bad.length("alarmRule", in.AlarmRule, 1, longestRule)
	bad.length("alarmDescription", in.AlarmDescription, 0, 1024)
	bad.items("alarmActions", in.AlarmActions, actionsEach)
	bad.items("oKActions", in.OKActions, actionsEach)
	bad.items("insufficientDataActions", in.InsufficientDataActions, actionsEach)
	if err := bad.err(); err != nil {
		return err
	}
	if strings.TrimSpace(*in.AlarmRule) != *in.AlarmRule {
		return invalid(wordSpace)
	}
	if in.ActionsSuppressor != nil && (in.ActionsSuppressorWaitPeriod == nil || in.ActionsSuppressorExtensionPeriod == nil) {
		return invalid("ActionsSuppressorWaitPeriod and ActionsSuppressorExtensionPeriod must be specified with ActionsSuppressor.")
	}
	if in.ActionsSuppressor == nil && (in.ActionsSuppressorWaitPeriod != nil || in.ActionsSuppressorExtensionPeriod != nil) {
		return invalid("ActionsSuppressor must be specified with ActionsSuppressorWaitPeriod and ActionsSuppressorExtensionPeriod.")
	}
	for _, action := range slices.Concat(in.AlarmActions, in.OKActions, in.InsufficientDataActions) {
		if _, ok := names.ParseARN(action); !ok {
			return invalid("Invalid arn syntax: %s", action)
		}
	}
	if len(in.Tags) > tagsEach {
		return invalid("The number of tags exceeds the limit of %d.", tagsEach)
	}
	return nil
}

// place writes a configured alarm in place of one with its name, whose state and tags it takes over. A
// name belongs to one kind of alarm.
func (s *Service) place(tx *store.Tx, a alarmRow, isComposite bool, tags []types.Tag) error {
	a.Configured = tx.Now()
	was, there := s.alarms.Get(tx, a.ARN)
	done := "created"
	switch {
	case there && was.isComposite() != isComposite:
		return invalid("An alarm of another type with the name %s already exists.", a.Name)
	case there:
		done = "updated"
		a.State, a.Reason, a.ReasonData = was.State, was.Reason, was.ReasonData
		a.Updated, a.Transitioned, a.Tags = was.Updated, was.Transitioned, was.Tags
	default:
		a.State, a.Reason, a.Updated, a.Transitioned = alarm.InsufficientData, alarm.Created, tx.Now(), tx.Now()
		a.Tags = tagged(nil, tags)
	}
	s.alarms.Put(tx, a)
	s.noteConfiguration(tx, &a, done)
	return nil
}

func (a *alarmRow) isComposite() bool { return a.Composite.Rule != "" }

// evaluate decides a composite alarm's rule. because is the child that changed; nil for a new rule.
func (s *Service) evaluate(tx *store.Tx, a alarmRow, because *alarmRow, path []string) {
	rule, err := alarm.ParseComposite(a.Composite.Rule)
	if err != nil { // an earlier version let it through
		s.log.Warn("a composite alarm keeps its state: put it again with names that have spaces or commas in quotes", "alarm", a.ARN, "rule", a.Composite.Rule, "err", err)
		return
	}
	scope := names.ScopeOf(a.ARN)
	state := alarm.OK
	if rule.Holds(func(child string) alarm.State {
		c, _ := s.find(tx, scope, child)
		return c.State
	}) {
		state = alarm.Alarm
	}
	if a.Composite.Fresh {
		a.Composite.Fresh = false
		s.alarms.Put(tx, a)
	}
	if state == a.State {
		return
	}
	reason, data := fmt.Sprintf(wordEvaluates, state), ""
	if because != nil {
		reason = fmt.Sprintf("%s transitioned to %s at %s", because.ARN, because.State, s.wall(because.Transitioned).UTC().Format("Monday 02 January, 2006 15:04:05 UTC"))
		data = s.triggering(because)
	}
	s.move(tx, a, state, reason, data, path)
}

// triggering is the reason data of a composite alarm.
func (s *Service) triggering(child *alarmRow) string {
	type state struct {
		Value     alarm.State `json:"value"`
		Timestamp int64       `json:"timestamp"`
	}
	type triggering struct {
		ARN   string `json:"arn"`
		State state  `json:"state"`
	}
	text, err := json.Marshal(struct {
		Triggering []triggering `json:"triggeringAlarms"`
	}{[]triggering{{child.ARN, state{child.State, s.wall(child.Transitioned).UnixMilli()}}}})
	if err != nil {
		panic("cloudwatch: reason data cannot be written: " + err.Error()) // strings and numbers only
	}
	return string(text)
}

// parents evaluates the composite alarms that an alarm is a child of, at once. path are the alarms
// whose changes led here: one of them is not evaluated again, so that a cycle ends.
func (s *Service) parents(tx *store.Tx, a *alarmRow, path []string) {
	path = append(slices.Clone(path), a.ARN)
	for p := range s.alarms.By(tx, childIndex, a.ARN) {
		if !slices.Contains(path, p.ARN) {
			s.evaluate(tx, p, a, path)
		}
	}
}

// childIndex finds composite alarms by their children.
const childIndex = "child"

// compositeView gives a composite alarm as clients see it.
func (s *Service) compositeView(tx *store.Tx, a alarmRow) types.CompositeAlarm {
	c := types.CompositeAlarm{
		AlarmName: &a.Name, AlarmArn: &a.ARN, AlarmDescription: a.Description, AlarmRule: &a.Composite.Rule,
		AlarmConfigurationUpdatedTimestamp: &a.Configured, ActionsEnabled: &a.Actions,
		OKActions: list(a.OK), AlarmActions: list(a.Alarm), InsufficientDataActions: list(a.Insufficient),
		StateValue: types.StateValue(a.State), StateReason: &a.Reason, StateReasonData: some(a.ReasonData),
		StateUpdatedTimestamp: &a.Updated, StateTransitionedTimestamp: &a.Transitioned,
		ActionsSuppressor: some(a.Composite.Suppressor), ActionsSuppressorWaitPeriod: a.Composite.Wait, ActionsSuppressorExtensionPeriod: a.Composite.Extension,
	}
	if by, ok := s.find(tx, names.ScopeOf(a.ARN), a.Composite.Suppressor); ok && a.Composite.Suppressor != "" {
		now, since := tx.Now(), by.Transitioned
		switch {
		case by.State == alarm.Alarm:
			c.ActionsSuppressedBy = types.ActionsSuppressedByAlarm
		case a.State == alarm.Alarm && now.Before(a.Transitioned.Add(time.Duration(val(a.Composite.Wait))*time.Second)):
			c.ActionsSuppressedBy = types.ActionsSuppressedByWaitPeriod
		case by.State == alarm.OK && !since.Equal(by.Configured) && now.Before(since.Add(time.Duration(val(a.Composite.Extension))*time.Second)):
			c.ActionsSuppressedBy = types.ActionsSuppressedByExtensionPeriod
		}
	}
	return c
}
