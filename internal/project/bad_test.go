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
			_, err := load(t, c.text, nil)
			if err == nil {
				t.Fatalf("read without an error:\n%s", c.text)
			}
			if f := fail.Of(err); f == nil || !strings.HasPrefix(f.Code, "file.") {
				t.Errorf("the error has no code file.…: %v", err)
			}
			says := append([]string{"slipway.yaml:" + c.at}, c.says...)
			for _, s := range says {
				if !strings.Contains(err.Error(), s) {
					t.Errorf("lacks %q:\n%v", s, err)
				}
			}
		})
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
