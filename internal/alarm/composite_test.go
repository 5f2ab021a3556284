package alarm

import (
	"strings"
	"testing"
)

func TestACompositeRuleIsDecidedByItsChildren(t *testing.T) {
	t.Parallel()
	states := map[string]State{"a": Alarm, "b c": OK, "d": InsufficientData, "arn:aws:cloudwatch:us-east-1:1:alarm:e": Alarm}
	for rule, want := range map[string]bool{
		"ALARM(a)": true, `ALARM("b c")`: false, "OK(b c)": true, "INSUFFICIENT_DATA(d)": true, "alarm ( a )": true,
		"ALARM(arn:aws:cloudwatch:us-east-1:1:alarm:e)": true, "TRUE": true, "FALSE": false, "NOT ALARM(a)": false, "NOT NOT TRUE": true,
		`ALARM(a) AND ALARM("b c")`: false, `ALARM(a) OR ALARM("b c")`: true, "TRUE OR TRUE AND FALSE": true, "(TRUE OR TRUE) AND FALSE": false,
		`(ALARM(a) AND NOT OK(d)) OR FALSE`: true, "NOT (ALARM(a) OR OK(d))": false,
	} {
		c, err := ParseComposite(rule)
		if err != nil {
			t.Errorf("%s: %v", rule, err)
			continue
		}
		if got := c.Holds(func(child string) State { return states[child] }); got != want {
			t.Errorf("%s: got %t", rule, got)
		}
	}
	c, err := ParseComposite("ALARM(x) OR OK(y) OR ALARM(x)")
	if got := strings.Join(c.Children(), ","); err != nil || got != "x,y" {
		t.Errorf("children: got %s, %v", got, err)
	}
	for _, bad := range []string{"", "ALARM", "ALARM()", "ALARM(a", `ALARM("a)`, "ALARM(a) ALARM(b)", "a", "NOT", "(TRUE", "TRUE AND", "ALARM(a)) "} {
		if _, err := ParseComposite(bad); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
}
