package demo

import (
	"fmt"
	"time"

	"github.com/slipway-ecs/slipway/internal/project"
)

// Story is what a demo plays: how new versions take over, and which are deployed.
type Story struct {
	Name  string
	About string // how new versions take over, for people
	Takes string // about how long it goes on at DefaultSpeed

	strategy *project.Strategy // as in slipway.yaml; nil leaves the service its rolling
	config   string            // CodeDeploy's deployment configuration, where CodeDeploy deploys the service
	brisk    bool              // targets are checked and let go as fast as AWS allows, for real time
	acts     []act
}

// DefaultSpeed makes AWS's waits short enough for each story to take less than 90 seconds.
const DefaultSpeed = 30

// act is a deployment of the story, with what is promised of it.
type act struct {
	from, to string
	about    string
	status   string // the verdict it must end with
	cause    string // what the cause must speak of
	spares   string // whose requests must not fail; "" is everybody's but the version's own
	hidden   bool   // production must never see it
}

func (a act) name() string { return a.from + " → " + a.to }

// Statuses of verdicts.
const (
	Succeeded  = "succeeded"
	RolledBack = "rolled back"
)

// Stories gives all stories there are, the first of which is told where none is named.
func Stories() []Story {
	return []Story{
		{Name: "rolling", About: "rolling 100/200", Takes: "45 s", acts: []act{
			{from: "v1", to: "v2", about: "a good version, rolling 100/200", status: Succeeded, spares: "everybody"},
			{from: "v2", to: "v3", about: "its health check fails", status: RolledBack, cause: "circuit breaker", spares: "everybody"},
			{from: "v2", to: "v4", about: "healthy, but a tenth of its answers are errors", status: RolledBack, cause: "alarm"},
		}},
		shifting("blue-green", "all traffic at once, then a bake of 4 minutes", "40 s",
			project.Strategy{Type: project.BlueGreen, Bake: minutes(4)}),
		shifting("canary", "10 % of traffic for 5 minutes, then all of it, then a bake of 2 minutes", "50 s",
			project.Strategy{Type: project.Canary, Bake: minutes(2), Canary: &project.Step{Percent: new(10.0), Bake: minutes(5)}}),
		shifting("linear", "25 % of traffic more every 2 minutes, then a bake of 4 minutes", "60 s",
			project.Strategy{Type: project.Linear, Bake: minutes(4), Linear: &project.Step{Percent: new(25.0), Bake: minutes(2)}}),
		byCodeDeploy("codedeploy", "by CodeDeploy: 10 % of traffic for 5 minutes, all of it, the old tasks 2 minutes more", "50 s",
			"CodeDeployDefault.ECSCanary10Percent5Minutes"),
	}
}

// byCodeDeploy is a story of a service that CodeDeploy deploys: traffic shifts as in the others.
func byCodeDeploy(name, about, takes, config string) Story {
	return Story{Name: name, About: about, Takes: takes, config: config, acts: shiftingActs("a good version, " + about)}
}

// shifting is a story of two full sets of tasks between which traffic moves.
func shifting(name, about, takes string, s project.Strategy) Story {
	s.Alarms = []string{alarm}
	return Story{Name: name, About: about, Takes: takes, strategy: &s, acts: shiftingActs("a good version, " + name + ": " + about)}
}

// shiftingActs are the acts of stories in which traffic shifts; good tells of the first.
func shiftingActs(good string) []act {
	return []act{
		{from: "v1", to: "v2", about: good, status: Succeeded, spares: "everybody"},
		{from: "v2", to: "v3", about: "it fails its test on the test listener", status: RolledBack, cause: "probe", spares: "everybody", hidden: true},
		{from: "v2", to: "v4", about: "it passes its test and turns bad under production traffic", status: RolledBack, cause: "alarm"},
	}
}

func minutes(n int) *time.Duration { return new(time.Duration(n) * time.Minute) }

// shifts reports whether traffic moves between two target groups.
func (s Story) shifts() bool { return s.strategy != nil || s.driven() }

// groups gives the names of the target groups.
func (s Story) groups() []string {
	if !s.shifts() {
		return []string{service}
	}
	return []string{service + "-blue", service + "-green"}
}

// driven reports whether CodeDeploy deploys the service.
func (s Story) driven() bool { return s.config != "" }

// entry gives what slipway.yaml would say of the service: its strategy, and the test that each new
// version has to pass on the test listener before production sees it.
func (s Story) entry() *project.Service {
	if !s.shifts() {
		return nil
	}
	point := project.PointTestTraffic
	if s.driven() {
		point = project.PointBeforeShift // where the deployment group waits for an answer; its test route leads to the new version by then
	}
	return &project.Service{Key: service, Name: service, Strategy: s.strategy, Hooks: []project.Hook{{
		Point: point,
		Probe: &project.Probe{Route: "test", Path: "/", From: 200, To: 299, Count: tests, Every: time.Second / 4},
	}}}
}

// begins says what the story begins with.
func (s Story) begins(url, test string) string {
	if !s.shifts() {
		return fmt.Sprintf("a cluster, a load balancer at %s, an alarm on errors, a service of %d tasks of v1", url, desired)
	}
	more := ""
	if s.driven() {
		more = ", an application and a deployment group of CodeDeploy's"
	}
	return fmt.Sprintf("a cluster, a load balancer at %s with a test listener at %s, two target groups, an alarm on errors, a service of %d tasks of v1%s",
		url, test, desired, more)
}
