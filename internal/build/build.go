// Package build knows which build of slipway this is.
//
// It must not import more than it needs: internal/atonce/version answers with it while the rest
// of the program is still being initialized. Read Read first.
package build

import (
	"runtime"
	"runtime/debug"
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

// Read asks the binary about itself.
func Read() Version {
	v := Version{Version: "devel", Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return v
	}
	if m := info.Main.Version; m != "" && m != "(devel)" {
		v.Version = m
	}
	if release != "" {
		v.Version = release
	}
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			v.Commit = s.Value
		case "vcs.modified":
			v.Modified = s.Value == "true"
		}
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
