// Package atonce answers what can be answered before the rest of the program is initialized:
// `slipway --help` and `slipway version`.
//
// What the clients of AWS build before main takes longer than all else that these two do. Go
// initializes packages in the order of their paths, as soon as all that they import is ready (the
// specification, "Program initialization"). This one imports so little that it is among the first;
// it answers, and ends the process. Every other question, and every other form of these, is for
// internal/cli, which gives the same bytes; tests hold the two together.
//
// Only cmd/slipway imports it, for its side effect.
package atonce

import (
	_ "embed" // help.txt
	"os"

	"github.com/slipway-ecs/slipway/internal/build"
)

// help is what `slipway help` prints.
//
//go:embed help.txt
var help string

func init() {
	if len(os.Args) != 2 || dropIn(os.Args[0]) {
		return
	}
	var answer string
	switch os.Args[1] {
	case "--help", "-h":
		answer = help
	case "version":
		answer = build.Read().String() + "\n"
	default:
		return
	}
	// Where it cannot be written, the command line meets the same trouble and tells it.
	if _, err := os.Stdout.WriteString(answer); err == nil {
		os.Exit(0)
	}
}

// dropIn tells whether a program's path is that of ecs-deploy, whose questions are its own.
func dropIn(path string) bool {
	const name = "ecs-deploy"
	from := len(path) - len(name)
	return from >= 0 && path[from:] == name && (from == 0 || os.IsPathSeparator(path[from-1]))
}
