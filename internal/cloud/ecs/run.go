package ecs

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/slipway-ecs/slipway/internal/cloud"
	"github.com/slipway-ecs/slipway/internal/names"
	"github.com/slipway-ecs/slipway/internal/place"
	"github.com/slipway-ecs/slipway/internal/store"
)

const (
	// maxOverrides is the length of overrides as JSON (ecs.md 2.7).
	maxOverrides = 8192
	// stoppedByUser is the reason of a StopTask without one; its letter case is unconfirmed (ecs.md 4.2).
	stoppedByUser = "Task stopped by user"
	// noInstances is RunTask's answer for EC2 where there are no container instances.
	noInstances = "No Container Instances were found in your cluster."
	// noSuchTask is the answer of what is about one task for one that is not there; the words are unconfirmed.
	noSuchTask = "The referenced task was not found."
)

var (
	startedByRule = names.Text{Max: 128, Of: "A-Za-z0-9_/-"}
	tokenRule     = names.Text{Min: 1, Max: 64, Of: "!-~"}
)

// RunTask starts 1 to 10 tasks, on Fargate or on container instances (ecs.md 9.1). With a clientToken used before it answers
// with the tasks of then, or ConflictException where it asks for something else.
func (s *Service) RunTask(ctx context.Context, in *ecs.RunTaskInput) (*ecs.RunTaskOutput, error) {
	count := int(*or(in.Count, 1))
	if count < 1 || count > 10 {
		return nil, invalid("Count must be between 1 and 10.")
	}
	tags, err := checkRun(in)
	if err != nil {
		return nil, err
	}
	hash, scope := runHash(in), scopeOf(ctx)
	out := &ecs.RunTaskOutput{Tasks: []types.Task{}, Failures: []types.Failure{}}
	err = s.o.Store.Update(func(tx *store.Tx) error {
		cluster, err := s.clusterOf(tx, scope, in.Cluster)
		if err != nil {
			return err
		}
		if again, err := s.ranBefore(tx, cluster, text(in.ClientToken), hash); err != nil || len(again) > 0 {
			out.Tasks = again
			return err
		}
		row, err := s.definitionRef(tx, scope, text(in.TaskDefinition))
		if err != nil {
			return inactiveIsParameter(err)
		}
		n := newTask{
			Cluster: cluster.ARN, Group: text(in.Group), StartedBy: text(in.StartedBy), Overrides: in.Overrides,
			ManagedTags: in.EnableECSManagedTags, ExecCommand: in.EnableExecuteCommand, Token: text(in.ClientToken), Hashed: hash,
		}
		if err := s.checkStrategy(tx, scope, in.CapacityProviderStrategy); err != nil {
			return err
		}
		n.Definition, _ = s.definition(tx, row.ARN)
		n.Work = Workload{TaskDefinition: row.ARN, LaunchType: string(in.LaunchType), PlatformVersion: text(in.PlatformVersion)}
		strategy := in.CapacityProviderStrategy
		if len(strategy) == 0 && in.LaunchType == "" {
			strategy = cloud.Kept[[]types.CapacityProviderStrategyItem](cluster.Default)
		}
		if len(strategy) > 0 {
			n.Work.LaunchType, n.Work.Providers = "", cloud.Keep(strategy)
		} else if in.LaunchType == "" {
			n.Work.LaunchType = "EC2"
		}
		if err := checkOverrides(n.Definition, in.Overrides); err != nil {
			return err
		}
		n.Work.Network = keepNetwork(in.NetworkConfiguration)
		if err := s.checkServiceNetwork(tx, scope, n.Definition, &n.Work); err != nil {
			return err
		}
		if err := checkLaunch(cluster, n.Definition, &n.Work); err != nil {
			return err
		}
		if n.Work.fargate() {
			if err := checkResized(n.Definition, in.Overrides); err != nil {
				return err
			}
		}
		if err := checkPlacement(n.Work.fargate(), in.PlacementConstraints, in.PlacementStrategy); err != nil {
			return err
		}
		if n.Group == "" {
			n.Group = "family:" + row.Family
		}
		if n.Tags = tags; in.PropagateTags == types.PropagateTagsTaskDefinition {
			n.Tags = withTags(tags, row.Tags)
		}
		return s.runAll(tx, n, in, count, out)
	})
	return out, err
}

