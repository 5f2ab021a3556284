package cloudwatch_test

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/google/go-cmp/cmp"

	"github.com/slipway-ecs/slipway/internal/cloud/cloudwatch"
	"github.com/slipway-ecs/slipway/internal/names"
	"github.com/slipway-ecs/slipway/internal/wire"
)

// still runs f in a bubble of time without a loop.
func still(t *testing.T, o cloudwatch.Options, f func(t *testing.T, w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { f(t, newWorld(t, o)) })
}

func (w *world) put(t *testing.T, data ...types.MetricDatum) {
	t.Helper()
	must[*sdk.PutMetricDataOutput](t)(w.PutMetricData(w.ctx, &sdk.PutMetricDataInput{Namespace: new("Shop"), MetricData: data}))
}

// latency is a datum of milliseconds so long ago.
func latency(ago time.Duration, v float64) types.MetricDatum {
	return types.MetricDatum{MetricName: new("Latency"), Unit: types.StandardUnitMilliseconds, Value: &v, Timestamp: new(time.Now().Add(-ago))}
}

func statistics(period int32, back time.Duration, stats ...types.Statistic) *sdk.GetMetricStatisticsInput {
	return &sdk.GetMetricStatisticsInput{
		Namespace: new("Shop"), MetricName: new("Latency"), Period: &period, Statistics: stats,
		StartTime: new(time.Now().Add(-back)), EndTime: new(time.Now().Add(time.Minute)),
	}
}

func TestStatisticsAreToldByPeriodAndUnit(t *testing.T) {
	t.Parallel()
	still(t, cloudwatch.Options{}, func(t *testing.T, w *world) {
		time.Sleep(30 * time.Second)
		now := time.Now().Truncate(time.Minute)
		seconds := latency(3*time.Minute, 9)
		seconds.Unit = types.StandardUnitSeconds
		w.put(t, latency(0, 10), latency(0, 30), latency(3*time.Minute, 20), seconds,
			types.MetricDatum{MetricName: new("Latency"), Unit: types.StandardUnitMilliseconds, Values: []float64{1, 2}, Counts: []float64{3, 1}, Timestamp: new(time.Now().Add(-2 * time.Minute))},
			types.MetricDatum{MetricName: new("Latency"), Unit: types.StandardUnitMilliseconds, StatisticValues: &types.StatisticSet{SampleCount: new(4.0), Sum: new(10.0), Minimum: new(1.0), Maximum: new(5.0)}, Timestamp: new(time.Now().Add(-time.Minute))})
		in := statistics(60, 5*time.Minute, types.Statistic("").Values()...)
		in.ExtendedStatistics = []string{"p50"}
		out := must[*sdk.GetMetricStatisticsOutput](t)(w.GetMetricStatistics(w.ctx, in))
		point := func(ago int, unit types.StandardUnit, n, sum, least, most float64, p50 map[string]float64) types.Datapoint {
			return types.Datapoint{
				Timestamp: new(now.Add(-time.Duration(ago) * time.Minute).UTC()), Unit: unit, SampleCount: &n, Sum: &sum,
				Average: new(sum / n), Minimum: &least, Maximum: &most, ExtendedStatistics: p50,
			}
		}
		want := []types.Datapoint{
			point(3, "Milliseconds", 1, 20, 20, 20, map[string]float64{"p50": 20}),
			point(3, "Seconds", 1, 9, 9, 9, map[string]float64{"p50": 9}),
			point(2, "Milliseconds", 4, 5, 1, 2, map[string]float64{"p50": 1}),
			point(1, "Milliseconds", 4, 10, 1, 5, nil),
			point(0, "Milliseconds", 2, 40, 10, 30, map[string]float64{"p50": 20}),
		}
		if diff := cmp.Diff(want, out.Datapoints, cmp.AllowUnexported(types.Datapoint{})); diff != "" || *out.Label != "Latency" {
			t.Errorf("by the minute (-want +got):\n%s", diff)
		}
		in = statistics(300, 4*time.Minute+20*time.Second, types.StatisticSum)
		in.Unit = types.StandardUnitMilliseconds
		out = must[*sdk.GetMetricStatisticsOutput](t)(w.GetMetricStatistics(w.ctx, in))
		if len(out.Datapoints) != 1 || *out.Datapoints[0].Sum != 75 || !out.Datapoints[0].Timestamp.Equal(now.Add(-4*time.Minute)) {
			t.Errorf("five minutes from the fourth before now: got %d points, %v, want one of 75 at that minute", len(out.Datapoints), out.Datapoints)
		}
		in.MetricName = new("Nothing")
		if out := must[*sdk.GetMetricStatisticsOutput](t)(w.GetMetricStatistics(w.ctx, in)); out.Datapoints == nil || len(out.Datapoints) != 0 {
			t.Errorf("of a metric that is none: got %v, want an empty list", out.Datapoints)
		}
	})
}

