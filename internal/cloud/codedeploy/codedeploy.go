// Package codedeploy is the local cloud's AWS CodeDeploy on the compute platform ECS:
// applications, deployment groups and configurations, revisions, and deployments that move a
// service of controller CODE_DEPLOY from one task set to another.
//
// A deployment is one more plan for the rollout core: strategy.CodeDeploy lays out the life-cycle
// events, rollout.Step says what is next, and the keeper does it through ports (ports.go). The
// platforms Server and Lambda are not served; what belongs to them alone is refused in CodeDeploy's
// codes. Read rows.go first, then keeper.go.
//
// Source: codedeploy.md throughout; a function names the section where it follows one.
package codedeploy

import (
	"context"
	"fmt"
	"strings"

	"github.com/slipway-ecs/slipway/internal/cloud"
	"github.com/slipway-ecs/slipway/internal/cloud/page"
	"github.com/slipway-ecs/slipway/internal/ids"
	"github.com/slipway-ecs/slipway/internal/names"
	"github.com/slipway-ecs/slipway/internal/store"
	"github.com/slipway-ecs/slipway/internal/wire"
)

// Options make the room.
type Options struct {
	IDs       *ids.Source
	Fleet     Fleet
	Traffic   Traffic
	Alarms    Alarms
	Functions Functions // nil where nothing serves hooks: a deployment with one fails at it
	Objects   Objects   // nil where nothing serves S3: such revisions are refused
}

// Service is the room.
type Service struct {
	o     Options
	store *store.Store

	applications *store.Table[Application]
	groups       *store.Table[Group]
	configs      *store.Table[Config]
	revisions    *store.Table[Revision]
	deployments  *store.Table[Deployment]
}

// New makes the room; Attach gives it its store.
func New(o Options) *Service {
	return &Service{
		o: o,
		applications: store.NewTable("codedeploy.applications", func(a *Application) string { return a.ID },
			store.One("name", func(a *Application) string { return scoped(a.Scope, a.Name) })),
		groups: store.NewTable("codedeploy.groups", func(g *Group) string { return g.ID },
			store.One("name", func(g *Group) string { return g.Application + "/" + g.Name }),
			store.One("application", func(g *Group) string { return g.Application }),
			store.One("service", func(g *Group) string { return g.Service })),
		configs: store.NewTable("codedeploy.configs", func(c *Config) string { return scoped(c.Scope, c.Name) }),
		revisions: store.NewTable("codedeploy.revisions", func(r *Revision) string { return r.Key },
			store.One("application", func(r *Revision) string { return r.Application })),
		deployments: store.NewTable("codedeploy.deployments", func(d *Deployment) string { return scoped(d.Scope, d.ID) },
			store.One("group", func(d *Deployment) string { return d.Group }),
			store.One("application", func(d *Deployment) string { return d.Application }),
			store.One("active", func(d *Deployment) string { return d.activeOn() }),
			store.Index[Deployment]{Name: "alarm", Of: func(d *Deployment) []string { return d.alarmARNs() }}),
	}
}

// Attach gives the room the store that was opened with its tables.
func (s *Service) Attach(st *store.Store) { s.store = st }

// Name is the signing name.
func (s *Service) Name() string { return "codedeploy" }

// Tables are the room's tables.
func (s *Service) Tables() []store.Any {
	return []store.Any{s.applications, s.groups, s.configs, s.revisions, s.deployments}
}

// Keepers are what the room keeps true.
func (s *Service) Keepers() []cloud.Keeper { return []cloud.Keeper{&keeper{s}, &alarmKeeper{s}} }

