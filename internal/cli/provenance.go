package cli

import (
	"crypto/rand"
	"encoding/hex"
)

// The tags of a definition that a deploy registers.
const (
	tagTool       = "slipway:tool"       // the version that registered it
	tagCommit     = "slipway:commit"     // what it was built from, where the environment says so
	tagDeployment = "slipway:deployment" // an id of the run that registered it
)

// commits are the variables by which CI systems tell the commit: GitHub Actions, GitLab, CircleCI,
// Buildkite, CodeBuild.
var commits = []string{"GITHUB_SHA", "CI_COMMIT_SHA", "CIRCLE_SHA1", "BUILDKITE_COMMIT", "CODEBUILD_RESOLVED_SOURCE_VERSION"}

// provenance says who registers a definition, and from what.
func provenance(app *App) map[string]string {
	tags := map[string]string{tagTool: "slipway " + app.Version.Version, tagDeployment: runID()}
	for _, name := range commits {
		if sha := app.Getenv(name); sha != "" {
			tags[tagCommit] = sha
			break
		}
	}
	return tags
}

func runID() string {
	var b [8]byte
	_, _ = rand.Read(b[:]) // it never fails
	return hex.EncodeToString(b[:])
}
