// Package startup has the heap ready for what a program builds while it comes up.
//
// What packages build before main is a few MiB of small objects that stay. Two things about them
// cost more than building them does: each of a thousand pages of 4 KiB is a fault, dear on a
// virtual machine; and the collector's first cycle, at 4 MiB, falls into the midst of it, marks
// what all stays, and touches hundreds of pages for its books. So the heap's next pages are huge
// ones where Linux has them to give (`/sys/kernel/mm/transparent_hugepage/enabled` does not say
// never), and the first cycle comes while there is nothing to mark, with a ballast that puts the
// second off. The ballast is never touched: it takes addresses, not memory.
//
// It comes in time because it imports next to nothing: Go initializes packages in the order of
// their paths as soon as all that they import is ready, and this one is before package time.
package startup

import (
	"sync/atomic"
	"unsafe"
)

const (
	chunk   = 4 << 20  // the runtime maps its heap in whole ones, aligned to their size
	page    = 8 << 10  // of the runtime
	probing = 64 << 10 // more than what the runtime puts together with others
)

// span is a part of the address space; none where to is 0.
type span struct{ from, to uintptr }

// held is what stands until the start is over.
type held struct {
	ballast [][]byte
	advised span
}

// heap is made ready when packages are initialized, and holds nothing once the start is over.
var heap = hold(prepare())

func hold(h held) *atomic.Pointer[held] {
	p := new(atomic.Pointer[held])
	p.Store(&h)
	return p
}

// prepare puts a ballast of at least a chunk from where the heap begins, at a page chosen by
// chance, to just beyond the border of a chunk. What is left of that chunk is mapped, free, and
// what the heap will use next.
func prepare() held {
	probe := make([]byte, probing)
	end := address(probe) + probing
	border := up(end, chunk) + chunk
	ballast := make([]byte, border+page-end)
	return held{[][]byte{probe, ballast}, advise(span{border, border + chunk})}
}

// Over ends it: the ballast goes, and the advice is taken back, lest the kernel makes huge pages
// again of the few that are left in use. A process that stays calls it when it has come up, before it
// gives memory back; a second call does nothing.
func Over() {
	if h := heap.Swap(nil); h != nil {
		withdraw(h.advised)
	}
}

func address(b []byte) uintptr { return uintptr(unsafe.Pointer(unsafe.SliceData(b))) }

// up rounds an address up to a multiple of size, a power of two.
func up(address, size uintptr) uintptr { return (address + size - 1) &^ (size - 1) }
