package cli_test

import (
	"bytes"
	"context"
	"strings"
	"testing"

	"github.com/slipway-ecs/slipway/internal/cli"
)

// verbs are those of which each has examples and data for programs.
const verbs = "init config render schema diff verify plan deploy rollback abort status watch history explain events logs tasks " +
	"run scale refresh wait revisions prune delete completion version approve reject continue resume appspec"

func TestEveryVerbHasExamplesAndJSON(t *testing.T) {
	t.Parallel()
	for verb := range strings.FieldsSeq(verbs) {
		var out, talk bytes.Buffer
		if code := cli.Main(context.Background(), []string{verb, "--help"}, strings.NewReader(""), &out, &talk, nil); code != 0 || talk.Len() > 0 {
			t.Errorf("%s --help: exit code %d, %s", verb, code, talk.String())
		}
		for _, part := range []string{"Examples:\n", "slipway " + verb, "-o, --output"} {
			if !strings.Contains(out.String(), part) {
				t.Errorf("%s --help has no %q", verb, part)
			}
		}
	}
}

func TestHelpFitsATerminal(t *testing.T) {
	t.Parallel()
	for verb := range strings.FieldsSeq(verbs + " local demo") {
		out, _, _ := runs(verb, "--help")
		about, _, _ := strings.Cut(out, "\nUsage:")
		for line := range strings.Lines(about) {
			if n := len(strings.TrimSuffix(line, "\n")); n > 120 {
				t.Errorf("%s --help has a line of %d columns: %s", verb, n, line)
			}
		}
	}
}
