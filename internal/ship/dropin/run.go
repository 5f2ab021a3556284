package dropin

import (
	"context"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/slipway-ecs/slipway/internal/clock"
	"github.com/slipway-ecs/slipway/internal/fail"
	"github.com/slipway-ecs/slipway/internal/sdk"
	"github.com/slipway-ecs/slipway/internal/ship"
)

// run is one call under way.
type run struct {
	o     Options
	w     World
	clock clock.Clock
	api   ECS
	write ship.Writer

	service    *types.Service // as it was at the start; nil in task-definition mode
	base       string         // ARN of the revision the new one is made of
	definition sdk.Tree       // the new revision
	arn        string         // its ARN
}

// out writes a line that scripts read.
func (r *run) out(format string, args ...any) { fmt.Fprintf(r.w.Stdout, format+"\n", args...) }

// note writes a line for people.
func (r *run) note(format string, args ...any) {
	fmt.Fprintf(r.w.Stderr, "ecs-deploy: "+format+"\n", args...)
}

// trace tells a call, with -v. Nothing secret is among its arguments.
func (r *run) trace(operation string, args ...string) {
	if r.o.Verbose {
		fmt.Fprintf(r.w.Stderr, "+ ecs %s\n", strings.TrimSpace(operation+" "+strings.Join(args, " ")))
	}
}

func (r *run) run(ctx context.Context, connect func(context.Context, Options) (ECS, error)) error {
	var img image
	if !r.o.Force {
		var message string
		var code int
		if img, message, code = r.o.readImage(r.w.Env, r.w.Stderr); code == ExitBadImage {
			r.out("%s", message)
			return &exit{code}
		} else if code != ExitDone {
			r.note("%s", message)
			return &exit{code}
		}
	}
	if given(r.o.Service) && r.o.RunTask {
		r.note("warning: --run-task has no effect with --service-name")
	}
	update, err := r.update()
	if err != nil {
		return err
	}
	network, err := readNetwork(r.o.Network)
	if err != nil {
		return err
	}
	if r.api, err = connect(ctx, r.o); err != nil {
		return err
	}
	r.write = ship.Writer{ECS: r.api, Clock: r.clock, Warn: func(text string) { r.note("warning: %s", text) }}
	if r.o.Force {
		return r.redeploy(ctx, update)
	}
	if err := r.register(ctx, img); err != nil {
		return err
	}
	switch {
	case given(r.o.Service):
		return r.deploy(ctx, update)
	case r.o.RunTask:
		return r.runTask(ctx, network)
	}
	r.out("Task definition updated successfully")
	return nil
}

// update gives what to ask of the service, but for the revision.
func (r *run) update() (*ecs.UpdateServiceInput, error) {
	in := &ecs.UpdateServiceInput{Cluster: &r.o.Cluster, Service: &r.o.Service}
	if r.o.Force {
		in.ForceNewDeployment = true
		return in, nil
	}
	if !given(r.o.Service) {
		return in, nil
	}
	number := func(flag, value string) (*int32, error) {
		if !given(value) {
			return nil, nil
		}
		n, err := strconv.ParseInt(value, 10, 32)
		if err != nil || n > math.MaxInt32 {
			return nil, fail.New("value.number", "give it a whole number", "%s %q is no whole number", flag, value)
		}
		return aws.Int32(int32(n)), nil
	}
	var c types.DeploymentConfiguration
	var err error
	if in.DesiredCount, err = number("--desired-count", r.o.DesiredCount); err != nil {
		return nil, err
	}
	if c.MaximumPercent, err = number("--max", r.o.Max); err != nil {
		return nil, err
	}
	if c.MinimumHealthyPercent, err = number("--min", r.o.Min); err != nil {
		return nil, err
	}
	if c.MaximumPercent != nil || c.MinimumHealthyPercent != nil {
		in.DeploymentConfiguration = &c
	}
	return in, nil
}

// register makes the new revision and says so.
func (r *run) register(ctx context.Context, img image) error {
	var file sdk.Tree
	if given(r.o.File) {
		var err error
		if file, err = readFile(r.o.File); err != nil {
			return err
		}
	}
	r.out("Using image name: %s", img.Ref)
	definition, tags, err := r.current(ctx)
	if err != nil {
		return err
	}
	r.out("Current task definition: %s", r.base)
	if file != nil {
		definition = file
	}
	if !r.o.CopyTags {
		tags = nil
	}
	r.definition = ship.Registrable(definition, tags)
	if found, images := put(r.definition, img); found == 0 {
		if !r.o.Strict {
			return fail.New("image.no_match", "give -i the repository the task definition has, or --compat=strict to deploy it as it is", "%s", noMatch(img, images))
		}
		r.note("warning: %s; the new revision is as the old one", noMatch(img, images))
	}
	r.trace("register-task-definition", "--cli-input-json", "...")
	if r.arn, err = r.write.Register(ctx, r.definition); err != nil {
		return err
	}
	r.out("New task definition: %s", r.arn)
	return nil
}

