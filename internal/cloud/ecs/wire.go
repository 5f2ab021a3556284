package ecs

import "github.com/slipway-ecs/slipway/internal/wire"

// target is the prefix of ECS's X-Amz-Target. Source: ecs.md 1.1.
const target = "AmazonEC2ContainerServiceV20141113"

// Wire gives the operations of the room.
func (s *Service) Wire() *wire.Service {
	w := wire.NewJSON("ecs", target, "1.1").Required(missingMember).Unlisted(unlisted)
	s.taskOps(w)
	s.serviceOps(w)
	return w
}

func (s *Service) serviceOps(w *wire.Service) {
	wire.Op(w, s.CreateService)
	wire.Op(w, s.UpdateService)
	wire.Op(w, s.DeleteService)
	wire.Op(w, s.DescribeServices)
	wire.Op(w, s.ListServices)
	wire.Op(w, s.ListServicesByNamespace)
	wire.Op(w, s.ListServiceDeployments)
	wire.Op(w, s.DescribeServiceDeployments)
	wire.Op(w, s.DescribeServiceRevisions)
	wire.Op(w, s.StopServiceDeployment)
	wire.Op(w, s.CreateTaskSet)
	wire.Op(w, s.UpdateTaskSet)
	wire.Op(w, s.DeleteTaskSet)
	wire.Op(w, s.DescribeTaskSets)
	wire.Op(w, s.UpdateServicePrimaryTaskSet)
	wire.Op(w, s.ContinueServiceDeployment)
}
