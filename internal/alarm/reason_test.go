package alarm_test

import (
	"testing"
	"time"

	"github.com/slipway-ecs/slipway/internal/alarm"
)

func stat(t *testing.T, name string) alarm.Stat {
	t.Helper()
	s, ok := alarm.ParseStat(name)
	if !ok {
		t.Fatalf("%q is no statistic", name)
	}
	return s
}

func TestReasonsAreCloudWatchsSentences(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 20, 23, 51, 13, 0, time.UTC)
	minute := func(back int, v float64) alarm.Point {
		return alarm.Point{At: time.Date(2026, 11, 20, 23, 50-back, 0, 0, time.UTC), Value: v, Samples: v}
	}
	three := alarm.Series{minute(2, 9.2), minute(1, 9.7), minute(0, 8.9)}
	for _, c := range []struct {
		name   string
		rule   alarm.Rule
		points alarm.Series
		prev   alarm.State
		want   string
	}{
		{"one point crossed", alarm.Rule{Periods: 1, Compare: alarm.Greater, Threshold: 21}, alarm.Series{minute(0, 21.5)}, alarm.OK,
			"Threshold Crossed: 1 datapoint [21.5 (20/11/26 23:50:00)] was greater than the threshold (21.0)."},
		{"one point of one, said", alarm.Rule{Periods: 1, Datapoints: 1, Compare: alarm.Greater, Threshold: 21}, alarm.Series{minute(0, 21.5)}, alarm.OK,
			"Threshold Crossed: 1 out of the last 1 datapoints [21.5 (20/11/26 23:50:00)] was greater than the threshold (21.0) (minimum 1 datapoint for OK -> ALARM transition)."},
		{"an alarm at first", alarm.Rule{Periods: 1, Datapoints: 1, Compare: alarm.LessOrEqual, Threshold: 70}, alarm.Series{minute(0, 6.5)}, alarm.InsufficientData,
			"Threshold Crossed: 1 out of the last 1 datapoints [6.5 (20/11/26 23:50:00)] was less than or equal to the threshold (70.0) (minimum 1 datapoint for OK -> ALARM transition)."},
		{"several crossed", alarm.Rule{Periods: 3, Datapoints: 3, Compare: alarm.GreaterOrEqual, Threshold: 7}, three, alarm.OK,
			"Threshold Crossed: 3 out of the last 3 datapoints [8.9 (20/11/26 23:50:00), 9.7 (20/11/26 23:49:00), 9.2 (20/11/26 23:48:00)] were greater than or equal to the threshold (7.0) (minimum 3 datapoints for OK -> ALARM transition)."},
		{"those of several that crossed", alarm.Rule{Periods: 3, Datapoints: 2, Compare: alarm.GreaterOrEqual, Threshold: 9}, three, alarm.OK,
			"Threshold Crossed: 2 out of the last 3 datapoints [9.7 (20/11/26 23:49:00), 9.2 (20/11/26 23:48:00)] were greater than or equal to the threshold (9.0) (minimum 2 datapoints for OK -> ALARM transition)."},
		{"back to OK", alarm.Rule{Periods: 3, Compare: alarm.GreaterOrEqual, Threshold: 80}, three, alarm.Alarm,
			"Threshold Crossed: 3 out of the last 3 datapoints [8.9 (20/11/26 23:50:00), 9.7 (20/11/26 23:49:00), 9.2 (20/11/26 23:48:00)] were not greater than or equal to the threshold (80.0) (minimum 1 datapoint for ALARM -> OK transition)."},
		{"OK at first", alarm.Rule{Periods: 3, Compare: alarm.Less, Threshold: 1}, three, alarm.InsufficientData,
			"Threshold Crossed: 3 out of the last 3 datapoints [8.9 (20/11/26 23:50:00), 9.7 (20/11/26 23:49:00), 9.2 (20/11/26 23:48:00)] were not less than the threshold (1.0)."},
		{"nothing, which breaches", alarm.Rule{Periods: 2, Compare: alarm.Less, Threshold: 1, Missing: alarm.AsBreaching}, nil, alarm.OK,
			"Threshold Crossed: no datapoints were received for 2 periods and 2 missing datapoints were treated as [Breaching]."},
		{"nothing, which is well", alarm.Rule{Periods: 1, Compare: alarm.Less, Threshold: 1, Missing: alarm.AsNotBreaching}, nil, alarm.Alarm,
			"Threshold Crossed: no datapoints were received for 1 period and 1 missing datapoint was treated as [NonBreaching]."},
		{"nothing known", alarm.Rule{Periods: 1, Compare: alarm.Less, Threshold: 1}, nil, alarm.OK, "Insufficient Data: 1 datapoint was unknown."},
		{"nothing known of several", alarm.Rule{Periods: 3, Compare: alarm.Less, Threshold: 1}, nil, alarm.OK, "Insufficient Data: 3 datapoints were unknown."},
		{"some missing", alarm.Rule{Periods: 4, Datapoints: 3, Compare: alarm.Greater, Threshold: 1, Missing: alarm.AsNotBreaching}, three, alarm.OK,
			"Threshold Crossed: 3 datapoints [8.9 (20/11/26 23:50:00), 9.7 (20/11/26 23:49:00), 9.2 (20/11/26 23:48:00)] were greater than the threshold (1.0) and 1 missing datapoint was treated as [NonBreaching] (minimum 3 datapoints for OK -> ALARM transition)."},
	} {
		c.rule.Period = time.Minute
		v := alarm.Eval(c.rule, c.points, c.prev, at)
		if got := alarm.Reason(c.rule, v, c.prev, nil); got != c.want {
			t.Errorf("%s:\ngot  %s\nwant %s", c.name, got, c.want)
		}
	}
}

