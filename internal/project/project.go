package project

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/slipway-ecs/slipway/internal/fail"
	"github.com/slipway-ecs/slipway/internal/source"
)

// File is the name a project's file has where no other is given.
const File = "slipway.yaml"

// Beside gives the project's file in a folder: slipway.yaml or slipway.jsonnet, or "" where there is
// neither.
func Beside(dir string) string { return first(dir, File, "slipway.jsonnet") }

// first gives the first of some files that is there.
func first(dir string, names ...string) string {
	for _, name := range names {
		if _, err := os.Stat(filepath.Join(dir, name)); !errors.Is(err, fs.ErrNotExist) {
			return filepath.Join(dir, name)
		}
	}
	return ""
}

// Project is what a file says, one environment laid over it.
type Project struct {
	Path        string
	App         string
	Environment string // "" where none was asked for
	AWS         AWS
	TFState     string // where Terraform's state is, from the file's folder, or a URL; "" where the file does not say
	Cluster     string
	Services    []Service // in the file's order, at least one
	Tasks       []Task    // in the file's order
	Values      []Value   // every value with where it came from, in order
	Merged      []byte    // the whole file as it is understood, as JSON in the file's order
}

// AWS says where and as whom; what is empty comes from the SDK's standard chain.
type AWS struct {
	Region  string `json:"region"`
	Account string `json:"account"` // the account that must answer; 12 digits
	Profile string `json:"profile"`
	Role    string `json:"role"` // ARN of the role to assume
}

// Engine is who drives a deployment.
type Engine string

// The engines.
const (
	EngineAuto       Engine = "auto" // what the service's deployment controller is
	EngineECS        Engine = "ecs"
	EngineCodeDeploy Engine = "codedeploy"
)

// Service is one service of the file.
type Service struct {
	Key      string
	Name     string                       // of the ECS service
	Task     []byte                       // the task definition as JSON; nil: the live one is edited
	Service  []byte                       // CreateService's input as JSON; nil: a missing service is an error
	Images   map[string]string            // by container
	Env      map[string]map[string]string // by container and name
	Secrets  map[string]map[string]string // by container and name; a valueFrom
	Pin      bool                         // deploy digests instead of tags
	Count    *int32                       // nil: not sent
	Engine   Engine                       // EngineAuto where left out
	Strategy *Strategy                    // nil: as the service has it
	AppSpec  []byte                       // CodeDeploy's as JSON; nil: it is made from the service
	Hooks    []Hook                       // in the order of points, then the file's; 'approve:' is among them
	Timeout  time.Duration                // how long a deploy is watched; 0: ship's default
}

// Task is a task that runs once.
type Task struct {
	Key       string
	Service   string // a key of Services: the revision and the network it runs with
	Container string // "": the only one, or the only essential one
	Command   []string
	Env       map[string]string
	Timeout   time.Duration // 0: ship's default
}

// Options say how a file is read.
type Options struct {
	Environment string // of the file's 'environments'; "": none
	Cluster     string // said elsewhere, so that the file need not have one; "" asks the file for it
	Service     string // the one that is meant, by its key, its ECS name or a task of it, of which alone values are asked for; "", or one that is not there: all
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
	if len(d.problems) > 0 {
		return nil, wrong(path, d.problems)
	}
	return p, nil
}

// YAML gives the whole file as it is understood.
func (p *Project) YAML() []byte {
	out, err := source.YAML(p.Merged)
	if err != nil {
		panic("project: JSON of ours is none: " + err.Error())
	}
	return out
}

// Pick gives the service with a key or an ECS name. An empty name is the only service there is.
func (p *Project) Pick(name string) (*Service, error) {
	var keys []string
	for i := range p.Services {
		s := &p.Services[i]
		if s.Key == name || name == "" && len(p.Services) == 1 {
			return s, nil
		}
		keys = append(keys, s.Key)
	}
	for i := range p.Services {
		if p.Services[i].Name == name {
			return &p.Services[i], nil
		}
	}
	if name == "" {
		return nil, fail.New("usage.service", "name one: "+strings.Join(keys, ", "), "there are %d services", len(keys))
	}
	hint := near(name, keys)
	if len(name) > 15 && strings.Trim(name, digitsOfIDs) == "" && source.Nearest(name, keys) == "" {
		hint += "; a deployment is named by --deployment ID, or by its ARN"
	}
	return nil, fail.New("usage.service", hint, "the file has no service %q", name)
}

// digitsOfIDs are what ids of service deployments are made of.
const digitsOfIDs = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

// Task gives the task with a key.
func (p *Project) Task(name string) (*Task, error) {
	var keys []string
	for i := range p.Tasks {
		if p.Tasks[i].Key == name {
			return &p.Tasks[i], nil
		}
		keys = append(keys, p.Tasks[i].Key)
	}
	return nil, fail.New("usage.task", near(name, keys), "the file has no task %q", name)
}

// near hints at what was meant, or at what there is.
func near(typed string, names []string) string {
	if n := source.Nearest(typed, names); n != "" {
		return fmt.Sprintf("did you mean %q?", n)
	}
	if len(names) == 0 {
		return "there is none"
	}
	return "there are " + strings.Join(names, ", ")
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

// wrong gives the problems of a project's file.
func wrong(path string, err error) error {
	return problems(path, err, "`slipway schema` prints what the file may hold")
}

// problems gives the problems of a file.
func problems(path string, err error, hint string) error {
	n := 1
	if all := (source.Problems)(nil); errors.As(err, &all) {
		n = len(all)
		slices.SortStableFunc(all, func(a, b *source.Problem) int {
			if a.Line != b.Line {
				return a.Line - b.Line
			}
			return a.Column - b.Column
		})
	}
	what := "a problem"
	if n > 1 {
		what = strconv.Itoa(n) + " problems"
	}
	return fail.Wrap(err, "file.wrong", hint, "%s has %s", filepath.Base(path), what)
}
