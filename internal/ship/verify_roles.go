package ship

import (
	"encoding/json"
	"net/url"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"

	"github.com/slipway-ecs/slipway/internal/sdk"
)

// trusts are who must be trusted by a role of each use.
var trusts = []struct{ member, use, principal string }{
	{"executionRoleArn", "execution role", "ecs-tasks.amazonaws.com"},
	{"taskRoleArn", "task role", "ecs-tasks.amazonaws.com"},
}

func (v *verifying) roles() {
	needs := v.p.needsExecution()
	for _, r := range trusts {
		if arn := text(v.p.Definition[r.member]); arn != "" {
			v.role(r.use, arn, r.principal)
		} else if r.member == "executionRoleArn" && needs != "" {
			v.miss("execution role", "add executionRoleArn", "the definition has none, and %s needs one", needs)
		}
	}
	balancers, c := v.p.settings()
	seen := map[string]bool{}
	for _, b := range balancers {
		if a := b.AdvancedConfiguration; a != nil && a.RoleArn != nil && !seen[*a.RoleArn] {
			seen[*a.RoleArn] = true
			v.role("role for load balancers", *a.RoleArn, "ecs.amazonaws.com")
		}
	}
	for _, h := range c.LifecycleHooks {
		if h.RoleArn != nil && !seen[*h.RoleArn] {
			seen[*h.RoleArn] = true
			v.role("role for hooks", *h.RoleArn, "ecs.amazonaws.com")
		}
	}
}

// needsExecution says what ECS does for the definition in its execution role's name; "" is nothing.
func (p *Proposal) needsExecution() string {
	if len(p.secretRefs()) > 0 {
		return "reading its secrets"
	}
	list, ok := p.Definition["requiresCompatibilities"].([]any)
	if !ok || !slices.Contains(list, any("FARGATE")) {
		return "" // the instance's role does the rest
	}
	for _, c := range containersOf(p.Definition) {
		l, logs := c["logConfiguration"].(sdk.Tree)
		switch {
		case inECR(text(c["image"])):
			return "pulling from ECR on Fargate"
		case logs && text(l["logDriver"]) == "awslogs":
			return "writing to CloudWatch Logs on Fargate"
		}
	}
	return ""
}

func (v *verifying) role(use, arn, principal string) {
	what := use + " " + last(arn)
	out, err := v.s.IAM.GetRole(v.ctx, &iam.GetRoleInput{RoleName: aws.String(last(arn))})
	if err != nil {
		v.note(what, "create it, or name another", sdk.Explain(err, "get role"))
		return
	}
	policy, err := url.QueryUnescape(aws.ToString(out.Role.AssumeRolePolicyDocument))
	if err == nil && !trusted(policy, principal) {
		v.miss(what, "add "+principal+" to its trust policy", "it does not trust %s", principal)
		return
	}
	v.note(what, "", nil)
}

// trusted reports whether a trust policy lets a service assume the role.
func trusted(policy, principal string) bool {
	var p struct {
		Statement []struct {
			Effect    string
			Principal json.RawMessage
		}
	}
	if json.Unmarshal([]byte(policy), &p) != nil {
		return strings.Contains(policy, principal) // one statement, not in a list
	}
	return slices.ContainsFunc(p.Statement, func(s struct {
		Effect    string
		Principal json.RawMessage
	}) bool {
		return s.Effect == "Allow" && strings.Contains(string(s.Principal), `"`+principal+`"`)
	})
}

// inECR reports whether an image is one of Amazon ECR's.
func inECR(image string) bool {
	return strings.Contains(image, ".dkr.ecr") || strings.Contains(image, ".dkr-ecr")
}
