package wire_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	cloudwatchtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	ecstypes "github.com/aws/aws-sdk-go-v2/service/ecs/types"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/slipway-ecs/slipway/internal/wire"
)

var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

const ecsTarget = "AmazonEC2ContainerServiceV20141113."

// house is a gateway with a few operations whose answers tell what arrived.
func house(o wire.GatewayOptions) http.Handler {
	o.NewRequestID = func() string { return "r-1" }
	e := wire.NewJSON("ecs", "AmazonEC2ContainerServiceV20141113", "1.1")
	wire.Op(e, func(ctx context.Context, in *ecs.CreateServiceInput) (*ecs.CreateServiceOutput, error) {
		switch aws.ToString(in.ServiceName) {
		case "conflict":
			return nil, &ecstypes.ConflictException{Message: aws.String("in use"), ResourceIds: []string{"a", "b"}}
		case "server":
			return nil, &ecstypes.ServerException{Message: aws.String("busy")}
		case "plain":
			return nil, errors.New("disk is full")
		case "panic":
			panic("at the disco")
		}
		wire.Echo(ctx, []string{"service"}, wire.ExtrasOf(ctx))
		return &ecs.CreateServiceOutput{Service: &ecstypes.Service{
			ServiceName: in.ServiceName, DeploymentConfiguration: in.DeploymentConfiguration, CreatedAt: &noon,
			Deployments: []ecstypes.Deployment{},
		}}, nil
	})
	e.Required(func(_, member string) error {
		return &wire.Error{Code: "InvalidParameterException", Message: member + " should not be null or empty"}
	})
	l := wire.NewQuery("elasticloadbalancing", "2015-12-01", "http://elb/")
	wire.Op(l, func(_ context.Context, in *elb.DescribeTargetGroupsInput) (*elb.DescribeTargetGroupsOutput, error) {
		if in.Names != nil && len(in.Names) == 0 {
			return &elb.DescribeTargetGroupsOutput{TargetGroups: []elbtypes.TargetGroup{}}, nil
		}
		return nil, &elbtypes.TargetGroupNotFoundException{Message: aws.String("One or more target groups <not> found")}
	})
	wire.Op(l, func(context.Context, *elb.DeleteListenerInput) (*elb.DeleteListenerOutput, error) {
		return &elb.DeleteListenerOutput{}, nil
	})
	i := wire.NewQuery("iam", "2010-05-08", "https://iam/")
	wire.Op(i, func(context.Context, *iam.DeleteRoleInput) (*iam.DeleteRoleOutput, error) {
		return &iam.DeleteRoleOutput{}, nil
	})
	wire.Op(i, func(context.Context, *iam.GetRoleInput) (*iam.GetRoleOutput, error) {
		return nil, &iamtypes.NoSuchEntityException{Message: aws.String("The role with name X cannot be found.")}
	})
	s := wire.NewQuery("sts", "2011-06-15", "https://sts/")
	wire.Op(s, func(ctx context.Context, _ *sts.GetCallerIdentityInput) (*sts.GetCallerIdentityOutput, error) {
		c := wire.CallerOf(ctx)
		return &sts.GetCallerIdentityOutput{Account: &c.Account, Arn: aws.String(c.Region + "/" + c.AccessKeyID + "/" + c.RequestID)}, nil
	})
	c := wire.NewCloudWatch()
	wire.Op(c, func(context.Context, *cloudwatch.SetAlarmStateInput) (*cloudwatch.SetAlarmStateOutput, error) {
		return nil, &cloudwatchtypes.ResourceNotFound{Message: aws.String("")}
	})
	wire.Op(c, func(_ context.Context, in *cloudwatch.PutMetricDataInput) (*cloudwatch.PutMetricDataOutput, error) {
		if len(in.MetricData) != 1 || *in.MetricData[0].Value != 23 || in.MetricData[0].Timestamp.Unix() != 1704992704 {
			return nil, &wire.Error{Code: "ValidationError", Message: "not what was sent"}
		}
		return &cloudwatch.PutMetricDataOutput{}, nil
	})
	f := wire.NewREST("lambda")
	wire.Op(f, func(_ context.Context, in *lambda.InvokeInput) (*lambda.InvokeOutput, error) {
		if aws.ToString(in.Qualifier) == "none" {
			return nil, &lambdatypes.ResourceNotFoundException{Message: aws.String("Function not found: " + *in.FunctionName)}
		}
		return &lambda.InvokeOutput{StatusCode: 200, Payload: []byte(`{"fn":"` + *in.FunctionName + `","got":` + string(in.Payload) + `}`)}, nil
	})
	wire.Op(f, func(context.Context, *lambda.DeleteFunctionInput) (*lambda.DeleteFunctionOutput, error) {
		return &lambda.DeleteFunctionOutput{StatusCode: 204}, nil
	})
	g := wire.NewJSON("logs", "Logs_20140328", "1.1")
	wire.Op(g, func(_ context.Context, in *cloudwatchlogs.GetLogEventsInput) (*cloudwatchlogs.GetLogEventsOutput, error) {
		return nil, &wire.Error{Code: "X", Message: time.UnixMilli(*in.StartTime).UTC().Format(time.RFC3339)}
	})
	return wire.NewGateway(o, e, l, i, s, c, f, g)
}

