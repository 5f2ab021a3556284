package logs_test

import (
	"errors"
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	client "github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"
	"github.com/aws/smithy-go"

	"github.com/slipway-ecs/slipway/internal/clock"
	"github.com/slipway-ecs/slipway/internal/cloud/ecs"
	"github.com/slipway-ecs/slipway/internal/cloud/logs"
	"github.com/slipway-ecs/slipway/internal/ids"
	"github.com/slipway-ecs/slipway/internal/launch"
	"github.com/slipway-ecs/slipway/internal/names"
	"github.com/slipway-ecs/slipway/internal/store"
	"github.com/slipway-ecs/slipway/internal/wire"
)

var _ ecs.Logs = (*logs.Service)(nil)

var here = names.Scope{Account: "123456789012", Region: "us-east-1"}

// world is a cloud of this room alone. Its internal time runs ten times as fast as the wall's and
// is off by an odd part of a second.
type world struct {
	*logs.Service
	store *store.Store
	line  clock.Timeline
	url   string
}

// open opens a cloud over a directory; empty keeps nothing.
func open(t *testing.T, dir string) *world {
	t.Helper()
	w := &world{}
	w.line = w.line.Continue(time.Now(), time.Now().Add(123456789*time.Nanosecond), 10)
	o := logs.Options{IDs: ids.Random(), Wall: w.line.Wall, Internal: w.line.Internal}
	so := store.Options{Verify: true, Clock: clock.Scaled{Line: w.line}}
	if dir != "" {
		o.Dir, so.Path = filepath.Join(dir, "logs"), filepath.Join(dir, "state.db")
	}
	w.Service = logs.New(o)
	var err error
	if w.store, err = store.Open(so, w.Tables()...); err != nil {
		t.Fatal(err)
	}
	w.Attach(w.store)
	server := httptest.NewServer(wire.NewGateway(wire.GatewayOptions{
		Account: func(key string) string { return key }, Times: wire.Times{In: w.line.Internal, Out: w.line.Wall},
	}, w.Wire()))
	t.Cleanup(server.Close)
	w.url = server.URL
	return w
}

// close ends a cloud as a kill does, but for the store's file lock.
func (w *world) close(t *testing.T) {
	t.Helper()
	if err := w.store.Close(); err != nil {
		t.Fatal(err)
	}
}

func (w *world) client(account string) *client.Client {
	return client.New(client.Options{BaseEndpoint: &w.url, Region: here.Region, Credentials: credentials.NewStaticCredentialsProvider(account, "s", ""), RetryMaxAttempts: 1})
}

func code(err error) string {
	if api, ok := errors.AsType[smithy.APIError](err); ok {
		return api.ErrorCode()
	}
	if err != nil {
		return err.Error()
	}
	return ""
}

