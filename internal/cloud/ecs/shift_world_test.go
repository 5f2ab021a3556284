package ecs

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/slipway-ecs/slipway/internal/cloud"
	"github.com/slipway-ecs/slipway/internal/names"
	"github.com/slipway-ecs/slipway/internal/store"
)

const (
	productionRule = "arn:aws:elasticloadbalancing:eu-west-1:123456789012:listener-rule/app/edge/1/2/3"
	testRule       = "arn:aws:elasticloadbalancing:eu-west-1:123456789012:listener-rule/app/edge/1/4/5"
	hookFunction   = "arn:aws:lambda:eu-west-1:123456789012:function:check"
	hookRole       = "arn:aws:iam::123456789012:role/hooks"
)

// shifted is balanced, with two groups and rules to shift traffic by.
func shifted(in *sdk.CreateServiceInput, c *types.DeploymentConfiguration) *sdk.CreateServiceInput {
	balanced(in).LoadBalancers[0].AdvancedConfiguration = &types.AdvancedConfiguration{
		AlternateTargetGroupArn: new(greenGroup), ProductionListenerRule: new(productionRule), TestListenerRule: new(testRule),
		RoleArn: new("arn:aws:iam::123456789012:role/infrastructure"),
	}
	in.DeploymentConfiguration = c
	return in
}

func shiftBy(s types.DeploymentStrategy) *types.DeploymentConfiguration {
	c := &types.DeploymentConfiguration{Strategy: s, BakeTimeInMinutes: new(int32(1))}
	switch s {
	case types.DeploymentStrategyLinear:
		c.LinearConfiguration = &types.LinearConfiguration{StepPercent: new(33.0), StepBakeTimeInMinutes: new(int32(1))}
	case types.DeploymentStrategyCanary:
		c.CanaryConfiguration = &types.CanaryConfiguration{CanaryPercent: new(10.5), CanaryBakeTimeInMinutes: new(int32(1))}
	}
	return c
}

// pausedAt adds a pause hook.
func pausedAt(c *types.DeploymentConfiguration, stages ...types.DeploymentLifecycleHookStage) *types.DeploymentConfiguration {
	c.LifecycleHooks = append(c.LifecycleHooks, types.DeploymentLifecycleHook{
		TargetType: types.DeploymentLifecycleHookTargetTypePause, LifecycleStages: stages,
	})
	return c
}

// hookedAt adds a Lambda hook.
func hookedAt(c *types.DeploymentConfiguration, stages ...types.DeploymentLifecycleHookStage) *types.DeploymentConfiguration {
	c.LifecycleHooks = append(c.LifecycleHooks, types.DeploymentLifecycleHook{
		HookTargetArn: new(hookFunction), RoleArn: new(hookRole), LifecycleStages: stages,
	})
	return c
}

// route puts the rules as a user has them before the first deployment.
func (h *harbour) route() {
	h.t.Helper()
	err := h.store.Update(func(tx *store.Tx) error {
		h.piers.rules.Put(tx, sluice{ARN: productionRule, Weights: []Weight{{Group: harbourGroup, Weight: 1}, {Group: greenGroup, Weight: 0}}})
		h.piers.rules.Put(tx, sluice{ARN: testRule, Weights: []Weight{{Group: harbourGroup, Weight: 1}}})
		return nil
	})
	if err != nil {
		h.t.Fatal(err)
	}
}

// forward makes a rule forward as somebody else wants it.
func (h *harbour) forward(rule string, weights []Weight) {
	h.t.Helper()
	err := h.store.Update(func(tx *store.Tx) error {
		h.piers.rules.Put(tx, sluice{ARN: rule, Weights: weights})
		return nil
	})
	if err != nil {
		h.t.Fatal(err)
	}
}

// weights gives how a rule forwards: "100/0", of the first and the second group.
func (h *harbour) weights(rule string) (text string) {
	h.t.Helper()
	err := h.store.View(func(tx *store.Tx) error {
		all, _ := h.piers.Weights(tx, rule)
		n := map[string]int{}
		for _, w := range all {
			n[w.Group] = w.Weight
		}
		text = fmt.Sprintf("%d/%d", n[harbourGroup], n[greenGroup])
		return nil
	})
	if err != nil {
		h.t.Fatal(err)
	}
	return text
}

// diary notes each stage of the newest deployment with the weights there, in order.
type diary struct {
	room  *Service
	piers *piers
	pages map[string][]string // by digits

	check  func(tx *store.Tx, row *Deployment) string // says what is wrong; may be nil
	broken []string
}

func (d *diary) Name() string { return "test.diary" }

