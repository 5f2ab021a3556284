package function_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/slipway-ecs/slipway/internal/launch/function"
)

// interpreter skips a test without an interpreter, or fails it where the environment requires one.
func interpreter(t *testing.T, name string) {
	t.Helper()
	if err := exec.CommandContext(t.Context(), name, "--version").Run(); err == nil {
		return
	}
	if slices.Contains(strings.Split(os.Getenv("SLIPWAY_REQUIRE"), ","), name) {
		t.Fatalf("%s is missing, and SLIPWAY_REQUIRE wants it", name)
	}
	t.Skipf("SKIPPED: %s is missing here; SLIPWAY_REQUIRE=%s makes that a failure", name, name)
}

// written is a function of a runtime with one file.
func written(t *testing.T, runtime, handler, file, code string) function.Spec {
	t.Helper()
	s := spec(t, runtime, handler)
	s.ID = strings.ReplaceAll(s.ID, ":f:", ":"+filepath.Base(s.Root)+filepath.Base(filepath.Dir(s.Root))+":")
	s.Timeout = 5 * time.Minute
	if err := os.WriteFile(filepath.Join(s.Root, file), []byte(code), 0o600); err != nil {
		t.Fatal(err)
	}
	return s
}

// turn is one call and what has to come of it: payload, or kind and message of a failure.
type turn struct {
	name, event            string
	payload, kind, message string
}

// play makes calls of one environment, one after another: a failure of the handler is not its end.
func (w *world) play(t *testing.T, s function.Spec, turns []turn) {
	t.Helper()
	for _, c := range turns {
		res := w.invoke(t, s, c.event)
		if c.kind == "" {
			if string(res.Payload) != c.payload || res.Error != "" {
				t.Errorf("%s: got %s %q, want %s", c.name, res.Payload, res.Error, c.payload)
			}
			continue
		}
		if kind, message := told(t, res); kind != c.kind || message != c.message {
			t.Errorf("%s: failed with %q %q, want %q %q", c.name, kind, message, c.kind, c.message)
		}
	}
}

const nodeCommon = `
class OutOfStock extends Error { constructor(m) { super(m); this.name = 'OutOfStock' } }
exports.promise = async (event, context) => {
  switch (event.do) {
    case 'throw': throw new OutOfStock('no shirts')
    case 'type': return null.length
    case 'text': throw 'just words'
    case 'nothing': return
    case 'context': return [context.functionName, context.functionVersion, context.memoryLimitInMB, context.awsRequestId.length, context.getRemainingTimeInMillis() > 0]
    case 'say': console.log('a line', { a: 1 }); return 'said'
  }
  return { got: event, count: exports.count = (exports.count ?? 0) + 1 }
}
exports.callback = (event, context, done) => {
  if (event.do === 'throw') throw new OutOfStock('at once')
  if (event.do === 'fail') return void setTimeout(() => done(new OutOfStock('later')), 1)
  if (event.do === 'silent') return
  setTimeout(() => done(null, { called: 'back' }), 1)
}
`