// ask sends one request; headers are pairs.
func ask(t *testing.T, h http.Handler, method, target, body string, headers ...string) (int, http.Header, string) {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, target, strings.NewReader(body))
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Code, w.Header(), w.Body.String()
}

const (
	form    = "application/x-www-form-urlencoded; charset=utf-8"
	scope   = "AWS4-HMAC-SHA256 Credential=AKID/20261121/eu-north-1/"
	signed  = "/aws4_request, SignedHeaders=host, Signature=00"
	granite = "GraniteServiceVersion20100801."
)

func TestAnswersAreExactlyAWSsInEachProtocol(t *testing.T) {
	t.Parallel()
	h := house(wire.GatewayOptions{})
	for _, c := range []struct {
		name, method, target, body string
		headers                    []string
		status                     int
		want                       string
	}{
		{"json", "POST", "/", `{"serviceName":"web"}`, []string{"X-Amz-Target", ecsTarget + "CreateService"}, 200,
			`{"service":{"createdAt":1795262400,"deployments":[],"desiredCount":0,"enableECSManagedTags":false,"enableExecuteCommand":false,"pendingCount":0,"runningCount":0,"serviceName":"web"}}`},
		{"json error with further members", "POST", "/", `{"serviceName":"conflict"}`, []string{"X-Amz-Target", ecsTarget + "CreateService"}, 400,
			`{"__type":"ConflictException","resourceIds":["a","b"],"message":"in use"}`},
		{"json server error", "POST", "/", `{"serviceName":"server"}`, []string{"X-Amz-Target", ecsTarget + "CreateService"}, 500,
			`{"__type":"ServerException","message":"busy"}`},
		{"json unknown operation", "POST", "/", `{}`, []string{"X-Amz-Target", ecsTarget + "Fly"}, 400,
			`{"__type":"UnknownOperationException","message":"the operation \"Fly\" of \"ecs\" is not served here"}`},
		{"json unknown service", "POST", "/", `{}`, []string{"X-Amz-Target", "AmazonSSM.GetParameters"}, 400,
			`{"__type":"UnknownOperationException","message":"the operation \"GetParameters\" of \"AmazonSSM\" is not served here"}`},
		{"json wrong type", "POST", "/", `{"serviceName":"web","desiredCount":"2"}`, []string{"X-Amz-Target", ecsTarget + "CreateService"}, 400,
			`{"__type":"SerializationException","message":"STRING_VALUE can not be converted to an Integer"}`},
		{"json list for a structure", "POST", "/", `[]`, []string{"X-Amz-Target", ecsTarget + "CreateService"}, 400,
			`{"__type":"SerializationException","message":"Start of list found where not expected"}`},
		{"json required member by the service's own words", "POST", "/", `{}`, []string{"X-Amz-Target", ecsTarget + "CreateService"}, 400,
			`{"__type":"InvalidParameterException","message":"serviceName should not be null or empty"}`},
		{"json required member inside a list", "POST", "/", `{"serviceName":"a","capacityProviderStrategy":[{"capacityProvider":"a"},{"weight":1}]}`, []string{"X-Amz-Target", ecsTarget + "CreateService"}, 400,
			`{"__type":"InvalidParameterException","message":"capacityProviderStrategy.2.member.capacityProvider should not be null or empty"}`},
		{"query error", "POST", "/", "Action=DescribeTargetGroups&Version=2015-12-01&Names.member.1=a", []string{"Content-Type", form}, 400,
			`<ErrorResponse xmlns="http://elb/"><Error><Type>Sender</Type><Code>TargetGroupNotFound</Code><Message>One or more target groups &lt;not&gt; found</Message></Error><RequestId>r-1</RequestId></ErrorResponse>`},
		{"query empty list", "POST", "/", "Action=DescribeTargetGroups&Version=2015-12-01&Names=", []string{"Content-Type", form}, 200,
			`<DescribeTargetGroupsResponse xmlns="http://elb/"><DescribeTargetGroupsResult><TargetGroups></TargetGroups></DescribeTargetGroupsResult><ResponseMetadata><RequestId>r-1</RequestId></ResponseMetadata></DescribeTargetGroupsResponse>`},
		{"query empty output", "POST", "/", "Action=DeleteListener&Version=2015-12-01&ListenerArn=a", []string{"Content-Type", form}, 200,
			`<DeleteListenerResponse xmlns="http://elb/"><DeleteListenerResult></DeleteListenerResult><ResponseMetadata><RequestId>r-1</RequestId></ResponseMetadata></DeleteListenerResponse>`},
		{"query no output", "POST", "/", "Action=DeleteRole&Version=2010-05-08&RoleName=a", []string{"Content-Type", form}, 200,
			`<DeleteRoleResponse xmlns="https://iam/"><ResponseMetadata><RequestId>r-1</RequestId></ResponseMetadata></DeleteRoleResponse>`},
		{"query modelled status", "POST", "/", "Action=GetRole&Version=2010-05-08&RoleName=X", []string{"Content-Type", form}, 404,
			`<ErrorResponse xmlns="https://iam/"><Error><Type>Sender</Type><Code>NoSuchEntity</Code><Message>The role with name X cannot be found.</Message></Error><RequestId>r-1</RequestId></ErrorResponse>`},
		{"query unknown action", "POST", "/", "Action=Fly&Version=2015-12-01", []string{"Content-Type", form}, 400,
			`<ErrorResponse xmlns="http://elb/"><Error><Type>Sender</Type><Code>InvalidAction</Code><Message>The action Fly is not valid for this web service.</Message></Error><RequestId>r-1</RequestId></ErrorResponse>`},
		{"query bad number", "POST", "/", "Action=DescribeTargetGroups&Version=2015-12-01&PageSize=many", []string{"Content-Type", form}, 400,
			`<ErrorResponse xmlns="http://elb/"><Error><Type>Sender</Type><Code>ValidationError</Code><Message>PageSize: &quot;many&quot; is not a valid integer</Message></Error><RequestId>r-1</RequestId></ErrorResponse>`},
		{"query required member", "POST", "/", "Action=DeleteListener&Version=2015-12-01", []string{"Content-Type", form}, 400,
			`<ErrorResponse xmlns="http://elb/"><Error><Type>Sender</Type><Code>ValidationError</Code><Message>1 validation error detected: Value null at 'listenerArn' failed to satisfy constraint: Member must not be null</Message></Error><RequestId>r-1</RequestId></ErrorResponse>`},
		{"query by GET, scope in the header", "GET", "/?Action=GetCallerIdentity&Version=2011-06-15", "", []string{"Authorization", scope + "sts" + signed}, 200,
			`<GetCallerIdentityResponse xmlns="https://sts/"><GetCallerIdentityResult><Account>000000000000</Account><Arn>eu-north-1/AKID/r-1</Arn></GetCallerIdentityResult><ResponseMetadata><RequestId>r-1</RequestId></ResponseMetadata></GetCallerIdentityResponse>`},
		{"query presigned", "GET", "/?Action=GetCallerIdentity&Version=2011-06-15&X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=K2%2F20261121%2Fus-west-2%2Fsts%2Faws4_request&X-Amz-Signature=0", "", nil, 200,
			`<GetCallerIdentityResponse xmlns="https://sts/"><GetCallerIdentityResult><Account>000000000000</Account><Arn>us-west-2/K2/r-1</Arn></GetCallerIdentityResult><ResponseMetadata><RequestId>r-1</RequestId></ResponseMetadata></GetCallerIdentityResponse>`},
		{"query of a service nobody serves", "POST", "/", "Action=ListTopics&Version=2010-03-31", []string{"Content-Type", form, "Authorization", scope + "sns" + signed}, 400,
			`<ErrorResponse xmlns="http://webservices.amazon.com/AWSFault/2005-15-09"><Error><Type>Sender</Type><Code>InvalidAction</Code><Message>The action ListTopics is not valid for this web service.</Message></Error><RequestId>r-1</RequestId></ErrorResponse>`},
		{"ec2 of a service nobody serves", "POST", "/", "Action=DescribeVpcs&Version=2016-11-15", []string{"Content-Type", form, "Authorization", scope + "ec2" + signed}, 400,
			`<?xml version="1.0" encoding="UTF-8"?>` + "\n" + `<Response><Errors><Error><Code>InvalidAction</Code><Message>The action DescribeVpcs is not valid for this web service.</Message></Error></Errors><RequestID>r-1</RequestID></Response>`},
		{"cloudwatch in JSON", "POST", "/", `{"AlarmName":"a","StateReason":"r","StateValue":"OK"}`, []string{"X-Amz-Target", granite + "SetAlarmState", "X-Amzn-Query-Mode", "true"}, 404,
			`{"__type":"com.amazonaws.cloudwatch.v2010_08_01#ResourceNotFound","message":""}`},
		{"cloudwatch in JSON without query mode", "POST", "/", `{"AlarmName":"a","StateReason":"r","StateValue":"OK"}`, []string{"X-Amz-Target", granite + "SetAlarmState"}, 400,
			`{"__type":"com.amazonaws.cloudwatch.v2010_08_01#ResourceNotFound","message":""}`},
		{"cloudwatch by query", "POST", "/", "Action=SetAlarmState&Version=2010-08-01&AlarmName=a&StateReason=r&StateValue=OK", []string{"Content-Type", form}, 404,
			`<ErrorResponse xmlns="http://monitoring.amazonaws.com/doc/2010-08-01/"><Error><Type>Sender</Type><Code>ResourceNotFound</Code><Message></Message></Error><RequestId>r-1</RequestId></ErrorResponse>`},
		{"cloudwatch unmodelled", "POST", "/", `{"Namespace":"N","MetricData":[]}`, []string{"X-Amz-Target", granite + "PutMetricData", "X-Amzn-Query-Mode", "true"}, 400,
			`{"__type":"com.amazon.coral.validate#ValidationException","message":"not what was sent"}`},
		{"rest", "POST", "/2015-03-31/functions/arn%3Aaws%3Alambda%3Aus-east-1%3A1%3Afunction%3Ah/invocations?Qualifier=live", `[1]`, nil, 200,
			`{"fn":"arn:aws:lambda:us-east-1:1:function:h","got":[1]}`},
		{"rest error", "POST", "/2015-03-31/functions/h/invocations?Qualifier=none", `1`, nil, 404,
			`{"Type":"User","Message":"Function not found: h"}`},
		{"rest no content", "DELETE", "/2015-03-31/functions/h", "", nil, 204, ""},
		{"rest known and not built", "GET", "/2015-03-31/functions", "", nil, 404,
			`{"message":"the operation \"ListFunctions\" of \"lambda\" is not served here"}`},
		{"no AWS call", "GET", "/health", "", nil, 404, "404 page not found\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			status, header, body := ask(t, h, c.method, c.target, c.body, c.headers...)
			if status != c.status || body != c.want {
				t.Errorf("%s %s\ngot  %d %s\nwant %d %s", c.method, c.target, status, body, c.status, c.want)
			}
			if c.name != "no AWS call" && header.Get("x-amzn-RequestId") != "r-1" {
				t.Errorf("x-amzn-RequestId: got %q, want r-1", header.Get("x-amzn-RequestId"))
			}
		})
	}
}

