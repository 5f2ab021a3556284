package lambda_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	client "github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/slipway-ecs/slipway/internal/cloud/lambda"
	"github.com/slipway-ecs/slipway/internal/names"
)

var here = names.Scope{Account: "123456789012", Region: "us-east-1"}

const arn = "arn:aws:lambda:us-east-1:123456789012:function:"

func TestAFunctionsLife(t *testing.T) {
	t.Parallel()
	w := open(t, t.TempDir(), nil)
	made := w.create(t, "hook", func(in *client.CreateFunctionInput) { in.Tags = map[string]string{"team": "web"} })
	sum := sha256.Sum256(code(t, "one"))
	if *made.FunctionArn != arn+"hook" || *made.Version != "$LATEST" || made.State != types.StatePending || made.StateReasonCode != types.StateReasonCodeCreating ||
		*made.CodeSha256 != base64.StdEncoding.EncodeToString(sum[:]) || made.CodeSize != int64(len(code(t, "one"))) || *made.LoggingConfig.LogGroup != "/aws/lambda/hook" {
		t.Errorf("created: got %+v", made)
	}
	if err := client.NewFunctionActiveV2Waiter(w).Wait(t.Context(), &client.GetFunctionInput{FunctionName: aws.String("hook")}, time.Minute); err != nil {
		t.Fatal(err)
	}
	got, err := w.GetFunction(t.Context(), &client.GetFunctionInput{FunctionName: aws.String(arn + "hook")})
	if err != nil {
		t.Fatal(err)
	}
	if got.Tags["team"] != "web" || got.Configuration.LastUpdateStatus != types.LastUpdateStatusSuccessful || *got.Configuration.RevisionId != *made.RevisionId {
		t.Errorf("got %+v", got)
	}
	res, err := http.Get(*got.Code.Location)
	if err != nil {
		t.Fatal(err)
	}
	zip, err := io.ReadAll(res.Body)
	if res.Body.Close(); err != nil || !bytes.Equal(zip, code(t, "one")) {
		t.Errorf("the code's URL: got %d bytes, %v, %s", len(zip), err, res.Status)
	}
	if res, err := http.Get(strings.Split(*got.Code.Location, "?")[0] + "?signature=00"); err != nil || res.StatusCode != http.StatusForbidden {
		t.Errorf("the code's URL without its signature: got %v, %v", res, err)
	}
	if a := w.call(t, "hook", "", `{"x": 1}`); a.Code != "one" || a.ARN != arn+"hook" || string(a.Event) != `{"x":1}` && string(a.Event) != `{"x": 1}` {
		t.Errorf("answer: got %+v", a)
	}
	_, err = w.CreateFunction(t.Context(), &client.CreateFunctionInput{FunctionName: aws.String("hook"), Role: aws.String(role), Runtime: "provided", Handler: aws.String("h"), Code: &types.FunctionCode{ZipFile: code(t, "two")}})
	refused(t, err, "ResourceConflictException", "Function already exist: hook")
	if _, err := w.DeleteFunction(t.Context(), &client.DeleteFunctionInput{FunctionName: aws.String("hook")}); err != nil {
		t.Fatal(err)
	}
	_, err = w.GetFunction(t.Context(), &client.GetFunctionInput{FunctionName: aws.String("hook")})
	refused(t, err, "ResourceNotFoundException", "Function not found: "+arn+"hook")
	_, err = w.Client.Invoke(t.Context(), &client.InvokeInput{FunctionName: aws.String("hook")})
	refused(t, err, "ResourceNotFoundException", "Function not found: "+arn+"hook:$LATEST")
}

