//go:build !linux

package hugepages

// Withdraw does nothing: huge pages by advice are Linux's.
func Withdraw() {}
