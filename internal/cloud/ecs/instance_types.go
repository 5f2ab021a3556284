package ecs

import (
	"maps"
	"slices"
	"strings"
)

// DefaultInstanceType is what instances are where nobody says.
const DefaultInstanceType = "m5.large"

// instanceSize is what an instance of a type registers.
type instanceSize struct{ cpu, memory, gpus int }

// instanceTypes are the types an instance may be made of, by name. Memory is what is left of the
// type's for tasks once the kernel has its part; it differs a little from image to image
// (unconfirmed).
//
// Source: EC2 instance types; ECS Developer Guide, "Reserving container instance memory".
var instanceTypes = map[string]instanceSize{ // for lookup only
	"t3.micro": {2048, 916, 0}, "t3.small": {2048, 1888, 0}, "t3.medium": {2048, 3828, 0}, "t3.large": {2048, 7764, 0}, "t3.xlarge": {4096, 15650, 0},
	"t2.micro": {1024, 968, 0}, "t2.small": {1024, 1952, 0}, "t2.medium": {2048, 3906, 0},
	"t4g.micro": {2048, 916, 0}, "t4g.small": {2048, 1848, 0}, "t4g.medium": {2048, 3780, 0}, "t4g.large": {2048, 7680, 0},
	"m5.large": {2048, 7764, 0}, "m5.xlarge": {4096, 15650, 0}, "m5.2xlarge": {8192, 31418, 0}, "m5.4xlarge": {16384, 62954, 0},
	"m6i.large": {2048, 7764, 0}, "m6i.xlarge": {4096, 15650, 0}, "m6g.large": {2048, 7680, 0}, "m6g.xlarge": {4096, 15520, 0},
	"c5.large": {2048, 3701, 0}, "c5.xlarge": {4096, 7590, 0}, "c5.2xlarge": {8192, 15383, 0},
	"r5.large": {2048, 15650, 0}, "r5.xlarge": {4096, 31418, 0},
	"g4dn.xlarge": {4096, 15650, 1}, "g4dn.12xlarge": {49152, 188972, 4}, "p3.2xlarge": {8192, 61350, 1}, "p3.8xlarge": {32768, 245820, 4},
}

// InstanceTypes gives the names of the types there are, in order.
func InstanceTypes() []string { return slices.Sorted(maps.Keys(instanceTypes)) }

// architectureOf gives the architecture of a type: Graviton's generations end in g.
func architectureOf(kind string) string {
	family, _, _ := strings.Cut(kind, ".")
	if strings.HasSuffix(family, "g") {
		return "arm64"
	}
	return "x86_64"
}
