package ship_test

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"github.com/slipway-ecs/slipway/internal/clock"
	"github.com/slipway-ecs/slipway/internal/sdk"
	"github.com/slipway-ecs/slipway/internal/ship"
)

type object = map[string]any

const (
	arns  = "arn:aws:ecs:eu-west-1:123456789012:"
	oldID = "ecs-svc/1000000000000000001"
	newID = "ecs-svc/2000000000000000002"
)

// fakeECS keeps the little of ECS that a deployment meets: one service, its definitions, its
// deployments. What happens to a new deployment is the test's script, one step a reading.
type fakeECS struct {
	mu          sync.Mutex
	definitions []object // web:1, web:2, …; as registered, unknown members and all
	tags        []any
	service     object
	deployment  object // our service deployment; nil until an update makes one
	stopped     []any  // tasks
	script      []func(*fakeECS)
	calls       map[string]int
	refuse      map[string]string // operation → error code
	drop        map[string]int    // operation → how many answers to lose after obeying
	deaf        map[string]int    // operation → how many requests to lose
	count       int               // of deployments made
	marks       map[string]string // tags of the service
	onStop      func(*fakeECS)    // what StopServiceDeployment does
	answers     []string          // to pauses: id and action
	history     []any             // service deployments; nil: ours alone
	revisions   map[string]string // service revision ARN → family:revision
	updates     []object          // UpdateService's inputs
	now         time.Time         // the server's, a second later at each reading of the service; zero is the wall's
}

func newFake() *fakeECS {
	f := &fakeECS{calls: map[string]int{}, refuse: map[string]string{}, drop: map[string]int{}, deaf: map[string]int{}, marks: map[string]string{}, revisions: map[string]string{}}
	f.tags = []any{object{"key": "team", "value": "shop"}}
	f.definitions = []object{{
		"family": "web", "revision": 1, "taskDefinitionArn": arns + "task-definition/web:1", "status": "ACTIVE",
		"registeredAt": 1.7e9, "compatibilities": []any{"EC2"},
		"futureMember": object{"keep": 12345678901234567},
		"containerDefinitions": []any{
			object{"name": "app", "image": "repo/app:1", "essential": true, "cpu": 0, "environment": []any{object{"name": "LEVEL", "value": "info"}}, "newerThanUs": true},
			object{"name": "log", "image": "repo/log:7", "essential": false, "cpu": 0},
		},
	}}
	f.service = object{
		"serviceName": "web", "serviceArn": arns + "service/main/web", "clusterArn": arns + "cluster/main", "status": "ACTIVE", "desiredCount": 2, "runningCount": 2, "pendingCount": 0,
		"taskDefinition": arns + "task-definition/web:1", "deploymentController": object{"type": "ECS"}, "events": []any{},
		"deployments": []any{f.side(oldID, "web:1", "PRIMARY", "COMPLETED", 100)},
	}
	return f
}

func (f *fakeECS) side(id, revision, status, state string, created float64) object {
	return object{"id": id, "status": status, "taskDefinition": arns + "task-definition/" + revision, "rolloutState": state,
		"rolloutStateReason": "ECS deployment " + id + " " + strings.ToLower(state) + ".",
		"desiredCount":       2, "runningCount": 2, "pendingCount": 0, "failedTasks": 0, "createdAt": created, "updatedAt": created}
}

func (f *fakeECS) event(msg string) {
	events := f.service["events"].([]any)
	f.service["events"] = append([]any{object{"id": fmt.Sprint("e", len(events)), "createdAt": 200.0 + float64(len(events)), "message": msg}}, events...)
}

// deployments replaces the service's list.
func (f *fakeECS) deployments(all ...object) {
	var list []any
	for _, d := range all {
		list = append(list, d)
	}
	f.service["deployments"] = list
}

func (f *fakeECS) status(s, reason string) {
	f.deployment["status"] = s
	if reason != "" {
		f.deployment["statusReason"] = reason
	}
}

func (f *fakeECS) serve(t *testing.T) ship.ECS {
	t.Helper()
	server := httptest.NewServer(f)
	t.Cleanup(server.Close)
	return sdk.NewECS(aws.Config{
		Region: "eu-west-1", BaseEndpoint: &server.URL,
		Credentials: credentials.NewStaticCredentialsProvider("1", "2", ""), RetryMaxAttempts: 1,
	})
}

func (f *fakeECS) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	_, op, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	f.calls[op]++
	if f.deaf[op] > 0 {
		f.deaf[op]--
		panic(http.ErrAbortHandler)
	}
	if code := f.refuse[op]; code != "" {
		w.WriteHeader(http.StatusBadRequest)
		fmt.Fprintf(w, `{"__type":%q,"message":"no"}`, code)
		return
	}
	var in object
	d := json.NewDecoder(r.Body)
	d.UseNumber()
	if err := d.Decode(&in); err != nil && err != io.EOF {
		panic(err)
	}
	out := f.answer(op, in)
	if f.drop[op] > 0 {
		f.drop[op]--
		panic(http.ErrAbortHandler)
	}
	if !f.now.IsZero() {
		w.Header().Set("Date", f.now.UTC().Format(http.TimeFormat))
	}
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	if code, bad := out["__type"]; bad {
		w.WriteHeader(http.StatusBadRequest)
		out["__type"] = code
	}
	_ = json.NewEncoder(w).Encode(out) // the client may have gone
}

