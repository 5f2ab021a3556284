package project

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/slipway-ecs/slipway/internal/fail"
	"github.com/slipway-ecs/slipway/internal/source"
)

// Ecspresso gives the file of ecspresso's in a folder, or "" where there is none.
func Ecspresso(dir string) string {
	return first(dir, "ecspresso.yml", "ecspresso.yaml", "ecspresso.jsonnet", "ecspresso.json")
}

// Foreign is what a file of ecspresso's says, in slipway.yaml's terms: its templates have become
// ${VAR}, ${VAR:-default}, ${tfstate:…}, ${ssm:…} and ${cfn:…}. Paths are as the file has them, taken
// from its folder.
type Foreign struct {
	Region, Cluster, Service string
	Task, Definition         string // files; "" where there is none
	Timeout                  string // with its unit
	TFState                  string
	AppSpec                  []byte   // JSON
	Count                    string   // desiredCount of the service's file
	Notes                    []string // what has no counterpart, in words
}

// ReadEcspresso reads a file of ecspresso's, and of the service it names the count. Errors are as
// Load's.
//
// Source: ecspresso's README, "Configuration file" and "Plugins", versions 1 to 3.
func ReadEcspresso(ctx context.Context, path string) (*Foreign, error) {
	doc, err := readForeign(ctx, path)
	if err != nil {
		return nil, err
	}
	if doc.Root.Kind != source.Map || doc.Root.Get("task_definition") == nil {
		return nil, problems(path, source.Problems{doc.At(doc.Root, "name ecspresso's file", "this has no \"task_definition\"")}, "")
	}
	at := func(name string) string { return spelt(text(doc.Root.Get(name))) }
	out := &Foreign{Region: at("region"), Cluster: at("cluster"), Service: at("service"), Task: at("task_definition"), Definition: at("service_definition"), Timeout: at("timeout")}
	if out.Cluster == "" {
		out.Cluster = "default"
	}
	if strings.Trim(out.Timeout, "0123456789.") == "" && out.Timeout != "" {
		out.Timeout += "s"
	}
	if spec := doc.Root.Get("appspec"); spec != nil && spec.Kind == source.Map {
		out.AppSpec = []byte(spelt(string(spec.JSON())))
	}
	if doc.Root.Get("codedeploy") != nil {
		out.Notes = append(out.Notes, "\"codedeploy\" is left out: the deployment group that names the service is found by itself")
	}
	for _, k := range doc.Root.Keys {
		if !slices.Contains([]string{"region", "cluster", "service", "task_definition", "service_definition", "timeout", "appspec", "codedeploy", "plugins", "required_version", "filter_command"}, k.Name) {
			out.Notes = append(out.Notes, fmt.Sprintf("%q is left out: it has no counterpart", k.Name))
		}
	}
	if err := out.plugins(doc, path); err != nil {
		return nil, err
	}
	out.count(ctx, filepath.Dir(path))
	return out, nil
}

// plugins notes where Terraform's state is. CloudFormation, SSM and Secrets Manager need no plugin.
func (f *Foreign) plugins(doc *source.Doc, path string) error {
	list := doc.Root.Get("plugins")
	if list == nil {
		return nil
	}
	for _, p := range list.Items {
		name := text(p.Get("name"))
		if prefix := p.Get("func_prefix"); prefix != nil {
			return problems(path, source.Problems{doc.At(prefix, "keep one state, without a prefix, and give what the others have as variables", "functions with a prefix are not known to slipway")}, "")
		}
		switch strings.ToLower(name) {
		case "tfstate":
			if f.TFState != "" {
				return problems(path, source.Problems{doc.At(p, "keep one, and give what the others have as variables", "slipway reads one Terraform state")}, "")
			}
			f.TFState = spelt(text(p.Get("config").Get("path")))
			if f.TFState == "" {
				f.TFState = strings.TrimPrefix(spelt(text(p.Get("config").Get("url"))), "file://")
			}
		case "cloudformation", "ssm", "secretsmanager":
		default:
			f.Notes = append(f.Notes, fmt.Sprintf("the plugin %q is left out: write what its functions give as variables", name))
		}
	}
	return nil
}