func TestHandlersInNodeAnswerAsOnLambda(t *testing.T) {
	t.Parallel()
	interpreter(t, "node")
	w := open(t, nil)
	t.Run("a promise of CommonJS", func(t *testing.T) {
		w.play(t, written(t, "nodejs20.x", "index.promise", "index.js", nodeCommon), []turn{
			{name: "an object", event: `{"a":1}`, payload: `{"got":{"a":1},"count":1}`},
			{name: "an error of its own", event: `{"do":"throw"}`, kind: "OutOfStock", message: "no shirts"},
			{name: "an error of the language", event: `{"do":"type"}`, kind: "TypeError", message: "Cannot read properties of null (reading 'length')"},
			{name: "thrown text", event: `{"do":"text"}`, kind: "string", message: "just words"},
			{name: "nothing", event: `{"do":"nothing"}`, payload: `null`},
			{name: "the context", event: `{"do":"context"}`, payload: `["f","$LATEST","128",36,true]`},
			{name: "what it said", event: `{"do":"say"}`, payload: `"said"`},
			{name: "kept between calls", event: `{"b":2}`, payload: `{"got":{"b":2},"count":2}`},
		})
		until(t, "its line is logged", func() bool { return strings.Contains(w.log(), "\tINFO\ta line { a: 1 }") })
	})
	t.Run("a callback", func(t *testing.T) {
		w.play(t, written(t, "nodejs20.x", "index.callback", "index.js", nodeCommon), []turn{
			{name: "an answer", event: `{}`, payload: `{"called":"back"}`},
			{name: "an error", event: `{"do":"fail"}`, kind: "OutOfStock", message: "later"},
			{name: "a throw", event: `{"do":"throw"}`, kind: "OutOfStock", message: "at once"},
			{name: "neither", event: `{"do":"silent"}`, payload: `null`},
			{name: "and on", event: `{}`, payload: `{"called":"back"}`},
		})
	})
	t.Run("an ES module", func(t *testing.T) {
		s := written(t, "nodejs20.x", "src/hook.handler", "package.json", `{}`)
		if err := os.Mkdir(filepath.Join(s.Root, "src"), 0o700); err != nil {
			t.Fatal(err)
		}
		code := "import path from 'node:path'\nconst ready = await Promise.resolve('ready')\nexport const handler = async (event) => path.join(ready, event)\n"
		if err := os.WriteFile(filepath.Join(s.Root, "src", "hook.mjs"), []byte(code), 0o600); err != nil {
			t.Fatal(err)
		}
		w.play(t, s, []turn{{name: "top-level await", event: `"x"`, payload: `"ready/x"`}})
	})
	for name, c := range map[string]struct{ handler, code, kind, message string }{
		"no such module":  {"other.handler", "", "Runtime.ImportModuleError", "Error: Cannot find module 'other'"},
		"no such handler": {"index.other", "exports.handler = 1", "Runtime.HandlerNotFound", "index.other is undefined or not exported"},
		"a syntax error":  {"index.handler", "exports.handler = (", "Runtime.UserCodeSyntaxError", "SyntaxError: "},
		"a bad name":      {"index", "", "Runtime.MalformedHandlerName", "Bad handler"},
		"a throw at load": {"index.handler", "throw new RangeError('too far')", "RangeError", "too far"},
	} {
		t.Run(name, func(t *testing.T) {
			kind, message := told(t, w.invoke(t, written(t, "nodejs20.x", c.handler, "index.js", c.code), `{}`))
			if kind != c.kind || !strings.HasPrefix(message, c.message) {
				t.Errorf("failed with %q %q, want %q %q", kind, message, c.kind, c.message)
			}
		})
	}
	t.Run("a rejection that nobody awaits", func(t *testing.T) {
		s := written(t, "nodejs20.x", "index.handler", "index.js", "exports.handler = async (e) => { if (e) return e; Promise.reject(new Error('lost')); await new Promise((go) => setTimeout(go, 60000)) }")
		if kind, message := told(t, w.invoke(t, s, `null`)); kind != "Runtime.UnhandledPromiseRejection" || message != "Error: lost" {
			t.Errorf("failed with %q %q", kind, message)
		}
		w.play(t, s, []turn{{name: "the next call has a process of its own", event: `1`, payload: `1`}})
	})
}

const pythonCode = `
import decimal, logging, os, sys
class OutOfStock(Exception): pass
count = 0
def handler(event, context):
    global count
    match = event.get("do")
    if match == "raise": raise OutOfStock("no shirts")
    if match == "set": return {1, 2}
    if match == "none": return None
    if match == "exit": sys.exit(3)
    if match == "decimal": return [decimal.Decimal("1.5"), decimal.Decimal("2")]
    if match == "context": return [context.function_name, context.function_version, context.memory_limit_in_mb, len(context.aws_request_id), context.get_remaining_time_in_millis() > 0]
    if match == "say":
        logging.warning("stock is low")
        return "said"
    count += 1
    return {"got": event, "count": count}
`

