package cli

import (
	"cmp"
	"context"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/spf13/cobra"

	"github.com/slipway-ecs/slipway/internal/fail"
	"github.com/slipway-ecs/slipway/internal/names"
	"github.com/slipway-ecs/slipway/internal/project"
	"github.com/slipway-ecs/slipway/internal/sdk"
)

// target are the flags by which every verb is told which service is meant, where and as whom.
type target struct {
	service     string // the positional argument: a key of the file, an ECS name, or an ARN
	cluster     string
	file        string // "" means slipway.yaml, if it is there
	environment string // of the file
	region      string
	profile     string
	endpoint    string
	output      string
	id          *string // takes the id of a deployment, where the argument is one of the file's only service; nil: it is none
	guessed     string  // the argument that was taken for a deployment's id
	unasked     bool    // values of the file are not asked for: variables that are not set are no obstacle
}

// place is what a target comes to.
type place struct {
	Cluster string           // name or ARN
	Service string           // of the ECS service
	Entry   *project.Service // what the file says of it; nil from flags alone
	Project *project.Project // the file; nil where there is none
	Where   sdk.Options
	Read    project.Options // how files of flags are read
}

// flags adds the target's flags to a command.
func (t *target) flags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVarP(&t.file, "file", "f", "", "the project's file, YAML, JSON or Jsonnet (default slipway.yaml, slipway.yml or slipway.jsonnet, if it is there)")
	f.StringVarP(&t.cluster, "cluster", "c", "", "ECS cluster, name or ARN")
	f.StringVarP(&t.environment, "env", "e", "", "the `ENVIRONMENT` of the file that is meant")
	f.StringVar(&t.region, "region", "", "AWS region (default: as every AWS tool finds it)")
	f.StringVar(&t.profile, "profile", "", "profile of the AWS config files")
	f.StringVar(&t.endpoint, "endpoint", "", "`URL` to call in place of AWS, as AWS_ENDPOINT_URL")
	outputFlag(cmd, &t.output)
}

// take reads the positional argument, if there is one.
func (t *target) take(args []string) {
	if len(args) > 0 {
		t.service = args[0]
	}
}

// takeDeployment reads a positional argument that is a service deployment's ARN, which says the
// service too; it is false for any other.
func (t *target) takeDeployment(arg string) bool {
	a, ok := names.ParseARN(arg)
	if !ok || a.Kind() != "service-deployment" || len(a.Path()) != 3 {
		return false
	}
	t.cluster, t.service = a.Path()[0], a.Path()[1]
	if t.region == "" {
		t.region = a.Region
	}
	return true
}

// find puts file and flags together; flags win. A file that is not named is read only if it is
// there, and one that does not know the service is no obstacle where flags say enough. Errors
// have codes "usage.…" and "file.…".
func (t *target) find(ctx context.Context, app *App) (*place, error) {
	p, err := t.look(ctx, app)
	if err != nil {
		return nil, err
	}
	if p.Service == "" {
		return nil, fail.New("usage.service", "name one: SERVICE --cluster CLUSTER", "which service is not said")
	}
	return p, nil
}

// look is find for verbs that can do without a service.
func (t *target) look(ctx context.Context, app *App) (*place, error) {
	if err := checkOutput(t.output); err != nil {
		return nil, err
	}
	name, cluster, said := t.service, t.cluster, project.AWS{}
	if c, s, _, ok := serviceARN(t.service); ok {
		name = s
		if cluster == "" {
			cluster = c
		}
	}
	p := &place{Read: t.options(app, cluster)}
	f, err := t.load(ctx, app, cluster)
	if err != nil {
		return nil, err
	}
	if f != nil {
		p.Project, p.Cluster, said = f, f.Cluster, f.AWS
		switch entry, err := f.Pick(name); {
		case err == nil:
			p.Entry, p.Service = entry, entry.Name
		case t.id != nil && *t.id == "" && cluster == "" && len(f.Services) == 1 && f.IsDeployment(name):
			*t.id, t.guessed, t.service = name, name, f.Services[0].Key
			return t.look(ctx, app)
		case t.file != "" || cluster == "" || name == "":
			return nil, err
		}
	}
	if p.Service == "" {
		p.Service = name
	}
	if cluster != "" {
		p.Cluster = cluster
	}
	p.Where = laid(said, t.over())
	return p, nil
}

