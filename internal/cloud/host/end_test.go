package host_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	cwtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	logtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"

	"github.com/slipway-ecs/slipway/internal/cloud/host"
)

func TestWhatWasAnsweredUntilTheEndIsThereAfterTheNextStart(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	in := func(o *host.Options) { o.Dir = dir }
	o := options(t, &lines{})
	in(&o)
	c, err := host.Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	ready, ended := make(chan struct{}), make(chan error, 1)
	go func() { ended <- c.Serve(ctx, func() { close(ready) }) }()
	<-ready
	cfg := cloud{Cloud: c}.as("AKIDME", "us-east-1")
	metrics, logs := cloudwatch.NewFromConfig(cfg), cloudwatchlogs.NewFromConfig(cfg)
	if _, err := logs.CreateLogGroup(t.Context(), &cloudwatchlogs.CreateLogGroupInput{LogGroupName: aws.String("g")}); err != nil {
		t.Fatal(err)
	}
	const callers = 4
	start := time.Now()
	var wg sync.WaitGroup
	var points, events [callers]int
	for i := range callers {
		stream := aws.String(fmt.Sprint("s", i))
		if _, err := logs.CreateLogStream(t.Context(), &cloudwatchlogs.CreateLogStreamInput{LogGroupName: aws.String("g"), LogStreamName: stream}); err != nil {
			t.Fatal(err)
		}
		wg.Go(func() {
			for {
				if _, err := metrics.PutMetricData(t.Context(), &cloudwatch.PutMetricDataInput{Namespace: aws.String("N"), MetricData: []cwtypes.MetricDatum{{MetricName: aws.String("M"), Value: aws.Float64(1)}}}); err != nil {
					return // the endpoint has closed
				}
				points[i]++
				if _, err := logs.PutLogEvents(t.Context(), &cloudwatchlogs.PutLogEventsInput{LogGroupName: aws.String("g"), LogStreamName: stream,
					LogEvents: []logtypes.InputLogEvent{{Timestamp: aws.Int64(time.Now().UnixMilli()), Message: aws.String("a line")}}}); err != nil {
					return
				}
				events[i]++
				if points[i] == 20 && i == 0 {
					stop()
				}
			}
		})
	}
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	wg.Wait()

	cfg = serve(t, in).as("AKIDME", "us-east-1")
	metrics, logs = cloudwatch.NewFromConfig(cfg), cloudwatchlogs.NewFromConfig(cfg)
	sums, err := metrics.GetMetricStatistics(t.Context(), &cloudwatch.GetMetricStatisticsInput{
		Namespace: aws.String("N"), MetricName: aws.String("M"), Period: aws.Int32(60), Statistics: []cwtypes.Statistic{"Sum"},
		StartTime: aws.Time(start.Add(-2 * time.Minute)), EndTime: aws.Time(start.Add(time.Hour)),
	})
	if err != nil {
		t.Fatal(err)
	}
	kept, answered := 0.0, 0
	for _, p := range sums.Datapoints {
		kept += *p.Sum
	}
	for i := range callers {
		answered += points[i]
		got, err := logs.GetLogEvents(t.Context(), &cloudwatchlogs.GetLogEventsInput{LogGroupName: aws.String("g"), LogStreamName: aws.String(fmt.Sprint("s", i)), StartFromHead: aws.Bool(true)})
		if err != nil || len(got.Events) < events[i] {
			t.Errorf("stream %d: got %d events, %v; %d were answered", i, len(got.Events), err, events[i])
		}
	}
	if int(kept) < answered {
		t.Errorf("metrics: got %v points, %d were answered", kept, answered)
	}
}

func TestLogTimesComeBackToTheMillisecondHoweverFastTheCloudIs(t *testing.T) {
	t.Parallel()
	logs := cloudwatchlogs.NewFromConfig(serve(t, func(o *host.Options) { o.Speed = 7 }).as("AKIDME", "us-east-1"))
	before := time.Now().UnixMilli()
	if _, err := logs.CreateLogGroup(t.Context(), &cloudwatchlogs.CreateLogGroupInput{LogGroupName: aws.String("g")}); err != nil {
		t.Fatal(err)
	}
	if _, err := logs.CreateLogStream(t.Context(), &cloudwatchlogs.CreateLogStreamInput{LogGroupName: aws.String("g"), LogStreamName: aws.String("s")}); err != nil {
		t.Fatal(err)
	}
	var sent []logtypes.InputLogEvent
	for i := range int64(500) {
		sent = append(sent, logtypes.InputLogEvent{Timestamp: aws.Int64(before + i), Message: aws.String("a line")})
	}
	if _, err := logs.PutLogEvents(t.Context(), &cloudwatchlogs.PutLogEventsInput{LogGroupName: aws.String("g"), LogStreamName: aws.String("s"), LogEvents: sent}); err != nil {
		t.Fatal(err)
	}
	got, err := logs.GetLogEvents(t.Context(), &cloudwatchlogs.GetLogEventsInput{
		LogGroupName: aws.String("g"), LogStreamName: aws.String("s"), StartFromHead: aws.Bool(true), StartTime: &before, EndTime: aws.Int64(before + 400),
	})
	if err != nil || len(got.Events) != 400 {
		t.Fatalf("got %d events, %v; want the 400 in between", len(got.Events), err)
	}
	for i, e := range got.Events {
		if *e.Timestamp != *sent[i].Timestamp {
			t.Fatalf("event %d: got time %d, sent %d", i, *e.Timestamp, *sent[i].Timestamp)
		}
	}
	groups, err := logs.DescribeLogGroups(t.Context(), nil)
	if err != nil || *groups.LogGroups[0].CreationTime < before {
		t.Errorf("the group was created at %v, %v; asked for at %d", groups, err, before)
	}
}
