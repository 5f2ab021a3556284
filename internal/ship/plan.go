package ship

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/slipway-ecs/slipway/internal/fail"
	"github.com/slipway-ecs/slipway/internal/sdk"
	"github.com/slipway-ecs/slipway/internal/wire"
)

// Plan is what a deploy will do, how long that takes, and what is wrong beforehand. It is plain data
// with a stable JSON form, in which it can be saved and held against the live service later.
type Plan struct {
	Version  int      `json:"version"` // of this form: 1
	Cluster  string   `json:"cluster"`
	Service  string   `json:"service"`
	Basis    Basis    `json:"basis"`
	Creates  bool     `json:"creates,omitempty"`
	Engine   string   `json:"engine"` // ecs or codedeploy
	Why      string   `json:"why"`
	Strategy string   `json:"strategy"`
	Changes  []Change `json:"changes"`
	Steps    []Timed  `json:"steps"`
	Total    Timed    `json:"total"`
	Peak     int      `json:"peak"` // most tasks alive at once
	Room     string   `json:"room"` // whether they fit
	Actions  []string `json:"actions"`
	Rollback Timed    `json:"rollback"`
	Wrong    []Wrong  `json:"wrong"`
	Missed   []string `json:"missed,omitempty"` // what could not be looked at
}

// Basis is the live service that a plan was made for.
type Basis struct {
	TaskDefinition string `json:"taskDefinition,omitempty"` // ARN; empty where there was no service
	Deployment     string `json:"deployment,omitempty"`     // of the primary one
	Desired        int32  `json:"desired"`
	Settings       string `json:"settings,omitempty"` // a hash of how the service deploys
	Wanted         string `json:"wanted"`             // a hash of the definition that is to run
	Asked          string `json:"asked,omitempty"`    // a hash of the settings and the count that are asked for
}

// Timed is a step with its expected time as a range.
type Timed struct {
	Name   string `json:"name"`
	Least  int    `json:"leastSeconds"`
	Most   int    `json:"mostSeconds"`
	Source string `json:"source"`
}

// Wrong is something that is wrong beforehand.
type Wrong struct {
	Code string `json:"code"`
	Text string `json:"text"`
	Hint string `json:"hint"`
}

// What is assumed where nothing is known.
const (
	startLeast          = 5 * time.Second // from asking for a task to its containers running
	startMost           = 60 * time.Second
	plainHealth         = 40 * time.Second // without any health check; ECS's own
	deregistrationDelay = 300 * time.Second
	stopTimeout         = 30 * time.Second
	shiftMost           = 30 * time.Second // for one change of weights
)

// settings gives the load balancers and the deployment configuration that the deploy will have.
func (p *Proposal) settings() ([]types.LoadBalancer, types.DeploymentConfiguration) {
	var c types.DeploymentConfiguration
	var balancers []types.LoadBalancer
	if p.Live != nil {
		c, balancers = *configurationOf(p.Live), p.Live.LoadBalancers
		c.LifecycleHooks = withoutPauses(c.LifecycleHooks, tagsOf(p.Live))
	}
	// Members of p.Update come from strictly read files or from the SDK's own structs.
	in := &ecs.CreateServiceInput{DeploymentConfiguration: &c, LoadBalancers: balancers}
	if raw, err := encode(sdk.Tree{"deploymentConfiguration": p.Update["deploymentConfiguration"], "loadBalancers": p.Update["loadBalancers"]}); err == nil {
		sent := &ecs.CreateServiceInput{}
		if wire.Unmarshal(raw, sent) == nil {
			in = sent
		}
	}
	if in.LoadBalancers != nil {
		balancers = in.LoadBalancers
	}
	if d := in.DeploymentConfiguration; d != nil {
		c = over(c, *d)
	}
	return balancers, c
}

// over lays a partial configuration over another, as UpdateService does.
func over(c, d types.DeploymentConfiguration) types.DeploymentConfiguration {
	if d.Strategy != "" {
		c.Strategy = d.Strategy
	}
	if d.Alarms != nil {
		c.Alarms = d.Alarms
	}
	if d.DeploymentCircuitBreaker != nil {
		c.DeploymentCircuitBreaker = d.DeploymentCircuitBreaker
	}
	if d.LifecycleHooks != nil {
		c.LifecycleHooks = d.LifecycleHooks
	}
	for _, m := range []struct{ to, from **int32 }{{&c.BakeTimeInMinutes, &d.BakeTimeInMinutes}, {&c.MaximumPercent, &d.MaximumPercent}, {&c.MinimumHealthyPercent, &d.MinimumHealthyPercent}} {
		if *m.from != nil {
			*m.to = *m.from
		}
	}
	if d.CanaryConfiguration != nil {
		c.CanaryConfiguration = d.CanaryConfiguration
	}
	if d.LinearConfiguration != nil {
		c.LinearConfiguration = d.LinearConfiguration
	}
	return c
}

// desired gives how many tasks the service will want.
func (p *Proposal) desired() int {
	switch n := p.Update["desiredCount"].(type) {
	case int32:
		return int(n)
	case json.Number:
		if v, err := n.Int64(); err == nil {
			return int(v)
		}
	}
	if p.Live != nil {
		return int(p.Live.DesiredCount)
	}
	return 0
}

