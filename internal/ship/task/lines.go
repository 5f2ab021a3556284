package task

import (
	"context"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/slipway-ecs/slipway/internal/sdk"
)

// stream is where a container writes, and how far it has been read.
type stream struct {
	group, prefix, container string
	token                    *string
	last                     []string // lines
	deaf                     bool     // it cannot be read
}

const kept = 10 // lines of each container for the explanation

func streamsOf(d *types.TaskDefinition) []*stream {
	var out []*stream
	for _, c := range d.ContainerDefinitions {
		l := c.LogConfiguration
		if l == nil || l.LogDriver != types.LogDriverAwslogs || l.Options["awslogs-group"] == "" {
			continue
		}
		out = append(out, &stream{group: l.Options["awslogs-group"], prefix: l.Options["awslogs-stream-prefix"], container: aws.ToString(c.Name)})
	}
	return out
}

// read tells what containers wrote since the last reading. In the end it reads until nothing more
// comes.
func (w *work) read(ctx context.Context, end bool) {
	if w.Logs == nil {
		return
	}
	for _, s := range w.streams {
		for !s.deaf {
			lines, more := w.page(ctx, s)
			if !more || lines == 0 && !end || ctx.Err() != nil {
				break
			}
		}
	}
}

// page reads one page of a stream. It may have no lines though more follow: the stream's end is where
// its token comes back as it was (the API reference of GetLogEvents).
func (w *work) page(ctx context.Context, s *stream) (lines int, more bool) {
	name := s.container + "/" + id(w.out.Task)
	if s.prefix != "" {
		name = s.prefix + "/" + name
	}
	out, err := w.Logs.GetLogEvents(ctx, &cloudwatchlogs.GetLogEventsInput{LogGroupName: &s.group, LogStreamName: &name, StartFromHead: aws.Bool(true), NextToken: s.token})
	switch {
	case sdk.Missing(err): // nothing was written yet
		return 0, false
	case sdk.Denied(err):
		s.deaf = true
		w.say(Event{Kind: Warning, Text: sdk.Explain(err, "read the lines of container "+s.container).Error()})
		return 0, false
	case err != nil: // the next reading tries again
		return 0, false
	}
	for _, e := range out.Events {
		line := strings.TrimRight(aws.ToString(e.Message), "\n")
		s.last = append(s.last, line)
		w.say(Event{Kind: Line, Text: line, Container: s.container})
	}
	s.last = s.last[max(0, len(s.last)-kept):]
	more = aws.ToString(out.NextForwardToken) != aws.ToString(s.token)
	s.token = out.NextForwardToken
	return len(out.Events), more
}
