package project_test

import (
	"strings"
	"testing"

	"github.com/slipway-ecs/slipway/internal/fail"
)

// good is a beginning that has nothing wrong, seven lines.
const good = "version: 1\ncluster: main\nservices:\n  api:\n    images:\n      app: repo/app:1\n    count: 2\n"

func TestBadFilesSayWhereWhatAndWhatToDo(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		text string
		at   string   // line:column
		says []string // parts of the message
	}{
		"empty":                      {"", "1:1", []string{"empty"}},
		"only a comment":             {"# nothing\n", "1:1", []string{"empty"}},
		"a list":                     {"- 1\n", "1:1", []string{"list", "map"}},
		"a word":                     {"hello\n", "1:1", []string{"string", "map"}},
		"a mistyped key":             {good + "clutser: x\n", "8:1", []string{`"clutser"`, `did you mean "cluster"?`}},
		"a key of a service":         {good + "    imagse: {}\n", "8:5", []string{`"imagse"`, `did you mean "images"?`}},
		"a key like nothing":         {good + "zzzzzz: 1\n", "8:1", []string{`no key "zzzzzz"`}},
		"a key of aws":               {good + "aws: {regoin: eu-west-1}\n", "8:7", []string{`did you mean "region"?`}},
		"no version":                 {"cluster: main\nservices: {a: {}}\n", "1:1", []string{`lacks "version"`}},
		"no cluster and no services": {"version: 1\n", "1:1", []string{`lacks "services"`, `lacks "cluster"`}},
		"another version":            {strings.Replace(good, "version: 1", "version: 2", 1), "1:10", []string{"is 2", "may be 1"}},
		"version in quotes":          {strings.Replace(good, "version: 1", "version: \"1\"", 1), "1:10", []string{"a string", "whole number"}},
		"empty cluster":              {strings.Replace(good, "main", `""`, 1), "2:10", []string{`"cluster" is empty`}},
		"no services in services":    {"version: 1\ncluster: main\nservices: {}\n", "3:11", []string{`"services" is empty`}},
		"services as a list":         {"version: 1\ncluster: main\nservices: [api]\n", "3:11", []string{"a list", "a map"}},
		"a service without a value":  {"version: 1\ncluster: main\nservices:\n  api:\n", "4:", []string{"nothing", "a map"}},
		"count as a word":            {strings.Replace(good, "count: 2", "count: four", 1), "7:12", []string{"a string", "whole number"}},
		"half a task":                {strings.Replace(good, "count: 2", "count: 2.5", 1), "7:12", []string{"whole number"}},
		"fewer than no tasks":        {strings.Replace(good, "count: 2", "count: -1", 1), "7:12", []string{"-1", "less than 0"}},
		"more tasks than numbers":    {strings.Replace(good, "count: 2", "count: 99999999999", 1), "7:12", []string{"too large a number"}},
		"an image as a list":         {strings.Replace(good, "repo/app:1", "[a]", 1), "6:12", []string{`"app" is a list`}},
		"an empty image":             {strings.Replace(good, "repo/app:1", `""`, 1), "6:12", []string{`"app" is empty`}},
		"an image from a number":     {strings.Replace(good, "repo/app:1", "12", 1), "6:12", []string{"quote it", `"12"`}},
		"account as a number":        {good + "aws: {account: 123456789012}\n", "8:16", []string{"a number", "in quotes"}},
		"account with a hole":        {good + "aws: {account: \"12345\"}\n", "8:16", []string{"12345", "12 digits"}},
		"a region of nowhere":        {good + "aws: {region: Ireland}\n", "8:15", []string{"Ireland", "eu-west-1"}},
		"a strategy that is none":    {good + "    strategy: roling\n", "8:15", []string{"roling", `did you mean "rolling"?`}},
		"a timeout without a unit":   {good + "    timeout: 10\n", "8:14", []string{"unit"}},
		"a timeout with a bad unit":  {good + "    timeout: 10min\n", "8:14", []string{"10min", "unit"}},
		"an unset variable":          {strings.Replace(good, "repo/app:1", "repo/app:${TAG}", 1), "6:12", []string{"TAG is not set", "${TAG:-default}"}},
		"a needed variable":          {strings.Replace(good, "repo/app:1", "\"${TAG:?which one}\"", 1), "6:12", []string{"TAG is not set: which one"}},
		"an empty needed variable":   {strings.Replace(good, "repo/app:1", "\"${EMPTY:?which one}\"", 1), "6:12", []string{"EMPTY is empty: which one"}},
		"a variable left open":       {strings.Replace(good, "repo/app:1", "\"${TAG\"", 1), "6:12", []string{"no '}'"}},
		"a lonely dollar":            {strings.Replace(good, "repo/app:1", "app$1", 1), "6:12", []string{"dollar", "$$"}},
		"an operator of a shell":     {strings.Replace(good, "repo/app:1", "${TAG%x}", 1), "6:12", []string{"no meaning", "${VAR:-default}"}},
		"a key twice":                {good + "cluster: other\n", "8:1", []string{`"cluster"`, "second time"}},
		"two documents":              {good + "---\n" + good, "9:1", []string{"second document"}},
		"a tab":                      {"version: 1\n\tcluster: main\n", "2:1", []string{"tab", "spaces"}},
		"a bracket left open":        {"version: 1\ncluster: [main\n", "2:10", []string{"]"}},
		"a quote left open":          {"version: 1\ncluster: \"main\n", "2:10", []string{"double-quoted"}},
		"an indent too little":       {"version: 1\nservices:\n    api: {}\n  web: {}\n", "4:3", []string{"not allowed"}},
		"an alias to nothing":        {good + "app: *name\n", "8:6", []string{`no anchor "name"`}},
		"an anchor in itself":        {good + "app: &a [*a]\n", "8:10", []string{"holds itself"}},
		"a tag of YAML":              {good + "app: !env NAME\n", "8:6", []string{"tag"}},
		"a merge of a word":          {good + "    <<: word\n", "8:9", []string{"merge"}},
		"a value that is infinite":   {strings.Replace(good, "count: 2", "count: .inf", 1), "7:12", []string{"no number"}},
		"env without containers":     {good + "    env: {LEVEL: debug}\n", "8:18", []string{`"LEVEL" is a string`, "a map"}},
		"env with a list":            {good + "    env: {app: {LEVEL: [a]}}\n", "8:24", []string{`"LEVEL" is a list`}},
		"env with nothing":           {good + "    env: {app: {LEVEL: }}\n", "8:", []string{`"LEVEL" is nothing`}},
		"a task file that is gone":   {good + "    task: gone.json\n", "8:11", []string{"no file", "gone.json"}},
		"a task as a list":           {good + "    task: [a]\n", "8:11", []string{"a list"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			bad(t, c.text, c.at, c.says)
		})
	}
	for name, c := range more {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			bad(t, c.text, c.at, c.says)
		})
	}
}

