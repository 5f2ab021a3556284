package cli_test

import (
	"bytes"
	"os"
	"testing"

	"github.com/slipway-ecs/slipway/internal/cli"
)

// What is answered before the program is initialized is what the command line would say.
func TestTheHelpAtOnceIsTheHelp(t *testing.T) {
	t.Parallel()
	const file = "../atonce/help.txt"
	atOnce, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for _, asked := range []string{"--help", "-h", "help"} {
		var out, talk bytes.Buffer
		if code := cli.Main(t.Context(), []string{asked}, nil, &out, &talk, nil); code != cli.ExitDone || talk.Len() > 0 {
			t.Fatalf("%s ended with %d: %s", asked, code, &talk)
		}
		if !bytes.Equal(out.Bytes(), atOnce) {
			t.Errorf("%s says otherwise than %s: bring it up to date by\n\tgo run ./cmd/slipway help >internal/atonce/help.txt", asked, file[3:])
		}
	}
}
