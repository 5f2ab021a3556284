//go:build !linux

package function

import "syscall"

// attributes put a program into a session of its own. It ends with us when it asks for its next
// event or posts what came of the last.
func attributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setsid: true} }

// peakMiB gives the most memory a process has had, 0 where nobody knows.
func peakMiB(int) int { return 0 }
