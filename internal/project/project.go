package project

import (
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

// Project is what a file says.
type Project struct {
	App      string
	AWS      AWS
	Cluster  string
	Services []Service // in the file's order, at least one
}

// AWS says where and as whom; what is empty comes from the SDK's standard chain.
type AWS struct {
	Region  string `json:"region"`
	Account string `json:"account"` // the account that must answer; 12 digits
	Profile string `json:"profile"`
}

// Service is one service of the file.
type Service struct {
	Key     string
	Name    string                       // of the ECS service
	Task    []byte                       // the task definition as JSON; nil: the live one is edited
	Service []byte                       // CreateService's input as JSON; nil: a missing service is an error
	Images  map[string]string            // by container
	Env     map[string]map[string]string // by container and name
	Count   *int32                       // nil: not sent
	Timeout time.Duration                // how long a deploy is watched; 0: ship's default
}

// Load reads a project's file and those it names, which are looked for beside it. lookup gives
// environment variables. Errors have code "file.…": missing, unreadable, or source.Problems
// with lines and carets.
func Load(path string, lookup func(string) (string, bool)) (*Project, error) {
	doc, err := parse(path)
	if f := fail.Of(err); f != nil && f.Code == "file.missing" {
		f.Hint = "name another with --file, or deploy from flags: slipway deploy SERVICE --cluster C --image CONTAINER=REF"
	}
	if err != nil {
		return nil, err
	}
	if err := doc.Fill(lookup); err != nil {
		return nil, wrong(path, err)
	}
	if err := doc.Check(schema); err != nil {
		return nil, wrong(path, err)
	}
	var raw struct {
		App     string `json:"app"`
		AWS     AWS    `json:"aws"`
		Cluster string `json:"cluster"`
	}
	if err := doc.Decode(&raw); err != nil {
		return nil, wrong(path, err)
	}
	p := &Project{App: raw.App, AWS: raw.AWS, Cluster: raw.Cluster}
	for _, k := range doc.Root.Get("services").Keys {
		s, err := service(doc, k, filepath.Dir(path))
		if err != nil {
			return nil, err
		}
		p.Services = append(p.Services, *s)
	}
	return p, nil
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
	hint := "there are " + strings.Join(keys, ", ")
	if near := source.Nearest(name, keys); near != "" {
		hint = fmt.Sprintf("did you mean %q?", near)
	}
	return nil, fail.New("usage.service", hint, "the file has no service %q", name)
}

// Definition reads a task definition or a service file in AWS's own shape, YAML or JSON, and
// gives it as JSON, unchanged: a dollar in a command is a dollar. Errors are as Load's.
func Definition(path string) ([]byte, error) {
	doc, err := parse(path)
	if err != nil {
		return nil, err
	}
	if doc.Root.Kind != source.Map {
		return nil, wrong(path, source.Problems{doc.At(doc.Root, "", "this is not a map of members")})
	}
	return doc.Root.JSON(), nil
}

func parse(path string) (*source.Doc, error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fail.New("file.missing", "", "there is no file %q", path)
	}
	if err != nil {
		return nil, fail.Wrap(err, "file.unreadable", "", "read %q", path)
	}
	doc, err := source.Parse(path, text)
	if err != nil {
		return nil, wrong(path, err)
	}
	return doc, nil
}

func wrong(path string, err error) error {
	n := 1
	if all := (source.Problems)(nil); errors.As(err, &all) {
		n = len(all)
	}
	what := "a problem"
	if n > 1 {
		what = strconv.Itoa(n) + " problems"
	}
	return fail.Wrap(err, "file.wrong", "`slipway schema` prints what the file may hold", "%s has %s", filepath.Base(path), what)
}

func service(doc *source.Doc, k source.Key, dir string) (*Service, error) {
	s := &Service{Key: k.Name, Name: k.Name}
	n := k.Value
	if name := n.Get("name"); name != nil {
		s.Name = name.Text
	}
	var err error
	if s.Task, err = definition(doc, n.Get("task"), dir); err != nil {
		return nil, err
	}
	if s.Service, err = definition(doc, n.Get("service"), dir); err != nil {
		return nil, err
	}
	s.Images = texts(n.Get("images"))
	if env := n.Get("env"); env != nil {
		s.Env = map[string]map[string]string{}
		for _, c := range env.Keys {
			s.Env[c.Name] = texts(c.Value)
		}
	}
	if count := n.Get("count"); count != nil {
		v, err := strconv.ParseInt(count.Text, 10, 32)
		if err != nil {
			return nil, wrong(doc.Name, source.Problems{doc.At(count, "", "\"count\" is %s, which is no number of tasks", count.Text)})
		}
		s.Count = new(int32(v))
	}
	if t := n.Get("timeout"); t != nil {
		if s.Timeout, err = time.ParseDuration(t.Text); err != nil {
			return nil, wrong(doc.Name, source.Problems{doc.At(t, "", "\"timeout\" is %q, which is no duration", t.Text)})
		}
	}
	return s, nil
}

// definition gives what stands inline, or in the file a string names.
func definition(doc *source.Doc, n *source.Node, dir string) ([]byte, error) {
	switch {
	case n == nil:
		return nil, nil
	case n.Kind == source.Map:
		return n.JSON(), nil
	}
	path := n.Text
	if !filepath.IsAbs(path) {
		path = filepath.Join(dir, path)
	}
	if _, err := os.Stat(path); err != nil {
		return nil, wrong(doc.Name, source.Problems{doc.At(n, "paths are taken from the folder of this file", "there is no file %q", path)})
	}
	return Definition(path)
}

func texts(n *source.Node) map[string]string {
	if n == nil {
		return nil
	}
	out := map[string]string{}
	for _, k := range n.Keys {
		out[k.Name] = k.Value.Text
		if k.Value.Kind == source.Number {
			out[k.Name] = k.Value.Raw // as it was typed: 012 stays 012
		}
	}
	return out
}

// Containers gives the containers a service's images and environment speak of, sorted.
func (s *Service) Containers() []string {
	var names []string
	for c := range s.Images {
		names = append(names, c)
	}
	for c := range s.Env {
		names = append(names, c)
	}
	slices.Sort(names)
	return slices.Compact(names)
}
