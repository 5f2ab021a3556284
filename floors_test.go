package slipway_test

import (
	"encoding/json"
	"os/exec"
	"strings"
	"testing"
)

const module = "github.com/slipway-ecs/slipway"

// floors is the table of docs/architecture.md, "Floors": of may never import never. A name that
// ends in /... stands for a folder and all below it; one that ends in * for all that begin so.
var floors = []struct{ of, never, why string }{
	{"ground", "os", "what decides does not act"},
	{"ground", "io/fs", "what decides does not act"},
	{"ground", "net", "what decides does not act"},
	{"ground", "net/http", "what decides does not act"},
	{"ground", "context", "the core never waits"},
	{"ground", "sync", "the core is one function over plain data"},
	{"ground", "math/rand*", "chance is handed in, so that a seed reproduces a run"},
	{"ground", "log/slog", "the core says what happened in what it returns"},
	{"ground", "tools", "ground stands on nothing"},
	{"ground", "wings", "ground stands on nothing"},

	{"tools", "wings", "a tool knows nothing of ECS"},
	{"tools", "doors", "a floor imports lower floors only"},
	{"wings", "doors", "a floor imports lower floors only"},
	{"internal/cloud", "internal/cloud/...", "contracts know no service"},

	{"cloud", "deployer", "the local cloud and the deployer meet at the AWS wire alone"},
	{"deployer", "cloud", "the deployer must not know who answers"},
	{"internal/sim", "cloud", "the simulator stands on ground and tools"},
	{"internal/sim", "deployer", "the simulator stands on ground and tools"},
	{"cloud", "github.com/aws/aws-sdk-go-v2/config", "the local cloud calls nobody"},

	{"internal/cloud/ecs", "rooms", "services meet in tables and ports"},
	{"internal/cloud/elb", "rooms", "services meet in tables and ports"},
	{"internal/cloud/codedeploy", "rooms", "services meet in tables and ports"},
	{"internal/cloud/cloudwatch", "rooms", "services meet in tables and ports"},
	{"internal/cloud/logs", "rooms", "services meet in tables and ports"},
	{"internal/cloud/ecr", "rooms", "services meet in tables and ports"},
	{"internal/cloud/ec2", "rooms", "services meet in tables and ports"},
	{"internal/cloud/iam", "rooms", "services meet in tables and ports"},
	{"internal/cloud/sts", "rooms", "services meet in tables and ports"},
	{"internal/cloud/s3", "rooms", "services meet in tables and ports"},
	{"internal/cloud/lambda", "rooms", "services meet in tables and ports"},
	{"internal/cloud/ssm", "rooms", "services meet in tables and ports"},
	{"internal/cloud/secrets", "rooms", "services meet in tables and ports"},
	{"internal/lb", "internal/cloud/...", "the data plane lives without the daemon"},
	{"internal/launch/...", "internal/cloud/...", "a runtime knows nothing of ECS's tables"},

	{"internal/ship/explain", "context", "what names a cause asks nobody"},
	{"internal/ship/explain", "net/http", "what names a cause asks nobody"},

	{"internal/ui", "internal/cloud/...", "renderers compute nothing"},
	{"internal/ui", "internal/cli", "cli stands on ui"},
}

// homes are packages, of others for the most part, that one package alone may import.
var homes = []struct{ what, home, why string }{
	{"go.etcd.io/bbolt", "internal/store", "one library, one home"},
	{"github.com/google/go-jsonnet*", "internal/source", "one library, one home"},
	{"github.com/fxamacker/cbor*", "internal/wire", "one library, one home"},
	{"github.com/aclements/go-moremath*", "internal/gate", "one library, one home"},
	{"github.com/moby/moby*", "internal/launch/docker", "one library, one home"},
	{"charm.land/*", "internal/ui", "one library, one home"},
	{"github.com/spf13/cobra", "internal/cli", "one library, one home"},
	{"internal/atonce", "cmd/slipway", "it ends the process that it is in"},
}

