package cli

import (
	"strings"

	"github.com/slipway-ecs/slipway/internal/ui"
)

// printer writes whole lines above a live view.
type printer struct{ view *ui.View }

// Write prints the lines of b; each write is of whole lines.
func (p printer) Write(b []byte) (int, error) {
	for line := range strings.SplitSeq(strings.TrimSuffix(string(b), "\n"), "\n") {
		p.view.Print(line)
	}
	return len(b), nil
}