// count reads desiredCount, which a deploy of ecspresso's sends when the file has it.
func (f *Foreign) count(ctx context.Context, dir string) {
	if f.Definition == "" || strings.Contains(f.Definition, "${") {
		return
	}
	path := f.Definition
	if !filepath.IsAbs(path) {
		path = filepath.Join(dir, path)
	}
	doc, err := readForeign(ctx, path)
	if err != nil {
		f.Notes = append(f.Notes, fmt.Sprintf("'count' is left out, so a deploy leaves it alone: %s cannot be read without its values", filepath.Base(path)))
		return
	}
	for _, name := range []string{"desiredCount", "DesiredCount"} {
		if n := doc.Root.Get(name); n != nil {
			f.Count = spelt(text(n))
		}
	}
}

// dollar stands for the dollar of ${…} until those of the file's own have been doubled.
const dollar = "\ue0ff"

// spelt doubles a text's dollars and gives those that stand for templates.
func spelt(s string) string {
	return strings.ReplaceAll(strings.ReplaceAll(s, "$", "$$"), dollar, "$")
}

// readForeign reads a file and writes ${…} for what it calls.
func readForeign(ctx context.Context, path string) (*source.Doc, error) {
	text, err := read(path)
	if err != nil {
		return nil, err
	}
	var doc *source.Doc
	if source.IsJsonnet(path) {
		doc, err = source.Jsonnet(ctx, path, text, source.Reading{Natives: spellings.natives(), Funcs: spellings.funcs()})
	} else {
		doc, err = source.Templated(path, text, spellings.funcs())
	}
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if err != nil {
		return nil, problems(path, err, "")
	}
	return doc, nil
}

// spellings write what ecspresso's functions ask for as slipway.yaml has it.
var spellings = calls{
	{name: "must_env", params: []string{"name"}, least: 1, most: 1, call: func(args []string) (any, error) { return dollar + "{" + args[0] + "}", nil }},
	{name: "env", params: []string{"name", "default"}, least: 1, call: func(args []string) (any, error) {
		if len(args) == 1 {
			return dollar + "{" + args[0] + "}", nil
		}
		out := args[len(args)-1]
		for _, name := range slices.Backward(args[:len(args)-1]) {
			out = dollar + "{" + name + ":-" + out + "}"
		}
		return out, nil
	}},
	{name: "json_escape", least: 1, most: 1, call: func(args []string) (any, error) { return args[0], nil }},
	{name: "tfstate", params: []string{"address"}, least: 1, most: 1, call: func(args []string) (any, error) { return ofState(args[0]), nil }},
	{name: "tfstatef", least: 1, call: func(args []string) (any, error) {
		values := make([]any, len(args)-1)
		for i, a := range args[1:] {
			values[i] = a
		}
		return ofState(fmt.Sprintf(args[0], values...)), nil
	}},
	{name: "ssm", params: []string{"name"}, least: 1, most: 1, call: func(args []string) (any, error) { return dollar + "{ssm:" + args[0] + "}", nil }},
	{name: "cfn_output", params: []string{"stack", "output"}, least: 2, most: 2, call: func(args []string) (any, error) {
		return dollar + "{cfn:" + args[0] + "." + args[1] + "}", nil
	}},
	{name: "cfn_export", params: []string{"name"}, least: 1, most: 1, call: func([]string) (any, error) {
		return nil, fail.New("file.source", "name the stack's output: ${cfn:Stack.Output}", "slipway.yaml cannot ask for exports")
	}},
	{name: "secretsmanager_arn", params: []string{"id"}, least: 1, most: 1, call: func([]string) (any, error) {
		return nil, fail.New("file.source", "write the ARN, or a variable", "slipway.yaml cannot ask for ARNs of secrets")
	}},
}

func ofState(address string) string {
	return dollar + "{tfstate:" + strings.ReplaceAll(address, "'", "\"") + "}"
}