// bad loads a file that is wrong at a place.
func bad(t *testing.T, text, at string, says []string) {
	t.Helper()
	_, err := load(t, text, nil)
	if err == nil {
		t.Fatalf("read without an error:\n%s", text)
	}
	if f := fail.Of(err); f == nil || !strings.HasPrefix(f.Code, "file.") {
		t.Errorf("the error has no code file.…: %v", err)
	}
	for _, s := range append([]string{"slipway.yaml:" + at}, says...) {
		if !strings.Contains(err.Error(), s) {
			t.Errorf("lacks %q:\n%v", s, err)
		}
	}
}

func TestAllThatIsWrongIsSaidAtOnceWithCarets(t *testing.T) {
	t.Parallel()
	_, err := load(t, "version: 1\nclutser: main\nservices:\n  api: {count: x, timeout: 5}\n", nil)
	if err == nil {
		t.Fatal("read without an error")
	}
	for _, s := range []string{"has 4 problems", ":1:1:", ":2:1:", ":4:16:", ":4:28:", "> 4 |   api: {count: x, timeout: 5}\n                     ^"} {
		if !strings.Contains(err.Error(), s) {
			t.Errorf("lacks %q:\n%v", s, err)
		}
	}
}

func TestABadFileThatIsNamedIsTheOneBlamed(t *testing.T) {
	t.Parallel()
	_, err := load(t, good+"    task: t.json\n", map[string]string{"t.json": "{\n  \"family\": \"x\",\n  \"family\": \"y\"\n}\n"})
	if err == nil || !strings.Contains(err.Error(), "t.json:3:3") {
		t.Errorf("got %v", err)
	}
}

