package ship

import (
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// judge gives the verdict of a service deployment's status; done is false while it may change.
// Only SUCCESSFUL is success. ROLLBACK_REQUESTED can still end as anything.
func judge(status types.ServiceDeploymentStatus) (v Verdict, done bool) {
	switch status {
	case types.ServiceDeploymentStatusSuccessful:
		return Succeeded, true
	case types.ServiceDeploymentStatusRollbackSuccessful:
		return RolledBack, true
	case types.ServiceDeploymentStatusRollbackFailed:
		return Failed, true
	case types.ServiceDeploymentStatusStopped:
		return Stopped, true
	}
	return "", false
}

// reading is what byService judges by.
type reading struct {
	id       string // our deployment, ecs-svc/…
	arn      string // our revision
	previous string // the revision before; "" if there was none
	seen     bool   // our deployment was in the list before
	failed   bool   // our deployment was FAILED before
	scaling  bool   // no deployment, only another count
}

// byService gives the verdict as far as the service alone tells it, where service deployments
// cannot be asked for, and otherwise as a sign that it is time to ask. One reading without our
// deployment proves nothing unless it was there before: ECS may show an older list.
func byService(r reading, s *types.Service) (v Verdict, cause string, done bool) {
	if status := aws.ToString(s.Status); status != "ACTIVE" {
		return Stopped, fmt.Sprintf("the service is %s", status), true
	}
	ours, first := find(s, r.id), primary(s)
	switch {
	case first == nil:
		return "", "", false
	case ours == nil && !r.seen:
		return "", "", false
	case ours != nil && ours.RolloutState == "": // behind a Classic Load Balancer there are only counts
		whole := first.Id != nil && *first.Id == r.id && len(s.Deployments) == 1 && s.RunningCount == s.DesiredCount
		return Succeeded, "", whole
	case ours != nil && aws.ToString(first.Id) == r.id:
		return leading(r, s, ours)
	case r.failed || ours != nil && ours.RolloutState == types.DeploymentRolloutStateFailed || aws.ToString(first.TaskDefinition) == r.previous && r.previous != r.arn:
		return returning(ours, first)
	}
	return Superseded, fmt.Sprintf("deployment %s of %s took its place", aws.ToString(first.Id), last(aws.ToString(first.TaskDefinition))), true
}

// leading judges while our deployment is the primary one.
func leading(r reading, s *types.Service, ours *types.Deployment) (Verdict, string, bool) {
	switch ours.RolloutState {
	case types.DeploymentRolloutStateCompleted:
		if r.scaling && s.RunningCount != s.DesiredCount {
			return "", "", false
		}
		return Succeeded, "", true
	case types.DeploymentRolloutStateFailed: // it stays primary where nothing is rolled back
		return Stopped, aws.ToString(ours.RolloutStateReason), true
	}
	return "", "", false
}

// returning judges while an older revision takes over again.
func returning(ours, first *types.Deployment) (Verdict, string, bool) {
	cause := aws.ToString(first.RolloutStateReason)
	if ours != nil {
		cause = aws.ToString(ours.RolloutStateReason)
	}
	switch first.RolloutState {
	case types.DeploymentRolloutStateCompleted:
		return RolledBack, cause, true
	case types.DeploymentRolloutStateFailed:
		return Failed, cause, true
	}
	return "", "", false
}

func find(s *types.Service, id string) *types.Deployment {
	for i := range s.Deployments {
		if aws.ToString(s.Deployments[i].Id) == id {
			return &s.Deployments[i]
		}
	}
	return nil
}

// superseded reports whether another deployment, newer than ours, leads the service.
func superseded(s *types.Service, id string, ours types.ServiceDeployment) bool {
	first := primary(s)
	return first != nil && aws.ToString(first.Id) != id && first.CreatedAt != nil && ours.CreatedAt != nil &&
		first.CreatedAt.After(*ours.CreatedAt)
}

// sides gives the revisions of a service with their tasks, as the service lists them.
func sides(s *types.Service, id string) []Side {
	out := make([]Side, 0, len(s.Deployments))
	for _, d := range s.Deployments {
		out = append(out, Side{
			ID: aws.ToString(d.Id), Revision: last(aws.ToString(d.TaskDefinition)), Status: aws.ToString(d.Status), Ours: aws.ToString(d.Id) == id,
			Desired: int(d.DesiredCount), Running: int(d.RunningCount), Pending: int(d.PendingCount), Failed: int(d.FailedTasks),
		})
	}
	return out
}
