package cli

import (
	"os"
	"strings"
	"testing"

	"github.com/slipway-ecs/slipway/internal/cloud/host"
)

func TestTheListOfOperationsInTheDocsIsTheRooms(t *testing.T) {
	t.Parallel()
	var now strings.Builder
	if err := writeOperations(&now, host.Operations(), "markdown"); err != nil {
		t.Fatal(err)
	}
	written, err := os.ReadFile("../../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	if now.String() != string(written) {
		t.Error("docs/operations.md is of another state of the rooms: run `make docs`")
	}
}