func TestAnUpdateIsRunByTheNextCall(t *testing.T) {
	t.Parallel()
	w := open(t, t.TempDir(), nil)
	w.create(t, "f", nil)
	w.call(t, "f", "", `{}`)
	updated, err := w.UpdateFunctionCode(t.Context(), &client.UpdateFunctionCodeInput{FunctionName: aws.String("f"), ZipFile: code(t, "two")})
	if err != nil || updated.LastUpdateStatus != types.LastUpdateStatusInProgress {
		t.Fatalf("got %+v, %v", updated, err)
	}
	if a := w.call(t, "f", "", `{}`); a.Code != "two" {
		t.Errorf("after the code's update: got %q", a.Code)
	}
	for i := range 5 {
		greeting := fmt.Sprint("hello ", i)
		if _, err := w.UpdateFunctionConfiguration(t.Context(), &client.UpdateFunctionConfigurationInput{FunctionName: aws.String("f"), Environment: &types.Environment{Variables: map[string]string{"GREETING": greeting}}}); err != nil {
			t.Fatal(err)
		}
		if a := w.call(t, "f", "", `{}`); a.Greeting != greeting || a.Code != "two" {
			t.Errorf("after update %d of the configuration: got %+v", i, a)
		}
	}
	_, err = w.UpdateFunctionCode(t.Context(), &client.UpdateFunctionCodeInput{FunctionName: aws.String("f"), ZipFile: code(t, "three"), RevisionId: updated.RevisionId})
	refused(t, err, "PreconditionFailedException", "The Revision Id provided does not match the latest Revision Id.")
}

func TestVersionsStayAsTheyWerePublished(t *testing.T) {
	t.Parallel()
	w := open(t, t.TempDir(), nil)
	name := aws.String("f")
	first := w.create(t, "f", func(in *client.CreateFunctionInput) { in.Publish = true })
	if *first.Version != "1" || *first.FunctionArn != arn+"f:1" {
		t.Errorf("published with its creation: got %s %s", *first.Version, *first.FunctionArn)
	}
	again, err := w.PublishVersion(t.Context(), &client.PublishVersionInput{FunctionName: name})
	if err != nil || *again.Version != "1" {
		t.Errorf("published without a change: got %v, %v; want version 1 again", again, err)
	}
	_, err = w.PublishVersion(t.Context(), &client.PublishVersionInput{FunctionName: name, CodeSha256: aws.String("other")})
	refused(t, err, "InvalidParameterValueException", "CodeSHA256 (other) is different from current CodeSHA256 in $LATEST")
	second, err := w.UpdateFunctionCode(t.Context(), &client.UpdateFunctionCodeInput{FunctionName: name, ZipFile: code(t, "two"), Publish: true})
	if err != nil || *second.Version != "2" {
		t.Fatalf("got %v, %v", second, err)
	}
	if a := w.call(t, "f", "1", `{}`); a.Code != "one" || a.Version != "1" || a.ARN != arn+"f:1" {
		t.Errorf("version 1: got %+v", a)
	}
	if a := w.call(t, arn+"f:2", "", `{}`); a.Code != "two" || a.Version != "2" {
		t.Errorf("version 2: got %+v", a)
	}
	list, err := w.ListVersionsByFunction(t.Context(), &client.ListVersionsByFunctionInput{FunctionName: name})
	if err != nil || len(list.Versions) != 3 || *list.Versions[0].FunctionArn != arn+"f:$LATEST" || *list.Versions[2].Version != "2" {
		t.Errorf("versions: got %+v, %v", list, err)
	}

	alias, err := w.CreateAlias(t.Context(), &client.CreateAliasInput{FunctionName: name, Name: aws.String("live"), FunctionVersion: aws.String("1")})
	if err != nil || *alias.AliasArn != arn+"f:live" {
		t.Fatalf("got %v, %v", alias, err)
	}
	if a := w.call(t, "f", "live", `{}`); a.Version != "1" || a.ARN != arn+"f:live" {
		t.Errorf("by alias: got %+v", a)
	}
	_, err = w.DeleteFunction(t.Context(), &client.DeleteFunctionInput{FunctionName: name, Qualifier: aws.String("1")})
	refused(t, err, "ResourceConflictException", "Unable to delete version because the following aliases reference it: [live]")
	if _, err := w.UpdateAlias(t.Context(), &client.UpdateAliasInput{FunctionName: name, Name: aws.String("live"), RoutingConfig: &types.AliasRoutingConfiguration{AdditionalVersionWeights: map[string]float64{"2": 0.5}}}); err != nil {
		t.Fatal(err)
	}
	seen := map[string]int{}
	for range 60 {
		seen[w.call(t, "f:live", "", `{}`).Version]++
	}
	if seen["1"] < 10 || seen["2"] < 10 {
		t.Errorf("half and half: got %v", seen)
	}
	_, err = w.UpdateAlias(t.Context(), &client.UpdateAliasInput{FunctionName: name, Name: aws.String("live"), FunctionVersion: aws.String("7")})
	refused(t, err, "ResourceNotFoundException", "Function not found: "+arn+"f:7")
	_, err = w.GetAlias(t.Context(), &client.GetAliasInput{FunctionName: name, Name: aws.String("none")})
	refused(t, err, "ResourceNotFoundException", "Cannot find alias arn: "+arn+"f:none")
	_, err = w.Client.Invoke(t.Context(), &client.InvokeInput{FunctionName: aws.String("f:live"), Qualifier: aws.String("1")})
	refused(t, err, "InvalidParameterValueException", "The derived qualifier from the function name does not match the specified qualifier.")
}

