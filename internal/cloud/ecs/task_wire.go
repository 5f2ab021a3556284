package ecs

import "github.com/slipway-ecs/slipway/internal/wire"

// taskOps adds the operations on clusters, task definitions, tasks and what goes with them.
func (s *Service) taskOps(w *wire.Service) {
	wire.Op(w, s.CreateCluster)
	wire.Op(w, s.DescribeClusters)
	wire.Op(w, s.ListClusters)
	wire.Op(w, s.UpdateCluster)
	wire.Op(w, s.UpdateClusterSettings)
	wire.Op(w, s.DeleteCluster)
	wire.Op(w, s.PutClusterCapacityProviders)
	wire.Op(w, s.DescribeCapacityProviders)
	wire.Op(w, s.CreateCapacityProvider)
	wire.Op(w, s.UpdateCapacityProvider)
	wire.Op(w, s.DeleteCapacityProvider)

	wire.Op(w, s.RegisterTaskDefinition)
	wire.Op(w, s.DescribeTaskDefinition)
	wire.Op(w, s.DeregisterTaskDefinition)
	wire.Op(w, s.DeleteTaskDefinitions)
	wire.Op(w, s.ListTaskDefinitions)
	wire.Op(w, s.ListTaskDefinitionFamilies)

	wire.Op(w, s.RunTask)
	wire.Op(w, s.StartTask)
	wire.Op(w, s.StopTask)
	wire.Op(w, s.DescribeTasks)
	wire.Op(w, s.ListTasks)
	wire.Op(w, s.UpdateTaskProtection)
	wire.Op(w, s.GetTaskProtection)

	wire.Op(w, s.TagResource)
	wire.Op(w, s.UntagResource)
	wire.Op(w, s.ListTagsForResource)
	wire.Op(w, s.PutAccountSetting)
	wire.Op(w, s.PutAccountSettingDefault)
	wire.Op(w, s.DeleteAccountSetting)
	wire.Op(w, s.ListAccountSettings)
	wire.Op(w, s.PutAttributes)
	wire.Op(w, s.DeleteAttributes)
	wire.Op(w, s.ListAttributes)
	wire.Op(w, s.ListContainerInstances)
	wire.Op(w, s.DescribeContainerInstances)
	wire.Op(w, s.RegisterContainerInstance)
	wire.Op(w, s.DeregisterContainerInstance)
	wire.Op(w, s.UpdateContainerInstancesState)
	wire.Op(w, s.UpdateContainerAgent)
	wire.Op(w, s.ExecuteCommand)
}
