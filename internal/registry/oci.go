package registry

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"

	"github.com/slipway-ecs/slipway/internal/fail"
	"github.com/slipway-ecs/slipway/internal/pattern"
)

// mostManifest is how much of a manifest or a configuration is read.
const mostManifest = 4 << 20

// oci asks a registry by the distribution protocol.
//
// Source: OCI distribution specification, "Pulling manifests"; Docker's token authentication.
func (c *Client) oci(ctx context.Context, r Ref) (found Image, configured func() []string, err error) {
	s := &session{c: c, r: r}
	text, header, err := s.get(ctx, "manifests/"+r.version())
	if err != nil {
		return Image{}, nil, err
	}
	if kind := struct{ SchemaVersion int }{}; json.Unmarshal(text, &kind) != nil || kind.SchemaVersion == 0 {
		return Image{}, nil, fail.New("image.unreachable", "check the host's name", "what %s answers for %s is no manifest: it is no registry", r.Host, r.Name)
	}
	found = Image{Digest: header.Get("Docker-Content-Digest")}
	if found.Digest == "" {
		sum := sha256.Sum256(text)
		found.Digest = "sha256:" + hex.EncodeToString(sum[:])
	}
	all, config := platforms(text)
	if found.Platforms = all; len(all) > 0 || config == "" {
		return found, nil, nil
	}
	return found, func() []string {
		text, _, err := s.get(ctx, "blobs/"+config)
		if err != nil {
			return nil
		}
		return platformOf(text)
	}, nil
}

// session is the conversation about one repository.
type session struct {
	c    *Client
	r    Ref
	auth string // the Authorization header, once it is known
}

// scheme is http for registries on this machine, as docker has it.
func scheme(host string) string {
	name, _, err := net.SplitHostPort(host)
	if err != nil {
		name = host
	}
	if ip := net.ParseIP(name); name == "localhost" || ip != nil && ip.IsLoopback() {
		return "http"
	}
	return "https"
}

func (s *session) get(ctx context.Context, what string) ([]byte, http.Header, error) {
	for try := 0; ; try++ {
		status, text, header, err := s.send(ctx, scheme(s.r.Host)+"://"+s.r.Host+"/v2/"+s.r.Name+"/"+what, s.auth)
		switch {
		case err != nil:
			return nil, nil, fail.Wrap(err, "image.unreachable", "check the host's name and the network", "ask %s for %s", s.r.Host, s.r.Name)
		case status == http.StatusOK:
			return text, header, nil
		case status == http.StatusNotFound:
			return nil, nil, missing(s.r)
		case status == http.StatusUnauthorized && try == 0:
			if err := s.login(ctx, header.Get("WWW-Authenticate")); err != nil {
				return nil, nil, err
			}
			continue
		case status == http.StatusUnauthorized || status == http.StatusForbidden:
			return nil, nil, fail.New("image.denied", "log in: docker login "+s.r.Host, "%s does not show %s to these credentials, or does not have it", s.r.Host, s.r.Name)
		}
		return nil, nil, fail.New("image.unreachable", "try again later", "%s answered %d for %s", s.r.Host, status, s.r.Name)
	}
}

func (s *session) send(ctx context.Context, address, auth string) (int, []byte, http.Header, error) {
	q, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return 0, nil, nil, err
	}
	q.Header["Accept"] = kinds
	if auth != "" {
		q.Header.Set("Authorization", auth)
	}
	client := s.c.HTTP
	if client == nil {
		client = http.DefaultClient
	}
	a, err := client.Do(q)
	if err != nil {
		return 0, nil, nil, err
	}
	text, err := io.ReadAll(io.LimitReader(a.Body, mostManifest))
	if closed := a.Body.Close(); err == nil {
		err = closed
	}
	return a.StatusCode, text, a.Header, err
}

var challenge = pattern.New(`([a-z]+)="([^"]*)"`)

// login answers a challenge: with user and password, or with a token asked for by them, or by nobody.
func (s *session) login(ctx context.Context, asked string) error {
	var user, password string
	if s.c.Credentials != nil {
		var err error
		if user, password, err = s.c.Credentials(ctx, s.r.Host); err != nil {
			return err
		}
	}
	basic := ""
	if user != "" {
		q := http.Request{Header: http.Header{}}
		q.SetBasicAuth(user, password)
		basic = q.Header.Get("Authorization")
	}
	kind, rest, _ := strings.Cut(asked, " ")
	if !strings.EqualFold(kind, "bearer") {
		s.auth = basic
		return nil
	}
	with := map[string]string{}
	for _, m := range challenge.FindAllStringSubmatch(rest, -1) {
		with[m[1]] = m[2]
	}
	form := url.Values{"service": {with["service"]}, "scope": {"repository:" + s.r.Name + ":pull"}}
	status, text, _, err := s.send(ctx, with["realm"]+"?"+form.Encode(), basic)
	if err != nil {
		return fail.Wrap(err, "image.unreachable", "check the network", "ask %s for a token", with["realm"])
	}
	var token struct {
		Token  string `json:"token"`
		Access string `json:"access_token"`
	}
	if status != http.StatusOK || json.Unmarshal(text, &token) != nil {
		return fail.New("image.denied", "log in: docker login "+s.r.Host, "%s refuses a token for %s: HTTP %d", s.r.Host, s.r.Name, status)
	}
	if token.Token == "" {
		token.Token = token.Access
	}
	s.auth = fmt.Sprintf("Bearer %s", token.Token)
	return nil
}