func query(id, stat string) types.MetricDataQuery {
	return types.MetricDataQuery{Id: &id, MetricStat: &types.MetricStat{
		Metric: &types.Metric{Namespace: new("Shop"), MetricName: new("Latency")}, Period: new(int32(60)), Stat: &stat,
	}}
}

func TestSeveralQueriesAreAnsweredAtOnce(t *testing.T) {
	t.Parallel()
	still(t, cloudwatch.Options{}, func(t *testing.T, w *world) {
		w.put(t, latency(2*time.Minute, 10), latency(time.Minute, 30), latency(time.Minute, 50))
		named := query("m3", "p100")
		named.Label = new("slowest")
		hidden := query("m4", "Sum")
		hidden.ReturnData = new(false)
		other := query("m5", "Sum")
		other.MetricStat.Metric.MetricName = new("Nothing")
		again := other
		again.Id = new("m6")
		in := &sdk.GetMetricDataInput{
			MetricDataQueries: []types.MetricDataQuery{query("m1", "Average"), query("m2", "SampleCount"), named, hidden, other, again},
			StartTime:         new(time.Now().Add(-time.Hour)), EndTime: new(time.Now()),
		}
		out := must[*sdk.GetMetricDataOutput](t)(w.GetMetricData(w.ctx, in))
		if out.Messages == nil || out.NextToken != nil {
			t.Errorf("messages %v and token %v, want an empty list and none", out.Messages, out.NextToken)
		}
		got := map[string][]float64{}
		for _, r := range out.MetricDataResults {
			got[*r.Id+" "+*r.Label+" "+string(r.StatusCode)] = r.Values
		}
		want := map[string][]float64{
			"m1 Latency Average Complete": {40, 10}, "m2 Latency SampleCount Complete": {2, 1},
			"m3 slowest Complete": {50, 10}, "m5 Nothing Complete": {}, "m6 Nothing Complete": {},
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("newest first (-want +got):\n%s", diff)
		}
		in.ScanBy = types.ScanByTimestampAscending
		out = must[*sdk.GetMetricDataOutput](t)(w.GetMetricData(w.ctx, in))
		if r := out.MetricDataResults[0]; !cmp.Equal(r.Values, []float64{10, 40}) || !r.Timestamps[0].Before(r.Timestamps[1]) {
			t.Errorf("oldest first: got %v at %v", r.Values, r.Timestamps)
		}
	})
}