func TestInvocationsOfEveryType(t *testing.T) {
	t.Parallel()
	w := open(t, t.TempDir(), nil)
	w.create(t, "f", nil)
	name := aws.String("f")
	failed, err := w.Client.Invoke(t.Context(), &client.InvokeInput{FunctionName: name, Payload: []byte(`{"do": "fail"}`), LogType: types.LogTypeTail})
	if err != nil || failed.StatusCode != 200 || *failed.FunctionError != "Unhandled" || string(failed.Payload) != `{"errorType":"Oops","errorMessage":"no"}` {
		t.Errorf("a function that fails: got %+v, %v", failed, err)
	}
	tail, err := base64.StdEncoding.DecodeString(aws.ToString(failed.LogResult))
	if err != nil || !strings.HasPrefix(string(tail), "START RequestId: ") || !strings.Contains(string(tail), "\nREPORT RequestId: ") {
		t.Errorf("tail: got %q, %v", tail, err)
	}
	dry, err := w.Client.Invoke(t.Context(), &client.InvokeInput{FunctionName: name, InvocationType: types.InvocationTypeDryRun})
	if err != nil || dry.StatusCode != 204 || len(dry.Payload) != 0 {
		t.Errorf("dry run: got %+v, %v", dry, err)
	}
	told := base64.StdEncoding.EncodeToString([]byte(`{"custom":{"a":"b"}}`))
	echo, err := w.Client.Invoke(t.Context(), &client.InvokeInput{FunctionName: name, ClientContext: &told})
	if err != nil || !strings.Contains(string(echo.Payload), `"client":"{\"custom\":{\"a\":\"b\"}}"`) {
		t.Errorf("with a client's context: got %s, %v", echo.Payload, err)
	}
	for _, text := range []string{"string", base64.StdEncoding.EncodeToString([]byte(`"text"`)), base64.StdEncoding.EncodeToString([]byte(`{"a":"` + strings.Repeat("x", 3000) + `"}`))} {
		_, err = w.Client.Invoke(t.Context(), &client.InvokeInput{FunctionName: name, ClientContext: &text})
		refused(t, err, "InvalidRequestContentException", "Client context must be a valid Base64-encoded JSON object.")
	}
	// An event's context is dropped: the function would leave no mark if it saw one.
	marks := filepath.Join(t.TempDir(), "marks")
	later, err := w.Client.Invoke(t.Context(), &client.InvokeInput{FunctionName: name, InvocationType: types.InvocationTypeEvent, ClientContext: aws.String(told), Payload: fmt.Appendf(nil, `{"do": "count", "text": %q}`, marks)})
	if err != nil || later.StatusCode != 202 || len(later.Payload) != 0 {
		t.Errorf("event: got %+v, %v", later, err)
	}
	until(t, "the event was tried three times, of which the last succeeds", func() bool { b, err := os.ReadFile(marks); return err == nil && len(b) == 3 })
	for payload, why := range map[string]string{
		`{not json`: "invalid character", `badbod`: "Unrecognized token 'badbod': was expecting (JSON String, Number, Array, Object or token 'null', 'true' or 'false')", "\"\xbe": "Invalid UTF-8 start byte 0xbe",
	} {
		_, err = w.Client.Invoke(t.Context(), &client.InvokeInput{FunctionName: name, Payload: []byte(payload)})
		refused(t, err, "InvalidRequestContentException", "Could not parse request body into json: Could not parse payload into json: "+why)
	}
	_, err = w.Client.Invoke(t.Context(), &client.InvokeInput{FunctionName: name, Payload: bytes.Repeat([]byte("1"), 6<<20+1)})
	refused(t, err, "RequestTooLargeException", "Request must be smaller than 6291456 bytes for the InvokeFunction operation")
	if a := w.call(t, "f", "", ""); string(a.Event) != "{}" {
		t.Errorf("without a payload: got %s", a.Event)
	}
	_, err = w.Client.Invoke(t.Context(), &client.InvokeInput{FunctionName: aws.String("arn:aws:lambda:eu-west-1:123456789012:function:f")})
	refused(t, err, "ResourceNotFoundException", "Functions from 'eu-west-1' are not reachable in this region ('us-east-1')")
	payload, failure, err := w.room.Invoke(t.Context(), here, arn+"f", []byte(`{"do": "fail"}`))
	if err != nil || failure != "Unhandled" || !bytes.Contains(payload, []byte("Oops")) {
		t.Errorf("by the port: got %s %q, %v", payload, failure, err)
	}
	_, _, err = w.room.Invoke(t.Context(), here, "none", nil)
	refused(t, err, "ResourceNotFoundException", "Function not found: "+arn+"none:$LATEST")
}