func TestErrorHeadersTellWhatBodiesDoNot(t *testing.T) {
	t.Parallel()
	h := house(wire.GatewayOptions{})
	_, header, _ := ask(t, h, "POST", "/2015-03-31/functions/h/invocations?Qualifier=none", `1`)
	if got := header.Get("X-Amzn-ErrorType"); got != "ResourceNotFoundException" {
		t.Errorf("X-Amzn-ErrorType: got %q", got)
	}
	_, header, _ = ask(t, h, "POST", "/", `{"Namespace":"N","MetricData":[]}`, "X-Amz-Target", granite+"PutMetricData", "X-Amzn-Query-Mode", "true")
	if got := header.Get("x-amzn-query-error"); got != "ValidationError;Sender" {
		t.Errorf("x-amzn-query-error: got %q", got)
	}
	if got := header.Get("Content-Type"); got != "application/x-amz-json-1.0" {
		t.Errorf("content type: got %q", got)
	}
}

func TestMembersTheSDKDoesNotKnowAreEchoed(t *testing.T) {
	t.Parallel()
	_, _, got := ask(t, house(wire.GatewayOptions{}), "POST", "/",
		`{"serviceName":"web","newest":{"a":[1,null]},"nothing":null,"deploymentConfiguration":{"lifecycleHooks":[{"later":1.50}],"maximumPercent":200,"z":"\u00e9"}}`,
		"X-Amz-Target", ecsTarget+"CreateService")
	want := `{"service":{"createdAt":1795262400,"deploymentConfiguration":{"lifecycleHooks":[{"later":1.50}],"maximumPercent":200,"z":"\u00e9"},"deployments":[],"desiredCount":0,"enableECSManagedTags":false,"enableExecuteCommand":false,"pendingCount":0,"runningCount":0,"serviceName":"web","newest":{"a":[1,null]}}}`
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestRequestsCutShortAreTheClientsFault(t *testing.T) {
	t.Parallel()
	h := house(wire.GatewayOptions{})
	r := httptest.NewRequestWithContext(t.Context(), "POST", "/", io.MultiReader(strings.NewReader(`{"serviceName":`), cut{}))
	r.Header.Set("X-Amz-Target", ecsTarget+"CreateService")
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	if w.Code != 400 || !strings.Contains(w.Body.String(), "SerializationException") {
		t.Errorf("got %d %s", w.Code, w.Body)
	}
	r = httptest.NewRequestWithContext(t.Context(), "POST", "/", io.LimitReader(blank{}, wire.MaxBody+1))
	r.Header.Set("X-Amz-Target", ecsTarget+"CreateService")
	w = httptest.NewRecorder()
	h.ServeHTTP(w, r)
	if w.Code != 413 {
		t.Errorf("a body beyond the limit: got %d %s, want 413", w.Code, w.Body)
	}
}

// cut is a connection that ended in the middle of a body.
type cut struct{}

func (cut) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

func TestOurOwnMistakesCostOneRequestOnly(t *testing.T) {
	t.Parallel()
	h := house(wire.GatewayOptions{})
	for _, name := range []string{"plain", "panic"} {
		status, _, body := ask(t, h, "POST", "/", `{"serviceName":"`+name+`"}`, "X-Amz-Target", ecsTarget+"CreateService")
		if status != 500 || !strings.Contains(body, `"__type":"ServerException"`) || strings.Contains(body, "disk") || strings.Contains(body, "disco") {
			t.Errorf("%s: got %d %s", name, status, body)
		}
	}
	if status, _, _ := ask(t, h, "POST", "/", `{"serviceName":"web"}`, "X-Amz-Target", ecsTarget+"CreateService"); status != 200 {
		t.Errorf("after a panic: got %d, want 200", status)
	}
}

func TestMissingOperationsAreTold(t *testing.T) {
	t.Parallel()
	var told []string
	h := house(wire.GatewayOptions{Missing: func(s, o string) { told = append(told, s+" "+o) }})
	ask(t, h, "POST", "/", `{}`, "X-Amz-Target", ecsTarget+"Fly")
	ask(t, h, "POST", "/", "Action=Swim&Version=2015-12-01", "Content-Type", form)
	ask(t, h, "GET", "/2015-03-31/functions", "")
	ask(t, h, "GET", "/bucket/key", "", "Authorization", scope+"s3"+signed)
	ask(t, h, "POST", "/service/GraniteServiceVersion20100801/operation/Run", "", "Smithy-Protocol", "rpc-v2-cbor")
	want := "ecs Fly,elasticloadbalancing Swim,lambda ListFunctions,s3 GET /bucket/key,monitoring Run"
	if got := strings.Join(told, ","); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestCBORAsTheGoSDKWritesItIsRead(t *testing.T) {
	t.Parallel()
	body := "\xbf\x6aMetricData\x9f\xbf\x6aMetricName\x61m\x69Timestamp\xc1\xfb\x41\xd9\x68\x07\xf0\x00\x00\x00\x64Unit\x65Count\x65Value\xf9\x4d\xc0\xff\xff\x69Namespace\x61N\xff"
	status, header, got := ask(t, house(wire.GatewayOptions{}), "POST", "/service/GraniteServiceVersion20100801/operation/PutMetricData", body, "Smithy-Protocol", "rpc-v2-cbor")
	if status != 200 || got != "\xa0" || header.Get("smithy-protocol") != "rpc-v2-cbor" {
		t.Errorf("got %d %q %v", status, got, header)
	}
}

func TestCompressedBodiesAreReadAndBombsRefused(t *testing.T) {
	t.Parallel()
	h := house(wire.GatewayOptions{})
	pack := func(s io.Reader) string {
		var b bytes.Buffer
		z := gzip.NewWriter(&b)
		if _, err := io.Copy(z, s); err != nil {
			t.Fatal(err)
		}
		if err := z.Close(); err != nil {
			t.Fatal(err)
		}
		return b.String()
	}
	status, _, _ := ask(t, h, "POST", "/", pack(strings.NewReader(`{"serviceName":"web"}`)), "X-Amz-Target", ecsTarget+"CreateService", "Content-Encoding", "gzip")
	if status != 200 {
		t.Errorf("a compressed body: got %d, want 200", status)
	}
	bomb := pack(io.LimitReader(blank{}, wire.MaxBody+1))
	if status, _, body := ask(t, h, "POST", "/", bomb, "X-Amz-Target", ecsTarget+"CreateService", "Content-Encoding", "gzip"); status != 413 {
		t.Errorf("a bomb of %d bytes: got %d %s, want 413", len(bomb), status, body)
	}
	if status, _, _ := ask(t, h, "POST", "/", "no gzip", "X-Amz-Target", ecsTarget+"CreateService", "Content-Encoding", "gzip"); status != 400 {
		t.Errorf("a body that is not gzip: got %d, want 400", status)
	}
}

type blank struct{}

func (blank) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = ' '
	}
	return len(p), nil
}