// runAll makes the tasks of a RunTask. Each that finds no instance is a failure of the answer, which
// names what came closest; so is each beyond the quota of Fargate.
//
// Source: ecs.md 9.1.
func (s *Service) runAll(tx *store.Tx, n newTask, in *ecs.RunTaskInput, count int, out *ecs.RunTaskOutput) error {
	strategy := cloud.Kept[[]types.CapacityProviderStrategyItem](n.Work.Providers)
	var st *standing
	var left *quota
	need := needOf(n.Definition, in.Overrides)
	need.Group = n.Group
	rules := rulesOf(n.Definition, in.PlacementConstraints, in.PlacementStrategy, place.Strategy{Kind: place.Random})
	if !n.Work.fargate() {
		if st = s.standing(tx, n.Cluster); !slices.ContainsFunc(st.all, func(x place.Instance) bool { return !x.Draining }) {
			return invalid(noInstances)
		}
	} else {
		left = s.quota(tx, names.ScopeOf(n.Cluster))
	}
	for i := range count {
		n.Provider = providerOf(strategy, i)
		if st != nil {
			res, _ := st.pick(need, rules, s.chance)
			if res.At < 0 {
				out.Failures = append(out.Failures, types.Failure{Arn: new(st.rows[res.Closest].ARN), Reason: new(res.Lack.String())})
				continue
			}
			n.Berth = s.berth(tx, st, res.At, n.Definition, need)
		} else if !left.take(n.Provider, need.CPU) {
			out.Failures = append(out.Failures, types.Failure{Reason: new(wordVCPUs)})
			continue
		}
		t := s.newTask(tx, n)
		out.Tasks = append(out.Tasks, s.taskView(tx, &t, true))
	}
	return nil
}

// checkRun refuses what is wrong with a request whatever there is, and gives its tags.
func checkRun(in *ecs.RunTaskInput) ([]Tag, error) {
	switch {
	case text(in.TaskDefinition) == "":
		return nil, refused("TaskDefinition can not be blank.")
	case in.ClientToken != nil && !tokenRule.MatchString(*in.ClientToken):
		return nil, invalid("clientToken must have 1 to 64 characters between ASCII 33 and 126.")
	case !startedByRule.MatchString(text(in.StartedBy)):
		return nil, invalid("startedBy must have at most 128 letters, numbers, hyphens, underscores and forward slashes.")
	case in.PropagateTags == types.PropagateTagsService:
		return nil, invalid("The propagateTags value SERVICE is not supported for RunTask.")
	case in.LaunchType != "" && len(in.CapacityProviderStrategy) > 0:
		return nil, invalid("Specifying both a launch type and capacity provider strategy is not supported. Remove one and try again.")
	case in.LaunchType != "" && !slices.Contains(in.LaunchType.Values(), in.LaunchType):
		return nil, invalid("Invalid launch type: %s", in.LaunchType)
	case strings.HasPrefix(text(in.Group), "service:"):
		return nil, invalid("Invalid namespace for group.")
	}
	return tagsIn(in.Tags)
}

// checkPlatform refuses a platform version Fargate does not have; empty is LATEST.
func checkPlatform(version string) error {
	if version == "" || slices.Contains(platformVersions, version) {
		return nil
	}
	return &types.PlatformUnknownException{Message: new("The specified platform does not exist.")}
}

// runHash gives a mark of everything a RunTask asks for, to compare repeats of a clientToken.
func runHash(in *ecs.RunTaskInput) string {
	sum := sha256.Sum256(cloud.Keep(in))
	return hex.EncodeToString(sum[:])
}

// ranBefore gives the tasks an earlier call with the token made.
func (s *Service) ranBefore(tx *store.Tx, cluster Cluster, token, hash string) (again []types.Task, err error) {
	if token == "" {
		return nil, nil
	}
	again = []types.Task{}
	var arns []string
	same := true
	for t := range s.tasks.By(tx, "token", cluster.ARN+" "+token) {
		arns = append(arns, t.ARN)
		same = same && t.TokenHash == hash
		again = append(again, s.taskView(tx, &t, true))
	}
	if !same {
		return nil, &types.ConflictException{ResourceIds: arns,
			Message: new("The clientToken was used before in a request with other arguments.")}
	}
	return again, nil
}

// inactiveIsParameter gives RunTask's class for an INACTIVE definition (ecs.md 2.5).
func inactiveIsParameter(err error) error {
	if e, ok := err.(*types.ClientException); ok && text(e.Message) == "TaskDefinition is inactive" {
		return invalid("TaskDefinition is inactive")
	}
	return err
}

// checkOverrides refuses overrides of containers that are not there, or that are too long.
func checkOverrides(d *types.TaskDefinition, o *types.TaskOverride) error {
	if o == nil {
		return nil
	}
	if len(cloud.Keep(o)) > maxOverrides {
		return invalid("Overrides must have at most %d characters.", maxOverrides)
	}
	for _, c := range o.ContainerOverrides {
		if !slices.ContainsFunc(d.ContainerDefinitions, func(x types.ContainerDefinition) bool { return text(x.Name) == text(c.Name) }) {
			return invalid("Override for container named %s is not a container in the TaskDefinition.", text(c.Name))
		}
	}
	if _, ok := cpuUnits(text(o.Cpu)); text(o.Cpu) != "" && !ok {
		return refused(wordCPU)
	}
	if _, ok := memoryMiB(text(o.Memory)); text(o.Memory) != "" && !ok {
		return refused(wordMemory)
	}
	return nil
}

