package ecs

import (
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/slipway-ecs/slipway/internal/names"
	"github.com/slipway-ecs/slipway/internal/store"
)

// What is said of a task beyond the account's quota: in an answer, and as a service event. The
// first is unconfirmed for the answer.
//
// Source: ecs.md 3.7.
const (
	wordVCPUs = "You've reached the limit on the number of vCPUs you can run concurrently"
	noVCPUs   = unableToPlace + ". Reason: " + wordVCPUs + "."
)

// vcpuHint is what a line about such a task says to do.
const vcpuHint = " Give the account more with `slipway local --fargate-vcpus N`, or leave the flag out for no limit."

// spot is the capacity provider whose tasks have a quota of their own.
const spot = "FARGATE_SPOT"

// quota is how many vCPUs of Fargate an account has left in a region, in CPU units: on demand and
// on Spot capacity, each with the same limit. Nil has no limit.
type quota struct{ onDemand, spot int }

// quota counts what Fargate tasks leave of the quota. A task takes its part until it has stopped.
func (s *Service) quota(tx *store.Tx, scope names.Scope) *quota {
	if s.o.FargateVCPUs == 0 {
		return nil
	}
	limit := int(s.o.FargateVCPUs * 1024)
	q := &quota{limit, limit}
	for t := range s.tasks.All(tx) {
		if t.LaunchType == "FARGATE" && t.Last != taskStopped && names.ScopeOf(t.ARN) == scope {
			*q.of(t.Provider) -= s.needOfTask(tx, &t).CPU
		}
	}
	return q
}

// of gives the part that a capacity provider's tasks take from.
func (q *quota) of(provider string) *int {
	if strings.EqualFold(provider, spot) {
		return &q.spot
	}
	return &q.onDemand
}

// take takes a task's CPU units; it is false, and takes nothing, where they are more than is left.
func (q *quota) take(provider string, units int) bool {
	if q == nil {
		return true
	}
	left := q.of(provider)
	if *left < units {
		return false
	}
	*left -= units
	return true
}

// afford takes the vCPUs of the service's next task of a definition. Where they are more than the
// account has left it says so, as the service event does.
func (g *keeping) afford(d *types.TaskDefinition, provider string) (why string) {
	if g.s.o.FargateVCPUs == 0 {
		return ""
	}
	if g.quota == nil {
		g.quota = g.s.quota(g.tx, names.ScopeOf(g.row.ARN))
	}
	if !g.quota.take(provider, needOf(d, nil).CPU) {
		return noVCPUs
	}
	return ""
}
