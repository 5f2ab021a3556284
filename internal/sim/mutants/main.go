// Command mutants shows that the core's tests bite: it plants chosen faults in the core, one
// at a time, and runs the tests over each. It ends with 1 if a fault survives or no longer
// applies.
//
//	go run ./internal/sim/mutants
//
// The faults are planted in an overlay; no file of the tree is changed.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"time"
)

func main() {
	interrupted := make(chan os.Signal, 1)
	signal.Notify(interrupted, os.Interrupt)
	os.Exit(run(interrupted))
}

// suites are what each fault must fail, the fast one first: the core's own tests, with
// properties that draw the same cases each time, and a short simulation.
var suites = [][]string{
	{"./internal/rollout", "./internal/strategy", "./internal/reconcile", "-rapid.seed=1", "-rapid.nofailfile"},
	{"./internal/sim", "-sim.for=1s"},
}

func run(interrupted <-chan os.Signal) int {
	dir, err := os.MkdirTemp("", "mutants")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	begun, survived := time.Now(), 0
	if failed, err := test(); failed != "" || err != nil {
		fmt.Fprintf(os.Stderr, "without any fault: %s fails: %v\n", failed, err)
		return 1
	}
	for i, f := range faults {
		select {
		case <-interrupted:
			return 1
		default:
		}
		at := time.Now()
		killed, err := f.plant(dir)
		switch {
		case err != nil:
			fmt.Printf("%2d  BROKEN    %s: %v\n", i+1, f.what, err)
		case killed == "":
			fmt.Printf("%2d  SURVIVED  %s\n", i+1, f.what)
		default:
			fmt.Printf("%2d  killed    %s (%s, %.1fs)\n", i+1, f.what, killed, time.Since(at).Seconds())
			continue
		}
		survived++
	}
	fmt.Printf("%d faults, %d not found, %s\n", len(faults), survived, time.Since(begun).Round(time.Second))
	if survived > 0 {
		return 1
	}
	return 0
}

// plant runs the tests over one fault, and gives the first test that fails.
func (f fault) plant(dir string) (killed string, err error) {
	text, err := os.ReadFile(f.file)
	if err != nil {
		return "", err
	}
	if n := strings.Count(string(text), f.old); n != 1 {
		return "", fmt.Errorf("%q is %d times in %s, want once", f.old, n, f.file)
	}
	path, err := filepath.Abs(f.file)
	if err != nil {
		return "", err
	}
	changed, overlay := filepath.Join(dir, "changed.go"), filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(changed, []byte(strings.Replace(string(text), f.old, f.new, 1)), 0o600); err != nil {
		return "", err
	}
	table, err := json.Marshal(map[string]map[string]string{"Replace": {path: changed}})
	if err != nil {
		return "", err
	}
	if err := os.WriteFile(overlay, table, 0o600); err != nil {
		return "", err
	}
	return test("-overlay=" + overlay)
}

// test runs the suites and gives the first test that fails, "" if none does.
func test(flags ...string) (failed string, err error) {
	for _, suite := range suites {
		args := append([]string{"test", "-failfast", "-count=1", "-vet=off", "-timeout=60s"}, flags...)
		out, err := exec.Command("go", append(args, suite...)...).CombinedOutput()
		if err == nil {
			continue
		}
		return verdict(string(out))
	}
	return "", nil
}

// verdict reads the name of the failing test out of what go test wrote.
func verdict(out string) (failed string, err error) {
	if strings.Contains(out, "[build failed]") {
		return "", fmt.Errorf("does not build:\n%s", out)
	}
	for line := range strings.Lines(out) {
		if name, found := strings.CutPrefix(strings.TrimSpace(line), "--- FAIL: "); found {
			return strings.Fields(name)[0], nil
		}
	}
	if strings.Contains(out, "panic:") {
		return "a panic", nil
	}
	return "", fmt.Errorf("the tests did not run:\n%s", out)
}
