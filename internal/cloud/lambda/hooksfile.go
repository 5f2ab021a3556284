package lambda

import (
	_ "embed"
	"os"
	"path/filepath"
	"time"

	"github.com/slipway-ecs/slipway/internal/fail"
	"github.com/slipway-ecs/slipway/internal/source"
)

//go:embed hooks.json
var hooksSchema []byte

const hooksHint = "a list of hooks looks like: hooks: [{function: approve-*, command: [./approve]}, {function: check, url: http://127.0.0.1:9000/}]"

// ReadHooks reads a list of hooks from a YAML or JSON file:
//
//	hooks:
//	  - function: approve-*          # a name or an ARN; * stands for any characters, ? for one
//	    command: [./approve, --now]  # the event on standard input, the answer on standard output
//	    dir: ../hooks                # from the file's directory, which is also the default
//	  - function: check
//	    url: http://127.0.0.1:9000/  # the event by POST, the answer in its answer
//	    timeout: 30s                 # the default is 15 min, the most a function may take
//
// Unknown keys and hooks without exactly one of command and url are refused. Errors show the lines.
func ReadHooks(path string) (Hooks, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fail.Wrap(err, "hooks.read", hooksHint, "read the list of hooks")
	}
	doc, err := source.Parse(path, text)
	if err == nil {
		err = doc.Check(hooksSchema)
	}
	if err != nil {
		return nil, fail.New("hooks.invalid", hooksHint, "%s", err)
	}
	base, err := filepath.Abs(filepath.Dir(path))
	if err != nil {
		return nil, err
	}
	var hooks Hooks
	for _, item := range doc.Root.Get("hooks").Items {
		h, problem := readHook(doc, item, base)
		if problem != nil {
			return nil, fail.New("hooks.invalid", hooksHint, "%s", problem)
		}
		hooks = append(hooks, h)
	}
	return hooks, nil
}

// readHook reads one hook that the schema holds for.
func readHook(doc *source.Doc, n *source.Node, base string) (h Hook, problem *source.Problem) {
	word := func(key string) string {
		if v := n.Get(key); v != nil {
			return v.Text
		}
		return ""
	}
	h.Function, h.URL, h.Dir = word("function"), word("url"), word("dir")
	if command := n.Get("command"); command != nil {
		for _, part := range command.Items {
			h.Command = append(h.Command, part.Text)
		}
	}
	if (len(h.Command) > 0) == (h.URL != "") {
		return h, doc.At(n, "", "the hook for %q needs a command or a url, one of the two", h.Function)
	}
	if !filepath.IsAbs(h.Dir) {
		h.Dir = filepath.Join(base, h.Dir)
	}
	if text := word("timeout"); text != "" {
		limit, err := time.ParseDuration(text)
		if err != nil || limit <= 0 {
			return h, doc.At(n.Get("timeout"), "write 30s or 5m", "%q is no time", text)
		}
		h.Timeout = limit
	}
	return h, nil
}
