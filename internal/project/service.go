package project

import (
	"slices"
	"strings"

	"github.com/slipway-ecs/slipway/internal/source"
)

func (d *decoder) service(k source.Key) (*Service, error) {
	n := k.Value
	s := &Service{Key: k.Name, Name: k.Name, Engine: EngineAuto}
	if name := n.Get("name"); name != nil {
		s.Name = name.Text
	}
	var err error
	if s.Task, err = d.definition(n.Get("task"), taskShape); err != nil {
		return nil, err
	}
	if s.Service, err = d.definition(n.Get("service"), plainShape); err != nil {
		return nil, err
	}
	s.Images, s.Env, s.Secrets = texts(n.Get("images")), nested(n.Get("env")), nested(n.Get("secrets"))
	d.bothWays(n)
	s.Pin = text(n.Get("pin")) == "digest"
	if count := n.Get("count"); count != nil {
		s.Count = d.whole(count)
	}
	if e := n.Get("engine"); e != nil {
		s.Engine = Engine(e.Text)
	}
	if s.AppSpec, err = d.definition(n.Get("appspec"), asWritten); err != nil {
		return nil, err
	}
	s.Strategy = d.strategy(n.Get("strategy"))
	s.Hooks = append(d.hooks(n.Get("hooks")), d.approval(n.Get("approve"), s.Strategy)...)
	slices.SortStableFunc(s.Hooks, func(a, b Hook) int { return slices.Index(points, a.Point) - slices.Index(points, b.Point) })
	d.route(n, s)
	if t := d.duration(n.Get("timeout")); t != nil {
		if s.Timeout = *t; s.Timeout <= 0 {
			d.add(n.Get("timeout"), "leave it out for 1h", "\"timeout\" of %s is no time to watch for", n.Get("timeout").Text)
		}
	}
	return s, nil
}

// bothWays refuses a name that is set as a variable and as a secret.
func (d *decoder) bothWays(n *source.Node) {
	secrets := n.Get("secrets")
	if secrets == nil {
		return
	}
	for _, c := range secrets.Keys {
		for _, k := range c.Value.Keys {
			if n.Get("env").Get(c.Name).Get(k.Name) != nil {
				d.add(k.Value, "keep one of the two", "%s of container %s is in \"env\" as well", k.Name, c.Name)
			}
		}
	}
}

// route refuses hooks at points that the strategy does not pass.
func (d *decoder) route(n *source.Node, s *Service) {
	if s.Strategy == nil || s.Strategy.Type.Shifts() {
		return
	}
	for _, h := range s.Hooks {
		switch h.Point {
		case PointTestTraffic, PointBeforeShift, PointShifted:
			d.add(&source.Node{Line: h.Line, Column: d.column(n, h)}, "put it at scaled, or use blue-green, canary or linear",
				"a %s deployment does not pass %q: it moves no traffic between two sides", s.Strategy.Type, h.Point)
		}
	}
}

// column finds where a hook begins.
func (d *decoder) column(n *source.Node, h Hook) int {
	if list := n.Get("hooks").Get(string(h.Point)); list != nil {
		for _, i := range list.Items {
			if i.Line == h.Line {
				return i.Column
			}
		}
	}
	if a := n.Get("approve"); a != nil {
		return a.Column
	}
	return 1
}

func (d *decoder) task(k source.Key, p *Project) Task {
	n := k.Value
	t := Task{Key: k.Name, Service: n.Get("service").Text, Container: text(n.Get("container")),
		Command: words(n.Get("command")), Env: texts(n.Get("env"))}
	if to := d.duration(n.Get("timeout")); to != nil {
		t.Timeout = *to
	}
	var keys []string
	for _, s := range p.Services {
		if s.Key == t.Service {
			return t
		}
		keys = append(keys, s.Key)
	}
	d.add(n.Get("service"), near(t.Service, keys), "there is no service %q", t.Service)
	return t
}

// named refuses hooks that name a task there is none of.
func (d *decoder) named(p *Project) {
	d.services(p)
	var keys []string
	for _, t := range p.Tasks {
		keys = append(keys, t.Key)
	}
	for _, s := range d.doc.Root.Get("services").Keys {
		hooks := s.Value.Get("hooks")
		if hooks == nil {
			continue
		}
		for _, p := range hooks.Keys {
			for _, h := range p.Value.Items {
				if t := h.Get("task"); t != nil && !slices.Contains(keys, t.Text) {
					d.add(t, near(t.Text, keys), "there is no task %q below \"tasks\"", t.Text)
				}
			}
		}
	}
}

// nameBytes are what ECS allows in names of services, of which there may be mostName.
const (
	nameBytes = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_"
	mostName  = 255
)

// services refuses names that ECS would, and one name for two services.
func (d *decoder) services(p *Project) {
	keys := map[string]string{}
	for i, k := range d.doc.Root.Get("services").Keys {
		s, at := p.Services[i], k.Value.Get("name")
		if at == nil {
			at = &source.Node{Line: k.Line, Column: k.Column}
		}
		switch other, taken := keys[s.Name]; {
		case strings.Trim(s.Name, nameBytes) != "" || s.Name == "" || len(s.Name) > mostName:
			d.add(at, "use at most 255 letters, digits, hyphens and underscores; 'name:' names another than the key", "%q is no name of an ECS service", s.Name)
		case taken:
			d.add(at, "give one of them another 'name:'", "%q and %q are both the ECS service %q", other, s.Key, s.Name)
		}
		keys[s.Name] = s.Key
	}
}

// Containers gives the containers a service's images, environment and secrets speak of, sorted.
func (s *Service) Containers() []string {
	var names []string
	for c := range s.Images {
		names = append(names, c)
	}
	for c := range s.Env {
		names = append(names, c)
	}
	for c := range s.Secrets {
		names = append(names, c)
	}
	slices.Sort(names)
	return slices.Compact(names)
}