// takesIDs lets a verb's argument be the id of a deployment, where the file has one service. It comes after
// the command's RunE.
func (t *target) takesIDs(cmd *cobra.Command, deployment *string) {
	t.id = deployment
	run := cmd.RunE
	cmd.RunE = func(cmd *cobra.Command, args []string) error { return t.meant(run(cmd, args)) }
}

// meant says of a word that was taken for a deployment's id and is none that it is no service either.
func (t *target) meant(err error) error {
	code := sdk.Code(err)
	none := fail.Is(err, "deployment.none") || fail.Is(err, "deployment.not_found") ||
		code == "DeploymentDoesNotExistException" || code == "InvalidDeploymentIdException"
	if t.guessed == "" || !none {
		return err
	}
	return fail.New("deployment.none", fmt.Sprintf("the file's service is %q; `slipway history` lists its deployments", t.service),
		"%q is neither a service of the file nor a deployment of service %q", t.guessed, t.service)
}

// over gives what the flags say of AWS; a service's ARN says its region.
func (t *target) over() sdk.Options {
	region := t.region
	if _, _, r, ok := serviceARN(t.service); ok {
		region = cmp.Or(region, r)
	}
	return sdk.Options{Region: region, Profile: t.profile, Endpoint: t.endpoint}
}

// lookup gives environment variables. Verbs that only need to know which service is meant get a
// word that names nothing for those that are not set, so that a cluster named by one is not found
// rather than mistaken.
func (t *target) lookup(app *App) func(string) (string, bool) {
	if !t.unasked {
		return app.LookupEnv
	}
	return func(name string) (string, bool) {
		if v, set := app.LookupEnv(name); set {
			return v, true
		}
		return "unset-" + name, true
	}
}

// load reads the file, or gives nil where flags alone count.
func (t *target) load(ctx context.Context, app *App, cluster string) (*project.Project, error) {
	path, err := t.path(cluster)
	if err != nil || path == "" {
		return nil, err
	}
	p, err := project.Load(ctx, path, t.options(app, cluster))
	if f := fail.Of(err); f != nil && f.Code == "file.missing" && project.Ecspresso(".") == "" {
		f.Hint = "name another with --file, do without (SERVICE --cluster CLUSTER), or write one: slipway init SERVICE --cluster CLUSTER"
	}
	return p, err
}

// options say how the file is read: of the service that is meant alone.
func (t *target) options(app *App, cluster string) project.Options {
	name := t.service
	if _, s, _, ok := serviceARN(t.service); ok {
		name = s
	}
	return project.Options{Environment: t.environment, Cluster: cluster, Service: name, One: true, Unasked: t.unasked,
		Var: t.lookup(app), Version: app.Version.Version, Source: remote(t.over())}
}

// path gives the file to read, or "" where flags alone count.
func (t *target) path(cluster string) (string, error) {
	path := t.file
	if path == "" {
		if beside := project.Beside("."); cluster == "" || beside != "" {
			path = cmp.Or(beside, project.File)
		}
	}
	if path == "" && t.environment != "" {
		return "", fail.New("usage.environment", "name the file with --file, or leave --env out", "--env %q is of a file, and there is none", t.environment)
	}
	return path, nil
}

// config gives the SDK's config for a place.
func (p *place) config(ctx context.Context) (aws.Config, error) { return sdk.Load(ctx, p.Where) }

// serviceARN takes arn:aws:ecs:REGION:ACCOUNT:service/CLUSTER/NAME apart. ARNs of the old form,
// without a cluster, do not count: their cluster has to be said.
func serviceARN(s string) (cluster, name, region string, ok bool) {
	parts := strings.SplitN(s, ":", 6)
	if len(parts) != 6 || parts[0] != "arn" || parts[2] != "ecs" {
		return "", "", "", false
	}
	path := strings.Split(parts[5], "/")
	if len(path) != 3 || path[0] != "service" {
		return "", "", "", false
	}
	return path[1], path[2], parts[3], true
}