// Wire gives the operations of the room.
func (s *Service) Wire() *wire.Service {
	w := wire.NewJSON("codedeploy", "CodeDeploy_20141006", "1.1").Required(missingMember).Unlisted(func(u wire.Unlisted) error {
		if u.Member == "fileExistsBehavior" {
			return refuse("InvalidFileExistsBehaviorException", "The file exists behavior is invalid: %s", u.Wrong)
		}
		return nil // each has an exception of its own, which the operations give
	})
	wire.Op(w, s.CreateApplication)
	wire.Op(w, s.GetApplication)
	wire.Op(w, s.BatchGetApplications)
	wire.Op(w, s.ListApplications)
	wire.Op(w, s.UpdateApplication)
	wire.Op(w, s.DeleteApplication)
	wire.Op(w, s.CreateDeploymentConfig)
	wire.Op(w, s.GetDeploymentConfig)
	wire.Op(w, s.ListDeploymentConfigs)
	wire.Op(w, s.DeleteDeploymentConfig)
	wire.Op(w, s.CreateDeploymentGroup)
	wire.Op(w, s.UpdateDeploymentGroup)
	wire.Op(w, s.GetDeploymentGroup)
	wire.Op(w, s.BatchGetDeploymentGroups)
	wire.Op(w, s.ListDeploymentGroups)
	wire.Op(w, s.DeleteDeploymentGroup)
	wire.Op(w, s.RegisterApplicationRevision)
	wire.Op(w, s.GetApplicationRevision)
	wire.Op(w, s.BatchGetApplicationRevisions)
	wire.Op(w, s.ListApplicationRevisions)
	wire.Op(w, s.CreateDeployment)
	wire.Op(w, s.GetDeployment)
	wire.Op(w, s.BatchGetDeployments)
	wire.Op(w, s.ListDeployments)
	wire.Op(w, s.GetDeploymentTarget)
	wire.Op(w, s.BatchGetDeploymentTargets)
	wire.Op(w, s.ListDeploymentTargets)
	wire.Op(w, s.ContinueDeployment)
	wire.Op(w, s.SkipWaitTimeForInstanceTermination)
	wire.Op(w, s.StopDeployment)
	wire.Op(w, s.PutLifecycleEventHookExecutionStatus)
	wire.Op(w, s.TagResource)
	wire.Op(w, s.UntagResource)
	wire.Op(w, s.ListTagsForResource)
	s.unserved(w)
	return w
}

// refuse is an error by CodeDeploy's name of it.
func refuse(code, format string, args ...any) error {
	return &wire.Error{Code: code, Message: fmt.Sprintf(format, args...)}
}

// missingMembers are CodeDeploy's refusals of requests without a member they must have. The
// words of most are unconfirmed.
//
// Source: codedeploy.md 4.2 and 7.
var missingMembers = map[string][2]string{
	"applicationName":            {"ApplicationNameRequiredException", "Application name is missing"},
	"deploymentGroupName":        {"DeploymentGroupNameRequiredException", "Deployment Group name is missing"},
	"currentDeploymentGroupName": {"DeploymentGroupNameRequiredException", "Deployment Group name is missing"},
	"applicationNames":           {"ApplicationNameRequiredException", "Application names are missing"},
	"deploymentGroupNames":       {"DeploymentGroupNameRequiredException", "Deployment Group names are missing"},
	"deploymentIds":              {"DeploymentIdRequiredException", "Deployment IDs are missing"},
	"deploymentConfigName":       {"DeploymentConfigNameRequiredException", "Deployment Configuration name is missing"},
	"deploymentId":               {"DeploymentIdRequiredException", "Deployment ID is missing"},
	"targetId":                   {"DeploymentTargetIdRequiredException", "Deployment target ID is missing"},
	"targetIds":                  {"DeploymentTargetIdRequiredException", "Deployment target IDs are missing"},
	"serviceRoleArn":             {"RoleRequiredException", "Role ARN is missing"},
	"revision":                   {"RevisionRequiredException", wordNoRevision},
	"revisions":                  {"RevisionRequiredException", wordNoRevision},
	"resourceArn":                {"ResourceArnRequiredException", "Resource ARN is missing"},
	"tags":                       {"TagRequiredException", "Tags are missing"},
	"tagKeys":                    {"TagRequiredException", "Tag keys are missing"},
}

func missingMember(_, member string) error {
	name := member
	if member != "" {
		name = strings.ToLower(member[:1]) + member[1:] // tag operations have capital keys
	}
	if m, ok := missingMembers[name]; ok {
		return refuse(m[0], "%s", m[1])
	}
	return nil
}

// scopeOf gives the account and region of a call.
func scopeOf(ctx context.Context) names.Scope {
	c := wire.CallerOf(ctx)
	return names.Scope{Account: c.Account, Region: c.Region}
}

func scoped(s names.Scope, name string) string { return s.Account + "/" + s.Region + "/" + name }

func text(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

func orNil(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// listPage is how many entries an answer of List… has; CodeDeploy's number is unconfirmed.
const listPage = 100

// paged gives a page of a list of names.
//
// Errors: InvalidNextTokenException.
func paged(all []string, token *string) (some []string, next *string, err error) {
	from, to, more, err := page.Of(all, text(token), listPage)
	if err != nil {
		return nil, nil, refuse("InvalidNextTokenException", "The next token is invalid")
	}
	return append([]string{}, all[from:to]...), orNil(more), nil
}