func must[T any](v T, err error) func(*testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// group makes a group with a stream.
func group(t *testing.T, c *client.Client, name, stream string) {
	t.Helper()
	must(c.CreateLogGroup(t.Context(), &client.CreateLogGroupInput{LogGroupName: &name, Tags: map[string]string{"team": "web"}}))(t)
	must(c.CreateLogStream(t.Context(), &client.CreateLogStreamInput{LogGroupName: &name, LogStreamName: &stream}))(t)
}

func put(t *testing.T, c *client.Client, name, stream string, from int64, texts ...string) {
	t.Helper()
	var events []types.InputLogEvent
	for i, text := range texts {
		events = append(events, types.InputLogEvent{Timestamp: aws.Int64(from + int64(i)), Message: &text})
	}
	must(c.PutLogEvents(t.Context(), &client.PutLogEventsInput{LogGroupName: &name, LogStreamName: &stream, LogEvents: events}))(t)
}

func texts(events []types.OutputLogEvent) string {
	var all []string
	for _, e := range events {
		all = append(all, *e.Message)
	}
	return strings.Join(all, " ")
}

func TestGroupsAndStreamsLiveAndAreDescribed(t *testing.T) {
	t.Parallel()
	w := open(t, t.TempDir())
	c, ctx := w.client(here.Account), t.Context()
	group(t, c, "/ecs/web", "web/app/1")
	if _, err := c.CreateLogGroup(ctx, &client.CreateLogGroupInput{LogGroupName: aws.String("/ecs/web")}); code(err) != "ResourceAlreadyExistsException" {
		t.Errorf("the same group again: got %v", err)
	}
	if _, err := c.CreateLogGroup(ctx, &client.CreateLogGroupInput{LogGroupName: aws.String("no spaces")}); code(err) != "InvalidParameterException" {
		t.Errorf("a bad name: got %v", err)
	}
	if _, err := c.PutRetentionPolicy(ctx, &client.PutRetentionPolicyInput{LogGroupName: aws.String("/ecs/web"), RetentionInDays: aws.Int32(2)}); code(err) != "InvalidParameterException" {
		t.Errorf("two days: got %v", err)
	}
	must(c.PutRetentionPolicy(ctx, &client.PutRetentionPolicyInput{LogGroupName: aws.String("/ecs/web"), RetentionInDays: aws.Int32(7)}))(t)
	groups := must(c.DescribeLogGroups(ctx, &client.DescribeLogGroupsInput{LogGroupNamePrefix: aws.String("/ecs/")}))(t).LogGroups
	if len(groups) != 1 || *groups[0].RetentionInDays != 7 || *groups[0].Arn != "arn:aws:logs:us-east-1:123456789012:log-group:/ecs/web:*" {
		t.Fatalf("groups: got %+v", groups)
	}
	if age := time.Since(time.UnixMilli(*groups[0].CreationTime)); age < -time.Second || age > time.Minute {
		t.Errorf("creationTime is %v ago on the wall's clock", age)
	}
	if tags := must(c.ListTagsForResource(ctx, &client.ListTagsForResourceInput{ResourceArn: groups[0].LogGroupArn}))(t).Tags; tags["team"] != "web" {
		t.Errorf("tags: got %v", tags)
	}
	other := w.client("210987654321")
	if all := must(other.DescribeLogGroups(ctx, &client.DescribeLogGroupsInput{}))(t).LogGroups; len(all) != 0 {
		t.Errorf("another account sees %+v", all)
	}
	if _, err := other.ListTagsForResource(ctx, &client.ListTagsForResourceInput{ResourceArn: groups[0].LogGroupArn}); code(err) != "ResourceNotFoundException" {
		t.Errorf("another account's tags: got %v", err)
	}
	now := time.Now().UnixMilli()
	put(t, c, "/ecs/web", "web/app/1", now, "a", "b")
	must(c.CreateLogStream(ctx, &client.CreateLogStreamInput{LogGroupName: aws.String("/ecs/web"), LogStreamName: aws.String("web/app/2")}))(t)
	streams := must(c.DescribeLogStreams(ctx, &client.DescribeLogStreamsInput{LogGroupName: aws.String("/ecs/web"), OrderBy: types.OrderByLastEventTime, Descending: aws.Bool(true)}))(t).LogStreams
	if len(streams) != 2 || *streams[0].LogStreamName != "web/app/1" || *streams[0].FirstEventTimestamp != now || *streams[0].LastEventTimestamp != now+1 || streams[1].FirstEventTimestamp != nil {
		t.Errorf("streams: got %+v", streams)
	}
	must(c.DeleteLogGroup(ctx, &client.DeleteLogGroupInput{LogGroupName: aws.String("/ecs/web")}))(t)
	if _, err := c.DescribeLogStreams(ctx, &client.DescribeLogStreamsInput{LogGroupName: aws.String("/ecs/web")}); code(err) != "ResourceNotFoundException" {
		t.Errorf("streams of a deleted group: got %v", err)
	}
}

func TestPagesOfAStreamEndWithTheSameToken(t *testing.T) {
	t.Parallel()
	w := open(t, "")
	c, ctx := w.client(here.Account), t.Context()
	group(t, c, "g", "s")
	now := time.Now().UnixMilli()
	put(t, c, "g", "s", now, "a", "b", "c", "d", "e")
	get := func(in client.GetLogEventsInput) *client.GetLogEventsOutput {
		t.Helper()
		in.LogGroupName, in.LogStreamName = aws.String("g"), aws.String("s")
		return must(c.GetLogEvents(ctx, &in))(t)
	}
	page := get(client.GetLogEventsInput{StartFromHead: aws.Bool(true), Limit: aws.Int32(2)})
	seen := texts(page.Events)
	for {
		next := get(client.GetLogEventsInput{StartFromHead: aws.Bool(true), Limit: aws.Int32(2), NextToken: page.NextForwardToken})
		if *next.NextForwardToken == *page.NextForwardToken {
			if len(next.Events) != 0 {
				t.Errorf("the same token came with %q", texts(next.Events))
			}
			page = next
			break
		}
		seen += " " + texts(next.Events)
		page = next
	}
	if seen != "a b c d e" {
		t.Errorf("from the head: got %q", seen)
	}
	put(t, c, "g", "s", now+9, "f")
	if got := texts(get(client.GetLogEventsInput{NextToken: page.NextForwardToken}).Events); got != "f" {
		t.Errorf("behind the end's token, later: got %q, want f", got)
	}
	tail := get(client.GetLogEventsInput{Limit: aws.Int32(2)})
	if got := texts(tail.Events); got != "e f" {
		t.Errorf("the tail: got %q", got)
	}
	if got := texts(get(client.GetLogEventsInput{Limit: aws.Int32(3), NextToken: tail.NextBackwardToken}).Events); got != "b c d" {
		t.Errorf("before the tail: got %q", got)
	}
	span := get(client.GetLogEventsInput{StartTime: aws.Int64(now + 1), EndTime: aws.Int64(now + 3)})
	if got := texts(span.Events); got != "b c" || *span.Events[0].Timestamp != now+1 {
		t.Errorf("a span: got %q from %d, want b c from %d", got, *span.Events[0].Timestamp, now+1)
	}
	if _, err := c.GetLogEvents(ctx, &client.GetLogEventsInput{LogGroupName: aws.String("g"), LogStreamName: aws.String("s"), NextToken: aws.String("f/1/s")}); code(err) != "InvalidParameterException" {
		t.Errorf("a token of nobody: got %v", err)
	}
	if _, err := c.GetLogEvents(ctx, &client.GetLogEventsInput{LogGroupName: aws.String("g"), LogStreamName: aws.String("x")}); code(err) != "ResourceNotFoundException" {
		t.Errorf("a stream of nobody: got %v", err)
	}
}

func TestFilteringMergesStreamsByTime(t *testing.T) {
	t.Parallel()
	w := open(t, "")
	c, ctx := w.client(here.Account), t.Context()
	group(t, c, "g", "one")
	must(c.CreateLogStream(ctx, &client.CreateLogStreamInput{LogGroupName: aws.String("g"), LogStreamName: aws.String("two")}))(t)
	now := time.Now().UnixMilli()
	for i := range int64(6) {
		put(t, c, "g", []string{"one", "two"}[i%2], now+i/2*10, fmt.Sprintf("ERROR %d of app", i), fmt.Sprintf("info %d", i))
	}
	filter := func(pattern string) string {
		t.Helper()
		var all []string
		seen := map[string]bool{}
		pages := client.NewFilterLogEventsPaginator(c, &client.FilterLogEventsInput{LogGroupName: aws.String("g"), FilterPattern: &pattern, Limit: aws.Int32(2)})
		for pages.HasMorePages() {
			for _, e := range must(pages.NextPage(ctx))(t).Events {
				if seen[*e.EventId] {
					t.Errorf("event id %s is there twice", *e.EventId)
				}
				seen[*e.EventId] = true
				all = append(all, strings.Fields(*e.Message)[1])
			}
		}
		return strings.Join(all, "")
	}
	for pattern, want := range map[string]string{
		"": "010123234545", "ERROR": "012345", `"0 of"`: "0", "?info ?3": "0132345", "ERROR -4": "01235", "error": "", `ERROR 2`: "2",
	} {
		if got := filter(pattern); got != want {
			t.Errorf("pattern %s: got %s, want %s", pattern, got, want)
		}
	}
	if _, err := c.FilterLogEvents(ctx, &client.FilterLogEventsInput{LogGroupName: aws.String("g"), FilterPattern: aws.String("{ $.a = 1 }")}); code(err) != "InvalidParameterException" {
		t.Errorf("a JSON pattern: got %v", err)
	}
}

func TestBatchesAreRefusedOrCutAsAWSDoes(t *testing.T) {
	t.Parallel()
	w := open(t, "")
	c, ctx := w.client(here.Account), t.Context()
	group(t, c, "g", "s")
	now := time.Now().UnixMilli()
	send := func(times ...int64) (*client.PutLogEventsOutput, error) {
		var events []types.InputLogEvent
		for _, at := range times {
			events = append(events, types.InputLogEvent{Timestamp: &at, Message: aws.String("x")})
		}
		return c.PutLogEvents(ctx, &client.PutLogEventsInput{LogGroupName: aws.String("g"), LogStreamName: aws.String("s"), LogEvents: events})
	}
	if _, err := send(now, now-1); code(err) != "InvalidParameterException" {
		t.Errorf("out of order: got %v", err)
	}
	const day = 24 * 60 * 60 * 1000
	if _, err := send(now-2*day, now); code(err) != "InvalidParameterException" {
		t.Errorf("over two days: got %v", err)
	}
	if out := must(send(now-15*day, now-15*day+1))(t); out.RejectedLogEventsInfo == nil || aws.ToInt32(out.RejectedLogEventsInfo.TooOldLogEventEndIndex) != 2 {
		t.Errorf("too old: got %+v", out.RejectedLogEventsInfo)
	}
	if out := must(send(now, now+3*60*60*1000))(t); out.RejectedLogEventsInfo == nil || aws.ToInt32(out.RejectedLogEventsInfo.TooNewLogEventStartIndex) != 1 {
		t.Errorf("too new: got %+v", out.RejectedLogEventsInfo)
	}
	if got := must(c.GetLogEvents(ctx, &client.GetLogEventsInput{LogGroupName: aws.String("g"), LogStreamName: aws.String("s")}))(t).Events; len(got) != 1 || *got[0].Timestamp != now {
		t.Errorf("kept: got %+v, want the one of now", got)
	}
}

func TestAKillLosesAndDoublesNoLine(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	w := open(t, dir)
	ctx := t.Context()
	if _, err := w.Resume(ctx, here, "g", "s", "c#0", false); code(err) != "ResourceNotFoundException" {
		t.Fatalf("a group of nobody: got %v", err)
	}
	if mark := must(w.Resume(ctx, here, "g", "s", "c#0", true))(t); mark != 0 {
		t.Fatalf("a new stream: got mark %d, want 0", mark)
	}
	at := time.Now()
	line := func(i int) launch.Line {
		return launch.Line{At: at.Add(time.Duration(i) * time.Millisecond), Text: fmt.Sprintf("line%d", i), Mark: launch.Mark(i * 10)}
	}
	add := func(w *world, start string, lines ...launch.Line) {
		t.Helper()
		if err := w.Append(ctx, here, "g", "s", start, lines); err != nil {
			t.Fatal(err)
		}
	}
	add(w, "c#0", line(1), line(2), launch.Line{At: at, Mark: 25}, line(3))
	w.close(t)
	files := must(filepath.Glob(filepath.Join(dir, "logs", "*.log")))(t)
	if len(files) != 1 {
		t.Fatalf("files: got %v, want one", files)
	}
	data := must(os.ReadFile(files[0]))(t)
	if err := os.WriteFile(files[0], data[:len(data)-7], 0o600); err != nil { // a write that a kill cut off
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "logs", strings.Repeat("0", 32)+".log"), data, 0o600); err != nil { // of a stream whose row is gone
		t.Fatal(err)
	}

	w = open(t, dir)
	if mark := must(w.Resume(ctx, here, "g", "s", "c#0", false))(t); mark != 20 {
		t.Errorf("after the kill: got mark %d, want 20", mark)
	}
	add(w, "c#0", line(2), line(3), line(4))
	add(w, "c#1", line(1))
	if mark := must(w.Resume(ctx, here, "g", "s", "c#1", false))(t); mark != 10 {
		t.Errorf("another start: got mark %d, want 10", mark)
	}
	c := w.client(here.Account)
	events := must(c.GetLogEvents(ctx, &client.GetLogEventsInput{LogGroupName: aws.String("g"), LogStreamName: aws.String("s")}))(t).Events
	if got := texts(events); got != "line1 line1 line2 line3 line4" {
		t.Errorf("lines: got %q", got)
	}
	if got := *events[4].Timestamp; got != line(4).At.UnixMilli() {
		t.Errorf("time of a line: got %d, want %d as the container had it", got, line(4).At.UnixMilli())
	}
	if files := must(filepath.Glob(filepath.Join(dir, "logs", "*")))(t); len(files) != 1 {
		t.Errorf("files of nobody stayed: %v", files)
	}
	w.close(t)
	if err := w.Close(); err != nil {
		t.Error(err)
	}
}
