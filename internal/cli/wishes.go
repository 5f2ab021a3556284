package cli

import (
	"context"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/spf13/cobra"

	"github.com/slipway-ecs/slipway/internal/fail"
	"github.com/slipway-ecs/slipway/internal/project"
	"github.com/slipway-ecs/slipway/internal/sdk"
	"github.com/slipway-ecs/slipway/internal/ship"
)

// wishes are the flags that say what a service is to become, as deploy, plan, diff, render and verify
// have them.
type wishes struct {
	images  []string // CONTAINER=REF
	task    string
	tag     string
	vars    []string // CONTAINER:KEY=VALUE
	count   int32
	counted bool // count was given
}

// flags adds them to a command.
func (w *wishes) flags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringArrayVar(&w.images, "image", nil, "`CONTAINER=IMAGE`; may be repeated")
	f.StringVar(&w.task, "task", "", "task definition `FILE` in AWS's own shape, JSON, YAML or Jsonnet; left out, the live one is edited")
	f.StringVar(&w.tag, "tag", "", "another `TAG` for the image of the only (essential) container, also where the file gives one")
	f.StringArrayVar(&w.vars, "env-var", nil, "`CONTAINER:KEY=VALUE`, an environment variable; may be repeated")
	f.Int32Var(&w.count, "count", 0, "how many tasks are wanted; left out, it stays as it is")
}

// read notes which flags were given.
func (w *wishes) read(cmd *cobra.Command) { w.counted = cmd.Flags().Changed("count") }

// request puts what the file says of the service and the flags together; flags win.
func (w *wishes) request(ctx context.Context, p *place) (ship.Request, error) {
	r := ship.Request{Cluster: p.Cluster, Service: p.Service, Tag: w.tag, Reads: p.reads()}
	if s := p.Entry; s != nil {
		r.Task, r.Create, r.Images, r.Env, r.Secrets, r.Count, r.Timeout = s.Task, s.Service, s.Images, s.Env, s.Secrets, s.Count, s.Timeout
		r.AppSpec, r.Functions, r.Hooks = s.AppSpec, ship.FunctionsOf(s), hooksOf(s)
		r.Manner = func(live *types.Service) (*types.DeploymentConfiguration, []types.LoadBalancer, error) {
			balancers, err := ship.BalancersOf(r.Create)
			if err != nil {
				return nil, nil, err
			}
			m, err := ship.MannerOf(s, live, balancers)
			return m.Configuration, m.Balancers, err
		}
	}
	if w.counted && w.count < 0 {
		return r, fail.New("usage.flag", "write --count 0 to stop all tasks", "--count %d is less than 0", w.count)
	}
	if w.task != "" {
		task, err := project.Definition(ctx, w.task, p.Project, p.Read)
		if err != nil {
			return r, err
		}
		r.Task = task
	}
	images, err := pairs(w.images, r.Images, "--image", "CONTAINER=IMAGE")
	if err != nil {
		return r, err
	}
	r.Images = images
	if r.Env, err = environment(w.vars, r.Env); err != nil {
		return r, err
	}
	if w.counted {
		r.Count = &w.count
	}
	return r, nil
}

// reads gives the IAM actions that reading the file took, and that becoming who calls takes.
func (p *place) reads() (out []string) {
	if p.Where.Role != "" {
		out = append(out, "sts:AssumeRole on "+p.Where.Role)
	}
	if p.Project == nil {
		return out
	}
	for _, asked := range p.Project.Asked {
		if a := sdk.ValueAction(asked.Kind, asked.Arg); a != "" {
			out = append(out, a)
		}
	}
	return out
}

// pairs puts NAME=VALUE arguments into a copy of a map.
func pairs(args []string, into map[string]string, flag, form string) (map[string]string, error) {
	out := map[string]string{}
	for k, v := range into {
		out[k] = v
	}
	for _, a := range args {
		k, v, ok := strings.Cut(a, "=")
		if !ok || k == "" || v == "" {
			return nil, fail.New("usage.flag", "write it as "+flag+" "+form, "%s %q is not %s", flag, a, form)
		}
		out[k] = v
	}
	return out, nil
}

// environment puts CONTAINER:KEY=VALUE arguments into a copy of what the file has.
func environment(args []string, into map[string]map[string]string) (map[string]map[string]string, error) {
	const form = "CONTAINER:KEY=VALUE"
	out := map[string]map[string]string{}
	for c, vars := range into {
		out[c] = map[string]string{}
		for k, v := range vars {
			out[c][k] = v
		}
	}
	for _, a := range args {
		name, value, ok := strings.Cut(a, "=")
		container, key, named := strings.Cut(name, ":")
		if !ok || !named || container == "" || key == "" {
			return nil, fail.New("usage.flag", "write it as --env-var "+form, "--env-var %q is not %s", a, form)
		}
		if out[container] == nil {
			out[container] = map[string]string{}
		}
		out[container][key] = value
	}
	return out, nil
}