// current gives the definition to start from.
func (r *run) current(ctx context.Context) (definition sdk.Tree, tags []any, err error) {
	ref := r.o.TaskDefinition
	if given(r.o.Service) {
		if err := r.look(ctx); err != nil {
			return nil, nil, err
		}
		ref = aws.ToString(r.service.TaskDefinition)
	}
	if definition, tags, err = r.describe(ctx, ref); err != nil {
		return nil, nil, err
	}
	if given(r.o.Service) && r.o.UseLatest {
		if definition, tags, err = r.describe(ctx, text(definition, "family")); err != nil {
			return nil, nil, err
		}
	}
	r.base = text(definition, "taskDefinitionArn")
	return definition, tags, nil
}

func (r *run) describe(ctx context.Context, ref string) (definition sdk.Tree, tags []any, err error) {
	r.trace("describe-task-definition", "--task-definition", ref)
	definition, tags, err = r.api.Definition(ctx, ref)
	return definition, tags, sdk.Explain(err, fmt.Sprintf("describe task definition %q", ref))
}

// look finds the service as it is at the start.
func (r *run) look(ctx context.Context) error {
	s, err := r.describeService(ctx)
	r.service = s
	return err
}

func (r *run) describeService(ctx context.Context) (*types.Service, error) {
	r.trace("describe-services", "--services", r.o.Service, "--cluster", r.o.Cluster)
	out, err := r.api.DescribeServices(ctx, &ecs.DescribeServicesInput{Cluster: &r.o.Cluster, Services: []string{r.o.Service}})
	if err != nil {
		return nil, sdk.Explain(err, fmt.Sprintf("describe service %q in cluster %q", r.o.Service, r.o.Cluster))
	}
	if len(out.Services) == 0 {
		return nil, fail.New("service.not_found", "check the names and the region", "service %q is not in cluster %q", r.o.Service, r.o.Cluster)
	}
	return &out.Services[0], nil
}

// send updates the service and gives the deployment that made.
func (r *run) send(ctx context.Context, in *ecs.UpdateServiceInput) (*ship.Watch, *types.Service, error) {
	args := []string{"--cluster", r.o.Cluster, "--service", r.o.Service}
	if in.TaskDefinition != nil {
		args = append(args, "--task-definition", *in.TaskDefinition)
	}
	if in.ForceNewDeployment {
		args = append(args, "--force-new-deployment")
	}
	r.trace("update-service", args...)
	after, err := r.write.Update(ctx, in, r.service)
	if err != nil {
		return nil, nil, err
	}
	w := &ship.Watch{Previous: aws.ToString(r.service.TaskDefinition), Revision: aws.ToString(after.TaskDefinition)}
	if d := ship.Primary(after); d != nil {
		w.Deployment = aws.ToString(d.Id)
	}
	return w, after, nil
}

// redeploy is --force-new-deployment.
func (r *run) redeploy(ctx context.Context, in *ecs.UpdateServiceInput) error {
	r.out("Force a new deployment of the service")
	if err := r.look(ctx); err != nil {
		return err
	}
	w, _, err := r.send(ctx, in)
	if err != nil || r.o.SkipDeploymentsCheck {
		return err
	}
	return r.settle(ctx, w)
}

// deploy brings the service to the new revision.
func (r *run) deploy(ctx context.Context, in *ecs.UpdateServiceInput) error {
	in.TaskDefinition = &r.arn
	w, after, err := r.send(ctx, in)
	if err != nil {
		return err
	}
	counts := after.DesiredCount > 0
	if counts {
		if err := r.start(ctx, w); err != nil {
			return err
		}
		r.out("Service updated successfully, new task definition running.")
	} else {
		r.out("Skipping check for running task definition, as desired-count <= 0")
	}
	if !r.o.SkipDeploymentsCheck {
		if err := r.settle(ctx, w); err != nil {
			return err
		}
	}
	if counts && r.o.keep() > 0 {
		return r.prune(ctx)
	}
	return nil
}
