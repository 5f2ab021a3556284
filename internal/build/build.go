// Package build knows which build of slipway this is.
//
// It must not import more than it does: internal/atonce answers with it while most of the program
// is not yet initialized. Package runtime/debug is ready too late for that, so what Go's linker left
// in the binary is read here, from where runtime/debug has it. Read Read first.
package build

import (
	"runtime"
	"strings"
	_ "unsafe" // for the linkname
)

// Version says which build this is.
type Version struct {
	Version  string `json:"version"`            // of the module; "devel" for a build from a working copy
	Commit   string `json:"commit,omitempty"`   // empty where the build did not know
	Modified bool   `json:"modified,omitempty"` // built from a working copy with changes
	Go       string `json:"go"`
	Platform string `json:"platform"` // linux/amd64
}

// release is the version of a release, stamped by the linker (internal/release); "" otherwise.
var release string

// modinfo gives the lines that `go version -m` prints, between two marks; "" where the linker left none.
//
//go:linkname modinfo runtime/debug.modinfo
func modinfo() string

// Read asks the binary about itself.
func Read() Version {
	v := Version{Version: "devel", Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
	for line := range strings.SplitSeq(modinfo(), "\n") {
		switch f := strings.Split(line, "\t"); {
		case len(f) > 2 && f[0] == "mod" && f[2] != "(devel)":
			v.Version = f[2]
		case len(f) > 1 && f[0] == "build":
			switch key, value, _ := strings.Cut(f[1], "="); key {
			case "vcs.revision":
				v.Commit = value
			case "vcs.modified":
				v.Modified = value == "true"
			}
		}
	}
	if release != "" {
		v.Version = release
	}
	return v
}

// String is the line for people, without its end.
func (v Version) String() string {
	line := "slipway " + v.Version
	if v.Commit != "" {
		line += " (" + v.Commit[:min(12, len(v.Commit))]
		if v.Modified {
			line += ", modified"
		}
		line += ")"
	}
	return line + " " + v.Go + " " + v.Platform
}