// checkResized refuses overrides that give a task on Fargate a size that Fargate has not.
func checkResized(d *types.TaskDefinition, o *types.TaskOverride) error {
	if o == nil || text(o.Cpu) == "" && text(o.Memory) == "" {
		return nil
	}
	return checkFargateSize(cmp.Or(text(o.Cpu), text(d.Cpu)), cmp.Or(text(o.Memory), text(d.Memory)))
}

func withTags(tags, more []Tag) []Tag {
	out := slices.Clone(tags)
	for _, t := range more {
		if !slices.ContainsFunc(out, func(h Tag) bool { return h.Key == t.Key }) {
			out = append(out, t)
		}
	}
	return out
}

// StopTask stops a task; asking again answers with the task as it is (ecs.md 9.2).
func (s *Service) StopTask(ctx context.Context, in *ecs.StopTaskInput) (*ecs.StopTaskOutput, error) {
	reason := text(in.Reason)
	if reason == "" {
		reason = stoppedByUser
	}
	out := &ecs.StopTaskOutput{}
	err := s.o.Store.Update(func(tx *store.Tx) error {
		t, err := s.taskNamed(tx, scopeOf(ctx), in.Cluster, in.Task)
		if err != nil {
			return err
		}
		if t.Desired != "STOPPED" {
			t.Tags = nil // ecs.md 9.2: the tags of the task are removed
			t = s.stopTask(tx, t, "UserInitiated", reason)
		}
		v := s.taskView(tx, &t, true)
		out.Task = &v
		return nil
	})
	return out, err
}

// DescribeTasks describes up to 100 tasks; those that are not there are failures.
func (s *Service) DescribeTasks(ctx context.Context, in *ecs.DescribeTasksInput) (*ecs.DescribeTasksOutput, error) {
	if len(in.Tasks) == 0 {
		return nil, invalid("Tasks cannot be empty.")
	}
	if len(in.Tasks) > 100 {
		return nil, invalid("Tasks can have at most 100 items.")
	}
	out := &ecs.DescribeTasksOutput{Tasks: []types.Task{}, Failures: []types.Failure{}}
	err := s.o.Store.View(func(tx *store.Tx) error {
		cluster, err := s.clusterOf(tx, scopeOf(ctx), in.Cluster)
		if err != nil {
			return err
		}
		for _, ref := range in.Tasks {
			if err := elsewhere(cluster, ref); err != nil {
				return err
			}
			t, ok := s.taskOf(tx, cluster, ref)
			if !ok {
				arn := ref
				if !strings.HasPrefix(ref, "arn:") {
					arn = names.ScopeOf(cluster.ARN).Task(cluster.Name, ref)
				}
				out.Failures = append(out.Failures, missing(arn))
				continue
			}
			out.Tasks = append(out.Tasks, s.taskView(tx, &t, slices.Contains(in.Include, types.TaskFieldTags)))
		}
		return nil
	})
	return out, err
}

// ListTasks lists a cluster's tasks that match every filter; by default those whose desired
// status is RUNNING. startedBy must stand alone (ecs.md 4.1).
func (s *Service) ListTasks(ctx context.Context, in *ecs.ListTasksInput) (*ecs.ListTasksOutput, error) {
	desired := in.DesiredStatus
	if desired == "" {
		desired = types.DesiredStatusRunning
	}
	if in.StartedBy != nil && (in.Family != nil || in.ServiceName != nil || in.ContainerInstance != nil || in.LaunchType != "") {
		return nil, invalid("startedBy must be the only filter when it is used.")
	}
	scope := scopeOf(ctx)
	var arns []string
	err := s.o.Store.View(func(tx *store.Tx) error {
		cluster, err := s.clusterOf(tx, scope, in.Cluster)
		if err != nil {
			return err
		}
		tasks := s.tasks.By(tx, "cluster", cluster.ARN)
		if name := text(in.ServiceName); name != "" {
			arn := scope.Service(cluster.Name, names.Last(name))
			if _, ok := s.services.Get(tx, arn); !ok {
				return &types.ServiceNotFoundException{Message: new("Service not found.")}
			}
			tasks = s.tasks.By(tx, "service", arn)
		}
		for t := range tasks {
			family, _, _ := names.TaskDefinitionRef(t.Definition)
			switch {
			case t.Desired != string(desired),
				in.Family != nil && *in.Family != family,
				in.StartedBy != nil && *in.StartedBy != t.StartedBy,
				in.ContainerInstance != nil && names.Last(*in.ContainerInstance) != names.Last(t.Instance),
				in.LaunchType != "" && string(in.LaunchType) != t.LaunchType:
				continue
			}
			arns = append(arns, t.ARN)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	arns, next, err := pageOf(arns, in.NextToken, in.MaxResults)
	return &ecs.ListTasksOutput{TaskArns: arns, NextToken: next}, err
}