func (d *diary) Watches() []cloud.Watch {
	return []cloud.Watch{
		cloud.On(d.room.deployments, func(row *Deployment) string { return row.Key }),
		{Table: d.piers.rules.Name(), Keys: func(store.Change) []string { return nil }},
	}
}

func (d *diary) Keep(tx *store.Tx, key string) (cloud.Result, error) {
	row, ok := d.room.deployments.Get(tx, key)
	if !ok {
		return cloud.Result{}, nil
	}
	if d.check != nil {
		if wrong := d.check(tx, &row); wrong != "" {
			d.broken = append(d.broken, tx.Now().Format(time.TimeOnly)+": "+wrong)
		}
	}
	production, _ := d.piers.Weights(tx, productionRule)
	test, _ := d.piers.Weights(tx, testRule)
	page := fmt.Sprintf("%s %s %d|%d", row.Deploying, row.Plan.At(row.State), partIn(production, greenGroup)/10, partIn(test, greenGroup)/10)
	if pages := d.pages[row.Digits]; len(pages) == 0 || pages[len(pages)-1] != page {
		d.pages[row.Digits] = append(pages, page)
	}
	return cloud.Result{}, nil
}

// lambda answers for functions, and notes what it was asked.
type lambda struct {
	mu     sync.Mutex
	answer func(stage string, call int) (string, error)
	asked  []event
}

type event struct {
	ExecutionID      string `json:"executionId"`
	LifecycleStage   string `json:"lifecycleStage"`
	ResourceArn      string `json:"resourceArn"`
	ExecutionDetails struct {
		ServiceArn               string             `json:"serviceArn"`
		TargetServiceRevisionArn string             `json:"targetServiceRevisionArn"`
		TestTrafficWeights       map[string]float64 `json:"testTrafficWeights"`
		ProductionTrafficWeights map[string]float64 `json:"productionTrafficWeights"`
	} `json:"executionDetails"`
	HookDetails json.RawMessage `json:"hookDetails"`
}

func (l *lambda) Invoke(_ context.Context, _ names.Scope, function string, payload []byte) ([]byte, string, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	var e event
	if err := json.Unmarshal(payload, &e); err != nil {
		return nil, "", err
	}
	l.asked = append(l.asked, e)
	if l.answer == nil {
		return []byte(`{"hookStatus":"SUCCEEDED"}`), "", nil
	}
	text, err := l.answer(e.LifecycleStage, len(l.asked))
	return []byte(text), "", err
}

// stages gives the stages it was asked in, in order.
func (l *lambda) stages() (all []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, e := range l.asked {
		all = append(all, e.LifecycleStage)
	}
	return all
}

// newest gives the newest service deployment.
func (h *harbour) newest() *types.ServiceDeployment { return &h.deployments()[0] }

// reaches waits until the newest service deployment has a status.
func (h *harbour) reaches(status types.ServiceDeploymentStatus) *types.ServiceDeployment {
	h.t.Helper()
	h.within(40*time.Hour, string(status), func() bool { return h.status() == status })
	return h.newest()
}

// at waits until the newest service deployment is in a stage.
func (h *harbour) at(stage string) *types.ServiceDeployment {
	h.t.Helper()
	h.within(40*time.Hour, stage, func() bool { return string(h.newest().LifecycleStage) == stage })
	return h.newest()
}

// pauses gives the ids of the pause hooks that await somebody.
func (h *harbour) pauses() (ids []string) {
	for _, d := range h.newest().LifecycleHookDetails {
		if d.Status == types.DeploymentLifecycleHookStatusAwaitingAction {
			ids = append(ids, *d.HookId)
		}
	}
	return ids
}

func (h *harbour) goOn(id string, action types.DeploymentLifecycleHookAction) error {
	_, err := h.room.ContinueServiceDeployment(h.ctx, &sdk.ContinueServiceDeploymentInput{
		ServiceDeploymentArn: h.newest().ServiceDeploymentArn, HookId: new(id), Action: action,
	})
	return err
}

func (h *harbour) stopIt() {
	h.t.Helper()
	if _, err := h.room.StopServiceDeployment(h.ctx, &sdk.StopServiceDeploymentInput{ServiceDeploymentArn: h.newest().ServiceDeploymentArn}); err != nil {
		h.t.Fatal(err)
	}
}

// digitsOf gives the last part of a service revision's ARN.
func digitsOf(arn *string) string { return names.Last(*arn) }

// groupsIn gives the groups in which the running tasks of a revision are registered.
func (h *harbour) groupsIn(digits string) (groups []string) {
	for _, t := range h.tasks() {
		for _, g := range t.Targets {
			if t.Deployment == digits && t.Desired == "RUNNING" && !slices.Contains(groups, g.Group) {
				groups = append(groups, g.Group)
			}
		}
	}
	return groups
}
