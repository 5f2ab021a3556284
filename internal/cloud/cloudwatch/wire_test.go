package cloudwatch_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"

	"github.com/aws/aws-sdk-go-v2/credentials"

	"github.com/slipway-ecs/slipway/internal/cloud/cloudwatch"
	"github.com/slipway-ecs/slipway/internal/wire"
)

// serve puts the room behind a gateway on loopback.
func serve(t *testing.T) (w *world, endpoint string) {
	t.Helper()
	w = newWorld(t, cloudwatch.Options{})
	server := httptest.NewServer(wire.NewGateway(wire.GatewayOptions{Account: func(string) string { return home.Account }}, w.Wire()))
	t.Cleanup(server.Close)
	return w, server.URL
}

func TestTheGoSDKPutsReadsAndIsRefusedInCBOR(t *testing.T) {
	t.Parallel()
	_, endpoint := serve(t)
	client := sdk.New(sdk.Options{BaseEndpoint: &endpoint, Region: home.Region, Credentials: credentials.NewStaticCredentialsProvider("AKIDEXAMPLE", "secret", ""), RetryMaxAttempts: 1})
	ctx := t.Context()
	d := latency(time.Minute, 7)
	must[*sdk.PutMetricDataOutput](t)(client.PutMetricData(ctx, &sdk.PutMetricDataInput{Namespace: new("Shop"), MetricData: []types.MetricDatum{d}}))
	out := must[*sdk.GetMetricDataOutput](t)(client.GetMetricData(ctx, &sdk.GetMetricDataInput{
		MetricDataQueries: []types.MetricDataQuery{query("m1", "Sum")}, StartTime: new(time.Now().Add(-time.Hour)), EndTime: new(time.Now()),
	}))
	if r := out.MetricDataResults[0]; len(r.Values) != 1 || r.Values[0] != 7 || !r.Timestamps[0].Equal(d.Timestamp.Truncate(time.Minute)) {
		t.Errorf("data: got %v at %v", r.Values, r.Timestamps)
	}
	must[*sdk.PutMetricAlarmOutput](t)(client.PutMetricAlarm(ctx, errorsAlarm("web")))
	alarms := must[*sdk.DescribeAlarmsOutput](t)(client.DescribeAlarms(ctx, &sdk.DescribeAlarmsInput{}))
	if len(alarms.MetricAlarms) != 1 || *alarms.MetricAlarms[0].Threshold != 5 || alarms.CompositeAlarms == nil {
		t.Errorf("alarms: got %+v", alarms)
	}
	_, err := client.SetAlarmState(ctx, &sdk.SetAlarmStateInput{AlarmName: new("gone"), StateValue: "OK", StateReason: new("r")})
	if _, ok := errors.AsType[*types.ResourceNotFound](err); !ok {
		t.Errorf("an unknown alarm: got %v, want ResourceNotFound", err)
	}
	if err := sdk.NewAlarmExistsWaiter(client).Wait(ctx, &sdk.DescribeAlarmsInput{AlarmNames: []string{"web"}}, time.Minute); err != nil {
		t.Errorf("waiting for an alarm that exists: %v", err)
	}
}

