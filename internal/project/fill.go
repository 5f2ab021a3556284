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
var kinds = []string{"git", "file", "ssm", "cfn", "tfstate"}

// filling is a document being filled.
type filling struct {
	ctx     context.Context //nolint:containedctx // lives as long as one fill
	doc     *source.Doc     // nil where there are definitions alone
	path    string          // of the document
	dir     string          // of the file, from which paths are taken
	o       Options
	aws     *AWS             // once it is known; nil before
	tfstate string           // as the file says where it is; with doc it is there
	asked   map[Asked]string // what sources of AWS said
	state   *state           // Terraform's, once it was asked for
	lost    error            // why it cannot be had
}

func filler(ctx context.Context, doc *source.Doc, path string, o Options) *filling {
	return &filling{ctx: ctx, doc: doc, path: path, dir: filepath.Dir(path), o: o, asked: map[Asked]string{}}
}

// fill puts variables and sources into a document. The block 'aws' comes first and takes variables
// and what is on this machine alone: the others are asked with it. Where one service is meant, the
// others go before they are asked for; wrong is what the file has been found to have already.
func (f *filling) fill(wrong source.Problems) error {
	doc := f.doc
	values := source.Values{Var: f.o.Var, Source: f.source}
	var problems source.Problems
	for _, part := range []*source.Node{doc.Root.Get("tfstate"), doc.Root.Get("aws")} {
		if part == nil {
			continue
		}
		some, err := split(doc.Fill(values, part))
		if err != nil {
			return err
		}
		problems = append(problems, some...)
	}
	aws := doc.Root.Get("aws")
	f.aws = &AWS{Region: text(aws.Get("region")), Account: text(aws.Get("account")), Profile: text(aws.Get("profile")), Role: text(aws.Get("role"))}
	if len(wrong) == 0 {
		f.narrow(values)
	}
	rest, err := split(doc.Fill(values))
	if err != nil {
		return err
	}
	if problems = append(problems, rest...); len(problems) > 0 {
		return problems
	}
	return nil
}

// narrow takes away the services that nobody means: all but the one that is meant, those of the tasks
// that its hooks run, and theirs. Where one is to be meant and none is, nothing is asked of any of
// them: their names are left, for Pick to say. The document has been found to fit the schema.
func (f *filling) narrow(values source.Values) {
	services, tasks := f.doc.Root.Get("services"), f.doc.Root.Get("tasks")
	meant := f.meant(services, tasks, values)
	if meant == "" {
		if f.o.One && (f.o.Service != "" || len(services.Keys) > 1) {
			for _, k := range services.Keys {
				services = services.With(k.Name, k.Value.Only(func(m source.Key) bool { return m.Name == "name" && !strings.Contains(m.Value.Text, "$") }))
			}
			f.keep(services, tasks, func(string) bool { return false })
		}
		return
	}
	keep, todo := map[string]bool{}, []string{meant}
	for len(todo) > 0 {
		key := todo[0]
		todo = todo[1:]
		if keep[key] {
			continue
		}
		keep[key] = true
		hooks := services.Get(key).Get("hooks")
		if hooks == nil {
			continue
		}
		for _, point := range hooks.Keys {
			for _, h := range point.Value.Items {
				task := h.Get("task")
				if task == nil {
					continue
				}
				of := tasks.Get(task.Text).Get("service")
				if of == nil || services.Get(of.Text) == nil {
					return // a variable, or a mistake that is told with all the file
				}
				todo = append(todo, of.Text)
			}
		}
	}
	f.keep(services.Only(func(k source.Key) bool { return keep[k.Name] }), tasks, func(service string) bool { return keep[service] })
}

// keep leaves the document these services, and the tasks of those that are kept.
func (f *filling) keep(services, tasks *source.Node, kept func(service string) bool) {
	f.doc.Root = f.doc.Root.With("services", services)
	if tasks != nil {
		f.doc.Root = f.doc.Root.With("tasks", tasks.Only(func(k source.Key) bool { return kept(text(k.Value.Get("service"))) }))
	}
}

// meant gives the key of the service that is meant, or whose task is, or "".
func (f *filling) meant(services, tasks *source.Node, values source.Values) string {
	if f.o.Service == "" || services.Get(f.o.Service) != nil {
		return f.o.Service
	}
	if of := text(tasks.Get(f.o.Service).Get("service")); services.Get(of) != nil {
		return of
	}
	for _, k := range services.Keys {
		name := k.Value.Get("name")
		if name == nil {
			continue
		}
		filled := *name // of the file's own, what cannot be filled is told later
		if err := f.doc.Fill(values, &filled); err == nil && filled.Text == f.o.Service {
			return k.Name
		}
	}
	return ""
}

// source gives what ${kind:arg} stands for.
func (f *filling) source(kind, arg string) (string, error) {
	switch kind {
	case "ssm", "cfn":
		return f.remote(kind, arg)
	case "tfstate":
		s, err := f.terraform()
		if err != nil {
			return "", err
		}
		return s.lookup(arg)
	}
	return onMachine(f.ctx, f.dir, kind, arg)
}

// remote asks what is not on this machine, each thing once.
func (f *filling) remote(kind, arg string) (string, error) {
	if f.aws == nil {
		return "", fail.New("file.source", "use a variable or write it down", "${%s:…} cannot stand below \"aws\": it is asked there", kind)
	}
	if v, ok := f.asked[Asked{kind, arg}]; ok {
		return v, nil
	}
	if f.o.Source == nil {
		return "", fail.New("file.source", "write the value down", "${%s:%s} cannot be asked for here", kind, arg)
	}
	v, err := f.o.Source(f.ctx, *f.aws, kind, arg)
	if err == nil {
		f.asked[Asked{kind, arg}] = v
	}
	return v, err
}

// terraform reads the state that 'tfstate' names, once.
func (f *filling) terraform() (*state, error) {
	if f.state != nil || f.lost != nil {
		return f.state, f.lost
	}
	where := f.tfstate
	if f.doc != nil {
		where = text(f.doc.Root.Get("tfstate"))
	}
	if where == "" {
		where = StateFile
	}
	if elsewhere(where) {
		if f.aws == nil {
			return nil, fail.New("file.source", "use a variable or write it down", "${tfstate:…} cannot stand here: the state is asked with \"aws\"")
		}
		answer, err := f.remote("tfstate", where)
		if err == nil {
			f.state, err = readState([]byte(answer), where)
		}
		f.lost = err
		return f.state, f.lost
	}
	path := where
	if !filepath.IsAbs(path) {
		path = filepath.Join(f.dir, path)
	}
	answer, err := os.ReadFile(path)
	if err != nil {
		f.lost = fail.New("file.source", "say where it is, with 'tfstate: PATH' or 'tfstate: s3://BUCKET/KEY'", "there is no Terraform state %q", where)
		return nil, f.lost
	}
	f.state, f.lost = readState(answer, where)
	return f.state, f.lost
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