func TestSeveralUnitsOfAQueryAreToldOfAndOneIsGiven(t *testing.T) {
	t.Parallel()
	still(t, cloudwatch.Options{}, func(t *testing.T, w *world) {
		in := func(unit types.StandardUnit, v float64) types.MetricDatum {
			d := latency(time.Minute, v)
			d.Unit = unit
			return d
		}
		check := func(want float64, units string, queries ...types.MetricDataQuery) {
			t.Helper()
			r := must[*sdk.GetMetricDataOutput](t)(w.GetMetricData(w.ctx, &sdk.GetMetricDataInput{MetricDataQueries: queries, StartTime: new(time.Now().Add(-time.Hour)), EndTime: new(time.Now())})).MetricDataResults[0]
			told := ""
			if len(r.Messages) == 1 {
				told = *r.Messages[0].Code + ": " + *r.Messages[0].Value
			}
			if !cmp.Equal(r.Values, []float64{want}) || told != units {
				t.Errorf("got %v and %q, want %v and %q", r.Values, told, want, units)
			}
		}
		w.put(t, in(types.StandardUnitSeconds, 60), in(types.StandardUnitMilliseconds, 60000))
		check(60000, "MultipleUnits: Multiple units returned: '[Milliseconds, Seconds]'", query("m1", "Sum"))
		hidden := query("m1", "Sum")
		hidden.ReturnData = new(false)
		check(120000, "", types.MetricDataQuery{Id: new("e"), Expression: new("m1*2")}, hidden)
		seconds := query("m1", "Sum")
		seconds.MetricStat.Unit = types.StandardUnitSeconds
		check(60, "", seconds)
		w.put(t, in(types.StandardUnitCount, 5), in("", 7))
		check(5, "MultipleUnits: Multiple units returned: '[Count, Milliseconds, None, Seconds]'", query("m1", "Sum"))
	})
}

func TestLabelsTellWhatQueriesOfOneMetricDifferIn(t *testing.T) {
	t.Parallel()
	still(t, cloudwatch.Options{}, func(t *testing.T, w *world) {
		for _, c := range []struct {
			stats   [2]string
			periods [2]int32
			want    [2]string
		}{
			{[2]string{"Sum", "Sum"}, [2]int32{60, 60}, [2]string{"Latency", "Latency"}},
			{[2]string{"Sum", "Minimum"}, [2]int32{60, 60}, [2]string{"Latency Sum", "Latency Minimum"}},
			{[2]string{"Sum", "Sum"}, [2]int32{60, 30}, [2]string{"Latency 60", "Latency 30"}},
			{[2]string{"Sum", "Minimum"}, [2]int32{60, 30}, [2]string{"Latency Sum 60", "Latency Minimum 30"}},
		} {
			in := &sdk.GetMetricDataInput{StartTime: new(time.Now().Add(-time.Hour)), EndTime: new(time.Now())}
			for i := range 2 {
				q := query(fmt.Sprintf("m%d", i), c.stats[i])
				q.MetricStat.Period = &c.periods[i]
				in.MetricDataQueries = append(in.MetricDataQueries, q)
			}
			out := must[*sdk.GetMetricDataOutput](t)(w.GetMetricData(w.ctx, in)).MetricDataResults
			if got := [2]string{*out[0].Label, *out[1].Label}; got != c.want {
				t.Errorf("%v by %v: got %q, want %q", c.stats, c.periods, got, c.want)
			}
		}
	})
}

func TestPagesOfDataPointsTogetherAreAllOfThem(t *testing.T) {
	t.Parallel()
	still(t, cloudwatch.Options{}, func(t *testing.T, w *world) {
		for i := range 7 {
			w.put(t, latency(time.Duration(i+1)*time.Minute, float64(i)))
		}
		for most := range int32(16) {
			if most == 0 {
				continue
			}
			in := &sdk.GetMetricDataInput{
				MetricDataQueries: []types.MetricDataQuery{query("a", "Sum"), query("b", "Maximum")}, MaxDatapoints: &most,
				StartTime: new(time.Now().Add(-time.Hour)), EndTime: new(time.Now()),
			}
			got := map[string][]float64{}
			for pages := 0; ; pages++ {
				out := must[*sdk.GetMetricDataOutput](t)(w.GetMetricData(w.ctx, in))
				n := 0
				for _, r := range out.MetricDataResults {
					got[*r.Id] = append(got[*r.Id], r.Values...)
					n += len(r.Values)
				}
				if n > int(most) || pages > 20 {
					t.Fatalf("page %d of at most %d points has %d", pages, most, n)
				}
				if in.NextToken = out.NextToken; in.NextToken == nil {
					break
				}
			}
			want := []float64{0, 1, 2, 3, 4, 5, 6}
			if !cmp.Equal(got["a"], want) || !cmp.Equal(got["b"], want) {
				t.Errorf("pages of %d: got %v, want %v twice", most, got, want)
			}
		}
	})
}

