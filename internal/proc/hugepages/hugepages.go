// Package hugepages asks Linux to back the first megabytes of the heap with huge pages, while a
// program starts.
//
// What packages build before main takes a thousand pages of 4 KiB, and each is a fault: on a
// virtual machine a fifth of all the time that a start takes. Huge pages make them two or three.
// Where the kernel has none to give (`/sys/kernel/mm/transparent_hugepage/enabled` says never),
// nothing changes.
//
// It comes in time because it imports next to nothing: Go initializes packages in the order of
// their paths as soon as all that they import is ready, and this one is before package time.
package hugepages
