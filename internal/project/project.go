package project

import (
	"fmt"
	"strings"
	"time"

	"github.com/slipway-ecs/slipway/internal/fail"
	"github.com/slipway-ecs/slipway/internal/source"
)

// File is the name a project's file has where no other is given.
const File = "slipway.yaml"

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
	Asked       []Asked   // what was asked of AWS to read it, in order
	Merged      []byte    // the whole file as it is understood, as JSON in the file's order
}

// Asked is something that was asked for because a file wants it: a kind and an argument of Options.Source.
type Asked struct{ Kind, Arg string }

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
	if p.IsDeployment(name) {
		hint += "; a deployment is named by --deployment ID, or by its ARN"
	}
	return nil, fail.New("usage.service", hint, "the file has no service %q", name)
}

const (
	// shortestID is how long ids of service deployments are at least, and digitsOfIDs what they are made of.
	shortestID  = 20
	digitsOfIDs = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	// lengthOfCodeDeploy is how long what follows the "d-" of CodeDeploy's ids is: capitals and digits.
	lengthOfCodeDeploy = 9
)

// IsDeployment reports whether a word looks like a deployment's id, and not like a service of the file
// that was mistyped.
func (p *Project) IsDeployment(word string) bool {
	var services []string
	for i := range p.Services {
		services = append(services, p.Services[i].Key, p.Services[i].Name)
	}
	if source.Nearest(word, services) != "" {
		return false
	}
	if id, code := strings.CutPrefix(word, "d-"); code && len(id) == lengthOfCodeDeploy {
		return id == strings.ToUpper(id) && strings.Trim(id, digitsOfIDs) == ""
	}
	return strings.HasPrefix(word, "ecs-svc/") || len(word) >= shortestID && strings.Trim(word, digitsOfIDs) == ""
}

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
