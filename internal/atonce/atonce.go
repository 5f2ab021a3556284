// Package atonce tells which questions are answered before the rest of the program is initialized.
//
// What the clients of AWS build before main takes longer than all else that `slipway --help` does.
// Go initializes packages in the order of their paths, as soon as all that they import is ready
// (the specification, "Program initialization"). A package that imports little is therefore early,
// and one that knows the answer by then gives it and ends the process: help, and version a little
// later, since the build's information is ready later. They are two packages for that reason.
//
// Only cmd/slipway imports them, by their side effect. Each gives the same bytes as internal/cli,
// which answers every other form of the question; tests hold them together.
package atonce

import "os"

// Answer writes what text gives and ends the process if question is all that was asked, of a
// program that goes by the name slipway has. Where the answer cannot be written it returns: the
// command line meets the same trouble and tells it.
func Answer(question string, text func() string) {
	if len(os.Args) != 2 || os.Args[1] != question || dropIn(os.Args[0]) {
		return
	}
	if _, err := os.Stdout.WriteString(text()); err == nil {
		os.Exit(0)
	}
}

// dropIn tells whether a program's path is that of ecs-deploy, whose questions are its own.
func dropIn(path string) bool {
	const name = "ecs-deploy"
	from := len(path) - len(name)
	return from >= 0 && path[from:] == name && (from == 0 || os.IsPathSeparator(path[from-1]))
}
