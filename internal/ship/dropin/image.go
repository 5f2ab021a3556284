package dropin

import (
	"fmt"
	"io"
	"strings"

	"github.com/slipway-ecs/slipway/internal/pattern"
)

// The grammar of images, as the original has it. The colon before a tag is optional in it, so
// that "my_image" is "my" with the tag "_image"; callers depend on what it takes and refuses.
var (
	qualified = pattern.New(`^([a-zA-Z0-9.\-]+):?([0-9]+)?/([a-zA-Z0-9._\-]+(?:/[/a-zA-Z0-9._\-]+)?):?((?:@sha256:)?[a-zA-Z0-9._\-]+)?$`)
	root      = pattern.New(`^([a-zA-Z0-9\-]+):?((?:@sha256:)?[a-zA-Z0-9._\-]+)?$`)
	tagWord   = pattern.New(`^:?[a-zA-Z0-9._\-]*$`)
)

// image is what to put into a definition.
type image struct {
	Repository string // which images it is for; "" with TagOnly
	Ref        string // the whole reference; with TagOnly the bare tag
	TagOnly    bool
}

// readImage reads the image an option set names. The message of an error is for stdout with
// code 13, or for stderr with code 1.
func (o Options) readImage(env func(string) (string, bool), stderr io.Writer) (img image, message string, code int) {
	if o.TagOnly != "" {
		if !tagWord.MatchString(o.Image) && !root.MatchString(o.Image) {
			return image{}, unreadable(o.Image), ExitBadImage
		}
		return image{Ref: o.TagOnly, TagOnly: true}, "", ExitDone
	}
	name, tag, ok := split(o.Image)
	if !ok {
		return image{}, unreadable(o.Image), ExitBadImage
	}
	digest := strings.HasPrefix(tag, "@")
	if given(o.TagVar) && (tag == "" || digest) {
		v, set := env(o.TagVar)
		switch {
		case !set && !o.Strict:
			return image{}, fmt.Sprintf("the environment variable %s, which -e names, is not set", o.TagVar), ExitFailed
		case !set:
			fmt.Fprintf(stderr, "ecs-deploy: warning: the environment variable %s, which -e names, is not set\n", o.TagVar)
		case v != "":
			tag, digest = v, false
		}
	}
	switch {
	case digest:
		return image{Repository: name, Ref: name + tag}, "", ExitDone
	case tag == "":
		tag = "latest"
	}
	return image{Repository: name, Ref: name + ":" + tag}, "", ExitDone
}

func unreadable(word string) string {
	return fmt.Sprintf("Unable to parse image name: %s, check the format and try again", word)
}

// split takes a word of the grammar apart; a digest keeps its "@". A stray colon behind the
// domain is dropped.
func split(word string) (name, tag string, ok bool) {
	if m := qualified.FindStringSubmatch(word); m != nil {
		name = m[1]
		if m[2] != "" {
			name += ":" + m[2]
		}
		return name + "/" + m[3], m[4], true
	}
	if m := root.FindStringSubmatch(word); m != nil {
		return m[1], m[2], true
	}
	return "", "", false
}

// repository gives an image reference of a definition without tag and digest, in one form for
// the names that Docker Hub has several of.
func repository(ref string) string {
	ref = bare(ref)
	for _, hub := range []string{"docker.io/", "index.docker.io/"} {
		ref = strings.TrimPrefix(ref, hub)
	}
	if rest, official := strings.CutPrefix(ref, "library/"); official && !strings.Contains(rest, "/") {
		return rest
	}
	return ref
}

// bare gives a reference without tag and digest.
func bare(ref string) string {
	ref, _, _ = strings.Cut(ref, "@")
	if colon := strings.LastIndexByte(ref, ':'); colon > strings.LastIndexByte(ref, '/') {
		return ref[:colon]
	}
	return ref
}