func TestMetricsAreListedByWhatTheyAre(t *testing.T) {
	t.Parallel()
	still(t, cloudwatch.Options{}, func(t *testing.T, w *world) {
		datum := func(name string, dims ...string) types.MetricDatum {
			d := types.MetricDatum{MetricName: &name, Value: new(1.0)}
			for i := 0; i < len(dims); i += 2 {
				d.Dimensions = append(d.Dimensions, types.Dimension{Name: &dims[i], Value: &dims[i+1]})
			}
			return d
		}
		w.put(t, datum("A", "Service", "web", "Zone", "a"), datum("A", "Zone", "a", "Service", "web"), datum("A", "Service", "api"), datum("B"))
		list := func(in *sdk.ListMetricsInput) (got []string) {
			for _, m := range must[*sdk.ListMetricsOutput](t)(w.ListMetrics(w.ctx, in)).Metrics {
				s := *m.MetricName
				for _, d := range m.Dimensions {
					s += " " + *d.Name + "=" + *d.Value
				}
				got = append(got, s)
			}
			return got
		}
		web, api := "A Service=web Zone=a", "A Service=api"
		for _, c := range []struct {
			name string
			in   sdk.ListMetricsInput
			want []string
		}{
			{"all", sdk.ListMetricsInput{}, []string{api, web, "B"}},
			{"by namespace", sdk.ListMetricsInput{Namespace: new("Other")}, nil},
			{"by name", sdk.ListMetricsInput{MetricName: new("B")}, []string{"B"}},
			{"by dimension", sdk.ListMetricsInput{Dimensions: []types.DimensionFilter{{Name: new("Service")}}}, []string{api, web}},
			{"by its value", sdk.ListMetricsInput{Dimensions: []types.DimensionFilter{{Name: new("Service"), Value: new("web")}}}, []string{web}},
			{"by another value", sdk.ListMetricsInput{Dimensions: []types.DimensionFilter{{Name: new("Zone"), Value: new("b")}}}, nil},
			{"active", sdk.ListMetricsInput{RecentlyActive: "PT3H"}, []string{api, web, "B"}},
		} {
			if got := list(&c.in); !cmp.Equal(got, c.want) {
				t.Errorf("%s: got %q, want %q", c.name, got, c.want)
			}
		}
		time.Sleep(4 * time.Hour)
		if got := list(&sdk.ListMetricsInput{RecentlyActive: "PT3H"}); len(got) != 0 {
			t.Errorf("active, four hours later: got %q, want none", got)
		}
		for i := range 600 {
			w.put(t, datum(fmt.Sprintf("C%03d", i)))
		}
		in := &sdk.ListMetricsInput{}
		seen := map[string]bool{}
		for pages := 1; ; pages++ {
			out := must[*sdk.ListMetricsOutput](t)(w.ListMetrics(w.ctx, in))
			for _, m := range out.Metrics {
				seen[fmt.Sprint(*m.MetricName, len(m.Dimensions))] = true
			}
			if in.NextToken = out.NextToken; in.NextToken == nil {
				if pages != 2 || len(seen) != 603 {
					t.Errorf("603 metrics came as %d on %d pages, want 2 pages of 500", len(seen), pages)
				}
				break
			}
		}
	})
}

func TestOtherScopesSeeNothing(t *testing.T) {
	t.Parallel()
	still(t, cloudwatch.Options{}, func(t *testing.T, w *world) {
		w.put(t, latency(0, 1))
		must[*sdk.PutMetricAlarmOutput](t)(w.PutMetricAlarm(w.ctx, errorsAlarm("web")))
		for _, other := range []names.Scope{{Account: home.Account, Region: "eu-west-1"}, {Account: "210987654321", Region: home.Region}} {
			ctx := wire.WithCaller(t.Context(), wire.Caller{Account: other.Account, Region: other.Region})
			if n := len(must[*sdk.ListMetricsOutput](t)(w.ListMetrics(ctx, &sdk.ListMetricsInput{})).Metrics); n != 0 {
				t.Errorf("%v sees %d metrics of another scope", other, n)
			}
			if n := len(must[*sdk.DescribeAlarmsOutput](t)(w.DescribeAlarms(ctx, &sdk.DescribeAlarmsInput{})).MetricAlarms); n != 0 {
				t.Errorf("%v sees %d alarms of another scope", other, n)
			}
			if n := len(must[*sdk.GetMetricStatisticsOutput](t)(w.GetMetricStatistics(ctx, statistics(60, time.Hour, "Sum"))).Datapoints); n != 0 {
				t.Errorf("%v reads %d points of another scope", other, n)
			}
			_, err := w.TagResource(ctx, &sdk.TagResourceInput{ResourceARN: new(cloudwatch.ARN(home, "web")), Tags: []types.Tag{}})
			if got, _ := code(err); got != "ResourceNotFoundException" {
				t.Errorf("%v tags another scope's alarm: got %v", other, err)
			}
		}
	})
}

