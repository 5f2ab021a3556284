package project

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/slipway-ecs/slipway/internal/fail"
	"github.com/slipway-ecs/slipway/internal/source"
)

// Beside gives the project's file in a folder: slipway.yaml, slipway.yml or slipway.jsonnet, or ""
// where there is none of them.
func Beside(dir string) string { return first(dir, File, "slipway.yml", "slipway.jsonnet") }

// first gives the first of some files that is there.
func first(dir string, names ...string) string {
	for _, name := range names {
		if _, err := os.Stat(filepath.Join(dir, name)); !errors.Is(err, fs.ErrNotExist) {
			return filepath.Join(dir, name)
		}
	}
	return ""
}

// Options say how a file is read.
type Options struct {
	Environment string // of the file's 'environments'; "": none
	Cluster     string // said elsewhere, so that the file need not have one; "" asks the file for it
	Service     string // the one that is meant, by its key, its ECS name or a task of it, of which alone values are asked for; "", or one that is not there: all
	One         bool   // one is to be meant: where none is, nothing but the names of those there are is asked for
	Unasked     bool   // nothing but Var and what slipway.yaml names is asked; a definition's call of another source gives a word that names nothing
	Var         func(name string) (value string, set bool)
	Version     string // slipway's own, held against 'requires:'; "" and what is no release fit all
	// Source gives what ${kind:arg} stands for where that is not on this machine: ssm and cfn, and for
	// tfstate the text of the state at a URL. Nil: they are problems.
	Source func(ctx context.Context, where AWS, kind, arg string) (string, error)
}

// Load reads a project's file and those it names, which are looked for beside it. Errors have code
// "file.…": missing, requires, or wrong with source.Problems, which have lines and
// carets; an environment there is none of is "usage.environment".
func Load(ctx context.Context, path string, o Options) (*Project, error) {
	if o.Var == nil {
		o.Var = func(string) (string, bool) { return "", false }
	}
	doc, err := parse(ctx, path, o.Var)
	if f := fail.Of(err); f != nil && f.Code == "file.missing" {
		f.Hint = "name another with --file, or deploy from flags: slipway deploy SERVICE --cluster C --image CONTAINER=REF"
		if other := Ecspresso(filepath.Dir(path)); other != "" {
			f.Hint = fmt.Sprintf("write one over the files of %s: slipway init --from %s", filepath.Base(other), other)
		}
	}
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if err != nil || doc.Root.Get("task_definition") != nil {
		if _, e := ReadEcspresso(ctx, path); e == nil {
			return nil, fail.New("file.ecspresso", "write a slipway.yaml over the same files: slipway init --from "+path, "%s is a file of ecspresso's", filepath.Base(path))
		}
	}
	if err != nil {
		return nil, err
	}
	if err := fits(doc, path, o.Version); err != nil {
		return nil, err
	}
	schema := Schema()
	problems, err := split(doc.Check(schema))
	if err != nil {
		return nil, err
	}
	if doc.Root.Kind != source.Map {
		return nil, wrong(path, problems)
	}
	lacks, err := split(choose(doc, path, o))
	if err != nil {
		return nil, err
	}
	problems = append(problems, lacks...)
	f := filler(ctx, doc, path, o)
	more, err := split(f.fill(problems))
	if err != nil {
		return nil, err
	}
	if problems = append(problems, more...); len(problems) > 0 {
		return nil, wrong(path, problems)
	}
	if err := doc.Check(schema); err != nil {
		return nil, wrong(path, err)
	}
	return f.decode()
}

// split tells problems of a file from other errors.
func split(err error) (source.Problems, error) {
	if ps, ok := err.(source.Problems); ok { //nolint:errorlint // Check and Fill give it bare
		return ps, nil
	}
	return nil, err
}

// choose lays an environment over the document and takes 'environments' away.
func choose(doc *source.Doc, path string, o Options) error {
	name := o.Environment
	all := doc.Root.Get("environments")
	var names []string
	if all != nil {
		for _, k := range all.Keys {
			names = append(names, k.Name)
		}
	}
	doc.Drop("environments")
	if name == "" {
		hint := "add it: cluster: NAME"
		if len(names) > 0 {
			hint = "add it, or choose an environment that has one: --env " + names[0]
		}
		return clustered(doc, o, hint)
	}
	over := all.Get(name)
	if over == nil {
		hint := "there are " + strings.Join(names, ", ")
		if len(names) == 0 {
			hint = "it has no 'environments'"
		} else if near := source.Nearest(name, names); near != "" {
			hint = fmt.Sprintf("did you mean %q?", near)
		}
		return fail.New("usage.environment", hint, "%s has no environment %q", filepath.Base(path), name)
	}
	if over.Kind == source.Map {
		doc.Overlay(over, name)
	}
	return clustered(doc, o, "add it, there or to the environment "+name)
}

// clustered asks for a cluster, which the file, the environment or a flag has.
func clustered(doc *source.Doc, o Options, hint string) error {
	if o.Cluster != "" || doc.Root.Get("cluster") != nil {
		return nil
	}
	return source.Problems{doc.At(doc.Root, hint, "the file lacks \"cluster\"")}
}

// decode makes a project of a document that is filled.
func (f *filling) decode() (*Project, error) {
	doc, path := f.doc, f.path
	var raw struct {
		App     string `json:"app"`
		AWS     AWS    `json:"aws"`
		Cluster string `json:"cluster"`
	}
	if err := doc.Decode(&raw); err != nil {
		return nil, wrong(path, err)
	}
	p := &Project{Path: path, App: raw.App, Environment: f.o.Environment, AWS: raw.AWS, TFState: text(doc.Root.Get("tfstate")), Cluster: raw.Cluster, Values: values(doc), Merged: doc.Root.JSON()}
	d := &decoder{doc: doc, filling: f}
	for _, k := range doc.Root.Get("services").Keys {
		s, err := d.service(k)
		if err != nil {
			return nil, err
		}
		p.Services = append(p.Services, *s)
	}
	if tasks := doc.Root.Get("tasks"); tasks != nil {
		for _, k := range tasks.Keys {
			p.Tasks = append(p.Tasks, d.task(k, p))
		}
	}
	d.named(p)
	p.Asked = slices.SortedFunc(maps.Keys(f.asked), func(a, b Asked) int { return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Arg, b.Arg)) })
	if len(d.problems) > 0 {
		return nil, wrong(path, d.problems)
	}
	return p, nil
}

// parse reads a project's file.
func parse(ctx context.Context, path string, lookup func(string) (string, bool)) (*source.Doc, error) {
	text, err := read(path)
	if err != nil {
		return nil, err
	}
	var doc *source.Doc
	if source.IsJsonnet(path) {
		doc, err = source.Jsonnet(ctx, path, text, source.Reading{Natives: ofEnvironment(lookup).natives(), Filled: true})
	} else {
		doc, err = source.Parse(path, text)
	}
	if err != nil {
		return nil, wrong(path, err)
	}
	return doc, nil
}

func read(path string) ([]byte, error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fail.New("file.missing", "", "there is no file %q", path)
	}
	if err != nil {
		return nil, fail.Wrap(err, "file.unreadable", "", "read %q", path)
	}
	return text, nil
}