func TestReasonDataIsCloudWatchsJSON(t *testing.T) {
	t.Parallel()
	internal := time.Date(2001, 1, 1, 0, 51, 13, 0, time.UTC)
	wall := func(at time.Time) time.Time {
		return at.Add(time.Date(2026, 11, 20, 23, 51, 13, 0, time.UTC).Sub(internal))
	}
	r := alarm.Rule{Period: time.Minute, Periods: 1, Compare: alarm.GreaterOrEqual, Threshold: 1, Statistic: stat(t, "Sum")}
	points := alarm.Series{{At: internal.Truncate(time.Minute).Add(-time.Minute), Value: 7, Samples: 7}}
	v := alarm.Eval(r, points, alarm.OK, internal)
	want := `{"version":"1.0","queryDate":"2026-11-20T23:51:13.000+0000","startDate":"2026-11-20T23:50:00.000+0000","statistic":"Sum","period":60,"recentDatapoints":[7.0],"threshold":1.0,"evaluatedDatapoints":[{"timestamp":"2026-11-20T23:50:00.000+0000","sampleCount":7.0,"value":7.0}]}`
	if got := alarm.Data(r, v, internal, wall); got != want {
		t.Errorf("data of one point:\ngot  %s\nwant %s", got, want)
	}
	v = alarm.Eval(r, nil, alarm.OK, internal)
	want = `{"version":"1.0","queryDate":"2026-11-20T23:51:13.000+0000","statistic":"Sum","period":60,"recentDatapoints":[],"threshold":1.0,"evaluatedDatapoints":[{"timestamp":"2026-11-20T23:50:00.000+0000"}]}`
	if got := alarm.Data(r, v, internal, wall); got != want {
		t.Errorf("data of none:\ngot  %s\nwant %s", got, want)
	}
}

func TestNumbersAreWrittenAsJavaWritesDoubles(t *testing.T) {
	t.Parallel()
	for v, want := range map[float64]string{0: "0.0", 7: "7.0", 0.25: "0.25", -3.5: "-3.5", 9999999: "9999999.0", 1e7: "1.0E7", 1.25e9: "1.25E9", 0.00025: "2.5E-4", 0.001: "0.001"} {
		if got := alarm.Number(v); got != want {
			t.Errorf("%v: got %s, want %s", v, got, want)
		}
	}
}
