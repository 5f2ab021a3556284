package dropin

import (
	"fmt"
	"os"
	"strings"

	"github.com/slipway-ecs/slipway/internal/fail"
	"github.com/slipway-ecs/slipway/internal/sdk"
)

// put puts an image into a definition, in place: the whole reference into every container whose
// image is of the repository, or the tag onto every image that has a tag or a digest. It gives
// how many it found, and the images there were.
func put(definition sdk.Tree, img image) (found int, images []string) {
	list, ok := definition["containerDefinitions"].([]any)
	if !ok {
		return 0, nil
	}
	for _, item := range list {
		c, ok := item.(sdk.Tree)
		if !ok {
			continue
		}
		was, ok := c["image"].(string)
		if !ok {
			continue
		}
		images = append(images, was)
		name := repository(was)
		switch {
		case img.TagOnly && bare(was) != was:
			c["image"] = bare(was) + ":" + img.Ref
		case !img.TagOnly && name == repository(img.Repository):
			c["image"] = img.Ref
		default:
			continue
		}
		found++
	}
	return found, images
}

// readFile reads a definition as describe-task-definition prints it, or as register takes it.
func readFile(path string) (sdk.Tree, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fail.Wrap(err, "file.read", "check --task-definition-file", "read the task definition")
	}
	t, err := sdk.ReadTree(text)
	if err != nil {
		return nil, fail.Wrap(err, "file.json", "give it as 'aws ecs describe-task-definition' prints it", "%s is no JSON object", path)
	}
	if inner, ok := t["taskDefinition"].(sdk.Tree); ok {
		t = inner
	}
	if _, ok := t["containerDefinitions"].([]any); !ok {
		return nil, fail.New("file.shape", "give it as 'aws ecs describe-task-definition' prints it", "%s has no \"containerDefinitions\"", path)
	}
	return t, nil
}

// noMatch says that no image matched.
func noMatch(img image, images []string) string {
	what := fmt.Sprintf("no container's image is of the repository %s", img.Repository)
	if img.TagOnly {
		what = "no container's image has a tag to replace"
	}
	return fmt.Sprintf("%s; the images are: %s", what, strings.Join(images, ", "))
}

// checked reports whether success of a task is its health: the first container has a check.
func checked(definition sdk.Tree) bool {
	list, ok := definition["containerDefinitions"].([]any)
	if !ok || len(list) == 0 {
		return false
	}
	first, ok := list[0].(sdk.Tree)
	return ok && first["healthCheck"] != nil
}

// text gives a string member, "" where there is none.
func text(t sdk.Tree, member string) string {
	s, ok := t[member].(string)
	if !ok {
		return ""
	}
	return s
}