func TestDataThatIsRefused(t *testing.T) {
	t.Parallel()
	still(t, cloudwatch.Options{}, func(t *testing.T, w *world) {
		one := func(change func(d *types.MetricDatum)) *sdk.PutMetricDataInput {
			d := types.MetricDatum{MetricName: new("m"), Value: new(1.0)}
			change(&d)
			return &sdk.PutMetricDataInput{Namespace: new("Shop"), MetricData: []types.MetricDatum{d}}
		}
		none := func(*types.MetricDatum) {}
		aws := one(none)
		aws.Namespace = new("AWS/EC2")
		colon := one(none)
		colon.Namespace = new(":Shop")
		unnamed := one(none)
		unnamed.Namespace = nil
		many := one(none)
		many.MetricData = make([]types.MetricDatum, 1001)
		dims := make([]types.Dimension, 31)
		two := one(func(d *types.MetricDatum) { d.Value = new(math.NaN()) })
		two.MetricData = append(two.MetricData, types.MetricDatum{MetricName: new("m"), Value: new(1.0)}, types.MetricDatum{MetricName: new("m"), Value: new(1.0), Unit: "Furlongs"})
		const units = "Seconds, Microseconds, Milliseconds, Bytes, Kilobytes, Megabytes, Gigabytes, Terabytes, Bits, Kilobits, Megabits, Gigabits, Terabits, Percent, Count, Bytes/Second, Kilobytes/Second, Megabytes/Second, " +
			"Gigabytes/Second, Terabytes/Second, Bits/Second, Kilobits/Second, Megabits/Second, Gigabits/Second, Terabits/Second, Count/Second, None"
		for _, c := range []struct {
			in        *sdk.PutMetricDataInput
			code, msg string
		}{
			{unnamed, "MissingRequiredParameterException", "The parameter Namespace is required."},
			{colon, "ValidationException", "1 validation error detected: Value ':Shop' at 'namespace' failed to satisfy constraint: Member must satisfy regular expression pattern: [^:].*"},
			{aws, "InvalidParameterValueException", "The value AWS/EC2 for parameter Namespace is invalid."},
			{&sdk.PutMetricDataInput{Namespace: new("Shop")}, "MissingRequiredParameterException", "The parameter MetricData is required."},
			{many, "InvalidParameterValueException", "The collection MetricData must not have a size greater than 1000."},
			{one(func(d *types.MetricDatum) { d.MetricName = nil }), "MissingRequiredParameterException", "The parameter MetricData.member.1.MetricName is required."},
			{one(func(d *types.MetricDatum) { d.Values = []float64{1} }), "InvalidParameterCombinationException", "The parameters MetricData.member.1.Value and MetricData.member.1.Values are mutually exclusive and you have specified both."},
			{one(func(d *types.MetricDatum) { d.StatisticValues = &types.StatisticSet{} }), "InvalidParameterCombinationException", "The parameters MetricData.member.1.Value and MetricData.member.1.StatisticValues are mutually exclusive and you have specified both."},
			{one(func(d *types.MetricDatum) { d.Value, d.Values, d.Counts = nil, []float64{1}, []float64{1, 2} }), "InvalidParameterValueException", "The parameters MetricData.member.1.Values and MetricData.member.1.Counts must be of the same size."},
			{one(func(d *types.MetricDatum) { d.Value, d.Values = nil, make([]float64, 151) }), "InvalidParameterValueException", "The collection MetricData.member.1.Values must not have a size greater than 150."},
			{one(func(d *types.MetricDatum) { d.Value, d.Values, d.Counts = nil, []float64{1}, []float64{-1} }), "InvalidParameterValueException", "The value -1.0 for parameter MetricData.member.1.Counts.member.1 is invalid."},
			{one(func(d *types.MetricDatum) { d.Value = nil }), "MissingRequiredParameterException", "At least one of the parameters MetricData.member.1.Value, MetricData.member.1.Values or MetricData.member.1.StatisticValues must be specified."},
			{one(func(d *types.MetricDatum) { d.Value = new(math.NaN()) }), "InvalidParameterValueException", "The value NaN for parameter MetricData.member.1.Value is invalid."},
			{one(func(d *types.MetricDatum) { d.Value = new(math.Inf(-1)) }), "InvalidParameterValueException", "The value -Infinity for parameter MetricData.member.1.Value is invalid."},
			{one(func(d *types.MetricDatum) { d.Value = new(1e300) }), "InvalidParameterValueException", "The value 1.0E300 for parameter MetricData.member.1.Value is invalid."},
			{one(func(d *types.MetricDatum) { d.Value, d.StatisticValues = nil, &types.StatisticSet{Sum: new(1.0)} }), "MissingRequiredParameterException", "The parameter MetricData.member.1.StatisticValues.SampleCount is required."},
			{one(func(d *types.MetricDatum) { d.Timestamp = new(time.Now().Add(-15 * 24 * time.Hour)) }), "InvalidParameterValueException", "The parameter MetricData.member.1.Timestamp must specify a time within the past two weeks."},
			{one(func(d *types.MetricDatum) { d.Timestamp = new(time.Now().Add(3 * time.Hour)) }), "InvalidParameterValueException", "The parameter MetricData.member.1.Timestamp must specify a time no more than two hours in the future."},
			{one(func(d *types.MetricDatum) { d.Unit = "Furlongs" }), "InvalidParameterValueException", "The parameter MetricData.member.1.Unit must be a value in the set [" + units + "]."},
			{two, "InvalidParameterValueException", "The value NaN for parameter MetricData.member.1.Value is invalid.\nThe parameter MetricData.member.3.Unit must be a value in the set [" + units + "]."},
			{one(func(d *types.MetricDatum) { d.StorageResolution = new(int32(5)) }), "InvalidParameterValueException", "The value 5 for parameter MetricData.member.1.StorageResolution is invalid. Valid values are 1 and 60."},
			{one(func(d *types.MetricDatum) { d.Dimensions = dims }), "InvalidParameterValueException", "The collection MetricData.member.1.Dimensions must not have a size greater than 30."},
			{one(func(d *types.MetricDatum) { d.Dimensions = dims[:1] }), "MissingRequiredParameterException", "The parameter MetricData.member.1.Dimensions.member.1.Name is required."},
		} {
			_, err := w.PutMetricData(w.ctx, c.in)
			if code, msg := code(err); code != c.code || msg != c.msg {
				t.Errorf("got  %s: %s\nwant %s: %s", code, msg, c.code, c.msg)
			}
		}
		if n := len(must[*sdk.ListMetricsOutput](t)(w.ListMetrics(w.ctx, &sdk.ListMetricsInput{})).Metrics); n != 0 {
			t.Errorf("%d metrics came of refused data", n)
		}
	})
}

