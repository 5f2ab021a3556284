package look

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/slipway-ecs/slipway/internal/ship"
	"github.com/slipway-ecs/slipway/internal/ship/explain"
)

// Explanation is a deployment with its tree of causes.
type Explanation struct {
	Service    string        `json:"service"`
	Cluster    string        `json:"cluster"`
	Deployment *Deployment   `json:"deployment,omitempty"` // nil where service deployments cannot be read
	Verdict    ship.Verdict  `json:"verdict,omitempty"`    // empty while it runs
	Cause      explain.Cause `json:"cause"`
	Unread     []string      `json:"unread,omitempty"`
}

const (
	logTasks = 3  // for how many stopped tasks log lines are read
	logLines = 10 // how many of each container's
	// before and after are how far outside a deployment's time events still belong to it.
	before = 2 * time.Second
	after  = 5 * time.Second
)

// Explain looks for why a deployment ended as it did, or does not end: name is its ARN, the last
// part of that, or "" for the newest.
func (l *Looker) Explain(ctx context.Context, p Place, name string) (*Explanation, error) {
	s, err := l.service(ctx, p)
	if err != nil {
		return nil, err
	}
	var u unread
	d, err := l.find(ctx, p, s, name)
	if name != "" && err != nil {
		return nil, err
	}
	if err := u.pass(err, "describe service deployments"); err != nil {
		return nil, err
	}
	facts := explain.Facts{Service: text(s.ServiceName)}
	out := &Explanation{Service: text(s.ServiceName), Cluster: last(text(s.ClusterArn)), Deployment: d}
	newest := true
	k := l.driver(s)
	if k != nil && d != nil {
		if facts.Deployment, err = k.Facts(ctx, s, d); err != nil {
			return nil, err
		}
		out.Verdict = d.Verdict
		newest = d.Verdict == "" || slices.ContainsFunc(s.TaskSets, func(t types.TaskSet) bool { return last(text(t.Id)) == d.To })
	}
	span := spanOf(s, d)
	if k == nil && d != nil {
		one := []Deployment{*d}
		if err := u.pass(l.revised(ctx, one), "describe service revisions"); err != nil {
			return nil, err
		}
		*d = one[0]
		facts.Deployment = explain.FromDeployment(d.raw)
		out.Verdict = d.Verdict
		newest = current(s, d)
		if by := primaryOf(s); by != nil && !newest && d.Verdict != ship.RolledBack && aws.ToTime(by.CreatedAt).After(aws.ToTime(d.Created)) && d.Status == "STOPPED" {
			facts.Superseded = last(text(by.TaskDefinition))
			out.Verdict, d.Verdict = ship.Superseded, ship.Superseded
		}
	}
	for _, e := range slices.Backward(s.Events) {
		if k := explain.FromEvent(e); span.holds(k.At) {
			facts.Events = append(facts.Events, k)
		}
	}
	if out.Verdict != ship.Succeeded {
		names, err := l.watched(ctx, s)
		if err := u.pass(err, "look for the alarms"); err != nil {
			return nil, err
		}
		if d != nil && d.raw.Alarms != nil && len(d.raw.Alarms.AlarmNames) > 0 {
			names = d.raw.Alarms.AlarmNames
		}
		err = sideBySide(
			func() (err error) {
				facts.Tasks, err = l.casualties(ctx, p, span)
				return u.pass(err, "describe stopped tasks")
			},
			func() error {
				if !newest {
					return nil
				}
				groups, err := l.groups(ctx, groupARNs(s))
				for _, g := range groups {
					for _, t := range g.Targets {
						facts.Targets = append(facts.Targets, explain.Target{Group: g.Name, ID: t.ID, State: t.State, Reason: t.Reason, Text: t.Text})
					}
				}
				return u.pass(err, "describe target health")
			},
			func() error {
				found, err := l.alarms(ctx, names)
				for _, a := range found {
					if a.State == "ALARM" && (out.Verdict == "" || facts.Deployment != nil && slices.Contains(facts.Deployment.Triggered, a.Name)) {
						facts.Alarms = append(facts.Alarms, explain.Alarm{Name: a.Name, State: a.State, Reason: a.Reason})
					}
				}
				return u.pass(err, "describe alarms")
			},
		)
		if err != nil {
			return nil, err
		}
	}
	out.Cause, out.Unread = explain.Of(facts), u.words
	return out, nil
}

// span is a deployment's time and, by the digits its id shares with its service revision's, its
// tasks.
type span struct {
	by       string // ecs-svc/…; "" is any
	from, to time.Time
}

func (s span) holds(t time.Time) bool {
	return !t.Before(s.from.Add(-before)) && (s.to.IsZero() || !t.After(s.to.Add(after)))
}

func spanOf(s *types.Service, d *Deployment) span {
	if d != nil {
		out := span{by: "ecs-svc/" + d.To, from: aws.ToTime(d.Created), to: aws.ToTime(d.Finished)}
		return out
	}
	if first := primaryOf(s); first != nil {
		return span{from: aws.ToTime(first.CreatedAt)}
	}
	return span{}
}

func primaryOf(s *types.Service) *types.Deployment {
	for i := range s.Deployments {
		if text(s.Deployments[i].Status) == "PRIMARY" {
			return &s.Deployments[i]
		}
	}
	return nil
}

// current reports whether a deployment is the one the service is at, so that the health of its
// targets tells of it.
func current(s *types.Service, d *Deployment) bool {
	first := primaryOf(s)
	return first != nil && text(first.Id) == "ecs-svc/"+d.To
}

// casualties gives the tasks of a deployment that stopped, oldest first, with the last lines of
// the first few.
func (l *Looker) casualties(ctx context.Context, p Place, s span) ([]explain.Task, error) {
	all, err := l.tasks(ctx, p, types.DesiredStatusStopped)
	if err != nil {
		return nil, err
	}
	slices.Reverse(all)
	all = slices.DeleteFunc(all, func(t Task) bool {
		return s.by != "" && t.By != s.by || t.StopCode == "" && t.Reason == "" || strings.HasPrefix(t.Reason, "Scaling activity initiated by")
	})
	streams := map[string][]stream{}
	out := make([]explain.Task, 0, len(all))
	for i, t := range all {
		f := explain.FromTask(t.raw)
		if i < logTasks {
			known, ok := streams[t.Revision]
			if !ok {
				d, err := l.ECS.DescribeTaskDefinition(ctx, &ecs.DescribeTaskDefinitionInput{TaskDefinition: t.raw.TaskDefinitionArn})
				if err == nil { // without it there are no lines
					known = streamsOf(d.TaskDefinition)
				}
				streams[t.Revision] = known
			}
			for n := range f.Containers {
				k := slices.IndexFunc(known, func(s stream) bool { return s.container == f.Containers[n].Name })
				if k >= 0 && t.Started != nil {
					f.Containers[n].Log = l.lastLines(ctx, known[k], t, logLines)
				}
			}
		}
		out = append(out, f)
	}
	return out, nil
}
