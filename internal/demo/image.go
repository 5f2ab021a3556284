package demo

import (
	"strconv"
	"time"

	"github.com/slipway-ecs/slipway/internal/launch/process"
)

const (
	// warmup is how long the sample app takes to start at the most, in internal time, so that tasks
	// turn healthy one after the other and traffic moves under one's eyes.
	warmup = 40 * time.Second
	// grace is the service's health check grace period: time to warm up.
	grace = 90 * time.Second
	// tests is how many requests a new version must answer well on the test listener.
	tests = 3
)

// Images maps the story's images to the sample app: each version, and how it misbehaves. speed
// is the cloud's.
func (s Story) Images(exe string, speed float64) process.Images {
	warm := time.Duration(float64(warmup) / speed).String()
	faults := map[string][]string{"v3": {"-health", "503"}, "v4": {"-errors", "10"}}
	if s.shifts() {
		faults = map[string][]string{"v3": {"-errors", "100"}, "v4": {"-good", strconv.Itoa(tests + 2), "-errors", "50"}}
	}
	var images process.Images
	for _, v := range []string{"v1", "v2", "v3", "v4"} {
		command := append([]string{exe, "sample-web", "-version", v, "-warmup", warm}, faults[v]...)
		images = append(images, process.Image{Pattern: image + ":" + v, Command: command})
	}
	return images
}