func (f *fakeECS) answer(op string, in object) object {
	switch op {
	case "DescribeServices":
		if f.service == nil {
			return object{"services": []any{}, "failures": []any{object{"reason": "MISSING"}}}
		}
		f.step()
		if !f.now.IsZero() {
			f.now = f.now.Add(time.Second)
		}
		tags := []any{}
		for _, k := range slices.Sorted(maps.Keys(f.marks)) {
			tags = append(tags, object{"key": k, "value": f.marks[k]})
		}
		f.service["tags"] = tags
		return object{"services": []any{f.service}, "failures": []any{}}
	case "DescribeTaskDefinition":
		ref := in["taskDefinition"].(string)
		d := f.definitions[len(f.definitions)-1]
		for _, one := range f.definitions {
			if one["taskDefinitionArn"] == ref {
				d = one
			}
		}
		return object{"taskDefinition": d, "tags": f.tags}
	case "RegisterTaskDefinition":
		d := maps.Clone(in)
		n := len(f.definitions) + 1
		d["revision"], d["taskDefinitionArn"], d["status"] = n, fmt.Sprintf("%stask-definition/web:%d", arns, n), "ACTIVE"
		f.definitions = append(f.definitions, d)
		return object{"taskDefinition": d}
	case "UpdateService":
		f.updates = append(f.updates, in)
		return object{"service": f.update(in)}
	case "CreateService":
		f.service = newFake().service
		f.service["serviceName"] = in["serviceName"]
		f.service["deployments"] = []any{}
		return object{"service": f.update(in)}
	case "TagResource":
		for _, t := range in["tags"].([]any) {
			f.marks[t.(object)["key"].(string)] = t.(object)["value"].(string)
		}
		return object{}
	case "UntagResource":
		for _, k := range in["tagKeys"].([]any) {
			delete(f.marks, k.(string))
		}
		return object{}
	case "StopServiceDeployment":
		if f.onStop != nil {
			f.onStop(f)
		}
		return object{"serviceDeploymentArn": in["serviceDeploymentArn"]}
	case "ContinueServiceDeployment":
		f.answers = append(f.answers, fmt.Sprint(in["hookId"], " ", in["action"]))
		f.deployment["lifecycleHookDetails"] = []any{}
		return object{"serviceDeploymentArn": in["serviceDeploymentArn"]}
	case "DescribeServiceRevisions":
		list := []any{}
		for _, arn := range in["serviceRevisionArns"].([]any) {
			if d, ok := f.revisions[arn.(string)]; ok {
				list = append(list, object{"serviceRevisionArn": arn, "taskDefinition": arns + "task-definition/" + d})
			}
		}
		return object{"serviceRevisions": list, "failures": []any{}}
	case "ListServiceDeployments":
		if f.history != nil {
			return object{"serviceDeployments": f.history}
		}
		list := []any{}
		if f.deployment != nil {
			list = append(list, object{"serviceDeploymentArn": f.deployment["serviceDeploymentArn"], "targetServiceRevisionArn": arns + "service-revision/main/web/" + strings.TrimPrefix(newID, "ecs-svc/")})
		}
		return object{"serviceDeployments": list}
	case "DescribeServiceDeployments":
		f.step()
		return object{"serviceDeployments": []any{f.deployment}, "failures": []any{}}
	case "ListTasks":
		list := []any{}
		for _, t := range f.stopped {
			list = append(list, t.(object)["taskArn"])
		}
		return object{"taskArns": list}
	case "DescribeTasks":
		return object{"tasks": f.stopped, "failures": []any{}}
	}
	return object{"__type": "UnknownOperationException"}
}

// update obeys UpdateService: a changed definition makes a deployment.
func (f *fakeECS) update(in object) object {
	if n, ok := in["desiredCount"]; ok {
		f.service["desiredCount"] = n
	}
	for _, k := range []string{"deploymentConfiguration", "healthCheckGracePeriodSeconds", "networkConfiguration", "enableExecuteCommand"} {
		was, a := f.service[k].(object)
		now, b := in[k].(object)
		if a && b { // as ECS does, what is left out stays
			now = maps.Clone(now)
			for name, v := range was {
				if _, said := now[name]; !said {
					now[name] = v
				}
			}
			f.service[k] = now
		} else if in[k] != nil {
			f.service[k] = in[k]
		}
	}
	td, ok := in["taskDefinition"].(string)
	if in["networkConfiguration"] != nil && !ok { // a new service revision
		td, ok, in = f.service["taskDefinition"].(string), true, object{"forceNewDeployment": true}
	}
	if !ok || td == f.service["taskDefinition"] && in["forceNewDeployment"] != true && len(f.service["deployments"].([]any)) > 0 {
		return f.service
	}
	f.count++
	f.service["taskDefinition"] = td
	ours := f.side(newID, td[strings.LastIndexByte(td, '/')+1:], "PRIMARY", "IN_PROGRESS", 200)
	ours["runningCount"], ours["desiredCount"] = 0, 0
	list := []any{ours}
	for _, d := range f.service["deployments"].([]any) {
		d.(object)["status"] = "ACTIVE"
		list = append(list, d)
	}
	f.service["deployments"] = list
	f.deployment = object{"serviceDeploymentArn": arns + "service-deployment/main/web/abc", "createdAt": 200.5, "status": "PENDING"}
	return f.service
}

// step plays the next step of the script, once there is a deployment.
func (f *fakeECS) step() {
	if f.deployment != nil && len(f.script) > 0 {
		f.script[0](f)
		f.script = f.script[1:]
	}
}

// instant is a clock whose timers fire at once and take their time with them.
type instant struct {
	mu  sync.Mutex
	now time.Time
}

func (c *instant) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *instant) NewTimer(d time.Duration) clock.Timer {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
	fired := make(chan time.Time, 1)
	fired <- c.now
	return rung(fired)
}

type rung chan time.Time

func (r rung) C() <-chan time.Time { return r }
func (rung) Stop() bool            { return false }
