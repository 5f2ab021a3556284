package strategy

import (
	"fmt"
	"time"

	"github.com/slipway-ecs/slipway/internal/rollout"
)

// CodeDeploy's life-cycle events of a deployment to ECS, in order.
const (
	BeforeInstall         rollout.Name = "BeforeInstall"
	Install               rollout.Name = "Install"
	AfterInstall          rollout.Name = "AfterInstall"
	AllowTestTraffic      rollout.Name = "AllowTestTraffic"
	AfterAllowTestTraffic rollout.Name = "AfterAllowTestTraffic"
	BeforeAllowTraffic    rollout.Name = "BeforeAllowTraffic"
	AllowTraffic          rollout.Name = "AllowTraffic"
	AfterAllowTraffic     rollout.Name = "AfterAllowTraffic"
)

// What follows CodeDeploy's life-cycle events. These are stages of ours, without an event.
const (
	WaitForTraffic     rollout.Name = "ReadyWait"
	WaitForTermination rollout.Name = "TerminationWait"
	Termination        rollout.Name = "Termination"
)

// Config is how a CodeDeploy deployment moves its traffic. The zero value is all at once.
type Config struct {
	Share  rollout.Share // of a step, in whole percents; 0 or 10000 is all at once
	Every  time.Duration // between steps
	Linear bool          // step after step; otherwise one step and then the rest
}

// presets are CodeDeploy's own configurations for ECS. Source: codedeploy.md 3.1.
var presets = [...]struct {
	name   string
	config Config
}{
	{"CodeDeployDefault.ECSAllAtOnce", Config{}},
	{"CodeDeployDefault.ECSCanary10Percent5Minutes", Config{Share: 1000, Every: 5 * time.Minute}},
	{"CodeDeployDefault.ECSCanary10Percent15Minutes", Config{Share: 1000, Every: 15 * time.Minute}},
	{"CodeDeployDefault.ECSLinear10PercentEvery1Minutes", Config{Share: 1000, Every: time.Minute, Linear: true}},
	{"CodeDeployDefault.ECSLinear10PercentEvery3Minutes", Config{Share: 1000, Every: 3 * time.Minute, Linear: true}},
}

// Presets gives the names of CodeDeploy's own configurations for ECS, in AWS's order.
func Presets() []string {
	names := make([]string, 0, len(presets))
	for _, p := range presets {
		names = append(names, p.name)
	}
	return names
}

// Preset gives one of CodeDeploy's own configurations for ECS by its full name.
func Preset(name string) (Config, bool) {
	for _, p := range presets {
		if p.name == name {
			return p.config, true
		}
	}
	return Config{}, false
}

// CodeDeploy is a deployment that CodeDeploy drives. Common.Bake is the wait before the
// original tasks are terminated; Hooked are life-cycle events that have a hook.
type CodeDeploy struct {
	Common
	Config    Config
	Test      bool // there is a test listener: the events of test traffic happen
	ReadyWait bool // traffic waits for a verdict of the gate "ReadyWait" (ContinueDeployment)
	Keep      bool // the original tasks are kept: no Termination
}

// Plan gives the plan of a CodeDeploy deployment. The first step of its shift happens at once
// and no pause follows the last, so linear 10 % every minute ends nine minutes later.
//
// Source: codedeploy.md 2 (11, 17), 3.1 and 8.4.
func (c CodeDeploy) Plan() *rollout.Plan {
	b := c.builder()
	b.beside(c.Desired)
	b.gate(BeforeInstall)
	b.add(rollout.Stage{Name: Install, Kind: rollout.Surge})
	b.gate(AfterInstall)
	if c.Test {
		b.shift(AllowTestTraffic, rollout.Test, rollout.All, string(AllowTestTraffic))
		b.gate(AfterAllowTestTraffic)
	}
	if c.ReadyWait {
		b.add(rollout.Stage{Name: WaitForTraffic, Kind: rollout.Gate, Gate: string(WaitForTraffic)})
	}
	b.gate(BeforeAllowTraffic)
	steps := c.Config.steps()
	for i, share := range steps {
		b.shift(AllowTraffic, rollout.Production, share, fmt.Sprintf("%s/%d", AllowTraffic, i+1))
		if i+1 < len(steps) && c.Config.Every > 0 {
			b.add(rollout.Stage{Name: AllowTraffic, Kind: rollout.Hold, For: c.Config.Every})
		}
	}
	b.gate(AfterAllowTraffic)
	if c.Keep {
		return &b.plan
	}
	if c.Bake > 0 {
		b.add(rollout.Stage{Name: WaitForTermination, Kind: rollout.Hold, For: c.Bake})
	}
	b.add(rollout.Stage{Name: Termination, Kind: rollout.Retire})
	return &b.plan
}

func (c Config) steps() []rollout.Share {
	switch {
	case c.Linear:
		return Steps(c.Share)
	case c.Share <= 0 || c.Share >= rollout.All:
		return Steps(rollout.All)
	}
	return []rollout.Share{c.Share, rollout.All}
}
