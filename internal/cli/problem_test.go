package cli_test

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/slipway-ecs/slipway/internal/cli"
	"github.com/slipway-ecs/slipway/internal/ship"
)

// runs runs a command without a terminal and gives all it did.
func runs(args ...string) (stdout, stderr string, code int) {
	var out, talk bytes.Buffer
	code = cli.Main(context.Background(), args, strings.NewReader(""), &out, &talk, nil)
	return out.String(), talk.String(), code
}

// told reads the one line of JSON that stdout has to be.
func told(t *testing.T, stdout string) ship.Event {
	t.Helper()
	var e ship.Event
	if err := json.Unmarshal([]byte(stdout), &e); err != nil || strings.Count(stdout, "\n") != 1 || e.Kind != ship.KindError || e.Error == nil || e.At.IsZero() || e.Text == "" {
		t.Fatalf("stdout is no event of an error (%v): %q", err, stdout)
	}
	return e
}

func TestWhoAskedForJSONIsToldErrorsInJSON(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	wrong, two := filepath.Join(dir, "wrong.yaml"), filepath.Join(dir, "two.yaml")
	for path, text := range map[string]string{
		wrong: "version: 1\napp: shop\ncluster: main\nservices:\n  api: {cuont: 2}\n",
		two:   "version: 1\napp: shop\ncluster: main\nservices:\n  api: {count: many, engine: steam}\n",
	} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for name, c := range map[string]struct {
		args   []string
		code   string
		exit   int
		line   int
		places int
	}{
		"a wrong file":                {[]string{"deploy", "-f", wrong, "-o", "json"}, "file.", 2, 5, 0},
		"several places":              {[]string{"plan", "--file", two, "--output=json"}, "file.", 2, 5, 2},
		"a file that is not there":    {[]string{"status", "-f", filepath.Join(dir, "none.yaml"), "--output", "json"}, "file.missing", 2, 0, 0},
		"a service that is not said":  {[]string{"history", "-c", "main", "-ojson"}, "usage.service", 2, 0, 0},
		"a flag that there is not":    {[]string{"deploy", "--nope", "-o", "json"}, "usage.flag", 2, 0, 0},
		"one argument too many":       {[]string{"deploy", "a", "b", "-o", "json"}, "usage.arguments", 2, 0, 0},
		"a command that there is not": {[]string{"depoly", "-o", "json"}, "usage.", 2, 0, 0},
	} {
		stdout, stderr, code := runs(c.args...)
		e := told(t, stdout)
		if code != c.exit || e.Error.ExitCode != code || !strings.HasPrefix(e.Error.Code, c.code) || e.Error.Message == "" {
			t.Errorf("%s: exit code %d, %+v", name, code, e.Error)
		}
		if e.Error.Next == "" && c.line == 0 {
			t.Errorf("%s: it does not say what is next: %+v", name, e.Error)
		}
		if p := e.Error.Place; (p == nil) != (c.line == 0) || p != nil && (p.Line != c.line || p.Column == 0 || p.File == "" || p.Message == "") || len(e.Error.Places) != c.places {
			t.Errorf("%s: the places are %+v, %+v", name, p, e.Error.Places)
		}
		if !strings.HasPrefix(stderr, "✗ ") {
			t.Errorf("%s: people are told %q", name, stderr)
		}
	}
}

func TestWhoDidNotAskForJSONGetsNoneOnStdout(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{"deploy", "--nope"}, {"deploy", "-o", "jsn"}, {"history", "-c", "main"}, {"deploy", "--nope", "--", "-o", "json"}, {"local", "--nope", "-o", "json"}} {
		if stdout, stderr, code := runs(args...); stdout != "" || stderr == "" || code != 2 {
			t.Errorf("%q: exit code %d, stdout %q, stderr %q", args, code, stdout, stderr)
		}
	}
}

func TestEveryVerbTellsErrorsInJSON(t *testing.T) {
	t.Parallel()
	for verb := range strings.FieldsSeq(verbs) {
		stdout, _, code := runs(verb, "--output", "json", "--no-such-flag")
		if e := told(t, stdout); code != 2 || e.Error.Code != "usage.flag" || e.Error.ExitCode != 2 {
			t.Errorf("%s: exit code %d, %+v", verb, code, e.Error)
		}
	}
}

func TestACIJobIsToldOfWhatIsRefusedBeforeAnythingWasAskedOfTheCloud(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file, output, summary := filepath.Join(dir, "slipway.yaml"), filepath.Join(dir, "output"), filepath.Join(dir, "summary")
	if err := os.WriteFile(file, []byte("version: 1\napp: shop\ncluster: main\nservices:\n  api: {cuont: 2}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for service, title := range map[string]string{"api": "slipway: api was not deployed\n", "": "slipway: nothing was deployed\n"} {
		args := []string{"deploy", "-f", file}
		if service != "" {
			args = append(args, service)
		}
		var out, talk bytes.Buffer
		code := cli.Main(context.Background(), args, strings.NewReader(""), &out, &talk, []string{"GITHUB_ACTIONS=true", "GITHUB_OUTPUT=" + output, "GITHUB_STEP_SUMMARY=" + summary})
		said, err := os.ReadFile(output)
		wrote, err2 := os.ReadFile(summary)
		if code != 2 || err != nil || err2 != nil || !strings.HasPrefix(string(said), "verdict=refused\n") || !strings.Contains(string(said), "cuont") {
			t.Errorf("%q: exit code %d, outputs %q, %v", service, code, said, err)
		}
		if !strings.Contains(string(wrote), title) || !strings.Contains(out.String(), "::error title=slipway deploy") {
			t.Errorf("%q: the summary is %q, the log %q", service, wrote, out.String())
		}
		if err := os.Remove(summary); err != nil {
			t.Fatal(err)
		}
	}
}
