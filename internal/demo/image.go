package demo

import "github.com/slipway-ecs/slipway/internal/launch/process"

// warmup is how long the sample app takes to start at the most, so that tasks turn healthy one
// after the other and traffic moves under one's eyes.
const warmup = "2500ms"

// Images maps the story's images to the sample app: each version, and how it misbehaves.
func Images(exe string) process.Images {
	var images process.Images
	for _, v := range []struct {
		tag    string
		faults []string
	}{
		{"v1", nil},
		{"v2", nil},
		{"v3", []string{"-health", "503"}},
		{"v4", []string{"-errors", "10"}},
	} {
		command := append([]string{exe, "sample-web", "-version", v.tag, "-warmup", warmup}, v.faults...)
		images = append(images, process.Image{Pattern: image + ":" + v.tag, Command: command})
	}
	return images
}
