package lb

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
)

const (
	lockName   = "lb.lock"
	socketName = "lb.sock"
	// longestSocket is the longest path a unix socket can have on every system: 104 bytes with
	// the closing zero on macOS, 108 on Linux.
	longestSocket = 103
)

var errTaken = errors.New("another data plane has the directory")

// lock takes the directory for this process; the lock ends with the process at the latest.
func lock(dir string) (unlock func(), err error) {
	f, err := os.OpenFile(filepath.Join(dir, lockName), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		_ = f.Close() // the lock's error is the one to tell
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, errTaken
		}
		return nil, fmt.Errorf("lock %s: %w", f.Name(), err)
	}
	return func() { _ = f.Close() }, nil // closing gives the lock back, whatever it answers
}

// socketPath is where the data plane of a directory listens: in it, or, where that path is too
// long for a socket, in a directory of the user's own among temporary files.
func socketPath(dir string) (string, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	if real, err := filepath.EvalSymlinks(dir); err == nil {
		dir = real // two ways to one directory are one data plane
	}
	if path := filepath.Join(dir, socketName); len(path) <= longestSocket {
		return path, nil
	}
	uid := os.Getuid()
	own := filepath.Join(os.TempDir(), "slipway-"+strconv.Itoa(uid))
	if err := os.Mkdir(own, 0o700); err != nil && !errors.Is(err, os.ErrExist) {
		return "", err
	}
	info, err := os.Lstat(own)
	if err != nil {
		return "", err
	}
	if st, ok := info.Sys().(*syscall.Stat_t); !info.IsDir() || info.Mode().Perm() != 0o700 || ok && int(st.Uid) != uid {
		return "", fmt.Errorf("%s is not a private directory of this user", own)
	}
	sum := sha256.Sum256([]byte(dir))
	return filepath.Join(own, hex.EncodeToString(sum[:8])+".sock"), nil
}

// listen opens the socket. The caller has the lock, so a socket that is there is a dead one's.
func listen(dir string) (net.Listener, string, error) {
	path, err := socketPath(dir)
	if err != nil {
		return nil, "", err
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, "", err
	}
	ln, err := net.Listen("unix", path)
	if err != nil {
		return nil, "", err
	}
	ln.(*net.UnixListener).SetUnlinkOnClose(false) // removed at the very end, after the last word
	if err := os.Chmod(path, 0o600); err != nil {
		_ = ln.Close() // the first error is the one to tell
		return nil, "", err
	}
	return ln, path, nil
}
