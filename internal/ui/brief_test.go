package ui

import "testing"

func TestLinesCallTasksAndTargetGroupsByShortNames(t *testing.T) {
	t.Parallel()
	const arn = "arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/web/8795d3bce9c99864"
	for text, want := range map[string]string{
		"(service web) has stopped 1 running tasks: (task 4546cf0d8400990edaf4525d0565022c).":  "(service web) has stopped 1 running tasks: (task 4546cf0d).",
		"(service web) registered 2 targets in (target-group " + arn + ")":                     "(service web) registered 2 targets in (target-group web)",
		"following arn:aws:ecs:us-east-1:123456789012:service-deployment/main/web/d9ZySlk2LS7": "following arn:aws:ecs:us-east-1:123456789012:service-deployment/main/web/d9ZySlk2LS7",
		"image web:v1 → web:v2": "image web:v1 → web:v2",
		"":                      "",
	} {
		if got := Brief(text); got != want {
			t.Errorf("%q reads\n%q, not\n%q", text, got, want)
		}
	}
}