func TestTimesAreTranslatedBothWaysInEveryProtocol(t *testing.T) {
	t.Parallel()
	h := house(wire.GatewayOptions{Times: wire.Times{
		In:  func(at time.Time) time.Time { return at.Add(time.Hour) },
		Out: func(at time.Time) time.Time { return at.Add(-time.Hour) },
	}})
	if _, _, got := ask(t, h, "POST", "/", `{"serviceName":"web"}`, "X-Amz-Target", ecsTarget+"CreateService"); !strings.Contains(got, `"createdAt":1795258800,`) {
		t.Errorf("an hour earlier on the wall: got %s", got)
	}
	_, _, got := ask(t, h, "POST", "/", `{"logStreamName":"s","startTime":1795262400000}`, "X-Amz-Target", "Logs_20140328.GetLogEvents")
	if !strings.Contains(got, "2026-11-21T13:00:00Z") {
		t.Errorf("a plain number of milliseconds, an hour later within: got %s", got)
	}
}

func TestOnlyThisMachineIsServedWithoutKeys(t *testing.T) {
	t.Parallel()
	h := wire.LoopbackOnly(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(204) }))
	for _, c := range []struct {
		host, origin string
		want         int
	}{
		{"localhost:4566", "", 204},
		{"127.0.0.1:4566", "", 204},
		{"127.9.9.9", "http://localhost:3000", 204},
		{"[::1]:80", "", 204},
		{"web-1.us-east-1.elb.localhost:80", "", 204},
		{"LOCALHOST.", "https://a.localhost", 204},
		{"evil.example", "", 403},
		{"localhost.evil.example:4566", "", 403},
		{"10.0.0.1", "", 403},
		{"localhost", "https://evil.example", 403},
		{"localhost", "null", 403},
		{"localhost", "file://localhost", 403},
		{"", "", 403},
	} {
		r := httptest.NewRequestWithContext(t.Context(), "POST", "/", nil)
		r.Host = c.host
		if c.origin != "" {
			r.Header.Set("Origin", c.origin)
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != c.want {
			t.Errorf("host %q, origin %q: got %d, want %d", c.host, c.origin, w.Code, c.want)
		}
	}
}

