// Package ids makes identifiers: random in life, counting in tests and simulation.
//
// Rooms take a Source and never draw chance themselves, so that a seed reproduces a run.
package ids

import (
	crand "crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"sync"
)

// Source makes identifiers in AWS's forms. It is safe for use by several goroutines.
type Source struct {
	mu   sync.Mutex // guards from
	from io.Reader
}

// Random gives a source fed by the system's randomness.
func Random() *Source { return &Source{from: crand.Reader} }

// Counting gives a source whose identifiers count upwards, the same in every run.
func Counting() *Source { return &Source{from: &counter{}} }

// Hex gives n lower-case hexadecimal digits: 32 for a task, 16 or 17 for much else.
func (s *Source) Hex(n int) string { return hex.EncodeToString(s.bytes((n + 1) / 2))[:n] }

// UUID gives a version 4 UUID.
func (s *Source) UUID() string {
	b := s.bytes(16)
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// Digits gives n decimal digits, zero padded; up to 19 digits the value is below 2^63.
// ECS's deployment ids have 19.
func (s *Source) Digits(n int) string {
	var v uint64
	for _, b := range s.bytes(8) {
		v = v<<8 | uint64(b)
	}
	limit := uint64(1)
	for range n {
		limit *= 10
	}
	if limit > 1<<63 || n >= 19 {
		limit = 1 << 63
	}
	return fmt.Sprintf("%0*d", n, v%limit)
}

// Nano gives n characters of [A-Za-z0-9_-], as in service deployment ARNs.
func (s *Source) Nano(n int) string {
	text := base64.RawURLEncoding.EncodeToString(s.bytes((n*6 + 7) / 8))
	return text[len(text)-n:]
}

// Uint64 gives 64 bits, to seed chance with.
func (s *Source) Uint64() uint64 {
	var v uint64
	for _, b := range s.bytes(8) {
		v = v<<8 | uint64(b)
	}
	return v
}

func (s *Source) bytes(n int) []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	b := make([]byte, n)
	if _, err := io.ReadFull(s.from, b); err != nil {
		panic("ids: the source of randomness ended: " + err.Error())
	}
	return b
}

// counter fills each buffer with the next number, big-endian, repeating nothing for 2^64 calls.
type counter struct{ n uint64 }

func (c *counter) Read(b []byte) (int, error) {
	c.n++
	for i, v := len(b)-1, c.n; i >= 0 && v > 0; i, v = i-1, v>>8 {
		b[i] = byte(v)
	}
	return len(b), nil
}
