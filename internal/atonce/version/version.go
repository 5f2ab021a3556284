// Package version answers `slipway version` before most of the program is initialized; see atonce.
//
// It must not import more than the build's information.
package version

import (
	"github.com/slipway-ecs/slipway/internal/atonce"
	"github.com/slipway-ecs/slipway/internal/build"
)

func init() {
	atonce.Answer("version", func() string { return build.Read().String() + "\n" })
}
