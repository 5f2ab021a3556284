package hugepages

import (
	"runtime"
	"syscall"
	"unsafe"
)

const (
	hugePage = 2 << 20
	chunk    = 4 << 20 // the runtime maps its heap in whole ones, aligned to their size
	room     = 3 << 20 // less than what makes the collector begin by itself, which is 4 MiB
)

// span is a part of the address space.
type span struct{ from, to uintptr }

// advised is the part of the heap that the advice covers. It is a variable so that the advice is
// given when packages are initialized; empty where the kernel refused.
var advised = advise()

// advise covers what the heap will use next. The runtime has mapped one chunk so far, used some of
// it and begun at a page chosen by chance: an allocation of room, given back at once, makes it map more.
func advise() span {
	space := make([]byte, room)
	start := uintptr(unsafe.Pointer(unsafe.SliceData(space)))
	next := span{up(start, hugePage), up(start+room, chunk)}
	_, _, refused := syscall.RawSyscall(syscall.SYS_MADVISE, next.from, next.to-next.from, syscall.MADV_HUGEPAGE)
	runtime.KeepAlive(space)
	runtime.GC() // gives the room back; there is hardly anything to mark yet
	if refused != 0 {
		return span{}
	}
	return next
}

// Withdraw takes the advice back. A process that stays does so before it gives memory back, lest
// the kernel makes huge pages again of the few that are left in use.
func Withdraw() { advised.withdraw() }

func (s span) withdraw() {
	if s.to > s.from {
		syscall.RawSyscall(syscall.SYS_MADVISE, s.from, s.to-s.from, syscall.MADV_NOHUGEPAGE)
	}
}

// up rounds an address up to a multiple of size, a power of two.
func up(address, size uintptr) uintptr { return (address + size - 1) &^ (size - 1) }
