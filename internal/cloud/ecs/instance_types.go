package ecs

import (
	"maps"
	"slices"
	"strings"

	"github.com/slipway-ecs/slipway/internal/place"
)

// DefaultInstanceType is what instances are where nobody says.
const DefaultInstanceType = "m5.large"

// instanceSize is what an instance of a type registers, and how many network interfaces it has.
type instanceSize struct{ cpu, memory, gpus, interfaces int }

// instanceTypes are the types an instance may be made of, by name. Memory is what is left of the
// type's for tasks once the kernel has its part; it differs a little from image to image
// (unconfirmed).
//
// Source: EC2 instance types, "Maximum IP addresses per network interface"; ECS Developer Guide,
// "Reserving container instance memory".
var instanceTypes = map[string]instanceSize{ // for lookup only
	"t3.micro": {2048, 916, 0, 2}, "t3.small": {2048, 1888, 0, 3}, "t3.medium": {2048, 3828, 0, 3}, "t3.large": {2048, 7764, 0, 3}, "t3.xlarge": {4096, 15650, 0, 4},
	"t2.micro": {1024, 968, 0, 2}, "t2.small": {1024, 1952, 0, 3}, "t2.medium": {2048, 3906, 0, 3},
	"t4g.micro": {2048, 916, 0, 2}, "t4g.small": {2048, 1848, 0, 3}, "t4g.medium": {2048, 3780, 0, 3}, "t4g.large": {2048, 7680, 0, 3},
	"m5.large": {2048, 7764, 0, 3}, "m5.xlarge": {4096, 15650, 0, 4}, "m5.2xlarge": {8192, 31418, 0, 4}, "m5.4xlarge": {16384, 62954, 0, 8},
	"m6i.large": {2048, 7764, 0, 3}, "m6i.xlarge": {4096, 15650, 0, 4}, "m6g.large": {2048, 7680, 0, 3}, "m6g.xlarge": {4096, 15520, 0, 4},
	"c5.large": {2048, 3701, 0, 3}, "c5.xlarge": {4096, 7590, 0, 4}, "c5.2xlarge": {8192, 15383, 0, 4},
	"r5.large": {2048, 15650, 0, 3}, "r5.xlarge": {4096, 31418, 0, 4},
	"g4dn.xlarge": {4096, 15650, 1, 3}, "g4dn.12xlarge": {49152, 188972, 4, 8}, "p3.2xlarge": {8192, 61350, 1, 4}, "p3.8xlarge": {32768, 245820, 4, 8},
}

// InstanceTypes gives the names of the types there are, in order.
func InstanceTypes() []string { return slices.Sorted(maps.Keys(instanceTypes)) }

// interfacesOf gives how many tasks with a network of their own an instance of a type takes: each has
// an interface, and one is the instance's own. Of other types nobody knows.
//
// Source: ECS Developer Guide, "Task networking for EC2", considerations; without trunking.
func interfacesOf(kind string) int {
	if k, ok := instanceTypes[kind]; ok {
		return k.interfaces - 1
	}
	return place.Plenty
}

// architectureOf gives the architecture of a type: Graviton's generations end in g.
func architectureOf(kind string) string {
	family, _, _ := strings.Cut(kind, ".")
	if strings.HasSuffix(family, "g") {
		return "arm64"
	}
	return "x86_64"
}
