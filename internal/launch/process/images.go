package process

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/parser"

	"github.com/slipway-ecs/slipway/internal/balance"
	"github.com/slipway-ecs/slipway/internal/fail"
	"github.com/slipway-ecs/slipway/internal/launch"
)

// Images says what images run. The first entry whose pattern matches counts.
type Images []Image

// Image is what stands for an image here: a program of the host.
//
// EntryPoint and Command are the image's own, as ENTRYPOINT and CMD of a Dockerfile are, and a
// container definition treats them as it does those: its entryPoint replaces both, its command
// replaces Command.
type Image struct {
	// Pattern is compared with the image as the definition has it: * stands for any characters,
	// also / and :, ? for one. A pattern without tag or digest is for the image with any.
	Pattern    string   `yaml:"image"`
	EntryPoint []string `yaml:"entryPoint"`
	Command    []string `yaml:"command"`
	// Dir is the working directory; ReadImages makes it absolute. It also is where a program
	// given as ./name is looked up.
	Dir string `yaml:"dir"`
}

// ReadImages reads a list of images from a YAML or JSON file:
//
//	images:
//	  - image: shop/web          # any tag
//	    command: [./web, serve]
//	    dir: ../web              # from the file's directory, which is also the default
//
// Unknown keys, entries without an image and entries without anything to run are refused. Errors
// name the file and the line.
func ReadImages(path string) (Images, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, fail.Wrap(err, "images.read", badHint, "read the list of images")
	}
	var doc struct {
		Images Images `yaml:"images"`
	}
	if err := yaml.UnmarshalWithOptions(b, &doc, yaml.Strict()); err != nil {
		return nil, refuse(path, err)
	}
	base, err := filepath.Abs(filepath.Dir(path))
	if err != nil {
		return nil, err
	}
	for i := range doc.Images {
		m := &doc.Images[i]
		switch {
		case m.Pattern == "":
			return nil, refuseAt(path, b, i, "an image pattern is missing: image: name")
		case len(m.EntryPoint)+len(m.Command) == 0:
			return nil, refuseAt(path, b, i, fmt.Sprintf("image %q has nothing to run: command: [program, argument]", m.Pattern))
		}
		if !filepath.IsAbs(m.Dir) {
			m.Dir = filepath.Join(base, m.Dir)
		}
	}
	return doc.Images, nil
}

const (
	badCode = "images.invalid"
	badHint = "a list of images looks like: images: [{image: shop/web, command: [./web], dir: .}]"
)

// refuse tells where the YAML reader stumbled.
func refuse(path string, err error) error {
	if e, ok := errors.AsType[yaml.Error](err); ok && e.GetToken() != nil {
		return fail.New(badCode, badHint, "%s:%d: %s", path, e.GetToken().Position.Line, e.GetMessage())
	}
	return fail.Wrap(err, badCode, badHint, "%s", path)
}

// refuseAt tells what is wrong with the i-th entry.
func refuseAt(path string, b []byte, i int, msg string) error {
	line := 1
	at, err := yaml.PathString(fmt.Sprintf("$.images[%d]", i))
	if err == nil {
		if file, err := parser.ParseBytes(b, 0); err == nil {
			if node, err := at.FilterFile(file); err == nil {
				line = node.GetToken().Position.Line
			}
		}
	}
	return fail.New(badCode, badHint, "%s:%d: %s", path, line, msg)
}

// Find gives the first entry for an image.
func (m Images) Find(image string) (Image, bool) {
	for _, e := range m {
		if balance.Wildcard(e.Pattern, image) || bare(e.Pattern) == e.Pattern && balance.Wildcard(e.Pattern, bare(image)) {
			return e, true
		}
	}
	return Image{}, false
}

// bare gives an image's name without tag and digest.
func bare(image string) string {
	name, _, _ := strings.Cut(image, "@")
	if i := strings.LastIndexByte(name, ':'); i > strings.LastIndexByte(name, '/') {
		return name[:i]
	}
	return name
}

// argv gives what a container runs, by Docker's rule: an entryPoint of its own also drops the
// image's command.
func argv(c launch.Container, image Image) []string {
	entry, command := image.EntryPoint, image.Command
	if len(c.EntryPoint) > 0 {
		entry, command = c.EntryPoint, nil
	}
	if len(c.Command) > 0 {
		command = c.Command
	}
	return join(entry, command)
}

// reference gives an image's full name, as registries and their errors have it.
func reference(image string) string {
	host, _, found := strings.Cut(image, "/")
	switch {
	case !found:
		image = "docker.io/library/" + image
	case !strings.ContainsAny(host, ".:") && host != "localhost":
		image = "docker.io/" + image
	}
	if bare(image) == image {
		image += ":latest"
	}
	return image
}

// digest gives the image's own digest if its name has one, else one of its full name and what it
// stands for.
func digest(image string, m Image) string {
	if _, d, ok := strings.Cut(image, "@"); ok {
		return d
	}
	return fmt.Sprintf("sha256:%x", sha256.Sum256(fmt.Appendf(nil, "%q", []any{reference(image), m.EntryPoint, m.Command, m.Dir})))
}
