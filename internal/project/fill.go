package project

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/slipway-ecs/slipway/internal/fail"
	"github.com/slipway-ecs/slipway/internal/source"
)

// kinds are the sources of ${kind:arg}.
var kinds = []string{"git", "file", "ssm", "cfn"}

// fill puts variables and sources into a document. The block 'aws' comes first and takes variables
// and local sources alone: the others are asked with it.
func fill(ctx context.Context, doc *source.Doc, path string, o Options) error {
	lookup := o.Var
	if lookup == nil {
		lookup = func(string) (string, bool) { return "", false }
	}
	local := func(kind, arg string) (string, error) { return onMachine(ctx, filepath.Dir(path), kind, arg) }
	var problems source.Problems
	first, err := split(doc.Fill(source.Values{Var: lookup, Source: func(kind, arg string) (string, error) {
		if kind == "ssm" || kind == "cfn" {
			return "", fail.New("file.source", "use a variable or write it down", "${%s:…} cannot stand below \"aws\": it is asked there", kind)
		}
		return local(kind, arg)
	}}, doc.Root.Get("aws")))
	if err != nil {
		return err
	}
	problems = append(problems, first...)
	aws := doc.Root.Get("aws")
	where := AWS{Region: text(aws.Get("region")), Account: text(aws.Get("account")), Profile: text(aws.Get("profile")), Role: text(aws.Get("role"))}
	asked := map[string]string{}
	rest, err := split(doc.Fill(source.Values{Var: lookup, Source: func(kind, arg string) (string, error) {
		if kind != "ssm" && kind != "cfn" {
			return local(kind, arg)
		}
		if v, ok := asked[kind+":"+arg]; ok {
			return v, nil
		}
		if o.Source == nil {
			return "", fail.New("file.source", "write the value down", "${%s:%s} cannot be asked for here", kind, arg)
		}
		v, err := o.Source(ctx, where, kind, arg)
		if err == nil {
			asked[kind+":"+arg] = v
		}
		return v, err
	}}))
	if err != nil {
		return err
	}
	if problems = append(problems, rest...); len(problems) > 0 {
		return problems
	}
	return nil
}

// onMachine gives what a source of this machine holds.
func onMachine(ctx context.Context, dir, kind, arg string) (string, error) {
	switch kind {
	case "git":
		return git(ctx, dir, arg)
	case "file":
		if !filepath.IsAbs(arg) {
			arg = filepath.Join(dir, arg)
		}
		text, err := os.ReadFile(arg)
		if err != nil {
			return "", fail.New("file.source", "paths are taken from the folder of this file", "there is no file %q", arg)
		}
		return strings.TrimSuffix(strings.TrimSuffix(string(text), "\n"), "\r"), nil
	}
	return "", fail.New("file.source", near(kind, kinds), "there is no source %q", kind)
}

// gitAsks are what ${git:…} may ask.
var gitAsks = map[string][]string{
	"sha":    {"rev-parse", "HEAD"},
	"short":  {"rev-parse", "--short", "HEAD"},
	"branch": {"rev-parse", "--abbrev-ref", "HEAD"},
	"tag":    {"describe", "--tags", "--exact-match"},
}

func git(ctx context.Context, dir, ask string) (string, error) {
	args, ok := gitAsks[ask]
	if !ok {
		return "", fail.New("file.source", near(ask, []string{"sha", "short", "branch", "tag"}), "${git:%s} has no meaning", ask)
	}
	cmd := exec.CommandContext(ctx, "git", args...)
	cmd.Dir = dir
	out, err := cmd.Output()
	if err != nil {
		why := err.Error()
		if e, ok := err.(*exec.ExitError); ok { //nolint:errorlint // Output gives it bare
			why = strings.SplitN(strings.TrimSpace(string(e.Stderr)), "\n", 2)[0]
		}
		return "", fail.New("file.source", "deploy from a git checkout, or set a variable and use that", "git does not say its %s: %s", ask, why)
	}
	return strings.TrimSpace(string(out)), nil
}
