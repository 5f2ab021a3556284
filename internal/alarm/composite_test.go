package alarm

import (
	"strings"
	"testing"
)

func TestACompositeRuleIsDecidedByItsChildren(t *testing.T) {
	t.Parallel()
	states := map[string]State{"a": Alarm, "b c": OK, "d": InsufficientData, "arn:aws:cloudwatch:us-east-1:1:alarm:e": Alarm}
	for rule, want := range map[string]bool{
		"ALARM(a)": true, `ALARM("b c")`: false, `OK("b c")`: true, "INSUFFICIENT_DATA(d)": true, "alarm ( a )": true,
		"ALARM(arn:aws:cloudwatch:us-east-1:1:alarm:e)": true, "TRUE": true, "FALSE": false, "NOT ALARM(a)": false, "NOT NOT TRUE": true,
		`ALARM(a) AND ALARM("b c")`: false, `ALARM(a) OR ALARM("b c")`: true, "TRUE OR TRUE AND FALSE": true, "(TRUE OR TRUE) AND FALSE": false,
		`(ALARM(a) AND NOT OK(d)) OR FALSE`: true, "NOT (ALARM(a) OR OK(d))": false,
		`AT_LEAST(1, ALARM, (a, "b c", d))`: true, `AT_LEAST(2, ALARM, (a, "b c", d))`: false, `AT_LEAST(2, NOT ALARM, (a, "b c", d))`: true,
		`AT_LEAST(34%, ALARM, (a, "b c", d))`: false, `AT_LEAST(33%, ALARM, (a, "b c", d)) AND TRUE`: true, `NOT AT_LEAST( 100% , OK , ( "b c" ) )`: false,
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
	for _, bad := range []string{
		"", "ALARM", "ALARM()", "ALARM(a", `ALARM("a)`, "ALARM(a) ALARM(b)", "a", "NOT", "(TRUE", "TRUE AND", "ALARM(a)) ", "ALARM(a, b)",
		"AT_LEAST(0, ALARM, (a))", "AT_LEAST(101%, ALARM, (a))", "AT_LEAST(1, a, (a))", "AT_LEAST(1, ALARM, a)", "AT_LEAST(1, ALARM, ())", "AT_LEAST(1, ALARM, (a)",
	} {
		if _, err := ParseComposite(bad); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
	for bad, want := range map[string]string{
		"()": "Unsupported token ')' at char 1",
		"(ALARM(arn:aws:cloudwatch:eu-west-1:123456789012:alarm:SampleQueue Oldest Age Alarm))": "Unsupported token 'Oldest' at char 67, must be: ')'",
		"OR ALARM(a)": "Unsupported token 'OR' at char 0, must be: '(', 'NOT', AT_LEAST, TRUE or FALSE, ALARM, OK, or INSUFFICIENT_DATA",
	} {
		if _, err := ParseComposite(bad); err == nil || err.Error() != want {
			t.Errorf("%q: got %v, want %s", bad, err, want)
		}
	}
}
