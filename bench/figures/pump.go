package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// bodySize is what a target answers with.
const bodySize = 1024

// serveTargets is the process that all proxies of `proxy` forward to: n listeners whose every
// answer is 1 KiB. It speaks just enough HTTP to take little of the machine, says its addresses
// on one line, and ends with its standard input.
func serveTargets(n int, in io.Reader, out io.Writer) error {
	answer := fmt.Appendf(nil, "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n%s", bodySize, strings.Repeat("x", bodySize))
	var addresses []string
	for range n {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return err
		}
		addresses = append(addresses, ln.Addr().String())
		go func() { // ends with the process
			for {
				conn, err := ln.Accept()
				if err != nil {
					return
				}
				go answerAll(conn, answer)
			}
		}()
	}
	if _, err := fmt.Fprintln(out, strings.Join(addresses, " ")); err != nil {
		return err
	}
	_, err := io.Copy(io.Discard, in)
	return err
}

// answerAll answers every request head on a connection; requests have no bodies.
func answerAll(conn net.Conn, answer []byte) {
	defer conn.Close() //nolint:errcheck // the proxy is gone
	in := bufio.NewReaderSize(conn, 4096)
	for {
		for {
			line, err := in.ReadSlice('\n')
			if err != nil {
				return
			}
			if len(line) <= 2 {
				break
			}
		}
		if _, err := conn.Write(answer); err != nil {
			return
		}
	}
}

// pumped is what a pump did.
type pumped struct {
	requests uint64
	took     time.Duration
	p50, p99 time.Duration
}

// pump sends GETs on kept-alive connections, one at a time on each, until ctx ends or most requests were
// sent; most 0 is no limit. Anything but a whole answer of 200 with bodySize bytes is an error.
func pump(ctx context.Context, address string, connections int, most uint64) (pumped, error) {
	request := fmt.Appendf(nil, "GET /figures/1k HTTP/1.1\r\nHost: %s\r\nUser-Agent: figures\r\nAccept: */*\r\n\r\n", address)
	var sent atomic.Uint64
	var mu sync.Mutex
	var all []time.Duration
	var failed error
	var wg sync.WaitGroup
	began := time.Now()
	for range connections {
		conn, err := net.Dial("tcp", address)
		if err != nil {
			return pumped{}, err
		}
		wg.Go(func() {
			defer conn.Close() //nolint:errcheck // it was read from to the end
			in := bufio.NewReaderSize(conn, 4096)
			var took []time.Duration
			for n := 0; ctx.Err() == nil && (most == 0 || sent.Load() < most); n++ {
				at := time.Now()
				if err := exchange(conn, in, request); err != nil {
					mu.Lock()
					failed = errors.Join(failed, err)
					mu.Unlock()
					return
				}
				sent.Add(1)
				if n%16 == 0 {
					took = append(took, time.Since(at))
				}
			}
			mu.Lock()
			all = append(all, took...)
			mu.Unlock()
		})
	}
	wg.Wait()
	p := pumped{requests: sent.Load(), took: time.Since(began)}
	if slices.Sort(all); len(all) > 0 {
		p.p50, p.p99 = all[len(all)/2], all[len(all)*99/100]
	}
	return p, failed
}

var contentLength = []byte("content-length:")

// exchange sends one request and reads one answer.
func exchange(conn net.Conn, in *bufio.Reader, request []byte) error {
	if _, err := conn.Write(request); err != nil {
		return err
	}
	length := -1
	for first := true; ; first = false {
		line, err := in.ReadSlice('\n')
		if err != nil {
			return err
		}
		if first && !bytes.HasPrefix(line, []byte("HTTP/1.1 200")) {
			return fmt.Errorf("answered %q", line)
		}
		if len(line) <= 2 {
			break
		}
		if len(line) > len(contentLength) && bytes.EqualFold(line[:len(contentLength)], contentLength) {
			if length, err = strconv.Atoi(string(bytes.TrimSpace(line[len(contentLength):]))); err != nil {
				return err
			}
		}
	}
	if length != bodySize {
		return fmt.Errorf("an answer of %d bytes in place of %d", length, bodySize)
	}
	_, err := in.Discard(length)
	return err
}
