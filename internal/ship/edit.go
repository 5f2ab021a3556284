package ship

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/slipway-ecs/slipway/internal/fail"
	"github.com/slipway-ecs/slipway/internal/sdk"
)

// edit puts a request's images, tag, environment and secrets into a definition, by container name, in
// place, and says in words what changed. A container that is not there is an error that names
// those that are.
func edit(definition sdk.Tree, r Request) (changes []string, err error) {
	containers := map[string]sdk.Tree{}
	var names []string
	list, ok := definition["containerDefinitions"].([]any)
	if !ok || len(list) == 0 {
		return nil, fail.New("definition.no_containers", "add \"containerDefinitions\"", "the task definition has no containers")
	}
	for _, item := range list {
		if c, ok := item.(sdk.Tree); ok {
			containers[text(c["name"])] = c
			names = append(names, text(c["name"]))
		}
	}
	find := func(name, what string) (sdk.Tree, error) {
		if c := containers[name]; c != nil {
			return c, nil
		}
		return nil, fail.New("container.not_found", "its containers are "+strings.Join(names, ", "),
			"there is no container %q in the task definition to give %s to", name, what)
	}
	images := r.Images
	if r.Tag != "" {
		name, err := tagged(list, names)
		if err != nil {
			return nil, err
		}
		images = maps.Clone(r.Images)
		if images == nil {
			images = map[string]string{}
		}
		if images[name] == "" {
			images[name] = text(containers[name]["image"])
		}
		images[name] = withTag(images[name], r.Tag)
	}
	for _, name := range sorted(images) {
		c, err := find(name, "an image")
		if err != nil {
			return nil, err
		}
		if was := text(c["image"]); was != images[name] {
			changes = append(changes, fmt.Sprintf("container %s: image %s → %s", name, was, images[name]))
			c["image"] = images[name]
		}
	}
	for _, name := range sorted(r.Env) {
		c, err := find(name, "environment")
		if err != nil {
			return nil, err
		}
		for _, key := range sorted(r.Env[name]) {
			if setEnv(c, key, r.Env[name][key]) {
				changes = append(changes, fmt.Sprintf("container %s: environment %s", name, key))
			}
		}
	}
	for _, name := range sorted(r.Secrets) {
		c, err := find(name, "secrets")
		if err != nil {
			return nil, err
		}
		for _, key := range sorted(r.Secrets[name]) {
			if setSecret(c, key, r.Secrets[name][key]) {
				changes = append(changes, fmt.Sprintf("container %s: secret %s from %s", name, key, r.Secrets[name][key]))
			}
		}
	}
	return changes, nil
}

// pin puts the digest that a tag has now behind it, in the images that a request names. The tag
// stays for people; ECS pulls by the digest.
func pin(ctx context.Context, definition sdk.Tree, r Request) (changes []string, err error) {
	if r.Pin == nil {
		return nil, nil
	}
	all := containersOf(definition)
	var names []string
	for _, c := range all {
		names = append(names, text(c["name"]))
	}
	one := ""
	if list, ok := definition["containerDefinitions"].([]any); ok && r.Tag != "" {
		if one, err = tagged(list, names); err != nil {
			return nil, err
		}
	}
	for _, c := range all {
		name, image := text(c["name"]), text(c["image"])
		if _, asked := r.Images[name]; !asked && name != one || strings.Contains(image, "@") {
			continue
		}
		digest, err := r.Pin(ctx, image)
		if err != nil {
			return nil, fmt.Errorf("pin the image of container %s: %w", name, err)
		}
		c["image"] = image + "@" + digest
		changes = append(changes, fmt.Sprintf("container %s: %s is %s now", name, image, digest))
	}
	return changes, nil
}

// setEnv sets a variable of a container, which is no secret then; it reports whether that changed
// something. The value is not told: it may be nobody's business.
func setEnv(container sdk.Tree, key, value string) (changed bool) {
	dropped := drop(container, "secrets", key)
	return setPair(container, "environment", key, "value", value) || dropped
}

// setSecret sets a secret of a container, which is no plain variable then; it reports whether that
// changed something. ECS refuses a name that is both.
func setSecret(container sdk.Tree, key, from string) (changed bool) {
	dropped := drop(container, "environment", key)
	return setPair(container, "secrets", key, "valueFrom", from) || dropped
}

// setPair sets a member of the pair with a name in a list of pairs.
func setPair(container sdk.Tree, list, name, member, value string) (changed bool) {
	pairs, ok := container[list].([]any)
	if !ok {
		pairs = nil // absent
	}
	for _, v := range pairs {
		if pair, ok := v.(sdk.Tree); ok && text(pair["name"]) == name {
			changed = text(pair[member]) != value
			pair[member] = value
			return changed
		}
	}
	container[list] = append(pairs, sdk.Tree{"name": name, member: value})
	return true
}

// drop takes the pair with a name out of a list of pairs.
func drop(container sdk.Tree, list, name string) (dropped bool) {
	pairs, ok := container[list].([]any)
	if !ok {
		return false
	}
	left := slices.DeleteFunc(slices.Clone(pairs), func(v any) bool {
		pair, ok := v.(sdk.Tree)
		return ok && text(pair["name"]) == name
	})
	container[list] = left
	return len(left) < len(pairs)
}

// tagged gives the container a lone tag is for: the only one, or the only essential one.
func tagged(list []any, names []string) (string, error) {
	if len(names) == 1 {
		return names[0], nil
	}
	var essential []string
	for _, item := range list {
		c, ok := item.(sdk.Tree)
		if !ok {
			continue
		}
		if e, stated := c["essential"].(bool); !stated || e {
			essential = append(essential, text(c["name"]))
		}
	}
	if len(essential) == 1 {
		return essential[0], nil
	}
	return "", fail.New("container.ambiguous", "name it: --image CONTAINER=IMAGE",
		"a tag alone does not say which container it is for: %s", strings.Join(names, ", "))
}

// withTag gives an image reference with another tag; a digest goes, for it names one image.
func withTag(ref, tag string) string {
	ref, _, _ = strings.Cut(ref, "@")
	if colon := strings.LastIndexByte(ref, ':'); colon > strings.LastIndexByte(ref, '/') {
		ref = ref[:colon]
	}
	return ref + ":" + tag
}
