package ci

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/slipway-ecs/slipway/internal/ship"
)

// command gives a workflow command that annotates a run.
func command(l level, title, text string) string {
	name := [...]string{notice: "notice", warning: "warning", failure: "error"}[l]
	return fmt.Sprintf("::%s title=%s::%s", name, property(title), data(text))
}

// data escapes a workflow command's text.
//
// Source: actions/toolkit, the command package.
func data(s string) string {
	return strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A").Replace(s)
}

// property escapes a workflow command's property.
func property(s string) string {
	return strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A", ":", "%3A", ",", "%2C").Replace(s)
}

// githubPatience is how long one call of GitHub's API may take.
const githubPatience = 10 * time.Second

// statuses keeps a deployment of GitHub's, in which it shows how ours goes. Its methods do
// nothing on nil.
type statuses struct {
	client           *http.Client
	api, repo, token string
	ref, environment string
	log              string // URL of the run
	id               int64
	began            chan struct{} // closed once the deployment is there, or is not
	started          bool
	err              error // of the beginning
	service          string
}

// newStatuses gives nil where GitHub cannot be told: no token, no repository.
func newStatuses(w World) *statuses {
	s := &statuses{
		client: w.Client, api: w.Env("GITHUB_API_URL"), repo: w.Env("GITHUB_REPOSITORY"), token: w.Env("GITHUB_TOKEN"),
		ref: w.Env("GITHUB_SHA"), environment: w.Environment, service: last(w.Service), began: make(chan struct{}),
	}
	if s.token == "" || s.repo == "" || s.ref == "" {
		return nil
	}
	if s.api == "" {
		s.api = "https://api.github.com"
	}
	if s.client == nil {
		s.client = &http.Client{Timeout: githubPatience}
	}
	if s.environment == "" {
		s.environment = last(w.Cluster)
	}
	if server, run := w.Env("GITHUB_SERVER_URL"), w.Env("GITHUB_RUN_ID"); server != "" && run != "" {
		s.log = fmt.Sprintf("%s/%s/actions/runs/%s", server, s.repo, run)
	}
	return s
}

// begin makes the deployment, beside what goes on: GitHub must not hold up the watching.
func (s *statuses) begin(ctx context.Context) {
	if s == nil || s.started {
		return
	}
	s.started = true
	go func() {
		defer close(s.began)
		var made struct{ ID int64 }
		s.err = s.post(ctx, "deployments", map[string]any{
			"ref": s.ref, "environment": s.environment, "description": "slipway deploy " + s.service,
			"auto_merge": false, "required_contexts": []string{}, // what is deployed is decided already
		}, &made)
		if s.id = made.ID; s.err == nil {
			s.err = s.status(ctx, "in_progress", "slipway deploy "+s.service)
		}
	}()
}

// end tells how it ended, if it began.
func (s *statuses) end(ctx context.Context, o *ship.Outcome) error {
	if s == nil || !s.started {
		return nil
	}
	<-s.began // bounded by the client's time limit
	if s.id == 0 || o == nil {
		return s.err
	}
	return errors.Join(s.err, s.status(ctx, stateOf(o.Verdict), o.Line()))
}

// stateOf gives GitHub's state for a verdict. What goes on in ECS without us is in progress.
func stateOf(v ship.Verdict) string {
	switch v {
	case ship.Succeeded:
		return "success"
	case ship.Failed, ship.RolledBack:
		return "failure"
	case ship.Superseded:
		return "inactive"
	case ship.Stopped, ship.Unknown:
		return "error"
	}
	return "in_progress"
}

// longest is how long a description may be.
//
// Source: GitHub's REST API, "Create a deployment status".
const longest = 140

func (s *statuses) status(ctx context.Context, state, description string) error {
	if r := []rune(description); len(r) > longest {
		description = string(r[:longest-1]) + "…"
	}
	body := map[string]any{"state": state, "environment": s.environment, "description": description, "auto_inactive": true}
	if s.log != "" {
		body["log_url"] = s.log
	}
	return s.post(ctx, fmt.Sprintf("deployments/%d/statuses", s.id), body, nil)
}

// post calls GitHub's API.
func (s *statuses) post(ctx context.Context, path string, body, answer any) error {
	text, err := json.Marshal(body)
	if err != nil {
		return err
	}
	ctx, done := context.WithTimeout(ctx, githubPatience)
	defer done()
	url := fmt.Sprintf("%s/repos/%s/%s", strings.TrimSuffix(s.api, "/"), s.repo, path)
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(text))
	if err != nil {
		return err
	}
	r.Header.Set("Authorization", "Bearer "+s.token)
	r.Header.Set("Accept", "application/vnd.github+json")
	r.Header.Set("X-GitHub-Api-Version", "2022-11-28")
	r.Header.Set("Content-Type", "application/json")
	got, err := s.client.Do(r)
	if err != nil {
		return err
	}
	defer got.Body.Close() //nolint:errcheck // it was read
	said, err := io.ReadAll(io.LimitReader(got.Body, 1<<20))
	if err != nil {
		return err
	}
	if got.StatusCode != http.StatusCreated {
		var why struct{ Message string }
		_ = json.Unmarshal(said, &why) // an answer that is no JSON has no message
		return fmt.Errorf("POST %s: %s: %s (the job needs 'permissions: deployments: write')", path, got.Status, why.Message)
	}
	if answer == nil {
		return nil
	}
	return json.Unmarshal(said, answer)
}
