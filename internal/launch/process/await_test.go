package process

import (
	"context"
	"os/exec"
	"syscall"
	"testing"
	"time"
)

func TestAGroupIsKilledBeforeItsLeaderIsReaped(t *testing.T) {
	t.Parallel()
	over, cancel := context.WithCancel(t.Context())
	cancel()
	for _, c := range []struct {
		name string
		life context.Context
		argv []string
	}{
		{"the command ends", t.Context(), []string{"true"}},
		{"its time is up", over, []string{"sleep", "100"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			life, cancel := context.WithTimeout(c.life, 2*time.Minute)
			defer cancel()
			cmd := exec.Command(c.argv[0], c.argv[1:]...)
			kills := 0

			err := runGroup(life, cmd, func(group int) {
				kills++
				// A number whose process is not reaped, be it a zombie, is given to no other.
				if err := syscall.Kill(group, 0); err != nil || cmd.ProcessState != nil {
					t.Errorf("the group is killed after its leader is reaped: %v", err)
				}
				if err := syscall.Kill(-group, syscall.SIGKILL); err != nil && kills == 1 && life.Err() != nil {
					t.Error(err)
				}
			})

			if kills == 0 {
				t.Error("what the command left was not killed")
			}
			if life.Err() == nil && err != nil {
				t.Errorf("got %v, want the command's own end", err)
			}
			if cmd.ProcessState == nil {
				t.Error("the command was not reaped")
			}
		})
	}
}
