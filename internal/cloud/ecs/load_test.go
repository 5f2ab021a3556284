package ecs

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/slipway-ecs/slipway/internal/store"
)

func TestLoadsAreOfRunningTasksOfServices(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newTaskWorld(t, nil)
		w.start()
		defer func() { w.stop() }()
		loads := func() (all []Load) {
			if err := w.s.o.Store.View(func(tx *store.Tx) error { all = w.s.Loads(tx); return nil }); err != nil {
				t.Fatal(err)
			}
			return all
		}
		task := w.serve(w.register(nil))
		w.run(nil) // of no service
		time.Sleep(time.Minute)
		all := loads()
		if len(all) != 1 || all[0].Task != task.ARN || all[0].Scope != home || all[0].Cluster != "default" || len(all[0].Containers) != 1 || all[0].CPU != 256 || all[0].MemoryMiB != 512 {
			t.Errorf("got %+v, want the service's task alone", all)
		}
	})
}

func TestReservedIsTheTasksSizeElseThatOfItsContainers(t *testing.T) {
	t.Parallel()
	containers := []types.ContainerDefinition{{Cpu: 128, Memory: new(int32(512)), MemoryReservation: new(int32(256))}, {Cpu: 64, Memory: new(int32(100))}}
	for _, tt := range []struct {
		d           types.TaskDefinition
		cpu, memory int
	}{
		{types.TaskDefinition{Cpu: new("1024"), Memory: new("2048"), ContainerDefinitions: containers}, 1024, 2048},
		{types.TaskDefinition{ContainerDefinitions: containers}, 192, 356},
		{types.TaskDefinition{}, 0, 0},
	} {
		if cpu, memory := reserved(&tt.d); cpu != tt.cpu || memory != tt.memory {
			t.Errorf("got %d and %d, want %d and %d", cpu, memory, tt.cpu, tt.memory)
		}
	}
}
