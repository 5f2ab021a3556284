// Package help answers `slipway --help` before the rest of the program is initialized; see atonce.
//
// help.txt is what `slipway help` prints. It must not import more than this: see atonce for why.
package help

import (
	_ "embed" // help.txt

	"github.com/slipway-ecs/slipway/internal/atonce"
)

//go:embed help.txt
var text string

func init() {
	said := func() string { return text }
	atonce.Answer("--help", said)
	atonce.Answer("-h", said)
}
