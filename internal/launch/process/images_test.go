package process_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/slipway-ecs/slipway/internal/launch"
	"github.com/slipway-ecs/slipway/internal/launch/process"
)

func TestImagesAreReadFromYAMLAndJSON(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	want := process.Images{
		{Pattern: "shop/web", Command: []string{"./web", "serve"}, Dir: filepath.Join(dir, "web")},
		{Pattern: "*", EntryPoint: []string{"/bin/sh", "-c"}, Command: []string{"true"}, Dir: "/srv"},
	}
	for name, text := range map[string]string{
		"images.yaml": "images:\n  - image: shop/web\n    command: [./web, serve]\n    dir: web\n  - image: '*'\n    entryPoint: [/bin/sh, -c]\n    command: [\"true\"]\n    dir: /srv\n",
		"images.json": `{"images": [{"image": "shop/web", "command": ["./web", "serve"], "dir": "web"},
			{"image": "*", "entryPoint": ["/bin/sh", "-c"], "command": ["true"], "dir": "/srv"}]}`,
	} {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}

		got, err := process.ReadImages(path)

		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("%s: %v (-want +got):\n%s", name, err, diff)
		}
	}
}

func TestAWrongListOfImagesIsRefusedWithItsLine(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"images:\n  - image: web\n    command: [a]\n    cmd: [b]\n":     ":4: ",
		"image:\n  - image: web\n":                                      ":1: ",
		"images:\n  - image: web\n    command: [a]\n  - command: [b]\n": ":4: an image pattern is missing",
		"images:\n  - image: web\n":                                     `:2: image "web" has nothing to run`,
		"images:\n  - image: web\n    command: sh\n":                    ":3: ",
		"images:\n  - image: [\n":                                       ":2: ",
	} {
		path := filepath.Join(t.TempDir(), "images.yaml")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}

		_, err := process.ReadImages(path)

		if err == nil || !strings.HasPrefix(err.Error(), path+want) {
			t.Errorf("%q:\n got %v\nwant %s%s…", text, err, path, want)
		}
	}
}

func TestAnImageIsFoundByTheFirstPatternThatMatches(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		pattern, image string
		want           bool
	}{
		{"web", "web", true},
		{"web", "web:v2", true},
		{"web", "web@sha256:abc", true},
		{"web:v1", "web:v2", false},
		{"web:v?", "web:v2", true},
		{"web", "shop/web", false},
		{"*web", "123456789012.dkr.ecr.us-east-1.amazonaws.com/shop/web:v2", true},
		{"*/shop/*", "host:5000/shop/web:v2", true},
		{"host:5000/web", "host:5000/web:1", true},
		{"a*b*c", "abbbc:1", true},
		{"a*b*c:1", "abbb:1", false},
		{"*", "anything/at:all", true},
	} {
		images := process.Images{{Pattern: "no-such"}, {Pattern: c.pattern, Dir: "first"}, {Pattern: "*", Dir: "last"}}
		if got, _ := images.Find(c.image); (got.Dir == "first") != c.want {
			t.Errorf("pattern %q, image %q: got %t, want %t", c.pattern, c.image, !c.want, c.want)
		}
	}
}

func TestImageAndDefinitionCombineAsInDocker(t *testing.T) {
	t.Parallel()
	images := process.Image{Pattern: "web", EntryPoint: []string{"echo", "image-entry"}, Command: []string{"image-command"}}
	for name, c := range map[string]struct {
		entry, command []string
		want           string
	}{
		"nothing":    {nil, nil, "o image-entry image-command\n"},
		"command":    {nil, []string{"own"}, "o image-entry own\n"},
		"entryPoint": {[]string{"echo", "own"}, nil, "o own\n"},
		"both":       {[]string{"echo", "a"}, []string{"b"}, "o a b\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := open(t, t.TempDir(), images)
			task := launch.Task{ID: "t", Containers: []launch.Container{{Name: "main", Image: "web:1", EntryPoint: c.entry, Command: c.command}}}

			if got := text(t, r, start(t, r, task)); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestAnImageNobodyKnowsCannotBePulled(t *testing.T) {
	t.Parallel()
	r := open(t, t.TempDir(), process.Image{Pattern: "web", Command: []string{"true"}})
	pull := func(c launch.Container) (string, error) {
		c.Name = "main"
		return r.Pull(t.Context(), launch.Task{ID: "t", Containers: []launch.Container{c}}, "main")
	}

	_, err := pull(launch.Container{Image: "shop/api"})

	want := "CannotPullContainerError: pull image manifest has been retried 1 time(s): failed to resolve ref docker.io/shop/api:latest: docker.io/shop/api:latest: not found"
	if _, ok := errors.AsType[*launch.PullError](err); !ok || !strings.HasPrefix(err.Error(), want) {
		t.Errorf("got %v, want %s…", err, want)
	}
	one, err1 := pull(launch.Container{Image: "web:1"})
	same, err2 := pull(launch.Container{Image: "web:1"})
	two, err3 := pull(launch.Container{Image: "web:2"})
	own, err4 := pull(launch.Container{Image: "shop/api", Command: []string{"true"}})
	if err := errors.Join(err1, err2, err3, err4); err != nil {
		t.Fatal(err)
	}
	if one != same || one == two || len(one) != len("sha256:")+64 || own == "" {
		t.Errorf("digests: %s, %s, %s, %s", one, same, two, own)
	}
}
