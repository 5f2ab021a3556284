package ship

import "github.com/aws/aws-sdk-go-v2/service/ecs/types"

// VerdictOf gives the verdict of a service deployment's status; ended is false while it may still
// change. A stopped one may have been superseded: the status alone does not tell.
func VerdictOf(status types.ServiceDeploymentStatus) (v Verdict, ended bool) { return judge(status) }