func TestPagesOfOtherSitesAreRefusedWithoutAnOriginToo(t *testing.T) {
	t.Parallel()
	h := wire.LoopbackOnly(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(204) }))
	for _, c := range []struct {
		site, origin string
		want         int
	}{
		{"cross-site", "", 403}, // <img src="http://127.0.0.1:4566/?Action=DeleteLoadBalancer…">
		{"cross-site", "http://localhost:3000", 204},
		{"same-site", "", 204},
		{"none", "", 204}, // typed by somebody
	} {
		r := httptest.NewRequestWithContext(t.Context(), "GET", "http://127.0.0.1:4566/", nil)
		r.Header.Set("Sec-Fetch-Site", c.site)
		if c.origin != "" {
			r.Header.Set("Origin", c.origin)
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != c.want {
			t.Errorf("Sec-Fetch-Site %s, Origin %q: got %d, want %d", c.site, c.origin, w.Code, c.want)
		}
	}
}

func TestAClientThatSendsTooMuchHearsWhy(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(house(wire.GatewayOptions{}))
	t.Cleanup(server.Close)
	conn, err := net.Dial("tcp", strings.TrimPrefix(server.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	const size = wire.MaxBody + 8<<20
	head := fmt.Sprintf("POST / HTTP/1.1\r\nHost: localhost\r\nX-Amz-Target: %sCreateService\r\nContent-Length: %d\r\n\r\n", ecsTarget, size)
	if _, err := io.WriteString(conn, head); err != nil {
		t.Fatal(err)
	}
	if n, err := io.CopyN(conn, blank{}, size); err != nil { // as clients do, who read afterwards
		t.Fatalf("after %d bytes: %v", n, err)
	}
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusRequestEntityTooLarge || !strings.Contains(string(body), "RequestEntityTooLargeException") {
		t.Errorf("got %d %s, %v", res.StatusCode, body, err)
	}
}
