package explain

import (
	"fmt"
	"regexp"
	"strings"
	"sync"
)

// codes are CodeDeploy's error codes: what happened, with $e for the life-cycle event and $f for the
// hook's function, and what to do, where the class's advice does not fit CodeDeploy.
//
// Source: the list of error codes in CodeDeploy's API reference.
var codes = map[string]struct {
	class    Class
	text, do string
}{
	"ALARM_ACTIVE":                        {Alarmed, "", ""},
	"HOOK_EXECUTION_FAILURE":              {HookFailed, "$f refused at $e", ""},
	"INVALID_LAMBDA_FUNCTION":             {HookUncalled, "$f of $e could not be called", "check that the AppSpec names a function that exists, and that the deployment group's service role may invoke it"},
	"INVALID_LAMBDA_CONFIGURATION":        {HookUncalled, "$f of $e could not be called", "check the function's alias and version in the AppSpec"},
	"MANUAL_STOP":                         {UserStopped, "somebody stopped the deployment", ""},
	"TIMEOUT":                             {StageTimedOut, "", ""},
	"ELASTIC_LOAD_BALANCING_INVALID":      {BadNetwork, "", "let the production listener forward to the target group of the PRIMARY task set, and both target groups lie behind one load balancer"},
	"ECS_UPDATE_ERROR":                    {Unclassified, "", "read what ECS said below"},
	"INVALID_ECS_SERVICE":                 {Unclassified, "", "check the deployment group's cluster and service, and that its controller is CODE_DEPLOY with a PRIMARY task set"},
	"IAM_ROLE_PERMISSIONS":                {RoleUnassumable, "the deployment group's service role may not do what is needed", "give it AWSCodeDeployRoleForECS"},
	"IAM_ROLE_MISSING":                    {RoleUnassumable, "the deployment group's service role does not exist", "create it, with AWSCodeDeployRoleForECS"},
	"INVALID_REVISION":                    {BadRevision, "", ""},
	"REVISION_MISSING":                    {BadRevision, "", ""},
	"AUTOSCALING_VALIDATION_ERROR":        {Unclassified, "", "suspend Application Auto Scaling of the service while it is deployed"},
	"CUSTOMER_APPLICATION_UNHEALTHY":      {TargetHealth, "", ""},
	"DEPLOYMENT_GROUP_MISSING":            {Unclassified, "", ""},
	"APPLICATION_MISSING":                 {Unclassified, "", ""},
	"RESOURCE_LIMIT_EXCEEDED":             {Quota, "", ""},
	"THROTTLED":                           {Throttled, "", "deploy again: CodeDeploy was throttled"},
	"MISSING_ELB_INFORMATION":             {BadNetwork, "", ""},
	"CLOUDFORMATION_STACK_FAILURE":        {Unclassified, "", ""},
	"CODEDEPLOY_RESOURCE_CANNOT_BE_FOUND": {Unclassified, "", ""},
}

// alarmsIn finds the names of alarms in what CodeDeploy says of them.
var alarmsIn = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`<([^>]+)>`) })

// FiringIn gives the alarms that a message of CodeDeploy's names.
func FiringIn(message string) (names []string) {
	for _, m := range alarmsIn().FindAllStringSubmatch(message, -1) {
		names = append(names, m[1])
	}
	return names
}

// coded reads what CodeDeploy says of the end of a deployment.
func coded(d *Deployment) Cause {
	k, known := codes[d.Code]
	if !known {
		k.class = Unclassified
	}
	function := "the function"
	if d.Function != "" {
		function = "function " + d.Function
	}
	late := k.class == HookFailed && strings.Contains(d.Reason, "timed out")
	switch {
	case late:
		k.class, k.text, k.do = HookTimedOut, "$f of $e did not call back within an hour", "let it call PutLifecycleEventHookExecutionStatus in every case, also after an error of its own"
	case k.class == Alarmed && len(d.Triggered) > 0 && strings.Contains(d.Reason, "Activated alarms"):
		k.text = "alarm " + strings.Join(d.Triggered, ", ") + " went into ALARM during the deployment"
	case k.class == StageTimedOut && d.Event == "Install":
		k.text = "the new task set was not steady within an hour"
	case k.text == "":
		k.text = d.Reason
	}
	if d.Event == "" {
		d.Event = "its event"
	}
	text := strings.NewReplacer("$e", d.Event, "$f", function).Replace(k.text)
	c := knot(k.class, text, strings.TrimSpace(fmt.Sprintf("%s: %s", d.Code, d.Reason)))
	if k.do != "" {
		c.Do = k.do
	}
	c.Log = d.Log
	return c
}