func TestHandlersInPythonAnswerAsOnLambda(t *testing.T) {
	t.Parallel()
	interpreter(t, "python3")
	w := open(t, nil)
	s := written(t, "python3.12", "app.handler", "app.py", pythonCode)
	w.play(t, s, []turn{
		{name: "a dict", event: `{"a": "ü"}`, payload: `{"got": {"a": "ü"}, "count": 1}`},
		{name: "an exception", event: `{"do": "raise"}`, kind: "OutOfStock", message: "no shirts"},
		{name: "what JSON cannot say", event: `{"do": "set"}`, kind: "Runtime.MarshalError", message: "Unable to marshal response: Object of type set is not JSON serializable"},
		{name: "None", event: `{"do": "none"}`, payload: `null`},
		{name: "decimals", event: `{"do": "decimal"}`, payload: `[1.5, 2]`},
		{name: "the context", event: `{"do": "context"}`, payload: `["f", "$LATEST", "128", 36, true]`},
		{name: "what it logs", event: `{"do": "say"}`, payload: `"said"`},
		{name: "kept between calls", event: `{}`, payload: `{"got": {}, "count": 2}`},
	})
	until(t, "its line is logged", func() bool { return strings.Contains(w.log(), "\tstock is low") })

	res := w.invoke(t, s, `{"do": "raise"}`)
	var failure struct {
		RequestID  string   `json:"requestId"`
		StackTrace []string `json:"stackTrace"`
	}
	if err := json.Unmarshal(res.Payload, &failure); err != nil || len(failure.StackTrace) != 1 || len(failure.RequestID) != 36 ||
		!strings.Contains(failure.StackTrace[0], `app.py", line 8, in handler`) || !strings.Contains(failure.StackTrace[0], "raise OutOfStock(\"no shirts\")\n") {
		t.Errorf("the failure is %s, %v; want the handler's frame alone", res.Payload, err)
	}
	if kind, message := told(t, w.invoke(t, s, `{"do": "exit"}`)); kind != "Runtime.ExitError" || !strings.HasSuffix(message, "Error: Runtime exited with error: exit status 3") {
		t.Errorf("a handler that exits failed with %q %q", kind, message)
	}
	w.play(t, s, []turn{{name: "the next call has a process of its own", event: `{}`, payload: `{"got": {}, "count": 1}`}})

	for name, c := range map[string]struct{ handler, code, kind, message string }{
		"no such module":    {"other.handler", "", "Runtime.ImportModuleError", "Unable to import module 'other': No module named 'other'"},
		"no such handler":   {"app.other", "x = 1", "Runtime.HandlerNotFound", "Handler 'other' missing on module 'app'"},
		"a syntax error":    {"app.handler", "def handler(:\n", "Runtime.UserCodeSyntaxError", "Syntax error in module 'app': "},
		"a bad name":        {"app", "", "Runtime.MalformedHandlerName", "Bad handler 'app': not enough values to unpack (expected 2, got 1)"},
		"an error at load":  {"app.handler", "1/0", "ZeroDivisionError", "division by zero"},
		"a module it needs": {"app.handler", "import nowhere_to_be_found", "Runtime.ImportModuleError", "Unable to import module 'app': No module named 'nowhere_to_be_found'"},
	} {
		t.Run(name, func(t *testing.T) {
			kind, message := told(t, w.invoke(t, written(t, "python3.12", c.handler, "app.py", c.code), `{}`))
			if kind != c.kind || !strings.HasPrefix(message, c.message) {
				t.Errorf("failed with %q %q, want %q %q", kind, message, c.kind, c.message)
			}
		})
	}
}
