package host_test

import (
	"bytes"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/slipway-ecs/slipway/internal/cloud/host"
	"github.com/slipway-ecs/slipway/internal/fail"
)

func TestAResetForgetsEverythingAndTheCloudGoesOn(t *testing.T) {
	t.Parallel()
	c := serve(t, nil)
	cfg := c.as("111111111111", "eu-central-1")
	make1(t, cfg, "before")

	if err := c.Reset(t.Context()); err != nil {
		t.Fatal(err)
	}

	if seen := everything(t, cfg); len(seen) != 0 {
		t.Errorf("after the reset there is %v", seen)
	}
	make1(t, cfg, "after")
	if seen := everything(t, cfg); len(seen) != 4 {
		t.Errorf("then there is %v, want four things", seen)
	}
}

func TestPagesOfOtherSitesCannotReset(t *testing.T) {
	t.Parallel()
	c := serve(t, nil)
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, c.Endpoint()+"/_slipway/reset", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Origin", "https://example.com")
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	if err := res.Body.Close(); err != nil || res.StatusCode != http.StatusForbidden {
		t.Errorf("answered %s, %v", res.Status, err)
	}
}

func TestAnImportRefusesWhatIsNoExportAndWhatIsTaken(t *testing.T) {
	t.Parallel()
	empty := host.Options{Dir: t.TempDir(), Log: host.Discard()}
	if err := host.Import(t.Context(), empty, strings.NewReader("no export")); !fail.Is(err, "import.wrong") {
		t.Errorf("a text: %v", err)
	}
	if err := host.ExportIdle(empty.Dir, &bytes.Buffer{}); !fail.Is(err, "export.empty") {
		t.Errorf("exporting nothing: %v", err)
	}
	taken := host.Options{Dir: t.TempDir(), Log: host.Discard()}
	if err := os.WriteFile(filepath.Join(taken.Dir, "state.db"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := host.Import(t.Context(), taken, strings.NewReader("")); !fail.Is(err, "import.taken") {
		t.Errorf("into a directory with a state: %v", err)
	}
}

func TestTheListOfOperationsIsThatOfTheRooms(t *testing.T) {
	t.Parallel()
	for _, s := range host.Operations() {
		if s.Service == "ecs" && slices.Contains(s.Operations, "UpdateService") {
			return
		}
	}
	t.Error("ecs does not serve UpdateService")
}

func TestABrowserIsToldWhatTheEndpointIs(t *testing.T) {
	t.Parallel()
	c := serve(t, nil)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, c.Endpoint()+"/", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Accept", "text/html")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	if res.StatusCode != http.StatusOK || !strings.Contains(string(text), "slipway local env --data /") {
		t.Errorf("got %d: %s", res.StatusCode, text)
	}
}
