package code

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	logtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"
	"github.com/aws/aws-sdk-go-v2/service/codedeploy/types"
)

// Logs is what is needed of CloudWatch Logs: what a hook's function wrote. *cloudwatchlogs.Client is it.
type Logs interface {
	FilterLogEvents(context.Context, *cloudwatchlogs.FilterLogEventsInput, ...func(*cloudwatchlogs.Options)) (*cloudwatchlogs.FilterLogEventsOutput, error)
}

const (
	mostLines  = 10               // of a function's log
	logPages   = 5                // that are read for them
	logTimeout = 10 * time.Second // for all of them: they are for show
	logLate    = 5 * time.Second  // how long after its event's end a function's lines still belong to it
)

// platformLines begin what Lambda itself writes into a function's log.
var platformLines = []string{"START RequestId: ", "END RequestId: ", "REPORT RequestId: ", "INIT_START "}

// hookLog gives the last lines that the function of a failed event wrote while the event lasted,
// oldest first; none where they cannot be read.
func (r *rollout) hookLog(ctx context.Context, e types.LifecycleEvent) []string {
	name := r.function(ctx, e)
	if r.e.Logs == nil || name == "" || e.StartTime == nil {
		return nil
	}
	ctx, done := context.WithTimeout(ctx, logTimeout)
	defer done()
	in := &cloudwatchlogs.FilterLogEventsInput{LogGroupName: aws.String("/aws/lambda/" + name), StartTime: aws.Int64(e.StartTime.UnixMilli())}
	if e.EndTime != nil {
		in.EndTime = aws.Int64(e.EndTime.Add(logLate).UnixMilli())
	}
	var all []logtypes.FilteredLogEvent
	for range logPages {
		out, err := r.e.Logs.FilterLogEvents(ctx, in)
		if err != nil {
			break
		}
		if all = append(all, out.Events...); aws.ToString(out.NextToken) == "" {
			break
		}
		in.NextToken = out.NextToken
	}
	slices.SortStableFunc(all, func(a, b logtypes.FilteredLogEvent) int {
		return int(aws.ToInt64(a.Timestamp) - aws.ToInt64(b.Timestamp))
	})
	var lines []string
	for _, one := range all {
		for l := range strings.Lines(aws.ToString(one.Message)) {
			l = strings.TrimRight(l, "\r\n\t ")
			if l != "" && !slices.ContainsFunc(platformLines, func(p string) bool { return strings.HasPrefix(l, p) }) {
				lines = append(lines, l)
			}
		}
	}
	return lines[max(0, len(lines)-mostLines):]
}

// function gives the name of the function that an event called: as its diagnostics say, or else the
// AppSpec.
func (r *rollout) function(ctx context.Context, e types.LifecycleEvent) string {
	if d := e.Diagnostics; d != nil && aws.ToString(d.ScriptName) != "" {
		return functionName(*d.ScriptName)
	}
	spec := r.e.content(ctx, r.info.ApplicationName, r.info.Revision) // YAML that others wrote is not looked at
	return functionName(functionsOf([]byte(spec))[aws.ToString(e.LifecycleEventName)])
}

// functionName takes the name out of NAME, NAME:ALIAS or a function's ARN.
func functionName(ref string) string {
	if _, rest, ok := strings.Cut(ref, ":function:"); ok {
		ref = rest
	}
	name, _, _ := strings.Cut(ref, ":")
	return name
}