func TestQueriesThatAreRefused(t *testing.T) {
	t.Parallel()
	still(t, cloudwatch.Options{}, func(t *testing.T, w *world) {
		check := func(err error, wantCode, want string) {
			t.Helper()
			if code, msg := code(err); code != wantCode || msg != want {
				t.Errorf("got  %s: %s\nwant %s: %s", code, msg, wantCode, want)
			}
		}
		in := statistics(60, 60*24*time.Hour-time.Minute, "Sum")
		_, err := w.GetMetricStatistics(w.ctx, in)
		check(err, "InvalidParameterCombinationException", "You have requested up to 86400 datapoints, which exceeds the limit of 1440. You may reduce the datapoints requested by increasing Period, or decreasing the time range.")
		in.StartTime = in.EndTime
		_, err = w.GetMetricStatistics(w.ctx, in)
		check(err, "InvalidParameterValueException", "The parameter StartTime must be less than the parameter EndTime.")
		_, err = w.GetMetricStatistics(w.ctx, statistics(60, time.Hour))
		check(err, "MissingRequiredParameterException", "At least one of the parameters Statistics and ExtendedStatistics must be specified.")
		_, err = w.GetMetricStatistics(w.ctx, statistics(45, time.Hour, "Sum"))
		check(err, "InvalidParameterValueException", "The parameter Period must be 1, 5, 10, 20, 30 or a multiple of 60")
		in = statistics(60, time.Hour, "Sum")
		in.ExtendedStatistics = []string{"p50", "p500"}
		_, err = w.GetMetricStatistics(w.ctx, in)
		check(err, "InvalidParameterValueException", "The value p500 for parameter ExtendedStatistics.member.2 is invalid.")
		in.MetricName = nil
		_, err = w.GetMetricStatistics(w.ctx, in)
		check(err, "MissingRequiredParameterException", "The parameter MetricName is required.")

		data := func(q ...types.MetricDataQuery) error {
			_, err := w.GetMetricData(w.ctx, &sdk.GetMetricDataInput{MetricDataQueries: q, StartTime: new(time.Now().Add(-time.Hour)), EndTime: new(time.Now())})
			return err
		}
		check(data(query("a", "Sum"), query("a", "Sum")), "ValidationException", "The values for parameter id in MetricDataQueries are not unique.")
		check(data(query("A", "Sum")), "ValidationException", "The value A for parameter MetricDataQueries.member.1.Id is not matching the expected pattern ^[a-z][a-zA-Z0-9_]*$.")
		check(data(query("a", "Total"), query("b", "Sum"), query("c", "None")), "ValidationException",
			"The value Total for parameter MetricDataQueries.member.1.MetricStat.Stat is not a valid statistic.\nThe value None for parameter MetricDataQueries.member.3.MetricStat.Stat is not a valid statistic.")
		_, err = w.GetMetricData(w.ctx, &sdk.GetMetricDataInput{MetricDataQueries: []types.MetricDataQuery{query("a", "Sum")}, StartTime: new(time.Now()), EndTime: new(time.Now())})
		check(err, "ValidationException", "The parameter StartTime must not equal parameter EndTime.")
		_, err = w.GetMetricStatistics(w.ctx, statistics(60, time.Hour, "Sum", "Total"))
		check(err, "InvalidParameterValueException", "The parameter Statistics.member.2 must be a value in the set [SampleCount, Average, Sum, Minimum, Maximum].")
		furlongs := query("a", "Sum")
		furlongs.MetricStat.Unit = "Furlongs"
		if code, msg := code(data(furlongs)); code != "InvalidParameterValueException" || !strings.HasPrefix(msg, "The parameter MetricDataQueries.member.1.MetricStat.Unit must be a value in the set [Seconds, ") {
			t.Errorf("a unit that is none: got %s: %s", code, msg)
		}
		check(data(types.MetricDataQuery{Id: new("e1"), Expression: new("m1*100")}), "ValidationException",
			`Error in expression 'e1': there is no id "m1"`)
		check(data(types.MetricDataQuery{Id: new("e1")}), "MissingRequiredParameterException", "The parameter MetricDataQueries.member.1.MetricStat is required.")
		_, err = w.GetMetricData(w.ctx, &sdk.GetMetricDataInput{NextToken: new("?"), MetricDataQueries: []types.MetricDataQuery{query("a", "Sum")}, StartTime: new(time.Now().Add(-time.Hour)), EndTime: new(time.Now())})
		check(err, "InvalidNextToken", "The next token is invalid.")
		_, err = w.ListMetrics(w.ctx, &sdk.ListMetricsInput{NextToken: new("?")})
		check(err, "InvalidNextToken", "The next token is invalid.")
	})
}
