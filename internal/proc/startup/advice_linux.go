package startup

import "syscall"

// advise has the kernel back a span with huge pages, and gives the span; none where the kernel
// refuses, since it has no such pages or nothing is mapped there. Source: madvise(2).
func advise(s span) span {
	if _, _, refused := syscall.RawSyscall(syscall.SYS_MADVISE, s.from, s.to-s.from, syscall.MADV_HUGEPAGE); refused != 0 {
		return span{}
	}
	return s
}

// withdraw takes the advice back.
func withdraw(s span) {
	if s.to > 0 {
		syscall.RawSyscall(syscall.SYS_MADVISE, s.from, s.to-s.from, syscall.MADV_NOHUGEPAGE)
	}
}
