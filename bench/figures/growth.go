package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"runtime"

	"github.com/slipway-ecs/slipway/internal/lb"
)

const (
	// growthRequests is over how many requests the data plane's memory may not grow.
	growthRequests = 1_000_000
	// growthFirst is which part of them are sent before memory is read the first time: one in ten.
	growthFirst = 10
	// heapMayGrow is how many KiB more may be in use after them: what a few connections hold more or less.
	heapMayGrow = 256.0
	// residentMayGrow is how many MiB the process may grow: what a heap that does not grow shows by the
	// turns of its collector.
	residentMayGrow = 4.0
)

// usage is what a data plane's process has of memory.
type usage struct {
	Heap     uint64 // bytes in use, after a collection
	Mallocs  uint64 // objects made since it began
	Bytes    uint64 // of them
	Resident float64
}

// servePlane is the data plane in a process that also tells what its heap holds: to everyone who connects
// to the socket in its directory, after a collection.
func servePlane(ctx context.Context, dir string) error {
	ln, err := net.Listen("unix", usageSocket(dir))
	if err != nil {
		return err
	}
	go func() { // ends with the process
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			runtime.GC()
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			_ = json.NewEncoder(conn).Encode(usage{Heap: m.HeapAlloc, Mallocs: m.Mallocs, Bytes: m.TotalAlloc}) // who asked sees the end
			_ = conn.Close()                                                                                    // likewise
		}
	}()
	if code := lb.Main(ctx, []string{"--dir", dir}, io.Discard, os.Stderr); code != 0 {
		return fmt.Errorf("the data plane ended with %d", code)
	}
	return nil
}

func usageSocket(dir string) string { return filepath.Join(dir, "usage.sock") }

// used reads what the process of a plane has.
func used(ctx context.Context, dir string, pid int) (u usage, err error) {
	if u.Resident, err = resident(pid); err != nil {
		return u, err // before the collection, as it is while it serves
	}
	rss := u.Resident
	var d net.Dialer
	conn, err := d.DialContext(ctx, "unix", usageSocket(dir))
	if err != nil {
		return u, err
	}
	defer conn.Close() //nolint:errcheck // it was read to its end
	err = json.NewDecoder(conn).Decode(&u)
	u.Resident = rss
	return u, err
}

// growth measures what n requests leave in the data plane's memory, and what one of them makes: it is
// read after the first tenth, when all that is kept from request to request is there, and at the end.
func growth(ctx context.Context, dir, self string, targets []string, n uint64) (err error) {
	dir = filepath.Join(dir, "growth")
	c, err := plane(ctx, self, []string{"proxy-plane"}, dir, targets)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.end()) }()
	read := func(requests uint64) (usage, error) {
		p, err := pump(ctx, c.address, proxyConnections, requests)
		if err != nil || p.requests < requests {
			return usage{}, errors.Join(err, ctx.Err())
		}
		return used(ctx, dir, c.pid)
	}
	first, err := read(n / growthFirst)
	if err != nil {
		return err
	}
	last, err := read(n - n/growthFirst)
	if err != nil {
		return err
	}
	rest := float64(n - n/growthFirst)
	fmt.Printf("proxy: after %d and after %d requests: heap in use %.0f and %.0f KiB, target at most %.0f more; resident %.1f and %.1f MiB, target at most %.0f more; %.1f objects and %.0f bytes made a request\n",
		n/growthFirst, n, kib(first.Heap), kib(last.Heap), heapMayGrow, first.Resident, last.Resident, residentMayGrow,
		float64(last.Mallocs-first.Mallocs)/rest, float64(last.Bytes-first.Bytes)/rest)
	if kib(last.Heap)-kib(first.Heap) > heapMayGrow || last.Resident-first.Resident > residentMayGrow {
		return errors.New("proxy: memory grew")
	}
	return nil
}

func kib(n uint64) float64 { return float64(n) / 1024 }
