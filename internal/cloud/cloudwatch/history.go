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

	"github.com/slipway-ecs/slipway/internal/cloud/page"
	"github.com/slipway-ecs/slipway/internal/names"
	"github.com/slipway-ecs/slipway/internal/store"
)

const (
	// historyKept is how long history is kept, also of deleted alarms. AWS's guides say two
	// weeks, newer text 30 days.
	historyKept = 14 * 24 * time.Hour
	// historyEach is how many of an alarm's items are kept at most, so that an alarm that flaps
	// at high speed does not fill the disk.
	historyEach = 200
	historyPage = 100 // items of a page at most, and where the request does not say
)

// stateNote is a state in HistoryData.
type stateNote struct {
	Value  string          `json:"stateValue"`
	Reason string          `json:"stateReason"`
	Data   json.RawMessage `json:"stateReasonData,omitempty"`
}

func noteOf(a *alarmRow) stateNote {
	n := stateNote{Value: string(a.State), Reason: a.Reason}
	if json.Valid([]byte(a.ReasonData)) {
		n.Data = json.RawMessage(a.ReasonData)
	}
	return n
}

// noteState writes that an alarm's state moved.
func (s *Service) noteState(tx *store.Tx, was, is *alarmRow) {
	s.note(tx, is, types.HistoryItemTypeStateUpdate, fmt.Sprintf("Alarm updated from %s to %s", was.State, is.State), struct {
		Version string    `json:"version"`
		Old     stateNote `json:"oldState"`
		New     stateNote `json:"newState"`
	}{"1.0", noteOf(was), noteOf(is)})
}

// noteConfiguration writes that an alarm was created, updated or deleted.
func (s *Service) noteConfiguration(tx *store.Tx, a *alarmRow, done string) {
	kind := map[string]string{"created": "Create", "updated": "Update", "deleted": "Delete"}[done]
	s.note(tx, a, types.HistoryItemTypeConfigurationUpdate, fmt.Sprintf("Alarm %q %s", a.Name, done), struct {
		Version string `json:"version"`
		Type    string `json:"type"`
	}{"1.0", kind})
}

// note adds an item of history and drops what is too old or too much.
func (s *Service) note(tx *store.Tx, a *alarmRow, kind types.HistoryItemType, summary string, data any) {
	var text strings.Builder
	enc := json.NewEncoder(&text)
	enc.SetEscapeHTML(false) // reasons say "OK -> ALARM"
	if err := enc.Encode(data); err != nil {
		panic("cloudwatch: history cannot be written: " + err.Error()) // strings and valid JSON only
	}
	prefix := a.ARN + "\x00"
	var mine []string
	for h := range s.history.Prefix(tx, prefix) {
		mine = append(mine, h.Key)
	}
	for len(mine) >= historyEach {
		s.history.Delete(tx, mine[0])
		mine = mine[1:]
	}
	for h := range s.history.Prefix(tx, names.ScopeOf(a.ARN).ARN("cloudwatch", "alarm:")) {
		if tx.Now().Sub(h.At) > historyKept {
			s.history.Delete(tx, h.Key)
		}
	}
	// Items of one moment are told apart by a number that is free: the last one's plus one.
	n := 0
	key := func() string { return fmt.Sprintf("%s%020d/%03d", prefix, tx.Now().UnixNano(), n) }
	for slices.Contains(mine, key()) {
		n++
	}
	s.history.Put(tx, historyRow{
		Key: key(), ARN: a.ARN, Name: a.Name, Kind: string(kind), Type: a.otherType(), At: tx.Now(), Summary: summary, Data: strings.TrimSpace(text.String()),
	})
}

// otherType is the alarm's type where it is no metric alarm.
func (a *alarmRow) otherType() string {
	if a.isComposite() {
		return string(types.AlarmTypeCompositeAlarm)
	}
	return ""
}

func (h *historyRow) alarmType() types.AlarmType {
	if h.Type == "" {
		return types.AlarmTypeMetricAlarm
	}
	return types.AlarmType(h.Type)
}

// DescribeAlarmHistory gives what happened to one alarm or to all of a scope, newest first unless
// asked otherwise. Of composite alarms it tells where AlarmTypes asks for them.
func (s *Service) DescribeAlarmHistory(ctx context.Context, in *sdk.DescribeAlarmHistoryInput) (*sdk.DescribeAlarmHistoryOutput, error) {
	var bad constraints
	bad.between("maxRecords", in.MaxRecords, 1, 100)
	among(&bad, "historyItemType", in.HistoryItemType)
	among(&bad, "scanBy", in.ScanBy)
	bad.length("alarmName", in.AlarmName, 1, 255)
	for i, t := range in.AlarmTypes {
		among(&bad, fmt.Sprintf("alarmTypes.%d.member", i+1), t)
	}
	if err := bad.err(); err != nil {
		return nil, err
	}
	kinds := in.AlarmTypes
	if len(kinds) == 0 {
		kinds = []types.AlarmType{types.AlarmTypeMetricAlarm}
	}
	prefix := scopeOf(ctx).ARN("cloudwatch", "alarm:")
	if in.AlarmName != nil {
		prefix += *in.AlarmName + "\x00"
	}
	var rows []historyRow
	err := s.store.View(func(tx *store.Tx) error {
		for h := range s.history.Prefix(tx, prefix) {
			switch {
			case !slices.Contains(kinds, h.alarmType()):
			case in.HistoryItemType != "" && h.Kind != string(in.HistoryItemType):
			case in.StartDate != nil && h.At.Before(*in.StartDate):
			case in.EndDate != nil && h.At.After(*in.EndDate):
			default:
				rows = append(rows, h)
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	newestFirst := in.ScanBy != types.ScanByTimestampAscending
	slices.SortStableFunc(rows, func(a, b historyRow) int { return a.At.Compare(b.At) })
	if newestFirst {
		slices.Reverse(rows)
	}
	rows, token, err := page.Cut(rows, func(h *historyRow) string { return h.Key }, val(in.NextToken), int(or(in.MaxRecords, historyPage)))
	if err != nil {
		return nil, badToken()
	}
	out := &sdk.DescribeAlarmHistoryOutput{AlarmHistoryItems: make([]types.AlarmHistoryItem, 0, len(rows)), NextToken: some(token)}
	for _, h := range rows {
		out.AlarmHistoryItems = append(out.AlarmHistoryItems, types.AlarmHistoryItem{
			AlarmName: &h.Name, AlarmType: h.alarmType(), HistoryItemType: types.HistoryItemType(h.Kind),
			HistorySummary: &h.Summary, HistoryData: &h.Data, Timestamp: &h.At,
		})
	}
	return out, nil
}
