package names_test

import (
	"testing"

	"github.com/slipway-ecs/slipway/internal/names"
)

var here = names.Scope{Account: "123456789012", Region: "us-east-1"}

func TestAnARNPrintsAsItWasRead(t *testing.T) {
	t.Parallel()
	for _, s := range []string{
		"arn:aws:ecs:us-east-1:123456789012:service/prod/web",
		"arn:aws:iam::123456789012:role/web",
		"arn:aws:lambda:us-east-1:123456789012:function:hook:live",
	} {
		a, ok := names.ParseARN(s)
		if !ok || a.String() != s {
			t.Errorf("ParseARN(%q): got %+v, %v", s, a, ok)
		}
	}
	for _, s := range []string{"", "web", "arn:aws:ecs", "arn:aws:ecs:r:a:", "arn::ecs:r:a:x"} {
		if a, ok := names.ParseARN(s); ok {
			t.Errorf("ParseARN(%q): got %+v, want none", s, a)
		}
	}
}

func TestTaskDefinitionReferencesInEveryForm(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		ref, family string
		revision    int
		text        string
	}{
		{"web", "web", 0, ""},
		{"web:3", "web", 3, "3"},
		{"web:x", "web", 0, "x"},
		{"web:0", "web", 0, "0"},
		{here.TaskDefinition("web", 41), "web", 41, "41"},
		{"arn:aws:ecs:us-east-1:123456789012:task-definition/web", "web", 0, ""},
	} {
		if f, r, x := names.TaskDefinitionRef(c.ref); f != c.family || r != c.revision || x != c.text {
			t.Errorf("TaskDefinitionRef(%q): got %q %d %q, want %q %d %q", c.ref, f, r, x, c.family, c.revision, c.text)
		}
	}
}

func TestRulesListenersAndBalancersNameEachOther(t *testing.T) {
	t.Parallel()
	lb := here.LoadBalancer("web", "50dc6c495c0c9188")
	listener := names.ListenerOf(lb, "f2f7dc8efc522ab2")
	rule := names.RuleOf(listener, "9683b2d02a6cabee")
	if want := "arn:aws:elasticloadbalancing:us-east-1:123456789012:listener-rule/app/web/50dc6c495c0c9188/f2f7dc8efc522ab2/9683b2d02a6cabee"; rule != want {
		t.Errorf("rule: got %s, want %s", rule, want)
	}
	if got := names.ListenerOfRule(rule); got != listener {
		t.Errorf("listener of the rule: got %s, want %s", got, listener)
	}
	if got := names.LoadBalancerOfListener(listener); got != lb {
		t.Errorf("balancer of the listener: got %s, want %s", got, lb)
	}
	if got := names.LoadBalancerDimension(lb); got != "app/web/50dc6c495c0c9188" {
		t.Errorf("dimension of the balancer: got %s", got)
	}
	if got := names.TargetGroupDimension(here.TargetGroup("blue", "73e2d6bc24d8a067")); got != "targetgroup/blue/73e2d6bc24d8a067" {
		t.Errorf("dimension of the group: got %s", got)
	}
}

func TestATextKeepsToItsLengthAndCharacters(t *testing.T) {
	t.Parallel()
	rule := names.Text{Min: 1, Max: 5, Of: "A-Za-z0-9_-"}
	for _, s := range []string{"a", "Z", "0", "_", "-", "a-Z_9"} {
		if !rule.MatchString(s) {
			t.Errorf("%q is refused", s)
		}
	}
	for _, s := range []string{"", "abcdef", "a b", "é", "a.", "[", "@"} {
		if rule.MatchString(s) {
			t.Errorf("%q is taken", s)
		}
	}
}
