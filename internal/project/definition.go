package project

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/slipway-ecs/slipway/internal/source"
)

// shape is what a file in AWS's own shape may differ by from what its API takes.
type shape int

const (
	asWritten  shape = iota // an appspec: taken as it is
	plainShape              // a service: keys may begin with a capital, and it may be one that was described
	taskShape               // a task definition: the same, and it may stand below "taskDefinition"
)

// Definition reads a task definition in AWS's own shape from a file, YAML, JSON or Jsonnet, and gives
// it as JSON: a dollar in a command is a dollar, ecspresso's templates are carried out, and of what
// describe-task-definition prints the definition counts. What it asks is asked with p's 'aws' and of
// p's 'tfstate'; p may be nil. Errors are as Load's.
func Definition(ctx context.Context, path string, p *Project, o Options) ([]byte, error) {
	if o.Var == nil {
		o.Var = func(string) (string, bool) { return "", false }
	}
	f := filler(ctx, nil, path, o)
	f.dir, f.aws = ".", &AWS{}
	if p != nil {
		f.dir, f.aws, f.tfstate = filepath.Dir(p.Path), &p.AWS, p.TFState
	}
	return f.definition(path, taskShape)
}

// definition gives what stands inline, or in the file a string names.
func (d *decoder) definition(n *source.Node, s shape) ([]byte, error) {
	switch {
	case n == nil:
		return nil, nil
	case n.Kind == source.Map:
		return n.JSON(), nil
	}
	path := n.Text
	if !filepath.IsAbs(path) {
		path = filepath.Join(d.filling.dir, path)
	}
	switch _, err := os.ReadFile(path); {
	case errors.Is(err, fs.ErrNotExist):
		d.add(n, "paths are taken from the folder of this file", "there is no file %q", path)
		return nil, nil
	case err != nil:
		d.add(n, "name a file that can be read", "%q cannot be read: %v", path, errors.Unwrap(err))
		return nil, nil
	}
	return d.filling.definition(path, s)
}

func (f *filling) definition(path string, s shape) ([]byte, error) {
	text, err := read(path)
	if err != nil {
		return nil, err
	}
	calls := f.calls()
	var doc *source.Doc
	if source.IsJsonnet(path) {
		doc, err = source.Jsonnet(f.ctx, path, text, source.Reading{Natives: calls.natives(), Roots: []string{f.dir}, Funcs: calls.funcs()})
	} else {
		doc, err = source.Templated(path, text, calls.funcs())
	}
	if f.ctx.Err() != nil {
		return nil, f.ctx.Err()
	}
	if err != nil {
		return nil, problems(path, err, "")
	}
	if doc.Root.Kind != source.Map {
		return nil, problems(path, source.Problems{doc.At(doc.Root, "", "this is not a map of members")}, "")
	}
	if s == asWritten {
		return doc.Root.JSON(), nil
	}
	var twice source.Problems
	recase(doc, doc.Root, &twice)
	if len(twice) > 0 {
		return nil, problems(path, twice, "")
	}
	root := doc.Root
	if inner := root.Get("taskDefinition"); s == taskShape && inner != nil && inner.Kind == source.Map && root.Get("containerDefinitions") == nil {
		if tags := root.Get("tags"); tags != nil && inner.Get("tags") == nil {
			inner.Keys = append(inner.Keys, source.Key{Name: "tags", Value: tags})
		}
		root = inner
	}
	if s == plainShape {
		root = root.Only(func(k source.Key) bool { return !slices.Contains(described, k.Name) })
	}
	return root.JSON(), nil
}

// described are the members of a described service that CreateService does not take.
//
// Source: the ECS model, Service against CreateServiceRequest.
var described = []string{"serviceArn", "clusterArn", "status", "runningCount", "pendingCount", "platformFamily", "taskSets", "deployments", "roleArn",
	"events", "createdAt", "createdBy", "currentServiceDeployment", "currentServiceRevisions"}

// free are the members whose keys are somebody's own words.
//
// Source: the ECS model, members that are maps of strings, and hookDetails, a document.
var free = []string{"dockerLabels", "options", "driverOpts", "labels", "hookDetails"}

// enums are members that have one of some words, of which an empty one is none: tools that print an
// SDK's structs write "" for what is not set.
//
// Source: the ECS model, RegisterTaskDefinitionRequest and CreateServiceRequest.
var enums = []string{"appProtocol", "protocol", "ipcMode", "pidMode", "networkMode", "launchType", "schedulingStrategy", "propagateTags",
	"availabilityZoneRebalancing", "versionConsistency", "transitEncryption", "iam", "cpuArchitecture", "operatingSystemFamily", "logDriver",
	"resourceManagementType", "scope", "condition", "type", "accessType"}

// recase gives the keys of a definition the small letter that ECS's API has them begin with, and
// drops enums without a word: tools that print an SDK's structs write a capital.
func recase(doc *source.Doc, n *source.Node, problems *source.Problems) {
	for _, i := range n.Items {
		recase(doc, i, problems)
	}
	for i := range n.Keys {
		k := &n.Keys[i]
		if k.Name != "" && k.Name[0] >= 'A' && k.Name[0] <= 'Z' {
			name := strings.ToLower(k.Name[:1]) + k.Name[1:]
			if slices.ContainsFunc(n.Keys, func(o source.Key) bool { return o.Name == name }) {
				*problems = append(*problems, doc.At(&source.Node{Line: k.Line, Column: k.Column}, "keep one of the two", "%q and %q are one key", k.Name, name))
			}
			k.Name = name
		}
		if !slices.Contains(free, k.Name) {
			recase(doc, k.Value, problems)
		}
	}
	n.Keys = slices.DeleteFunc(n.Keys, func(k source.Key) bool {
		return k.Value.Kind == source.String && k.Value.Text == "" && slices.Contains(enums, k.Name)
	})
}