// groups are the names the tables use for several packages.
var groups = map[string][]string{
	"ground":   {"internal/rollout", "internal/strategy", "internal/reconcile", "internal/gate", "internal/alarm", "internal/balance", "internal/names", "internal/place"},
	"tools":    {"internal/drive", "internal/wire", "internal/shapes", "internal/store", "internal/clock", "internal/ids", "internal/proc", "internal/proc/...", "internal/source", "internal/fail", "internal/pattern"},
	"cloud":    {"internal/cloud", "internal/cloud/...", "internal/lb", "internal/launch", "internal/launch/..."},
	"deployer": {"internal/ship", "internal/ship/...", "internal/ci", "internal/sdk", "internal/project", "internal/registry"},
	"wings":    {"internal/cloud", "internal/cloud/...", "internal/lb", "internal/launch", "internal/launch/...", "internal/ship", "internal/ship/...", "internal/ci", "internal/sdk", "internal/project", "internal/registry", "internal/sim"},
	"doors":    {"cmd/...", "internal/atonce", "internal/cli", "internal/ui", "internal/cloud/host"},
	"rooms": {"internal/cloud/ecs", "internal/cloud/elb", "internal/cloud/codedeploy", "internal/cloud/cloudwatch", "internal/cloud/logs", "internal/cloud/ecr",
		"internal/cloud/ec2", "internal/cloud/iam", "internal/cloud/sts", "internal/cloud/s3", "internal/cloud/lambda",
		"internal/cloud/ssm", "internal/cloud/secrets", "internal/cloud/host"},
}

type pkg struct {
	ImportPath string
	Imports    []string
}

func list(t *testing.T) []pkg {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "go", "list", "-json=ImportPath,Imports", "./...").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var all []pkg
	for d := json.NewDecoder(strings.NewReader(string(out))); d.More(); {
		var p pkg
		if err := d.Decode(&p); err != nil {
			t.Fatal(err)
		}
		p.ImportPath = strings.TrimPrefix(strings.TrimPrefix(p.ImportPath, module), "/")
		for i := range p.Imports {
			p.Imports[i] = strings.TrimPrefix(p.Imports[i], module+"/")
		}
		all = append(all, p)
	}
	return all
}

// is reports whether a package is what a name of the tables stands for.
func is(path, name string) bool {
	if members, ok := groups[name]; ok {
		for _, m := range members {
			if is(path, m) {
				return true
			}
		}
		return false
	}
	if folder, ok := strings.CutSuffix(name, "/..."); ok {
		return strings.HasPrefix(path, folder+"/")
	}
	if start, ok := strings.CutSuffix(name, "*"); ok {
		return strings.HasPrefix(path, start)
	}
	return path == name
}

func TestNoPackageImportsAFloorItMayNotKnow(t *testing.T) {
	t.Parallel()
	all := list(t)
	for _, rule := range floors {
		for _, p := range all {
			if !is(p.ImportPath, rule.of) || p.ImportPath == "internal/cloud/host" {
				continue // host is a door: the one place that knows all rooms
			}
			for _, i := range p.Imports {
				if i != p.ImportPath && is(i, rule.never) {
					t.Errorf("%s imports %s: %s", p.ImportPath, i, rule.why)
				}
			}
		}
	}
}

func TestALibraryWithAHomeIsImportedThereAlone(t *testing.T) {
	t.Parallel()
	all := list(t)
	for _, rule := range homes {
		used := false
		for _, p := range all {
			for _, i := range p.Imports {
				if !is(i, rule.what) {
					continue
				}
				used = true
				if !is(p.ImportPath, rule.home) && !is(p.ImportPath, rule.home+"/...") {
					t.Errorf("%s imports %s, whose home is %s: %s", p.ImportPath, i, rule.home, rule.why)
				}
			}
		}
		if !used {
			t.Errorf("nobody imports %s any more: take it out of the table", rule.what)
		}
	}
}

func TestEveryRuleNamesPackagesThereAre(t *testing.T) {
	t.Parallel()
	all := list(t)
	there := func(name string) bool {
		for _, p := range all {
			if is(p.ImportPath, name) {
				return true
			}
		}
		return false
	}
	for _, rule := range floors {
		for _, name := range []string{rule.of, rule.never} {
			if strings.HasPrefix(name, "internal") && !there(name) {
				t.Errorf("the rule %s never %s names %s, which is gone", rule.of, rule.never, name)
			}
		}
	}
	for name, members := range groups {
		for _, m := range members {
			if !there(m) {
				t.Errorf("the group %s names %s, which is gone", name, m)
			}
		}
	}
}
