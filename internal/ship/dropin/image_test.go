package dropin

import (
	"io"
	"strings"
	"testing"

	"github.com/slipway-ecs/slipway/internal/sdk"
)

func TestImagesAreReadByTheOriginalsGrammar(t *testing.T) {
	t.Parallel()
	const bad = "-" // exit code 13
	for in, want := range map[string]string{
		"mariadb":                                       "mariadb:latest",
		"mariadb:":                                      "mariadb:latest",
		"mariadb:1.2.3":                                 "mariadb:1.2.3",
		"mariadb@sha256:12ab":                           "mariadb@sha256:12ab",
		"repo/image":                                    "repo/image:latest",
		"repo/image:":                                   "repo/image:latest",
		"repo/image:v1.2.3":                             "repo/image:v1.2.3",
		"repo/image@sha256:12ab":                        "repo/image@sha256:12ab",
		"repo/multi/level/image":                        "repo/multi/level/image:latest",
		"repo/multi/level/image:v1.2.3":                 "repo/multi/level/image:v1.2.3",
		"repo/multi/level/image@sha256:12ab":            "repo/multi/level/image@sha256:12ab",
		"docker.domain.com/repo/image":                  "docker.domain.com/repo/image:latest",
		"docker.domain.com/repo/image:v1":               "docker.domain.com/repo/image:v1",
		"docker.domain.com:8080/repo/image":             "docker.domain.com:8080/repo/image:latest",
		"docker.domain.com:8080/repo/image@sha256:12ab": "docker.domain.com:8080/repo/image@sha256:12ab",
		"docker.domain.com:8080/repo/multi/image:v1":    "docker.domain.com:8080/repo/multi/image:v1",
		"121212345678.dkr.ecr.us-east-1.amazonaws.com/acct/repo": "121212345678.dkr.ecr.us-east-1.amazonaws.com/acct/repo:latest",
		"localhost:5000/img:1": "localhost:5000/img:1",
		"a:80":                 "a:80",
		"a:80/b":               "a:80/b:latest",
		"d.com:/r/i":           "d.com/r/i:latest",
		"repo/im_age:1":        "repo/im_age:1",
		"d.com/r/i/":           "d.com/r/i/:latest",
		"something:tag_123":    "something:tag_123",
		"my_image":             "my:_image",
		"my.image":             "my:.image",

		"my_image:1": bad, "my.image:1": bad, "_something:t": bad, "repo_x/image": bad, "/x": bad, "/something": bad, "": bad, "d.com/": bad,
		"d.com/r/": bad, "d.com:abc/r/i": bad, "r/i@sha512:aa": bad, "d.com/r/i:v1+b": bad, "r/i:1@sha256:aa": bad, "$(id)": bad, "`id`": bad, "a b": bad,
	} {
		img, message, code := Options{Image: in}.readImage(nil, io.Discard)
		switch {
		case want == bad && (code != 13 || message != "Unable to parse image name: "+in+", check the format and try again"):
			t.Errorf("%q: %q with code %d, want code 13", in, message, code)
		case want != bad && (code != 0 || img.Ref != want || img.TagOnly):
			t.Errorf("%q: %+v with code %d, want %q", in, img, code, want)
		}
	}
}

func TestATagComesFromTheVariableWhereTheImageHasNone(t *testing.T) {
	t.Parallel()
	env := func(k string) (string, bool) {
		v, ok := map[string]string{"CI_TIMESTAMP": "1487", "EMPTY": ""}[k]
		return v, ok
	}
	for _, c := range []struct {
		image, name string
		strict      bool
		want        string
		code        int
	}{
		{"d.com:8080/repo/image", "CI_TIMESTAMP", false, "d.com:8080/repo/image:1487", 0},
		{"d.com:8080/repo/image@sha256:12ab", "CI_TIMESTAMP", false, "d.com:8080/repo/image:1487", 0},
		{"121212345678.dkr.ecr.us-east-1.amazonaws.com/acct/repo", "CI_TIMESTAMP", false, "121212345678.dkr.ecr.us-east-1.amazonaws.com/acct/repo:1487", 0},
		{"repo/image:2", "CI_TIMESTAMP", false, "repo/image:2", 0},
		{"repo/image:2", "MISSING", false, "repo/image:2", 0},
		{"mariadb", "EMPTY", false, "mariadb:latest", 0},
		{"mariadb@sha256:12ab", "EMPTY", false, "mariadb@sha256:12ab", 0},
		{"mariadb", "MISSING", false, "", 1},
		{"mariadb", "MISSING", true, "mariadb:latest", 0},
	} {
		var talk strings.Builder
		img, message, code := Options{Image: c.image, TagVar: c.name, Strict: c.strict}.readImage(env, &talk)
		if img.Ref != c.want || code != c.code {
			t.Errorf("%s with -e %s: %q with code %d (%s), want %q with %d", c.image, c.name, img.Ref, code, message, c.want, c.code)
		}
		if c.name == "MISSING" && c.image == "mariadb" && !strings.Contains(talk.String()+message, "MISSING") {
			t.Errorf("%s: nobody is told which variable is missing", c.image)
		}
	}
}