// more are files that hold something of the whole form.
var more = map[string]struct {
	text string
	at   string
	says []string
}{
	"a service's strategy as a list":   {good + "    strategy: [rolling]\n", "8:15", []string{`"strategy" is a list`, "a string or a map"}},
	"a strategy without a type":        {good + "    strategy: {bake: 5m}\n", "8:15", []string{`lacks "type"`}},
	"a strategy's unknown key":         {good + "    strategy: {type: canary, canery: {}}\n", "8:30", []string{"canery", `did you mean "canary"?`}},
	"a bake in seconds":                {good + "    strategy: {type: blue-green, bake: 90s}\n", "8:40", []string{"not a whole number of minutes", "2m"}},
	"a bake of two days":               {good + "    strategy: {type: blue-green, bake: 48h}\n", "8:40", []string{"out of what ECS takes", "0m to 24h"}},
	"a bake without a unit":            {good + "    strategy: {type: blue-green, bake: 15}\n", "8:40", []string{"a number, not a string", "write its unit, as in 15m", "whole minutes"}},
	"a canary of nothing":              {good + "    strategy: {type: canary, canary: {percent: 0}}\n", "8:48", []string{"less than 0.1"}},
	"a canary of more than all":        {good + "    strategy: {type: canary, canary: {percent: 150}}\n", "8:48", []string{"more than 100"}},
	"a canary too fine":                {good + "    strategy: {type: canary, canary: {percent: 10.55}}\n", "8:48", []string{"finer than a tenth", "10.5"}},
	"a canary with a percent sign":     {good + "    strategy: {type: canary, canary: {percent: 10%}}\n", "8:48", []string{"a string, not a number"}},
	"a linear step too small":          {good + "    strategy: {type: linear, linear: {step: 1}}\n", "8:45", []string{"less than 3"}},
	"canary settings of a linear":      {good + "    strategy: {type: linear, canary: {percent: 5}}\n", "8:38", []string{"no meaning", "type: canary"}},
	"linear settings of a rolling":     {good + "    strategy: {type: rolling, linear: {step: 5}}\n", "8:39", []string{"no meaning", "type: linear"}},
	"a test route of a rolling":        {good + "    strategy: {type: rolling, test-route: \"arn:aws:elasticloadbalancing:eu-west-1:123456789012:listener-rule/a\"}\n", "8:43", []string{"no test route"}},
	"a test route that is no ARN":      {good + "    strategy: {type: canary, test-route: green}\n", "8:42", []string{"green", "its ARN"}},
	"percents of a recreate":           {good + "    strategy: {type: recreate, max-percent: 200}\n", "8:45", []string{"0 and 100", "type: rolling"}},
	"percents without room":            {good + "    strategy: {type: rolling, min-healthy-percent: 100, max-percent: 100}\n", "8:70", []string{"no task could ever be replaced"}},
	"a max below 100":                  {good + "    strategy: {type: rolling, max-percent: 50}\n", "8:44", []string{"less than 100"}},
	"on-fail with nothing to fail by":  {good + "    strategy: {type: rolling, alarms: none, breaker: off, on-fail: rollback}\n", "8:68", []string{"nothing can fail", "switch the breaker on"}},
	"alarms as a word":                 {good + "    strategy: {type: rolling, alarms: web-5xx}\n", "8:39", []string{"web-5xx", "may be none"}},
	"a breaker by both":                {good + "    strategy: {type: rolling, breaker: {count: 3, percent: 5}}\n", "8:60", []string{"two ways to say one thing"}},
	"a breaker of no failure":          {good + "    strategy: {type: rolling, breaker: {count: 0}}\n", "8:48", []string{"less than 1"}},
	"an engine there is none of":       {good + "    engine: ecss\n", "8:13", []string{"ecss", `did you mean "ecs"?`}},
	"a pin to something else":          {good + "    pin: sha\n", "8:10", []string{"sha", "digest, tag"}},
	"a point there is none of":         {good + "    hooks: {after: []}\n", "8:13", []string{`no key "after"`}},
	"hooks as a list":                  {good + "    hooks: [{run: x}]\n", "8:12", []string{"a list, not a map"}},
	"a point without a list":           {good + "    hooks: {before: {run: x}}\n", "8:21", []string{"a map, not a list"}},
	"a hook that does nothing":         {good + "    hooks: {before: [{timeout: 5m}]}\n", "8:22", []string{"does nothing", "task, run"}},
	"a hook that does two things":      {good + "    hooks: {before: [{run: x, task: y}]}\n", "8:28", []string{"both task and run", "a hook of its own"}},
	"a hook's unknown key":             {good + "    hooks: {before: [{rum: x}]}\n", "8:23", []string{`did you mean "run"?`}},
	"a hook's task there is none of":   {good + "    hooks: {before: [{task: migrate}]}\n", "8:29", []string{`no task "migrate"`}},
	"a probe without a slash":          {good + "    hooks: {scaled: [{probe: {path: health}}]}\n", "8:37", []string{"health", "slash"}},
	"a probe that expects a word":      {good + "    hooks: {scaled: [{probe: {expect: ok}}]}\n", "8:39", []string{"ok", "200-299"}},
	"a probe that expects backwards":   {good + "    hooks: {scaled: [{probe: {expect: 299-200}}]}\n", "8:39", []string{"ends before it begins", "200-299"}},
	"a probe of no status":             {good + "    hooks: {scaled: [{probe: {expect: 20}}]}\n", "8:39", []string{"less than 100"}},
	"a function by its name":           {good + "    hooks: {scaled: [{lambda: check}]}\n", "8:31", []string{"check", "ARN"}},
	"a function after the end":         {good + "    hooks: {succeeded: [{lambda: \"arn:aws:lambda:x\"}]}\n", "8:25", []string{"does not hold", "put it at shifted"}},
	"an approval before all":           {good + "    hooks: {before: [{approve: ok?}]}\n", "8:22", []string{"does not hold", "put it at registered"}},
	"an approval for a month":          {good + "    hooks: {scaled: [{approve: ok?, timeout: 720h}]}\n", "8:46", []string{"out of what ECS takes", "336h"}},
	"an approval without a question":   {good + "    approve: {timeout: 5m}\n", "8:14", []string{`lacks "text"`}},
	"an approval of a rolling's test":  {good + "    strategy: rolling\n    approve: {text: ok?, at: test-traffic}\n", "9:14", []string{"does not pass", "put it at scaled"}},
	"then what there is none of":       {good + "    approve: {text: a, then: stop}\n", "8:30", []string{"rollback, continue"}},
	"a secret that is a variable too":  {good + "    env: {app: {DB: x}}\n    secrets: {app: {DB: y}}\n", "9:25", []string{"in \"env\" as well", "keep one"}},
	"an empty secret":                  {good + "    secrets: {app: {DB: \"\"}}\n", "8:25", []string{`"DB" is empty`}},
	"a timeout of nothing":             {good + "    timeout: 0s\n", "8:14", []string{"no time to watch"}},
	"a task without a service":         {good + "tasks: {migrate: {command: [x]}}\n", "8:18", []string{`lacks "service"`}},
	"a task of another service":        {good + "tasks: {migrate: {service: apl}}\n", "8:28", []string{`no service "apl"`, `did you mean "api"?`}},
	"a command as a text":              {good + "tasks: {migrate: {service: api, command: bin/x}}\n", "8:42", []string{"a string, not a list"}},
	"an empty command":                 {good + "tasks: {migrate: {service: api, command: []}}\n", "8:42", []string{`"command" is empty`}},
	"an environment as a word":         {good + "environments: {prod: prod}\n", "8:22", []string{"a string, not a map"}},
	"an environment's unknown key":     {good + "environments: {prod: {clutser: a}}\n", "8:23", []string{`did you mean "cluster"?`}},
	"an environment's wrong count":     {good + "environments: {prod: {services: {api: {count: many}}}}\n", "8:47", []string{"a string, not a whole number"}},
	"an environment with requires":     {good + "environments: {prod: {requires: \">=1\"}}\n", "8:23", []string{`no key "requires"`}},
	"a role that is no ARN":            {good + "aws: {role: deploy}\n", "8:13", []string{"deploy", "arn:aws:iam"}},
	"requires in words":                {good + "requires: newest\n", "8:11", []string{"newest", "comparisons"}},
	"requires as a number":             {good + "requires: 0.1\n", "8:11", []string{"a number, not a string", "comparisons"}},
	"a folder in place of a task":      {good + "    task: .\n", "8:11", []string{"cannot be read", "is a directory"}},
	"a byte that is no UTF-8":          {strings.Replace(good, "main", "m\xe4in", 1), "2:11", []string{"0xe4 is no UTF-8", "as UTF-8"}},
	"a control character":              {strings.Replace(good, "main", "ma\x00in", 1), "2:12", []string{"control character 0x00"}},
	"an image with a space":            {strings.Replace(good, "repo/app:1", "\"repo/app: 1\"", 1), "6:12", []string{`"app" is "repo/app: 1"`, "without spaces"}},
	"a secret with a space":            {good + "    secrets: {app: {DB: my secret}}\n", "8:25", []string{`"DB" is "my secret"`, "without spaces"}},
	"one name for two services":        {good + "  web: {name: api}\n", "8:15", []string{`"api" and "web" are both`, "another 'name:'"}},
	"a service without a name":         {good + "  \"\": {}\n", "8:3", []string{`"" is no name`, "letters, digits"}},
	"a name that ECS refuses":          {good + "    name: api.main\n", "8:11", []string{`"api.main" is no name`}},
	"a key that ECS refuses":           {good + "  web app: {}\n", "8:3", []string{`"web app" is no name`, "another than the key"}},
	"a list of variables":              {good + "    env: {app: [A=b]}\n", "8:16", []string{"a list, not a map", "KEY: VALUE"}},
	"nothing for aws":                  {good + "aws:\n", "8:", []string{"nothing, not a map", "leave the key out"}},
	"a count in words":                 {good + "  web: {count: two}\n", "8:16", []string{"a string, not a whole number", "digits"}},
	"a variable's map":                 {good + "    env: {app: {A: {b: c}}}\n", "8:20", []string{"a map, not a string", "one value"}},
	"a source there is none of":        {strings.Replace(good, "repo/app:1", "${vault:x}", 1), "6:12", []string{`no source "vault"`, "there are git"}},
	"git that is asked for too much":   {strings.Replace(good, "repo/app:1", "${git:author}", 1), "6:12", []string{"${git:author}", "there are sha"}},
	"a file that is gone":              {strings.Replace(good, "repo/app:1", "${file:gone}", 1), "6:12", []string{"no file", "folder of this file"}},
	"a parameter for the region":       {good + "aws: {region: \"${ssm:/region}\"}\n", "8:15", []string{"cannot stand below", "variable"}},
	"a variable where a number is due": {strings.Replace(good, "count: 2", "count: \"${IMAGE}\"", 1), "7:12", []string{"a string, not a whole number"}},
	"a variable in a key":              {good + "    env: {\"${IMAGE}\": {A: b}, app: c}\n", "8:36", []string{`"app" is a string`}},
}
