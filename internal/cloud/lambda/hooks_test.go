package lambda_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	client "github.com/aws/aws-sdk-go-v2/service/lambda"

	"github.com/slipway-ecs/slipway/internal/cloud/lambda"
	"github.com/slipway-ecs/slipway/internal/fail"
)

func TestHooksStandForFunctionsThatAreNotThere(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil || r.Method != http.MethodPost {
			http.Error(w, "no", http.StatusBadRequest)
			return
		}
		if strings.Contains(string(body), "bad") {
			http.Error(w, "broken", http.StatusInternalServerError)
			return
		}
		w.Write(append(append([]byte(`{"got":`), body...), '}')) //nolint:errcheck // the test sees
	}))
	defer server.Close()
	dir := t.TempDir()
	file := filepath.Join(dir, "hooks.yaml")
	text := "hooks:\n" +
		"  - function: approve-*\n    command: [sh, -c, 'read event; echo \"{\\\"hookStatus\\\": \\\"SUCCEEDED\\\", \\\"event\\\": $event, \\\"dir\\\": \\\"$(pwd)\\\", \\\"key\\\": \\\"$AWS_ACCESS_KEY_ID\\\"}\"']\n" +
		"  - {function: sick, command: [sh, -c, 'echo broken >&2; exit 3']}\n" +
		"  - {function: slow, command: [sleep, '3600'], timeout: 50ms}\n" +
		"  - {function: " + arn + "check, url: '" + server.URL + "'}\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	hooks, err := lambda.ReadHooks(file)
	if err != nil {
		t.Fatal(err)
	}
	w := open(t, t.TempDir(), func(o *lambda.Options) { o.Hooks = hooks; o.Host = append(o.Host, "AWS_ACCESS_KEY_ID=mine") })
	answer, failure, err := w.room.Invoke(t.Context(), here, arn+"approve-it:live", []byte(`{"a":1}`))
	var got struct {
		HookStatus, Dir, Key string
		Event                json.RawMessage
	}
	if err != nil || failure != "" || json.Unmarshal(answer, &got) != nil || got.HookStatus != "SUCCEEDED" || string(got.Event) != `{"a":1}` || got.Key != "" {
		t.Errorf("a command: got %s %q, %v", answer, failure, err)
	}
	if real, err := filepath.EvalSymlinks(dir); err != nil || got.Dir != dir && got.Dir != real {
		t.Errorf("a command runs in %q, want the file's directory %q", got.Dir, dir)
	}
	out, err := w.Client.Invoke(t.Context(), &client.InvokeInput{FunctionName: aws.String("check"), Payload: []byte(`{"b":2}`)})
	if err != nil || string(out.Payload) != `{"got":{"b":2}}` || out.FunctionError != nil {
		t.Errorf("a URL, by Lambda's Invoke: got %+v, %v", out, err)
	}
	for _, c := range []struct{ function, event, kind, message string }{
		{"check", `"bad"`, "Runtime.ExitError", "500 Internal Server Error: broken"},
		{"sick", `{}`, "Runtime.ExitError", "exit status 3: broken"},
		{"slow", `{}`, "Sandbox.Timedout", "Task timed out after 0.05 seconds"},
	} {
		answer, failure, err := w.room.Invoke(t.Context(), here, c.function, []byte(c.event))
		var f struct{ ErrorType, ErrorMessage string }
		if err != nil || failure != "Unhandled" || json.Unmarshal(answer, &f) != nil || f.ErrorType != c.kind || !strings.Contains(f.ErrorMessage, c.message) {
			t.Errorf("%s: got %s %q, %v", c.function, answer, failure, err)
		}
	}
	w.create(t, "approve-me", nil)
	if a := w.call(t, "approve-me", "", `{}`); a.Code != "one" {
		t.Errorf("a function that is there comes first: got %+v", a)
	}
}

func TestAListOfHooksIsStrictAndShowsTheLine(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ text, want string }{
		{"hooks:\n  - function: a\n", "hooks.yaml:2:5: the hook for \"a\" needs a command or a url, one of the two"},
		{"hooks:\n  - function: a\n    command: [x]\n    url: http://y\n", "one of the two"},
		{"hooks:\n  - function: a\n    comand: [x]\n", "hooks.yaml:3:5: "},
		{"hooks:\n  - function: a\n    url: ftp://y\n", "a URL begins with http:// or https://"},
		{"hooks:\n  - function: a\n    url: http://y\n    timeout: soon\n", "hooks.yaml:4:14: \"soon\" is no time"},
		{"hooks:\n  - command: [x]\n", "function"},
		{"hook: []\n", "hook"},
	} {
		file := filepath.Join(t.TempDir(), "hooks.yaml")
		if err := os.WriteFile(file, []byte(c.text), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := lambda.ReadHooks(file)
		if !fail.Is(err, "hooks.invalid") || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "^") {
			t.Errorf("%q: got %v, want %q and a caret", c.text, err, c.want)
		}
	}
}
