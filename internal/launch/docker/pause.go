package docker

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"time"

	"github.com/moby/moby/client"
)

// A task's own container runs a program that waits for ever. It is made here, so that nothing has
// to be pulled and it fits the engine's machine, which on a Mac is not the host's kind: a static
// ELF file with one loaded segment and a loop around one system call.

// waiting is the machine code of that loop, by the engine's architecture.
var waiting = map[string]struct {
	machine uint16
	code    []byte
}{
	"amd64": {62, []byte{
		0xb8, 0x22, 0x00, 0x00, 0x00, // mov eax, 34 (pause)
		0x0f, 0x05, // syscall
		0xeb, 0xf7, // jmp back to the start
	}},
	"arm64": {183, []byte{
		0x00, 0x00, 0x80, 0xd2, // mov x0, 0
		0x01, 0x00, 0x80, 0xd2, // mov x1, 0
		0x02, 0x00, 0x80, 0xd2, // mov x2, 0
		0x03, 0x00, 0x80, 0xd2, // mov x3, 0
		0x04, 0x00, 0x80, 0xd2, // mov x4, 0
		0x28, 0x09, 0x80, 0xd2, // mov x8, 73 (ppoll)
		0x01, 0x00, 0x00, 0xd4, // svc 0
		0xf9, 0xff, 0xff, 0x17, // b back to the start
	}},
}

const (
	elfBase   = 0x400000
	elfHeader = 64
	elfEntry  = 56 // size of a program header
)

// pauseProgram gives the program for an architecture.
func pauseProgram(arch string) ([]byte, bool) {
	w, ok := waiting[arch]
	if !ok {
		return nil, false
	}
	size := uint64(elfHeader + elfEntry + len(w.code))
	var b bytes.Buffer
	put := func(fields ...any) {
		for _, f := range fields {
			_ = binary.Write(&b, binary.LittleEndian, f) // a buffer takes all of it
		}
	}
	put([]byte("\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00"))
	put(uint16(2), w.machine, uint32(1), uint64(elfBase+elfHeader+elfEntry), uint64(elfHeader), uint64(0))
	put(uint32(0), uint16(elfHeader), uint16(elfEntry), uint16(1), uint16(0), uint16(0), uint16(0))
	put(uint32(1), uint32(5), uint64(0), uint64(elfBase), uint64(elfBase), size, size, uint64(0x1000))
	put(w.code)
	return b.Bytes(), true
}

// pauseImage gives the image of tasks' own containers, and makes it where it is missing.
func (r *Runtime) pauseImage(ctx context.Context) (string, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.pause != "" {
		return r.pause, nil
	}
	v, err := r.engine.ServerVersion(ctx, client.ServerVersionOptions{})
	if err != nil {
		return "", err
	}
	program, ok := pauseProgram(v.Arch)
	if !ok {
		return "", fmt.Errorf("the engine's architecture %q is not served: amd64 and arm64 are", v.Arch)
	}
	sum := sha256.Sum256(program)
	ref := "slipway-pause:" + hex.EncodeToString(sum[:6])
	_, err = r.engine.ImageInspect(ctx, ref)
	if isNotFound(err) {
		err = r.importImage(ctx, ref, program)
	}
	if err != nil {
		return "", fmt.Errorf("make the image %s: %w", ref, err)
	}
	r.pause = ref
	return ref, nil
}

// importImage makes an image of one file, /pause.
func (r *Runtime) importImage(ctx context.Context, ref string, program []byte) error {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	if err := w.WriteHeader(&tar.Header{Name: "pause", Mode: 0o755, Size: int64(len(program)), ModTime: time.Unix(0, 0)}); err != nil {
		return err
	}
	if _, err := w.Write(program); err != nil {
		return err
	}
	if err := w.Close(); err != nil {
		return err
	}
	answer, err := r.engine.ImageImport(ctx, client.ImageImportSource{Source: &b, SourceName: "-"}, ref,
		client.ImageImportOptions{Changes: []string{`ENTRYPOINT ["/pause"]`}})
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, answer) // the image is there when the answer ends
	if closed := answer.Close(); err == nil {
		err = closed
	}
	return err
}
