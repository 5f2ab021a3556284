package docker

import (
	"os"
	"path/filepath"
	"syscall"
)

// turnFile is locked by whoever looks for the network and may make it.
const turnFile = "slipway-network.lock"

// takeTurn waits until no other process of this machine makes the network, and gives what ends
// the turn. Where the file cannot be had there are no turns.
func takeTurn() (end func()) {
	f, err := os.OpenFile(filepath.Join(os.TempDir(), turnFile), os.O_CREATE|os.O_RDWR, 0o666)
	if err != nil {
		return func() {}
	}
	_ = syscall.Flock(int(f.Fd()), syscall.LOCK_EX) // without it, turns are not kept
	return func() { _ = f.Close() }                 // which unlocks it
}