func TestReservedConcurrencyIsALimit(t *testing.T) {
	t.Parallel()
	w := open(t, t.TempDir(), nil)
	w.create(t, "f", nil)
	name := aws.String("f")
	if _, err := w.PutFunctionConcurrency(t.Context(), &client.PutFunctionConcurrencyInput{FunctionName: name, ReservedConcurrentExecutions: aws.Int32(1)}); err != nil {
		t.Fatal(err)
	}
	flag := filepath.Join(t.TempDir(), "flag")
	var busy sync.WaitGroup
	busy.Go(func() { w.call(t, "f", "", fmt.Sprintf(`{"do": "wait", "text": %q}`, flag)) })
	until(t, "the first call is at work", func() bool { return strings.Contains(w.logs.all(), "START RequestId: ") })
	_, err := w.Client.Invoke(t.Context(), &client.InvokeInput{FunctionName: name})
	refused(t, err, "TooManyRequestsException", "Rate Exceeded.")
	if limit, ok := errors.AsType[*types.TooManyRequestsException](err); !ok || limit.Reason != types.ThrottleReasonReservedFunctionConcurrentInvocationLimitExceeded {
		t.Errorf("reason: got %+v", limit)
	}
	if err := os.WriteFile(flag, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	busy.Wait()
	w.call(t, "f", "", `{}`)
	_, err = w.PutFunctionConcurrency(t.Context(), &client.PutFunctionConcurrencyInput{FunctionName: name, ReservedConcurrentExecutions: aws.Int32(901)})
	refused(t, err, "InvalidParameterValueException", "below its minimum value of [100].")
}

func TestFunctionsAndWhatWasAcceptedOutliveTheRoom(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	w := open(t, dir, nil)
	w.create(t, "f", func(in *client.CreateFunctionInput) { in.Publish = true })
	if _, err := w.PutFunctionConcurrency(t.Context(), &client.PutFunctionConcurrencyInput{FunctionName: aws.String("f"), ReservedConcurrentExecutions: aws.Int32(0)}); err != nil {
		t.Fatal(err)
	}
	marks := filepath.Join(t.TempDir(), "marks")
	// There is no room for it, so it waits.
	if _, err := w.Client.Invoke(t.Context(), &client.InvokeInput{FunctionName: aws.String("f"), InvocationType: types.InvocationTypeEvent, Payload: fmt.Appendf(nil, `{"do": "count", "text": %q}`, marks)}); err != nil {
		t.Fatal(err)
	}
	w.stop()

	w = open(t, dir, nil)
	if _, err := w.DeleteFunctionConcurrency(t.Context(), &client.DeleteFunctionConcurrencyInput{FunctionName: aws.String("f")}); err != nil {
		t.Fatal(err)
	}
	if a := w.call(t, "f", "1", `{}`); a.Code != "one" {
		t.Errorf("after a restart: got %+v", a)
	}
	until(t, "the event is invoked after the restart", func() bool { b, err := os.ReadFile(marks); return err == nil && len(b) == 3 })
}

func TestFunctionsComeInPages(t *testing.T) {
	t.Parallel()
	w := open(t, t.TempDir(), nil)
	for _, name := range []string{"a", "b", "c"} {
		w.create(t, name, nil)
	}
	var seen []string
	pages := client.NewListFunctionsPaginator(w, &client.ListFunctionsInput{MaxItems: aws.Int32(2)})
	for pages.HasMorePages() {
		out, err := pages.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range out.Functions {
			seen = append(seen, *f.FunctionName)
			if f.State != "" || f.LastUpdateStatus != "" {
				t.Errorf("a list tells states: %+v", f)
			}
		}
	}
	if strings.Join(seen, " ") != "a b c" {
		t.Errorf("pages: got %v", seen)
	}
	for n, must := range map[int32]string{0: "have value greater than or equal to 1", 10001: "have value less than or equal to 10000"} {
		_, err := w.ListFunctions(t.Context(), &client.ListFunctionsInput{MaxItems: &n})
		refused(t, err, "ValidationException", fmt.Sprintf("1 validation error detected: Value '%d' at 'maxItems' failed to satisfy constraint: Member must %s", n, must))
	}
	_, err := w.PutFunctionEventInvokeConfig(t.Context(), &client.PutFunctionEventInvokeConfigInput{FunctionName: aws.String("a"), MaximumRetryAttempts: aws.Int32(3)})
	refused(t, err, "ValidationException", "1 validation error detected: Value '3' at 'maximumRetryAttempts' failed to satisfy constraint: Member must have value less than or equal to 2")
}

func TestPermissionsAreRecords(t *testing.T) {
	t.Parallel()
	w := open(t, t.TempDir(), nil)
	w.create(t, "f", nil)
	name := aws.String("f")
	in := &client.AddPermissionInput{FunctionName: name, StatementId: aws.String("ecs"), Action: aws.String("lambda:InvokeFunction"), Principal: aws.String("ecs.amazonaws.com"), SourceAccount: aws.String("123456789012")}
	added, err := w.AddPermission(t.Context(), in)
	const statement = `{"Sid":"ecs","Effect":"Allow","Principal":{"Service":"ecs.amazonaws.com"},"Action":"lambda:InvokeFunction","Resource":"` + arn + `f","Condition":{"StringEquals":{"AWS:SourceAccount":"123456789012"}}}`
	if err != nil || *added.Statement != statement {
		t.Fatalf("got %v, %v", added, err)
	}
	_, err = w.AddPermission(t.Context(), in)
	refused(t, err, "ResourceConflictException", "The statement id (ecs) provided already exists.")
	policy, err := w.GetPolicy(t.Context(), &client.GetPolicyInput{FunctionName: name})
	if err != nil || *policy.Policy != `{"Version":"2012-10-17","Id":"default","Statement":[`+statement+`]}` {
		t.Errorf("got %v, %v", policy, err)
	}
	if _, err := w.RemovePermission(t.Context(), &client.RemovePermissionInput{FunctionName: name, StatementId: aws.String("ecs")}); err != nil {
		t.Fatal(err)
	}
	_, err = w.GetPolicy(t.Context(), &client.GetPolicyInput{FunctionName: name})
	refused(t, err, "ResourceNotFoundException", "The resource you requested does not exist.")
}

func TestWhatAWSRefusesIsRefused(t *testing.T) {
	t.Parallel()
	w := open(t, t.TempDir(), nil)
	for _, c := range []struct {
		code, message string
		change        func(*client.CreateFunctionInput)
	}{
		{"ValidationException", "Value 'no/name' at 'functionName'", func(in *client.CreateFunctionInput) { in.FunctionName = aws.String("no/name") }},
		{"ValidationException", "Value 'me' at 'role'", func(in *client.CreateFunctionInput) { in.Role = aws.String("me") }},
		{"ValidationException", "Value '901' at 'timeout' failed to satisfy constraint: Member must have value less than or equal to 900", func(in *client.CreateFunctionInput) { in.Timeout = aws.Int32(901) }},
		{"ValidationException", "at 'memorySize'", func(in *client.CreateFunctionInput) { in.MemorySize = aws.Int32(64) }},
		{"InvalidParameterValueException", "Value cobol at 'runtime' failed to satisfy constraint", func(in *client.CreateFunctionInput) { in.Runtime = "cobol" }},
		{"InvalidParameterValueException", "The runtime parameter of go1.x is no longer supported", func(in *client.CreateFunctionInput) { in.Runtime = types.RuntimeGo1x }},
		{"InvalidParameterValueException", "is not served by this cloud", func(in *client.CreateFunctionInput) { in.Runtime = types.RuntimeJava21 }},
		{"InvalidParameterValueException", "Runtime and Handler are mandatory parameters", func(in *client.CreateFunctionInput) { in.Handler = nil }},
		{"InvalidParameterValueException", "Reserved keys used in this request: AWS_REGION, LAMBDA_TASK_ROOT", func(in *client.CreateFunctionInput) {
			in.Environment = &types.Environment{Variables: map[string]string{"LAMBDA_TASK_ROOT": "x", "AWS_REGION": "y"}}
		}},
		{"InvalidParameterValueException", "exceeded the 4KB limit", func(in *client.CreateFunctionInput) {
			in.Environment = &types.Environment{Variables: map[string]string{"LONG": strings.Repeat("x", 4096)}}
		}},
		{"InvalidParameterValueException", "Please provide a source for function code.", func(in *client.CreateFunctionInput) { in.Code = &types.FunctionCode{} }},
		{"InvalidParameterValueException", "S3 Error Code: NoSuchBucket", func(in *client.CreateFunctionInput) {
			in.Code = &types.FunctionCode{S3Bucket: aws.String("bucket"), S3Key: aws.String("k")}
		}},
	} {
		in := &client.CreateFunctionInput{FunctionName: aws.String("f"), Role: aws.String(role), Runtime: types.RuntimeProvidedal2023, Handler: aws.String("h"), Code: &types.FunctionCode{ZipFile: code(t, "one")}}
		c.change(in)
		_, err := w.CreateFunction(t.Context(), in)
		refused(t, err, c.code, c.message)
	}
}

func TestCodeComesFromS3Too(t *testing.T) {
	t.Parallel()
	w := open(t, t.TempDir(), func(o *lambda.Options) { o.Objects = objects{"bucket/f.zip": code(t, "stored")} })
	w.create(t, "f", func(in *client.CreateFunctionInput) {
		in.Code = &types.FunctionCode{S3Bucket: aws.String("bucket"), S3Key: aws.String("f.zip")}
	})
	if a := w.call(t, "f", "", `{}`); a.Code != "stored" {
		t.Errorf("got %+v", a)
	}
	_, err := w.UpdateFunctionCode(t.Context(), &client.UpdateFunctionCodeInput{FunctionName: aws.String("f"), S3Bucket: aws.String("bucket"), S3Key: aws.String("none")})
	refused(t, err, "InvalidParameterValueException", "Error occurred while GetObject. S3 Error Code: NoSuchKey. S3 Error Message: The specified key does not exist.")
}
