package ecs

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/slipway-ecs/slipway/internal/place"
	"github.com/slipway-ecs/slipway/internal/store"
)

// StartTask starts a task on each of up to 10 given container instances. One that is not there, that
// drains or that lacks something is a failure; placement constraints are not looked at.
func (s *Service) StartTask(ctx context.Context, in *ecs.StartTaskInput) (*ecs.StartTaskOutput, error) {
	switch n := len(in.ContainerInstances); {
	case n < 1 || n > 10:
		return nil, invalid("Container instances must have between 1 and 10 items.")
	case !startedByRule.MatchString(text(in.StartedBy)):
		return nil, invalid("startedBy must have at most 128 letters, numbers, hyphens, underscores and forward slashes.")
	case in.PropagateTags == types.PropagateTagsService:
		return nil, invalid("The propagateTags value SERVICE is not supported for StartTask.")
	}
	tags, err := tagsIn(in.Tags)
	if err != nil {
		return nil, err
	}
	scope := scopeOf(ctx)
	out := &ecs.StartTaskOutput{Tasks: []types.Task{}, Failures: []types.Failure{}}
	err = s.o.Store.Update(func(tx *store.Tx) error {
		cluster, err := s.clusterOf(tx, scope, in.Cluster)
		if err != nil {
			return err
		}
		row, err := s.definitionRef(tx, scope, text(in.TaskDefinition))
		if err != nil {
			return inactiveIsParameter(err)
		}
		n := newTask{
			Cluster: cluster.ARN, Group: text(in.Group), StartedBy: text(in.StartedBy), Overrides: in.Overrides, Tags: tags,
			ManagedTags: in.EnableECSManagedTags, ExecCommand: in.EnableExecuteCommand,
			Work: Workload{TaskDefinition: row.ARN, LaunchType: string(types.LaunchTypeEc2), Network: keepNetwork(in.NetworkConfiguration)},
		}
		n.Definition, _ = s.definition(tx, row.ARN)
		if n.Group == "" {
			n.Group = "family:" + row.Family
		}
		if in.PropagateTags == types.PropagateTagsTaskDefinition {
			n.Tags = withTags(tags, row.Tags)
		}
		if err := checkOverrides(n.Definition, in.Overrides); err != nil {
			return err
		}
		if err := s.checkServiceNetwork(tx, scope, n.Definition, &n.Work); err != nil {
			return err
		}
		st, need := s.standing(tx, cluster.ARN), needOf(n.Definition, in.Overrides)
		need.Group = n.Group
		for _, ref := range in.ContainerInstances {
			arn := instanceARN(cluster.ARN, ref)
			i := st.index(arn)
			if i < 0 {
				failure := missing(arn)
				if x, ok := s.instanceOf(tx, cluster, ref); ok {
					failure.Reason = new(x.Status)
				}
				out.Failures = append(out.Failures, failure)
				continue
			}
			reason := place.Lacks(st.all[i], need).String()
			if st.all[i].Draining {
				reason = st.rows[i].Status
			}
			if reason != "" {
				out.Failures = append(out.Failures, types.Failure{Arn: new(arn), Reason: new(reason)})
				continue
			}
			n.Berth = s.berth(tx, st, i, n.Definition, need)
			t := s.newTask(tx, n)
			out.Tasks = append(out.Tasks, s.taskView(tx, &t, true))
		}
		return nil
	})
	return out, err
}