// ask posts a request as an older client would, and gives status, a header and body.
func ask(t *testing.T, endpoint, contentType, target, body string) (status int, queryError, answer string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, endpoint, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", contentType)
	if target != "" {
		r.Header.Set("X-Amz-Target", "GraniteServiceVersion20100801."+target)
		r.Header.Set("x-amzn-query-mode", "true")
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, resp.Header.Get("x-amzn-query-error"), string(text)
}

func TestTheCLIsJSONIsAnsweredInJSON(t *testing.T) {
	t.Parallel()
	_, endpoint := serve(t)
	call := func(op, body string) (int, string, string) {
		return ask(t, endpoint, "application/x-amz-json-1.0", op, body)
	}
	status, _, body := call("PutMetricAlarm", `{"AlarmName":"web","Namespace":"Shop","MetricName":"Errors","Statistic":"Sum","Period":60,"EvaluationPeriods":1,"Threshold":0,"ComparisonOperator":"GreaterThanThreshold"}`)
	if status != 200 {
		t.Fatalf("put: got %d %s", status, body)
	}
	_, _, body = call("DescribeAlarms", `{"AlarmNames":["web"]}`)
	for _, want := range []string{`"CompositeAlarms":[]`, `"Threshold":0`, `"OKActions":[]`, `"Dimensions":[]`, `"StateReason":"Unchecked: Initial alarm creation"`} {
		if !strings.Contains(body, want) {
			t.Errorf("described: %s is not in %s", want, body)
		}
	}
	for _, not := range []string{"null", "TreatMissingData", "Unit", "StateReasonData"} {
		if strings.Contains(body, not) {
			t.Errorf("described: %s is in %s", not, body)
		}
	}
	for _, c := range []struct {
		op, in          string
		status          int
		queryError, out string
	}{
		{"SetAlarmState", `{"AlarmName":"web","StateValue":"INVALID","StateReason":"r"}`, 400, "ValidationError;Sender",
			`{"__type":"com.amazon.coral.validate#ValidationException","message":"1 validation error detected: Value 'INVALID' at 'stateValue' failed to satisfy constraint: Member must satisfy enum value set: [INSUFFICIENT_DATA, ALARM, OK]"}`},
		{"SetAlarmState", `{"AlarmName":"gone","StateValue":"OK","StateReason":"r"}`, 404, "ResourceNotFound;Sender",
			`{"__type":"com.amazonaws.cloudwatch.v2010_08_01#ResourceNotFound","message":""}`},
		{"PutMetricData", `{"Namespace":"Shop","MetricData":[{"MetricName":"m","Value":1,"Values":[1]}]}`, 400, "InvalidParameterCombination;Sender",
			`{"__type":"com.amazonaws.cloudwatch.v2010_08_01#InvalidParameterCombinationException","message":"The parameters MetricData.member.1.Value and MetricData.member.1.Values are mutually exclusive and you have specified both."}`},
		{"PutMetricData", `{"Namespace":"Shop","MetricData":[{"MetricName":"m","Value":1},{"Value":1}]}`, 400, "MissingParameter;Sender",
			`{"__type":"com.amazonaws.cloudwatch.v2010_08_01#MissingRequiredParameterException","message":"The parameter MetricData.member.2.MetricName is required."}`},
		{"DescribeAlarms", `{"NextToken":"?"}`, 400, "InvalidNextToken;Sender",
			`{"__type":"com.amazonaws.cloudwatch.v2010_08_01#InvalidNextToken","message":"The next token is invalid."}`},
	} {
		status, queryError, out := call(c.op, c.in)
		if status != c.status || queryError != c.queryError || out != c.out {
			t.Errorf("%s %s:\ngot  %d %q %s\nwant %d %q %s", c.op, c.in, status, queryError, out, c.status, c.queryError, c.out)
		}
	}
}

func TestTerraformsQueryIsAnsweredInXML(t *testing.T) {
	t.Parallel()
	_, endpoint := serve(t)
	call := func(form url.Values) (int, string) {
		form.Set("Version", "2010-08-01")
		status, _, body := ask(t, endpoint, "application/x-www-form-urlencoded", "", form.Encode())
		return status, body
	}
	status, body := call(url.Values{
		"Action": {"PutMetricAlarm"}, "AlarmName": {"web"}, "Namespace": {"Shop"}, "MetricName": {"Errors"}, "Statistic": {"Sum"}, "Period": {"60"},
		"EvaluationPeriods": {"1"}, "Threshold": {"1.5"}, "ComparisonOperator": {"GreaterThanThreshold"},
		"Dimensions.member.1.Name": {"Service"}, "Dimensions.member.1.Value": {"web"}, "Tags.member.1.Key": {"team"}, "Tags.member.1.Value": {"shop"},
	})
	if status != 200 || !strings.Contains(body, "<PutMetricAlarmResponse") {
		t.Fatalf("put: got %d %s", status, body)
	}
	_, body = call(url.Values{"Action": {"DescribeAlarms"}, "AlarmNames.member.1": {"web"}, "AlarmTypes.member.1": {"MetricAlarm"}})
	for _, want := range []string{"<MetricAlarms><member>", "<Threshold>1.5</Threshold>", "<Value>web</Value>", "<StateValue>INSUFFICIENT_DATA</StateValue>", "<CompositeAlarms"} {
		if !strings.Contains(body, want) {
			t.Errorf("described: %s is not in %s", want, body)
		}
	}
	_, body = call(url.Values{"Action": {"ListTagsForResource"}, "ResourceARN": {cloudwatch.ARN(home, "web")}})
	if !strings.Contains(body, "<Key>team</Key><Value>shop</Value>") {
		t.Errorf("tags: got %s", body)
	}
	status, body = call(url.Values{"Action": {"DeleteAlarms"}, "AlarmNames.member.1": {"gone"}})
	if status != 404 || !strings.Contains(body, "<Code>ResourceNotFound</Code>") {
		t.Errorf("deleting an unknown alarm: got %d %s", status, body)
	}
}
