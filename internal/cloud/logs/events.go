package logs

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	logs "github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"

	"github.com/slipway-ecs/slipway/internal/store"
)

// The bounds of a batch and of a page.
//
// Source: API reference of PutLogEvents and GetLogEvents.
const (
	mostEvents = 10_000
	mostBytes  = 1 << 20
	longest    = 24 * time.Hour      // of a batch, from first to last
	tooNew     = 2 * time.Hour       // ahead of now
	tooOld     = 14 * 24 * time.Hour // behind now
)

// PutLogEvents adds events to a stream; those too new, too old or older than the group keeps events
// are left out, and the answer says so.
func (s *Service) PutLogEvents(ctx context.Context, in *logs.PutLogEventsInput) (*logs.PutLogEventsOutput, error) {
	if err := checkBatch(in.LogEvents); err != nil {
		return nil, err
	}
	if first, last := in.LogEvents[0], in.LogEvents[len(in.LogEvents)-1]; s.wall(*last.Timestamp)-s.wall(*first.Timestamp) > longest.Milliseconds() {
		return nil, invalid("The batch of log events in a single PutLogEvents request cannot span more than 24 hours.")
	}
	var m Stream
	var g Group
	var now time.Time
	err := s.store.View(func(tx *store.Tx) (err error) {
		now = tx.Now()
		g.ARN = groupARN(scopeOf(ctx), aws.ToString(in.LogGroupName))
		if m, err = s.stream(tx, g.ARN, aws.ToString(in.LogStreamName)); err == nil {
			g, err = s.group(tx, g.ARN)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	kept, rejected := s.sort(in.LogEvents, g, now)
	err = s.tapes.write(func() error { return s.tapes.get(m.File).add(kept) })
	if err == errGone {
		err = missing("stream")
	}
	if err != nil {
		return nil, err
	}
	return &logs.PutLogEventsOutput{NextSequenceToken: aws.String(sequence), RejectedLogEventsInfo: rejected}, nil
}

func checkBatch(events []types.InputLogEvent) error {
	if len(events) == 0 || len(events) > mostEvents {
		return invalid("1 validation error detected: Value at 'logEvents' failed to satisfy constraint: Member must have length greater than or equal to 1 and less than or equal to %d", mostEvents)
	}
	weight, before := 0, *events[0].Timestamp
	for i, e := range events {
		text, at := *e.Message, *e.Timestamp // required, as the wire sees to
		switch {
		case text == "":
			return invalid("1 validation error detected: Value '' at 'logEvents.%d.member.message' failed to satisfy constraint: Member must have length greater than or equal to 1", i+1)
		case at < 0:
			return invalid("1 validation error detected: Value '%d' at 'logEvents.%d.member.timestamp' failed to satisfy constraint: Member must have value greater than or equal to 0", at, i+1)
		case at < before:
			return invalid("Log events in a single PutLogEvents request must be in chronological order.")
		}
		before = at
		weight += event{Text: text}.weight()
	}
	if weight > mostBytes {
		return invalid("Upload too large: %d bytes exceeds limit of %d", weight, mostBytes)
	}
	return nil
}

// sort makes events of what was sent, less what is rejected: the oldest ones and the newest.
func (s *Service) sort(sent []types.InputLogEvent, g Group, now time.Time) (kept []event, rejected *types.RejectedLogEventsInfo) {
	var no types.RejectedLogEventsInfo
	wall := s.o.Wall(now).UnixMilli()
	for i, e := range sent {
		at := s.wall(*e.Timestamp)
		switch {
		case at > wall+tooNew.Milliseconds():
			if no.TooNewLogEventStartIndex == nil {
				no.TooNewLogEventStartIndex = aws.Int32(int32(i))
			}
		case at < wall-tooOld.Milliseconds():
			no.TooOldLogEventEndIndex = aws.Int32(int32(i + 1))
		case g.RetentionDays > 0 && *e.Timestamp < g.keepsFrom(now).UnixMilli():
			no.ExpiredLogEventEndIndex = aws.Int32(int32(i + 1))
		default:
			kept = append(kept, event{Time: at, Ingested: wall, Text: *e.Message})
		}
	}
	if len(kept) < len(sent) {
		rejected = &no
	}
	return kept, rejected
}

// bounds gives the span of a request's times, which have milliseconds of internal time or are
// absent, less what the group keeps no longer. The end is excluded, unless it includes.
func (s *Service) bounds(g Group, now time.Time, start, end *int64, inclusive bool) span {
	all := span{to: place{math.MaxInt64, 0}}
	if start != nil && *start > 0 {
		all.from.time = s.wall(*start)
	}
	if end != nil {
		all.to.time = s.wall(*end)
		if inclusive {
			all.to.time++
		}
	}
	if g.RetentionDays > 0 {
		all.from.time = max(all.from.time, s.wall(g.keepsFrom(now).UnixMilli()))
	}
	return all
}

// GetLogEvents gives a page of a stream: the last events of the span asked for or, from the head,
// the first; behind a token of direction f what came after it, behind one of b what came before.
// At either end the same token is given back, as AWS does, and is good for what comes later.
func (s *Service) GetLogEvents(ctx context.Context, in *logs.GetLogEventsInput) (*logs.GetLogEventsOutput, error) {
	arn, err := identified(ctx, in.LogGroupName, in.LogGroupIdentifier)
	if err != nil {
		return nil, err
	}
	limit, err := limitOf(in.Limit, mostEvents)
	if err != nil {
		return nil, err
	}
	var m Stream
	var all span
	err = s.store.View(func(tx *store.Tx) (err error) {
		if m, err = s.stream(tx, arn, aws.ToString(in.LogStreamName)); err != nil {
			return err
		}
		g, err := s.group(tx, arn)
		all = s.bounds(g, tx.Now(), in.StartTime, in.EndTime, false)
		return err
	})
	if err != nil {
		return nil, err
	}
	part, last, at := all, !aws.ToBool(in.StartFromHead), all.from
	if in.NextToken != nil {
		if last, at, err = readToken(*in.NextToken); err != nil {
			return nil, err
		}
		if last {
			part.to = first(part.to, at)
		} else if at.compare(part.from) > 0 {
			part.from = at
		}
	}
	events, err := s.tapes.get(m.File).read(part, last, limit, mostBytes)
	if err == errGone {
		err = missing("stream")
	}
	if err != nil {
		return nil, err
	}
	out := &logs.GetLogEventsOutput{Events: []types.OutputLogEvent{}}
	from, to := at, at
	if n := len(events); n > 0 {
		from, to = events[0].at(), events[n-1].at()
		to.n++
	}
	out.NextBackwardToken, out.NextForwardToken = token('b', from), token('f', to)
	for _, e := range events {
		out.Events = append(out.Events, types.OutputLogEvent{Timestamp: aws.Int64(s.internal(e.Time)), IngestionTime: aws.Int64(s.internal(e.Ingested)), Message: &e.Text})
	}
	return out, nil
}

func first(a, b place) place {
	if a.compare(b) <= 0 {
		return a
	}
	return b
}

// token names a place and a direction from it: f/…/s or b/…/s, as AWS's look.
func token(direction byte, p place) *string {
	return aws.String(fmt.Sprintf("%c/%036d%020d/s", direction, p.time, p.n))
}

func readToken(text string) (backward bool, p place, err error) {
	body, ok := strings.CutSuffix(text, "/s")
	if !ok || len(body) != 58 || body[:2] != "f/" && body[:2] != "b/" {
		return false, p, invalid(badToken)
	}
	time, err1 := strconv.ParseInt(body[2:38], 10, 64)
	n, err2 := strconv.ParseInt(body[38:], 10, 64)
	if errors.Join(err1, err2) != nil {
		return false, p, invalid(badToken)
	}
	return body[0] == 'b', place{time, n}, nil
}

// FilterLogEvents gives a page of the events of a group's streams that a pattern matches, in the
// order of time.
func (s *Service) FilterLogEvents(ctx context.Context, in *logs.FilterLogEventsInput) (*logs.FilterLogEventsOutput, error) {
	arn, err := identified(ctx, in.LogGroupName, in.LogGroupIdentifier)
	if err != nil {
		return nil, err
	}
	limit, err := limitOf(in.Limit, mostEvents)
	if err != nil {
		return nil, err
	}
	if len(in.LogStreamNames) > 0 && in.LogStreamNamePrefix != nil {
		return nil, invalid("logStreamNames and logStreamNamePrefix are mutually exclusive parameters.")
	}
	if in.StartFromHead != nil && !*in.StartFromHead {
		return nil, invalid("startFromHead false is not supported here: events come oldest first")
	}
	matches, err := compile(aws.ToString(in.FilterPattern))
	if err != nil {
		return nil, err
	}
	var streams []Stream
	var all span
	err = s.store.View(func(tx *store.Tx) (err error) {
		if streams, err = s.chosen(tx, arn, in.LogStreamNames, in.LogStreamNamePrefix); err != nil {
			return err
		}
		g, err := s.group(tx, arn)
		all = s.bounds(g, tx.Now(), in.StartTime, in.EndTime, true)
		return err
	})
	if err != nil {
		return nil, err
	}
	after, err := readCursor(in.NextToken)
	if err != nil {
		return nil, err
	}
	found, next, err := s.merge(streams, all, after, matches, limit)
	if err != nil {
		return nil, err
	}
	out := &logs.FilterLogEventsOutput{Events: []types.FilteredLogEvent{}, SearchedLogStreams: []types.SearchedLogStream{}}
	for _, e := range found {
		out.Events = append(out.Events, types.FilteredLogEvent{
			EventId: aws.String(eventID(streams[e.stream], e.event)), LogStreamName: &streams[e.stream].Name,
			Timestamp: aws.Int64(s.internal(e.Time)), IngestionTime: aws.Int64(s.internal(e.Ingested)), Message: &e.Text,
		})
	}
	if next != nil {
		out.NextToken = aws.String(base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, "%d %d %s", next.time, next.n, next.stream)))
	}
	return out, nil
}

// eventID gives 56 digits that no other event has: tools that follow a group tell events by them.
func eventID(m Stream, e event) string {
	of, err := strconv.ParseUint(m.File[:16], 16, 64)
	if err != nil {
		panic("logs: a stream's file is called " + m.File)
	}
	return fmt.Sprintf("%016d%020d%020d", e.Time, of, e.N)
}

// cursor is a place in the common order of several streams: by time, then name, then number.
type cursor struct {
	place
	stream string
}

func readCursor(token *string) (c cursor, err error) {
	if token == nil {
		return c, nil
	}
	text, err := base64.RawURLEncoding.DecodeString(*token)
	if err != nil {
		return c, invalid(badToken)
	}
	parts := strings.SplitN(string(text), " ", 3)
	if len(parts) != 3 {
		return c, invalid(badToken)
	}
	var err1, err2 error
	c.time, err1 = strconv.ParseInt(parts[0], 10, 64)
	c.n, err2 = strconv.ParseInt(parts[1], 10, 64)
	if errors.Join(err1, err2) != nil {
		return c, invalid(badToken)
	}
	c.stream = parts[2]
	return c, nil
}