func TestTagOnlyTakesItsLooserWordsAndGivesTheBareTag(t *testing.T) {
	t.Parallel()
	for in, ok := range map[string]bool{"ignore": true, "": true, ":x": true, "x:y": true, "repo/image": false, "a b": false} {
		img, _, code := Options{Image: in, TagOnly: "newtag"}.readImage(nil, io.Discard)
		if ok && (code != 0 || img.Ref != "newtag" || !img.TagOnly) || !ok && code != 13 {
			t.Errorf("%q: %+v with code %d, want taken: %t", in, img, code, ok)
		}
	}
}

// definition has containers with these images, and members of all ages.
func definition(images ...string) sdk.Tree {
	var list []any
	for _, i := range images {
		list = append(list, sdk.Tree{"image": i, "newerThanUs": true})
	}
	return sdk.Tree{"family": "app", "containerDefinitions": list}
}

func imagesOf(d sdk.Tree) (out []string) {
	for _, c := range d["containerDefinitions"].([]any) {
		out = append(out, c.(sdk.Tree)["image"].(string))
	}
	return out
}

func TestImagesAreReplacedByEqualRepositoryAlone(t *testing.T) {
	t.Parallel()
	const ecr, moved = "121212345678.dkr.ecr.us-east-1.amazonaws.com/acct/repo", "111222333444.dkr.ecr.eu-west-1.amazonaws.com/acct/repo"
	for _, c := range []struct {
		of        string
		to        string
		was, then []string
	}{
		{ecr, ecr + ":2", []string{ecr + ":1"}, []string{ecr + ":2"}},
		{ecr, ecr + ":2", []string{ecr + ":1", "redis:latest"}, []string{ecr + ":2", "redis:latest"}},
		{ecr, ecr + ":2", []string{ecr + "-two:1", ecr + ":1"}, []string{ecr + "-two:1", ecr + ":2"}},
		{ecr, ecr + ":2", []string{ecr + ":1", ecr + ":0"}, []string{ecr + ":2", ecr + ":2"}},
		{ecr, moved + ":2", []string{ecr + ":1"}, []string{moved + ":2"}},
		{ecr, moved + ":2", []string{ecr + ":1", "redis:latest"}, []string{moved + ":2", "redis:latest"}},
		{ecr, ecr + ":2", []string{moved + ":1"}, []string{moved + ":1"}},
		{"d.com/r/i", "d.com/r/i:2", []string{"other.com/d.com/r/i:1", "d.com/r/i:1"}, []string{"other.com/d.com/r/i:1", "d.com/r/i:2"}},
		{"mariadb", "mariadb:2", []string{"x/us/mariadb:1", "x/i-mariadb:1", "mariadb:1"}, []string{"x/us/mariadb:1", "x/i-mariadb:1", "mariadb:2"}},
		{"mariadb", "mariadb:2", []string{"docker.io/library/mariadb:1"}, []string{"mariadb:2"}},
		{"a.b/c", "a.b/c:2", []string{"axb/c:1"}, []string{"axb/c:1"}},
		{"r/i", "r/i@sha256:bb", []string{"r/i@sha256:aa", "r/i", "r/i:1@sha256:cc"}, []string{"r/i@sha256:bb", "r/i@sha256:bb", "r/i@sha256:bb"}},
		{"h:5000/i", "h:5000/i:2", []string{"h:5000/i", "h:6000/i:1"}, []string{"h:5000/i:2", "h:6000/i:1"}},
	} {
		d := definition(c.was...)
		found, all := put(d, image{Repository: c.of, Ref: c.to})
		changed := 0
		for i, is := range imagesOf(d) {
			if is != c.then[i] {
				t.Errorf("%s for %s: %s became %s, want %s", c.to, c.of, c.was[i], is, c.then[i])
			}
			if is != c.was[i] {
				changed++
			}
		}
		if found != changed || len(all) != len(c.was) {
			t.Errorf("%s: found %d of %v, changed %d", c.to, found, all, changed)
		}
		if first := d["containerDefinitions"].([]any)[0].(sdk.Tree); first["newerThanUs"] != true {
			t.Errorf("%s: a member is lost", c.to)
		}
	}
}

func TestTagOnlyChangesEveryTagAndNoImageWithoutOne(t *testing.T) {
	t.Parallel()
	d := definition("h.com:5000/a/repo:1", "redis:latest", "r/i@sha256:aa", "h:5000/i", "plain")
	if found, _ := put(d, image{Ref: "new&tag", TagOnly: true}); found != 3 {
		t.Errorf("found %d, want 3", found)
	}
	if got := strings.Join(imagesOf(d), " "); got != "h.com:5000/a/repo:new&tag redis:new&tag r/i:new&tag h:5000/i plain" {
		t.Errorf("got %s", got)
	}
}
