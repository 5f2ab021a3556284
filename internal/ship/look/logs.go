package look

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	logtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/slipway-ecs/slipway/internal/fail"
	"github.com/slipway-ecs/slipway/internal/sdk"
)

// Line is a line that a container wrote.
type Line struct {
	At        time.Time `json:"at"`
	Container string    `json:"container"`
	Task      string    `json:"task"`
	Revision  string    `json:"revision,omitempty"`
	Text      string    `json:"text"`
}

// Tail says which lines are meant.
type Tail struct {
	Revision  string // family:revision or a number; "" is any
	Container string // "" is any
	Task      string // the task's id or its beginning; "" is any
	Since     time.Time
	Follow    bool
}

const (
	everyLine = time.Second
	// late is how long after its time a line may still come to be listed.
	late = 10 * time.Second
)

// stream is where a container's lines go.
type stream struct{ group, prefix, container string }

// name gives the stream of a task's container.
//
// Source: the awslogs driver: prefix/container/task, and the container's runtime id where there
// is no prefix.
func (s stream) name(task Task) string {
	if s.prefix != "" {
		return s.prefix + "/" + s.container + "/" + task.ID
	}
	for _, c := range task.raw.Containers {
		if text(c.Name) == s.container && text(c.RuntimeId) != "" {
			return text(c.RuntimeId)
		}
	}
	return s.container + "/" + task.ID
}

// streamsOf gives where a definition's containers write to.
func streamsOf(d *types.TaskDefinition) []stream {
	var out []stream
	for _, c := range d.ContainerDefinitions {
		if l := c.LogConfiguration; l != nil && l.LogDriver == types.LogDriverAwslogs && l.Options["awslogs-group"] != "" {
			out = append(out, stream{group: l.Options["awslogs-group"], prefix: l.Options["awslogs-stream-prefix"], container: text(c.Name)})
		}
	}
	return out
}

// Tail tells the lines that a service's tasks wrote, oldest first, those running and those stopped
// that ECS still knows of; where it follows, until ctx ends, which is no error then.
func (l *Looker) Tail(ctx context.Context, p Place, o Tail, tell func(Line)) error {
	if _, err := l.service(ctx, p); err != nil {
		return err
	}
	seen := map[string]bool{}
	definitions := map[string][]stream{}
	since, first := o.Since, true
	return l.poll(ctx, o.Follow, everyLine, func() error {
		from := l.clock().Now()
		tasks, err := l.both(ctx, p)
		if err != nil {
			return sdk.Explain(err, "list the tasks of service "+last(p.Service))
		}
		tasks = slices.DeleteFunc(tasks, func(t Task) bool { return !o.means(t) })
		writes, err := l.writers(ctx, tasks, definitions, o.Container)
		if err != nil {
			return err
		}
		if first && len(tasks) > 0 && len(writes) == 0 {
			return fail.New("logs.none", "set logDriver awslogs in the task definition, or look where its own log driver writes",
				"no container of service %q writes to CloudWatch Logs", last(p.Service))
		}
		first = false
		lines, err := l.lines(ctx, writes, since, seen)
		if err != nil {
			return err
		}
		for _, line := range lines {
			tell(line)
		}
		if next := from.Add(-late); next.After(since) {
			since = next
		}
		return nil
	})
}

func (o Tail) means(t Task) bool {
	_, number, _ := strings.Cut(t.Revision, ":")
	return (o.Revision == "" || o.Revision == t.Revision || o.Revision == number) && strings.HasPrefix(t.ID, o.Task)
}

// both gives running and stopped tasks.
func (l *Looker) both(ctx context.Context, p Place) ([]Task, error) {
	var running, stopped []Task
	err := sideBySide(
		func() (err error) { running, err = l.tasks(ctx, p, types.DesiredStatusRunning); return err },
		func() (err error) { stopped, err = l.tasks(ctx, p, types.DesiredStatusStopped); return err },
	)
	return append(running, stopped...), err
}

// writer is a stream with what its lines are of.
type writer struct {
	name string
	line Line
}

// writers gives the streams of tasks by log group. known keeps what definitions say.
func (l *Looker) writers(ctx context.Context, tasks []Task, known map[string][]stream, container string) (map[string][]writer, error) {
	out := map[string][]writer{}
	for _, t := range tasks {
		streams, ok := known[t.Revision]
		if !ok {
			d, err := l.ECS.DescribeTaskDefinition(ctx, &ecs.DescribeTaskDefinitionInput{TaskDefinition: t.raw.TaskDefinitionArn})
			if err != nil {
				return nil, sdk.Explain(err, "describe task definition "+t.Revision)
			}
			streams = streamsOf(d.TaskDefinition)
			known[t.Revision] = streams
		}
		for _, s := range streams {
			if container == "" || s.container == container {
				out[s.group] = append(out[s.group], writer{s.name(t), Line{Container: s.container, Task: t.ID, Revision: t.Revision}})
			}
		}
	}
	return out, nil
}

// filterStreams is how many streams one call filters.
const filterStreams = 100

// lines reads what is new in streams, oldest first. seen keeps the ids of what was read.
func (l *Looker) lines(ctx context.Context, from map[string][]writer, since time.Time, seen map[string]bool) ([]Line, error) {
	var all []Line
	groups := make([]string, 0, len(from))
	for g := range from {
		groups = append(groups, g)
	}
	slices.Sort(groups)
	for _, g := range groups {
		for some := range slices.Chunk(from[g], filterStreams) {
			names := make([]string, len(some))
			for i, w := range some {
				names[i] = w.name
			}
			events, err := pages(0, func(token *string) ([]logtypes.FilteredLogEvent, *string, error) {
				out, err := l.Logs.FilterLogEvents(ctx, &cloudwatchlogs.FilterLogEventsInput{
					LogGroupName: &g, LogStreamNames: names, StartTime: aws.Int64(since.UnixMilli()), NextToken: token,
				})
				if err != nil {
					return nil, nil, err
				}
				return out.Events, out.NextToken, nil
			})
			if sdk.Missing(err) { // of tasks that have not written yet
				continue
			}
			if err != nil {
				return nil, sdk.Explain(err, "read log group "+g)
			}
			for _, e := range events {
				id := g + " " + text(e.EventId)
				i := slices.Index(names, text(e.LogStreamName))
				if seen[id] || i < 0 {
					continue
				}
				seen[id] = true
				line := some[i].line
				line.At, line.Text = time.UnixMilli(aws.ToInt64(e.Timestamp)), strings.TrimRight(text(e.Message), "\n")
				all = append(all, line)
			}
		}
	}
	slices.SortStableFunc(all, func(a, b Line) int { return cmp.Or(a.At.Compare(b.At)) })
	return all, nil
}

// lastLines gives the last lines of a task's container, oldest first; none where they cannot be
// read, which is for the caller to live with.
func (l *Looker) lastLines(ctx context.Context, s stream, t Task, n int) []string {
	out, err := l.Logs.GetLogEvents(ctx, &cloudwatchlogs.GetLogEventsInput{
		LogGroupName: &s.group, LogStreamName: aws.String(s.name(t)), Limit: aws.Int32(int32(n)), StartFromHead: aws.Bool(false),
	})
	if err != nil {
		return nil
	}
	lines := make([]string, 0, len(out.Events))
	for _, e := range out.Events {
		lines = append(lines, strings.TrimRight(text(e.Message), "\n"))
	}
	return lines
}

// String gives a line as people read it.
func (l Line) String() string {
	return fmt.Sprintf("%s %s/%s  %s", l.At.Local().Format("15:04:05.000"), l.Task[:min(8, len(l.Task))], l.Container, l.Text)
}
