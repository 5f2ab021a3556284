package cli_test

import (
	"context"
	"os"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/slipway-ecs/slipway/internal/cli"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"slipway": func() {
			os.Exit(cli.Main(context.Background(), os.Args[1:], os.Stdin, os.Stdout, os.Stderr, os.Environ()))
		},
		// exits runs slipway and prints its exit code, for scripts that hold it against a number.
		"exits": func() {
			code := cli.Main(context.Background(), os.Args[2:], os.Stdin, os.Stdout, os.Stderr, os.Environ())
			if os.Args[1] != string(rune('0'+code)) {
				os.Stderr.WriteString("the exit code is " + string(rune('0'+code)) + ", not " + os.Args[1] + "\n")
				os.Exit(1)
			}
		},
	})
}

func TestScripts(t *testing.T) {
	t.Parallel()
	testscript.Run(t, testscript.Params{Dir: "testdata/script", Setup: func(e *testscript.Env) error {
		e.Setenv("AWS_EC2_METADATA_DISABLED", "true")
		e.Setenv("AWS_MAX_ATTEMPTS", "1")
		e.Setenv("AWS_CONFIG_FILE", e.WorkDir+"/none")
		e.Setenv("AWS_SHARED_CREDENTIALS_FILE", e.WorkDir+"/none")
		return nil
	}})
}