// NewPlan works a plan out from a proposal and what is known around it. It calls nobody.
func NewPlan(p *Proposal, f Facts) *Plan {
	balancers, c := p.settings()
	e := estimate{p: p, f: f, c: c, balanced: len(balancers) > 0, desired: p.desired()}
	out := &Plan{Version: 1, Cluster: p.Cluster, Service: p.Service, Basis: p.basis(), Creates: p.Creates, Changes: p.Changes,
		Strategy: "rolling", Engine: "ecs", Why: "the service's deployment controller is ECS", Missed: f.Missed}
	if out.Changes == nil {
		out.Changes = []Change{}
	}
	if c.Strategy != "" {
		out.Strategy = strings.ReplaceAll(strings.ToLower(string(c.Strategy)), "_", "-")
	}
	if k := e.controller(); k != types.DeploymentControllerTypeEcs {
		out.Engine, out.Why, out.Strategy = strings.ToLower(strings.ReplaceAll(string(k), "_", "")), "the service's deployment controller is "+string(k), "the deployment group's"
	}
	if f.Driven != nil {
		out.Strategy = f.Driven.Strategy
		if f.Driven.By != "" {
			out.Why += ", its deployment group " + f.Driven.By
		}
	}
	out.Peak, out.Room = e.peak()
	out.Steps, out.Rollback = []Timed{}, e.rollback()
	if !p.Empty() {
		out.Steps = e.steps()
	}
	out.Total = e.total(out.Steps)
	out.Actions = e.actions(balancers)
	out.Wrong = e.wrong()
	return out
}

// controller gives who deploys the service, or will once it is made.
func (e *estimate) controller() types.DeploymentControllerType {
	if t, ok := e.p.Update["deploymentController"].(sdk.Tree); ok && e.p.Creates && text(t["type"]) != "" {
		return types.DeploymentControllerType(text(t["type"]))
	}
	return controllerOf(e.p.Live)
}

// BasisOf gives what a plan for a service stands on.
func BasisOf(live *types.Service, wanted sdk.Tree) Basis {
	b := Basis{Wanted: hash(normal(wanted))}
	if live == nil {
		return b
	}
	b.TaskDefinition, b.Desired = aws.ToString(live.TaskDefinition), live.DesiredCount
	if d := primary(live); d != nil {
		b.Deployment = aws.ToString(d.Id)
	}
	for _, t := range live.TaskSets {
		if aws.ToString(t.Status) == "PRIMARY" {
			b.Deployment = aws.ToString(t.Id)
		}
	}
	settings, err := treeOf(&ecs.CreateServiceInput{DeploymentConfiguration: live.DeploymentConfiguration, LoadBalancers: live.LoadBalancers, NetworkConfiguration: live.NetworkConfiguration})
	if err == nil { // an SDK struct always has a form on the wire
		b.Settings = hash(compact(settings))
	}
	return b
}

func hash(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("ship: a tree is no JSON: %v", err)) // trees come from JSON
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:8])
}

// ReadPlan reads a saved plan.
func ReadPlan(text []byte) (*Plan, error) {
	p := &Plan{}
	if err := json.Unmarshal(text, p); err != nil || p.Version != 1 {
		return nil, fail.New("file.plan", "make it by `slipway plan --out FILE`", "this is no plan of this version")
	}
	return p, nil
}

// CheckPlan refuses a saved plan when the live service has moved on since; live is nil where there
// is none. The error has the code "plan.stale".
func CheckPlan(p *Plan, live *types.Service) error {
	now := BasisOf(live, nil)
	moved := ""
	switch {
	case now.TaskDefinition != p.Basis.TaskDefinition:
		moved = fmt.Sprintf("it runs %s now, and the plan was made for %s", orNothing(now.TaskDefinition), orNothing(p.Basis.TaskDefinition))
	case now.Deployment != p.Basis.Deployment:
		moved = "it was deployed again since"
	case now.Desired != p.Basis.Desired:
		moved = fmt.Sprintf("it wants %d tasks now, and wanted %d", now.Desired, p.Basis.Desired)
	case now.Settings != p.Basis.Settings:
		moved = "its settings were changed since"
	default:
		return nil
	}
	return fail.New("plan.stale", "make a new plan: slipway plan --out FILE", "service %q has moved on: %s", p.Service, moved)
}

// CheckWanted refuses a saved plan whose definition, settings or count are not those that are about to be
// deployed. The error has the code "plan.other".
func CheckWanted(p *Plan, wanted, settings sdk.Tree, count *int32) error {
	what := ""
	switch {
	case hash(normal(wanted)) != p.Basis.Wanted:
		what = "for another task definition"
	case p.Basis.Asked != "" && asked(settings, count) != p.Basis.Asked:
		what = "for other settings, or another count, of the service"
	default:
		return nil
	}
	return fail.New("plan.other", "deploy with the file and the flags of the plan, or make a new one", "the plan of service %q is %s", p.Service, what)
}

// basis gives what the plan for a proposal stands on.
func (p *Proposal) basis() Basis {
	b := BasisOf(p.Live, p.Definition)
	b.Asked = asked(p.wanted, p.count)
	return b
}

func asked(settings sdk.Tree, count *int32) string { return hash([]any{compact(settings), count}) }

func orNothing(arn string) string {
	if arn == "" {
		return "nothing"
	}
	return last(arn)
}
