package names

import (
	"strconv"
	"strings"
)

// Sources: ecs.md 1.2 (identifier formats as Amazon ECS prints and accepts them).

// Cluster names an ECS cluster.
func (s Scope) Cluster(name string) string { return s.ARN("ecs", "cluster/"+name) }

// Service names an ECS service.
func (s Scope) Service(cluster, name string) string {
	return s.ARN("ecs", "service/"+cluster+"/"+name)
}

// Task names an ECS task; id is 32 lower-case hexadecimal digits.
func (s Scope) Task(cluster, id string) string { return s.ARN("ecs", "task/"+cluster+"/"+id) }

// Container names a container of a task.
func (s Scope) Container(cluster, task, uuid string) string {
	return s.ARN("ecs", "container/"+cluster+"/"+task+"/"+uuid)
}

// TaskDefinition names a revision of a family.
func (s Scope) TaskDefinition(family string, revision int) string {
	return s.ARN("ecs", "task-definition/"+family+":"+strconv.Itoa(revision))
}

// ServiceRevision names a service revision; digits are those of its deployment's id.
func (s Scope) ServiceRevision(cluster, service, digits string) string {
	return s.ARN("ecs", "service-revision/"+cluster+"/"+service+"/"+digits)
}

// ServiceDeployment names a service deployment; id is 21 characters of [A-Za-z0-9_-].
func (s Scope) ServiceDeployment(cluster, service, id string) string {
	return s.ARN("ecs", "service-deployment/"+cluster+"/"+service+"/"+id)
}

// DeploymentID is ECS's id of a deployment, of the digits its service revision has too.
func DeploymentID(digits string) string { return "ecs-svc/" + digits }

// Digits takes the digits out of a deployment id; it is the inverse of DeploymentID.
func Digits(deploymentID string) string { return strings.TrimPrefix(deploymentID, "ecs-svc/") }

// TaskDefinitionRef takes a reference to a task definition apart: "family", "family:3", or an
// ARN of either form. revision is 0 where none was named; revisionText holds what stood there.
func TaskDefinitionRef(ref string) (family string, revision int, revisionText string) {
	if a, ok := ParseARN(ref); ok {
		ref = strings.TrimPrefix(a.Resource, "task-definition/")
	}
	family, revisionText, _ = strings.Cut(ref, ":")
	revision, err := strconv.Atoi(revisionText)
	if err != nil || revision < 1 {
		revision = 0
	}
	return family, revision, revisionText
}
