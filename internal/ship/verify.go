package ship

import (
	"context"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/iam"

	"github.com/slipway-ecs/slipway/internal/fail"
	"github.com/slipway-ecs/slipway/internal/sdk"
)

// Surroundings are what a service needs to be there; SDK clients are it.
type Surroundings struct {
	Image interface {
		// Image tells whether an image is there for a platform, linux/arm64 say.
		Image(ctx context.Context, ref, platform string) error
	}
	IAM interface {
		GetRole(context.Context, *iam.GetRoleInput, ...func(*iam.Options)) (*iam.GetRoleOutput, error)
	}
	Logs interface {
		DescribeLogGroups(context.Context, *cloudwatchlogs.DescribeLogGroupsInput, ...func(*cloudwatchlogs.Options)) (*cloudwatchlogs.DescribeLogGroupsOutput, error)
	}
	EC2 interface {
		DescribeSubnets(context.Context, *ec2.DescribeSubnetsInput, ...func(*ec2.Options)) (*ec2.DescribeSubnetsOutput, error)
		DescribeSecurityGroups(context.Context, *ec2.DescribeSecurityGroupsInput, ...func(*ec2.Options)) (*ec2.DescribeSecurityGroupsOutput, error)
	}
	ELB interface {
		DescribeTargetGroups(context.Context, *elb.DescribeTargetGroupsInput, ...func(*elb.Options)) (*elb.DescribeTargetGroupsOutput, error)
	}
	// Secret tells whether a parameter or a secret, as valueFrom names it, is there.
	Secret func(ctx context.Context, from string) error
}

// Finding is one thing that was looked for.
type Finding struct {
	What string `json:"what"` // image app: repo/app:1
	OK   bool   `json:"ok"`
	Why  string `json:"why,omitempty"`  // of a miss
	Hint string `json:"hint,omitempty"` // what to do about it
}

// Verify looks for everything that the proposed definition and service need, in a stated order.
func (s Surroundings) Verify(ctx context.Context, p *Proposal) []Finding {
	v := &verifying{s: s, ctx: ctx, p: p, out: []Finding{}}
	v.images()
	v.roles()
	v.secrets()
	v.logGroups()
	v.network()
	v.targets()
	return v.out
}

type verifying struct {
	s   Surroundings
	ctx context.Context //nolint:containedctx // lives as long as one Verify
	p   *Proposal
	out []Finding
	vpc string // of the first subnet; "" until one is known
}

func (v *verifying) note(what, hint string, err error) {
	f := Finding{What: what, OK: err == nil}
	if err != nil {
		f.Why, f.Hint = err.Error(), hint
		if e := fail.Of(err); e != nil && e.Hint != "" {
			f.Hint = e.Hint // who could not be asked knows better
		}
	}
	v.out = append(v.out, f)
}

func (v *verifying) miss(what, hint, format string, args ...any) {
	v.note(what, hint, fmt.Errorf(format, args...))
}

// platform gives what the definition runs on.
func (v *verifying) platform() string {
	arch := "amd64"
	if r, ok := v.p.Definition["runtimePlatform"].(sdk.Tree); ok {
		if text(r["cpuArchitecture"]) == "ARM64" {
			arch = "arm64"
		}
		if strings.HasPrefix(text(r["operatingSystemFamily"]), "WINDOWS") {
			return "windows/" + arch
		}
	}
	return "linux/" + arch
}

func (v *verifying) images() {
	for _, c := range containersOf(v.p.Definition) {
		v.note(fmt.Sprintf("image of %s: %s", text(c["name"]), text(c["image"])), "push it for "+v.platform()+", or name another",
			v.s.Image.Image(v.ctx, text(c["image"]), v.platform()))
	}
}

// secretRefs gives what containers, their logs and the pulls of their images take from parameters and
// secrets, by container.
func (p *Proposal) secretRefs() [][2]string {
	var out [][2]string
	for _, c := range containersOf(p.Definition) {
		lists := []any{c["secrets"]}
		if l, ok := c["logConfiguration"].(sdk.Tree); ok {
			lists = append(lists, l["secretOptions"])
		}
		if r, ok := c["repositoryCredentials"].(sdk.Tree); ok {
			out = append(out, [2]string{text(c["name"]) + "'s login to its registry", text(r["credentialsParameter"])})
		}
		for _, list := range lists {
			pairs, ok := list.([]any)
			if !ok {
				continue
			}
			for _, s := range pairs {
				if t, ok := s.(sdk.Tree); ok {
					out = append(out, [2]string{text(c["name"]) + "'s " + text(t["name"]), text(t["valueFrom"])})
				}
			}
		}
	}
	return out
}

func (v *verifying) secrets() {
	for _, s := range v.p.secretRefs() {
		v.note(fmt.Sprintf("secret %s: %s", s[0], s[1]), "create it, or correct its name and region", v.s.Secret(v.ctx, s[1]))
	}
}

func (v *verifying) logGroups() {
	seen := map[string]bool{}
	for _, c := range containersOf(v.p.Definition) {
		l, ok := c["logConfiguration"].(sdk.Tree)
		if !ok || text(l["logDriver"]) != "awslogs" {
			continue
		}
		options, ok := l["options"].(sdk.Tree)
		if !ok {
			options = sdk.Tree{} // what lacks is told below
		}
		name := text(options["awslogs-group"])
		if name == "" {
			v.miss("log group of "+text(c["name"]), "add the option awslogs-group", "the container's logs name no group")
			continue
		}
		if seen[name] || text(options["awslogs-create-group"]) == "true" {
			continue
		}
		seen[name] = true
		out, err := v.s.Logs.DescribeLogGroups(v.ctx, &cloudwatchlogs.DescribeLogGroupsInput{LogGroupNamePrefix: &name})
		hint := "create it: aws logs create-log-group --log-group-name " + name
		if err != nil {
			v.note("log group "+name, hint, sdk.Explain(err, "describe log groups"))
			continue
		}
		there := false
		for _, g := range out.LogGroups {
			there = there || aws.ToString(g.LogGroupName) == name
		}
		if !there {
			err = fmt.Errorf("there is none of this name")
		}
		v.note("log group "+name, hint, err)
	}
}
