package demo

import (
	"time"

	"github.com/slipway-ecs/slipway/internal/launch/process"
)

const (
	// warmup is how long the sample app takes to start at the most, in internal time, so that tasks
	// turn healthy one after the other and traffic moves under one's eyes.
	warmup = 40 * time.Second
	// grace is the service's health check grace period: time to warm up.
	grace = 90 * time.Second
)

// Images maps the story's images to the sample app: each version, and how it misbehaves. speed
// is the cloud's.
func Images(exe string, speed float64) process.Images {
	warm := time.Duration(float64(warmup) / speed).String()
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
		command := append([]string{exe, "sample-web", "-version", v.tag, "-warmup", warm}, v.faults...)
		images = append(images, process.Image{Pattern: image + ":" + v.tag, Command: command})
	}
	return images
}
